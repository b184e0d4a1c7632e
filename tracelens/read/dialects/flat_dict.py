"""Spans as flat objects whose attributes are plain objects: dumps of Python dicts and the like.

Sources: strands-agents evals (`{trace_id, span_id, parent_span_id, start_time, attributes{}, scope,
span_events[]}`), AWS Distro for OpenTelemetry as CloudWatch keeps it (`{traceId, spanId,
startTimeUnixNano, attributes{}, resource{attributes}, scope, status{code}}`), AgentOps
(`{"trace": …, "spans": [{span_id, span_attributes{}, duration}]}`, duration in nanoseconds) and
Agno (`duration_ms`). Numbers as times count nanoseconds, and are never rescaled.
"""

from __future__ import annotations

from typing import Any, Final

from tracelens.read.foreign import (
    ForeignEvent,
    ForeignLink,
    ForeignSpan,
    Output,
    dict_of,
    dicts_in,
    first_of,
    nanos_in,
    nanos_of,
)

NAME = "flat_dict"

_TRACE: Final = ("trace_id", "traceId")
_SPAN: Final = ("span_id", "spanId")
_PARENT: Final = ("parent_span_id", "parentSpanId", "parent_id", "parentId")
_START: Final = ("start_time_unix_nano", "startTimeUnixNano", "start_time", "startTime")
_END: Final = ("end_time_unix_nano", "endTimeUnixNano", "end_time", "endTime")
_ATTRIBUTES: Final = ("attributes", "span_attributes", "spanAttributes")
_RESOURCE: Final = ("resource", "resource_attributes", "resourceAttributes")
_SCOPE: Final = ("scope", "instrumentation_scope", "instrumentationScope", "scope_name")
_EVENTS: Final = ("events", "span_events", "spanEvents")
_EVENT_TIME: Final = ("time_unix_nano", "timeUnixNano", "timestamp", "time")


def claims(document: Any) -> bool:
    """A span, a list of spans, or an object with such a list in `spans`."""
    if isinstance(document, dict) and isinstance(document.get("spans"), list):
        document = document["spans"]
    if isinstance(document, list):
        document = document[0] if document else None
    return isinstance(document, dict) and is_span(document)


def is_span(document: dict[str, Any]) -> bool:
    """Whether an object has an id and something else that only spans have."""
    keys = document.keys()
    others = (*_PARENT[:2], *_START, *_ATTRIBUTES)
    return bool(keys & set(_SPAN)) and any(name in keys for name in others)


def read(document: Any, output: Output) -> None:
    """Put all spans; what their wrapper says of the trace holds for those that say nothing."""
    trace: dict[str, Any] = {}
    if isinstance(document, dict) and isinstance(document.get("spans"), list):
        trace = dict_of(document.get("trace")) or document
        document = document["spans"]
    for span in document if isinstance(document, list) else [document]:
        output.put(build_span, span, first_of(trace, *_TRACE, "id"))


def build_span(raw: dict[str, Any], trace_id: Any) -> ForeignSpan:
    """One span by the first of its names that is there."""
    code, message = read_status(raw)
    scope, resource = first_of(raw, *_SCOPE), dict_of(first_of(raw, *_RESOURCE))
    start = nanos_of(first_of(raw, *_START))
    named = dict_of(scope)
    return ForeignSpan(
        trace_id=first_of(raw, *_TRACE) or trace_id,
        span_id=first_of(raw, *_SPAN),
        parent_id=first_of(raw, *_PARENT),
        name=first_of(raw, "name", "span_name", "spanName", "operation_name"),
        kind=first_of(raw, "kind", "span_kind", "spanKind"),
        start=start,
        end=end_of(raw, start),
        status=code,
        message=message,
        trace_state=first_of(raw, "trace_state", "traceState"),
        flags=raw.get("flags"),
        attributes=dict_of(first_of(raw, *_ATTRIBUTES)),
        events=[read_event(event) for event in dicts_in(first_of(raw, *_EVENTS))],
        links=[read_link(link) for link in dicts_in(raw.get("links"))],
        resource=dict_of(resource.get("attributes")) if "attributes" in resource else resource,
        scope_name=named.get("name") if named else scope if isinstance(scope, str) else None,
        scope_version=named.get("version"),
        scope=dict_of(named.get("attributes")),
    )


def end_of(raw: dict[str, Any], start: Any) -> Any:
    """The end, or the start and how long it took."""
    end = first_of(raw, *_END)
    if end is not None:
        return nanos_of(end)
    length = nanos_in(raw.get("duration_ms"), 1_000_000)
    if length is None:
        length = nanos_in(first_of(raw, "duration", "durationNano", "duration_ns"), 1)
    return start + length if isinstance(start, int) and isinstance(length, int) else None


def read_status(raw: dict[str, Any]) -> tuple[Any, Any]:
    """Code and message, beside the other fields or in an object of their own."""
    status = raw.get("status")
    inner = dict_of(status)
    code = first_of(inner, "code", "status_code", "statusCode") or first_of(
        raw, "status_code", "statusCode"
    )
    if code is None and isinstance(status, (str, int)) and not inner:
        code = status
    message = first_of(inner, "message", "description") or first_of(
        raw, "status_message", "statusMessage"
    )
    return code, message


def read_event(event: dict[str, Any]) -> ForeignEvent:
    """An event; strands names it `event_name` and gives it a body."""
    attributes = dict(dict_of(event.get("attributes")))
    if event.get("body") is not None:
        attributes.setdefault("body", event["body"])
    name = first_of(event, "name", "event_name", "eventName")
    return ForeignEvent(name, nanos_of(first_of(event, *_EVENT_TIME)), attributes)


def read_link(link: dict[str, Any]) -> ForeignLink:
    """A link, its ids beside its attributes or in a context."""
    context = dict_of(link.get("context")) or link
    trace, span = first_of(context, *_TRACE), first_of(context, *_SPAN)
    return ForeignLink(trace, span, dict_of(link.get("attributes")))
