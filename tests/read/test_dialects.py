"""Spans of Jaeger, Zipkin, Phoenix, Langfuse and others read back as what they were."""

import io
import json
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.read import writers
from tests.read.dumps import SPAN, START, TRACE, dump, parsed, read
from tracelens.errors import InputError
from tracelens.read import documents, file_source, read_spans

OTHER = "00000000000000aa"
MICRO = START // 1_000


def one(document, promote=None):
    """The single row of a document, its JSON columns parsed, and the tally."""
    rows, tally = read(dump(document), promote)
    assert not tally.rejects
    assert rows.height == 1
    return parsed(rows)


def rows_of(document):
    rows, tally = read(dump(document))
    assert not tally.rejects
    return {row["span_id"]: row for row in rows.iter_rows(named=True)}, tally


def jaeger_span(**fields):
    base = {
        "traceID": TRACE,
        "spanID": SPAN,
        "operationName": "llm",
        "references": [],
        "startTime": MICRO,
        "duration": 5_000,
        "tags": [],
        "logs": [],
        "processID": "p1",
    }
    return base | fields


def jaeger(*spans):
    processes = {
        "p1": {
            "serviceName": "bot",
            "tags": [{"key": "host.name", "type": "string", "value": "h"}],
        }
    }
    return {"traceID": TRACE, "spans": list(spans), "processes": processes}


def tag(key, value, kind="string"):
    return {"key": key, "type": kind, "value": value}


def test_jaeger_times_are_microseconds_and_the_service_is_in_the_process():
    row = one({"data": [jaeger(jaeger_span())]})
    assert row["start_unix_nano"] == MICRO * 1_000
    assert row["end_unix_nano"] == MICRO * 1_000 + 5_000_000
    assert row["service"] == "bot"
    assert row["resource_attrs"] == {"host.name": "h", "service.name": "bot"}


@pytest.mark.parametrize("shape", [lambda t: t, lambda t: [t], lambda t: {"data": [t]}])
def test_jaeger_comes_with_and_without_an_envelope(shape):
    rows, tally = read(dump(shape(jaeger(jaeger_span(), jaeger_span(spanID=OTHER)))))
    assert rows.height == 2
    assert tally.format == "jaeger_json_lines"


def test_jaeger_tags_keep_their_types_and_fields_are_taken_out():
    tags = [
        tag("span.kind", "client"),
        tag("otel.status_code", "ERROR"),
        tag("otel.status_description", "boom"),
        tag("error", True, "bool"),
        tag("otel.library.name", "lib"),
        tag("n", 3, "int64"),
        tag("es", "4", "int64"),
        tag("f", 1.5, "float64"),
        tag("b", "AQI=", "binary"),
        tag("n", 9, "int64"),
    ]
    row = one(jaeger(jaeger_span(tags=tags)))
    assert (row["kind"], row["status_code"], row["status_message"]) == (3, 2, "boom")
    assert row["scope_name"] == "lib"
    assert row["attrs"] == {
        "n": 3,
        "es": 4,
        "f": 1.5,
        "b": {"$bytes": "AQI="},
        "$duplicates": [["n", 9]],
    }


def test_jaeger_error_tag_alone_is_an_error():
    assert one(jaeger(jaeger_span(tags=[tag("error", True, "bool")])))["status_code"] == 2
    assert one(jaeger(jaeger_span(tags=[tag("error", False, "bool")])))["status_code"] == 0


def reference(kind, span, trace=TRACE):
    return {"refType": kind, "traceID": trace, "spanID": span}


def test_jaeger_parent_is_the_first_child_of_in_the_same_trace():
    references = [
        reference("CHILD_OF", "01", "ff"),
        reference("FOLLOWS_FROM", "02"),
        reference("CHILD_OF", "03", TRACE.lstrip("0")),
        reference("CHILD_OF", "04"),
    ]
    row = one(jaeger(jaeger_span(references=references)))
    assert row["parent_span_id"] == "0" * 15 + "3"
    assert [link["span_id"][-1] for link in row["links"]] == ["1", "2", "4"]
    assert one(jaeger(jaeger_span(parentSpanID="05")))["parent_span_id"] == "0" * 15 + "5"


