"""Binary ResourceSpans messages as spans, and the test whether they are spans at all.

Protobuf does not say what a message is: logs and metrics parse as spans. They leave unknown fields
or impossible ids, and parse without any as what they really are.
"""

from __future__ import annotations

from typing import Any, Final

from google.protobuf.internal import api_implementation  # type: ignore[import-untyped]
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from google.protobuf.unknown_fields import UnknownFieldSet  # type: ignore[import-untyped]
from opentelemetry.proto.logs.v1.logs_pb2 import ResourceLogs
from opentelemetry.proto.metrics.v1.metrics_pb2 import ResourceMetrics
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span

from tracelens.errors import InputError
from tracelens.read.messages import LEGACY_SCOPE_SPANS, Message, split_message
from tracelens.read.parts import (
    Envelope,
    Parts,
    Place,
    make_envelope,
    read_ids,
    read_kind,
    read_status,
    read_time,
)
from tracelens.read.sink import Sink
from tracelens.read.values import Plain, UnreadableError, tag_bytes, tag_double, tag_pairs
from tracelens.read.window import CutError

#: Lengths of ids that occur: right, absent, 64 bits, and hex text decoded as if it were base64.
_TRACE_LENGTHS: Final = frozenset({0, 8, 16, 24, 32})
_SPAN_LENGTHS: Final = frozenset({0, 8, 12, 16})
_REMEMBERED: Final = 4096
#: Messages within messages that upb decodes, and protobuf in C++ and Java as well.
_PROTOBUF_DEPTH: Final = 100
#: The protocol has grown by single numbers; what is further off is something else.
_NEWER: Final = 16


class ProtoReader:
    """Puts the spans of ResourceSpans messages into a sink."""

    def __init__(self, sink: Sink) -> None:
        if api_implementation.Type() == "python":
            # Many times slower, and damaged messages make it raise errors of all sorts.
            raise InputError(
                f"{sink.tally.path}: protobuf is active in its pure-Python form, which is not fit"
                " for large or damaged dumps. Unset PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION, or"
                " install protobuf from a wheel for this platform."
            )
        self.sink = sink
        self.envelopes: dict[tuple[bytes, bytes], Envelope] = {}

    def read(self, message: Message, single: bool = False) -> None:
        """Read one message; what cannot be read is rejected, span by span where possible."""
        place = Place(message.position, f"byte {message.position}")
        try:
            resource_spans = ResourceSpans.FromString(message.data)
        except DecodeError as error:
            self.read_damaged(message, place, single, why_not(error))
            return
        if is_trace(resource_spans):
            self.sink.traces_seen |= bool(resource_spans.scope_spans)
            self.read_spans(resource_spans, place)
        elif signal := other_signal(message.data):
            self.sink.tally.signal(*signal)
        else:
            reason = "it parses as protobuf, but not as spans"
            self.sink.tally.reject_record(place.at, reason, message.data)

    def read_damaged(self, message: Message, place: Place, single: bool, reason: str) -> None:
        """Try each span of a message that does not decode as a whole."""
        if single:
            self.sink.reject(place, reason, message.data)
            return
        if signal := other_signal(message.data):
            self.sink.tally.signal(*signal)
            return
        before = self.sink.tally.spans_read
        try:
            for one in split_message(message):
                self.read(one, single=True)
        except (CutError, UnreadableError):
            pass
        if self.sink.tally.spans_read == before:
            self.sink.tally.reject_record(place.at, reason, message.data)

    def read_spans(self, resource_spans: ResourceSpans, place: Place) -> None:
        for number in newer_fields(resource_spans):
            self.sink.tally.unknown(f"resourceSpans.{number}", place.at)
        resource = resource_spans.resource.SerializeToString()
        for scope_spans in resource_spans.scope_spans or legacy_scopes(resource_spans):
            try:
                envelope = self.envelope(resource_spans, scope_spans, resource, place)
            except (UnreadableError, RecursionError) as error:
                self.sink.tally.reject_record(place.at, str(error), resource)
                continue
            for span in scope_spans.spans:
                self.read_span(span, envelope, place)

    def read_span(self, span: Span, envelope: Envelope, place: Place) -> None:
        try:
            add_span(self.sink, place, envelope, span)
        except UnreadableError as error:
            self.sink.reject(place, str(error), span.SerializeToString())

    def envelope(
        self, owner: ResourceSpans, scope_spans: ScopeSpans, resource: bytes, place: Place
    ) -> Envelope:
        """Resource and scope from their bytes, remembered by them."""
        key = (resource, scope_spans.scope.SerializeToString())
        known = self.envelopes.get(key)
        if known is None:
            if len(self.envelopes) >= _REMEMBERED:
                self.envelopes.clear()
            known = self.envelopes[key] = self.make_envelope(owner, scope_spans, place)
        return known

    def make_envelope(
        self, owner: ResourceSpans, scope_spans: ScopeSpans, place: Place
    ) -> Envelope:
        notes: list[str] = []
        depth = self.sink.limits.depth
        scope = scope_spans.scope
        envelope = make_envelope(
            merge(owner.resource.attributes, depth, notes, {}),
            merge(scope.attributes, depth, notes, {}),
            scope.name,
            scope.version,
            {
                "resource_attributes": owner.resource.dropped_attributes_count,
                "scope_attributes": scope.dropped_attributes_count,
            },
        )
        for note in notes:
            self.sink.tally.warn(note, place.at)
        return envelope


