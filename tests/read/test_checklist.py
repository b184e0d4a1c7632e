"""The thirty rules of a correct reader, one test each, by their number."""

import codecs
import gzip
import hashlib
import json

import pytest
import zstandard
from opentelemetry.proto.logs.v1.logs_pb2 import LogsData
from opentelemetry.proto.trace.v1.trace_pb2 import TracesData

from tests.read import writers
from tests.read.dumps import (
    SPAN,
    START,
    TRACE,
    attribute,
    dump,
    framed,
    gzipped,
    parsed,
    proto,
    read,
    read_one,
    request,
    source,
    span,
    text,
    zstd,
)
from tracelens.errors import InputError, LimitError
from tracelens.model import RAW_SPAN
from tracelens.read import file_source, read_spans

ONE = request(span())
OTHER = "00000000000000aa"
BARE = ONE["resourceSpans"]


def test_01_bytes_are_sniffed_and_names_are_not(tmp_path):
    for name, data in {
        "a.json": proto(ONE),
        "a.pb": dump(ONE),
        "a.csv": gzip.compress(dump(ONE)),
        "a.jsonl": zstandard.compress(framed(proto(ONE))),
    }.items():
        path = tmp_path / name
        path.write_bytes(data)
        assert sum(frame.height for frame in read_spans(file_source(path), {})) == 1


@pytest.mark.parametrize("pack", [gzipped, zstd])
def test_02_all_members_are_inflated_and_bombs_are_not(pack):
    assert read(pack(dump(*[ONE] * 9)))[0].height == 9
    bomb = pack(b" " * 90_000_000)
    with pytest.raises(LimitError, match="compression_ratio"):
        read(bomb)


