"""Spans laid out in time: rows under parents, places in the window, and what a long trace keeps."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tracelens.analyse import Explanation
from tracelens.show.timeline import Timeline, lay_out

MS = 10**6


def span(
    span_id: str,
    start: float | None = 0,
    end: float | None = 100,
    *,
    parent: str | None = "turn",
    **more: Any,
) -> dict[str, Any]:
    """A row of `Explanation.spans`; times in ms."""
    return {
        "id": span_id,
        "parent": parent,
        "name": span_id,
        "stage": None,
        "role": None,
        "start_unix_nano": None if start is None else round(start * MS),
        "end_unix_nano": None if end is None else round(end * MS),
        "duration_ms": None if None in (start, end) else end - start,
        "status": "unset",
        "on_critical_path": False,
        **more,
    }


def request(**more: Any) -> dict[str, Any]:
    """A request from 0 to 100 ms whose own span is `turn`."""
    return {
        "request_id": "r",
        "request_span_id": "turn",
        "start_unix_nano": 0,
        "duration_ms": 100.0,
        "evidence": [],
        "outcomes": [],
        "stage_runs": [],
        **more,
    }


def laid(*spans: dict[str, Any], limit: int = 100, **more: Any) -> Timeline:
    return lay_out(Explanation(request(**more), list(spans)), limit=limit)


def shown(timeline: Timeline) -> list[tuple[str, int]]:
    return [(row.span["id"], row.depth) for row in timeline.rows]


def test_rows_stand_under_their_parents() -> None:
    timeline = laid(
        span("turn", parent=None),
        span("stt", 0, 30, stage="transcription"),
        span("llm", 30, 90, stage="reasoning"),
        span("http", 5, 20, parent="stt"),
    )
    assert shown(timeline) == [("turn", 0), ("stt", 1), ("http", 2), ("llm", 1)]
    bars = [row.bar for row in timeline.rows if row.bar]
    assert [(bar.left, bar.right) for bar in bars] == [(0, 1), (0, 0.3), (0.05, 0.2), (0.3, 0.9)]
    assert [bar.stage for bar in bars] == [None, "transcription", "transcription", "reasoning"]


def test_a_span_without_its_parent_is_an_orphan_unless_it_is_the_request() -> None:
    rows = laid(span("turn", parent="session"), span("lost", parent="gone")).rows
    assert [(row.span["id"], row.depth, row.orphan) for row in rows] == [
        ("turn", 0, False),
        ("lost", 0, True),
    ]


def test_a_circle_is_cut_and_nothing_is_lost() -> None:
    assert shown(laid(span("a", parent="b"), span("b", parent="a"))) == [("a", 0), ("b", 1)]


def test_what_reaches_a_little_beyond_the_request_is_in_the_window_and_the_far_is_cut() -> None:
    timeline = laid(span("early", -50, 20), span("turn"), span("wrong clock", 10**9, 10**9 + 5))
    assert timeline.window is not None
    assert (timeline.window.start, timeline.window.end) == (-50 * MS, 100 * MS)
    bars = {row.span["id"]: row.bar for row in timeline.rows}
    assert bars["wrong clock"] is not None
    assert (bars["wrong clock"].left, bars["wrong clock"].right) == (1, 1)


def test_without_any_time_there_are_rows_and_no_window() -> None:
    timeline = laid(span("turn", None, None), start_unix_nano=None, duration_ms=None)
    assert timeline.window is None
    assert [row.bar for row in timeline.rows] == [None]
    assert not timeline.ticks


def test_a_span_without_an_end_has_no_length() -> None:
    (row,) = laid(span("unfinished", 40, None)).rows
    assert row.bar is not None
    assert (row.bar.left, row.bar.width) == (0.4, 0)


def test_a_long_trace_keeps_what_failed_and_what_is_above_it() -> None:
    short = [span(f"s{number}", 0, 1, parent="step") for number in range(50)]
    failed = span("bad", 0, 1, parent="s7", status="error")
    timeline = laid(span("turn", parent=None), span("step", 0, 60), *short, failed, limit=6)
    assert shown(timeline)[:3] == [("turn", 0), ("step", 1), ("s0", 2)]
    assert ("bad", 3) in shown(timeline)
    assert ("s7", 2) in shown(timeline)
    assert len(timeline.rows) == 6
    assert timeline.hidden == 53 - 6
    assert {row.span["id"]: row.folded for row in timeline.rows if row.folded} == {"step": 47}


def test_the_chosen_span_has_a_row_however_unimportant() -> None:
    many = [span(f"s{number}", 0, 5) for number in range(50)]
    explained = Explanation(request(), [span("turn", parent=None), *many, span("tiny", 0, 0)])
    rows = lay_out(explained, selected="tiny", limit=5).rows
    assert "tiny" in [row.span["id"] for row in rows]


def test_a_broken_hand_over_stands_where_its_text_arrived() -> None:
    evidence = {
        "check": "hand_over",
        "at": "transcription>reasoning",
        "result": "fails",
        "span_id": "llm",
    }
    runs = [
        {"stage": "reasoning", "start_unix_nano": 30 * MS},
        {"stage": "synthesis", "start_unix_nano": 80 * MS},
    ]
    outcomes = [
        {"at": "transcription>reasoning", "outcome": "failed"},
        {"at": "reasoning>synthesis", "outcome": "ok"},
    ]
    made = laid(
        span("turn"),
        span("llm", 40, 80),
        evidence=[evidence],
        stage_runs=runs,
        outcomes=outcomes,
    )
    assert [(each.at, each.place, each.outcome) for each in made.hand_overs] == [
        ("transcription>reasoning", 0.4, "failed"),
        ("reasoning>synthesis", 0.8, "ok"),
    ]


@pytest.mark.parametrize(
    ("lasts", "expected"),
    [
        (100.0, [0, 20, 40, 60, 80, 100]),
        (3151.4, [0, 1000, 2000, 3000]),
        (0.004, [0, 0.001, 0.002, 0.003, 0.004]),
    ],
)
def test_ticks_are_round(lasts: float, expected: list[float]) -> None:
    times = [ms for _, ms in laid(span("turn", 0, lasts), duration_ms=lasts).ticks]
    assert times == pytest.approx(expected)


def test_a_lane_of_very_many_pieces_is_drawn_by_stretches() -> None:
    pieces = [
        {
            "stage": "reasoning" if number % 10 else "synthesis",
            "start_unix_nano": number * 10_000,
            "end_unix_nano": (number + 1) * 10_000,
        }
        for number in range(10_000)
    ]
    lane = lay_out(Explanation(request(), [span("turn")], lane=pieces)).lane
    assert len(lane) == 400
    assert (lane[0].left, lane[-1].right) == (0, 1)


@st.composite
def forests(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Spans with any parents, also circles and none, and any times."""
    names = [f"s{number}" for number in range(draw(st.integers(0, 15)))]
    times = st.one_of(st.none(), st.integers(-(10**6), 10**6))
    parents = st.sampled_from([None, "gone", *names])
    return [span(name, draw(times), draw(times), parent=draw(parents)) for name in names]


@given(forests(), st.integers(1, 20))
@settings(max_examples=200, deadline=None)
def test_every_span_has_a_row_or_is_counted(spans: list[dict[str, Any]], limit: int) -> None:
    timeline = laid(*spans, limit=limit)
    ids = [row.span["id"] for row in timeline.rows]
    assert len(ids) == len(set(ids)) <= max(limit, 0)
    assert len(ids) + timeline.hidden == len(spans)
    for row in timeline.rows:
        assert row.bar is None or 0 <= row.bar.left <= row.bar.right <= 1
