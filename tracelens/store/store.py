"""The store: a folder of Parquet segments and the log that says which of them are live."""

from __future__ import annotations

import json
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, TypeVar

import polars as pl

from tracelens.errors import NotFoundError, StoreError
from tracelens.model import BUG_REPORT, PROFILE
from tracelens.store.columns import Columns
from tracelens.store.export import export_duckdb, export_otlp, export_parquet
from tracelens.store.flat import copy_name
from tracelens.store.live import as_rows
from tracelens.store.lock import WriterLock
from tracelens.store.log import LOG_FILE, BugReport, Load, Log, Profile, create_log
from tracelens.store.lookups import Find, Lookups
from tracelens.store.segments import SEGMENT_FOLDER, sync_path
from tracelens.store.snapshot import Snapshot
from tracelens.store.stage import STAGING_FOLDER, Stage
from tracelens.store.verify import Damage, find_damage
from tracelens.store.writer import LOCK_FILE, Writer

#: Seconds that a writer waits for its turn.
PATIENCE: Final = 30.0

Answer = TypeVar("Answer")


class Store:
    """An open store. Reading takes no lock and may happen from several threads."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._log = Log(path)
        self._turn = threading.Lock()
        self._snapshot: Snapshot | None = None
        self._lookups: Lookups | None = None
        self._columns: Columns | None = None

    @classmethod
    def open(cls, path: Path, *, create: bool = False) -> Store:
        """Open the store in a folder; with `create`, make one where there is none.

        Raises NotFoundError when there is none, StoreError when it is damaged, newer than this
        version, or when the folder holds something else.
        """
        try:
            str(path).encode()
        except UnicodeEncodeError as error:
            raise StoreError(
                f"{path}: the path of a store must be UTF-8, which DuckDB and Parquet take paths"
                " to be; name another folder, or set a locale with UTF-8"
            ) from error
        if create or (path.exists() and not path.is_dir()):
            check_place(path)
        if not (path / LOG_FILE).exists():
            if not create:
                raise NotFoundError(
                    f"no store at {path}; make one with `tracelens ingest PATH… --store {path}`"
                )
            _create_store(path)
        return cls(path)

    def close(self) -> None:
        """Let go of the log and the database."""
        with self._turn:
            if self._snapshot is not None:
                self._snapshot.close()
            self._snapshot = None
            if self._lookups is not None:
                self._lookups.close()
            self._lookups = None
            if self._columns is not None:
                self._columns.close()
            self._columns = None
            self._log.close()

    def snapshot(self) -> Snapshot:
        """The live rows at the newest version of the log; the last one while nothing changed."""
        with self._turn:
            if self._snapshot is None or self._snapshot.version != self._log.version():
                # Whoever still uses the old one keeps it; it closes when the last one is done.
                self._snapshot = Snapshot(self.path, *self._log.everything())
            return self._snapshot

    def version(self) -> int:
        """A number that changes with everything that is stored, removed or judged anew."""
        return self._log.version()

    def generation(self) -> int:
        """The number of the newest commit; 0 in an empty store."""
        return self._log.generation()

    def find(self, kind: Find, text: str, columns: Sequence[str] | None = None) -> pl.DataFrame:
        """The requests that an id means, in order of start and then of id; none is no error.

        Opens only the files that hold the id, where a query over the views would look into all.

        Args:
            kind: `request`; `alias`, an earlier id of a request; `trace`; `span`, of the request or
                else of a trace with requests; `external`, the emitter's own id; `session`; or
                `prefix`, how a request, trace or span id begins. The hex kinds but `alias` take
                beginnings too.
            text: the id, lower-case where it is hex.
            columns: those of the view `requests` that are wanted, by default all of them.

        Raises ValueError for an unknown column, StoreError for a damaged store.
        """
        return self._lookup().find(kind, text, columns)

    def spans(
        self, columns: Sequence[str], *, traces: Sequence[str] = (), spans: Sequence[str] = ()
    ) -> pl.DataFrame:
        """Spans of these traces, with these span ids, or both, in order of start and then of id.

        `columns` are those of the view `spans`, also promoted ones. Without any id there are no
        rows. Raises ValueError for an unknown column, StoreError for a damaged store.
        """
        return self._lookup().spans(columns, traces, spans)

    def spans_of(self, request: Mapping[str, Any], columns: Sequence[str]) -> pl.DataFrame:
        """The spans of one request, each once, in order of start and then of id.

        `request` has `trace_id, span_ids, session_id` as in the view; those of its spans that lie
        in another trace of its session are found too. `columns` as for `spans`.
        """
        return self._lookup().spans_of(request, columns)

    def alike(
        self, request: Mapping[str, Any], columns: Sequence[str], *, limit: int
    ) -> pl.DataFrame:
        """Other failed requests with the stage, boundary and cause of one, nearest in time.

        `request` has those columns, `request_id` and `start_unix_nano`. In order of start. Failures
        are kept in memory once they were looked at: about 500 bytes for each.
        """
        return self._lookup().alike(request, columns, limit)

    def failures(
        self, shape: Callable[[pl.DataFrame], pl.DataFrame], columns: Sequence[str]
    ) -> pl.DataFrame:
        """All requests that failed or may have: `request_id, load`, and what `shape` makes of them.

        `shape` gets these columns and gives as many rows. Requests that were judged anew since are
        among them: join what a query finds. The rows are kept in memory, so `shape` should be a
        function that lives as long, and leave little.
        """
        return self._lookup().failures(shape, columns)

    def request_columns(self, names: Sequence[str]) -> pl.DataFrame:
        """Columns of all live requests, from memory once they were read; rows in one order.

        The order is the same for all columns of one version of the store, and otherwise none.

        Args:
            names: columns that hold one value, members of structs by dotted name
                (`cost_by_stage.tool`, `sizes.audio_seconds`), and what is made of others: `inputs`
                and `outputs` (modalities joined by `+`, `none` without any), `model.reasoning` and
                of the other stages (models joined by `+`; `models.reasoning`: one a line),
                `over.cost`, `over.latency` and `over.ttfa` (whether a budget for it was exceeded).

        Text with few values is categorical. Raises ValueError for an unknown column, StoreError
        for a damaged store.
        """
        return self.request_table(names)[0]

    def request_table(self, names: Sequence[str]) -> tuple[pl.DataFrame, dict[Any, Any]]:
        """As `request_columns`, with a dict for what callers make of these columns.

        The dict is the same for all calls until the store changes, and then a new one: what is
        slow to make, such as an order of all rows, can be kept in it under a key of one's own.
        """
        with self._turn:
            if self._columns is None:
                self._columns = Columns(self.path)
            columns = self._columns
        return columns.table(names)

    def query(self, sql: str, params: Mapping[str, Any] | None = None) -> pl.DataFrame:
        """Rows of our own SQL over the views at the newest version, `$name` parameters bound."""
        return self._ask(lambda snapshot: snapshot.query(sql, params))

    def user_query(self, sql: str, *, rows: int, seconds: float) -> pl.DataFrame:
        """Rows of somebody's SQL, guarded: at most rows + 1, so that a cut can be told."""
        return self._ask(lambda snapshot: snapshot.user_query(sql, rows=rows, seconds=seconds))

    def check_expression(self, expression: str) -> None:
        """Refuse what is not one boolean SQL expression over `requests`. Raises QueryError."""
        self._ask(lambda snapshot: snapshot.check_expression(expression))

    def schema(self) -> pl.DataFrame:
        """`view, column, type, sentence` of every view (column null) and every column."""
        return self._ask(lambda snapshot: snapshot.schema())

    def loads(self) -> list[dict[str, Any]]:
        """Past load reports, newest first.

        Each is the report with `generation`, `committed_at`, `final` and its stored `rejects`
        (`at, reason, excerpt`).
        """
        records = self._log.records()
        rejects: dict[tuple[int, int], list[dict[str, Any]]] = defaultdict(list)
        for each in records.rejects:
            row = {"at": each.at, "reason": each.reason, "excerpt": each.excerpt}
            rejects[each.generation, each.number].append(row)
        return [
            {**_report(load), "rejects": rejects[load.generation, load.number]}
            for load in reversed(records.loads)
        ]

    def bug_reports(self) -> pl.DataFrame:
        """All bug reports, by id: rows of `BUG_REPORT`."""
        return as_rows(BugReport, self._log.bug_reports()).cast(BUG_REPORT)

    def profiles(self) -> pl.DataFrame:
        """What is known of services: rows of `PROFILE`, by service, kind and stage."""
        return as_rows(Profile, self._log.profiles()).select(PROFILE.names()).cast(PROFILE)

    def bug_report(self, report_id: str) -> BugReport | None:
        """The bug report with this id."""
        return self._log.bug_report(report_id)

    def known_dump(self, sha256: str) -> dict[str, Any] | None:
        """The report of the dump with these decompressed bytes, once its last part is in."""
        load = self._log.known(sha256)
        return None if load is None else _report(load)

    def export_duckdb(
        self, file: Path, *, traces: Iterable[str] | None = None, overwrite: bool = False
    ) -> None:
        """Write an ordinary DuckDB file with the views as tables.

        With `traces`, only the rows of these trace ids; loads, rejects and aliases stay whole.
        Raises UsageError when the file exists and is not to be overwritten, or cannot be written.
        """
        live, records = self._log.everything()
        export_duckdb(self.path, live, records, file, _listed(traces), overwrite=overwrite)

    def export_parquet(
        self, folder: Path, *, traces: Iterable[str] | None = None, overwrite: bool = False
    ) -> None:
        """Write a folder with one Parquet file per view: `spans.parquet`, `requests.parquet`, ….

        `traces` as for `export_duckdb`. Raises UsageError when the folder is not empty and its
        files are not to be overwritten, or when it cannot be written.
        """
        live, records = self._log.everything()
        export_parquet(self.path, live, records, folder, _listed(traces), overwrite=overwrite)

    def export_otlp(
        self, file: Path, *, traces: Iterable[str] | None = None, overwrite: bool = False
    ) -> int:
        """Write the spans, or those of these trace ids, as OTLP/JSON lines; how many there were.

        A line is an ExportTraceServiceRequest of one resource and scope. Raises UsageError when the
        file exists and is not to be overwritten, or cannot be written.
        """
        live = self._log.live()
        return export_otlp(self.path, live, file, _listed(traces), overwrite=overwrite)

    def verify(self) -> list[Damage]:
        """Compare every live segment with its checksum; the damaged ones and what they hold.

        Reads all files once, and finds damage that decodes without an error. Segments from a
        version that kept no checksums are decoded instead, which finds less. Flat copies of
        requests are compared with their segments.
        """
        return find_damage(self.path, self._log)

    def sizes(self) -> dict[str, Any]:
        """What lies in the folder of the store.

        `segments`: a row for each kind of live segment (`kind, segments, rows, bytes`, those of
        flat copies too); `bytes` of all files, those that wait to be removed too; `log_bytes` of
        the log.
        """
        kinds: dict[str, dict[str, Any]] = {}
        for each in self._log.live().segments:
            none = {"kind": each.kind, "segments": 0, "rows": 0, "bytes": 0}
            row = kinds.setdefault(each.kind, none)
            row["segments"] += 1
            row["rows"] += each.rows
            row["bytes"] += each.bytes
            if each.kind == "requests":
                row["bytes"] += _size(self.path / SEGMENT_FOLDER / copy_name(each.name))
        sizes = {file: _size(file) for file in self.path.rglob("*")}
        log = sum(size for file, size in sizes.items() if file.name.startswith(LOG_FILE))
        return {
            "segments": [kinds[kind] for kind in sorted(kinds)],
            "bytes": sum(sizes.values()),
            "log_bytes": log,
        }

    def stage(self) -> Stage:
        """A place to put the spans of one part, without a lock; use it as a context manager."""
        return Stage(self.path)

    def writer(self, *, seconds: float = PATIENCE) -> Writer:
        """The next writing turn; StoreError when another process holds it for `seconds`."""
        return Writer(self.path, seconds=seconds)

    def _lookup(self) -> Lookups:
        with self._turn:
            if self._lookups is None:
                self._lookups = Lookups(self.path)
            return self._lookups

    def _ask(self, question: Callable[[Snapshot], Answer]) -> Answer:
        snapshot = self.snapshot()
        try:
            return question(snapshot)
        except StoreError:
            # A process that slept for hours may look for files that a compaction has replaced.
            newer = self.snapshot()
            if newer is snapshot:
                raise
            return question(newer)


