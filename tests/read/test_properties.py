"""Any trace reads back the same from every framing, and no bytes break the reader."""

import base64
import gzip
import json

import polars as pl
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.read.dumps import attribute, dump, framed, proto, read, request, span, text
from tracelens.errors import TracelensError

PROMOTE = {"a": "text", "b": "int", "c": "float", "d": "bool"}

# Characters that survive UTF-8; NUL too, which both front ends must replace alike.
words = st.text(st.characters(codec="utf-8"), max_size=12)
keys = st.one_of(st.sampled_from(["a", "b", "c", "d", "$bytes", "$trace_id"]), words)
int64 = st.integers(-(2**63), 2**63 - 1)
scalars = st.one_of(
    words.map(lambda value: {"stringValue": value}),
    st.just({"stringValue": "long " * 60}),
    int64.map(lambda value: {"intValue": str(value)}),
    st.booleans().map(lambda value: {"boolValue": value}),
    st.floats(allow_nan=False, allow_infinity=False).map(lambda value: {"doubleValue": value}),
    st.sampled_from(["NaN", "Infinity", "-Infinity"]).map(lambda value: {"doubleValue": value}),
    st.binary(max_size=9).map(lambda raw: {"bytesValue": base64.b64encode(raw).decode()}),
    st.just({}),
)
values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda items: {"arrayValue": {"values": items}}),
        st.lists(st.tuples(keys, inner), max_size=3).map(
            lambda items: {"kvlistValue": {"values": [{"key": k, "value": v} for k, v in items]}}
        ),
    ),
    max_leaves=4,
)
attributes = st.lists(
    st.tuples(keys, values).map(lambda pair: {"key": pair[0], "value": pair[1]}), max_size=5
)
times = st.one_of(st.just(0), st.integers(1, 2**64 - 1)).map(str)
hex_ids = [st.integers(1, 16**digits - 1).map(f"{{:0{digits}x}}".format) for digits in (32, 16)]
events = st.fixed_dictionaries(
    {"name": words, "timeUnixNano": times, "attributes": attributes},
    optional={"droppedAttributesCount": st.integers(0, 9)},
)
links = st.fixed_dictionaries(
    {"traceId": hex_ids[0], "spanId": hex_ids[1], "attributes": attributes},
    optional={"traceState": words, "flags": st.integers(0, 2**32 - 1)},
)
spans = st.fixed_dictionaries(
    {"traceId": hex_ids[0], "spanId": hex_ids[1], "name": words},
    optional={
        "parentSpanId": hex_ids[1],
        "kind": st.integers(0, 5),
        "startTimeUnixNano": times,
        "endTimeUnixNano": times,
        "status": st.fixed_dictionaries({"code": st.integers(0, 2), "message": words}),
        "traceState": words,
        "flags": st.integers(0, 2**32 - 1),
        "attributes": attributes,
        "events": st.lists(events, max_size=2),
        "links": st.lists(links, max_size=2),
        "droppedEventsCount": st.integers(0, 9),
    },
)
resources = st.fixed_dictionaries({}, optional={"attributes": attributes})
scopes = st.fixed_dictionaries({}, optional={"name": words, "attributes": attributes})
requests = st.builds(
    lambda found, resource, scope: request(*found, resource=resource, scope=scope),
    st.lists(spans, min_size=1, max_size=3),
    resources,
    scopes,
)
dumps = st.lists(requests, min_size=1, max_size=3)


def binary(documents):
    return [proto(one) for one in documents]


FRAMINGS = {
    "pretty": lambda found: b"\n".join(json.dumps(one, indent=1).encode() for one in found),
    "joined": lambda found: b"".join(json.dumps(one).encode() for one in found),
    "unicode": lambda found: b"\n".join(
        json.dumps(one, ensure_ascii=False).encode() for one in found
    ),
    "list": lambda found: json.dumps(found).encode(),
    "raw": lambda found: b"".join(binary(found)),
    "framed": lambda found: framed(*binary(found)),
    "framed_zstd": lambda found: framed(*map(zstandard.compress, binary(found))),
    "gzip": lambda found: gzip.compress(dump(*found)),
    "zstd": lambda found: zstandard.compress(b"".join(binary(found))),
}


def without_place(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.drop("position")


@pytest.mark.parametrize("framing", FRAMINGS)
@settings(max_examples=40)
@given(found=dumps)
def test_every_framing_reads_back_the_same(framing, found):
    expected, _ = read(dump(*found), PROMOTE)
    rows, tally = read(FRAMINGS[framing](found), PROMOTE)
    assert without_place(rows).equals(without_place(expected))
    assert not tally.rejects


@settings(max_examples=300)
@given(data=st.one_of(st.binary(max_size=200), st.binary(max_size=60).map(lambda b: b"\n" + b)))
def test_no_bytes_break_the_reader(data):
    try:
        read(data)
    except TracelensError as error:
        assert str(error).startswith("dump: ")


WHOLE = [
    dump(request(span(attributes=[text("k", "v"), attribute("n", "intValue", "3")]))) * 2,
    b"".join(binary([request(span(attributes=[text("k", "v")]))] * 2)),
    framed(*binary([request(span())] * 2)),
    gzip.compress(dump(request(span()))),
    zstandard.compress(dump(request(span()))),
]


@settings(max_examples=400)
@given(data=st.data(), whole=st.sampled_from(WHOLE))
def test_no_damage_breaks_the_reader(data, whole):
    damaged = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    try:
        read(bytes(damaged[: data.draw(st.integers(1, len(damaged)))]))
    except TracelensError as error:
        assert str(error).startswith("dump: ")


NAMES = [
    "resourceSpans",
    "scopeSpans",
    "spans",
    "resource",
    "scope",
    "attributes",
    "key",
    "value",
    "traceId",
    "spanId",
    "events",
    "links",
    "status",
    "code",
    "kind",
    "startTimeUnixNano",
    "intValue",
    "arrayValue",
    "values",
    "stringValue",
    "kvlistValue",
    "bytesValue",
    "resourceLogs",
    "trace",
    "batches",
    "high",
    "low",
]

json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), words),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(NAMES),
            inner,
            max_size=4,
        ),
    ),
    max_leaves=12,
)


@settings(max_examples=400)
@given(document=json_values, fields=st.dictionaries(st.sampled_from(list(span())), json_values))
def test_no_json_breaks_the_reader(document, fields):
    for data in (dump(document), dump(request(span(**fields)))):
        try:
            read(data)
        except TracelensError as error:
            assert str(error).startswith("dump: ")
