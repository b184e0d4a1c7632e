"""Which spans make one request: turns, pairs of turns, traces, also in hostile trees."""

from __future__ import annotations

import hashlib
import time

import polars as pl
import pytest

from tests.conftest import answered, heard, judge, span, spans, spoke, trace
from tracelens.requests.assemble import assign_requests
from tracelens.requests.tree import nearest, with_tree


def requests_of(*traces):
    """Request span id → ids of its spans, over the assigned frame; None for spans of no request."""
    frame = assign_requests(spans(*traces))
    found: dict[str | None, set[str]] = {}
    for holder, each in frame.select("request_span_id", "span_id").iter_rows():
        found.setdefault(holder, set()).add(each)
    return found


def test_a_trace_is_a_request():
    found = requests_of(trace("t", span("root", span("work", answered()), spoke())))
    assert found == {"root": {"root", "work", "llm", "tts"}}


def test_each_turn_is_a_request_and_the_session_is_none():
    call = span(
        "call",
        span("set_up", role="other"),
        span("turn", heard(), answered(), role="turn"),
        span("turn", heard(), role="turn"),
        role="session",
    )
    assert requests_of(trace("t", call)) == {
        None: {"call", "set_up"},
        "turn": {"turn", "stt", "llm"},
        "turn2": {"turn2", "stt2"},
    }


def test_a_user_turn_and_the_agent_turn_that_answers_it_are_one_request():
    call = span(
        "call",
        span("user_turn", role="user_turn"),
        span("agent_turn", answered(), role="agent_turn", text_in="hello"),
        span("user_turn", role="user_turn"),
        span("agent_turn", spoke(), role="agent_turn", text_in="bye"),
        role="session",
    )
    assert requests_of(trace("t", call)) == {
        None: {"call"},
        "user_turn": {"user_turn", "agent_turn", "llm"},
        "user_turn2": {"user_turn2", "agent_turn2", "tts"},
    }


def test_a_greeting_is_a_request_of_its_own():
    call = span(
        "call",
        span("agent_turn", spoke("hi"), role="agent_turn"),
        span("user_turn", role="user_turn"),
        span("agent_turn", answered(), role="agent_turn", text_in="hello"),
        span("agent_turn", spoke("still there?"), role="agent_turn"),
        role="session",
    )
    found = requests_of(trace("t", call))
    assert set(found) == {None, "agent_turn", "user_turn", "agent_turn3"}
    assert found["user_turn"] == {"user_turn", "agent_turn2", "llm"}


def test_a_trace_without_its_root_is_one_request_that_the_root_later_keeps():
    whole = trace("t", span("root", heard(), answered()))
    [late] = judge(spans(whole[1:]))
    [full] = judge(spans(whole))
    assert late["request_id"] == full["request_id"]
    assert (late["failed"], late["request_span_id"]) == (None, "root")
    assert full["failed"] is True  # nothing was spoken: only now is it known that nothing will be


def test_the_request_id_is_a_hash_of_trace_and_span():
    [row] = judge(spans(trace("t", span("root", answered()))))
    assert row["request_id"] == hashlib.sha256(b"troot").hexdigest()[:32]


def test_a_turn_that_has_not_arrived_keeps_its_request_id():
    call = span("call", span("turn", heard(), answered(), spoke(), role="turn"), role="session")
    whole = trace("t", call)
    running = [row | {"turn_based": True} for row in whole if row["name"] not in ("call", "turn")]
    [early] = judge(spans(running))
    [late] = judge(spans(whole))
    assert early["request_id"] == late["request_id"]
    assert (early["failed"], late["failed"]) == (None, False)


def test_set_up_spans_of_a_running_conversation_are_no_request():
    whole = trace("t", span("call", span("set_up", role="other"), role="session"))
    [set_up] = [row | {"turn_based": True} for row in whole if row["name"] == "set_up"]
    assert judge(spans([set_up])) == []


def test_a_parent_that_never_was():
    stray = span("work", answered(), parent_span_id="gone")
    assert requests_of(trace("t", stray, span("more", parent_span_id="gone"))) == {
        "gone": {"work", "llm", "more"}
    }


