"""Budgets: which row counts, what a request over one becomes, and what nobody can know."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import polars as pl
import pytest

from tests.conftest import FINE, Span, answered, default_policy, heard, span, spans, spoke, trace
from tests.conftest import verdict as told
from tracelens.locate import locate_requests
from tracelens.model import REQUEST
from tracelens.policy import Budget
from tracelens.requests.budgets import breaches, limit_of

HEARD = heard(lasts=300)
ANSWERED = answered(lasts=2_000, ttft_ms=1_500.0)
SPOKE = spoke(at=1_900, lasts=700, ttfb_ms=100.0)
#: 300 ms are transcription, 1,600 reasoning and 700 synthesis.
PIPELINE = (HEARD, ANSWERED, SPOKE)


def judged(*budgets: Budget, below: tuple[Span, ...] = PIPELINE, **root: Any) -> dict[str, Any]:
    """The one request of a trace, judged with these budgets."""
    policy = replace(default_policy(), budget=budgets)
    frame = spans(trace("a", span("root", *below, **root)))
    (row,) = locate_requests(frame, policy).to_dicts()
    return row


def over(row: dict[str, Any]) -> list[tuple[Any, ...]]:
    return [tuple(each.values()) for each in row["breaches"]]


def said(row: dict[str, Any]) -> list[tuple[str, str, str]]:
    return [
        (each["at"], each["result"], each["sentence"])
        for each in row["evidence"]
        if each["check"] == "over_budget"
    ]


def at(row: dict[str, Any], place: str) -> str | None:
    return {each["at"]: each["outcome"] for each in row["outcomes"]}.get(place)


def test_without_rows_nothing_is_over_budget() -> None:
    row = judged()
    assert (row["breaches"], said(row), told(row)) == ([], [], FINE)


def test_a_stage_over_its_budget_is_degraded_and_no_failure() -> None:
    row = judged(Budget("reasoning", 1_000), Budget("synthesis", 700))
    assert over(row) == [("latency", "reasoning", 2_000.0, 1_000.0)]
    assert said(row) == [
        ("reasoning", "fails", "reasoning took 2000 ms, over its budget of 1000 ms"),
        ("synthesis", "passes", "synthesis took 700 ms, within its budget of 700 ms"),
    ]
    assert told(row) == FINE
    assert (at(row, "reasoning"), at(row, "synthesis")) == ("degraded", "ok")
    assert row["shape"]["healthy"]
    assert row["candidates"] == []


def test_a_request_over_its_budget_is_degraded_as_a_whole() -> None:
    row = judged(Budget(ms=2_000))
    assert over(row) == [("latency", None, 2_600.0, 2_000.0)]
    assert (told(row), at(row, "request")) == (FINE, "degraded")


def test_it_failed_where_the_row_says_so() -> None:
    row = judged(Budget("reasoning", 1_000, fails=True))
    assert told(row) == (True, "reasoning", None, "over_budget")
    assert row["verdict"] == (
        "Reasoning broke this request: reasoning took 2000 ms, over its budget of 1000 ms."
    )
    assert (at(row, "reasoning"), at(row, "synthesis")) == ("failed", "inherited")


def test_of_a_whole_request_the_stage_furthest_beyond_its_own_is_to_blame() -> None:
    """Reasoning has most of the critical path; beyond its own budget it is synthesis."""
    whole = Budget(ms=2_000, fails=True)
    assert told(judged(whole)) == (True, "reasoning", None, "over_budget")
    row = judged(whole, Budget("reasoning", 1_500), Budget("synthesis", 300))
    assert told(row) == (True, "synthesis", None, "over_budget")


def test_no_stage_is_to_blame_where_most_of_the_time_went_by_in_none() -> None:
    """4,100 ms lie between the answer, which took 1,600, and its speech."""
    row = judged(Budget(ms=2_000, fails=True), below=(HEARD, ANSWERED, spoke(at=6_000, lasts=700)))
    assert row["path_ms"]["residual"] > row["path_ms"]["reasoning"]
    assert told(row) == (True, "undetermined", None, "over_budget")


def test_whatever_else_broke_the_request_goes_first() -> None:
    wrong = spoke("your cable is cooked", at=1_900, lasts=700)
    slow = Budget("transcription", 100, fails=True)
    row = judged(slow, below=(HEARD, ANSWERED, wrong))
    assert row["boundary"] == "reasoning>synthesis"
    assert over(row) == [("latency", "transcription", 300.0, 100.0)]


def test_the_first_row_counts_that_means_the_request() -> None:
    phone = Budget("reasoning", 1_000, service="phone")
    desk = Budget("reasoning", 3_000, service="de*k")
    every = Budget("reasoning", 500)
    assert over(judged(phone, desk, every)) == []
    assert over(judged(phone, every, desk)) == [("latency", "reasoning", 2_000.0, 500.0)]


@pytest.mark.parametrize(
    ("glob", "kinds", "hit"),
    [
        ("audio+image", ["image"], True),
        ("audio*", ["image"], True),
        ("audio", ["image"], False),
        ("audio", [], True),
        ("*image*", [], False),
        ("none", [], False),
    ],
)
def test_budgets_by_what_came_in(glob: str, kinds: list[str], hit: bool) -> None:
    below = (HEARD, answered(lasts=2_000, input_modalities=kinds), SPOKE)
    row = judged(Budget(ms=1, modality=glob), below=below)
    assert row["input_modalities"] == ["audio", *kinds]
    assert bool(over(row)) is hit


def test_budgets_of_the_first_audio_and_its_parts() -> None:
    parts = (("transcript", 300), ("first_token", 1_499), ("first_audio", 0))
    rows = [Budget(ms=ms, metric="ttfa", part=part) for part, ms in parts]
    row = judged(Budget(ms=1_999, metric="ttfa"), *rows)
    assert over(row) == [
        ("ttfa", None, 2_000.0, 1_999.0),
        ("ttfa", "first_token", 1_500.0, 1_499.0),
        ("ttfa", "first_audio", 200.0, 0.0),
    ]
    assert (at(row, "reasoning"), at(row, "synthesis"), at(row, "request")) == ("degraded",) * 3


def test_what_is_not_recorded_is_no_breach() -> None:
    row = judged(Budget(ms=1, metric="ttfa"), Budget(metric="cost", usd=0.0), below=(HEARD,))
    assert over(row) == []
    assert [result for _, result, _ in said(row)] == ["no_data", "no_data"]
    assert told(row) == FINE


def test_costs() -> None:
    dear = (HEARD, answered(lasts=2_000, cost_usd=0.02), SPOKE)
    row = judged(Budget(metric="cost", usd=0.01), below=dear)
    assert over(row) == [("cost", None, 0.02, 0.01)]
    assert said(row)[0][2] == "the request cost $0.02, over its budget of $0.01"


def test_later_questions_get_the_answer_of_the_check() -> None:
    """Of rows as they are stored, by a policy of today."""
    row = judged(Budget("reasoning", 1_000), Budget(ms=9_000))
    frame = pl.DataFrame([row], schema=REQUEST)
    policy = replace(default_policy(), budget=(Budget("reasoning", 1_000), Budget(ms=2_500)))
    assert breaches(frame, policy).to_list() == [
        [
            {"metric": "latency", "stage": "reasoning", "value": 2_000.0, "limit": 1_000.0},
            {"metric": "latency", "stage": None, "value": 2_600.0, "limit": 2_500.0},
        ]
    ]
    assert frame.select(limit_of(policy, "latency")).item() == 2_500.0
    assert frame.select(limit_of(policy, "ttfa")).item() is None
