"""How sure a verdict is: counts of alike findings, wider groups, the floor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conftest import answered, default_policy, heard, judge, span, spans, spoke, trace
from tracelens.checks import FINDING
from tracelens.locate import locate_requests
from tracelens.locate.confidence import leading, with_confidence
from tracelens.locate.judge import rank_findings
from tracelens.policy import Cell, Confidence

ASKED = heard()
REPLY = "your table is not booked"


def cell(right: int, of: int, **more: Any) -> Cell:
    row = {"check": "cut_output", "weight": "hard", "score": 0.8, "contested": False}
    return Cell(**{**row, "right": right, "of": of} | more)


def sure(cells: Sequence[Cell], parent: float = 10, **more: Any) -> float | None:
    """The confidence of a finding of `cut_output`, hard, 0.8, uncontested."""
    row = {"check": "cut_output", "weight": "hard", "score": 0.8, "contested": False}
    leads = pl.DataFrame([{"stage": "reasoning", **row, **more}])
    found: float | None = with_confidence(leads, Confidence(parent, tuple(cells)))["confidence"][0]
    return found


def test_many_like_it_decide():
    assert sure([cell(150, 200)], parent=0) == 0.75


def test_only_those_that_are_alike_in_all_four_decide():
    others = [
        cell(0, 900, check="tool_error"),
        cell(0, 900, score=0.85),
        cell(0, 900, contested=True),
        cell(0, 900, weight="soft"),
    ]
    assert sure([cell(150, 200)], parent=0) == sure([cell(150, 200), *others], parent=0) == 0.75


def test_few_are_drawn_towards_the_wider_group():
    wider = [cell(0, 1000, check="tool_error")]
    assert sure([cell(4, 4)], parent=0) == 0.95
    assert sure([cell(4, 4), *wider], parent=10) == 0.3
    assert sure([cell(400, 400), *wider], parent=10) == 0.98


def test_a_check_that_was_never_counted_has_its_weights_confidence():
    seen = [cell(600, 1000, check="tool_error"), cell(0, 1000, check="hand_over", weight="soft")]
    assert sure(seen) == 0.6
    assert sure(seen, weight="soft") == 0.05


def test_without_a_count_a_finding_is_no_surer_than_its_check():
    seen = [cell(1000, 1000, check="tool_error", weight="weak")]
    assert sure(seen, weight="weak", check="reference", score=0.6) == 0.6


def test_nothing_counted_at_all():
    assert sure([]) == 0.5


def test_what_names_no_stage_has_no_confidence():
    assert sure([cell(9, 9)], stage="undetermined") is None


@pytest.mark.parametrize(
    ("of", "surest", "least"), [(5_000, 0.999, 0.001), (500, 0.99, 0.01), (50, 0.95, 0.05)]
)
def test_no_surer_than_so_many_cases_can_show(of: int, surest: float, least: float):
    assert sure([cell(of, of)], parent=0) == surest
    assert sure([cell(0, of)], parent=0) == least


COUNTS = st.integers(0, 3_000).flatmap(lambda of: st.tuples(st.integers(0, of), st.just(of)))


@settings(deadline=None)  # the machine may be busy
@given(COUNTS, COUNTS, st.floats(0, 100), st.sampled_from([0.1, 0.5, 0.8, 1.0]))
def test_between_nothing_and_certainty_and_never_less_sure_for_one_more_right(
    own: tuple[int, int], other: tuple[int, int], parent: float, score: float
):
    def found(right: int) -> float:
        cells = [cell(right, own[1], score=score), cell(*other, check="tool_error")]
        told = sure(cells, parent, score=score)
        assert told is not None
        return told

    more = min(own[0] + 1, own[1])
    assert 0 < found(own[0]) <= found(more) < 1


def finding(check: str, weight: str, at: str, stage: str, exchange: int = 0) -> dict[str, Any]:
    row = {"request": "r", "result": "fails", "score": 0.9, "cause": "llm_error"}
    return {**row, "check": check, "weight": weight, "at": at, "stage": stage, "exchange": exchange}


LOST = finding("hand_over", "soft", "transcription>reasoning", "transcription")
CUT = finding("cut_output", "soft", "reasoning", "reasoning")
SPOKEN = finding("stage_error", "hard", "synthesis", "synthesis")
GUESS = finding("reference", "weak", "reasoning", "reasoning")

LEADS = {
    "alone": ([SPOKEN], False),
    "spoilt before": ([SPOKEN, LOST], True),
    "the same stage": ([finding("stage_error", "hard", "reasoning", "reasoning"), CUT], False),
    "spoilt after": ([finding("stage_error", "hard", "transcription", "external"), CUT], False),
    "a guess before": ([SPOKEN, GUESS], False),
    "spoilt in an earlier utterance": (
        [finding("stage_error", "hard", "transcription", "transcription", 1), CUT],
        True,
    ),
    "nothing stopped it": ([CUT, LOST], False),
    "nothing stopped it, said afterwards": ([CUT, {**LOST, "exchange": None}], False),
}


@pytest.mark.parametrize(("rows", "contested"), LEADS.values(), ids=LEADS)
def test_contested(rows: list[dict[str, Any]], contested: bool):
    for order in (rows, rows[::-1]):
        frame = pl.DataFrame(order).select(
            pl.col(name).cast(dtype) if name in order[0] else pl.lit(None, dtype).alias(name)
            for name, dtype in FINDING.items()
        )
        assert leading(rank_findings(frame))["contested"].to_list() == [contested]


FAILED = trace("t", span("root", ASKED, answered(REPLY), spoke(REPLY, error="RuntimeError")))


def test_a_verdict_carries_the_confidence_of_its_first_candidate():
    [row] = judge(spans(FAILED))
    assert row["stage"] == "synthesis"
    assert 0.9 < row["confidence"] < 1


def test_the_policy_decides_how_sure_and_from_where_a_stage_is_named():
    count = cell(60, 100, check="stage_error", score=0.95)
    mine = replace(default_policy(), confidence=Confidence(0, (count,)))
    named = locate_requests(spans(FAILED), mine).row(0, named=True)
    assert (named["stage"], named["confidence"]) == ("synthesis", 0.6)
    kept = locate_requests(spans(FAILED), replace(mine, floor=0.61)).row(0, named=True)
    assert (kept["stage"], kept["boundary"], kept["confidence"]) == ("undetermined", None, 0.6)
    assert kept["candidates"][0]["stage"] == "synthesis"
    assert kept["verdict"].startswith("It failed, but no stage can be named")


def test_what_did_not_fail_has_no_confidence():
    [row] = judge(spans(trace("t", span("root", ASKED, answered(REPLY), spoke(REPLY)))))
    assert (row["failed"], row["confidence"]) == (False, None)
