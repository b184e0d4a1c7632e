"""Small trace dumps in every framing, and how to read them back."""

import base64
import gzip
import io
import json

import polars as pl
import zstandard
from opentelemetry.proto.trace.v1.trace_pb2 import TracesData

from tracelens.policy.limits import Limits
from tracelens.read import Source, Tally, read_spans

TRACE = "0af7651916cd43dd8448eb211c80319c"
SPAN = "b7ad6b7169203331"
START = 1_700_000_000_123_456_789


def span(**fields):
    """An OTLP/JSON span with the fields that every span has."""
    base = {
        "traceId": TRACE,
        "spanId": SPAN,
        "name": "llm",
        "startTimeUnixNano": str(START),
        "endTimeUnixNano": str(START + 5_000_000),
    }
    return base | fields


def request(*spans, resource=None, scope=None):
    """A request with these spans under one resource and scope."""
    return {
        "resourceSpans": [
            {
                "resource": resource or {"attributes": [text("service.name", "bot")]},
                "scopeSpans": [{"scope": scope or {"name": "s"}, "spans": list(spans)}],
            }
        ]
    }


def text(key, value):
    return {"key": key, "value": {"stringValue": value}}


def attribute(key, kind, value):
    return {"key": key, "value": {kind: value}}


def dump(*documents):
    """Documents as JSON lines."""
    return b"".join(json.dumps(one).encode() + b"\n" for one in documents)


def framed(*messages):
    """Messages as the collector's file exporter writes them: each behind its length."""
    return b"".join(len(one).to_bytes(4, "big") + one for one in messages)


def source(data, path="dump"):
    return Source(path, lambda: io.BytesIO(data), len(data))


def read(data, promote=None, limits=None, batch_rows=20_000) -> tuple[pl.DataFrame, Tally]:
    """All rows and the tally; the load identity holds for every input that is read here."""
    reader = read_spans(source(data), promote or {}, limits or Limits(), batch_rows)
    frames = list(reader)
    rows = pl.concat(frames) if frames else pl.DataFrame()
    tally = reader.tally
    assert tally.spans_read == rows.height + tally.spans_merged + tally.spans_rejected
    return rows, tally


def read_one(*fields, promote=None, **more):
    """The single row of a request with one span, as a dict, its JSON columns parsed."""
    rows, _ = read(dump(request(span(**more))), promote)
    return parsed(rows)


def parsed(rows):
    row = rows.row(0, named=True)
    for name in ("attrs", "attrs_big", "events", "links", "dropped", "resource_attrs"):
        row[name] = None if row[name] is None else json.loads(row[name])
    return row


def gzipped(data):
    """Two members, as log rotation leaves them."""
    half = len(data) // 2
    return gzip.compress(data[:half]) + gzip.compress(data[half:])


def zstd(data):
    """Two frames, as the collector writes with rotation."""
    half = len(data) // 2
    return zstandard.compress(data[:half]) + zstandard.compress(data[half:])


def proto(document) -> bytes:
    """An OTLP/JSON document as binary, without json_format, which reads hex ids as base64."""
    data = TracesData()
    for resource_spans in document["resourceSpans"]:
        target = data.resource_spans.add()
        fill(target.resource, resource_spans.get("resource", {}))
        for scope_spans in resource_spans["scopeSpans"]:
            inner = target.scope_spans.add()
            fill(inner.scope, scope_spans.get("scope", {}))
            for one in scope_spans["spans"]:
                fill(inner.spans.add(), one)
    return data.SerializeToString()


NAMES = {
    "traceId": "trace_id",
    "spanId": "span_id",
    "parentSpanId": "parent_span_id",
    "traceState": "trace_state",
    "startTimeUnixNano": "start_time_unix_nano",
    "endTimeUnixNano": "end_time_unix_nano",
    "timeUnixNano": "time_unix_nano",
    "droppedAttributesCount": "dropped_attributes_count",
    "droppedEventsCount": "dropped_events_count",
    "droppedLinksCount": "dropped_links_count",
}


def fill(message, fields):
    """Set a protobuf message from its JSON fields."""
    for name, value in fields.items():
        field = NAMES.get(name, name)
        if field in ("trace_id", "span_id", "parent_span_id"):
            setattr(message, field, bytes.fromhex(value))
        elif field == "attributes":
            for pair in value:
                target = message.attributes.add(key=pair["key"])
                fill_value(target.value, pair["value"])
        elif field in ("events", "links"):
            for one in value:
                fill(getattr(message, field).add(), one)
        elif field == "status":
            message.status.SetInParent()
            fill(message.status, value)
        else:
            setattr(message, field, int(value) if field.endswith("nano") else value)


def fill_value(message, value):
    for kind, inner in value.items():
        if kind == "arrayValue":
            message.array_value.SetInParent()
            for one in inner["values"]:
                fill_value(message.array_value.values.add(), one)
        elif kind == "kvlistValue":
            message.kvlist_value.SetInParent()
            for pair in inner["values"]:
                fill_value(message.kvlist_value.values.add(key=pair["key"]).value, pair["value"])
        elif kind == "bytesValue":
            message.bytes_value = base64.b64decode(inner)
        elif kind == "intValue":
            message.int_value = int(inner)
        elif kind == "doubleValue":
            message.double_value = float(inner)
        elif kind == "boolValue":
            message.bool_value = inner
        else:
            message.string_value = inner