@pytest.mark.parametrize("digits", [31, 16, 15])
def test_jaeger_short_trace_ids_are_padded(digits):
    row = one(jaeger(jaeger_span(traceID="a" * digits)))
    assert row["trace_id"] == ("a" * digits).rjust(32, "0")


def test_jaeger_logs_are_events_named_by_their_field_event():
    fields = [tag("event", "exception"), tag("exception.type", "E"), tag("n", 1, "int64")]
    logs = [{"timestamp": MICRO, "fields": fields}]
    row = one(jaeger(jaeger_span(logs=logs, warnings=["clock skew"])))
    assert row["events"][0]["name"] == "exception"
    assert (row["exception_type"], row["exception_unix_nano"]) == ("E", MICRO * 1_000)
    assert row["attrs"]["jaeger.warnings"] == ["clock skew"]


def test_jaeger_documents_of_elasticsearch_are_read():
    document = jaeger_span(process={"serviceName": "bot"}, tag={"http@method": "GET"})
    document["startTimeMillis"] = MICRO // 1_000
    row = one(document)
    assert (row["service"], row["attrs"]) == ("bot", {"http.method": "GET"})


def test_jaeger_spans_of_kafka_are_read():
    document = {
        "traceId": "CvdlGRbNQ92ESOshHIAxnA==",
        "spanId": "t61rcWkgMzE=",
        "operationName": "llm",
        "references": [{"traceId": "CvdlGRbNQ92ESOshHIAxnA==", "spanId": "AAAAAAAAAKo="}],
        "startTime": "2023-11-14T22:13:20.123456789Z",
        "duration": "1.5s",
        "tags": [{"key": "n", "vType": "INT64", "vInt64": "7"}, {"key": "s", "vStr": "x"}],
        "process": {"serviceName": "bot"},
    }
    row = one(document)
    assert (row["trace_id"], row["span_id"], row["parent_span_id"]) == (TRACE, SPAN, OTHER)
    assert row["end_unix_nano"] - row["start_unix_nano"] == 1_500_000_000
    assert row["start_unix_nano"] == START
    assert row["attrs"] == {"n": 7, "s": "x"}


def test_zipkin_server_with_the_client_s_id_gets_its_own_and_the_children():
    client = {"traceId": TRACE, "id": SPAN, "kind": "CLIENT", "timestamp": MICRO, "duration": 9}
    server = client | {"kind": "SERVER", "shared": True, "name": "in", "parentId": "cc"}
    child = {"traceId": TRACE, "id": OTHER, "parentId": SPAN, "timestamp": MICRO}
    found, tally = rows_of([child, client | {"name": "out"}, server])
    assert tally.format == "zipkin_json_lines"
    made = next(row for row in found.values() if row["name"] == "in")
    assert made["span_id"] not in (SPAN, OTHER)
    assert made["parent_span_id"] == SPAN
    assert found[OTHER]["parent_span_id"] == made["span_id"]
    assert found[SPAN]["name"] == "out"
    again, _ = rows_of([[server, child, client | {"name": "out"}]])
    assert again.keys() == found.keys()


def test_zipkin_without_times_is_kept():
    row = one([{"traceId": "1f", "id": "2", "name": "x", "localEndpoint": {"serviceName": "s"}}])
    assert (row["start_unix_nano"], row["end_unix_nano"]) == (None, None)
    assert (row["trace_id"], row["service"]) == ("1f".rjust(32, "0"), "s")


def test_zipkin_tags_annotations_and_peers():
    document = {
        "traceId": TRACE,
        "id": SPAN,
        "timestamp": MICRO,
        "duration": 7,
        "tags": {"error": "boom", "gen_ai.usage.input_tokens": "12", "otel.scope.name": "s"},
        "annotations": [
            {"timestamp": MICRO, "value": '"exception": {"exception.type": "E"}'},
            {"timestamp": MICRO, "value": "plain"},
        ],
        "remoteEndpoint": {"serviceName": "peer", "ipv4": "10.0.0.1", "port": 80},
    }
    row = one([document], {"gen_ai.usage.input_tokens": "int"})
    assert (row["status_code"], row["status_message"], row["scope_name"]) == (2, "boom", "s")
    assert row["attributes.gen_ai.usage.input_tokens"] == 12
    assert row["attrs"]["gen_ai.usage.input_tokens"] == "12"
    assert row["attrs"]["peer.service"] == "peer"
    assert [event["name"] for event in row["events"]] == ["exception", "plain"]
    assert row["exception_type"] == "E"


