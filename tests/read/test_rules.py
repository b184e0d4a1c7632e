"""One test for each rule of how OTLP is read, named after it."""

import base64
import codecs
import hashlib
import json

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, TracesData

from tests.read.dumps import (
    SPAN,
    START,
    TRACE,
    attribute,
    dump,
    framed,
    parsed,
    proto,
    read,
    read_one,
    request,
    span,
    text,
)
from tracelens.policy.limits import Limits
from tracelens.read.messages import wrap

TRACE_BYTES, SPAN_BYTES = bytes.fromhex(TRACE), bytes.fromhex(SPAN)


@pytest.mark.parametrize(
    "trace_id",
    [
        TRACE.upper(),
        "0x" + TRACE,
        TRACE.lstrip("0"),
        base64.b64encode(TRACE_BYTES).decode(),
        base64.urlsafe_b64encode(TRACE_BYTES).decode().rstrip("="),
        base64.b64encode(TRACE.encode()).decode(),
        {"type": "Buffer", "data": list(TRACE_BYTES)},
    ],
)
def test_trace_ids_of_every_spelling_are_one(trace_id):
    assert read_one(traceId=trace_id)["trace_id"] == TRACE


@pytest.mark.parametrize(
    "span_id",
    [
        SPAN.upper(),
        "0X" + SPAN,
        base64.b64encode(SPAN_BYTES).decode(),
        base64.b64encode(SPAN.encode()).decode(),
    ],
)
def test_span_ids_of_every_spelling_are_one(span_id):
    assert read_one(spanId=span_id)["span_id"] == SPAN


def test_hex_goes_before_base64():
    assert read_one(spanId="abcdabcdabcdabcd")["span_id"] == "abcdabcdabcdabcd"


def test_opaque_ids_are_hashed_and_kept():
    row = read_one(traceId="call-7 of Monday", spanId="cuid!x", parentSpanId="cuid!y")
    assert row["trace_id"] == hashlib.sha256(b"call-7 of Monday").hexdigest()[:32]
    assert row["span_id"] == hashlib.sha256(b"cuid!x").hexdigest()[:16]
    assert row["parent_span_id"] == hashlib.sha256(b"cuid!y").hexdigest()[:16]
    assert row["attrs"] == {
        "$trace_id": "call-7 of Monday",
        "$span_id": "cuid!x",
        "$parent_span_id": "cuid!y",
    }
    assert row["notes"] == ["opaque_id"]


@pytest.mark.parametrize("missing", [None, "", "0" * 32, "AAAAAAAAAAAAAAAAAAAAAA=="])
def test_spans_without_ids_are_kept_apart(missing):
    rows, tally = read(dump(request(*[span(traceId=missing, spanId="")] * 2), request(span())))
    assert rows["notes"].to_list() == [["invalid_id"], ["invalid_id"], []]
    assert rows["trace_id"].n_unique() == rows["span_id"].n_unique() == 3
    assert rows["content_hash"][0] == rows["content_hash"][1]
    assert tally.warnings["invalid_id"].count == 2
    assert tally.warnings["invalid_id"].first_at == "line 1, byte 0"


@pytest.mark.parametrize(
    "parent", [None, "", "0000000000000000", "AAAAAAAAAAA=", "None", "root", "null"]
)
def test_no_parent_has_many_spellings(parent):
    assert read_one(parentSpanId=parent)["parent_span_id"] is None


def test_snake_case_names_are_read_at_every_level():
    document = {
        "resource_spans": [
            {
                "resource": {"attributes": [text("service.name", "bot")]},
                "scope_spans": [
                    {
                        "scope": {"name": "s"},
                        "spans": [
                            {
                                "trace_id": TRACE,
                                "span_id": SPAN,
                                "name": "llm",
                                "start_time_unix_nano": START,
                                "end_time_unix_nano": START + 5_000_000,
                                "attributes": [attribute("n", "int_value", 3)],
                                "events": [{"time_unix_nano": 5, "name": "e"}],
                                "dropped_events_count": 2,
                            }
                        ],
                    }
                ],
            }
        ]
    }
    camel = span(
        attributes=[attribute("n", "intValue", "3")],
        events=[{"timeUnixNano": "5", "name": "e"}],
        droppedEventsCount=2,
    )
    rows, tally = read(dump(document))
    assert rows.equals(read(dump(request(camel)))[0])
    assert list(tally.warnings) == ["dropped"]


