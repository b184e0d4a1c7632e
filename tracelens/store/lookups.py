"""Lookups by id: only the files that hold the id are opened, and nothing is built per version."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Literal

import polars as pl

from tracelens.model import PROMOTED
from tracelens.store.engine import Engine, identifier
from tracelens.store.keys import HEX_KINDS, WIDTHS, Bounds, IdKind, SortedKeys, bounds_of, holders
from tracelens.store.live import check_files
from tracelens.store.log import Kind, Log, Moment, Segment
from tracelens.store.segments import SEGMENT_FOLDER, all_columns, relation
from tracelens.store.views import select_list

#: What `Lookups.find` may be asked for.
Find = Literal["request", "alias", "trace", "span", "external", "session", "prefix"]

#: Tells whether a row of `requests` has an id, or a hex id that begins like this.
_HAS: Final[dict[IdKind, str]] = {
    "request": "request_id = $id",
    "trace": "trace_id = $id",
    "span": "list_contains(span_ids, $id)",
    "external": "external_request_id = $id",
    "session": "session_id = $id",
}
_BEGINS: Final[dict[IdKind, str]] = {
    "request": "starts_with(request_id, $id)",
    "trace": "starts_with(trace_id, $id)",
    "span": "len(list_filter(span_ids, lambda span: starts_with(span, $id))) > 0",
}
#: Columns that a lookup needs for itself; no column of a view begins with a dot.
_OWN: Final[dict[Kind, dict[str, str]]] = {
    "requests": {
        ".trace": "trace_id",
        ".id": "request_id",
        ".start": "start_unix_nano",
        ".generation": "generation",
    },
    "spans": {
        ".trace": "trace_id",
        ".id": "span_id",
        ".start": "start_unix_nano",
        ".hash": "content_hash",
    },
}
_ORDER: Final = (".start", ".id")
_WORD: Final = re.compile(r"\w+")


class Lookups:
    """Answers by id at the newest version; threads take turns, for milliseconds each.

    Keys are read once per segment, when a lookup first needs those of its kind, and so a new
    version costs no more than its new segments. They take about 100 bytes per request.
    """

    def __init__(self, store: Path) -> None:
        self._store = store
        self._log = Log(store)
        self._engine = Engine(store)
        self._turn = threading.Lock()
        self._version = -1
        self._segments: dict[Kind, dict[str, Segment]] = {"spans": {}, "requests": {}}
        self._columns: dict[Kind, dict[str, str]] = {"spans": {}, "requests": {}}
        self._keys: dict[tuple[Kind, IdKind], dict[str, SortedKeys]] = {}

    def close(self) -> None:
        """Let go of the log and the database."""
        self._log.close()
        self._engine.close()

    def find(self, kind: Find, text: str, columns: Sequence[str] | None) -> pl.DataFrame:
        """Live requests that an id means; see `Store.find`."""
        with self._moment() as moment:
            if kind == "prefix":
                return self._requests(moment, HEX_KINDS, text, columns)
            if kind == "alias":
                successor = moment.successor(text)
                return self._requests(moment, ("request",), successor or "", columns)
            found = self._requests(moment, (kind,), text, columns)
            if found.is_empty() and kind == "span":
                # A span of no request of its own, such as that of a whole conversation.
                traces = self._spans(moment, (), (), (text,))[".trace"].unique().sort()
                parts = [self._requests(moment, ("trace",), each, columns) for each in traces]
                return pl.concat([found, *parts])
            return found

    def spans(
        self, columns: Sequence[str], traces: Sequence[str], spans: Sequence[str]
    ) -> pl.DataFrame:
        """Spans by id; see `Store.spans`."""
        with self._moment() as moment:
            found = self._spans(moment, columns, traces, spans)
        return found.sort(*_ORDER, ".hash", nulls_last=True).select(columns)

    def spans_of(self, request: Mapping[str, Any], columns: Sequence[str]) -> pl.DataFrame:
        """The spans of a request; see `Store.spans_of`."""
        trace, session, ids = request["trace_id"], request["session_id"], request["span_ids"] or []
        with self._moment() as moment:
            found = self._spans(moment, columns, [trace] if ids else (), ids)
            strays = sorted(set(ids).difference(found[".id"]))
            if strays and session is not None:
                near = self._requests(moment, ("session",), session, ["trace_id"])["trace_id"]
                others = self._spans(moment, columns, (), strays)
                found = pl.concat([found, others.filter(others[".trace"].is_in(near.implode()))])
        # Of a span with two contents, the one with the smallest hash belongs to the request.
        first = found.sort(".hash").unique([".trace", ".id"], keep="first", maintain_order=True)
        return first.sort(*_ORDER, nulls_last=True).select(columns)

    @contextmanager
    def _moment(self) -> Iterator[Moment]:
        with self._turn, self._log.moment() as moment:
            version = moment.version()
            if version != self._version:
                self._refresh(moment.segments())
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
        self, moment: Moment, kinds: Sequence[IdKind], text: str, columns: Sequence[str] | None
    ) -> pl.DataFrame:
        """Live requests that have this id as one of these kinds, in hex also how it begins."""
        names = list(select_list("requests")) if columns is None else columns
        wanted = [(kind, [bounds_of(kind, text)]) for kind in kinds]
        conditions = " or ".join(_condition(kind, text) for kind in kinds)
        segments = self._holders(moment, "requests", wanted)
        found = self._rows("requests", segments, names, conditions, {"id": text})
        dead = moment.tombstones(found[".trace"])
        oldest = found[".trace"].replace_strict(dead, default=0, return_dtype=pl.Int64())
        return (
            found.filter(found[".generation"] >= oldest)
            .sort(*_ORDER, nulls_last=True)
            .select(names)
        )

    def _spans(
        self, moment: Moment, columns: Sequence[str], traces: Sequence[str], spans: Sequence[str]
    ) -> pl.DataFrame:
        """Spans with one of these ids of either kind that is given, with our own columns."""
        given: dict[IdKind, Sequence[str]] = {"trace": traces, "span": spans}
        given = {kind: ids for kind, ids in given.items() if ids}
        # The shorter list finds the files, all lists find the rows.
        shortest = sorted(given.items(), key=lambda item: len(item[1]))[:1]
        wanted = [(kind, [bounds_of(kind, each) for each in ids]) for kind, ids in shortest]
        segments = self._holders(moment, "spans", wanted)
        conditions = " and ".join(_among(kind, ids) for kind, ids in given.items())
        params: dict[str, Any] = {
            kind: ids[0] if len(ids) == 1 else list(ids) for kind, ids in given.items()
        }
        return self._rows("spans", segments, columns, conditions or "false", params)

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
        names: Sequence[str],
        condition: str,
        params: Mapping[str, Any],
    ) -> pl.DataFrame:
        """Columns of a view, and our own, of the rows of these segments that meet a condition."""
        check_files(self._store, segments)
        known = self._columns[kind]
        picked = {name: _expression(kind, name, known) for name in names} | _OWN[kind]
        words = set(_WORD.findall(" ".join([*picked.values(), condition])))
        # Binding takes a tenth of a millisecond per column, so only those that are needed.
        needed = {name: type_ for name, type_ in known.items() if name in {*words, *names}}
        source = relation(kind, self._store.absolute() / SEGMENT_FOLDER, segments, needed)
        items = ", ".join(f"{text} as {identifier(name)}" for name, text in picked.items())
        return self._engine.frame(f"select {items} from ({source}) where {condition}", params)


def _expression(kind: Kind, name: str, known: Mapping[str, str]) -> str:
    found = select_list(kind).get(name)
    if found is None and name.startswith(PROMOTED):
        return identifier(name) if name in known else "null::varchar"
    if found is None:
        raise ValueError(f"{kind} have no column {name}")
    return found


def _condition(kind: IdKind, text: str) -> str:
    """How a row of requests shows that it has an id; whole ones read faster than beginnings."""
    is_whole = kind not in HEX_KINDS or len(text) == 2 * WIDTHS[kind]
    return _HAS[kind] if is_whole else _BEGINS[kind]


def _among(kind: IdKind, ids: Sequence[str]) -> str:
    if len(ids) == 1:
        return f"{kind}_id = ${kind}"
    return f"{kind}_id in (select unnest(${kind}))"
