"""What ends up in which column."""

import json

import polars as pl
import pytest

from tests.read.dumps import (
    SPAN,
    TRACE,
    attribute,
    dump,
    proto,
    read,
    read_one,
    request,
    source,
    span,
    text,
)
from tracelens.model import RAW_SPAN
from tracelens.read import read_spans

EVERY_KIND = [
    text("text", "hi"),
    attribute("int", "intValue", "7"),
    attribute("float", "doubleValue", 1.5),
    attribute("bool", "boolValue", True),
    attribute("list", "arrayValue", {"values": [{"intValue": "1"}, {"stringValue": "a"}]}),
    attribute("map", "kvlistValue", {"values": [text("k", "v")]}),
    attribute("bytes", "bytesValue", "AQI="),
    {"key": "empty", "value": {}},
]


def test_the_schema_is_the_model_s_and_the_promoted_columns():
    promote = {"a": "text", "b": "int", "c": "float", "d": "bool"}
    rows, _ = read(dump(request(span())), promote)
    expected = dict(RAW_SPAN) | {
        "attributes.a": pl.String,
        "attributes.b": pl.Int64,
        "attributes.c": pl.Float64,
        "attributes.d": pl.Boolean,
    }
    assert rows.schema == pl.Schema(expected)


def test_unpromoted_attributes_keep_their_types():
    row = read_one(attributes=EVERY_KIND)
    assert row["attrs"] == {
        "text": "hi",
        "int": 7,
        "float": 1.5,
        "bool": True,
        "list": [1, "a"],
        "map": {"k": "v"},
        "bytes": {"$bytes": "AQI="},
        "empty": None,
    }
    assert row["attrs_big"] is None


@pytest.mark.parametrize(
    ("kind", "columns", "left"),
    [
        (
            "text",
            ["hi", "7", "1.5", "true", '[1,"a"]', '{"k":"v"}', '{"$bytes":"AQI="}', None],
            {"int", "float", "bool", "list", "map", "bytes", "empty"},
        ),
        (
            "int",
            [None, 7, None, None, None, None, None, None],
            {"text", "float", "bool", "list", "map", "bytes", "empty"},
        ),
        (
            "float",
            [None, 7.0, 1.5, None, None, None, None, None],
            {"text", "int", "bool", "list", "map", "bytes", "empty"},
        ),
        (
            "bool",
            [None, None, None, True, None, None, None, None],
            {"text", "int", "float", "list", "map", "bytes", "empty"},
        ),
    ],
)
def test_promoted_columns_take_what_fits_and_attrs_what_they_cannot_give_back(kind, columns, left):
    names = [one["key"] for one in EVERY_KIND]
    row = read_one(attributes=EVERY_KIND, promote=dict.fromkeys(names, kind))
    assert [row[f"attributes.{name}"] for name in names] == columns
    assert row["attrs"].keys() == left


@pytest.mark.parametrize(("length", "column"), [(254, "attrs"), (255, "attrs_big")])
def test_long_values_go_to_attrs_big(length, column):
    row = read_one(attributes=[text("k", "x" * length)])
    assert row[column] == {"k": "x" * length}


def test_the_size_of_a_value_is_of_its_encoding():
    assert read_one(attributes=[text("k", "ü" * 128)])["attrs_big"] == {"k": "ü" * 128}
    assert read_one(attributes=[text("k", "\n" * 200)])["attrs_big"] == {"k": "\n" * 200}


def test_maps_with_odd_keys_are_pairs():
    values = {"values": [text("k", "1"), text("k", "2")]}
    dollar = {"values": [text("$bytes", "1")]}
    row = read_one(
        attributes=[attribute("m", "kvlistValue", values), attribute("d", "kvlistValue", dollar)]
    )
    assert row["attrs"] == {
        "m": {"$kvlist": [["k", "1"], ["k", "2"]]},
        "d": {"$kvlist": [["$bytes", "1"]]},
    }


def test_events_links_and_dropped_counts():
    row = read_one(
        events=[
            {"timeUnixNano": "9", "name": "e", "attributes": [text("k", "v")]},
            {"timeUnixNano": "0", "name": "f", "droppedAttributesCount": 3},
        ],
        links=[{"traceId": TRACE.upper(), "spanId": SPAN, "traceState": "a=b", "flags": 1}],
        droppedAttributesCount=1,
        droppedLinksCount="2",
    )
    assert row["events"] == [
        {"name": "e", "time_unix_nano": 9, "attributes": {"k": "v"}},
        {"name": "f", "time_unix_nano": None, "attributes": {}, "dropped_attributes_count": 3},
    ]
    assert row["links"] == [
        {"trace_id": TRACE, "span_id": SPAN, "trace_state": "a=b", "flags": 1, "attributes": {}}
    ]
    assert row["dropped"] == {"attributes": 1, "links": 2}