def test_capital_d_in_ids_is_read():
    one = {"traceID": TRACE, "spanID": SPAN, "parentSpanID": "00000000000000aa", "name": "x"}
    row = read(dump(request(one)))[0].row(0, named=True)
    assert (row["trace_id"], row["span_id"], row["parent_span_id"]) == (
        TRACE,
        SPAN,
        "00000000000000aa",
    )


@pytest.mark.parametrize(
    "name",
    ["instrumentationLibrarySpans", "instrumentation_library_spans", "deprecatedScopeSpans"],
)
@pytest.mark.parametrize("scope", ["scope", "instrumentationLibrary"])
def test_legacy_scope_names_are_read(name, scope):
    document = {"resourceSpans": [{name: [{scope: {"name": "old"}, "spans": [span()]}]}]}
    assert read(dump(document))[0]["scope_name"].to_list() == ["old"]


def test_binary_field_1000_is_read_as_scopes():
    binary = proto(request(span()))
    assert read(rewrite_scopes(binary))[0].equals(read(binary)[0])


def rewrite_scopes(binary):
    """Move scope_spans (2) of the only ResourceSpans to field 1000."""
    resource_spans = TracesData.FromString(binary).resource_spans[0]
    inner = ResourceSpans(resource=resource_spans.resource).SerializeToString()
    inner += wrap(1000, resource_spans.scope_spans[0].SerializeToString())
    return wrap(1, inner)


BARE = request(span())["resourceSpans"]


@pytest.mark.parametrize(
    "document",
    [
        {"resourceSpans": BARE},
        BARE[0],
        [{"resourceSpans": BARE}],
        BARE,
        {"batches": BARE},
        {"trace": {"resourceSpans": BARE}, "metrics": {}},
        {"result": {"resourceSpans": BARE}},
    ],
)
def test_every_top_level_shape_is_read(document):
    rows, _ = read(dump(document))
    assert rows.equals(read(dump({"resourceSpans": BARE}))[0])


@pytest.mark.parametrize(
    "start",
    [
        str(START),
        START,
        {"high": START >> 32, "low": START & 0xFFFFFFFF},
        {"high": START >> 32, "low": (START & 0xFFFFFFFF) - 2**32},
    ],
)
def test_64_bit_ints_never_pass_through_a_double(start):
    assert read_one(startTimeUnixNano=start)["start_unix_nano"] == START


def test_integral_floats_are_ints():
    assert read_one(startTimeUnixNano=1.7e18)["start_unix_nano"] == 1_700_000_000_000_000_000
    row = read_one(attributes=[attribute("n", "intValue", 3.0)], promote={"n": "int"})
    assert row["attributes.n"] == 3


@pytest.mark.parametrize("kind", [2, "2", "SPAN_KIND_SERVER", "SERVER", "SpanKind.SERVER"])
def test_kinds_of_every_spelling_are_one(kind):
    assert read_one(kind=kind)["kind"] == 2


@pytest.mark.parametrize("code", [2, "2", "STATUS_CODE_ERROR", "ERROR", "StatusCode.ERROR"])
def test_status_codes_of_every_spelling_are_one(code):
    row = read_one(status={"code": code, "message": "boom"})
    assert (row["status_code"], row["status_message"]) == (2, "boom")


def test_unknown_enums_count_as_unspecified_and_are_kept():
    row = read_one(kind="SPAN_KIND_ROBOT")
    assert (row["kind"], row["attrs"], row["notes"]) == (
        0,
        {"$kind": "SPAN_KIND_ROBOT"},
        ["bad_value"],
    )


def test_null_is_absent():
    nulls = dict.fromkeys(["parentSpanId", "kind", "status", "events", "links", "traceState"])
    attributes = [{"key": "a", "value": None}, {"key": "b", "value": {"stringValue": None}}]
    row = read_one(**nulls, attributes=attributes)
    assert row["attrs"] == {"a": None, "b": None}
    assert (row["kind"], row["events"], row["status_code"]) == (0, [], 0)


