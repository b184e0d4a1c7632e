"""Damage that decoding does not notice: each segment has a checksum, which `verify` compares."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.store.frames import load, new_store, number, request, requests, span, spans, trace
from tests.store.test_open import change_log
from tracelens.errors import StoreError
from tracelens.store import Store, compact
from tracelens.store.compact import compact as merge
from tracelens.store.log import Log

ROWS = [span("a", str(n), at=n, attrs=f'{{"k":{n**9}}}') for n in range(200)]
FLIPS = 24  # over a whole file


def filled(store: Store) -> Path:
    """Two loads, of which the first has many spans; their segment."""
    load(store, spans(*ROWS), requests(request("a")), path="first.json")
    load(store, spans(span("b")), requests(request("b")), path="second.json")
    return min((store.path / "segments").glob("spans-*"))


def flip(segment: Path, at: int) -> None:
    data = bytearray(segment.read_bytes())
    data[at] ^= 1
    segment.write_bytes(data)


def test_a_store_is_as_it_was_written(store: Store) -> None:
    filled(store)
    assert store.verify() == []


@pytest.mark.parametrize("kind", ["spans", "requests"])
def test_every_flipped_bit_is_found_and_no_reader_breaks(store: Store, kind: str) -> None:
    filled(store)
    segment = min((store.path / "segments").glob(f"{kind}-*"))
    whole = segment.read_bytes()
    silent = said = 0
    for at in range(0, len(whole), max(1, len(whole) // FLIPS)):
        flip(segment, at)
        (found,) = store.verify()
        assert (found.segment, found.kind) == (segment, kind)
        again = Store.open(store.path)
        for ask in (
            lambda each: each.query(f"from {kind}"),
            lambda each: each.find("trace", trace("a")),
            lambda each: each.spans(["attrs"], traces=[trace("a")]),
        ):
            try:
                ask(again)
                silent += 1
            except StoreError as error:
                said += 1
                assert segment.name in str(error)
                assert "restore the file from a backup" in str(error)
        again.close()
        segment.write_bytes(whole)
    assert silent, "why a checksum is needed"
    assert said
    assert store.verify() == []


def test_damage_tells_what_lies_in_the_segment(store: Store) -> None:
    segment = filled(store)
    flip(segment, segment.stat().st_size // 2)
    (found,) = store.verify()
    assert found.reason == f"{segment} has other bytes than were written"
    assert found.loads == ["first.json"]
    assert found.traces == [trace("a")]
    assert found.requests == [number("aroot", 32)]


def test_a_segment_of_requests_tells_its_requests_by_the_log(store: Store) -> None:
    filled(store)
    segment = max((store.path / "segments").glob("requests-*"))
    segment.unlink()
    (found,) = store.verify()
    assert "is missing" in found.reason
    assert found.loads == ["first.json", "second.json"], "a file that is gone may have held any"
    assert (found.traces, found.requests) == ([trace("b")], [number("broot", 32)])


def test_swapped_segments_are_damage(store: Store) -> None:
    load(store, spans(span("a")))
    load(store, spans(span("b")))
    one, two = sorted((store.path / "segments").glob("spans-*"))
    aside = one.rename(one.with_name("aside"))
    two.rename(one)
    aside.rename(two)
    assert {each.segment for each in store.verify()} == {one, two}


def test_merging_leaves_a_damaged_segment_apart(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Merged, its rows would get a checksum that holds."""
    segment = filled(store)
    flip(segment, segment.stat().st_size // 2)
    load(store, spans(span("c")), path="third.json")
    monkeypatch.setattr(compact, "SEGMENTS_KEPT", 1)
    log = Log(store.path, write=True)
    merge(store.path, log)
    assert len(log.live().of("spans")) == 2
    assert len(log.live().of("requests")) == 1
    log.close()
    (found,) = store.verify()
    assert found.segment == segment
    segment.unlink()
    assert [each.loads for each in store.verify()] == [["first.json"]]


def test_a_merged_segment_has_a_checksum(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    filled(store)
    monkeypatch.setattr(compact, "SEGMENTS_KEPT", 1)
    load(store, spans(span("c")), path="third.json")
    live = store._log.live().segments
    assert len(live) == 2
    assert {each.name for each in live} <= store._log.checksums().keys()
    assert store.verify() == []


def test_a_store_from_before_checksums_opens_reads_and_grows(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    load(store, spans(span("a")), path="old.json")
    store.close()
    change_log(store.path, "drop table checksums")
    old = Store.open(store.path)
    assert old.query("from spans").height == 1
    assert old.verify() == []
    (segment,) = (store.path / "segments").glob("spans-*")
    load(old, spans(span("b")), path="new.json")
    assert len(old._log.checksums()) == 2
    flip(segment, 10)
    assert [each.segment for each in old.verify()] == [segment], "found by decoding"
    old.close()
