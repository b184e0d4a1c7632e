"""Lookups by id: the rows that the views give, out of the few files that hold the id."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tests.store.frames import load, new_store, number, request, requests, span, spans, trace
from tracelens.errors import StoreError
from tracelens.store import Store, compact, keys
from tracelens.store.lookups import Find

VIEW = {
    "request": "request_id = $id",
    "trace": "trace_id = $id",
    "span": "list_contains(span_ids, $id)",
    "external": "external_request_id = $id",
    "session": "session_id = $id",
    "prefix": "starts_with(request_id, $id) or starts_with(trace_id, $id)"
    " or len(list_filter(span_ids, lambda span: starts_with(span, $id))) > 0",
}


def judged(name: str, leaf: str = "root", at: int = 1, **more: Any) -> dict[str, Any]:
    """A request with every kind of id."""
    ids = {
        "span_ids": [number(name + each, 16) for each in ("root", leaf)],
        "session_id": f"call {at % 3}",
        "external_request_id": f"é-{name}",
    }
    return request(name, leaf, at, **ids | more)


def ids_of(rows: pl.DataFrame) -> list[tuple[Find, str]]:
    """Every id that the rows have, and beginnings of some."""
    found: list[tuple[Find, str]] = []
    for row in rows.rows(named=True):
        found += [("request", row["request_id"]), ("trace", row["trace_id"])]
        found += [("span", each) for each in row["span_ids"]]
        found += [("external", row["external_request_id"]), ("session", row["session_id"])]
        found += [("prefix", row[key][:9]) for key in ("request_id", "trace_id")]
        found += [("prefix", row["span_ids"][-1][:8])]
    return found


def check(store: Store) -> None:
    """Every lookup gives what a query over the view gives."""
    for kind, text in ids_of(store.query("from requests")):
        order = f"from requests where {VIEW[kind]} order by start_unix_nano, request_id"
        expected = store.query(order, {"id": text})
        assert expected.height
        assert store.find(kind, text).equals(expected), (kind, text)


def test_every_id_is_found_as_the_view_has_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compact, "SEGMENTS_KEPT", 3)
    monkeypatch.setattr(compact, "SEGMENTS_MERGED", 3)
    writer, reader = new_store(tmp_path), new_store(tmp_path)
    for turn in range(5):
        names = [f"t{turn}", "again"]
        rows = [span(name, f"s{turn}", at=turn) for name in names]
        load(writer, spans(*rows), requests(*(judged(n, f"s{turn}", turn) for n in names)))
        if turn in (1, 4):
            check(reader)
    assert reader.find("request", number("agains3", 32)).is_empty(), "recomputed since"
    assert reader.find("trace", trace("again"))["load"].to_list() == [5]
    writer.close()
    reader.close()


def test_what_is_nowhere(store: Store) -> None:
    kinds: list[Find] = [*VIEW, "alias"]  # type: ignore[list-item]
    columns = store.query("from requests").columns
    for name in "ab":
        for kind in kinds:
            for text in ("0" * 32, "f" * 16, "no id", "", "A" * 32, "é" * 33):
                found = store.find(kind, text)
                assert found.is_empty()
                assert found.columns == columns
        load(store, spans(span(name)), requests(judged(name)))


def test_a_span_of_no_request_leads_to_its_trace(store: Store) -> None:
    load(store, spans(span("a"), span("a", "far")), requests(judged("a"), judged("a", "2", 5)))
    found = store.find("span", number("afar", 16), ["request_id"])
    assert found["request_id"].to_list() == [number("aroot", 32), number("a2", 32)]


def test_an_alias_leads_to_the_request(store: Store) -> None:
    new = judged("a")
    load(store, spans(span("a")), requests(new), aliases={"e" * 32: new["request_id"]})
    assert store.find("alias", "e" * 32, ["request_id"]).item() == new["request_id"]
    assert store.find("request", "e" * 32).is_empty()


SPAN_COLUMNS = ["span_id", "name", "duration_ms", "start_time", "load", "attributes.k"]


def test_spans_are_those_of_the_view(store: Store) -> None:
    load(store, spans(span("a", attrs='{"k":7}'), span("b"), span("a", "leaf", at=3)))
    load(store, spans(span("a", "x", at=2, **{"attributes.k": 8}), k=pl.Int64()))
    picked = ", ".join(f'"{name}"' for name in SPAN_COLUMNS)
    sql = f"select {picked} from spans where trace_id = $t order by start_unix_nano, span_id"
    expected = store.query(sql, {"t": trace("a")})
    assert expected["attributes.k"].to_list() == [7, 8, None]
    assert store.spans(SPAN_COLUMNS, traces=[trace("a")]).equals(expected)
    one = store.spans(["name"], traces=[trace("a"), trace("b")], spans=[number("aleaf", 16)])
    assert one["name"].to_list() == ["leaf"]
    two = store.spans(["name"], spans=[number("aleaf", 16), number("broot", 16), "0" * 16])
    assert two["name"].to_list() == ["root", "leaf"]
    assert store.spans(["name"]).is_empty()
    assert store.spans(["attributes.nowhere"], traces=[trace("a")]).height == 3


def test_durations_are_those_of_the_view_to_the_last_digit(store: Store) -> None:
    lengths = [1, 128_307_307, 117_579_964, 2_203_847_617, 2**53 + 1, 2**62]
    rows = [
        span("a", f"s{i}", start_unix_nano=i, end_unix_nano=i + n) for i, n in enumerate(lengths)
    ]
    load(store, spans(*rows))
    found = store.spans(["duration_ms"], traces=[trace("a")])["duration_ms"].to_list()
    assert found == [float(length) / 1e6 for length in lengths]
    sql = "select duration_ms from spans order by start_unix_nano"
    assert store.query(sql)["duration_ms"].to_list() == found


@pytest.mark.parametrize("ask", [lambda s: s.spans(["colour"]), lambda s: s.find("span", "", "x")])
def test_an_unknown_column_is_refused(store: Store, ask: Callable[[Store], object]) -> None:
    with pytest.raises(ValueError, match="have no column"):
        ask(store)


def test_spans_of_a_request_lie_in_other_traces_of_its_session(store: Store) -> None:
    rows = [span("a", content_hash=2), span("a", content_hash=1, sign="first"), span("a", "own")]
    stray = {"span_id": number("stray", 16)}
    others = [span(name, "s", at=9, **stray) for name in ("b", "elsewhere")]
    one = judged("a", span_ids=[number("aroot", 16), stray["span_id"]], session_id="s")
    two = judged("b", session_id="s")
    load(store, spans(*rows, *others), requests(one, two, judged("elsewhere", session_id="t")))
    found = store.spans_of(one, ["trace_id", "sign"])
    assert found.rows() == [(trace("a"), "first"), (trace("b"), None)]
    assert store.spans_of(one | {"session_id": None}, ["sign"])["sign"].to_list() == ["first"]
    assert store.spans_of(one | {"span_ids": []}, ["name"]).is_empty()


def test_only_files_that_hold_the_id_are_opened(store: Store) -> None:
    for name in "abc":
        load(store, spans(span(name)), requests(judged(name)))
    for path in (store.path / "segments").iterdir():
        if "-00000002-" not in path.name:
            path.unlink()
    assert store.find("trace", trace("b")).height == 1
    assert store.spans(["name"], traces=[trace("b")]).height == 1
    with pytest.raises(StoreError, match=r"damaged.*00000001.*missing"):
        store.find("trace", trace("a"))


def test_a_new_version_reads_the_keys_of_its_new_segments_only(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    load(store, spans(span("a")), requests(judged("a")))
    load(store, spans(span("b")), requests(judged("b")))
    store.find("trace", trace("a"))
    read: list[str] = []
    before = keys.SortedKeys.__init__

    def counting(self: keys.SortedKeys, kind: keys.IdKind, data: bytes) -> None:
        read.append(kind)
        before(self, kind, data)

    monkeypatch.setattr(keys.SortedKeys, "__init__", counting)
    load(store, spans(span("c")), requests(judged("c")))
    assert store.find("trace", trace("c")).height == 1
    assert store.find("trace", trace("a")).height == 1
    assert read == ["trace"]


def test_threads_take_turns(store: Store) -> None:
    for name in "abcd":
        load(store, spans(span(name)), requests(judged(name)))

    def ask(number_: int) -> bool:
        name = "abcd"[number_ % 4]
        return bool(store.find("trace", trace(name))["trace_id"].item() == trace(name))

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(ask, range(80)))


def test_ids_that_are_no_hex_are_a_mistake(store: Store) -> None:
    for wrong in ("x" * 16, "ab"):
        with pytest.raises(ValueError, match="hex"):
            load(store, spans(span("a", span_id=wrong)))
    assert store.query("from spans").is_empty()


def test_bounds_of_beginnings() -> None:
    low, high = keys.bounds_of("span", "ab") or (b"", b"")
    assert (low.hex(), high.hex()) == ("ab" + "0" * 14, "ab" + "f" * 14)
    held = keys.SortedKeys("span", bytes.fromhex("01" + "0" * 14 + "ab1" + "0" * 13))
    assert len(held) == 2
    assert held.any_between(low, high)
    assert not held.any_between(*(keys.bounds_of("span", "ac") or (b"", b"")))
    assert not held.any_between(*(keys.bounds_of("span", "00") or (b"", b"")))


def test_failures_alike_are_those_that_broke_in_the_same_place(store: Store) -> None:
    broken = {"failed": True, "stage": "reasoning", "boundary": None, "cause": "llm_error"}
    others = {
        "near": {"at": 9},
        "far": {"at": 90},
        "before": {"at": 2},
        "elsewhere": {"at": 8, "boundary": "reasoning>tool"},
        "fine": {"at": 8, "failed": False},
    }
    mine = judged("mine", at=8, **broken)
    rows = [judged(name, **{**broken, **each}) for name, each in others.items()]
    names = ["mine", *others]
    load(store, spans(*(span(name) for name in names[:3])), requests(mine, *rows[:2]))
    load(store, spans(*(span(name) for name in names[3:])), requests(*rows[2:]))

    def alike(limit: int) -> list[str]:
        return store.alike(mine, ["request_id"], limit=limit)["request_id"].to_list()

    ids = dict(zip(others, (row["request_id"] for row in rows), strict=True))
    assert alike(1) == [ids["near"]]
    assert alike(9) == [ids["before"], ids["near"], ids["far"]]
    again = judged("near", **{**broken, "at": 9, "failed": False})
    with store.writer() as writer:
        writer.commit(None, requests(again), [again["trace_id"]])
    assert alike(9) == [ids["before"], ids["far"]]


def test_ids_that_begin_alike_are_told_apart_by_their_ends() -> None:
    ends = ("01", "05", "09")
    held = keys.SortedKeys("trace", b"".join(bytes.fromhex("0" * 30 + end) for end in ends))
    found = [
        held.any_between(*(keys.bounds_of("trace", "0" * 30 + end) or (b"", b"")))
        for end in ("00", *ends, "06", "0a")
    ]
    assert found == [False, True, True, True, False, False]


def test_a_request_found_before_a_commit_is_not_remembered_after_it(store: Store) -> None:
    load(store, spans(span("a")), requests(judged("a", user_id="old")))
    ids = store.find("span", number("aroot", 16), ["request_id"])["request_id"]
    again = judged("a", user_id="new")
    with store.writer() as writer:
        writer.commit(None, requests(again), [again["trace_id"]])
    assert store.find("request", ids.item(), ["user_id"])["user_id"].to_list() == ["new"]
