"""Spans of any format as columns: batches with the RAW_SPAN schema and the promoted attributes."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Any, Final

import msgspec
import polars as pl

from tracelens.model import ATTRIBUTE_DTYPE, PROMOTED, RAW_SPAN, AttributeType
from tracelens.policy.limits import Limits
from tracelens.read.parts import Envelope, Parts, Place
from tracelens.read.pending import PENDING, SPAN_TYPE, Pending
from tracelens.read.tally import Tally
from tracelens.read.values import (
    Plain,
    UnreadableError,
    as_text,
    encode,
    encode_as_is,
    pack,
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

#: Columns that come from the envelope, those that hold JSON, and what a row has of its own.
_SHARED: Final = ("service", "scope_name", "scope_version", "resource_attrs", "scope_attrs")
_JSON: Final = frozenset(
    {"attrs", "attrs_big", "events", "links", "dropped", "resource_attrs", "scope_attrs"}
)
_OWN: Final = {
    name: pl.String() if name == "notes" else dtype
    for name, dtype in RAW_SPAN.items()
    if name not in _SHARED
}

_DECIMAL: Final = re.compile(r"-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?", re.A)
_YEAR_2000: Final = 946_684_800 * 10**9
_YEAR_2100: Final = 4_102_444_800 * 10**9
_SCALARS: Final = frozenset({int, float, bool, type(None)})
# A character takes at most 6 bytes in JSON, the quotes 2.
_SURELY_SMALL: Final = (SMALL_BYTES - 2) // 6
_SURELY_BIG: Final = SMALL_BYTES - 2


class Column:
    """One promoted attribute: its values, null where a row has none."""

    def __init__(self, kind: AttributeType) -> None:
        self.kind = kind
        self.fit = FIT[kind]
        #: The Python type whose values go in as they are.
        self.exact = EXACT[kind]
        #: A list that ends at the last row with a value: a dict by row takes twice the time.
        self.cells: list[Any] = []

    def put(self, row: int, value: Plain) -> bool:
        """Store what fits the column's type; True when it gives back the value exactly."""
        cell, exact = self.fit(value)
        if cell is not None:
            self.set(row, cell)
        return exact

    def set(self, row: int, cell: Any) -> None:
        """Store a value of the column's type."""
        cells = self.cells
        if len(cells) != row:
            cells.extend([None] * (row - len(cells)))
        cells.append(cell)

    def series(self, name: str, count: int) -> pl.Series:
        """The column of a batch of `count` rows; empty afterwards."""
        dtype = ATTRIBUTE_DTYPE[self.kind]
        cells, self.cells = self.cells, []
        if not cells:
            return pl.Series(name, [None], dtype=dtype).new_from_index(0, count)
        cells.extend([None] * (count - len(cells)))
        return pl.Series(name, cells, dtype=dtype)


def fit_text(value: Plain) -> tuple[str | None, bool]:
    """Any value as text; exact when it is text."""
    if isinstance(value, str):
        return value, True
    return (None if value is None else as_text(value)), False


def fit_int(value: Plain) -> tuple[int | None, bool]:
    """Ints of 64 bits, also as decimal text or double: some forms of dumps know no others."""
    if type(value) is int:
        return value, True
    if type(value) is float and value.is_integer() and abs(value) < 2**53:
        return int(value), False
    if type(value) is str and len(value) < 19 and value.removeprefix("-").isdecimal():
        return int(value), False
    return None, False


def fit_float(value: Plain) -> tuple[float | None, bool]:
    """Doubles, and ints and decimal text as doubles."""
    if type(value) is float:
        return value, True
    if type(value) is int:
        return float(value), False
    if isinstance(value, dict) and value.keys() == {"$double"}:
        return float(value["$double"]), True
    if type(value) is str and len(value) < 32 and _DECIMAL.fullmatch(value):
        return float(value), False
    return None, False


def fit_bool(value: Plain) -> tuple[bool | None, bool]:
    """Booleans, also as the words true and false."""
    if isinstance(value, bool):
        return value, True
    return ({"true": True, "false": False}.get(value) if isinstance(value, str) else None), False


