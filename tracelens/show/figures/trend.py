"""Since when: what requests cost or took over time, by stage, and how much of it the tail had."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import polars as pl

from tracelens.analyse.tails.values import Tail
from tracelens.model import CHAIN, PATH_STAGES, STAGES
from tracelens.show.figures.look import Chart, date_axis, draw, keyed, titled, when
from tracelens.show.palette import Palette
from tracelens.show.web.html import amount, moment, percent

#: Names of the parts that a bar is stacked of, the lowest first; others follow.
ORDER: Final = tuple(dict.fromkeys((*STAGES, "tool", *PATH_STAGES, *CHAIN, "residual", "unknown")))
NAMES: Final = {
    "residual": "between stages",
    "unknown": "not split",
    "first_token": "first token",
    "first_audio": "first audio",
}
#: The stage in whose colour a part of the way to the first audio is drawn.
COLOURED: Final = {
    "transcript": "transcription",
    "first_token": "reasoning",
    "first_audio": "synthesis",
}


def trend_chart(tail: Tail, palette: Palette) -> Chart:
    """Bars stacked by stage, and in a second panel below what the tail did.

    Of cost the bars are totals and the line is the share of the top; of times the bars are means of
    a request and the line is the 99th percentile, because a sum of times says nothing.
    """
    shown = tail.trend.filter(pl.col("n") > 0)
    parts = _parts(tail)
    traces = [_bars(tail, name, palette, len(parts)) for name in parts] or [_whole(tail, palette)]
    traces.append(_line(tail, palette))
    money = tail.unit == "USD"
    prefix = {"tickprefix": "$"} if money else {"ticksuffix": " s"}
    below = (
        {"ticksuffix": " %", "rangemode": "tozero", "nticks": 4}
        if money
        else {"ticksuffix": " s", "rangemode": "tozero", "nticks": 4}
    )
    if _is_empty(tail):  # an axis of nothing would go up to 400 %
        below = {"range": [0, 1], "showticklabels": False, "showgrid": False}
    figure = draw(
        palette,
        traces,
        height=360,
        notes=[*_key(parts, palette), _below(tail, palette)],
        barmode="stack",
        bargap=0.12,
        # Ticks without a colour keep the first date below the 0 of the other axis.
        xaxis={
            **date_axis(),
            "showgrid": False,
            "anchor": "y2",
            "fixedrange": True,
            "ticks": "outside",
            "ticklen": 9,
            "tickcolor": "rgba(0,0,0,0)",
        },
        yaxis={
            "domain": [0.44, 1],
            "rangemode": "tozero",
            "title": titled("cost" if money else "mean of a request"),
            "fixedrange": True,
            "nticks": 6,
            **prefix,
        },
        yaxis2={"domain": [0, 0.3], "anchor": "x", "fixedrange": True, **below},
        margin={"l": 8, "r": 12, "t": 34, "b": 8},
    )
    return Chart("trend", figure, _alt(tail, shown))


def part_name(part: str) -> str:
    """`Transcription`, `First token`, `Between stages`."""
    return NAMES.get(part, part).capitalize()


def _parts(tail: Tail) -> list[str]:
    known = tail.trend_by_stage.filter(pl.col("total") > 0)["stage"].unique().to_list()
    return sorted(known, key=lambda each: ORDER.index(each) if each in ORDER else len(ORDER))


def _scale(tail: Tail) -> dict[int, float]:
    """What totals of a bucket are divided by: one, or its requests and ms to s."""
    pairs = tail.trend.select("begin_unix_nano", "n").rows()
    if tail.unit == "USD":
        return {begin: 1.0 for begin, _ in pairs}
    return {begin: 1_000.0 * n for begin, n in pairs if n}


def _bars(tail: Tail, name: str, palette: Palette, parts: int) -> dict[str, Any]:
    rows = tail.trend_by_stage.filter(pl.col("stage") == name)
    values = dict(rows.select("begin_unix_nano", "total").rows())
    colour = palette.stage(COLOURED.get(name, name))
    if name in ("residual", "unknown"):
        colour = palette.line
    return _bar(tail, part_name(name), values, colour)


def _whole(tail: Tail, palette: Palette) -> dict[str, Any]:
    values = dict(tail.trend.drop_nulls("total").select("begin_unix_nano", "total").rows())
    return _bar(tail, "All", values, palette.other)


def _bar(tail: Tail, name: str, values: dict[int, float], colour: str) -> dict[str, Any]:
    scale = _scale(tail)
    edges = dict(tail.trend.select("begin_unix_nano", "end_unix_nano").rows())
    begins = [begin for begin in scale if values.get(begin) is not None and begin in edges]
    heights = [values[begin] / scale[begin] for begin in begins]
    unit = 1.0 if tail.unit == "USD" else 1_000.0
    return {
        "type": "bar",
        "name": name,
        "x": [when((begin + edges[begin]) // 2) for begin in begins],
        "width": [0.88 * (edges[begin] - begin) / 1e6 for begin in begins],
        "y": heights,
        "marker": {"color": colour, "line": {"width": 0}},
        "customdata": [
            [amount(tail.unit, height * unit), moment(begin)]
            for begin, height in zip(begins, heights, strict=True)
        ],
        "hovertemplate": f"<b>{name}</b> %{{customdata[0]}}<br>from %{{customdata[1]}}"
        "<extra></extra>",
    }


def _column(tail: Tail) -> str:
    """What the line shows: of times the median where few buckets have a 99th percentile."""
    if tail.unit == "USD":
        return "top_share"
    return "p99" if 2 * tail.trend["p99"].null_count() <= tail.trend.height else "median"


def _line(tail: Tail, palette: Palette) -> dict[str, Any]:
    column = _column(tail)
    scale = 100.0 if tail.unit == "USD" else 1e-3  # per cent, or seconds
    rows = tail.trend.select("begin_unix_nano", "end_unix_nano", column).rows()
    values = [None if value is None else value * scale for *_, value in rows]
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "name": column,
        "yaxis": "y2",
        "x": [when((begin + end) // 2) for begin, end, _ in rows],
        "y": values,
        "line": {"color": palette.accent, "width": 2},
        "marker": {"size": 5},
        "customdata": [
            percent(value) if tail.unit == "USD" else amount("ms", value) for *_, value in rows
        ],
        "hovertemplate": "<b>%{customdata}</b><extra></extra>",
    }


def _key(parts: Sequence[str], palette: Palette) -> list[dict[str, Any]]:
    pairs = [
        (
            part_name(part),
            palette.line
            if part in ("residual", "unknown")
            else palette.stage(COLOURED.get(part, part)),
        )
        for part in parts
    ]
    if not pairs:
        return []
    place = {"xref": "paper", "yref": "paper", "x": 0, "y": 1, "yshift": 26, "xanchor": "left"}
    return [{**place, "text": keyed(pairs, palette)}]


def _is_empty(tail: Tail) -> bool:
    column = _column(tail)
    return tail.trend[column].null_count() == tail.trend.height


def _below(tail: Tail, palette: Palette) -> dict[str, Any]:
    names = {"top_share": f"share of the top {percent(tail.top)}", "p99": "99th percentile"}
    said = names.get(_column(tail), "median")
    return {
        "xref": "paper",
        "yref": "paper",
        "x": 0,
        "y": 0.3,
        "yshift": 14,
        "xanchor": "left",
        "text": f"<b>{said}</b>" + (": too few requests a bar" if _is_empty(tail) else ""),
        "font": {"color": palette.accent},
    }


def _alt(tail: Tail, shown: pl.DataFrame) -> str:
    if not shown.height:
        return "No request has a known time and value."
    column = "total" if tail.unit == "USD" else "median"
    known = shown.drop_nulls(column)
    if not known.height:
        return f"Too few requests per {tail.bucket} to say."
    top = known.sort(column, descending=True).row(0, named=True)
    word = "total" if tail.unit == "USD" else "median"
    return (
        f"The highest {word} per {tail.bucket} was {amount(tail.unit, top[column])}, from"
        f" {moment(top['begin_unix_nano'])}."
    )
