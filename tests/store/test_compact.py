"""Compaction: fewer files, the same answers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tests.store.frames import load, new_store, number, request, requests, span, spans, trace
from tracelens.store import Store, compact
from tracelens.store.log import Kind
from tracelens.store.views import VIEWS
from tracelens.store.writer import Writer

KINDS: list[Kind] = ["spans", "requests"]


def answers(store: Store) -> dict[str, list[str]]:
    """Every row of every view, as text, in an order of its own."""
    return {view: sorted(repr(row) for row in store.query(f"from {view}").rows()) for view in VIEWS}


def judged(name: str, turn: int) -> dict[str, Any]:
    """A request with something in every nested column."""
    return request(
        name,
        f"r{turn}",
        turn,
        failed=turn % 2 == 0,
        span_ids=[number(name + f"s{turn}", 16)],
        session_id="s",
        outcomes=[{"at": "reasoning>tool", "outcome": "ok"}],
        evidence=[{"check": "c", "result": "fails"}],
        candidates=[{"stage": "reasoning", "score": 0.5}],
        stage_runs=[{"exchange": 0, "stage": "reasoning"}],
    )


def fill(store: Store, turn: int) -> None:
    """One commit: a new trace, a recomputed one, and columns that other commits lack."""
    names = [f"t{turn}", "again"]
    rows = [
        span(name, f"s{turn}", turn, **{"attrs": '{"old":1}', f"attributes.k{turn % 3}": turn})
        for name in names
    ]
    batch = spans(*rows, **{f"k{turn % 3}": pl.Int64(), "old": pl.Int64()})
    load(store, batch, requests(*(judged(name, turn) for name in names)), path=f"{turn}.json")


def test_every_view_is_the_same_before_and_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compact, "SEGMENTS_KEPT", 100)
    store, reader = new_store(tmp_path), new_store(tmp_path)
    for turn in range(9):
        fill(store, turn)
    before, held = answers(store), reader.snapshot()
    monkeypatch.setattr(compact, "SEGMENTS_KEPT", 2)
    monkeypatch.setattr(compact, "SEGMENTS_MERGED", 4)
    with store.writer():
        pass
    assert all(len(store._log.live().of(kind)) <= 2 for kind in KINDS)
    assert answers(store) == before == answers(reader)
    assert store.find("session", "s").height == len(before["requests"])
    # A reader that began before still has its files, until the grace period is over.
    fill(store, 9)
    assert held.query("select count(name), max(load) from spans").row(0) == (18, 9)
    store.close()
    reader.close()


def test_merging_between_commits_gives_what_never_merging_gives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = []
    for kept in (100, 2):
        (tmp_path / str(kept)).mkdir()
        monkeypatch.setattr(compact, "SEGMENTS_KEPT", kept)
        store = new_store(tmp_path / str(kept))
        for turn in range(6):
            fill(store, turn)
        found.append(answers(store))
        store.close()
    for each in found:
        del each["loads"]  # they say when
    assert found[0] == found[1]


def test_a_long_turn_is_merged_to_its_end(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compact, "SEGMENTS_KEPT", 3)
    monkeypatch.setattr(compact, "SEGMENTS_MERGED", 2)
    with store.writer() as writer:
        for name in "abcdefg":
            with store.stage() as stage:
                stage.add(spans(span(name)))
                fresh = writer.fresh(stage)
                writer.commit(fresh, requests(request(name)), fresh.traces)
    assert all(len(store._log.live().of(kind)) == 3 for kind in KINDS)
    assert store.query("from requests").height == 7


def test_tombstones_go_when_nothing_is_left_to_hide(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    for leaf in ("1", "2", "3"):
        load(store, spans(span("a", leaf)), requests(request("a", leaf)))
    load(store, spans(*(span("b", str(n)) for n in range(9))), requests(request("b")))
    assert [each.trace_id for each in store._log.live().tombstones] == [trace("a")]
    # Two of the three are merged first: the third may be older than the tombstone, but is not.
    monkeypatch.setattr(compact, "SEGMENTS_KEPT", 3)
    monkeypatch.setattr(compact, "SEGMENTS_MERGED", 2)
    with store.writer():
        pass
    assert store._log.live().tombstones == ()
    wanted = [number("a3", 32)]
    assert store.find("trace", trace("a"), ["request_id"])["request_id"].to_list() == wanted
    assert store.query("from requests").height == 2


def test_a_tombstone_stays_while_an_older_row_is_elsewhere(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    many = [request("a", str(n)) for n in range(20)]
    load(store, spans(span("a", "1")), requests(*many))  # too large to be merged
    load(store, spans(span("b")), requests(request("b")))
    load(store, spans(span("a", "2")), requests(request("a", "new")))
    monkeypatch.setattr(compact, "SEGMENTS_KEPT", 2)
    monkeypatch.setattr(compact, "SEGMENTS_MERGED", 2)
    with store.writer():
        pass
    assert len(store._log.live().tombstones) == 1
    assert store.query("from requests").height == 2


def test_keys_go_with_the_files_of_replaced_segments(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compact, "SEGMENTS_KEPT", 1)
    for name in "ab":
        load(store, spans(span(name)), requests(request(name)))
    with Writer(store.path, seconds=1, grace=-1):
        pass
    held = store._log._connection.execute("select distinct segment from segment_keys").fetchall()
    assert {name for (name,) in held} == {each.name for each in store._log.live().segments}
    assert store.find("trace", trace("a")).height == 1
