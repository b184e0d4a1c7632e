"""Jaeger JSON: answers of its API, files of its UI, documents of its Elasticsearch store.

Also single spans, as its collector writes them to Kafka.

Sources: jaeger model/json/model.go and uimodel/converter/v1/json (UI: times in microseconds, tags
typed, service in `processes[processID]`); elasticsearch/dbmodel/model.go (ES: `process` inside,
tags as list or as `tag` map); model.proto in its JSON form (Kafka: ids in base64, ISO times,
`vStr`/`vInt64`); and for the way back to OpenTelemetry, contrib translator/jaeger: the tags
`span.kind`, `otel.status_code`, `error`, `otel.status_description`, `w3c.tracestate`,
`otel.scope.*` and `otel.library.*` are fields of a span that were written as tags.

Parent: the first CHILD_OF reference of the same trace, else the deprecated `parentSpanID`.
All other references are links.
"""

from __future__ import annotations

import re
from typing import Any, Final

from tracelens.read.foreign import (
    ForeignEvent,
    ForeignLink,
    ForeignSpan,
    Output,
    dict_of,
    dicts_in,
    first_of,
    list_of,
    nanos_in,
    nanos_of,
    text_of,
)
from tracelens.read.ids import TRACE_DIGITS, base64_bytes, read_id

NAME = "jaeger"

_MICRO: Final = 1_000
_SPAN: Final = frozenset({"operationName", "process", "processID", "references"})
#: Tags that stand for fields of a span, and the fields.
_FIELDS: Final = {
    "span.kind": "kind",
    "otel.status_code": "status",
    "otel.status_description": "message",
    "w3c.tracestate": "trace_state",
    "otel.scope.name": "scope_name",
    "otel.scope.version": "scope_version",
    "otel.library.name": "scope_name",
    "otel.library.version": "scope_version",
}
_SECONDS: Final = re.compile(r"(\d+)(?:\.(\d{1,9}))?s")


def claims(document: Any) -> bool:
    """An answer of the API, one trace or span of it, or a list of those."""
    if isinstance(document, dict) and isinstance(document.get("data"), (list, dict)):
        return claims(document["data"])
    if isinstance(document, list):
        return bool(document) and isinstance(document[0], dict) and claims(document[0])
    if not isinstance(document, dict):
        return False
    if "processes" in document and "spans" in document:
        return True
    if "traceID" in document and "spans" in document:
        return True
    return is_span(document)


def is_span(document: dict[str, Any]) -> bool:
    """Whether an object is a span, wherever its process is."""
    ids = document.keys() & {"spanID", "spanId"} and document.keys() & {"traceID", "traceId"}
    return bool(ids) and "operationName" in document and bool(document.keys() & _SPAN)


def read(document: Any, output: Output) -> None:
    """Put the spans of all traces."""
    if isinstance(document, dict) and isinstance(document.get("data"), (list, dict)):
        document = document["data"]
    for trace in document if isinstance(document, list) else [document]:
        if isinstance(trace, dict) and "spans" in trace:
            processes = dict_of(trace.get("processes"))
            for span in list_of(trace["spans"]):
                output.put(build_span, span, processes, trace.get("traceID"))
        else:
            output.put(build_span, trace, {}, None)


def build_span(raw: dict[str, Any], processes: dict[str, Any], trace_id: Any) -> ForeignSpan:
    """One span with its process."""
    process = dict_of(raw.get("process")) or dict_of(processes.get(text_of(raw.get("processID"))))
    resource, _ = read_tags(process)
    if process.get("serviceName"):
        resource.setdefault("service.name", process["serviceName"])
    trace = first_of(raw, "traceID", "traceId") or trace_id
    parent, links = read_references(raw, trace)
    start = nanos_of(raw.get("startTime"), _MICRO)
    span = ForeignSpan(
        trace_id=trace,
        span_id=first_of(raw, "spanID", "spanId"),
        parent_id=parent or first_of(raw, "parentSpanID", "parentSpanId"),
        name=raw.get("operationName"),
        start=start,
        end=end_of(start, raw.get("duration")),
        flags=raw.get("flags"),
        attributes={},
        links=links,
        events=[read_log(log) for log in dicts_in(raw.get("logs"))],
        resource=resource,
    )
    tags, span.duplicates = read_tags(raw)
    take_fields(span, tags)
    if raw.get("warnings"):
        tags.setdefault("jaeger.warnings", raw["warnings"])
    span.attributes = tags
    return span


