"""Which traces look at one another: the next turn of a session, and who speaks just before it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.store.frames import load, span, spans, trace
from tracelens.store import Reach, Store

SECOND = 10**9
REACH = Reach(follow=600 * SECOND, stray=2 * SECOND)


def turn(name: str, at: int, session: str = "default", **columns: Any) -> dict[str, Any]:
    """A turn that begins at a second and lasts one."""
    return span(name, at=at, **{"role": "turn", "session_id": session} | columns)


def speech(name: str, at: int, **columns: Any) -> dict[str, Any]:
    """A transcription that put out nothing."""
    return span(name, "stt", at=at, stage="transcription", **columns)


def ask(store: Store, *names: str) -> tuple[str, str]:
    """What these traces affect, and their context, by the names of the traces in `abc…`."""
    traces = [trace(name) for name in names]
    called = {trace(name): name for name in "abcdefgh"}
    with store.writer() as writer:
        near = writer.neighbours(REACH)
        found = (near.affected_by(traces), near.context_of(traces))
        assert all(each == sorted(each) for each in found)
    affected, context = ("".join(sorted(called[each] for each in one)) for one in found)
    return affected, context


def test_a_turn_affects_the_one_before_and_looks_at_the_one_after(store: Store) -> None:
    load(store, spans(*(turn(name, at) for at, name in enumerate("abcdef", 1))))
    assert ask(store, "c") == ("bc", "cd")
    assert ask(store, "a") == ("a", "ab")
    assert ask(store, "b", "e") == ("abde", "bcef")


def test_turns_of_other_sessions_and_other_spans_of_the_session_are_nobody(store: Store) -> None:
    others = [turn("b", 2, "another"), span("d", at=4, session_id="default"), span("e", at=5)]
    load(store, spans(turn("a", 1), turn("c", 3), *others))
    assert ask(store, "a") == ("a", "ac")
    assert ask(store, "d") == ("d", "d")
    assert ask(store, "e") == ("e", "e")
    assert ask(store, "a", "e") == ("ae", "ace")


def test_fresh_spans_count(store: Store) -> None:
    load(store, spans(turn("a", 1), turn("c", 3)))
    with store.stage() as stage, store.writer() as writer:
        stage.add(spans(turn("b", 2)))
        fresh = writer.fresh(stage)
        near = writer.neighbours(REACH)
        assert near.affected_by(fresh.traces) == sorted([trace("a"), trace("b")])
        assert near.context_of(fresh.traces) == sorted([trace("b"), trace("c")])


@pytest.mark.parametrize(("at", "affected"), [(602, "ab"), (603, "b")])
def test_a_turn_is_no_longer_awaited_after_ten_minutes(
    store: Store, at: int, affected: str
) -> None:
    load(store, spans(turn("a", 1), turn("b", at)))
    assert ask(store, "b")[0] == affected


def test_an_open_turn_may_last_for_ever(store: Store) -> None:
    load(store, spans(turn("a", 1, end_unix_nano=None), turn("b", 9_000)))
    assert ask(store, "b") == ("ab", "b")


def test_a_trace_of_a_whole_session_looks_at_no_other(store: Store) -> None:
    """Its turns are passed over, but whoever looked at them before it was whole is affected."""
    load(store, spans(turn("a", 1), turn("b", 2), turn("c", 3)))
    assert ask(store, "a") == ("a", "ab")
    load(store, spans(span("b", "job", role="session", session_id="default")))
    assert ask(store, "a") == ("a", "ac")
    assert ask(store, "b")[0] == "ab"


def test_of_a_pair_the_reply_does_not_hide_the_next_turn(store: Store) -> None:
    """`b` began before `a`, and its reply after: the request that follows `a` is in `c`."""
    reply = span("b", "reply", at=3, role="agent_turn", session_id="default")
    turns = [turn(name, at, role="user_turn") for name, at in (("b", 1), ("a", 2), ("c", 4))]
    load(store, spans(reply, *turns))
    assert "c" in ask(store, "a")[1]
    assert "a" in ask(store, "c")[0]


def test_a_transcription_looks_for_the_turn_that_it_opens(store: Store) -> None:
    """In `a` one begins two seconds before the turn `c`; the one in `b` has put out text."""
    late = [turn("a", 1), speech("a", 8), turn("b", 2), speech("b", 9, text_out="yes")]
    load(store, spans(*late, turn("c", 10), turn("d", 12), turn("e", 13)))
    assert ask(store, "c") == ("abc", "acd")
    assert ask(store, "a") == ("ac", "abc")
    assert ask(store, "d") == ("cd", "de")


def test_a_turn_between_takes_the_transcription_from_another(store: Store) -> None:
    load(store, spans(turn("a", 1), speech("a", 8), turn("c", 10)))
    load(store, spans(turn("b", 9)))
    assert ask(store, "b") == ("abc", "abc")


def test_the_session_of_a_transcription_may_stand_on_any_span_of_its_trace(store: Store) -> None:
    load(store, spans(span("a", at=1, session_id="default"), speech("a", 8), turn("c", 10)))
    assert ask(store, "c") == ("ac", "ac")
    assert ask(store, "a") == ("ac", "ac")


def test_a_trace_in_which_somebody_spoke_looks_at_the_next_of_its_session(store: Store) -> None:
    """`b` is silent, `c` is text alone, `e` is another session's, `f` comes ten minutes later."""
    begins = {"a": 1, "b": 2, "c": 3, "d": 4, "e": 5, "f": 700}
    sessions = dict.fromkeys("abcdef", "default") | {"e": "another"}
    roots = [span(name, at=at, session_id=sessions[name]) for name, at in begins.items()]
    spoken = [speech(name, begins[name], text_out="no") for name in "adef"]
    load(store, spans(*roots, *spoken, speech("b", 2)))
    assert ask(store, "a") == ("a", "ad")
    assert ask(store, "d") == ("ad", "d")
    assert ask(store, "c") == ("c", "c")


def test_hostile_times_do_no_harm(store: Store) -> None:
    last = 2**63 - 1
    late = [
        (name, {"start_unix_nano": at, "end_unix_nano": at})
        for name, at in (("b", last), ("c", last - 1))
    ]
    turns = [turn(name, 1, **times) for name, times in late]
    load(store, spans(turn("a", 0), *turns, speech("d", 0, start_unix_nano=last, end_unix_nano=0)))
    load(store, spans(turn("e", 1, start_unix_nano=None, end_unix_nano=None)))
    assert ask(store, "a", "b", "e")[0] == "abce"
    assert ask(store, "e") == ("e", "e")


def test_one_session_for_all_ties_nothing_together(store: Store) -> None:
    names = [f"t{number}" for number in range(500)]
    load(store, spans(*(turn(name, at) for at, name in enumerate(names))))
    with store.writer() as writer:
        near = writer.neighbours(REACH)
        assert len(near.affected_by([trace("t250")])) == 2
        assert len(near.context_of([trace("t250")])) == 2
