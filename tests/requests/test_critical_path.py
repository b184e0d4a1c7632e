"""The critical path of one request: every nanosecond goes to one stage, or to none by name."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tracelens.requests.critical_path import build_tree, critical_path, sweep

STAGES = (None, "transcription", "reasoning", "synthesis")


def span(
    span_id: str, start: int | None, end: int | None, stage: str | None = None, parent: str = ""
) -> dict[str, Any]:
    """A row; times in ms."""
    return {
        "span_id": span_id,
        "parent_span_id": parent,
        "stage": stage,
        "start_unix_nano": None if start is None else start * 10**6,
        "end_unix_nano": None if end is None else end * 10**6,
    }


def path(*spans: dict[str, Any], end: int = 100) -> tuple[dict[str, float], set[str]]:
    """The path of a request from 0 to `end` ms."""
    return critical_path(build_tree(spans, 0, end * 10**6))


CASES: dict[str, tuple[list[dict[str, Any]], dict[str, float]]] = {
    "one after the other": (
        [
            span("turn", 0, 100),
            span("stt", 0, 30, "transcription", "turn"),
            span("llm", 30, 70, "reasoning", "turn"),
            span("tts", 75, 100, "synthesis", "turn"),
        ],
        {"transcription": 30, "reasoning": 40, "synthesis": 25, "residual": 5},
    ),
    "the one that ends last is waited for": (
        [span("llm", 0, 60, "reasoning"), span("tts", 40, 100, "synthesis")],
        {"reasoning": 40, "synthesis": 60},
    ),
    "the shorter of two at once is not on it": (
        [span("stt", 10, 50, "transcription"), span("llm", 0, 100, "reasoning")],
        {"reasoning": 100},
    ),
    "a child inherits the stage": (
        [span("llm", 0, 100, "reasoning"), span("http", 20, 90, None, "llm")],
        {"reasoning": 100},
    ),
    "times beyond the request are cut": (
        [span("stt", -50, 20, "transcription"), span("tts", 80, 500, "synthesis")],
        {"transcription": 20, "residual": 60, "synthesis": 20},
    ),
    "an attempt that ends when the next begins": (
        [span("a", 0, 50, "reasoning"), span("b", 50, 100, "synthesis")],
        {"reasoning": 50, "synthesis": 50},
    ),
    "unfinished and backward spans do not count": (
        [
            span("unfinished", 0, None, "reasoning"),
            span("backward", 50, 40, "synthesis"),
            span("no start", None, 9, "reasoning"),
        ],
        {"residual": 100},
    ),
    "a circle": (
        [span("a", 0, 40, "reasoning", "b"), span("b", 0, 60, "synthesis", "a")],
        {"synthesis": 60, "residual": 40},
    ),
    "a stream that outlives the call that opened it": (
        [
            span("turn", 0, 100),
            span("call", 10, 20, "reasoning", "turn"),
            span("chunks", 15, 70, None, "call"),
            span("tts", 50, 100, "synthesis", "turn"),
        ],
        {"residual": 10, "reasoning": 40, "synthesis": 50},
    ),
    "a call that began before what holds it": (
        [
            span("step", 30, 90),
            span("llm", 10, 50, "reasoning", "step"),
            span("stt", 0, 20, "transcription"),
        ],
        {"transcription": 10, "reasoning": 40, "residual": 50},
    ),
    "what is below a span without a length or an end": (
        [
            span("turn", 0, 100),
            span("llm", 10, None, "reasoning", "turn"),
            span("http", 10, 40, None, "llm"),
            span("mark", 50, 50, "synthesis", "turn"),
            span("play", 60, 90, None, "mark"),
        ],
        {"residual": 40, "reasoning": 30, "synthesis": 30},
    ),
    "children that were rounded to milliseconds": (
        [
            span("stt", 0, 30, "transcription"),
            span("none", 30, 30, "tool"),
            span("llm", 30, 60, "reasoning"),
            span("tts", 60, 100, "synthesis"),
        ],
        {"transcription": 30, "reasoning": 30, "synthesis": 40},
    ),
    "a stream and its consumer that end together": (
        [span("llm", 0, 100, "reasoning"), span("tts", 60, 100, "synthesis")],
        {"reasoning": 60, "synthesis": 40},
    ),
    "a consumer that the request waited for": (
        [
            span("send", 0, 10, None),
            {**span("work", 40, 90, None, "send"), "kind": 5},
            span("llm", 50, 80, "reasoning", "work"),
        ],
        {"residual": 70, "reasoning": 30},
    ),
    "a consumer that outlives the request": (
        [
            span("send", 0, 10, None),
            {**span("work", 40, 101, None, "send"), "kind": 5},
            span("llm", 50, 80, "reasoning", "work"),
        ],
        {"residual": 100},
    ),
    "a guess by a task's name above other stages": (
        [
            {**span("speak", 0, 100, "synthesis"), "stage_by": "task_name"},
            span("llm", 20, 80, "reasoning", "speak"),
        ],
        {"residual": 40, "reasoning": 60},
    ),
    "nothing": ([], {"residual": 100}),
}


@pytest.mark.parametrize("case", CASES)
def test_time_by_stage(case: str) -> None:
    spans, expected = CASES[case]
    assert path(*spans)[0] == expected


def test_spans_on_the_path() -> None:
    _, on_path = path(
        span("turn", 0, 100),
        span("stt", 0, 30, "transcription", "turn"),
        span("beside", 0, 10, "reasoning", "turn"),
        span("tts", 60, 100, "synthesis", "turn"),
    )
    assert on_path == {"turn", "stt", "tts"}


def test_the_path_in_order_of_time() -> None:
    pieces, _ = sweep(
        build_tree(
            [
                span("turn", 0, 100),
                span("stt", 0, 20, "transcription", "turn"),
                span("again", 20, 30, "transcription", "turn"),
                span("llm", 40, 100, "reasoning", "turn"),
                span("tts", 50, 60, "synthesis", "llm"),
            ],
            0,
            100 * 10**6,
        )
    )
    assert [(stage, start // 10**6, end // 10**6) for stage, start, end in pieces] == [
        ("transcription", 0, 30),
        ("residual", 30, 40),
        ("reasoning", 40, 50),
        ("synthesis", 50, 60),
        ("reasoning", 60, 100),
    ]


@st.composite
def trees(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Spans with any parents, also circles; times tie, have no length, or lie outside."""
    count = draw(st.integers(0, 12))
    names = [f"s{number}" for number in range(count)]
    rows = []
    for name in names:
        start = draw(st.integers(-20, 120))
        end = draw(st.one_of(st.none(), st.integers(0, 60).map(lambda more, s=start: s + more)))
        parent = draw(st.sampled_from(["", "elsewhere", *names]))
        rows.append(span(name, start, end, draw(st.sampled_from(STAGES)), parent))
    return rows