@pytest.mark.parametrize("name", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_03_marks_are_stripped_and_utf_16_is_read_marked_or_not(name):
    data = dump(request(span(name="größe"))).decode().encode(name)
    assert read(data)[0]["name"].to_list() == ["größe"]
    assert not data.startswith(codecs.BOM_UTF8) or name == "utf-8-sig"


def test_04_reading_recovers_at_the_next_document_and_reports_what_was_lost():
    whole = dump(ONE)
    rows, tally = read(whole + b'{"resourceSpans": [oops\n' + whole)
    assert rows.height == 2
    assert [reject.at for reject in tally.rejects] == [f"line 2, byte {len(whole)}"]


def test_05_a_truncated_last_line_is_no_failure():
    rows, tally = read(dump(ONE) + dump(ONE)[:-40])
    assert rows.height >= 1
    assert "ends inside" in tally.rejects[0].reason


@pytest.mark.parametrize(
    "document",
    [
        {"resourceSpans": BARE},
        BARE[0],
        [{"resourceSpans": BARE}],
        BARE,
        {"batches": BARE},
        {"trace": {"resourceSpans": BARE}, "status": "COMPLETE"},
        {"result": {"resourceSpans": BARE}},
        BARE[0]["scopeSpans"][0]["spans"][0],
        BARE[0]["scopeSpans"][0]["spans"],
    ],
    ids=[
        "request",
        "resource",
        "requests",
        "resources",
        "tempo1",
        "tempo2",
        "jaeger3",
        "span",
        "spans",
    ],
)
def test_06_all_top_level_shapes_are_accepted(document):
    rows, tally = read(dump(document))
    assert rows["span_id"].to_list() == [SPAN]
    assert not tally.rejects


def test_07_both_name_cases_and_legacy_names_are_read():
    snake = {"trace_id": TRACE, "span_id": SPAN, "start_time_unix_nano": START}
    document = {"resource_spans": [{"instrumentation_library_spans": [{"spans": [snake]}]}]}
    assert read(dump(document))[0]["start_unix_nano"].to_list() == [START]
    assert read(dump(snake))[0]["start_unix_nano"].to_list() == [START]


def test_08_the_id_ladder():
    spellings = [TRACE.upper(), "0x" + TRACE, TRACE.lstrip("0"), "CvdlGRbNQ92ESOshHIAxnA=="]
    assert {read_one(traceId=one)["trace_id"] for one in spellings} == {TRACE}
    row = read_one(traceId="call 7")
    assert row["trace_id"] == hashlib.sha256(b"call 7").hexdigest()[:32]
    assert row["attrs"] == {"$trace_id": "call 7"}


def test_09_the_parent_ladder():
    for parent in ("", None, "0" * 16, "AAAAAAAAAAA=", "None", "root"):
        assert read_one(parentSpanId=parent)["parent_span_id"] is None
    assert read_one(parentSpanId="AA")["parent_span_id"] == "0" * 14 + "aa"


def test_10_ints_never_pass_through_a_double():
    for raw in (str(START), START, {"high": START >> 32, "low": START & 0xFFFFFFFF}):
        assert read_one(startTimeUnixNano=raw)["start_unix_nano"] == START


def test_11_the_enum_ladder():
    kinds = [3, "3", "SPAN_KIND_CLIENT", "client", "SpanKind.CLIENT"]
    assert {read_one(kind=kind)["kind"] for kind in kinds} == {3}
    assert read_one(kind="ROBOT")["attrs"] == {"$kind": "ROBOT"}


def test_12_null_is_absent():
    nulls = dict.fromkeys(["parentSpanId", "attributes", "events", "links", "status", "kind"])
    row = read_one(**nulls)
    assert (row["attrs"], row["events"], row["kind"], row["notes"]) == ({}, [], 0, [])


def test_13_values_keep_their_types_and_duplicate_keys_are_flagged():
    found = [attribute("a", "intValue", "1"), attribute("b", "doubleValue", 1), text("c", "1")]
    row = read_one(attributes=[*found, text("c", "2")])
    assert json.dumps(row["attrs"]) == '{"a": 1, "b": 1.0, "c": "1", "$duplicates": [["c", "2"]]}'
    assert row["notes"] == ["duplicate_keys"]


def test_14_string_indexes_are_said_and_treated_as_absent():
    found = [{"keyStrindex": 4, "value": {"stringValueStrindex": 5}}]
    rows, tally = read(dump(request(span(attributes=found))))
    assert rows.height == 1
    message = tally.warnings["unknown_field"].message
    assert "attribute.keyStrindex" in message
    assert "value.stringValueStrindex" in message


def test_14_string_indexes_in_binary_are_said_too():
    data = TracesData.FromString(proto(ONE))
    found = data.resource_spans[0].scope_spans[0].spans[0].attributes.add(key_strindex=4)
    found.value.string_value_strindex = 5
    rows, tally = read(data.SerializeToString())
    assert rows.height == 1
    assert "attribute.keyStrindex" in tally.warnings["unknown_field"].message


@pytest.mark.parametrize("value", ["NaN", float("nan")])
def test_15_what_is_no_number_is_kept_and_left_out_of_sums(value):
    row = read_one(attributes=[attribute("cost", "doubleValue", value)])
    assert row["attrs"] == {"cost": {"$double": "NaN"}}


def test_16_nul_and_lone_surrogates_are_replaced():
    row = read_one(name="a\0b", attributes=[text("k", "\ud83d"), text("show", "\\u0000")])
    assert (row["name"], row["attrs"]) == ("a�b", {"k": "�", "show": "\\u0000"})


def test_17_other_signals_are_counted_and_named():
    logs = {"resourceLogs": [{"scopeLogs": [{"logRecords": [{}]}]}]}
    assert read(dump(logs, ONE))[1].other_signals == {"logs": 1}
    with pytest.raises(InputError, match="OTLP logs"):
        read(dump(logs))


def test_18_binary_is_believed_when_nothing_unknown_is_left():
    logs = LogsData()
    record = logs.resource_logs.add().scope_logs.add().log_records.add(time_unix_nano=5)
    record.body.string_value = "hello"
    with pytest.raises(InputError, match="OTLP logs"):
        read(logs.SerializeToString())
    with pytest.raises(InputError):
        read(b"\n\x08" + b"\x0a\x02\x08\x01\x12\x02\x99\x01")


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (framed(proto(ONE), proto(ONE)), "otlp_proto_u32be"),
        (framed(*[zstandard.compress(proto(ONE))] * 2), "otlp_proto_u32be_zstd"),
        (framed(*[zstandard.compress(dump(ONE))] * 2), "otlp_json_u32be_zstd"),
        (writers.delimited(proto(ONE), proto(ONE)), "otlp_proto_delimited"),
    ],
)
def test_19_framed_messages_are_read(data, name):
    rows, tally = read(data)
    assert (rows.height, tally.format) == (2, name)


def test_20_equal_spans_have_equal_hashes_and_others_not():
    rows, _ = read(dump(ONE, ONE, request(span(name="other"))) + b"")
    hashes = rows["content_hash"].to_list()
    assert hashes[0] == hashes[1] != hashes[2]
    assert read(proto(ONE))[0]["content_hash"].to_list() == hashes[:1]


def test_21_the_hash_of_an_input_is_of_its_content_not_its_packing():
    data = dump(ONE)
    known = {read(one)[1].sha256 for one in (data, gzip.compress(data), zstandard.compress(data))}
    assert known == {hashlib.sha256(data).hexdigest()}


