"""What every format reduces a span to, before it becomes a row."""

from __future__ import annotations

import hashlib
import re
from typing import Final

import msgspec

from tracelens.read import enums
from tracelens.read.ids import SPAN_DIGITS, TRACE_DIGITS, read_id, read_parent
from tracelens.read.values import MAX_INT64, Plain, as_text, encode, pack, whole_number

_REGULAR: Final = re.compile("(?!0{32})[0-9a-f]{32}(?!0{16})[0-9a-f]{16}(?:(?!0{16})[0-9a-f]{16})?")


class Place(msgspec.Struct, gc=False):
    """Where a record is: its byte offset, and how to say that to people."""

    position: int
    at: str


class Envelope(msgspec.Struct, gc=False):
    """Resource and scope, which many spans share: their columns, and their part of the hash.

    `digest` is 64 bits, combined with those of each span by exclusive or.
    """

    service: str | None
    resource_attrs: str
    scope_name: str | None
    scope_version: str | None
    scope_attrs: str | None
    dropped: dict[str, int]
    digest: int


class Parts(msgspec.Struct, array_like=True, gc=False):
    """A span's content in its neutral form; its encoding is what the content hash is taken of.

    `odd` holds originals that no column can hold, by their "$" names; they end up in `attrs`.
    """

    trace_id: str
    span_id: str
    parent_span_id: str | None
    name: str
    kind: int
    start: int | None
    end: int | None
    status_code: int
    status_message: str
    trace_state: str
    flags: int
    attributes: dict[str, Plain]
    duplicates: list[list[Plain]]
    events: list[dict[str, Plain]]
    links: list[dict[str, Plain]]
    dropped: dict[str, int]
    odd: dict[str, Plain]


def make_envelope(
    resource: dict[str, Plain],
    scope: dict[str, Plain],
    scope_name: str | None,
    scope_version: str | None,
    dropped: dict[str, int],
) -> Envelope:
    """Encode what spans share once; empty texts count as absent, as in protobuf."""
    service = resource.get("service.name")
    columns = (
        None if service is None else as_text(service),
        encode(resource).decode(),
        scope_name or None,
        scope_version or None,
        encode(scope).decode() if scope else None,
        {name: count for name, count in dropped.items() if count},
    )
    return Envelope(*columns, digest=digest_of(pack(columns)))


def digest_of(data: bytes) -> int:
    """64 bits that depend on the bytes alone, not on versions of anything."""
    return int.from_bytes(hashlib.sha256(data).digest()[:8], "big", signed=True)


def read_ids(
    trace_id: str | bytes | None,
    span_id: str | bytes | None,
    parent: str | bytes | None,
    odd: dict[str, Plain],
    notes: list[str],
) -> tuple[str, str, str | None]:
    """The three ids of a span by the id ladder, originals of opaque ones kept in `odd`."""
    if type(trace_id) is str and type(span_id) is str and len(span_id) == SPAN_DIGITS:
        # The regular case in one go, as three ids of hex without a zero one among them.
        if not parent and _REGULAR.fullmatch(trace_id + span_id):
            return trace_id, span_id, None
        if type(parent) is str and _REGULAR.fullmatch(trace_id + span_id + parent):
            return trace_id, span_id, parent
    trace_hex, trace_raw = read_id(trace_id, TRACE_DIGITS)
    span_hex, span_raw = read_id(span_id, SPAN_DIGITS)
    parent_hex, parent_raw = read_parent(parent)
    if trace_raw is span_raw is parent_raw is None:
        return trace_hex, span_hex, parent_hex
    originals = {"$trace_id": trace_raw, "$span_id": span_raw, "$parent_span_id": parent_raw}
    for name, original in originals.items():
        if original is not None:
            odd[name] = original
            notes.append("opaque_id")
    return trace_hex, span_hex, parent_hex


def read_time(raw: object, name: str, odd: dict[str, Plain], notes: list[str]) -> int | None:
    """Unix nanoseconds; None when absent (0) or beyond int64, the original then kept in `odd`."""
    if type(raw) is str and len(raw) <= 20 and raw.isdecimal():
        nanos = int(raw)
    elif type(raw) is int:
        nanos = raw
    else:
        try:
            nanos = whole_number(raw) if raw not in (None, "") else 0
        except ValueError:
            nanos = -1
    if 0 <= nanos <= MAX_INT64:
        return nanos or None
    odd[name] = raw if isinstance(raw, str) else str(raw)
    notes.append("time_out_of_range")
    return None


def read_count(raw: object) -> int:
    """A dropped count or flags; 0 when absent or senseless."""
    if not raw:
        return 0
    if type(raw) is int and 0 < raw <= MAX_INT64:
        return raw
    try:
        count = whole_number(raw)
    except ValueError:
        return 0
    return count if 0 <= count <= MAX_INT64 else 0


_LAST_KIND: Final = max(enums.KINDS.values())


def read_kind(raw: object, odd: dict[str, Plain], notes: list[str]) -> int:
    """SpanKind; an unknown one counts as unspecified and is kept in `odd`."""
    if type(raw) is int and 0 <= raw <= _LAST_KIND:
        return raw
    kind = enums.read_kind(raw)
    if kind is None:
        odd["$kind"] = as_text(raw)  # type: ignore[arg-type]
        notes.append("bad_value")
    return kind or 0


def read_status(raw: object, odd: dict[str, Plain], notes: list[str]) -> int:
    """StatusCode; an unknown one counts as unset and is kept in `odd`."""
    code = enums.read_status(raw)
    if code is None:
        odd["$status_code"] = as_text(raw)  # type: ignore[arg-type]
        notes.append("bad_value")
    return code or 0
