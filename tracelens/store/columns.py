"""Columns of all live requests in memory: what figures over a whole store are made of."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from tracelens.errors import StoreError
from tracelens.store.checksum import REPAIR, UNDECODED
from tracelens.store.flat import Copy, find_copy
from tracelens.store.live import as_rows, check_files
from tracelens.store.log import Log, Moment, Segment, Tombstone
from tracelens.store.plain import column_type, is_stored, nulls, pick
from tracelens.store.segments import GENERATION, SEGMENT_FOLDER, parse_types


@dataclass(frozen=True)
class Part:
    """The live rows of one segment: all of them, or those of a mask."""

    segment: Segment
    kept: pl.Series | None = None

    @property
    def rows(self) -> int:
        """How many rows live."""
        return self.segment.rows if self.kept is None else int(self.kept.sum())


class Columns:
    """Columns of the live requests at the newest version; threads take turns.

    A segment is read once per column. When the version moves, rows that died are dropped and only
    new segments are read. A column of nulls alone takes no memory.
    """

    def __init__(self, store: Path) -> None:
        self._store = store
        self._log = Log(store)
        self._turn = threading.Lock()
        self._version = -1
        self._generation = 0
        self._parts: list[Part] = []
        self._held: dict[str, pl.Series] = {}
        self._kept: dict[Any, Any] = {}

    def close(self) -> None:
        """Let go of the log."""
        self._log.close()

    def frame(self, names: Sequence[str]) -> pl.DataFrame:
        """These columns, rows in the same order; see `Store.request_columns`."""
        return self.table(names)[0]

    def table(self, names: Sequence[str]) -> tuple[pl.DataFrame, dict[Any, Any]]:
        """These columns, and what is kept with them; see `Store.request_table`."""
        types = {name: column_type(name) for name in names}
        with self._moment():
            self._load(names)
            frame = pl.DataFrame([self._held[name].cast(types[name]) for name in types])
            return frame, self._kept

    def sizes(self) -> dict[str, int]:
        """Bytes that each held column takes; codes of text without their dictionary."""
        return {name: int(held.estimated_size()) for name, held in self._held.items()}

    @contextmanager
    def _moment(self) -> Iterator[None]:
        with self._turn, self._log.moment() as moment:
            version = moment.version()
            if version != self._version:
                self._refresh(moment)
                self._version = version
            yield

    def _refresh(self, moment: Moment) -> None:
        """Bring what is held to the newest version, or let go of it where that fails."""
        held, old = self._held, {each.segment.name: each for each in self._parts}
        offsets = _offsets(self._parts)
        # A new one: whoever still uses the old rows keeps what was made of them.
        self._held, self._kept = {}, {}
        live = [each for each in moment.segments() if each.kind == "requests"]
        check_files(self._store, live)
        self._parts = self._alive(moment, live, old)
        self._generation = moment.generation()
        for name, column in held.items():
            self._held[name] = self._moved(name, column, old, offsets)

    def _moved(
        self, name: str, column: pl.Series, old: Mapping[str, Part], offsets: Mapping[str, int]
    ) -> pl.Series:
        """A held column with the rows that live now; new segments are read."""
        parts = []
        for part in self._parts:
            before = old.get(part.segment.name)
            if before is None:
                parts += self._read([part], [name])[name]
                continue
            kept = column.slice(offsets[part.segment.name], before.rows)
            parts.append(kept if before.kept is part.kept else kept.filter(_still(before, part)))
        return _joined(name, parts)

    def _alive(
        self, moment: Moment, live: Sequence[Segment], old: Mapping[str, Part]
    ) -> list[Part]:
        """Which rows of each live segment no later commit replaced."""
        every = as_rows(Tombstone, moment.all_tombstones())
        # What an older segment has lost to older tombstones is known.
        recent = every.filter(pl.col("generation") > self._generation)
        parts = []
        for segment in live:
            known = old.get(segment.name)
            tombstones = every if known is None else recent
            if tombstones.is_empty():
                parts.append(known or Part(segment))
            else:
                parts.append(self._without(known or Part(segment), tombstones))
        return parts

    def _without(self, part: Part, tombstones: pl.DataFrame) -> Part:
        ids = self._scan([part.segment], ["trace_id", GENERATION])[0]
        oldest = tombstones.rename({"generation": "_oldest"})
        dead = ids.join(oldest, on="trace_id", how="left", maintain_order="left")
        alive = (dead[GENERATION] >= dead["_oldest"]).fill_null(True)
        kept = alive if part.kept is None else alive & part.kept
        return part if kept.sum() == part.rows else Part(part.segment, kept)

    def _load(self, names: Sequence[str]) -> None:
        """Read what is not held yet."""
        missing = [name for name in dict.fromkeys(names) if name not in self._held]
        if missing:
            read = self._read(self._parts, missing)
            self._held |= {name: _joined(name, parts) for name, parts in read.items()}

    def _read(self, parts: Sequence[Part], names: Sequence[str]) -> dict[str, list[pl.Series]]:
        """Columns of each of these segments, of the rows that live."""
        found: dict[str, list[pl.Series]] = {name: [] for name in names}
        for part, rows in zip(parts, self._scan([p.segment for p in parts], names), strict=True):
            live = rows if part.kept is None else rows.filter(part.kept)
            for name in names:
                column = live[name]
                is_empty = column.null_count() == len(column)
                found[name].append(nulls(name, len(column)) if is_empty else column)
        return found

    def _scan(self, segments: Sequence[Segment], names: Sequence[str]) -> list[pl.DataFrame]:
        """These columns of each segment, all rows; several segments are decoded at once."""
        folder = self._store / SEGMENT_FOLDER
        copies = [find_copy(folder, each) for each in segments]
        try:
            return self._collect(segments, copies, names)
        except UNDECODED:
            # It may be a copy: the segments have all that is in them.
            pass
        try:
            return self._collect(segments, [None] * len(segments), names)
        except UNDECODED as error:
            raise StoreError(
                f"store {self._store} is damaged: a segment of requests cannot be decoded "
                f"({error}); {REPAIR}"
            ) from error

    def _collect(
        self, segments: Sequence[Segment], copies: Sequence[Copy | None], names: Sequence[str]
    ) -> list[pl.DataFrame]:
        scans: list[pl.LazyFrame] = []
        for segment, copy in zip(segments, copies, strict=True):
            path, stored = self._store / SEGMENT_FOLDER / segment.name, parse_types(segment.columns)
            # A segment may have been written before a column existed.
            wanted = [name for name in names if is_stored(name, stored)]
            copied = [name for name in wanted if copy and name in copy.columns]
            done = {*copied, *(copy.empty if copy else ())}
            scans.append(copy.scan(copied) if copy and copied else pl.LazyFrame())
            rest = [pick(name) for name in wanted if name not in done]
            scans.append(pl.scan_parquet(path, glob=False).select(rest) if rest else pl.LazyFrame())
        found = pl.collect_all(scans)
        return [
            _in_order(names, [*one, *other], segment.rows)
            for segment, one, other in zip(segments, found[::2], found[1::2], strict=True)
        ]


def _in_order(names: Sequence[str], columns: Sequence[pl.Series], rows: int) -> pl.DataFrame:
    known = {each.name: each for each in columns}
    return pl.DataFrame([known.get(name, nulls(name, rows)) for name in names])


def _joined(name: str, parts: Sequence[pl.Series]) -> pl.Series:
    """Parts of a column as one: of type null where no row has a value."""
    if all(each.dtype == pl.Null for each in parts):
        return nulls(name, sum(map(len, parts)))
    dtype = column_type(name)
    return pl.concat([each.cast(dtype).alias(name) for each in parts], rechunk=True)


def _offsets(parts: Sequence[Part]) -> dict[str, int]:
    offsets, total = {}, 0
    for part in parts:
        offsets[part.segment.name] = total
        total += part.rows
    return offsets


def _still(before: Part, now: Part) -> pl.Series:
    """Which of the rows that were kept before are kept now."""
    assert now.kept is not None
    return now.kept if before.kept is None else now.kept.filter(before.kept)