def test_the_last_exception_is_told():
    def raised(kind, nanos):
        attributes = [text("exception.type", kind), text("exception.message", "m " + kind)]
        return {"name": "exception", "timeUnixNano": nanos, "attributes": attributes}

    row = read_one(events=[raised("A", "1"), raised("B", "2"), {"name": "later"}])
    assert (row["exception_type"], row["exception_message"]) == ("B", "m B")
    assert row["exception_unix_nano"] == 2


def test_resource_and_scope():
    document = request(
        span(),
        resource={"attributes": [text("service.name", "bot"), text("a", "b")]},
        scope={"name": "n", "version": "1", "attributes": [text("x", "y")]},
    )
    rows, _ = read(dump(document))
    row = rows.row(0, named=True)
    assert row["service"] == "bot"
    assert row["resource_attrs"] == '{"a":"b","service.name":"bot"}'
    assert (row["scope_name"], row["scope_version"]) == ("n", "1")
    assert row["scope_attrs"] == '{"x":"y"}'


def test_what_is_absent_is_null_or_the_default():
    rows, _ = read(dump({"resourceSpans": [{"scopeSpans": [{"spans": [span()]}]}]}))
    row = rows.row(0, named=True)
    for name in ("service", "scope_name", "scope_version", "scope_attrs", "status_message"):
        assert row[name] is None
    assert (row["resource_attrs"], row["attrs"], row["events"]) == ("{}", "{}", "[]")
    assert (row["kind"], row["flags"], row["status_code"], row["notes"]) == (0, 0, 0, [])


def test_position_is_the_offset_of_the_record():
    one = dump(request(span()))
    assert read(one + b"\n\n" + one)[0]["position"].to_list() == [0, len(one) + 2]
    binary = proto(request(span()))
    assert read(binary + binary)[0]["position"].to_list() == [0, len(binary)]


CHANGES = [
    {"traceId": "0" * 31 + "1"},
    {"spanId": "0" * 15 + "1"},
    {"parentSpanId": "0" * 15 + "1"},
    {"name": "other"},
    {"kind": 3},
    {"startTimeUnixNano": "5"},
    {"endTimeUnixNano": "5"},
    {"status": {"code": 2}},
    {"status": {"message": "m"}},
    {"traceState": "a=b"},
    {"flags": 1},
    {"attributes": [text("k", "v")]},
    {"attributes": [text("k", "w")]},
    {"attributes": [attribute("k", "intValue", "1")]},
    {"attributes": [attribute("k", "doubleValue", 1)]},
    {"events": [{"name": "e"}]},
    {"links": [{"traceId": TRACE, "spanId": SPAN}]},
    {"droppedAttributesCount": 1},
]


def test_the_content_hash_changes_with_every_part():
    documents = [request(span(**change)) for change in [{}, *CHANGES]]
    documents += [
        request(span(), resource={"attributes": [text("service.name", "x")]}),
        request(span(), scope={"name": "x"}),
    ]
    rows, _ = read(dump(*documents), {"k": "text"})
    assert rows["content_hash"].n_unique() == len(documents)


def test_the_content_hash_ignores_order_spelling_and_place():
    attributes = [text("a", "1"), text("b", "2")]
    one = span(attributes=attributes, kind=2)
    other = span(attributes=attributes[::-1], kind="SERVER", traceId=TRACE.upper())
    rows, _ = read(dump(request(one), request(other)))
    assert rows["content_hash"].n_unique() == 1


def test_batches_have_the_rows_asked_for():
    lines = [request(span(spanId=f"{number:016x}")) for number in range(1, 8)]
    reader = read_spans(source(dump(*lines)), {"k": "text"}, batch_rows=3)
    assert [frame.height for frame in reader] == [3, 3, 1]
    assert reader.progress == len(dump(*lines))


def test_promoted_values_stay_on_their_rows_over_batches():
    documents = [
        request(span(spanId=f"{number:016x}", attributes=[text("k", str(number))] * (number % 2)))
        for number in range(1, 8)
    ]
    rows, _ = read(dump(*documents), {"k": "text"}, batch_rows=2)
    assert rows["attributes.k"].to_list() == ["1", None, "3", None, "5", None, "7"]
    assert json.loads(rows["attrs"][0]) == {}