PHOENIX = {
    "name": "ChatCompletion",
    "context": {"trace_id": TRACE, "span_id": SPAN},
    "span_kind": "LLM",
    "parent_id": "None",
    "start_time": "2023-11-14T22:13:20.123456+00:00",
    "end_time": "2023-11-14T22:13:21+00:00",
    "status_code": "ERROR",
    "status_message": "boom",
    "attributes": {
        "llm": {"model_name": "m", "input_messages": [{"message": {"role": "user"}}]},
        "input.value": "hi",
        "metadata": {"a": {"b": 1}},
    },
    "events": [
        {
            "name": "exception",
            "timestamp": "2023-11-14T22:13:21Z",
            "attributes": {"exception.message": "m"},
        }
    ],
}


def test_phoenix_attributes_come_out_under_the_names_of_openinference():
    row = one(PHOENIX)
    assert row["attrs"] == {
        "llm.model_name": "m",
        "llm.input_messages.0.message.role": "user",
        "input.value": "hi",
        "metadata": '{"a":{"b":1}}',
        "openinference.span.kind": "LLM",
    }
    assert row["parent_span_id"] is None
    assert (row["status_code"], row["status_message"]) == (2, "boom")
    assert row["start_unix_nano"] == 1_700_000_000_123_456_000
    assert row["exception_message"] == "m"


FLAT = {
    "name": "ChatCompletion",
    "span_kind": "LLM",
    "parent_id": None,
    "start_time": 1_700_000_000_123,
    "end_time": 1_700_000_001_000,
    "status_code": "OK",
    "status_message": "",
    "events": [],
    "context.span_id": SPAN,
    "context.trace_id": TRACE,
    "attributes.llm.model_name": "m",
    "attributes.llm.token_count.prompt": 3,
    "attributes.unused": float("nan"),
}


@pytest.mark.parametrize(
    "frame",
    [
        FLAT,
        [FLAT],
        {name: {SPAN: value} for name, value in FLAT.items()},
        {SPAN: FLAT},
        {"columns": list(FLAT), "index": [SPAN], "data": [list(FLAT.values())]},
        {"schema": {"fields": []}, "data": [FLAT]},
    ],
    ids=["row", "records", "columns", "index", "split", "table"],
)
def test_phoenix_data_frames_are_read_in_every_orientation(frame):
    row = one(frame)
    assert (row["trace_id"], row["span_id"], row["status_code"]) == (TRACE, SPAN, 1)
    assert row["start_unix_nano"] == 1_700_000_000_123_000_000
    assert row["attrs"] == {
        "llm.model_name": "m",
        "llm.token_count.prompt": 3,
        "openinference.span.kind": "LLM",
    }


def parquet(table):
    data = io.BytesIO()
    pq.write_table(table, data)
    return data.getvalue()


def test_phoenix_parquet_is_read():
    moment = datetime(2023, 11, 14, 22, 13, 20, 123_456, UTC)
    row = FLAT | {"start_time": moment, "end_time": moment, "attributes.unused": None}
    table = pa.Table.from_pylist([row | {"events": [{"name": "e", "timestamp": moment}]}] * 2)
    rows, tally = read(parquet(table))
    assert rows.height == 2
    assert rows["start_unix_nano"][0] == 1_700_000_000_123_456_000
    assert parsed(rows)["events"][0]["time_unix_nano"] == 1_700_000_000_123_456_000
    assert (tally.format, tally.rejects) == ("phoenix_parquet", [])


