"""The writing turn: drop what is stored already, look at what belongs together, commit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Final

import polars as pl

from tracelens.errors import TracelensError
from tracelens.model import BUG_REPORT, PROFILE, PROMOTED, REQUEST
from tracelens.store import protocol
from tracelens.store.compact import compact
from tracelens.store.disk import writing
from tracelens.store.engine import Engine, identifier, literal
from tracelens.store.live import as_rows, install_kind, install_live
from tracelens.store.lock import WriterLock
from tracelens.store.log import BugReport, Live, Log, Profile, Segment
from tracelens.store.neighbours import Neighbours, Reach
from tracelens.store.segments import (
    GENERATION,
    SEGMENT_FOLDER,
    all_columns,
    columns_json,
    draft_name,
    pick_column,
    sql_types,
    write_spans,
)
from tracelens.store.stage import SOURCE, Stage
from tracelens.store.sweep import GRACE, sweep

LOCK_FILE: Final = "writer.lock"
#: Bytes that the database may hold; it sorts on disk beyond. The rest of 1 GiB is for frames.
MEMORY: Final = 600 * 1024**2


@dataclass(frozen=True)
class Fresh:
    """The spans of a stage that the store did not have."""

    stored: int
    duplicate: int
    traces: list[str]  # with at least one new span, sorted
    stored_by_source: dict[int, int]  # new spans by the number of the source that brought them
    segment: Segment | None = field(repr=False)  # written, not committed; None without new spans


class Writer:
    """One writing turn. Used as `with store.writer() as writer:`; one thread only."""

    def __init__(self, store: Path, *, seconds: float, grace: float = GRACE) -> None:
        self._store = store
        self._grace = grace
        self._lock = WriterLock(store / LOCK_FILE, seconds=seconds)
        self._fresh: Fresh | None = None

    def __enter__(self) -> Writer:
        with ExitStack() as opened:
            opened.enter_context(self._lock)
            self._log = Log(self._store, write=True)
            opened.callback(self._log.close)
            with writing(self._store):
                sweep(self._store, self._log, grace=self._grace)
            self._engine = Engine(self._store, memory=MEMORY)
            opened.callback(self._engine.close)
            self._refresh()
            opened.callback(self._drop_fresh)
            self._opened = opened.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._opened:
            # What was committed stays, and the next turn tries again: not worth an error.
            if kind is None:
                with suppress(TracelensError, OSError):
                    compact(self._store, self._log)

    def fresh(self, stage: Stage) -> Fresh:
        """Write the spans of a stage that are new, and tell how many were.

        A span is stored already when (trace_id, span_id, content_hash) is, in the store or
        earlier in the stage.
        """
        self._drop_fresh()
        stage.finish()
        if not stage.rows:
            return self._remember(Fresh(0, 0, [], {}, None))
        self._find_new(stage)
        counts = self._engine.frame("select source, count(*) as stored from new_spans group by all")
        by_source = {int(source): int(stored) for source, stored in counts.iter_rows()}
        stored = sum(by_source.values())
        traces = self._engine.frame("select distinct trace_id from new_spans order by all")
        segment = self._write_new(stage, stored) if stored else None
        names = traces["trace_id"].to_list()
        return self._remember(Fresh(stored, stage.rows - stored, names, by_source, segment))

    def neighbours(self, reach: Reach) -> Neighbours:
        """Which traces look at one another, of those that are stored or fresh."""
        return Neighbours(self._engine, reach)

    def sizes_of(self, traces: Sequence[str]) -> pl.DataFrame:
        """`trace_id, spans, start` (of the first span, in ns) of each trace, fresh spans included.

        Sorted by trace id. Both contents of a span that was sent with two count.
        """
        self._engine.table("wanted_traces", _trace_frame(traces))
        return self._engine.frame(_SIZES)

    def outlines_of(self, traces: Sequence[str]) -> pl.DataFrame:
        """What can be told of whole traces without holding them, one row each, by trace id.

        `trace_id, spans, root` (span id of the earliest root, else of the earliest span), its
        `service`, `emitter`, `session_id` and `user_id`, and its `start` and `end` in ns.
        """
        self._engine.table("wanted_traces", _trace_frame(traces))
        return self._engine.frame(_OUTLINES)

    def spans_of(self, traces: Sequence[str], columns: Sequence[str]) -> pl.DataFrame:
        """Stored and fresh spans of these traces, sorted by (trace_id, start, span id).

        `columns` are those of RAW_SPAN and CANONICAL_SPAN, `generation`, or promoted ones; a
        promoted one that no segment has is read from the attributes as text.
        """
        self._engine.table("wanted_traces", _trace_frame(traces))
        stored = all_columns("spans", self._span_segments())
        picks = ", ".join(_picked(name, stored) for name in columns)
        return self._engine.frame(
            f"select {picks} from live.spans semi join wanted_traces using (trace_id) "
            "order by trace_id, start_unix_nano, span_id, content_hash"
        )

    def requests_of(self, traces: Sequence[str]) -> pl.DataFrame:
        """The live request rows of these traces, with the columns of REQUEST."""
        self._engine.table("wanted_traces", _trace_frame(traces))
        names = ", ".join(identifier(name) for name in REQUEST)
        return self._engine.frame(
            f"select {names} from live.requests semi join wanted_traces using (trace_id) "
            "order by trace_id, start_unix_nano, request_id"
        ).cast(REQUEST)

    def bug_reports(self) -> pl.DataFrame:
        """The stored bug reports: rows of `BUG_REPORT`."""
        return as_rows(BugReport, self._log.bug_reports()).cast(BUG_REPORT)

    def profiles(self) -> pl.DataFrame:
        """What is known of services: rows of `PROFILE`."""
        rows = as_rows(Profile, self._log.profiles())
        return rows.select(PROFILE.names()).cast(PROFILE)

    def commit(
        self,
        fresh: Fresh | None,
        requests: pl.DataFrame,
        traces: Sequence[str],
        entries: Sequence[protocol.LoadEntry] = (),
        *,
        aliases: Mapping[str, str] | None = None,
        reports: Sequence[BugReport] = (),
        withdrawn: Sequence[str] = (),
        in_force: Mapping[str, str] | None = None,
        profiles: pl.DataFrame | None = None,
    ) -> int:
        """Make one part visible, whole or not at all, and return its generation.

        `fresh` is what `fresh()` returned last, None when only requests are recomputed.
        `requests` replace all rows of `traces`. `entries` are the reports of the inputs that the
        part comes from, without any nothing is recorded of a load. `aliases` map superseded
        request ids to new ones. `reports` are bug reports to add or replace, `withdrawn` ids of
        those to drop. `in_force` has the `inputs_hash` that requests get from now on, by the key of
        their profile and "" for those without one: rows with another one are stale. `profiles` are
        all rows of `PROFILE` from now on. What is None stays as it is.
        """
        if fresh is not self._fresh:
            raise ValueError("commit takes what fresh() returned last in this turn")
        rows = requests.select(REQUEST.names()).cast(REQUEST)
        if strays := set(rows["trace_id"]).difference(traces):
            raise ValueError(f"request rows of traces that are not recomputed: {sorted(strays)}")
        part = protocol.Part(
            self._store / SEGMENT_FOLDER,
            self._log,
            self._log.generation() + 1,
            fresh.segment if fresh else None,
            rows,
            self._judged(traces),
            entries,
            aliases or {},
            reports,
            withdrawn,
            in_force,
            None if profiles is None else self._learned(profiles),
        )
        protocol.commit(part)
        self._fresh = None
        self._refresh()
        return part.generation

    def _learned(self, profiles: pl.DataFrame) -> list[Profile]:
        generation = self._log.generation() + 1
        rows = profiles.select(PROFILE.names()).iter_rows(named=True)
        return [Profile(**row, generation=generation) for row in rows]

    def _refresh(self) -> None:
        self._live: Live = self._log.live()
        install_live(self._engine, self._store, self._live)

    def _remember(self, fresh: Fresh) -> Fresh:
        self._fresh = fresh
        install_kind(self._engine, self._store, "spans", self._span_segments())
        return fresh

    def _drop_fresh(self) -> None:
        if self._fresh is not None and self._fresh.segment is not None:
            (self._store / SEGMENT_FOLDER / self._fresh.segment.name).unlink(missing_ok=True)
        self._fresh = None

    def _span_segments(self) -> list[Segment]:
        fresh = self._fresh.segment if self._fresh else None
        return [*self._live.of("spans"), *([fresh] if fresh else [])]

    def _find_new(self, stage: Stage) -> None:
        near = [each for each in self._live.of("spans") if _may_overlap(each, stage)]
        install_kind(self._engine, self._store, "spans", near)
        self._engine.run(
            _NEW_SPANS.format(stage=literal(str(stage.path.absolute())), source=identifier(SOURCE))
        )

    def _write_new(self, stage: Stage, stored: int) -> Segment:
        generation = self._log.generation() + 1
        name = draft_name("spans", generation)
        path = self._store.absolute() / SEGMENT_FOLDER / name
        rows = None
        if stored < stage.rows:
            rows = self._engine.frame("select row_number from new_spans")["row_number"]
        with writing(path.parent):
            write_spans(stage.path, stage.columns, stage.filled, rows, generation, path)
        return Segment(
            name,
            "spans",
            generation,
            stored,
            path.stat().st_size,
            stage.first_start,
            stage.last_start,
            stage.null_starts,
            columns_json(sql_types(stage.columns) | {GENERATION: "BIGINT"}),
        )

    def _judged(self, traces: Sequence[str]) -> list[str]:
        """Those of the traces that have live request rows."""
        self._engine.table("wanted_traces", _trace_frame(traces))
        sql = "select distinct trace_id from live.requests semi join wanted_traces using (trace_id)"
        return self._engine.frame(sql)["trace_id"].to_list()


_NEW_SPANS: Final = """
create or replace table new_spans as
select min(file_row_number) as row_number, trace_id, span_id, content_hash,
    arg_min({source}, file_row_number) as source
