"""What a latency budget would have saved: exact in a row, within bounds where stages overlap."""

from __future__ import annotations

import math
from dataclasses import dataclass

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conftest import answered, default_policy, heard, span, spans, spoke, trace
from tracelens.analyse.retime import retime
from tracelens.locate import locate_requests

STAGES = ("transcription", "reasoning", "synthesis")


@dataclass(frozen=True)
class Pipeline:
    """A voice request: synthesis begins when a share of the answer is there (all of it: 1)."""

    stt: int
    llm: int
    tts: int
    share: float = 1.0

    def begun(self) -> float:
        """When synthesis begins, in ms."""
        return self.stt + self.share * self.llm

    def lasts(self) -> float:
        """Until both the answer and its speech are done, in ms."""
        return max(self.stt + self.llm, self.begun() + self.tts)


def judged(*pipelines: Pipeline) -> pl.DataFrame:
    """Their request rows, in order."""
    traces = [
        trace(
            f"t{place:03}",
            span(
                "root",
                heard(at=at, lasts=each.stt),
                answered(at=at + each.stt, lasts=each.llm),
                spoke(at=at + each.begun(), lasts=each.tts),
                at=at,
                lasts=each.lasts(),
            ),
            at=at,
        )
        for place, each in enumerate(pipelines)
        for at in (place * 100_000,)
    ]
    return locate_requests(spans(*traces), default_policy())


def bounds(frame: pl.DataFrame, of: str | None, budget: float) -> list[tuple[float, float]]:
    return retime(frame, of, budget).rows()


pipelines = st.builds(
    Pipeline,
    st.integers(1, 900),
    st.integers(1, 3_000),
    st.integers(1, 3_000),
    st.sampled_from([0.1, 0.25, 0.5, 0.9, 1.0]),
)


@settings(max_examples=25)
@given(st.lists(pipelines, min_size=1, max_size=8), st.lists(st.integers(0, 3_000), max_size=4))
def test_bounds_in_general(made: list[Pipeline], budgets: list[int]) -> None:
    """No budget saves nothing, a tighter one never less, and low is never above high."""
    frame = judged(*made)
    for stage in STAGES:
        last = [(0.0, 0.0)] * len(made)
        for budget in [math.inf, *sorted(budgets, reverse=True), 0]:
            found = bounds(frame, stage, budget)
            for (low, high), (less, least) in zip(found, last, strict=True):
                assert 0 <= low <= high
                assert low >= less
                assert high >= least
                assert budget < math.inf or high == 0
            last = found


@settings(max_examples=40)
@given(pipelines, st.integers(0, 3_000))
def test_the_truth_lies_within(made: Pipeline, budget: int) -> None:
    """Run again with a faster model: evenly faster, or cut off when its time is up."""
    frame = judged(made)
    faster = Pipeline(made.stt, min(made.llm, budget), made.tts, made.share)
    enough = min(made.share * made.llm, budget)
    cut = max(made.stt + min(made.llm, budget), made.stt + enough + made.tts)
    ((low, high),) = bounds(frame, "reasoning", budget)
    for ends in (faster.lasts(), cut):
        assert low - 1e-6 <= made.lasts() - ends <= high + 1e-6


@settings(max_examples=40)
@given(pipelines, st.integers(0, 3_000), st.sampled_from(STAGES))
def test_one_after_the_other_it_is_exact(made: Pipeline, budget: int, stage: str) -> None:
    serial = Pipeline(made.stt, made.llm, made.tts)
    took = {"transcription": serial.stt, "reasoning": serial.llm, "synthesis": serial.tts}
    saved = max(0.0, took[stage] - budget)
    assert bounds(judged(serial), stage, budget) == [pytest.approx((saved, saved), abs=1e-6)]


def test_a_streamed_reasoner() -> None:
    frame = judged(Pipeline(300, 1_700, 3_900, 800 / 1_700))
    assert bounds(frame, "reasoning", 500) == [pytest.approx((300, 1_200), abs=1e-6)]
    assert bounds(frame, "synthesis", 1_000) == [pytest.approx((2_000, 2_900), abs=1e-6)]
    assert bounds(frame, None, 4_000) == [(1_000, 1_000)]


def test_parts_of_the_chain_follow_one_another() -> None:
    row = {"chain_ms": {"transcript": 300.0, "first_token": None, "first_audio": 90.0}}
    frame = pl.DataFrame([row])
    assert bounds(frame, "transcript", 100) == [(200, 200)]
    assert bounds(frame, "first_token", 100) == [(None, None)]
    with pytest.raises(ValueError, match="neither a stage nor a part"):
        retime(frame, "playback", 1)


def test_a_tool_may_have_run_beside_it() -> None:
    root = span(
        "root",
        answered(lasts=1_000),
        span("tool", stage="tool", at=0, lasts=900),
        lasts=1_000,
    )
    frame = locate_requests(spans(trace("t", root)), default_policy())
    assert bounds(frame, "reasoning", 200) == [(0, 800)]
    assert bounds(frame.drop("stage_runs"), "reasoning", 200) == [(800, 800)]
    assert bounds(frame, "synthesis", 0) == [(0, 0)]  # it did not run
