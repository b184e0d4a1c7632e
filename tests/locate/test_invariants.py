"""What holds for every verdict, whatever the spans: on random small sessions and on absurd ones."""

from __future__ import annotations

from random import Random
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conftest import EPOCH, MS, NEVER, Span, default_policy, judge, span, spans, trace
from tracelens.locate import inputs_hash, locate_requests
from tracelens.model import BOUNDARIES, CAUSES, OUTCOMES, REQUEST, VERDICT_STAGES

TEXTS = ["", "book a table for two", "do not book", "book 2 tables", "um", '{"reply": "yes"}', None]
COLUMNS: dict[str, list[Any]] = {
    "role": [
        None,
        None,
        None,
        None,
        "session",
        "turn",
        "user_turn",
        "agent_turn",
        "wrapper",
        "other",
    ],
    "stage": [None, "transcription", "reasoning", "synthesis", "tool"],
    "status_code": [0, 0, 1, 2],
    "kind": [0, 1, 2, 3, 4, 5],
    "text_in": TEXTS,
    "text_out": TEXTS,
    "context_in": TEXTS,
    "sign": [None, None, None, "failed", "empty", "cancelled"],
    "error_type": [
        None,
        "APIError",
        "TimeoutError",
        "CancelledError",
        "ValidationError",
        "KeyError",
    ],
    "http_status": [None, None, 200, 404, 500],
    "finish_reason": [None, "stop", "length", "other", "ß"],
    "interrupted": [None, True, False],
    "speech_to_speech": [False, False, False, True],
    "stage_by": ["mapping", "mapping", "url_path", "task_name", None],
    "tool_calls": [None, 0, 2],
    "tool_failure": [None, None, "error: no"],
    "bad_tool_arguments": [None, None, "f({)"],
    "input_modalities": [None, [], ["image"]],
    "output_modalities": [None, None, ["audio"]],
}


def any_span(chance: Random, depth: int = 0) -> Span:
    """A span with any column at any value, above up to four others."""
    below = chance.randint(0, 4) if depth < 3 else 0
    return span(
        chance.choice("abc"),
        *(any_span(chance, depth + 1) for _ in range(below)),
        at=chance.choice([None, None, None, NEVER, chance.uniform(-500, 5_000)]),
        lasts=chance.choice([None, None, chance.uniform(-200, 3_000)]),
        **{name: chance.choice(values) for name, values in COLUMNS.items()},
    )


def any_frame(
    seed: int, traces: int = 80, sessions: tuple[str | None, ...] = (None,)
) -> pl.DataFrame:
    """Many absurd traces at once: a judgement of one costs as much as of hundreds."""
    chance = Random(seed)
    rows = [
        trace(f"t{i}", *(any_span(chance) for _ in range(chance.randint(1, 2))), at=i * 10_000)
        for i in range(traces)
    ]
    for each in rows:
        session = chance.choice(sessions)
        for row in each:
            row["session_id"] = session
    return spans(*rows)


SEEDS = st.integers(0, 10_000)
FEW = settings(max_examples=4)
TALKS = (None, "s1", "s2", "s3")


@FEW
@given(SEEDS)
def test_every_row_keeps_to_the_contract(seed):
    frame = any_frame(seed, sessions=TALKS)
    ids = {
        name: set(part["span_id"])
        for (name,), part in frame.partition_by("trace_id", as_dict=True).items()
    }
    every = set().union(*ids.values())
    rows = locate_requests(frame, default_policy())
    assert rows.schema == REQUEST
    assert rows.get_column("request_id").is_unique().all()
    assert {True, False} <= set(rows["failed"])
    for row in rows.iter_rows(named=True):
        keeps_to_the_contract(row, every)


def keeps_to_the_contract(row: dict[str, Any], span_ids: set[str]) -> None:
    assert (row["stage"] is not None) == (row["failed"] is True)
    assert (row["cause"] is not None) == (row["failed"] is True)
    assert row["stage"] is None or row["stage"] in VERDICT_STAGES
    assert row["cause"] is None or row["cause"] in CAUSES
    assert row["boundary"] is None or row["boundary"] in BOUNDARIES
    assert row["verdict"].endswith(".")
    assert {each["outcome"] for each in row["outcomes"]} <= set(OUTCOMES)
    assert {run["outcome"] for run in row["stage_runs"]} <= set(OUTCOMES)
    assert len({each["at"] for each in row["outcomes"]}) == len(row["outcomes"])
    inside = set(row["span_ids"])
    assert inside <= span_ids
    assert {e["span_id"] for e in row["evidence"] if e["span_id"]} <= inside | {
        row["request_span_id"]
    }
    if row["stage"] not in (None, "undetermined"):
        best = row["candidates"][0]
        assert (best["stage"], best["boundary"], best["cause"]) == (
            row["stage"],
            row["boundary"],
            row["cause"],
        )


@FEW
@given(SEEDS)
def test_the_order_of_spans_does_not_matter(seed):
    frame = any_frame(seed, sessions=TALKS)
    shuffled = frame.sample(fraction=1, shuffle=True, seed=seed)
    assert judge(shuffled) == judge(frame)


@FEW
@given(SEEDS)
def test_traces_that_share_no_session_are_judged_alone(seed):
    frame = any_frame(seed)
    parts = frame.with_columns(part=pl.col("trace_id").hash() % 2).partition_by("part")
    apart = [row for part in parts for row in judge(part.drop("part"))]
    assert sorted(apart, key=by_request) == sorted(judge(frame), key=by_request)


def by_request(row: dict[str, Any]) -> str:
    return str(row["request_id"])


def test_no_spans_no_requests():
    assert locate_requests(spans(), default_policy()).schema == REQUEST


def test_spans_without_any_time():
    top = span("root", span("llm", stage="reasoning", at=NEVER), at=NEVER)
    [row] = judge(spans(trace("t", top)))
    assert (row["failed"], row["start_unix_nano"], row["duration_ms"]) == (False, None, None)


def test_times_are_those_of_the_request_span():
    [row] = judge(
        spans(trace("t", span("root", span("llm", stage="reasoning", at=5), at=2, lasts=9)))
    )
    assert row["start_unix_nano"] == EPOCH + 2 * MS
    assert row["duration_ms"] == 9.0


@pytest.mark.parametrize("mapping", ["", "x"])
def test_rows_say_what_judged_them(mapping):
    frame = spans(trace("t", span("llm", stage="reasoning")))
    row = locate_requests(frame, default_policy(), mapping).row(0, named=True)
    assert row["inputs_hash"] == inputs_hash(default_policy(), mapping)
    assert inputs_hash(default_policy(), "x") != inputs_hash(default_policy(), "")


def test_older_prices_are_other_inputs(monkeypatch):
    """Rows that were priced by another list are stale, and `tracelens locate` prices them anew."""
    now = inputs_hash(default_policy(), "")
    monkeypatch.setattr("tracelens.locate.prices_version", lambda: "older")
    assert inputs_hash(default_policy(), "") != now
