"""Figures of tails: what is drawn, in which order and colours, and what the labels say."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import polars as pl
import pytest

from tests.show.figures.made_tail import HOSTILE, difference, frame, group, made_tail
from tracelens.analyse.tails.values import HIGHER, Cut, Heat
from tracelens.show.figures import (
    Bill,
    concentration_chart,
    different_chart,
    heat_chart,
    higher_charts,
    not_drawn,
    trend_chart,
    what_if_chart,
)
from tracelens.show.figures.look import log_axis, thinned, tick
from tracelens.show.palette import DARK, LIGHT


def texts(chart: Any) -> list[str]:
    return [each.text for each in chart.figure.layout.annotations]


def names(chart: Any) -> list[str]:
    return [each.name for each in chart.figure.data]


def trace(chart: Any, name: str) -> Any:
    return next(each for each in chart.figure.data if each.name == name)


def test_who_pays() -> None:
    chart = concentration_chart(made_tail(), LIGHT)
    assert names(chart) == ["all alike", "audio + image", "audio", "all together", "the tail"]
    everyone, audio = trace(chart, "all together"), trace(chart, "audio")
    assert (everyone.line.color, everyone.line.width, everyone.line.dash) == (LIGHT.accent, 3, None)
    assert audio.line.color == LIGHT.muted
    assert audio.line.dash != trace(chart, "audio + image").line.dash
    assert list(everyone.x) == pytest.approx([-3, -2, 0])
    assert list(everyone.y) == [0.1, 0.35, 1.0]
    assert list(everyone.customdata[1]) == ["1 %", "35 %"]
    marker = trace(chart, "the tail")
    assert (marker.x[0], marker.y[0], marker.marker.color) == (-2, 0.35, LIGHT.fail)
    assert "<b>top 1 % pays 35 %</b>" in texts(chart)
    assert chart.alt == (
        "The top 1 % of requests have 35 % of all cost; most of it is of audio + image (70 %)."
    )


def test_names_of_lines_stand_apart_and_on_their_lines() -> None:
    chart = concentration_chart(made_tail(), LIGHT)
    places = {each.text: each.y for each in chart.figure.layout.annotations}
    assert abs(places["audio"] - places["audio + image"]) >= 0.07


def test_one_modality_alone_has_one_line_and_no_names() -> None:
    tail = made_tail()
    alone = tail.concentration.filter(tail.concentration["series"] != "audio")
    chart = concentration_chart(made_tail(concentration=alone, groups=tail.groups[:1]), LIGHT)
    assert names(chart) == ["all alike", "all together", "the tail"]
    assert texts(chart) == ["<b>top 1 % pays 35 %</b>"]


def test_a_tail_of_too_few_has_no_marker() -> None:
    chart = concentration_chart(made_tail(cut=Cut(1, 0.5, 1.0, None)), LIGHT)
    assert "the tail" not in names(chart)
    assert chart.figure.layout.shapes == ()
    assert "too few" in chart.alt


def test_of_few_requests_the_mark_of_the_tail_stands_off_the_axis() -> None:
    chart = concentration_chart(made_tail(n=12, top=0.1, cut=Cut(2, 0.5, 1.0, 0.4)), LIGHT)
    (line,) = chart.figure.layout.shapes
    left, right = chart.figure.layout.xaxis.range
    assert left + 0.1 * (right - left) < line.x0 < right
    # On the curve, and its label on the side with room.
    marker = trace(chart, "the tail")
    assert marker.x[0] == line.x0 == pytest.approx(math.log10(2 / 12))
    few = concentration_chart(made_tail(n=20, top=0.1, cut=Cut(2, 0.5, 1.0, 0.4)), LIGHT)
    (label,) = (each for each in few.figure.layout.annotations if "pays" in each.text)
    assert (label.xanchor, label.yshift) == ("left", -12)


def test_money_on_axes_has_no_prefix_of_thousandths() -> None:
    tail = made_tail()
    charts = [
        concentration_chart(tail, LIGHT),
        heat_chart(tail, LIGHT),
        trend_chart(tail, LIGHT),
        what_if_chart([Bill("audio", 0.0006, 0.0006, 0.0006)], LIGHT),
        *(chart for _, chart in higher_charts(tail, LIGHT)),
    ]
    for chart in charts:
        drawn = json.loads(chart.figure.to_json())["layout"]
        axes = [each for name, each in drawn.items() if name[1:].startswith("axis")]
        assert axes and all(each["exponentformat"] == "none" for each in axes)


def test_the_map_has_a_mark_on_every_cell_and_a_diamond_per_time() -> None:
    tail = made_tail()
    chart = heat_chart(tail, LIGHT)
    heat = chart.figure.data[0]
    cells = [list(row) for row in heat.z]
    assert cells == [[2, None, None], [None, None, pytest.approx(3)], [1, None, None]]
    assert list(heat.y) == pytest.approx([-3, -2, -1, 0])
    assert heat.colorscale[-1][1] == LIGHT.sequential[-1]
    marks, highest = trace(chart, "cells"), trace(chart, "highest")
    assert marks.opacity == 0
    begin, end = tail.heat.times[:2]
    assert list(marks.customdata[0]) == [str(begin), str(end), 0.001, 0.01]
    assert marks.x[0] == "2026-03-02 00:30:00"
    assert list(highest.customdata[0]) == ["a" * 32]
    assert highest.marker.symbol == "diamond"
    assert highest.y[0] == pytest.approx(math.log10(0.9))
    assert chart.figure.layout.dragmode is False


def test_a_budget_is_a_line_with_its_value_and_a_selection_a_frame() -> None:
    tail = made_tail()
    begin, end = tail.heat.times[:2]
    box = (begin, end, 0.01, 1.0)
    chart = heat_chart(tail, DARK, budget=0.05, box=box, boxes=True)
    line, frame = chart.figure.layout.shapes
    assert line.y0 == line.y1 == pytest.approx(math.log10(0.05))
    assert texts(chart) == ["budget $0.050"]
    assert (frame.type, frame.y0, frame.y1) == ("rect", -2, 0)
    assert (frame.x0, frame.x1) == ("2026-03-02 00:00:00", "2026-03-02 01:00:00")
    assert frame.line.color == DARK.fail
    assert chart.figure.layout.dragmode == "select"


def test_axes_of_time_have_short_names() -> None:
    """A phone has 35 pixels a tick: `Sun 08` takes more."""
    for chart in (heat_chart(made_tail(), LIGHT), trend_chart(made_tail(), LIGHT)):
        axis = chart.figure.layout.xaxis
        names = [
            datetime(2026, 9, 20, tzinfo=UTC).strftime(each.value) for each in axis.tickformatstops
        ]
        assert axis.nticks <= 5
        assert max(len(line) for name in names for line in name.splitlines()) <= 6


def test_an_empty_map_is_drawn() -> None:
    assert heat_chart(made_tail(heat=Heat()), LIGHT).figure.data[0].z == ()


def test_what_is_different_ends_with_mechanisms() -> None:
    rows = (
        difference("audio length", "≥ 60 s", kind="mechanism", in_tail=0.5, in_rest=0.01),
        difference("inputs", "audio+image"),
        difference("service", None, in_tail=0.2, in_rest=0.1, n_tail=2_000),
    )
    chart = different_chart(rows, LIGHT)
    rest, tail = trace(chart, "everything else"), trace(chart, "tail")
    assert list(tail.x) == [0.75, 0.2, 0.5]
    assert list(rest.x) == [0.1, 0.1, 0.01]
    assert list(tail.y) == [3, 2, 1]
    assert list(tail.marker.color) == [LIGHT.fail, LIGHT.fail, LIGHT.page]
    assert texts(chart)[:6] == [
        "inputs = audio+image",
        "service = not recorded",
        "<i>audio length ≥ 60 s</i> *",
        "<b>+65 points</b> · n 60",
        "<b>+10 points</b>",
        "<b>+49 points</b> · n 60",
    ]
    assert chart.alt.startswith("Most different: inputs = audio+image, 75 % of the tail")


def test_so_many_causes_that_mechanisms_get_three_rows() -> None:
    rows = [difference("turn", str(at)) for at in range(20)]
    rows += [difference("cost", str(at), kind="mechanism") for at in range(20)]
    shown = different_chart(rows, LIGHT)
    hollow = [each == LIGHT.page for each in trace(shown, "tail").marker.color]
    assert hollow == [False] * 6 + [True] * 3


def test_by_modality_has_the_same_axes_and_ghosts() -> None:
    panels = higher_charts(made_tail(), LIGHT)
    assert [name for name, _ in panels] == ["audio+image", "audio"]
    first, second = (chart.figure for _, chart in panels)
    assert first.layout.xaxis.range == second.layout.xaxis.range
    assert first.layout.yaxis.range == second.layout.yaxis.range
    ghosts, own = first.data
    assert (ghosts.line.color, own.line.color) == (LIGHT.line, LIGHT.accent)
    assert list(own.x) == pytest.approx([-2, 0])
    assert list(ghosts.x[:2]) == pytest.approx([-2, -1])
    assert panels[0][1].alt == "Of audio + image requests 1 % over $0.100."


def test_a_budget_by_modality_goes_before_quantiles() -> None:
    groups = (group("audio+image", 100, over_budget=12), group("audio", 900, over_budget=9))
    budgets = (("audio", 0.2), ("audio*", 0.05))
    panels = dict(higher_charts(made_tail(groups=groups), LIGHT, budgets))
    assert panels["audio"].alt == "Of audio requests 1 % over $0.200."
    assert panels["audio+image"].alt == "Of audio + image requests 12 % over $0.050."
    (line,) = panels["audio+image"].figure.layout.shapes
    assert line.x0 == line.x1 == pytest.approx(math.log10(0.05))


def test_of_too_few_requests_no_distribution_is_drawn_and_it_says_why() -> None:
    groups = (group("audio+image", 1), group("audio", 900))
    tail = made_tail(groups=groups)
    assert [name for name, _ in higher_charts(tail, LIGHT)] == ["audio"]
    assert not_drawn(tail) == ["audio + image: 1 request; a distribution takes 10"]
    (panel,) = dict(higher_charts(tail, LIGHT)).values()
    assert list(panel.figure.data[0].x) == []  # nor as a ghost


def test_requests_that_are_all_alike_have_no_distribution() -> None:
    alike = frame(HIGHER, ("all", 0.01, 0, 0.0), ("audio", 0.01, 0, 0.0))
    tail = made_tail(groups=(group("audio", 900),), higher=alike)
    assert higher_charts(tail, LIGHT) == []
    assert not_drawn(tail) == ["audio: all 900 requests have the same cost"]


def test_nothing_above_zero_has_no_distribution() -> None:
    assert higher_charts(made_tail(higher=HIGHER.to_frame()), LIGHT) == []


def test_the_trend_stacks_stages_in_their_colours() -> None:
    chart = trend_chart(made_tail(), LIGHT)
    assert names(chart) == ["Transcription", "Reasoning", "Synthesis", "top_share"]
    assert [each.marker.color for each in chart.figure.data[:3]] == [
        LIGHT.transcription,
        LIGHT.reasoning,
        LIGHT.synthesis,
    ]
    assert list(chart.figure.data[0].y) == [1.0, 1.0, 1.0]
    assert chart.figure.data[3].yaxis == "y2"
    # As on all axes: `30 %`, not `30%`.
    assert list(chart.figure.data[3].y) == pytest.approx([30.0, 30.0, 30.0])
    assert chart.figure.layout.yaxis2.ticksuffix == " %"
    assert chart.figure.layout.barmode == "stack"
    assert any("share of the top 1 %" in each for each in texts(chart))
    assert "was $32.00" in chart.alt


def test_a_line_without_a_point_says_why() -> None:
    tail = made_tail()
    chart = trend_chart(
        replace(tail, trend=tail.trend.with_columns(top_share=pl.lit(None, pl.Float64))), LIGHT
    )
    assert "<b>share of the top 1 %</b>: too few requests a bar" in texts(chart)
    assert chart.figure.layout.yaxis2.showticklabels is False


def test_the_trend_of_times_is_of_means_in_seconds() -> None:
    tail = made_tail(metric="latency", unit="ms")
    trend = tail.trend.with_columns(n=10)
    bars = trend_chart(replace(tail, trend=trend), LIGHT).figure.data[1]
    assert list(bars.y) == [0.001, 0.001, 0.001]  # 10 ms of 10 requests are 1 ms each


def test_what_if_shows_today_as_an_outline_and_after_as_a_bar() -> None:
    bills = (Bill("audio", 10.0, 8.0, 9.0), Bill("image", 40.0, 20.0, 20.0), Bill("text", 5, 5, 5))
    chart = what_if_chart(bills, LIGHT)
    after, today, between = chart.figure.data
    assert list(after.x) == [20.0, 9.0, 5]
    assert list(today.x) == [40.0, 10.0, 5]
    assert list(between.x) == [8.0, 9.0, None]
    assert after.marker.color == LIGHT.accent
    assert today.marker.color == "rgba(0,0,0,0)"
    assert texts(chart) == [
        "image  <b>$40.00 → $20.00 (-50 %)</b>",
        "audio  <b>$10.00 → $8.00 to $9.00</b>",
        "text  <b>$5.00, no change</b>",
    ]
    assert chart.alt == "The bill of $55.00 would be $33.00 to $34.00."


def test_a_bar_alone_is_no_higher_than_one_of_two() -> None:
    alone, two = (
        what_if_chart([Bill(str(at), 2.0, 1.0, 1.0) for at in range(n)], LIGHT).figure.layout
        for n in (1, 2)
    )
    pixels = [each.height / (each.yaxis.range[1] - each.yaxis.range[0]) for each in (alone, two)]
    assert pixels[0] == pytest.approx(pixels[1])


def test_what_traces_say_is_no_markup() -> None:
    tail = made_tail(groups=(group(HOSTILE, 100), group("audio", 900)))
    spoilt = tail.concentration.with_columns(
        series=tail.concentration["series"].replace("audio+image", HOSTILE)
    )
    higher = tail.higher.with_columns(series=tail.higher["series"].replace("audio+image", HOSTILE))
    tail = replace(tail, concentration=spoilt, higher=higher)
    charts = [
        concentration_chart(tail, LIGHT),
        different_chart([difference(HOSTILE, HOSTILE)], LIGHT),
        what_if_chart([Bill(HOSTILE, 2.0, 1.0, 1.0)], LIGHT),
        *(chart for _, chart in higher_charts(tail, LIGHT)),
    ]
    for chart in charts:
        drawn = json.loads(chart.figure.to_json())
        assert "<img" not in json.dumps(drawn)


def test_axes_tick_in_units_that_people_read() -> None:
    assert log_axis("ms", 200, 70_000)["ticktext"] == ["300 ms", "1 s", "3 s", "10 s", "30 s"]
    assert log_axis("USD", 0.001, 0.2)["ticktext"] == ["$0.001", "$0.003", "$0.01", "$0.03", "$0.1"]
    assert log_axis("share", 0.0005, 1)["ticktext"] == ["0.1 %", "1 %", "10 %", "100 %"]
    assert log_axis("USD", 0.0003, 0.0009)["ticktext"] == ["$0.0003", "$0.0005"]
    assert log_axis("USD", 1.02, 1.08)["ticktext"] == ["$1.02", "$1.08"]
    assert log_axis("ms", 82, 95)["ticktext"] == ["82 ms", "95 ms"]
    assert len(log_axis("ms", 0.1, 1e9, 4)["ticktext"]) <= 4
    assert [tick("ms", value) for value in (0.3, 120_000, 3_600_000)] == ["0.3 ms", "2 min", "1 h"]


def test_a_curve_is_thinned_to_its_ends() -> None:
    frame = made_tail().higher
    assert thinned(frame, 2).rows() == [frame.row(0), frame.row(-1)]


def test_every_chart_is_small() -> None:
    """At most 2,000 marks each, however many requests there are."""
    tail = made_tail()
    rows = [("all", n, n / 5000, n / 5000) for n in range(1, 5001)]
    many = type(tail.concentration)(rows, schema=tail.concentration.schema, orient="row")
    chart = concentration_chart(replace(tail, concentration=many), LIGHT)
    assert sum(len(each.x) for each in chart.figure.data) < 2_000
