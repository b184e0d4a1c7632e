"""Spans of dialects that are not OTLP: one shape for all of them, and from that to rows."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec

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
    encode,
    tag_bytes,
    tag_double,
    tag_pairs,
    whole_number,
)

_REMEMBERED: Final = 4096
_DEEPEST: Final = 64
_ISO: Final = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d):(\d\d)(?:[.,](\d+))?\s*(Z|UTC|[+-]\d\d:?\d\d)?", re.I
)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
#: Nanoseconds per unit, longest first.
_UNITS: Final = (1_000_000_000, 1_000_000, 1_000, 1)
#: Between 2000 and 2100, in nanoseconds.
PLAUSIBLE: Final = range(946_684_800_000_000_000, 4_102_444_800_000_000_000)


class ForeignEvent(msgspec.Struct):
    """Something that happened during a span; `time` in Unix nanoseconds or unreadable."""

    name: Any
    time: Any
    attributes: dict[str, Any]


class ForeignLink(msgspec.Struct):
    """Another span that this one points to."""

    trace_id: Any
    span_id: Any
    attributes: dict[str, Any]


class ForeignSpan(msgspec.Struct, kw_only=True):
    """A span as a dialect has it: ids and enums in any spelling, times in Unix nanoseconds.

    A time that could not be read stays as it was written; the ladders of OTLP apply to all of it.
    """

    trace_id: Any
    span_id: Any
    parent_id: Any = None
    name: Any = ""
    kind: Any = None
    start: Any = None
    end: Any = None
    status: Any = None
    message: Any = None
    trace_state: Any = None
    flags: Any = None
    attributes: dict[str, Any]
    duplicates: list[list[Any]] = []
    events: list[ForeignEvent] = []
    links: list[ForeignLink] = []
    dropped: dict[str, int] = {}
    resource: dict[str, Any] = {}
    scope_name: Any = None
    scope_version: Any = None
    scope: dict[str, Any] = {}


class Output:
    """Takes the spans of one document; one that cannot be read costs itself."""

    def __init__(self, sink: Sink, place: Place, envelopes: dict[bytes, Envelope]) -> None:
        self.sink = sink
        self.place = place
        self.envelopes = envelopes

    def put(self, build: Callable[..., ForeignSpan], raw: Any, *more: Any) -> None:
        """Add the span that `build(raw, *more)` makes of an object."""
        try:
            if not isinstance(raw, dict):
                raise UnreadableError("the span is no object")
            self.add(build(raw, *more))
        except UnreadableError as error:
            self.sink.reject(self.place, str(error), as_bytes(raw))
        except RecursionError:
            reason = "it is nested deeper than can be read (limits.depth)"
            self.sink.reject(self.place, reason, as_bytes(raw))

    def add(self, span: ForeignSpan) -> None:
        """Turn one span into a row; UnreadableError when it cannot be loaded."""
        notes: list[str] = []
        odd: dict[str, Plain] = {}
        depth = self.sink.limits.depth
        trace_id, span_id, parent = read_ids(
            id_of(span.trace_id), id_of(span.span_id), id_of(span.parent_id), odd, notes
        )
        parts = Parts(
            trace_id=trace_id,
            span_id=span_id,
            parent_span_id=parent,
            name=text_of(span.name),
            kind=read_kind(span.kind, odd, notes),
            start=read_time(span.start, "$start_unix_nano", odd, notes),
            end=read_time(span.end, "$end_unix_nano", odd, notes),
            status_code=read_status(span.status, odd, notes),
            status_message=text_of(span.message),
            trace_state=text_of(span.trace_state),
            flags=read_count(span.flags),
            attributes=plain_map(span.attributes, depth),
            duplicates=[[key, plain_json(value, depth)] for key, value in span.duplicates],
            events=[read_event(event, depth, notes) for event in span.events],
            links=[read_link(link, depth, notes) for link in span.links],
            dropped={name: count for name, count in span.dropped.items() if count},
            odd=odd,
        )
        if parts.duplicates:
            notes.append("duplicate_keys")
        self.sink.add(self.place, self.envelope(span), parts, notes)

    def envelope(self, span: ForeignSpan) -> Envelope:
        """Resource and scope, remembered by their content."""
        key = as_bytes([span.resource, span.scope_name, span.scope_version, span.scope])
        known = self.envelopes.get(key)
        if known is None:
            depth = self.sink.limits.depth
            known = make_envelope(
                plain_map(span.resource, depth),
                plain_map(span.scope, depth),
                text_of(span.scope_name),
                text_of(span.scope_version),
                {},
            )
            if len(self.envelopes) >= _REMEMBERED:
                self.envelopes.clear()
            self.envelopes[key] = known
        return known


def read_event(event: ForeignEvent, depth: int, notes: list[str]) -> dict[str, Plain]:
    """The event as a JSON object; its time null when absent or beyond int64."""
    odd: dict[str, Plain] = {}
    nanos = read_time(event.time, "$time_unix_nano", odd, notes)
    attributes = plain_map(event.attributes, depth) | odd
    return {"name": text_of(event.name), "time_unix_nano": nanos, "attributes": attributes}


def read_link(link: ForeignLink, depth: int, notes: list[str]) -> dict[str, Plain]:
    """The link as a JSON object, its ids by the same ladder as the span's."""
    odd: dict[str, Plain] = {}
    trace_id, span_id, _ = read_ids(id_of(link.trace_id), id_of(link.span_id), None, odd, notes)
    attributes = plain_map(link.attributes, depth) | odd
    return {"trace_id": trace_id, "span_id": span_id, "attributes": attributes}


