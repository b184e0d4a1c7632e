"""The critical path of many requests at once is that of each request alone."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.traces import ALL_SAMPLES, load
from tracelens.model import PATH_STAGES
from tracelens.requests.critical_path import build_tree, nanos_by_stage, sweep
from tracelens.requests.paths import LEVELS, path_times
from tracelens.requests.tree import with_tree

SCHEMA = pl.Schema(
    {
        "trace_id": pl.String(),
        "span_id": pl.String(),
        "parent_span_id": pl.String(),
        "kind": pl.Int8(),
        "stage": pl.String(),
        "start_unix_nano": pl.Int64(),
        "end_unix_nano": pl.Int64(),
        "content_hash": pl.Int64(),
    }
)
STAGES = (None, None, "transcription", "reasoning", "synthesis", "tool")
CONSUMER = 5


def frame(traces: dict[str, list[dict[str, Any]]]) -> pl.DataFrame:
    """The spans as judging has them, each trace one request."""
    rows = [
        {"kind": 1, "content_hash": 0, **row, "trace_id": name}
        for name, spans in traces.items()
        for row in spans
    ]
    return with_tree(pl.DataFrame(rows, schema=SCHEMA)).with_columns(request="trace_id")


def paths(
    traces: dict[str, list[dict[str, Any]]], bounds: dict[str, tuple[int | None, int | None]]
) -> list[dict[str, float | None]]:
    """`path_ms` of each trace within its bounds, in ns."""
    requests = pl.DataFrame(
        [(name, *bounds[name]) for name in traces],
        schema={"request": pl.String, "start": pl.Int64, "end": pl.Int64},
        orient="row",
    )
    return path_times(frame(traces), requests).to_list()


def tree(dice: random.Random) -> list[dict[str, Any]]:
    """Spans with any parents, also circles; times tie, have no length, or lie outside."""
    names = [f"s{number:02}" for number in range(dice.randint(0, 14))]
    # Few times, so that they tie; or many, so that all orders come up.
    reach = dice.choice([6, 40, 10**9])
    rows = []
    for place, name in enumerate(names):
        start = dice.randint(-reach // 4, reach)
        end = start + dice.choice([0, dice.randint(0, reach), dice.randint(0, reach // 3)])
        above = names[:place] if dice.random() < 0.8 else names
        rows.append(
            {
                "span_id": name,
                "parent_span_id": dice.choice([None, "elsewhere", *above[-3:], *above]),
                "kind": dice.choice([1, 1, 1, 4, CONSUMER]),
                "stage": dice.choice(STAGES),
                "start_unix_nano": None if dice.random() < 0.05 else start,
                "end_unix_nano": dice.choice([*[end] * 12, None, start - 1]),
            }
        )
    dice.shuffle(rows)
    return rows


@given(st.integers(0, 2**32))
@settings(max_examples=20)
def test_ten_thousand_random_trees(seed: int) -> None:
    """Twenty times 500: both ways agree on each, and the parts are the duration to the ns."""
    dice = random.Random(seed)
    traces = {f"t{number:03}": tree(dice) for number in range(500)}
    bounds: dict[str, tuple[int | None, int | None]] = {
        name: (dice.randint(-2, 2), dice.choice([2, 6, 40, 10**9])) for name in traces
    }
    for (name, spans), found in zip(traces.items(), paths(traces, bounds), strict=True):
        start, end = bounds[name]
        assert start is not None
        assert end is not None
        pieces, _ = sweep(build_tree(spans, start, end))
        alone = nanos_by_stage(pieces)
        nanos = {stage: round(ms * 1e6) for stage, ms in found.items() if ms}
        assert nanos == alone, (name, spans, bounds[name])
        assert sum(nanos.values()) == end - start


def row(
    span_id: str,
    start: int | None,
    end: int | None,
    stage: str | None = None,
    parent: str | None = None,
    **more: Any,
) -> dict[str, Any]:
    """A span; times in ms."""
    return {
        "span_id": span_id,
        "parent_span_id": parent,
        "stage": stage,
        "start_unix_nano": None if start is None else start * 10**6,
        "end_unix_nano": None if end is None else end * 10**6,
        **more,
    }


def only(*spans: dict[str, Any], end: int = 100) -> dict[str, float | None]:
    """The path of one request from 0 to `end` ms, without what does not show at all."""
    (found,) = paths({"a": list(spans)}, {"a": (0, end * 10**6)})
    return {stage: ms for stage, ms in found.items() if ms is not None}


def test_a_streamed_reasoner_is_on_the_path_until_synthesis_begins() -> None:
    spans = [
        row("turn", 0, 5000),
        row("stt", 10, 300, "transcription", "turn"),
        row("llm", 300, 2000, "reasoning", "turn"),
        row("tts", 1100, 5000, "synthesis", "turn"),
    ]
    expected = {"transcription": 290, "reasoning": 800, "synthesis": 3900, "residual": 10}
    assert only(*spans, end=5000) == expected


def test_what_does_not_show_is_unknown_and_what_ran_beside_the_path_is_nothing() -> None:
    beside = only(row("llm", 0, 100, "reasoning"), row("tool", 20, 50, "tool"))
    assert beside == {"reasoning": 100, "tool": 0, "residual": 0}
    assert only(row("tts", 10, None, "synthesis")) == {"residual": 100}


def test_a_request_of_unknown_length_has_no_path() -> None:
    empty = dict.fromkeys(PATH_STAGES)
    found = paths({"a": [], "b": [], "c": []}, {"a": (None, 5), "b": (7, None), "c": (7, 5)})
    assert [each or empty for each in found] == [empty] * 3


@pytest.mark.parametrize("levels", [LEVELS - 1, LEVELS, 3 * LEVELS])
def test_trees_of_any_depth(levels: int) -> None:
    """Beyond some levels each request is swept alone, which nobody can tell."""
    chain = [row("000", 0, 400, "reasoning")]
    chain += [
        row(f"{n:03}", n, 400 - n, "tool" if n % 2 else "reasoning", f"{n - 1:03}")
        for n in range(1, levels)
    ]
    alone, _ = sweep(build_tree(chain, 0, 400 * 10**6))
    expected = {stage: nanos / 1e6 for stage, nanos in nanos_by_stage(alone).items()}
    assert only(*chain, end=400) == {**expected, "residual": 0}


def test_explain_and_the_request_row_tell_the_same(tmp_path: Path) -> None:
    """Also of turns in one trace, and where a stage was only guessed."""
    chosen = [each for each in ALL_SAMPLES if "healthy" in each.parent.name]
    with load(tmp_path, *chosen) as lens:
        rows = lens.requests(columns=["request_id", "path_ms", "duration_ms"]).to_dicts()
        assert len(rows) > 15
        for row in rows:
            spent = {stage: ms for stage, ms in row["path_ms"].items() if ms}
            assert lens.explain(row["request_id"]).critical_path == spent
            assert sum(spent.values()) == pytest.approx(row["duration_ms"], abs=1e-6)