def test_any_other_parquet_is_named():
    with pytest.raises(InputError, match="a Parquet file that is not one of Phoenix"):
        read(parquet(pa.table({"a": [1]})))


GENERATION = {
    "id": "gen-1",
    "traceId": "trace-1",
    "type": "GENERATION",
    "name": "answer",
    "startTime": "2023-11-14T22:13:20.123Z",
    "endTime": "2023-11-14T22:13:21.000Z",
    "completionStartTime": "2023-11-14T22:13:20.500Z",
    "parentObservationId": "root-1",
    "model": "gpt-4o",
    "modelParameters": {"temperature": 0.5},
    "input": [{"role": "user", "content": "hi"}],
    "output": "hello",
    "level": "ERROR",
    "statusMessage": "boom",
    "usageDetails": {"input": 3, "output": 4},
    "costDetails": {},
    "metadata": {"k": "v"},
}
ROOT = {
    "id": "root-1",
    "traceId": "trace-1",
    "type": "SPAN",
    "name": "turn",
    "startTime": "2023-11-14T22:13:20Z",
    "endTime": None,
    "parentObservationId": None,
}
TRACE_ROW = {
    "id": "trace-1",
    "timestamp": "2023-11-14T22:13:20Z",
    "name": "call",
    "input": {"q": 1},
    "userId": "u",
    "sessionId": "s",
    "tags": ["a"],
}


@pytest.mark.parametrize(
    "document",
    [
        {"trace": TRACE_ROW, "observations": [GENERATION, ROOT]},
        TRACE_ROW | {"observations": [ROOT, GENERATION]},
        {"data": [TRACE_ROW | {"observations": [ROOT, GENERATION]}], "meta": {"page": 1}},
    ],
)
def test_langfuse_observations_come_out_as_its_sdk_writes_them(document):
    rows, tally = read(dump(document))
    assert (rows.height, tally.format) == (2, "langfuse_json_lines")
    found = {row["name"]: row for row in rows.iter_rows(named=True)}
    answer, turn = found["answer"], found["turn"]
    assert answer["parent_span_id"] == turn["span_id"]
    assert (answer["status_code"], answer["status_message"]) == (2, "boom")
    assert turn["notes"] == ["opaque_id", "unfinished"]
    attributes = json.loads(answer["attrs"])
    assert attributes["langfuse.observation.type"] == "generation"
    assert attributes["langfuse.observation.model.name"] == "gpt-4o"
    assert attributes["langfuse.observation.usage_details"] == '{"input":3,"output":4}'
    assert attributes["langfuse.observation.input"] == '[{"role":"user","content":"hi"}]'
    assert attributes["langfuse.observation.output"] == "hello"
    assert attributes["langfuse.observation.metadata.k"] == "v"
    assert (attributes["user.id"], attributes["session.id"]) == ("u", "s")
    assert "langfuse.trace.input" not in attributes
    assert json.loads(turn["attrs"])["langfuse.trace.input"] == '{"q":1}'


def test_langfuse_trace_without_a_single_root_is_the_root():
    alone = GENERATION | {"parentObservationId": None}
    found, _ = rows_of({"trace": TRACE_ROW, "observations": [alone, alone | {"id": "gen-2"}]})
    root = next(row for row in found.values() if row["name"] == "call")
    assert sum(row["parent_span_id"] == root["span_id"] for row in found.values()) == 2
    assert root["end_unix_nano"] == 1_700_000_001_000_000_000


def test_langfuse_keeps_what_came_over_otlp():
    metadata = {
        "attributes": {"gen_ai.request.model": "m"},
        "resourceAttributes": {"service.name": "bot"},
        "scope": {"name": "lib", "version": "2"},
    }
    row = one(GENERATION | {"id": SPAN, "traceId": TRACE, "metadata": json.dumps(metadata)})
    assert (row["trace_id"], row["span_id"]) == (TRACE, SPAN)
    assert (row["service"], row["scope_name"], row["scope_version"]) == ("bot", "lib", "2")
    assert row["attrs"]["gen_ai.request.model"] == "m"


