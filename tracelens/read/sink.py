"""Spans of any format as columns: batches with the RAW_SPAN schema and the promoted attributes."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Any, Final

import polars as pl

from tracelens.model import ATTRIBUTE_DTYPE, PROMOTED, RAW_SPAN, AttributeType
from tracelens.policy.limits import Limits
from tracelens.read.parts import Envelope, Parts, Place
from tracelens.read.tally import Tally
from tracelens.read.values import (
    MAX_INT64,
    MIN_INT64,
    Plain,
    UnreadableError,
    as_text,
    encode,
    encode_struct,
    replace_nul,
)

#: Longest JSON of a value that stays in `attrs`; longer ones go to `attrs_big`.
SMALL_BYTES: Final = 256
#: What is left of a value beyond `limits.attribute_bytes`.
CUT_CHARACTERS: Final = 256
#: A batch is handed on at this much content, however few rows that is.
BATCH_BYTES: Final = 64 * 1024**2

#: Keys of `attrs` that are ours; an attribute of such a name gets one more "$".
RESERVED: Final = frozenset(
    {
        "trace_id",
        "span_id",
        "parent_span_id",
        "start_unix_nano",
        "end_unix_nano",
        "kind",
        "status_code",
        "duplicates",
    }
)

_SCALARS: Final = frozenset({int, float, bool, type(None)})
# A character takes at most 6 bytes in JSON, the quotes 2.
_SURELY_SMALL: Final = (SMALL_BYTES - 2) // 6
_SURELY_BIG: Final = SMALL_BYTES - 2


class Column:
    """One promoted attribute: the rows that have it, and their values."""

    def __init__(self, kind: AttributeType) -> None:
        self.kind = kind
        self.fit = FIT[kind]
        self.rows: list[int] = []
        self.values: list[Any] = []

    def put(self, row: int, value: Plain) -> bool:
        """Store what fits the column's type; True when it gives back the value exactly."""
        cell, exact = self.fit(value)
        if cell is not None:
            self.rows.append(row)
            self.values.append(cell)
        return exact

    def series(self, name: str, count: int) -> pl.Series:
        dtype = ATTRIBUTE_DTYPE[self.kind]
        if not self.rows:
            return pl.Series(name, [None], dtype=dtype).new_from_index(0, count)
        cells = [None] * count
        for row, value in zip(self.rows, self.values, strict=True):
            cells[row] = value
        self.rows, self.values = [], []
        return pl.Series(name, cells, dtype=dtype)


def fit_text(value: Plain) -> tuple[str | None, bool]:
    """Any value as text; exact when it is text."""
    if isinstance(value, str):
        return value, True
    return (None if value is None else as_text(value)), False


def fit_int(value: Plain) -> tuple[int | None, bool]:
    """Ints of 64 bits."""
    if type(value) is int and MIN_INT64 <= value <= MAX_INT64:
        return value, True
    return None, False


def fit_float(value: Plain) -> tuple[float | None, bool]:
    """Doubles, and ints as doubles."""
    if type(value) is float:
        return value, True
    if type(value) is int:
        return float(value), False
    if isinstance(value, dict) and value.keys() == {"$double"}:
        return float(value["$double"]), True
    return None, False


def fit_bool(value: Plain) -> tuple[bool | None, bool]:
    """Booleans."""
    return (value, True) if isinstance(value, bool) else (None, False)


FIT: Final[Mapping[AttributeType, Callable[[Plain], tuple[Any, bool]]]] = {
    "text": fit_text,
    "int": fit_int,
    "float": fit_float,
    "bool": fit_bool,
}