from read_parquet({stage}, file_row_number = true)
anti join live.spans using (trace_id, span_id, content_hash)
group by trace_id, span_id, content_hash
"""

_SIZES: Final = """
select trace_id, count(*)::bigint as spans, min(start_unix_nano) as start
from live.spans semi join wanted_traces using (trace_id)
group by trace_id order by trace_id
"""

_OUTLINES: Final = """
with outlines as (
    select trace_id, count(*)::bigint as spans, arg_min(
        {root: span_id, service: service, emitter: emitter, session_id: session_id,
            user_id: user_id, start: start_unix_nano, "end": end_unix_nano},
        (parent_span_id is not null, start_unix_nano is null, start_unix_nano, span_id)
    ) as top
    from live.spans semi join wanted_traces using (trace_id)
    group by trace_id
)
select trace_id, spans, unnest(top) from outlines order by trace_id
"""


def _may_overlap(segment: Segment, stage: Stage) -> bool:
    """Whether a segment can hold a span of the stage: the same span has the same start."""
    if stage.null_starts and segment.null_starts:
        return True
    if segment.first_start is None or segment.last_start is None:
        return False
    if stage.first_start is None or stage.last_start is None:
        return False
    return segment.first_start <= stage.last_start and stage.first_start <= segment.last_start


def _trace_frame(traces: Iterable[str]) -> pl.DataFrame:
    return pl.DataFrame({"trace_id": list(traces)}, schema={"trace_id": pl.String()})


def _picked(name: str, stored: Mapping[str, str]) -> str:
    if name not in stored and not name.startswith(PROMOTED):
        raise ValueError(f"spans have no column {name}")
    return pick_column(name, stored.get(name, "VARCHAR"), stored)
