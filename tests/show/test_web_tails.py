"""Words and tables of tails, and parts of the heat map in addresses."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from tests.show.figures.made_tail import HOSTILE, START, difference, figures, group, made_tail
from tracelens.show.palette import LIGHT
from tracelens.show.web import (
    box_text,
    different_table_html,
    exemplars_html,
    groups_table_html,
    limit_of,
    method_html,
    one_page_html,
    parse_box,
    tail_facts,
    tail_metrics_html,
    times_table_html,
    trend_table_html,
)

SECOND = 10**9


def test_a_part_of_the_map_survives_an_address() -> None:
    """Times to the second and values to six digits, rounded outwards."""
    text = box_text((START + 1, START + 60 * SECOND - 1, 0.1234567, 1.5))
    begin, end, low, high = parse_box(text) or (0, 0, 0, 0)
    assert (begin, end) == (START, START + 60 * SECOND)
    assert low <= 0.1234567 < 1.5 <= high
    assert (low, high) == pytest.approx((0.1234567, 1.5), rel=1e-4)


@pytest.mark.parametrize("text", ["", "1", "1,2,3", "1,2,3,4,5", "2,1,0,1", "1,2,4,3", "1,2,-1,3"])
def test_what_is_no_part_is_none(text: str) -> None:
    assert parse_box(text) is None


def test_cards_say_what_is_known_and_how_it_changed() -> None:
    before = {name: figures(900, total=80.0, p99=0.2) for name in ("cost", "latency")}
    now = {"cost": figures(1000, unpriced_spans=7), "latency": figures(1000, median=900.0, p99=9e3)}
    shown = tail_metrics_html(made_tail(before=before, figures=now), LIGHT)
    assert "≥</span> $100.00" in shown
    assert "▲ +25 %</b></span> against the period before" in shown
    assert "7 spans unpriced" in shown
    assert "▼ -50 %" in shown
    assert "10× apart" in shown
    assert "35.0 %" in shown
    in_part = tail_metrics_html(made_tail(before=before, before_in_part=True), LIGHT)
    assert "period before" not in in_part


def test_on_the_page_to_print_no_amount_is_torn_from_its_unit() -> None:
    before = {name: figures(900, total=80.0, p99=0.2) for name in ("cost", "latency")}
    now = {"cost": figures(1000, n_unknown=7), "latency": figures(1000, median=900.0, p99=24_790.0)}
    tail = made_tail(before=before, figures=now)
    page = one_page_html(tail, "10 % pay > 99 %.", [("The highest took 1.5 min.", b"<svg/>")])
    text = re.sub(r"<title>.*?</title>|<style>.*?</style>|<[^>]*>", "", page, flags=re.DOTALL)
    torn = re.findall(r"(?:\d (?:%|(?:ms|s|min|points)\b)|(?:[≥▲▼]|&[lg]t;) .)", text)
    assert torn == []
    for whole in (
        "24.79\u00a0s",
        "1.5\u00a0min",
        "10\u00a0%",
        "&gt;\u00a099\u00a0%",
        "≥\u00a0$100.00",
    ):
        assert whole in text


def test_where_the_tail_begins() -> None:
    assert tail_facts(made_tail()) == (
        "The tail begins at a cost of $0.500. Of 1,000 requests, 2 Mar 2026, 00:00 to 03:00 UTC."
    )


def test_tables_lead_on_and_keep_what_was_asked() -> None:
    tail = made_tail()
    groups = groups_table_html(tail, {"tail": "5"})
    assert 'href="tails?tail=5&amp;mod=audio%2Bimage"' in groups
    assert "<b>all together</b>" in groups
    times = times_table_html(tail, {"period": "7d"})
    assert f'href="explain?id={"a" * 32}"' in times
    assert f"tails?period=7d&amp;sel={START // SECOND}%2C{START // SECOND + 3600}" in times
    assert "$31.00" in trend_table_html(tail)


def test_the_highest_requests() -> None:
    shown = exemplars_html(made_tail().exemplars.to_dicts(), "cost")
    assert f'href="explain?id={"a" * 32}"' in shown
    assert "170 s audio · 53.0 MP" in shown
    assert "✕ Reasoning" in shown
    assert "href" not in exemplars_html(made_tail().exemplars.to_dicts(), "cost", links=False)


def test_what_is_different_as_a_table() -> None:
    row = difference("inputs", "audio+image", same_rows=("service = scanner",))
    shown = different_table_html([row, difference("tokens", "1", kind="mechanism")], "USD")
    assert "nearly the same requests: service = scanner" in shown
    assert "12.0×" in shown
    assert "part of the measure" in shown


def test_budgets_are_globs_and_the_first_counts() -> None:
    budgets = (("audio+*", 3.0), ("*", 9.0))
    assert [limit_of(budgets, each) for each in ("audio+image", "text", None)] == [3.0, 9.0, 9.0]
    assert limit_of((("audio", 3.0),), None) is None


def test_what_is_left_out_is_said() -> None:
    assert "lower bound" not in method_html(made_tail())
    partly = replace(made_tail(), figures={"cost": figures(10, unpriced_spans=3)})
    assert "3 spans without a price" in method_html(partly)


def test_what_traces_say_is_escaped() -> None:
    tail = made_tail(groups=(group(HOSTILE, 10), group("audio", 10)))
    row = {**tail.exemplars.row(0, named=True), "request_id": HOSTILE, "inputs": HOSTILE}
    shown = [
        groups_table_html(tail, {}),
        exemplars_html([row], "cost"),
        different_table_html([difference(HOSTILE, HOSTILE, same_rows=(HOSTILE,))], "USD"),
    ]
    assert all("<img" not in each and "<b>x" not in each for each in shown)