def test_langfuse_traces_without_observations_are_refused():
    with pytest.raises(InputError, match="without their observations"):
        read(dump({"data": [TRACE_ROW | {"observations": ["gen-1"]}]}))


CONSOLE = {
    "name": "llm",
    "context": {"trace_id": "0x" + TRACE, "span_id": "0x" + SPAN, "trace_state": "[]"},
    "kind": "SpanKind.CLIENT",
    "parent_id": "0x" + OTHER,
    "start_time": "2023-11-14T22:13:20.123456Z",
    "end_time": "2023-11-14T22:13:20.128456Z",
    "status": {"status_code": "ERROR", "description": "boom"},
    "attributes": {"n": 3, "l": ["a"]},
    "events": [{"name": "e", "timestamp": "2023-11-14T22:13:20.125000Z", "attributes": {"k": 1}}],
    "links": [{"context": {"trace_id": "0x" + TRACE, "span_id": "0x" + OTHER}, "attributes": {}}],
    "resource": {"attributes": {"service.name": "bot"}, "schema_url": ""},
}


@pytest.mark.parametrize("indent", [None, 4])
def test_what_python_s_console_exporter_prints_is_read(indent):
    data = b"".join(json.dumps(CONSOLE, indent=indent).encode() + b"\n" for _ in range(3))
    rows, tally = read(data)
    assert rows.height == 3
    row = parsed(rows)
    assert (row["trace_id"], row["span_id"], row["parent_span_id"]) == (TRACE, SPAN, OTHER)
    assert (row["kind"], row["status_code"], row["status_message"]) == (3, 2, "boom")
    assert row["end_unix_nano"] - row["start_unix_nano"] == 5_000_000
    assert (row["trace_state"], row["service"]) == (None, "bot")
    assert row["links"][0]["span_id"] == OTHER
    assert row["events"][0]["time_unix_nano"] == 1_700_000_000_125_000_000
    assert tally.format.startswith("otel_python_json")


@pytest.mark.parametrize(
    "ids",
    [
        {"spanContext": {"traceId": TRACE, "spanId": SPAN, "traceFlags": 1}},
        {"_spanContext": {"traceId": TRACE, "spanId": SPAN, "traceFlags": 1}},
    ],
)
def test_readable_spans_of_javascript_are_read(ids):
    document = ids | {
        "name": "llm",
        "kind": 2,
        "parentSpanContext": {"traceId": TRACE, "spanId": OTHER},
        "startTime": [1_700_000_000, 123_456_789],
        "endTime": [1_700_000_000, 128_456_789],
        "status": {"code": 2, "message": "boom"},
        "attributes": {"n": 3},
        "events": [{"name": "e", "time": [1_700_000_000, 5], "attributes": {}}],
        "links": [{"context": {"traceId": TRACE, "spanId": OTHER}}],
        "droppedAttributesCount": 2,
        "resource": {"_rawAttributes": [["service.name", "bot"]]},
        "instrumentationScope": {"name": "lib", "version": "1"},
    }
    row = one(document)
    assert (row["kind"], row["parent_span_id"], row["service"]) == (3, OTHER, "bot")
    assert (row["start_unix_nano"], row["flags"]) == (START, 1)
    assert row["events"][0]["time_unix_nano"] == 1_700_000_000_000_000_005
    assert (row["scope_name"], row["dropped"]) == ("lib", {"attributes": 2})


def test_printed_spans_of_javascript_are_read_when_they_are_json():
    document = {
        "traceId": TRACE,
        "id": SPAN,
        "name": "llm",
        "kind": 0,
        "timestamp": MICRO,
        "duration": 5_000.5,
        "attributes": {"n": 3},
        "status": {"code": 0},
    }
    row = one(document)
    assert (row["kind"], row["attrs"]) == (1, {"n": 3})
    assert row["end_unix_nano"] - row["start_unix_nano"] == 5_000_500