FIT: Final[Mapping[AttributeType, Callable[[Plain], tuple[Any, bool]]]] = {
    "text": fit_text,
    "int": fit_int,
    "float": fit_float,
    "bool": fit_bool,
}
EXACT: Final[Mapping[AttributeType, type]] = {
    "text": str,
    "int": int,
    "float": float,
    "bool": bool,
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
        self.envelopes: list[Envelope] = []
        self.slots: dict[int, int] = {}
        self.pending = Pending()
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
        attributes = parts.attributes
        if len(attributes) + len(parts.duplicates) > self.limits.attributes_per_span:
            raise UnreadableError(
                f"it has {len(attributes) + len(parts.duplicates)} attributes, more than "
                f"limits.attributes_per_span ({self.limits.attributes_per_span})"
            )
        if SPAN_TYPE in attributes and self.hold(place, envelope, parts, notes):
            return
        self.put(place, envelope, parts, notes)

    def put(self, place: Place, envelope: Envelope, parts: Parts, notes: list[str]) -> None:
        """Add one span that nothing speaks against."""
        packed = pack(parts)
        digest = int.from_bytes(sha256(packed).digest()[:8], "big", signed=True) ^ envelope.digest
        if not (parts.trace_id and parts.span_id):
            self.give_ids(place, parts, digest)
            notes.append("invalid_id")
        if b"$" in packed:
            parts.attributes = {free_name(key): value for key, value in parts.attributes.items()}
        if len(packed) > self.limits.attribute_bytes:
            self.cut_values(parts, notes)
        note_times(parts, notes)
        if parts.dropped or envelope.dropped:
            notes.append("dropped")
        self.tally.spans_read += 1
        self.content += len(packed)
        if notes:
            for note in notes:
                self.tally.warn(note, place.at)
        self.append(place, envelope, parts, notes, digest)

    def append(
        self, place: Place, envelope: Envelope, parts: Parts, notes: list[str], content_hash: int
    ) -> None:
        small, big = self.split(parts)
        events = parts.events
        kind, message, nanos = last_exception(events) if events else (None, None, None)
        dropped = parts.dropped | envelope.dropped if envelope.dropped else parts.dropped
        slot = self.slots.get(id(envelope))
        if slot is None:
            slot = self.slots[id(envelope)] = len(self.envelopes)
            self.envelopes.append(envelope)
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
                encode_as_is(small).decode() if small else "{}",
                encode_as_is(big).decode() if big else None,
                encode(events).decode() if events else "[]",
                encode(parts.links).decode() if parts.links else "[]",
                encode(dropped).decode() if dropped else None,
                kind,
                message,
                nanos,
                ",".join(sorted(set(notes))) if notes else None,
                content_hash,
                place.position,
                slot,
            )
        )

    def split(self, parts: Parts) -> tuple[dict[str, Plain], dict[str, Plain]]:
        """Put attributes into promoted columns; return those for `attrs` and for `attrs_big`."""
        column_of, row = self.columns.get, len(self.rows)
        small: dict[str, Plain] = {}
        big: dict[str, Plain] = {}
        for key, value in parts.attributes.items():
            column = column_of(key)
            if column is not None:
                if type(value) is column.exact:
                    cells = column.cells
                    if len(cells) != row:
                        cells.extend([None] * (row - len(cells)))
                    cells.append(value)
                    continue
                if column.put(row, value):
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

    def hold(self, place: Place, envelope: Envelope, parts: Parts, notes: list[str]) -> bool:
        """Whether a span of Logfire is held back, or not needed, as the copy of another.

        Logfire sends each span twice: when it begins, as a child of itself with another id, and
        when it has ended. The first is merged into the second wherever both are in the input.
        """
        pending = self.pending
        if parts.attributes[SPAN_TYPE] != PENDING or not (parts.trace_id and parts.parent_span_id):
            self.count_merged(pending.ended((parts.trace_id, parts.span_id)))
            return False
        key = (parts.trace_id, parts.parent_span_id)
        if key in pending.real:
            self.count_merged(1)
            return True
        pending.wait(key, (place, envelope, parts, notes))
        for held in pending.overflow():
            self.let_go(*held)
        return True

    def count_merged(self, count: int) -> None:
        """Count spans that another one stands for."""
        self.tally.spans_read += count
        self.tally.spans_merged += count

    def release(self) -> None:
        """Add the spans that are still held back: what they announced never came."""
        for held in self.pending.rest():
            self.let_go(*held)

    def let_go(self, place: Place, envelope: Envelope, parts: Parts, notes: list[str]) -> None:
        """Add a span that was held back, and say that it is all there is of it."""
        self.put(place, envelope, parts, [*notes, "pending"])

    def give_ids(self, place: Place, parts: Parts, digest: int) -> None:
        """Ids of its own for a span without: from content and place, so that none are merged."""
        if place.position != self.record:
            self.record, self.ordinal = place.position, 0
        self.ordinal += 1
        seed = b"%d %d %d" % (digest, place.position, self.ordinal)
        made = sha256(seed).hexdigest()
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

    def take(self) -> pl.DataFrame:
        """The rows so far as one frame; the sink is empty afterwards."""
        count = len(self.rows)
        cells = list(zip(*self.rows, strict=True)) if count else [()] * (len(_OWN) + 1)
        found = {
            name: pl.Series(name, values, dtype=dtype)
            for (name, dtype), values in zip(_OWN.items(), cells[:-1], strict=True)
        }
        found |= spread(self.envelopes, pl.Series(cells[-1], dtype=pl.UInt32))
        for key, column in self.columns.items():
            found[PROMOTED + key] = column.series(PROMOTED + key, count)
        self.rows, self.content, self.envelopes, self.slots = [], 0, [], {}
        self.repair(found)
        notes = found["notes"].str.split(",").fill_null(pl.lit([], dtype=pl.List(pl.String)))
        found["notes"] = notes if count else pl.Series("notes", [], dtype=pl.List(pl.String))
        names = [*RAW_SPAN, *(name for name in found if name.startswith(PROMOTED))]
        return pl.DataFrame([found[name] for name in names])

    def repair(self, found: dict[str, pl.Series]) -> None:
        """Replace NUL in all texts of a batch: DuckDB keeps it, most readers of exports do not."""
        broken = 0
        for name, series in found.items():
            if series.dtype != pl.String:
                continue
            is_json = name in _JSON
            odd = series.str.contains("\\u0000" if is_json else "\0", literal=True)
            if not odd.any():
                continue
            clean = [replace_in(text, is_json) for text in series.filter(odd)]
            broken += sum(old != new for old, new in zip(series.filter(odd), clean, strict=True))
            found[name] = series.scatter(odd.arg_true(), clean)
        if broken:
            self.tally.warn("text_replaced", "several places", broken)


def replace_in(text: str, is_json: bool) -> str:
    """A text without NUL; JSON is taken apart, as it may merely show the escape."""
    if not is_json:
        return text.replace("\0", "\ufffd")
    return encode_as_is(replace_nul(msgspec.json.decode(text))).decode()


def spread(envelopes: list[Envelope], slots: pl.Series) -> dict[str, pl.Series]:
    """The columns of resources and scopes, by the slot of each row."""
    return {
        name: pl.Series(name, [getattr(each, name) for each in envelopes], dtype=pl.String).gather(
            slots
        )
        for name in _SHARED
    }


def note_times(parts: Parts, notes: list[str]) -> None:
    """Say what is odd about the times of a span; they are kept as they are."""
    start, end = parts.start, parts.end
    if end is None:
        if "$end_unix_nano" not in parts.odd:
            notes.append("unfinished")
    elif start is not None and end < start:
        notes.append("negative_duration")
    if start is not None and not _YEAR_2000 <= start < _YEAR_2100:
        notes.append("suspicious_time")


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