def test_22_no_order_is_assumed():
    found = [request(span(spanId=f"{n:016x}", parentSpanId=f"{n - 1:016x}")) for n in range(1, 6)]
    forth, back = read(dump(*found))[0], read(dump(*found[::-1]))[0]
    columns = [name for name in RAW_SPAN if name != "position"]
    assert forth.select(columns).equals(back.select(columns).reverse())


def test_23_orphans_roots_and_cycles_are_kept_as_they_are():
    found = [span(parentSpanId=SPAN), span(spanId=OTHER, parentSpanId="00000000000000bb")]
    rows, tally = read(dump(request(*found, span(spanId="0c", parentSpanId=OTHER))))
    assert rows["parent_span_id"].to_list() == [SPAN, "00000000000000bb", OTHER]
    assert not tally.rejects


def test_24_durations_are_unknown_where_they_cannot_be_told():
    assert read_one(endTimeUnixNano="0")["end_unix_nano"] is None
    row = read_one(endTimeUnixNano=str(START - 1))
    assert (row["end_unix_nano"], row["notes"]) == (START - 1, ["negative_duration"])
    same = read_one(endTimeUnixNano=str(START))
    assert (same["end_unix_nano"], same["notes"]) == (START, [])


def test_25_raw_nanoseconds_are_kept_and_never_rescaled():
    row = read_one(startTimeUnixNano=str(START // 10**6), endTimeUnixNano=str(START // 10**6 + 5))
    assert (row["start_unix_nano"], row["notes"]) == (START // 10**6, ["suspicious_time"])
    assert read_one(startTimeUnixNano=str(2**64 - 1))["attrs"] == {
        "$start_unix_nano": str(2**64 - 1)
    }


def test_26_pending_spans_are_merged():
    kind = [text("logfire.span_type", "pending_span")]
    copy = span(spanId=OTHER, parentSpanId=SPAN, attributes=kind)
    real = span(attributes=[text("logfire.span_type", "span")])
    rows, tally = read(dump(request(copy, real)))
    assert (rows["span_id"].to_list(), tally.spans_merged) == ([SPAN], 1)


def test_27_links_are_kept_resolved_or_not():
    links = [{"traceId": TRACE, "spanId": SPAN}, {"traceId": "ff", "spanId": ""}]
    row = read_one(links=links)
    assert [link["trace_id"] for link in row["links"]] == [TRACE, "ff".rjust(32, "0")]


def test_28_dropped_counts_are_kept():
    document = request(
        span(droppedAttributesCount=1, droppedEventsCount="2", droppedLinksCount=3),
        resource={"droppedAttributesCount": 4},
    )
    assert parsed(read(dump(document))[0])["dropped"] == {
        "attributes": 1,
        "events": 2,
        "links": 3,
        "resource_attributes": 4,
    }


def test_29_counts_add_up():
    kind = [text("logfire.span_type", "pending_span")]
    copy = span(spanId=OTHER, parentSpanId=SPAN, attributes=kind)
    real = span(attributes=[text("logfire.span_type", "span")])
    reader = read_spans(source(dump(request(copy, real, 17, span(spanId="0d")))), {})
    rows = sum(frame.height for frame in reader)
    tally = reader.tally
    assert (tally.spans_read, rows, tally.spans_merged, tally.spans_rejected) == (4, 2, 1, 1)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (dump({"traces": [{"traceID": "1", "spanSets": []}]}), "a Tempo search result"),
        (b"TraceID,SpanID,ParentID\n1,2,root\n3,4,5\n", "a CSV table"),
        (b"User: hello there\nAssistant: hi\n", "a chat log"),
        (
            dump({"history": [{"role": "user", "content": "x"}], "mistake_agent": "a"}),
            "agent's steps",
        ),
        (
            b"{\n  resource: {\n    attributes: {}\n  },\n  traceId: 'ab',\n  id: 'c'\n}\n",
            "JavaScript",
        ),
        (b"\x08\x01\x12\x20\x0a\x01a\x10\x28\x1a\x10\xff\xff\xff\xff\x00\x01\x02\x03", "OTAP"),
        (b"ARROW1\0\0", "an Arrow file"),
        (b"\0\0\0\x18ftypmp42\0\0\0\0", "an MP4 file"),
    ],
)
def test_30_what_is_no_trace_is_named_with_a_way_out(data, words):
    with pytest.raises(InputError, match=words) as caught:
        read(data)
    assert str(caught.value).count(". ") >= 1
