"""Spans of OpenTelemetry for JavaScript, as `JSON.stringify` writes a ReadableSpan.

Sources: opentelemetry-js sdk-trace-base Span.ts and export/ReadableSpan.ts (times as
`[seconds, nanoseconds]`; the context in `spanContext` or `_spanContext`; kinds count from 0 for
INTERNAL, one less than in OTLP: api/src/trace/span_kind.ts) and ConsoleSpanExporter.ts, whose
object is flat, with `id`, and `timestamp` and `duration` in microseconds.
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
    list_of,
    nanos_in,
    nanos_of,
    text_of,
)

NAME = "otel_js"

_MICRO: Final = 1_000
_CONTEXTS: Final = ("spanContext", "_spanContext")
_SCOPES: Final = ("instrumentationScope", "instrumentationLibrary", "scope")


def claims(document: Any) -> bool:
    """A span with a context or a pair as start, or what the console exporter prints."""
    if isinstance(document, list) and document:
        document = document[0]
    if not isinstance(document, dict):
        return False
    if "traceId" in dict_of(first_of(document, *_CONTEXTS)):
        return True
    return is_printed(document)


def is_printed(document: dict[str, Any]) -> bool:
    """Whether an object is what the console exporter makes of a span."""
    return {"traceId", "id", "timestamp", "attributes"} <= document.keys()


def read(document: Any, output: Output) -> None:
    """Put all spans."""
    for span in document if isinstance(document, list) else [document]:
        output.put(build_span, span)


def build_span(raw: dict[str, Any]) -> ForeignSpan:
    """One span of either form."""
    context = dict_of(first_of(raw, *_CONTEXTS))
    parent = dict_of(raw.get("parentSpanContext"))
    status, scope = dict_of(raw.get("status")), dict_of(first_of(raw, *_SCOPES))
    start, end = span_times(raw)
    return ForeignSpan(
        trace_id=context.get("traceId") or raw.get("traceId"),
        span_id=context.get("spanId") or raw.get("id"),
        parent_id=parent.get("spanId") or first_of(raw, "parentSpanId", "parentId"),
        name=raw.get("name"),
        kind=kind_of(raw.get("kind")),
        start=start,
        end=end,
        status=status.get("code"),
        message=status.get("message"),
        trace_state=text_of(first_of(context, "traceState") or raw.get("traceState")) or None,
        flags=context.get("traceFlags"),
        attributes=dict_of(raw.get("attributes")),
        events=[read_event(event) for event in dicts_in(raw.get("events"))],
        links=[read_link(link) for link in dicts_in(raw.get("links"))],
        dropped={
            "attributes": whole_of(raw.get("droppedAttributesCount")),
            "events": whole_of(raw.get("droppedEventsCount")),
            "links": whole_of(raw.get("droppedLinksCount")),
        },
        resource=resource_of(dict_of(raw.get("resource"))),
        scope_name=scope.get("name"),
        scope_version=scope.get("version"),
    )


def whole_of(raw: Any) -> int:
    """A count, 0 when it is none."""
    return raw if type(raw) is int and raw > 0 else 0


def span_times(raw: dict[str, Any]) -> tuple[Any, Any]:
    """Start and end; the end of a span that did not end is [0, 0]."""
    if "startTime" in raw:
        return pair_nanos(raw["startTime"]), pair_nanos(raw.get("endTime"))
    start = nanos_in(raw.get("timestamp"), _MICRO)
    length = nanos_in(raw.get("duration"), _MICRO)
    return start, start + length if isinstance(start, int) and isinstance(length, int) else None


def pair_nanos(raw: Any) -> Any:
    """Unix nanoseconds of a pair of seconds and nanoseconds, or of ISO text."""
    pair = list_of(raw)
    if len(pair) == 2 and all(type(part) in (int, float) for part in pair):
        return int(pair[0]) * 1_000_000_000 + int(pair[1])
    return nanos_of(raw)


def kind_of(raw: Any) -> Any:
    """The kind of OTLP; names need no shift."""
    return raw + 1 if type(raw) is int else raw


def resource_of(raw: dict[str, Any]) -> dict[str, Any]:
    """Attributes of a resource, which newer versions keep as a list of pairs."""
    found = dict(dict_of(first_of(raw, "attributes", "_attributes")))
    for pair in list_of(raw.get("_rawAttributes")):
        if isinstance(pair, list) and len(pair) == 2:
            found.setdefault(text_of(pair[0]), pair[1])
    return found


def read_event(event: dict[str, Any]) -> ForeignEvent:
    """An event with its time."""
    return ForeignEvent(
        event.get("name"), pair_nanos(event.get("time")), dict_of(event.get("attributes"))
    )


def read_link(link: dict[str, Any]) -> ForeignLink:
    """A link with the context it points to."""
    context = dict_of(link.get("context"))
    return ForeignLink(
        context.get("traceId"), context.get("spanId"), dict_of(link.get("attributes"))
    )