@pytest.mark.parametrize("written", ["+/+/AA==", "+/+/AA", "-_-_AA==", "-_-_AA"])
def test_bytes_are_read_in_four_base64_forms(written):
    row = read_one(attributes=[attribute("b", "bytesValue", written)])
    assert row["attrs"] == {"b": {"$bytes": "+/+/AA=="}}


def test_bad_base64_stays_text():
    row = read_one(attributes=[attribute("b", "bytesValue", "no base64!")])
    assert (row["attrs"], row["notes"]) == ({"b": "no base64!"}, ["bad_value"])


def test_nan_and_infinity_are_kept_as_doubles():
    attributes = [attribute("a", "doubleValue", "NaN"), attribute("b", "doubleValue", "-Infinity")]
    row = read_one(attributes=attributes, promote={"b": "float"})
    assert row["attrs"] == {"a": {"$double": "NaN"}}
    assert row["attributes.b"] == float("-inf")


def test_bare_nan_is_read():
    data = dump(request(span(attributes=[attribute("a", "doubleValue", float("nan"))])))
    assert b"NaN" in data
    assert parsed(read(data)[0])["attrs"] == {"a": {"$double": "NaN"}}


def test_a_double_is_never_an_int():
    row = read_one(attributes=[attribute("a", "doubleValue", 1), attribute("b", "intValue", "1")])
    assert json.dumps(row["attrs"]) == '{"a": 1.0, "b": 1}'


@pytest.mark.parametrize(
    "encode",
    [
        lambda data: codecs.BOM_UTF8 + data,
        lambda data: codecs.BOM_UTF16_LE + data.decode().encode("utf-16-le"),
        lambda data: codecs.BOM_UTF16_BE + data.decode().encode("utf-16-be"),
        lambda data: data.replace(b"\n", b"\r\n"),
    ],
    ids=["utf8", "utf16le", "utf16be", "crlf"],
)
def test_byte_order_marks_and_crlf_change_nothing(encode):
    data = dump(request(span(name="größe 💥")), request(span(spanId="00000000000000bb")))
    rows, tally = read(encode(data))
    assert rows.drop("position").equals(read(data)[0].drop("position"))
    assert tally.format == "otlp_json_lines"


def test_nul_and_lone_surrogates_are_replaced():
    data = dump(request(span(name="a\0b", attributes=[text("k", "x\ud83d")])))
    rows, tally = read(data)
    row = parsed(rows)
    assert (row["name"], row["attrs"]) == ("a�b", {"k": "x�"})
    assert tally.warnings["text_replaced"].count >= 1


def test_text_that_shows_an_escape_is_not_replaced():
    assert read_one(name="a\\u0000b")["name"] == "a\\u0000b"


def test_bytes_that_are_not_utf8_are_replaced():
    rows, tally = read(dump(request(span(name="Gr@@e"))).replace(b"@@", b"\xf6\xdf"))
    assert rows["name"].to_list() == ["Gr��e"]
    assert tally.warnings["text_replaced"].count == 1


@pytest.mark.parametrize("start", [str(2**64 - 1), 2**63, "soon", -1])
def test_times_beyond_int64_are_null_and_kept(start):
    row = read_one(startTimeUnixNano=start)
    assert row["start_unix_nano"] is None
    assert row["attrs"] == {"$start_unix_nano": str(start)}
    assert row["notes"] == ["time_out_of_range"]


@pytest.mark.parametrize("end", ["0", 0, None, ""])
def test_a_span_without_end_is_unfinished(end):
    row = read_one(endTimeUnixNano=end)
    assert (row["end_unix_nano"], row["notes"]) == (None, ["unfinished"])


def test_negative_duration_keeps_both_times():
    row = read_one(endTimeUnixNano=str(START - 1))
    assert (row["start_unix_nano"], row["end_unix_nano"]) == (START, START - 1)
    assert row["notes"] == ["negative_duration"]


