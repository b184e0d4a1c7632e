"""Lookups by id: only the files that hold the id are opened, and nothing is built per version.

Polars reads them, in two steps: which rows, from the columns with ids, then the whole rows, from
the row groups of their traces. DuckDB takes three times as long to bind some 150 columns.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache, partial, reduce
from operator import and_, or_
from pathlib import Path
from typing import Any, Final, Literal

import polars as pl

from tracelens.model import REQUEST
from tracelens.store.failures import KEPT, Failures
from tracelens.store.keys import (
    HEX_KINDS,
    KEY_COLUMNS,
    WIDTHS,
    Bounds,
    IdKind,
    SortedKeys,
    bounds_of,
    holders,
)
from tracelens.store.live import check_files
from tracelens.store.log import Kind, Log, Moment, Segment
from tracelens.store.pick import SEGMENT, collect_rows, stored_columns, view_frame
from tracelens.store.segments import GENERATION, all_columns
from tracelens.store.views import select_list

#: What `Lookups.find` may be asked for.
Find = Literal["request", "alias", "trace", "span", "external", "session", "prefix"]

#: Columns that tell a request, and whether it lives; those that tell a span and its content.
_OWN: Final[dict[Kind, list[str]]] = {
    "requests": ["request_id", "trace_id", "start_unix_nano", "generation"],
    "spans": ["trace_id", "span_id", "start_unix_nano", "content_hash"],
}
#: Files whose footers are kept decoded: half of the time of a lookup goes into one of 150 columns.
_FOOTERS: Final = 64
_ORDER: Final[dict[Kind, list[str]]] = {
    "requests": ["start_unix_nano", "request_id"],
    "spans": ["start_unix_nano", "span_id", "content_hash"],
}


#: Makes something of the columns of failures, row for row.
Shape = Callable[[pl.DataFrame], pl.DataFrame]


class Lookups:
    """Answers by id at the newest version; threads take turns, for milliseconds each.

    Keys are read once per segment, when a lookup first needs those of its kind, and so a new
    version costs no more than its new segments. They take about 100 bytes per request.
    """

    def __init__(self, store: Path) -> None:
        self._store = store
        self._log = Log(store)
        self._turn = threading.Lock()
        self._version = -1
        self._segments: dict[Kind, dict[str, Segment]] = {"spans": {}, "requests": {}}
        self._columns: dict[Kind, dict[str, str]] = {"spans": {}, "requests": {}}
        self._keys: dict[tuple[Kind, IdKind], dict[str, SortedKeys]] = {}
        self._in_force: dict[str, str] = {}
        # Parquet files never change, and a scan that is kept knows the footer of its file.
        self._scan = lru_cache(maxsize=_FOOTERS)(partial(pl.scan_parquet, glob=False))
        self._failures = Failures(self._read_failures)
        self._shaped: dict[Shape, Failures] = {}
        # What the last question found: the next one is often about a request of these.
        self._last = self._rows("requests", [], pl.lit(False))

    def close(self) -> None:
        """Let go of the log."""
        self._log.close()

    def find(self, kind: Find, text: str, columns: Sequence[str] | None) -> pl.DataFrame:
        """Live requests that an id means; see `Store.find`."""
        names = list(select_list("requests")) if columns is None else list(columns)
        with self._moment() as moment:
            found = self._meant(moment, kind, text, stored_columns("requests", names))
            self._last = found.select(self._last.columns)
            return self._complete("requests", found, names)

    def spans(
        self, columns: Sequence[str], traces: Sequence[str], spans: Sequence[str]
    ) -> pl.DataFrame:
        """Spans by id; see `Store.spans`."""
        with self._moment() as moment:
            found = self._spans(moment, traces, spans, columns)
            return self._complete("spans", found, columns)

    def spans_of(self, request: Mapping[str, Any], columns: Sequence[str]) -> pl.DataFrame:
        """The spans of a request; see `Store.spans_of`."""
        trace, session, ids = request["trace_id"], request["session_id"], request["span_ids"] or []
        with self._moment() as moment:
            found = self._spans(moment, [trace] if ids else (), ids, columns)
            strays = sorted(set(ids).difference(found["span_id"]))
            if strays and session is not None:
                near = self._requests(moment, ("session",), session)["trace_id"].unique()
                others = self._spans(moment, (), strays, columns)
                found = pl.concat([found, others.filter(pl.col("trace_id").is_in(near.implode()))])
            # Of a span with two contents, that with the smallest hash belongs to the request.
            first = found.sort("content_hash").unique(["trace_id", "span_id"], keep="first")
            return self._complete("spans", first, columns)

    def alike(self, request: Mapping[str, Any], columns: Sequence[str], limit: int) -> pl.DataFrame:
        """Failures that broke where a request did, nearest in time; see `Store.alike`."""
        with self._moment() as moment:
            live = tuple(self._segments["requests"].values())
            near = self._failures.nearest(request, live, partial(_alive, moment), limit)
            return self._complete("requests", near, columns)

    def failures(self, shape: Shape, columns: Sequence[str]) -> pl.DataFrame:
        """Failures in another shape; see `Store.failures`."""
        needed = stored_columns("requests", columns)

        def read(segments: Sequence[Segment]) -> pl.DataFrame:
            is_open = pl.col("failed").fill_null(True)
            rows = self._rows("requests", segments, is_open, needed)
            told = {"request_id": "request_id", "load": GENERATION, SEGMENT: SEGMENT}
            own = rows.select(pl.col(column).alias(name) for name, column in told.items())
            return own.hstack(shape(view_frame("requests", rows, columns, self._in_force)))

        with self._moment():
            kept = self._shaped.setdefault(shape, Failures(read))
            return kept.every(tuple(self._segments["requests"].values())).drop(SEGMENT)

    def _read_failures(self, segments: Sequence[Segment]) -> pl.DataFrame:
        return self._rows("requests", segments, pl.col("failed"), KEPT)

    def _meant(self, moment: Moment, kind: Find, text: str, needed: Sequence[str]) -> pl.DataFrame:
        if kind == "trace":
            # Segments are sorted by trace: the rest of a row lies in the row group that is read.
            return self._requests(moment, ("trace",), text, needed)
        if kind == "prefix":
            return self._requests(moment, HEX_KINDS, text)
        if kind == "alias":
            return self._requests(moment, ("request",), moment.successor(text) or "")
        if kind == "request" and len(text) == 2 * WIDTHS[kind]:
            known = self._last.filter(pl.col("request_id") == text)
            if known.height:
                return known
        found = self._requests(moment, (kind,), text, needed if _are_flat(needed) else ())
        if kind != "span" or found.height:
            return found
        # A span of no request of its own, such as that of a whole conversation.
        traces = self._spans(moment, (), (text,))["trace_id"].unique()
        return pl.concat([found, *(self._requests(moment, ("trace",), each) for each in traces)])

    @contextmanager
    def _moment(self) -> Iterator[Moment]:
        with self._turn, self._log.moment() as moment:
            version = moment.version()
            if version != self._version:
                self._refresh(moment.segments())
                self._in_force = moment.in_force()
                for kept in (self._failures, *self._shaped.values()):
                    kept.keep(self._segments["requests"])
                self._last = self._last.clear()
                self._version = version
            yield moment

    def _refresh(self, segments: Sequence[Segment]) -> None:
        for kind in self._segments:
            mine = [each for each in segments if each.kind == kind]
            self._segments[kind] = {each.name: each for each in mine}
            self._columns[kind] = all_columns(kind, mine)

    def _segment_keys(self, moment: Moment, kind: Kind, ids: IdKind) -> dict[str, SortedKeys]:
        """The keys of all live segments; those that are no longer live are let go."""
        held = self._keys.get((kind, ids), {})
        live = self._segments[kind]
        for row in moment.keys(ids, [name for name in live if name not in held]):
            held[row.segment] = SortedKeys(ids, row.keys)
        self._keys[kind, ids] = kept = {name: held[name] for name in live}
        return kept

    def _requests(
        self, moment: Moment, kinds: Sequence[IdKind], text: str, needed: Sequence[str] = ()
    ) -> pl.DataFrame:
        """Live requests that have this id as one of these kinds, in hex also how it begins."""
        wanted = [(kind, [bounds_of(kind, text)]) for kind in kinds]
        segments = self._holders(moment, "requests", wanted)
        condition = reduce(or_, (_has(kind, text) for kind in kinds))
        return _alive(moment, self._rows("requests", segments, condition, needed))

    def _spans(
        self,
        moment: Moment,
        traces: Sequence[str],
        spans: Sequence[str],
        names: Sequence[str] = (),
    ) -> pl.DataFrame:
        """Spans with one of these ids of either kind that is given, and columns of their view."""
        given: dict[IdKind, Sequence[str]] = {"trace": traces, "span": spans}
        given = {kind: ids for kind, ids in given.items() if ids}
        # The shorter list finds the files, all lists find the rows.
        shortest = sorted(given.items(), key=lambda item: len(item[1]))[:1]
        wanted = [(kind, [bounds_of(kind, each) for each in ids]) for kind, ids in shortest]
        segments = self._holders(moment, "spans", wanted)
        conditions = [_among(KEY_COLUMNS["spans"][kind], ids) for kind, ids in given.items()]
        # Joined by `&`, which Polars looks into for row groups to skip, unlike `all_horizontal`.
        condition = reduce(and_, conditions) if conditions else pl.lit(False)
        # Segments are sorted by trace: what else is needed lies in the row group that is read.
        needed = stored_columns("spans", names)
        return self._rows("spans", segments, condition, needed)

    def _holders(
        self, moment: Moment, kind: Kind, wanted: Iterable[tuple[IdKind, Sequence[Bounds | None]]]
    ) -> list[Segment]:
        """The live segments that may hold one of these ids."""
        names = {
            name
            for ids, bounds in wanted
            for name in holders(self._segment_keys(moment, kind, ids), bounds)
        }
        return [segment for name, segment in self._segments[kind].items() if name in names]

    def _rows(
        self,
        kind: Kind,
        segments: Sequence[Segment],
        condition: pl.Expr,
        needed: Sequence[str] = (),
    ) -> pl.DataFrame:
        """What tells the rows that meet a condition and what else is needed of them."""
        check_files(self._store, segments)
        columns = list(dict.fromkeys([*_OWN[kind], *needed]))
        known = self._columns[kind]
        return collect_rows(self._store, kind, segments, condition, columns, known, self._scan)

    def _complete(self, kind: Kind, found: pl.DataFrame, names: Sequence[str]) -> pl.DataFrame:
        """Columns of the view, of rows that were found, in their order."""
        needed = stored_columns(kind, names)
        told = found.sort(_ORDER[kind], nulls_last=True)
        if set(needed) <= set(told.columns):
            return view_frame(kind, told, names, self._in_force)
        parts = []
        for (name,), rows in told.group_by(SEGMENT):
            ids = [_among(each, rows[each].unique().to_list()) for each in _OWN[kind][:2]]
            segment = self._segments[kind][str(name)]
            parts.append(self._rows(kind, [segment], reduce(and_, ids), needed))
        if not parts:
            empty = self._rows(kind, [], pl.lit(True), needed)
            return view_frame(kind, empty, names, self._in_force)
        # Only those rows that were found: another may have the same ids and be dead.
        key = [*_OWN[kind], SEGMENT]
        ordered = told.select(key).join(
            pl.concat(parts), on=key, nulls_equal=True, maintain_order="left"
        )
        return view_frame(kind, ordered, names, self._in_force)


def _alive(moment: Moment, rows: pl.DataFrame) -> pl.DataFrame:
    """Rows of requests that no later commit replaced."""
    dead = moment.tombstones(rows["trace_id"])
    if not dead:
        return rows
    oldest = rows["trace_id"].replace_strict(dead, default=0, return_dtype=pl.Int64())
    return rows.filter(rows["generation"] >= oldest)


def _are_flat(columns: Sequence[str]) -> bool:
    """Whether columns of requests hold no rows of their own, and cost little to decode."""
    return not any(REQUEST[name].is_nested() for name in columns if name in REQUEST)


def _has(kind: IdKind, text: str) -> pl.Expr:
    """Whether a row of requests has an id, or one in hex that begins like this."""
    column = pl.col(KEY_COLUMNS["requests"][kind])
    # Whole ids are compared: that skips row groups by their statistics.
    is_whole = kind not in HEX_KINDS or len(text) == 2 * WIDTHS[kind]
    if kind == "span" and is_whole:
        return column.list.contains(text).fill_null(False)
    if kind == "span":
        return column.list.eval(pl.element().str.starts_with(text)).list.any().fill_null(False)
    return (column == text if is_whole else column.str.starts_with(text)).fill_null(False)


def _among(column: str, ids: Sequence[str]) -> pl.Expr:
    return pl.col(column) == ids[0] if len(ids) == 1 else pl.col(column).is_in(ids)
