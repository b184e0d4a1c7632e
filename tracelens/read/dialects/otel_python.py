"""`span.to_json()` of OpenTelemetry for Python, which its ConsoleSpanExporter prints.

Source: opentelemetry-sdk trace/__init__.py, `ReadableSpan.to_json`: ids behind `0x`, kinds as
`SpanKind.INTERNAL`, ISO times of microseconds, the trace state as the repr of a list, status
`{"status_code", "description"}`. The instrumentation scope is not written.
"""

from __future__ import annotations

from typing import Any

from tracelens.read.foreign import (
    ForeignEvent,
    ForeignLink,
    ForeignSpan,
    Output,
    dict_of,
    dicts_in,
    nanos_of,
)

NAME = "otel_python"


def claims(document: Any) -> bool:
    """A span with its context, or a list of them."""
    if isinstance(document, list) and document:
        document = document[0]
    if not isinstance(document, dict) or not isinstance(document.get("context"), dict):
        return False
    return "trace_id" in document["context"] and "start_time" in document


def read(document: Any, output: Output) -> None:
    """Put all spans."""
    for span in document if isinstance(document, list) else [document]:
        output.put(build_span, span)


def build_span(raw: dict[str, Any]) -> ForeignSpan:
    """One span."""
    context, status = dict_of(raw.get("context")), dict_of(raw.get("status"))
    state = context.get("trace_state")
    return ForeignSpan(
        trace_id=context.get("trace_id"),
        span_id=context.get("span_id"),
        parent_id=raw.get("parent_id"),
        name=raw.get("name"),
        kind=raw.get("kind"),
        start=nanos_of(raw.get("start_time")),
        end=nanos_of(raw.get("end_time")),
        status=status.get("status_code"),
        message=status.get("description"),
        trace_state=None if state == "[]" else state,
        attributes=dict_of(raw.get("attributes")),
        events=[read_event(event) for event in dicts_in(raw.get("events"))],
        links=[read_link(link) for link in dicts_in(raw.get("links"))],
        resource=dict_of(dict_of(raw.get("resource")).get("attributes")),
    )


def read_event(event: dict[str, Any]) -> ForeignEvent:
    """An event with its time."""
    attributes = dict_of(event.get("attributes"))
    return ForeignEvent(event.get("name"), nanos_of(event.get("timestamp")), attributes)


def read_link(link: dict[str, Any]) -> ForeignLink:
    """A link with the context it points to."""
    context = dict_of(link.get("context"))
    return ForeignLink(
        context.get("trace_id"), context.get("span_id"), dict_of(link.get("attributes"))
    )