def test_other_signals_are_counted_and_skipped():
    logs = {"resourceLogs": [{"scopeLogs": [{"logRecords": [{}, {}]}]}]}
    metrics = {"resource_metrics": [{"scope_metrics": [{"metrics": [{"name": "m"}]}]}]}
    both = request(span()) | {"resourceProfiles": [{"scopeProfiles": [{"profiles": [{}]}]}]}
    rows, tally = read(dump(logs, both, metrics))
    assert rows.height == 1
    assert tally.other_signals == {"logs": 2, "profiles": 1, "metrics": 1}
    assert tally.records_rejected == 0


def test_unknown_fields_are_ignored_and_named_once():
    rows, tally = read(dump(request(span(shiny=1), span(shiny=2, spanId="0c"))))
    assert rows.height == 2
    warning = tally.warnings["unknown_field"]
    assert warning.count == 1
    assert warning.message.endswith(": span.shiny")


def test_duplicate_keys_keep_the_first_and_the_rest():
    row = read_one(attributes=[text("k", "one"), text("k", "two"), text("k", "three")])
    assert row["attrs"] == {"k": "one", "$duplicates": [["k", "two"], ["k", "three"]]}
    assert row["notes"] == ["duplicate_keys"]


def test_attributes_that_look_like_ours_are_set_apart():
    row = read_one(attributes=[text("$trace_id", "x"), text("$other", "y")])
    assert row["attrs"] == {"$$trace_id": "x", "$other": "y"}


def nested(depth):
    value = {"stringValue": "core"}
    for _ in range(depth):
        value = {"arrayValue": {"values": [value]}}
    return {"key": "deep", "value": value}


@pytest.mark.parametrize("depth", [11, 300, 5_000, 100_000])
def test_nesting_beyond_the_limit_costs_that_span(depth):
    deep, core = nested(0), json.dumps({"stringValue": "core"})
    value = '{"arrayValue": {"values": [' * depth + core + "]}}" * depth
    data = dump(request(span(), span(spanId="0c", attributes=[deep]), span(spanId="0d")))
    data = data.replace(core.encode(), value.encode())
    rows, tally = read(data, limits=Limits(depth=10))
    assert rows["span_id"].to_list() == [SPAN, "000000000000000d"]
    assert (tally.spans_rejected, tally.records_rejected) == (1, 0)
    assert "limits.depth" in tally.rejects[0].reason


def test_nesting_within_the_limit_is_read():
    row = read_one(attributes=[nested(5)])
    assert row["attrs"] == {"deep": [[[[["core"]]]]]}


def test_binary_nesting_that_protobuf_refuses_costs_that_span():
    deep = span(spanId="00000000000000cc", attributes=[nested(60)])
    rows, tally = read(proto(request(span(), deep)))
    assert rows["span_id"].to_list() == [SPAN]
    assert (tally.spans_rejected, tally.records_rejected) == (1, 0)


def test_more_attributes_than_allowed_cost_that_span():
    many = [text(f"k{n}", "v") for n in range(5)]
    data = dump(request(span(), span(attributes=many)))
    rows, tally = read(data, limits=Limits(attributes_per_span=4))
    assert rows.height == 1
    assert "attributes_per_span (4)" in tally.rejects[0].reason


def test_an_attribute_beyond_the_limit_is_cut():
    data = dump(request(span(attributes=[text("k", "x" * 2_000), text("l", "y")])))
    rows, tally = read(data, {"k": "text"}, Limits(attribute_bytes=1_000))
    assert rows["attributes.k"].to_list() == ["x" * 256]
    assert rows["notes"].to_list() == [["attribute_cut"]]
    assert tally.warnings["attribute_cut"].count == 1


def test_a_span_that_is_no_span_costs_that_span():
    rows, tally = read(dump(request(span(), 17, span(events="none"), span(spanId="0d"))))
    assert rows.height == 2
    assert [reject.reason for reject in tally.rejects] == [
        "span is a number where an object is needed",
        "events is text where a list is needed",
    ]


def test_framed_json_is_read():
    body = json.dumps(request(span())).encode()
    rows, tally = read(framed(body, body))
    assert rows.height == 2
    assert tally.format == "otlp_json_u32be"