@pytest.mark.parametrize(
    "document",
    [
        {
            "trace_id": TRACE,
            "span_id": SPAN,
            "parent_span_id": None,
            "name": "llm",
            "start_time": START,
            "end_time": START + 5_000_000,
            "attributes": {"n": 3},
            "scope": {"name": "strands", "version": ""},
            "span_events": [{"event_name": "e", "body": {"x": 1}}],
        },
        {
            "traceId": TRACE,
            "spanId": SPAN,
            "kind": "CLIENT",
            "name": "llm",
            "startTimeUnixNano": START,
            "endTimeUnixNano": START + 5_000_000,
            "attributes": {"n": 3},
            "status": {"code": "UNSET"},
            "resource": {"attributes": {"service.name": "bot"}},
            "scope": {"name": "aws"},
        },
        {
            "trace": {"trace_id": TRACE},
            "spans": [
                {
                    "span_id": SPAN,
                    "name": "llm",
                    "start_time": "2023-11-14T22:13:20.123456789Z",
                    "duration": 5_000_000,
                    "span_attributes": {"n": 3},
                }
            ],
        },
    ],
    ids=["strands", "adot", "agentops"],
)
def test_flat_dicts_are_read(document):
    row = one(document)
    assert (row["trace_id"], row["span_id"], row["name"]) == (TRACE, SPAN, "llm")
    assert (row["start_unix_nano"], row["end_unix_nano"]) == (START, START + 5_000_000)
    assert row["attrs"] == {"n": 3}


def test_a_foreign_span_that_is_no_object_costs_itself():
    rows, tally = read(dump(jaeger(jaeger_span(), 17)))
    assert rows.height == 1
    assert (tally.spans_rejected, tally.rejects[0].reason) == (1, "the span is no object")


def test_dialects_may_be_mixed_with_otlp():
    rows, tally = read(dump(CONSOLE, jaeger(jaeger_span()), writers.otlp([writers.EXAMPLE])))
    assert rows.height == 3
    assert tally.format == "otel_python+jaeger+otlp_json_lines"


@pytest.mark.parametrize("wrap", [lambda found: found, lambda found: {"data": found, "total": 0}])
def test_a_list_of_a_dialect_too_long_to_hold_is_read_in_parts(wrap, monkeypatch):
    monkeypatch.setattr(documents, "SPLIT_BYTES", 2_000)
    found = [jaeger(jaeger_span(spanID=f"{n:016x}")) for n in range(1, 200)]
    rows, tally = read(dump(wrap(found)))
    assert rows["span_id"].to_list() == [f"{n:016x}" for n in range(1, 200)]
    assert not tally.rejects


@pytest.mark.parametrize("name", writers.FORMS)
@settings(max_examples=25)
@given(spans=st.lists(writers.spans, min_size=1, max_size=4, unique_by=lambda one: one["id"]))
def test_any_trace_reads_back_from_every_form(name, spans):
    form = writers.FORMS[name]
    rows, tally = read(form.write(spans))
    assert not tally.rejects
    assert [form.keep(found) for found in writers.back(rows)] == [
        form.keep(writers.expected(span)) for span in spans
    ]


NAMES = sorted(
    "data spans traceID traceId spanID spanId id operationName processes processID references "
    "startTime duration tags logs fields timestamp kind localEndpoint annotations context trace_id "
    "span_id span_kind status_code start_time attributes events observations trace type metadata "
    "scope spanContext resource links status columns index context.trace_id".split()
)
values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(NAMES), inner, max_size=5)
    ),
    max_leaves=15,
)


@settings(max_examples=150)
@given(
    document=values,
    base=st.sampled_from([jaeger_span(), PHOENIX, FLAT, GENERATION, CONSOLE, TRACE_ROW]),
    fields=st.dictionaries(st.sampled_from(NAMES), values, max_size=3),
)
def test_no_json_breaks_a_dialect(document, base, fields):
    for data in (dump(document), dump(base | fields), dump({"data": [base | fields]})):
        try:
            read(data)
        except InputError as error:
            assert str(error).startswith("dump: ")


def test_the_formats_of_a_stream_are_found_by_its_bytes(tmp_path):
    path = tmp_path / "jaeger.csv"
    path.write_bytes(dump(jaeger(jaeger_span())))
    reader = read_spans(file_source(path), {})
    assert sum(frame.height for frame in reader) == 1