def check_place(path: Path) -> None:
    """Raise StoreError where no store is and none can be made: a file, a folder of other files."""
    if path.exists() and not path.is_dir():
        raise StoreError(f"{path} is a file, not a store; a store is a folder")
    if not path.exists() or (path / LOG_FILE).exists():
        return
    with _making(path):
        names = {each.name for each in path.iterdir() if not each.name.startswith(".tmp-")}
    # A process that makes the store right now may have come this far.
    if names - {LOCK_FILE, SEGMENT_FOLDER, STAGING_FOLDER, LOG_FILE}:
        raise StoreError(f"{path} holds other files and is not a store; name an empty folder")


def _create_store(path: Path) -> None:
    with _making(path):
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        with WriterLock(path / LOCK_FILE, seconds=PATIENCE):
            (path / SEGMENT_FOLDER).mkdir(exist_ok=True)
            (path / STAGING_FOLDER).mkdir(exist_ok=True)
            # Another process may have made it while we waited.
            if not (path / LOG_FILE).exists():
                create_log(path)
                sync_path(path)


@contextmanager
def _making(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StoreError(f"no store can be made at {path}: {error}") from error


def _report(load: Load) -> dict[str, Any]:
    moment = datetime.fromtimestamp(load.committed_unix_nano // 10**9, UTC)
    return {
        **json.loads(load.report),
        "generation": load.generation,
        "committed_at": moment.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "final": bool(load.final),
    }


def _size(file: Path) -> int:
    """Bytes of a file; none where it was removed meanwhile."""
    try:
        return file.stat().st_size if file.is_file() else 0
    except OSError:
        return 0


def _listed(traces: Iterable[str] | None) -> list[str] | None:
    return None if traces is None else list(traces)
