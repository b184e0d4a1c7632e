"""Flat copies of segments of requests: the same columns, and never needed."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.store.frames import load, new_store, number, request, requests, span, spans, trace
from tracelens.model import REQUEST
from tracelens.store import Store, compact, flat
from tracelens.store.columns import Columns
from tracelens.store.flat import COPIED, Copy, copy_name, find_copy
from tracelens.store.writer import Writer

TEXTS = st.sampled_from([None, "", "a", "b+c", "A\nB", "ü"])


def values(dtype: Any) -> st.SearchStrategy[Any]:
    """Values of a type of REQUEST, null among them."""
    if isinstance(dtype, pl.Struct):
        members = {each.name: values(each.dtype) for each in dtype.fields}
        return st.none() | st.fixed_dictionaries(members)
    if isinstance(dtype, pl.List):
        return st.none() | st.lists(values(dtype.inner), max_size=2)
    if dtype == pl.String:
        return TEXTS
    if dtype == pl.Boolean:
        return st.none() | st.booleans()
    if dtype.is_integer():
        bits = 7 if dtype == pl.Int8 else 63
        return st.none() | st.integers(-(2**bits), 2**bits - 1)
    return st.none() | st.floats(allow_nan=False)


IDS = ("request_id", "trace_id", "request_span_id", "span_ids", "start_unix_nano")
ROW = st.fixed_dictionaries({n: values(t) for n, t in REQUEST.items() if n not in IDS})


def copies(store: Store) -> list[Path]:
    return sorted((store.path / "segments").glob("columns-*"))


def columns(store: Store, names: Any = ("request_id", "cost_usd", "inputs")) -> list[Any]:
    """Columns as a process finds them that begins now."""
    held = Columns(store.path)
    try:
        rows = held.frame([name for name in names if name != "generation"])
        return sorted(rows.rows(), key=repr)
    finally:
        held.close()


@pytest.fixture
def filled(store: Store) -> Store:
    rows = [
        request("a", cost_usd=0.5, input_modalities=["audio"], service="desk"),
        request("b", cost_usd=0.25, input_modalities=[]),
    ]
    load(store, spans(span("a"), span("b")), requests(*rows))
    return store


EXPECTED = sorted(
    [(number("aroot", 32), 0.5, "audio"), (number("broot", 32), 0.25, "none")], key=repr
)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(ROW, min_size=1, max_size=5))
def test_every_column_is_as_in_the_segment(
    tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, Any]]
) -> None:
    store = new_store(tmp_path_factory.mktemp("flat"))
    batch = spans(*(span(str(at)) for at in range(len(rows))))
    load(store, batch, requests(*(request(str(at), **row) for at, row in enumerate(rows))))
    (copy,) = copies(store)
    read = Columns(store.path)
    read.frame(["request_id"])
    segment = read._parts[0].segment
    by_copy = read._scan([segment], COPIED)[0]
    found = find_copy(copy.parent, segment)
    assert found is not None
    assert found.columns | found.empty == set(COPIED)
    copy.unlink()
    nested = read._scan([segment], COPIED)[0]
    for name in COPIED:
        same = by_copy[name].cast(nested[name].dtype)
        assert same.equals(nested[name]), name
    read.close()
    store.close()


def test_columns_are_read_from_the_copy(filled: Store) -> None:
    """Or else no other test here would tell."""
    (copy,) = copies(filled)
    (segment,) = filled._log.live().of("requests")
    told = json.loads(pl.read_parquet_metadata(copy)[flat.KEY])
    changed = pl.read_parquet(copy).with_columns(cost_usd=pl.lit(7.0))
    changed.write_parquet(copy, metadata={flat.KEY: json.dumps(told)})
    assert {row[1] for row in columns(filled)} == {7.0}
    (found,) = filled.verify()
    assert (found.segment, found.kind, found.requests) == (copy, "requests", [])
    assert found.reason == (
        f"{copy} has other values than {segment.name}: delete it, nothing is lost"
    )
    copy.unlink()
    assert columns(filled) == EXPECTED
    assert filled.verify() == []


def cut(copy: Path) -> None:
    copy.write_bytes(copy.read_bytes()[:-20])


def spoil(copy: Path) -> None:
    """Bytes that are no pages, before a footer that is whole."""
    data = bytearray(copy.read_bytes())
    footer = int.from_bytes(data[-8:-4], "little") + 8
    data[4 : len(data) - footer] = b"\xff" * (len(data) - footer - 4)
    copy.write_bytes(data)


def retell(**told: Any) -> Callable[[Path], None]:
    def write(copy: Path) -> None:
        old = json.loads(pl.read_parquet_metadata(copy)[flat.KEY])
        rows = pl.read_parquet(copy).with_columns(cost_usd=pl.lit(7.0))
        rows.write_parquet(copy, metadata={flat.KEY: json.dumps(old | told)})

    return write


def other_rows(copy: Path) -> None:
    told = pl.read_parquet_metadata(copy)[flat.KEY]
    rows = pl.read_parquet(copy).with_columns(cost_usd=pl.lit(7.0))
    rows.head(1).write_parquet(copy, metadata={flat.KEY: told})


def other_type(copy: Path) -> None:
    told = pl.read_parquet_metadata(copy)[flat.KEY]
    rows = pl.read_parquet(copy).with_columns(cost_usd=pl.lit("seven"))
    rows.write_parquet(copy, metadata={flat.KEY: told})


@pytest.mark.parametrize(
    "spoiled",
    [
        Path.unlink,
        cut,
        spoil,
        retell(layout=flat.LAYOUT + 1),
        retell(segment="requests-00000001-other.parquet"),
        retell(empty=None),
        other_rows,
        other_type,
        lambda copy: copy.write_text("{}"),
        lambda copy: pl.read_parquet(copy).write_parquet(copy),
    ],
    ids=[
        *(
            "missing",
            "cut",
            "spoiled",
            "layout",
            "foreign",
            "no list",
            "rows",
            "type",
            "no Parquet",
        ),
        "says nothing",
    ],
)
def test_what_does_not_fit_is_read_from_the_segment(
    filled: Store, spoiled: Callable[[Path], None]
) -> None:
    spoiled(copies(filled)[0])
    assert columns(filled) == EXPECTED


def test_a_damaged_copy_is_told_and_no_request_is_lost(filled: Store) -> None:
    (copy,) = copies(filled)
    spoil(copy)
    (found,) = filled.verify()
    assert "nothing is lost" in found.reason
    assert (found.loads, found.traces, found.requests) == ([], [], [])


def test_dead_rows_are_dropped(filled: Store) -> None:
    held = Columns(filled.path)
    held.frame(["request_id", "cost_usd"])
    load(filled, spans(span("a", "again")), requests(request("a", cost_usd=9.0)))
    expected = {number("aroot", 32): 9.0, number("broot", 32): 0.25}
    assert dict(columns(filled, ["request_id", "cost_usd"])) == expected
    assert dict(held.frame(["request_id", "cost_usd"]).rows()) == expected
    held.close()


def test_merging_writes_the_copy_anew_and_sweeping_removes_the_old(
    filled: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    load(filled, spans(span("a", "again")), requests(request("a", cost_usd=9.0)))
    copies(filled)[0].unlink()  # as in a store from before there were copies
    before = columns(filled, COPIED)
    monkeypatch.setattr(compact, "SEGMENTS_KEPT", 1)
    with filled.writer():
        pass
    (segment,) = filled._log.live().of("requests")
    found = find_copy(filled.path / "segments", segment)
    assert found is not None
    assert pl.read_parquet(found.path).height == segment.rows == 2
    assert columns(filled, COPIED) == before
    assert filled.verify() == []
    with Writer(filled.path, seconds=1, grace=-1):
        pass
    assert copies(filled) == [found.path]


def test_a_copy_without_a_segment_is_swept_and_one_in_use_stays(filled: Store) -> None:
    (copy,) = copies(filled)
    stray = copy.with_name("columns-00000009-stray.parquet")
    stray.write_bytes(copy.read_bytes())
    for each in (copy, stray):
        os.utime(each, (0, 0))
    with filled.writer():
        pass
    assert copies(filled) == [copy]


def test_a_reader_goes_on_while_its_copy_goes(
    filled: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A writer of another process may sweep between looking for a file and reading it."""
    scan = Copy.scan

    def late(self: Copy, names: Any) -> pl.LazyFrame:
        self.path.unlink(missing_ok=True)
        return scan(self, names)

    monkeypatch.setattr(Copy, "scan", late)
    assert columns(filled) == EXPECTED
    assert not copies(filled)


def test_sizes_count_copies(filled: Store) -> None:
    (row,) = (each for each in filled.sizes()["segments"] if each["kind"] == "requests")
    (segment,) = filled._log.live().of("requests")
    assert row["bytes"] == segment.bytes + copies(filled)[0].stat().st_size
    assert copy_name(segment.name) == copies(filled)[0].name


def test_ids_keep_their_spelling(store: Store) -> None:
    """A copy has ids as bytes, which are spelt in small letters."""
    row = request("a") | {"request_id": "AB" * 16}
    load(store, spans(span("a")), requests(row))
    assert columns(store, ["request_id", "trace_id"]) == [("AB" * 16, trace("a"))]