def plain_json(value: Any, depth: int) -> Plain:
    """A JSON value in the neutral form; UnreadableError when nested deeper than `depth`."""
    if isinstance(value, float):
        return tag_double(value)
    if isinstance(value, bytes):
        return tag_bytes(value)
    if isinstance(value, int) and not MIN_INT64 <= value <= MAX_INT64:
        return str(value)
    if not isinstance(value, (dict, list)):
        return value  # type: ignore[no-any-return]
    if depth <= 0:
        raise UnreadableError("an attribute value is nested deeper than limits.depth")
    if isinstance(value, list):
        return [plain_json(item, depth - 1) for item in value]
    return tag_pairs([(str(key), plain_json(item, depth - 1)) for key, item in value.items()])


def plain_map(values: dict[str, Any], depth: int) -> dict[str, Plain]:
    """Attributes in the neutral form."""
    return {str(key): plain_json(value, depth) for key, value in values.items()}


def flatten(values: dict[str, Any], whole: frozenset[str], prefix: str = "") -> dict[str, Any]:
    """Nested attributes under dotted names, objects in lists under their index.

    Those named in `whole` are kept as JSON text, which is how OpenInference writes them.
    """
    found: dict[str, Any] = {}
    for key, value in values.items():
        name = f"{prefix}{key}"
        if prefix.count(".") > _DEEPEST:
            raise UnreadableError("its attributes are nested deeper than can be read")
        if value is None:
            continue
        if name in whole and isinstance(value, (dict, list)):
            found[name] = json_text(value)
        elif isinstance(value, dict) and value:
            found |= flatten(value, whole, f"{name}.")
        elif isinstance(value, list) and value and all(isinstance(one, dict) for one in value):
            for number, one in enumerate(value):
                found |= flatten(one, whole, f"{name}.{number}.")
        else:
            found[name] = value
    return found


def id_of(raw: Any) -> str | bytes | None:
    """An id as the ladder takes it; numbers as their decimal digits, everything else as JSON."""
    if raw is None or isinstance(raw, (str, bytes)):
        return raw
    return as_text(raw) if isinstance(raw, (dict, list)) else str(raw)


def text_of(raw: Any) -> str:
    """Text as it is, nothing as nothing, anything else as its JSON."""
    return raw if isinstance(raw, str) else "" if raw is None else json_text(raw)


def json_text(raw: Any) -> str:
    """A value as JSON text, in the order in which it was written."""
    return msgspec.json.encode(raw).decode()


def dict_of(raw: Any) -> dict[str, Any]:
    """An object, also one that was written as JSON text; else an empty one."""
    if isinstance(raw, str) and raw.lstrip().startswith("{"):
        try:
            raw = msgspec.json.decode(raw)
        except (msgspec.DecodeError, RecursionError):
            return {}
    return raw if isinstance(raw, dict) else {}


def list_of(raw: Any) -> list[Any]:
    """A list, else an empty one."""
    return raw if isinstance(raw, list) else []


def dicts_in(raw: Any) -> Iterator[dict[str, Any]]:
    """The objects of a list, what else is in it left out."""
    return (item for item in list_of(raw) if isinstance(item, dict))


def first_of(raw: dict[str, Any], *names: str) -> Any:
    """The first of these fields that is there and not null."""
    return next((raw[name] for name in names if raw.get(name) is not None), None)


def nanos_in(raw: Any, unit: int) -> Any:
    """Unix nanoseconds of a number that counts `unit` nanoseconds; unreadable ones as they are."""
    if raw is None or isinstance(raw, bool):
        return None
    try:
        return whole_number(raw) * unit
    except ValueError:
        # Fractions of a unit occur; they are small enough for a double once whole units are off.
        if isinstance(raw, float) and abs(raw) < 2**63:
            return int(raw) * unit + round((raw - int(raw)) * unit)
        return text_of(raw)


def nanos_of(raw: Any, unit: int = 1) -> Any:
    """Unix nanoseconds of an ISO 8601 text (UTC where it names no zone) or of a number of units."""
    if not isinstance(raw, str) or raw.isdecimal():
        return nanos_in(raw, unit)
    matched = _ISO.fullmatch(raw.strip())
    if not matched:
        return raw
    *numbers, fraction, zone = matched.groups()
    try:
        moment = datetime(*map(int, numbers), tzinfo=UTC) - offset_of(zone)  # type: ignore[arg-type,misc]
    except (ValueError, OverflowError):
        return raw
    past = moment - _EPOCH
    return (past.days * 86_400 + past.seconds) * 1_000_000_000 + int(f"{fraction or 0:0<9}"[:9])


def offset_of(zone: str | None) -> timedelta:
    """`+02:00` as two hours."""
    if zone is None or zone[0] not in "+-":
        return timedelta()
    minutes = int(zone[1:3]) * 60 + int(zone[-2:])
    return timedelta(minutes=-minutes if zone[0] == "-" else minutes)


def nanos_guessed(raw: Any) -> Any:
    """Unix nanoseconds where the dump does not state its unit, as pandas never does.

    The unit is the one in which the time lies between 2000 and 2100: no two units can share that.
    """
    for unit in _UNITS:
        nanos = nanos_of(raw, unit)
        if isinstance(nanos, int) and nanos in PLAUSIBLE:
            return nanos
    return nanos_of(raw)


def as_bytes(raw: Any) -> bytes:
    """JSON of anything, as far as it can be written."""
    try:
        return encode(raw)
    except (ValueError, OverflowError, RecursionError, TypeError):
        return repr(type(raw)).encode()