class Sink:
    """Collects spans and hands them on as batches.

    Format readers call `add` for each span, `reject` for one that cannot be loaded, and let go
    (yield) often enough for `full` batches to be taken.
    """

    def __init__(
        self, tally: Tally, promote: Mapping[str, AttributeType], limits: Limits, batch_rows: int
    ) -> None:
        self.tally = tally
        self.limits = limits
        self.batch_rows = batch_rows
        self.columns = {key: Column(kind) for key, kind in promote.items()}
        self.rows: list[tuple[Any, ...]] = []
        self.content = 0
        self.ordinal = 0
        self.record = -1
        #: Whether a record was of trace shape, and what the first other one looked like.
        self.traces_seen = False
        self.stranger = ""

    @property
    def full(self) -> bool:
        return len(self.rows) >= self.batch_rows or self.content >= BATCH_BYTES

    def reject(self, place: Place, reason: str, data: bytes) -> None:
        """Count a span that was seen but cannot be loaded."""
        self.tally.spans_read += 1
        self.tally.reject_span(place.at, reason, data)

    def add(self, place: Place, envelope: Envelope, parts: Parts, notes: list[str]) -> None:
        """Add one span as a row; UnreadableError when it has more attributes than allowed."""
        if len(parts.attributes) + len(parts.duplicates) > self.limits.attributes_per_span:
            raise UnreadableError(
                f"it has {len(parts.attributes) + len(parts.duplicates)} attributes, more than "
                f"limits.attributes_per_span ({self.limits.attributes_per_span})"
            )
        canonical = encode_struct(parts)
        if b"\\u0000" in canonical:
            parts, canonical = self.without_nul(parts, canonical, place)
        if b'"$' in canonical:
            parts.attributes = {free_name(key): value for key, value in parts.attributes.items()}
        digest = hashlib.blake2b(envelope.canonical + canonical, digest_size=8).digest()
        if not (parts.trace_id and parts.span_id):
            self.give_ids(place, parts, digest)
            notes.append("invalid_id")
        if len(canonical) > self.limits.attribute_bytes:
            self.cut_values(parts, notes)
        self.note_times(parts, notes)
        self.tally.spans_read += 1
        for note in notes:
            self.tally.warn(note, place.at)
        self.content += len(canonical)
        self.append(place, envelope, parts, notes, int.from_bytes(digest, "big", signed=True))

    def append(
        self, place: Place, envelope: Envelope, parts: Parts, notes: list[str], content_hash: int
    ) -> None:
        small, big = self.split(parts)
        events = parts.events
        kind, message, nanos = last_exception(events) if events else (None, None, None)
        dropped = parts.dropped | envelope.dropped if envelope.dropped else parts.dropped
        self.rows.append(
            (
                parts.trace_id,
                parts.span_id,
                parts.parent_span_id,
                parts.name,
                parts.kind,
                parts.start,
                parts.end,
                parts.status_code,
                parts.status_message or None,
                parts.trace_state or None,
                parts.flags,
                envelope.service,
                envelope.scope_name,
                envelope.scope_version,
                envelope.resource_attrs,
                envelope.scope_attrs,
                encode(small).decode(),
                encode(big).decode() if big else None,
                encode(events).decode() if events else "[]",
                encode(parts.links).decode() if parts.links else "[]",
                encode(dropped).decode() if dropped else None,
                kind,
                message,
                nanos,
                ",".join(sorted(set(notes))) if notes else None,
                content_hash,
                place.position,
            )
        )

    def split(self, parts: Parts) -> tuple[dict[str, Plain], dict[str, Plain]]:
        """Put attributes into promoted columns; return those for `attrs` and for `attrs_big`."""
        columns, row = self.columns, len(self.rows)
        small: dict[str, Plain] = {}
        big: dict[str, Plain] = {}
        for key, value in parts.attributes.items():
            if key in columns and columns[key].put(row, value):
                continue
            if type(value) is str:
                size = len(value)
                is_big = size > _SURELY_SMALL and (
                    size > _SURELY_BIG or len(encode(value)) > SMALL_BYTES
                )
            else:
                is_big = type(value) not in _SCALARS and len(encode(value)) > SMALL_BYTES
            if is_big:
                big[key] = value
            else:
                small[key] = value
        if parts.duplicates or parts.odd:
            small |= parts.odd
            if parts.duplicates:
                target = small if len(encode(parts.duplicates)) <= SMALL_BYTES else big
                target["$duplicates"] = parts.duplicates
        return small, big

    def without_nul(self, parts: Parts, canonical: bytes, place: Place) -> tuple[Parts, bytes]:
        """Replace NUL; text that merely shows the escape stays."""
        fields = [getattr(parts, name) for name in parts.__struct_fields__]
        clean = Parts(**dict(zip(parts.__struct_fields__, replace_nul(fields), strict=True)))
        cleaned = encode_struct(clean)
        if cleaned == canonical:
            return parts, canonical
        self.tally.warn("text_replaced", place.at)
        return clean, cleaned

    def give_ids(self, place: Place, parts: Parts, digest: bytes) -> None:
        """Ids of its own for a span without: from content and place, so that none are merged."""
        if place.position != self.record:
            self.record, self.ordinal = place.position, 0
        self.ordinal += 1
        seed = digest + b"%d %d" % (place.position, self.ordinal)
        made = hashlib.sha256(seed).hexdigest()
        parts.trace_id = parts.trace_id or made[:32]
        parts.span_id = parts.span_id or made[32:48]

    def cut_values(self, parts: Parts, notes: list[str]) -> None:
        """Shorten values beyond `limits.attribute_bytes`, also in events and links."""
        holders = [parts.attributes]
        for item in [*parts.events, *parts.links]:
            attributes = item["attributes"]
            if isinstance(attributes, dict):
                holders.append(attributes)
        for holder in holders:
            for key, value in holder.items():
                if len(encode(value)) > self.limits.attribute_bytes:
                    holder[key] = as_text(value)[:CUT_CHARACTERS]
                    notes.append("attribute_cut")

    def note_times(self, parts: Parts, notes: list[str]) -> None:
        start, end = parts.start, parts.end
        if end is None:
            if "$end_unix_nano" not in parts.odd:
                notes.append("unfinished")
        elif start is not None and end < start:
            notes.append("negative_duration")

    def take(self) -> pl.DataFrame:
        """The rows so far as one frame; the sink is empty afterwards."""
        count = len(self.rows)
        cells = list(zip(*self.rows, strict=True)) if count else [()] * len(RAW_SPAN)
        series = [
            pl.Series(name, values, dtype=pl.String if name == "notes" else dtype)
            for (name, dtype), values in zip(RAW_SPAN.items(), cells, strict=True)
        ]
        series += [column.series(PROMOTED + key, count) for key, column in self.columns.items()]
        self.rows, self.content = [], 0
        return pl.DataFrame(series).with_columns(
            pl.col("notes").str.split(",").fill_null(pl.lit([], dtype=pl.List(pl.String)))
        )


def last_exception(events: list[dict[str, Plain]]) -> tuple[str | None, str | None, int | None]:
    """Type, message and time of the last event named `exception` (OTel semantic conventions)."""
    for event in reversed(events):
        attributes = event["attributes"]
        if event["name"] == "exception" and isinstance(attributes, dict):
            kind = attributes.get("exception.type")
            message = attributes.get("exception.message")
            nanos = event["time_unix_nano"]
            return (
                None if kind is None else as_text(kind),
                None if message is None else as_text(message),
                nanos if isinstance(nanos, int) else None,
            )
    return None, None, None


def free_name(key: str) -> str:
    """The key, with one more "$" when it would read as one of ours."""
    return "$" + key if key.startswith("$") and key.lstrip("$") in RESERVED else key
