"""Export as OTLP/JSON: reading it again gives the same spans."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from tests.read.dumps import attribute, dump, proto, read, request, span, text
from tests.read.test_properties import PROMOTE, dumps
from tests.store.frames import new_store, requests, trace
from tests.store.frames import span as stored_span
from tests.store.frames import spans as stored_spans
from tracelens.errors import UsageError
from tracelens.model import CANONICAL_SPAN
from tracelens.normalise import canonical_spans, promoted_keys
from tracelens.policy import load
from tracelens.store import LoadEntry, Store, compact
from tracelens.store.otlp import request_lines

POLICY = load(None)


def hashes(rows: pl.DataFrame) -> Counter[tuple[str, str, int]]:
    """How often each span occurs, told by its ids and its content."""
    return Counter(rows.select("trace_id", "span_id", "content_hash").iter_rows())


def again(rows: pl.DataFrame, promote: Any = None) -> pl.DataFrame:
    """The rows written as OTLP/JSON and read back."""
    return read(b"".join(request_lines(rows)), promote or {})[0]


@settings(max_examples=50, suppress_health_check=list(HealthCheck))
@given(found=dumps, by=st.sampled_from([{}, PROMOTE]))
def test_any_spans_read_back_the_same(found: Any, by: Any) -> None:
    # Reading replaces NUL, after it has taken the hash of what was there.
    assume("\\u0000" not in json.dumps(found))
    rows, _ = read(dump(*found), by)
    assert hashes(again(rows, by)) == hashes(rows)
    assert again(rows).drop("position").equals(again(again(rows)).drop("position"))


OPAQUE = {"traceId": "order-7", "spanId": "not an id", "parentSpanId": "its parent"}
ODD = {
    "opaque ids": OPAQUE,
    "opaque ids in a link": {"links": [OPAQUE | {"parentSpanId": None}]},
    "a link with attributes named like originals": {
        "links": [{"traceId": "1" * 32, "attributes": [text("$trace_id", "x"), text("$x", "y")]}]
    },
    "times out of range": {"startTimeUnixNano": "-5", "endTimeUnixNano": str(2**64)},
    "no times": {"startTimeUnixNano": None, "endTimeUnixNano": 0},
    "an event out of time": {
        "events": [
            {"name": "a", "timeUnixNano": "soon", "attributes": [text("k", "v")]},
            {"name": "b", "attributes": [text("$time_unix_nano", "7")]},
        ]
    },
    "unknown enums": {"kind": 77, "status": {"code": "FINE", "message": "m"}},
    "names like ours": {
        "attributes": [text("$trace_id", "a"), text("$$kind", "b"), text("$duplicates", "c")]
    },
    "repeated keys": {
        "attributes": [text("a", "1"), attribute("a", "intValue", "2"), text("a", "long " * 90)],
        "events": [{"name": "e", "attributes": [text("a", "1"), text("a", "1"), text("b", "2")]}],
    },
    "a list that looks like repeated keys": {
        "events": [
            {
                "attributes": [
                    {
                        "key": "$duplicates",
                        "value": {"arrayValue": {"values": [{"arrayValue": {"values": []}}]}},
                    }
                ]
            }
        ]
    },
    "dropped counts": {
        "droppedAttributesCount": 1,
        "droppedEventsCount": 2,
        "droppedLinksCount": 3,
        "flags": 257,
        "traceState": "a=b",
    },
}


@pytest.mark.parametrize("case", ODD)
def test_what_is_odd_reads_back_the_same(case: str) -> None:
    repeated = {"attributes": [text("service.name", "a"), text("service.name", "b")]}
    shared = {"resource": repeated | {"droppedAttributesCount": 4}, "scope": {"version": "2"}}
    rows, _ = read(dump(request(span(**ODD[case]), **shared), request(span(**ODD[case]))))
    assert hashes(again(rows)) == hashes(rows)
    assert again(rows).drop("position").equals(rows.drop("position"))


def test_ids_of_odd_length_from_protobuf() -> None:
    data = proto(request(span(), span(traceId="ab" * 20, spanId="cd" * 11)))
    rows, _ = read(data)
    assert hashes(again(rows)) == hashes(rows)


def put(store: Store, raw: pl.DataFrame) -> None:
    """Store spans as they were read, without judging them."""
    with store.stage() as stage, store.writer() as writer:
        stage.add(canonical_spans(raw, POLICY))
        writer.commit(writer.fresh(stage), requests(), [], [LoadEntry({})])


@settings(max_examples=4, suppress_health_check=list(HealthCheck))
@given(found=st.lists(dumps, min_size=1, max_size=3), merged=st.booleans())
def test_what_a_store_exports_loads_as_the_same(
    tmp_path_factory: pytest.TempPathFactory, found: list[Any], merged: bool
) -> None:
    assume("\\u0000" not in json.dumps(found))
    store = new_store(tmp_path_factory.mktemp("store"))
    seen: set[tuple[str, str, int]] = set()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compact, "SEGMENTS_KEPT", 1 if merged else 50)
        # The middle one comes from a version that promotes nothing.
        for number, documents in enumerate(found):
            rows, _ = read(dump(*documents), {} if number == 1 else promoted_keys())
            seen |= hashes(rows).keys()
            put(store, rows)
    file = store.path.parent / "out.jsonl"
    assert store.export_otlp(file) == len(seen)
    rows, _ = read(file.read_bytes(), promoted_keys())
    assert hashes(rows) == Counter(seen)
    store.close()


def test_a_promoted_column_of_another_type_loses_nothing(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compact, "SEGMENTS_KEPT", 1)
    found = [text("gen_ai.a", "seven"), attribute("gen_ai.b", "doubleValue", 0.5)]
    kinds: list[Any] = [{"gen_ai.a": "text", "gen_ai.b": "float"}, {"gen_ai.a": "int"}]
    seen: Counter[tuple[str, str, int]] = Counter()
    for number, promote in enumerate([*kinds, {"gen_ai.a": "text"}]):
        one = span(attributes=found, spanId=f"{number + 1:016x}")
        rows, _ = read(dump(request(one)), promote)
        seen += hashes(rows)
        put(store, rows)
    file = store.path.parent / "out.jsonl"
    store.export_otlp(file)
    assert hashes(read(file.read_bytes())[0]) == seen
    assert len(store._log.live().of("spans")) == 2, "merged but for those that differ in a type"


def test_some_traces(store: Store, tmp_path: Path) -> None:
    rows = stored_spans(*(stored_span(name, attrs='{"k":1}') for name in "abc"))
    names = [name for name in rows.columns if name not in CANONICAL_SPAN]
    put(store, rows.select(names).with_columns(resource_attrs=pl.lit("{}"), events=pl.lit("[]")))
    file = tmp_path / "some.jsonl"
    assert store.export_otlp(file, traces=[trace("b"), trace("x")]) == 1
    (line,) = file.read_text().splitlines()
    (exported,) = json.loads(line)["resourceSpans"][0]["scopeSpans"][0]["spans"]
    assert exported["traceId"] == trace("b")
    assert exported["attributes"] == [{"key": "k", "value": {"intValue": "1"}}]
    with pytest.raises(UsageError, match="exists and is not overwritten"):
        store.export_otlp(file)
    assert store.export_otlp(file, overwrite=True) == 3
    assert not list(tmp_path.glob(".tmp-*"))