def why_not(error: DecodeError) -> str:
    """The reason of a decoder in our words: its bound on nesting is no limit of the policy."""
    if "MaxDepth" in str(error):
        return f"it is nested deeper than protobuf decodes ({_PROTOBUF_DEPTH} levels)"
    return f"it is not valid protobuf ({error})"


def legacy_scopes(resource_spans: ResourceSpans) -> list[ScopeSpans]:
    """Field 1000, where scopes once were; read when there are no others, as the collector does."""
    found = []
    for field in UnknownFieldSet(resource_spans):
        if field.field_number == LEGACY_SCOPE_SPANS and isinstance(field.data, bytes):
            try:
                found.append(ScopeSpans.FromString(field.data))
            except DecodeError:
                continue
    return found


def is_trace(resource_spans: ResourceSpans) -> bool:
    """Whether a message leaves no fields over that trace.proto has another idea of."""
    if foreign_fields(resource_spans, frozenset({LEGACY_SCOPE_SPANS})):
        return False
    for scope_spans in resource_spans.scope_spans or legacy_scopes(resource_spans):
        if foreign_fields(scope_spans):
            return False
        if scope_spans.spans:
            return is_span(scope_spans.spans[0])
    return True


def is_span(span: Span) -> bool:
    """Whether a message has ids or a time like a span, and nothing foreign."""
    if foreign_fields(span):
        return False
    if len(span.trace_id) not in _TRACE_LENGTHS or len(span.span_id) not in _SPAN_LENGTHS:
        return False
    return bool(span.trace_id or span.span_id or span.start_time_unix_nano)


def foreign_fields(message: Any, allowed: frozenset[int] = frozenset()) -> bool:
    """Unknown fields that are not just newer: of a known number, or of a number far away."""
    newest = max(message.DESCRIPTOR.fields_by_number)
    return any(
        not newest < field.field_number <= newest + _NEWER
        for field in UnknownFieldSet(message)
        if field.field_number not in allowed
    )


def newer_fields(message: Any) -> list[int]:
    """Numbers of unknown fields, which a newer protocol may have added."""
    return [
        field.field_number
        for field in UnknownFieldSet(message)
        if field.field_number != LEGACY_SCOPE_SPANS
    ]


def other_signal(data: bytes) -> tuple[str, int] | None:
    """(signal, records) when the bytes are logs or metrics and leave nothing over."""
    for signal, kind in (("logs", ResourceLogs), ("metrics", ResourceMetrics)):
        try:
            message = kind.FromString(data)
        except DecodeError:
            continue
        scopes = message.scope_logs if signal == "logs" else message.scope_metrics
        records = [
            record
            for scope in scopes
            for record in (scope.log_records if signal == "logs" else scope.metrics)
        ]
        if records and not any(foreign_fields(part) for part in (message, *scopes, *records)):
            return signal, len(records)
    return None


def add_span(sink: Sink, place: Place, envelope: Envelope, span: Span) -> None:
    """Turn one protobuf span into a row of the sink; UnreadableError when it cannot be loaded."""
    notes: list[str] = []
    odd: dict[str, Plain] = {}
    depth = sink.limits.depth
    attributes, duplicates = collect(span.attributes, depth)
    if duplicates:
        notes.append("duplicate_keys")
    if "" in attributes and any(map(is_indexed, span.attributes)):
        sink.tally.unknown("attribute.keyStrindex", place.at)
    trace_id, span_id, parent = read_raw_ids(span, odd, notes)
    status = span.status
    parts = Parts(
        trace_id,
        span_id,
        parent,
        span.name,
        read_kind(span.kind, odd, notes),
        read_time(span.start_time_unix_nano, "$start_unix_nano", odd, notes),
        read_time(span.end_time_unix_nano, "$end_unix_nano", odd, notes),
        read_status(status.code, odd, notes),
        status.message,
        span.trace_state,
        span.flags,
        attributes,
        duplicates,
        [read_event(event, depth, notes) for event in span.events],
        [read_link(link, depth, notes) for link in span.links],
        dropped_counts(span),
        odd,
    )
    sink.add(place, envelope, parts, notes)