@given(trees(), st.integers(0, 100))
@settings(max_examples=300)
def test_it_adds_up_to_the_duration(spans: list[dict[str, Any]], end: int) -> None:
    spent, on_path = path(*spans, end=end)
    pieces, _ = sweep(build_tree(spans, 0, end * 10**6))
    edges = [0, *(edge for _, *times in pieces for edge in times), end * 10**6]
    assert edges[::2] == edges[1::2]  # no gap, nothing twice
    assert sum(spent.values()) == pytest.approx(end)
    assert all(value > 0 for value in spent.values())
    assert on_path <= {each["span_id"] for each in spans}


@given(trees())
@settings(max_examples=100)
def test_the_order_of_rows_does_not_matter(spans: list[dict[str, Any]]) -> None:
    for each in spans:
        if each["parent_span_id"] >= each["span_id"]:
            each["parent_span_id"] = ""  # where a circle is cut depends on where it is entered
    assert path(*spans) == path(*reversed(spans))


@pytest.mark.parametrize("order", [1, -1], ids=["parents first", "children first"])
def test_a_chain_of_ten_thousand_spans_takes_no_square(order: int) -> None:
    chain = [span(f"{n:05}", 0, 100, "reasoning", f"{n - 1:05}") for n in range(10_000)]
    begun = time.process_time()
    assert path(*chain[::order])[0] == {"reasoning": 100}
    assert time.process_time() - begun < 5  # a square of it takes minutes
