"""OTLP/JSON as typed structs, and those as spans.

The structs take the spelling of the specification (opentelemetry-proto, "JSON Protobuf Encoding")
and nothing else: whatever deviates goes through `loose_json`, which builds the same structs.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from tracelens.read.ids import base64_bytes
from tracelens.read.parts import (
    Envelope,
    Parts,
    Place,
    make_envelope,
    read_count,
    read_ids,
    read_kind,
    read_status,
    read_time,
)
from tracelens.read.sink import Sink
from tracelens.read.values import (
    MAX_INT64,
    MIN_INT64,
    Plain,
    UnreadableError,
    as_text,
    tag_bytes,
    tag_double,
    tag_pairs,
    whole_number,
)

Whole = int | str | None

ABSENT: Final = msgspec.Raw(b"")


class _Struct(msgspec.Struct, gc=False, rename="camel", forbid_unknown_fields=True):
    pass


class AnyValue(_Struct):
    """An attribute value: one of its fields."""

    string_value: str | None = None
    bool_value: bool | None = None
    int_value: Whole = None
    double_value: float | str | None = None
    array_value: ArrayValue | None = None
    kvlist_value: KeyValueList | None = None
    bytes_value: str | None = None


class ArrayValue(_Struct):
    """A list of values."""

    values: list[AnyValue | None] | None = None


class KeyValue(_Struct):
    """An attribute."""

    key: str = ""
    value: AnyValue | None = None


class KeyValueList(_Struct):
    """A map of values."""

    values: list[KeyValue] | None = None


class Status(_Struct):
    """Status of a span."""

    code: Whole = None
    message: str | None = None


class Event(_Struct):
    """Something that happened during a span."""

    time_unix_nano: Whole = None
    name: str | None = None
    attributes: list[KeyValue] | None = None
    dropped_attributes_count: Whole = None


class Link(_Struct):
    """Another span that this one points to."""

    trace_id: str | None = None
    span_id: str | None = None
    trace_state: str | None = None
    attributes: list[KeyValue] | None = None
    dropped_attributes_count: Whole = None
    flags: Whole = None


class Span(_Struct):
    """A span."""

    trace_id: str | None = None
    span_id: str | None = None
    trace_state: str | None = None
    parent_span_id: str | None = None
    flags: Whole = None
    name: str | None = None
    kind: Whole = None
    start_time_unix_nano: Whole = None
    end_time_unix_nano: Whole = None
    attributes: list[KeyValue] | None = None
    dropped_attributes_count: Whole = None
    events: list[Event] | None = None
    dropped_events_count: Whole = None
    links: list[Link] | None = None
    dropped_links_count: Whole = None
    status: Status | None = None


class ScopeSpans(_Struct):
    """Spans of one instrumentation scope, which stays unparsed until it is new.

    Spans stay unparsed too: one at a time they fit into the processor's cache, and a bad one costs
    nothing but itself.
    """

    scope: msgspec.Raw = ABSENT
    spans: list[msgspec.Raw] | None = None
    schema_url: str | None = None


class ResourceSpans(_Struct):
    """Spans of one resource, which stays unparsed until it is new."""

    resource: msgspec.Raw = ABSENT
    scope_spans: list[ScopeSpans] | None = None
    schema_url: str | None = None


class Request(_Struct):
    """TracesData, or an ExportTraceServiceRequest: the same JSON."""

    resource_spans: list[ResourceSpans] | None


class Resource(_Struct):
    """What produced the spans."""

    attributes: list[KeyValue] | None = None
    dropped_attributes_count: Whole = None


class Scope(_Struct):
    """The instrumentation that made the spans."""

    name: str | None = None
    version: str | None = None
    attributes: list[KeyValue] | None = None
    dropped_attributes_count: Whole = None


def add_span(sink: Sink, place: Place, envelope: Envelope, span: Span) -> None:
    """Turn one struct into a row of the sink; UnreadableError when it cannot be loaded."""
    notes: list[str] = []
    odd: dict[str, Plain] = {}
    depth = sink.limits.depth
    attributes, duplicates = collect(span.attributes, depth, notes)
    if duplicates:
        notes.append("duplicate_keys")
    trace_id, span_id, parent = read_ids(
        span.trace_id, span.span_id, span.parent_span_id, odd, notes
    )
    status = span.status
    parts = Parts(
        trace_id,
        span_id,
        parent,
        span.name or "",
        read_kind(span.kind, odd, notes),
        read_time(span.start_time_unix_nano, "$start_unix_nano", odd, notes),
        read_time(span.end_time_unix_nano, "$end_unix_nano", odd, notes),
        0 if status is None else read_status(status.code, odd, notes),
        "" if status is None else status.message or "",
        span.trace_state or "",
        read_count(span.flags),
        attributes,
        duplicates,
        [read_event(one, depth, notes) for one in span.events] if span.events else [],
        [read_link(one, depth, notes) for one in span.links] if span.links else [],
        dropped_counts(span),
        odd,
    )
    sink.add(place, envelope, parts, notes)


def dropped_counts(span: Span) -> dict[str, int]:
    """The dropped counts that are not zero, by what was dropped."""
    attributes, events = span.dropped_attributes_count, span.dropped_events_count
    links = span.dropped_links_count
    if not (attributes or events or links):
        return {}
    counts = {"attributes": attributes, "events": events, "links": links}
    return {name: read_count(count) for name, count in counts.items() if read_count(count)}


def read_event(event: Event, depth: int, notes: list[str]) -> dict[str, Plain]:
    """The event as a JSON object; its time null when absent or beyond int64."""
    odd: dict[str, Plain] = {}
    found: dict[str, Plain] = {
        "name": event.name or "",
        "time_unix_nano": read_time(event.time_unix_nano, "$time_unix_nano", odd, notes),
        "attributes": merge(event.attributes, depth, notes, odd),
    }
    if count := read_count(event.dropped_attributes_count):
        found["dropped_attributes_count"] = count
    return found


def read_link(link: Link, depth: int, notes: list[str]) -> dict[str, Plain]:
    """The link as a JSON object, its ids by the same ladder as the span's."""
    odd: dict[str, Plain] = {}
    trace_id, span_id, _ = read_ids(link.trace_id, link.span_id, None, odd, notes)
    found: dict[str, Plain] = {
        "trace_id": trace_id,
        "span_id": span_id,
        "attributes": merge(link.attributes, depth, notes, odd),
    }
    if link.trace_state:
        found["trace_state"] = link.trace_state
    if flags := read_count(link.flags):
        found["flags"] = flags
    if count := read_count(link.dropped_attributes_count):
        found["dropped_attributes_count"] = count
    return found