def end_of(start: Any, duration: Any) -> Any:
    """Start and duration together; `1.5s` is how protobuf writes one."""
    matched = _SECONDS.fullmatch(duration) if isinstance(duration, str) else None
    if matched:
        length: Any = int(matched[1]) * 1_000_000_000 + int(f"{matched[2] or 0:0<9}")
    else:
        length = nanos_in(duration, _MICRO)
    return start + length if isinstance(start, int) and isinstance(length, int) else None


def take_fields(span: ForeignSpan, tags: dict[str, Any]) -> None:
    """Move the tags that are fields to where they belong."""
    for tag, field in _FIELDS.items():
        if isinstance(tags.get(tag), str) and not getattr(span, field):
            setattr(span, field, tags.pop(tag))
    if span.status is None and text_of(tags.get("error")).lower() == "true":
        span.status = "ERROR"
        del tags["error"]
    elif span.status and span.status.upper() == "ERROR":
        tags.pop("error", None)


def read_references(raw: dict[str, Any], trace_id: Any) -> tuple[Any, list[ForeignLink]]:
    """The parent, and everything else that is referred to."""
    parent = None
    links = []
    for reference in dicts_in(raw.get("references")):
        trace, span = (first_of(reference, *names) for names in (TRACE_NAMES, SPAN_NAMES))
        # Protobuf leaves out the kind 0, which is CHILD_OF.
        child = reference.get("refType", "CHILD_OF") == "CHILD_OF"
        if parent is None and child and same_trace(trace, trace_id):
            parent = span
        else:
            kind = "child_of" if child else "follows_from"
            links.append(ForeignLink(trace, span, {"opentracing.ref_type": kind}))
    return parent, links


TRACE_NAMES: Final = ("traceID", "traceId")
SPAN_NAMES: Final = ("spanID", "spanId")


def same_trace(one: Any, other: Any) -> bool:
    """Whether two spellings are one trace; a reference without a trace is to its own."""
    if one is None or one == other:
        return True
    return isinstance(one, str) and isinstance(other, str) and padded(one) == padded(other)


def padded(trace_id: str) -> str:
    """A trace id in full length."""
    return read_id(trace_id, TRACE_DIGITS)[0]


def read_log(log: dict[str, Any]) -> ForeignEvent:
    """A log as an event: its field `event` is the name."""
    fields, _ = read_tags(log)
    name = fields.pop("event", None) if isinstance(fields.get("event"), str) else None
    return ForeignEvent(name or "log", nanos_of(log.get("timestamp"), _MICRO), fields)


def read_tags(raw: dict[str, Any]) -> tuple[dict[str, Any], list[list[Any]]]:
    """Tags of a span or process, or fields of a log; keys that repeat apart."""
    found = dict(dict_of(raw.get("tag")))  # Elasticsearch, tags as fields; dots are written as @
    duplicates = []
    for holder in ("tags", "fields"):
        tags = raw.get(holder)
        if isinstance(tags, dict):
            found |= tags
        for tag in dicts_in(tags):
            key, value = text_of(tag.get("key")), tag_value(tag)
            if key in found:
                duplicates.append([key, value])
            else:
                found[key] = value
    return {key.replace("@", ".") if "tag" in raw else key: found[key] for key in found}, duplicates


def tag_value(tag: dict[str, Any]) -> Any:
    """The value by its type: Elasticsearch writes all of them as text, protobuf in own fields."""
    kind = text_of(first_of(tag, "type", "vType") or "string").lower()
    value = first_of(tag, "value", "vStr", "vBool", "vInt64", "vFloat64", "vBinary")
    if kind == "binary" and isinstance(value, str):
        data = base64_bytes(value)
        return value if data is None else data
    if kind == "bool":
        return value if isinstance(value, bool) else text_of(value).lower() == "true"
    if value is None and "vType" in tag:
        return {"int64": 0, "float64": 0.0}.get(kind, "")
    try:
        if kind == "int64":
            return int(value)
        return float(value) if kind == "float64" else value
    except (ValueError, TypeError, OverflowError):
        return value
