"""Sorted ids of each segment: they tell a lookup which few files it has to open."""

from __future__ import annotations

import hashlib
import sys
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final, Literal

import polars as pl

from tracelens.store.log import Kind, Segment, SegmentKeys

IdKind = Literal["request", "trace", "span", "external", "session"]
Bounds = tuple[bytes, bytes]  # the lowest and the highest key, both included

#: Bytes of a key. Ids in hex are kept whole, so that prefixes can be looked up; texts are hashed.
WIDTHS: Final[dict[IdKind, int]] = {
    "request": 16,
    "trace": 16,
    "span": 8,
    "external": 8,
    "session": 8,
}
#: Bytes with which keys begin that are looked at first.
HEAD: Final = 8
HEX_KINDS: Final[tuple[IdKind, ...]] = ("request", "trace", "span")

#: Which column of a segment holds the ids of a kind.
KEY_COLUMNS: Final[dict[Kind, dict[IdKind, str]]] = {
    "spans": {"trace": "trace_id", "span": "span_id"},
    "requests": {
        "request": "request_id",
        "trace": "trace_id",
        "span": "span_ids",
        "external": "external_request_id",
        "session": "session_id",
    },
}


class SortedKeys:
    """The distinct keys of one kind in one segment, ascending, each of the same width.

    They are searched by their first bytes as numbers, which is ten times as fast.
    """

    def __init__(self, kind: IdKind, data: bytes) -> None:
        self._width = WIDTHS[kind]
        self._data = data if self._width > HEAD else b""
        heads = array("Q", data)
        if sys.byteorder == "little":
            heads.byteswap()
        self._heads = heads[:: self._width // HEAD]

    def __len__(self) -> int:
        return len(self._heads)

    def __getitem__(self, index: int) -> bytes:
        begin = index * self._width
        return self._data[begin : begin + self._width]

    def any_between(self, low: bytes, high: bytes) -> bool:
        """Whether a key lies within these bounds, both included."""
        if not self.may_lie_between(_head(low), _head(high)):
            return False
        if self._width == HEAD:
            return True
        index = bisect_left(self, low)
        return index < len(self) and self[index] <= high

    def may_lie_between(self, low: int, high: int) -> bool:
        """Whether the first bytes of a key are within these bounds, both included."""
        index = bisect_left(self._heads, low)
        return index < len(self._heads) and self._heads[index] <= high


def bounds_of(kind: IdKind, text: str) -> Bounds | None:
    """The lowest and highest key that an id, or the beginning of one in hex, can have.

    None when nothing can have that id: it is too long, or not in lower-case hex where it must be.
    """
    if kind not in HEX_KINDS:
        key = _hash(text)
        return key, key
    digits = 2 * WIDTHS[kind]
    if not 0 < len(text) <= digits or set(text) - set("0123456789abcdef"):
        return None
    return bytes.fromhex(text.ljust(digits, "0")), bytes.fromhex(text.ljust(digits, "f"))


def keys_of(segment: Segment, folder: Path) -> list[SegmentKeys]:
    """The keys of a segment file, by kind of id. Raises ValueError for an id that is not hex."""
    columns = KEY_COLUMNS[segment.kind]
    path = folder / segment.name
    rows = pl.scan_parquet(path, glob=False).select(columns.values()).collect()
    return [
        SegmentKeys(segment.name, kind, _pack(kind, rows[name])) for kind, name in columns.items()
    ]


def _pack(kind: IdKind, ids: pl.Series) -> bytes:
    flat = ids.explode() if isinstance(ids.dtype, pl.List) else ids
    distinct = flat.drop_nulls().unique()
    if kind not in HEX_KINDS:
        return b"".join(sorted(_hash(text) for text in distinct))
    if (distinct.str.len_bytes() != 2 * WIDTHS[kind]).any():
        raise ValueError(f"{kind} ids have {2 * WIDTHS[kind]} hex digits")
    return bytes.fromhex("".join(distinct.sort()))


def _hash(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "replace")).digest()[: WIDTHS["session"]]


def holders(keys: Mapping[str, SortedKeys], bounds: Iterable[Bounds | None]) -> set[str]:
    """The names of the segments that have a key within any of these bounds."""
    found: set[str] = set()
    for low, high in (each for each in bounds if each is not None):
        ends = _head(low), _head(high)
        near = [name for name, held in keys.items() if held.may_lie_between(*ends)]
        found.update(name for name in near if keys[name].any_between(low, high))
    return found


def _head(key: bytes) -> int:
    return int.from_bytes(key[:HEAD])