def merge(
    attributes: list[KeyValue] | None, depth: int, notes: list[str], odd: dict[str, Plain]
) -> dict[str, Plain]:
    """Attributes of anything but a span, duplicates among them under "$duplicates"."""
    found, duplicates = collect(attributes, depth, notes)
    if duplicates:
        found["$duplicates"] = duplicates
        notes.append("duplicate_keys")
    return found | odd if odd else found


def collect(
    attributes: list[KeyValue] | None, depth: int, notes: list[str]
) -> tuple[dict[str, Plain], list[list[Plain]]]:
    """Attributes by key, the first of each; and the others as [key, value]."""
    found: dict[str, Plain] = {}
    if not attributes:
        return found, []
    for item in attributes:
        value = item.value
        if value is None:
            found[item.key] = None
        elif (text := value.string_value) is not None:
            found[item.key] = text
        elif type(whole := value.int_value) is str and len(whole) < 19 and whole.isdecimal():
            found[item.key] = int(whole)
        else:
            found[item.key] = plain(value, depth, notes)
    if len(found) == len(attributes):
        return found, []
    return collect_first(attributes, depth, notes)


def collect_first(
    attributes: list[KeyValue], depth: int, notes: list[str]
) -> tuple[dict[str, Plain], list[list[Plain]]]:
    """Like `collect`, for keys that repeat."""
    found: dict[str, Plain] = {}
    duplicates: list[list[Plain]] = []
    for item in attributes:
        value = plain(item.value, depth, notes)
        if item.key in found:
            duplicates.append([item.key, value])
        else:
            found[item.key] = value
    return found, duplicates


def plain(value: AnyValue | None, depth: int, notes: list[str]) -> Plain:
    """An AnyValue as a plain JSON value; UnreadableError when nested deeper than `depth`."""
    if value is None:
        return None
    if value.string_value is not None:
        return value.string_value
    if value.int_value is not None:
        return plain_int(value.int_value, notes)
    if value.bool_value is not None:
        return value.bool_value
    if value.double_value is not None:
        return plain_double(value.double_value, notes)
    if value.bytes_value is not None:
        return plain_bytes(value.bytes_value, notes)
    return plain_nested(value, depth, notes)


def plain_nested(value: AnyValue, depth: int, notes: list[str]) -> Plain:
    """An array or map, one level less to go."""
    if depth <= 0:
        raise UnreadableError("an attribute value is nested deeper than limits.depth")
    if value.array_value is not None:
        return [plain(item, depth - 1, notes) for item in value.array_value.values or ()]
    if value.kvlist_value is not None:
        pairs = value.kvlist_value.values or ()
        return tag_pairs([(pair.key, plain(pair.value, depth - 1, notes)) for pair in pairs])
    return None


def plain_int(raw: Any, notes: list[str]) -> Plain:
    """An int64; anything else stays as it was written."""
    try:
        number = whole_number(raw)
    except ValueError:
        notes.append("bad_value")
        return as_text(raw)
    if MIN_INT64 <= number <= MAX_INT64:
        return number
    notes.append("bad_value")
    return str(number)


def plain_double(raw: float | str, notes: list[str]) -> Plain:
    """A double, also from text such as NaN."""
    try:
        return tag_double(float(raw))
    except (ValueError, TypeError, OverflowError):
        notes.append("bad_value")
        return as_text(raw)


def plain_bytes(text: str, notes: list[str]) -> Plain:
    """Bytes from base64; text that is none stays text."""
    raw = base64_bytes(text)
    if raw is None:
        notes.append("bad_value")
        return text
    return tag_bytes(raw)


def envelope_of(resource: Resource, scope: Scope, depth: int, notes: list[str]) -> Envelope:
    """The part that the spans of one resource and scope share."""
    return make_envelope(
        merge(resource.attributes, depth, notes, {}),
        merge(scope.attributes, depth, notes, {}),
        scope.name,
        scope.version,
        {
            "resource_attributes": read_count(resource.dropped_attributes_count),
            "scope_attributes": read_count(scope.dropped_attributes_count),
        },
    )