def read_raw_ids(
    span: Span, odd: dict[str, Plain], notes: list[str]
) -> tuple[str, str, str | None]:
    """The three ids; those of the right length go as their hex text, which is looked at faster."""
    trace_id, span_id, parent = span.trace_id, span.span_id, span.parent_span_id
    if len(trace_id) == 16 and len(span_id) == 8 and len(parent) in (0, 8):
        return read_ids(trace_id.hex(), span_id.hex(), parent.hex(), odd, notes)
    return read_ids(trace_id, span_id, parent, odd, notes)


def is_indexed(attribute: Any) -> bool:
    """Whether a key or value is a place in a table of strings, which traces do not have.

    opentelemetry-proto 1.10: "log a warning and process as if absent".
    """
    key, value = attribute.DESCRIPTOR.fields_by_name, attribute.value.DESCRIPTOR.fields_by_name
    return bool(
        ("key_strindex" in key and attribute.key_strindex)
        or ("string_value_strindex" in value and attribute.value.HasField("string_value_strindex"))
    )


def dropped_counts(span: Span) -> dict[str, int]:
    """The dropped counts that are not zero, by what was dropped."""
    attributes, events = span.dropped_attributes_count, span.dropped_events_count
    links = span.dropped_links_count
    if not (attributes or events or links):
        return {}
    counts = {"attributes": attributes, "events": events, "links": links}
    return {name: count for name, count in counts.items() if count}


def read_event(event: Any, depth: int, notes: list[str]) -> dict[str, Plain]:
    """The event as a JSON object; its time null when absent or beyond int64."""
    odd: dict[str, Plain] = {}
    found: dict[str, Plain] = {
        "name": event.name,
        "time_unix_nano": read_time(event.time_unix_nano, "$time_unix_nano", odd, notes),
        "attributes": merge(event.attributes, depth, notes, odd),
    }
    if event.dropped_attributes_count:
        found["dropped_attributes_count"] = event.dropped_attributes_count
    return found


def read_link(link: Any, depth: int, notes: list[str]) -> dict[str, Plain]:
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
    if link.flags:
        found["flags"] = link.flags
    if link.dropped_attributes_count:
        found["dropped_attributes_count"] = link.dropped_attributes_count
    return found


def merge(attributes: Any, depth: int, notes: list[str], odd: dict[str, Plain]) -> dict[str, Plain]:
    """Attributes of anything but a span, duplicates among them under "$duplicates"."""
    found, duplicates = collect(attributes, depth)
    if duplicates:
        found["$duplicates"] = duplicates
        notes.append("duplicate_keys")
    return found | odd if odd else found


def collect(attributes: Any, depth: int) -> tuple[dict[str, Plain], list[list[Plain]]]:
    """Attributes by key, the first of each; and the others as [key, value]."""
    found: dict[str, Plain] = {}
    for item in attributes:
        value = item.value
        # Asking which field is set takes longer than reading the one that mostly is.
        found[item.key] = value.string_value or plain(value, depth)
    if len(found) == len(attributes):
        return found, []
    return collect_first(attributes, depth)


def collect_first(attributes: Any, depth: int) -> tuple[dict[str, Plain], list[list[Plain]]]:
    """Like `collect`, for keys that repeat."""
    found: dict[str, Plain] = {}
    duplicates: list[list[Plain]] = []
    for item in attributes:
        key, value = item.key, plain(item.value, depth)
        if key in found:
            duplicates.append([key, value])
        else:
            found[key] = value
    return found, duplicates


def plain(value: Any, depth: int) -> Plain:
    """An AnyValue as a plain JSON value; UnreadableError when nested deeper than `depth`."""
    which = value.WhichOneof("value")
    if which == "string_value":
        text: str = value.string_value
        return text
    if which in ("int_value", "bool_value"):
        scalar: int | bool = getattr(value, which)
        return scalar
    if which == "double_value":
        return tag_double(value.double_value)
    if which == "bytes_value":
        return tag_bytes(value.bytes_value)
    if which not in ("array_value", "kvlist_value"):
        return None
    if depth <= 0:
        raise UnreadableError("an attribute value is nested deeper than limits.depth")
    if which == "array_value":
        return [plain(item, depth - 1) for item in value.array_value.values]
    return tag_pairs(
        [(pair.key, plain(pair.value, depth - 1)) for pair in value.kvlist_value.values]
    )