def test_a_span_that_is_its_own_parent():
    assert requests_of(trace("t", span("root", answered(), parent_span_id="root"))) == {
        "root": {"root", "llm"}
    }


def test_a_cycle_is_cut_at_its_earliest_span():
    ring = [
        span("b", parent_span_id="c", at=20),
        span("a", answered(), parent_span_id="b", at=10),
        span("c", parent_span_id="a", at=30),
    ]
    assert requests_of(trace("t", *ring)) == {"a": {"a", "b", "c", "llm"}}


def test_many_cycles_in_one_trace_end():
    rings = [
        span(f"{i}{side}", parent_span_id=f"{i}{other}", at=i)
        for i in range(50)
        for side, other in (("x", "y"), ("y", "x"))
    ]
    frame = with_tree(spans(trace("t", *rings)))
    assert frame.height == 100
    assert frame["parent_row"].is_null().sum() >= 50


def test_a_very_deep_chain_is_assembled_in_reasonable_time():
    depth = 100_000
    frame = spans(trace("t", span("root", answered())))
    ids = pl.Series([f"{i:016x}" for i in range(depth)])
    chain = (
        frame.head(1)
        .select(pl.all().repeat_by(depth).explode())
        .with_columns(
            span_id=ids,
            parent_span_id=ids.shift(1),
            start_unix_nano=pl.int_range(depth, dtype=pl.Int64),
        )
    )
    began = time.perf_counter()
    assigned = assign_requests(chain)
    assert time.perf_counter() - began < 20
    assert assigned["depth"].max() == depth - 1
    assert assigned["request_span_id"].unique().to_list() == [f"{0:016x}"]


def test_of_two_spans_with_one_id_the_same_one_counts_in_any_order():
    whole = trace("t", span("root", answered("one", span_id="x"), answered("two", span_id="x")))
    [row] = judge(spans(whole))
    [turned] = judge(spans(whole[::-1]))
    assert row == turned
    assert row["span_ids"] == ["root", "x"]


def test_equal_span_ids_of_two_traces_are_two_spans():
    assert (
        len(judge(spans(trace("a", span("x", answered())), trace("b", span("x", answered()))))) == 2
    )


def test_a_stray_transcription_is_moved_to_the_turn_it_opens():
    one = span(
        "turn",
        heard(),
        answered(),
        spoke(),
        heard(None),
        role="turn",
        session_id="s",
        turn_based=True,
    )
    two = span("turn", answered(), spoke(), role="turn", session_id="s")
    first, second = trace("a", one), trace("b", two, at=1_000)
    rows = judge(spans(first, second))
    assert [len(row["span_ids"]) for row in rows] == [4, 4]
    assert "stt2" in rows[1]["span_ids"]


def test_a_transcription_with_words_stays_in_its_turn():
    one = span("turn", heard(), answered(), spoke(), heard("more"), role="turn", session_id="s")
    two = span("turn", answered(), spoke(), role="turn", session_id="s")
    rows = judge(spans(trace("a", one), trace("b", two, at=1_000)))
    assert [len(row["span_ids"]) for row in rows] == [5, 3]


def test_a_stray_transcription_long_before_the_next_turn_stays():
    one = span("turn", heard(), answered(), spoke(), heard(None), role="turn", session_id="s")
    two = span("turn", answered(), spoke(), role="turn", session_id="s")
    rows = judge(spans(trace("a", one), trace("b", two, at=60_000)))
    assert len(rows[0]["span_ids"]) == 5


@pytest.mark.parametrize("marked", [{1}, {0, 3}, set()])
def test_nearest_marked_ancestor(marked):
    # 0 ← 1 ← 2, 0 ← 3 ← 4
    parent = pl.Series([None, 0, 1, 0, 3], dtype=pl.UInt32)
    found = nearest(parent, pl.Series([i in marked for i in range(5)])).to_list()
    chains = [[0], [1, 0], [2, 1, 0], [3, 0], [4, 3, 0]]
    assert found == [next((i for i in chain if i in marked), None) for chain in chains]
