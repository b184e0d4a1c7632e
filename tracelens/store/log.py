"""The commit log: a SQLite file that says which segments are live and what each load reported."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import astuple, dataclass, field, fields
from importlib.resources import files
from pathlib import Path
from typing import Any, Final, Literal, TypeVar

from tracelens.errors import StoreError
from tracelens.store.disk import WAY_OUT

LOG_FILE: Final = "log.sqlite"
LOG_SCHEMA: Final = 1  # raised when an older tracelens could misread what a newer one wrote

#: What SQLite says when it cannot write; everything else may be damage.
_REFUSED: Final = ("disk I/O error", "disk is full", "readonly database")

LIVE_SEGMENTS: Final = "where gone is null order by generation, name"

#: Loads of a dump under one path that brought nothing.
_REPEATS: Final = """
    select generation, number from loads where sha256 = ?
    and report ->> '$.status' = 'loaded_before' and report ->> '$.path' = ?
"""

Kind = Literal["spans", "requests"]
Row = TypeVar("Row")


@dataclass(frozen=True)
class Segment:
    """One immutable Parquet file: start times in unix ns, `columns` as JSON {name: SQL type}."""

    name: str
    kind: Kind
    generation: int
    rows: int
    bytes: int
    first_start: int | None
    last_start: int | None
    null_starts: int
    columns: str


@dataclass(frozen=True)
class SegmentKeys:
    """The sorted keys that one kind of id has in one segment; `store.keys` says how."""

    segment: str
    kind: str
    keys: bytes


@dataclass(frozen=True)
class Checksum:
    """What the bytes of a segment hash to: SHA-256 in hex."""

    segment: str
    sha256: str


@dataclass(frozen=True)
class Alias:
    """An earlier id of a request."""

    request_id: str
    new_request_id: str


@dataclass(frozen=True)
class Tombstone:
    """Request rows of this trace from before this generation are dead."""

    trace_id: str
    generation: int


@dataclass(frozen=True)
class Load:
    """One input, or part of one, of a commit, with its report (JSON)."""

    generation: int
    number: int
    committed_unix_nano: int
    sha256: str | None
    final: bool
    report: str


@dataclass(frozen=True)
class Reject:
    """A record that was refused: where, why, and how it began."""

    generation: int
    number: int
    at: str | None
    reason: str | None
    excerpt: str | None


@dataclass(frozen=True)
class BugReport:
    """What somebody says of a request, and how to find it; the columns of `BUG_REPORT`."""

    report_id: str
    reported_unix_nano: int | None
    said: str | None
    target: str | None
    span_id: str | None
    session_id: str | None
    corrected_text: str | None
    status: str
    expected_text: str | None = None


@dataclass(frozen=True)
class Profile:
    """What one kind of request of a service usually has of one stage; the columns of `PROFILE`."""

    service: str
    role: str
    emitter: str | None
    heard: bool | None
    stage: str
    requests: int
    ran: int
    days: int
    p50_ms: float | None
    p95_ms: float | None
    expected: bool | None
    generation: int  # the commit that learned it


@dataclass(frozen=True)
class InForce:
    """The `inputs_hash` that a request judged now gets, by the key of its profile; "" for none."""

    profile: str
    hash: str


@dataclass(frozen=True)
class Live:
    """What is live at one version of the log."""

    version: int
    segments: tuple[Segment, ...]
    tombstones: tuple[Tombstone, ...]

    def of(self, kind: Kind) -> tuple[Segment, ...]:
        """The segments of one kind, oldest first."""
        return tuple(each for each in self.segments if each.kind == kind)


@dataclass(frozen=True)
class Records:
    """What a person may ask about loading."""

    loads: tuple[Load, ...]
    rejects: tuple[Reject, ...]
    aliases: tuple[Alias, ...]
    bug_reports: tuple[BugReport, ...]
    profiles: tuple[Profile, ...]
    in_force: tuple[InForce, ...]


@dataclass(frozen=True)
class Entry:
    """Everything that one commit adds to the log."""

    generation: int
    segments: Sequence[Segment]
    keys: Sequence[SegmentKeys] = ()
    checksums: Sequence[Checksum] = ()
    tombstones: Sequence[str] = ()
    loads: Sequence[Load] = ()
    repeats: Sequence[tuple[str, str]] = ()  # sha256 and path of loads that brought nothing
    rejects: Sequence[Reject] = ()
    aliases: Mapping[str, str] = field(default_factory=dict)
    request_ids: Sequence[str] = ()
    reports: Sequence[BugReport] = ()  # new ones, and changed ones by their id
    withdrawn: Sequence[str] = ()  # ids of reports that no longer count
    in_force: Mapping[str, str] | None = None  # hash by key of profile; None leaves it as it is
    profiles: Sequence[Profile] | None = None  # all of them; None leaves them as they are


def create_log(folder: Path) -> None:
    """Write an empty log aside and move it into place; the caller holds the writer lock."""
    draft = folder / f".tmp-{os.getpid()}-{LOG_FILE}"
    draft.unlink(missing_ok=True)
    connection = sqlite3.connect(draft, isolation_level=None)
    try:
        connection.executescript(_tables())
        meta = {"schema": LOG_SCHEMA, "version": 0, "generation": 0}
        connection.executemany("insert into meta values (?, ?)", meta.items())
    finally:
        connection.close()
    draft.replace(folder / LOG_FILE)


class Log:
    """A connection to the log. Reading never waits for a writer; one thread at a time uses it."""

    def __init__(self, folder: Path, *, write: bool = False) -> None:
        self._path = folder / LOG_FILE
        self._turn = threading.Lock()
        with self._translated():
            self._connection = self._connect("rw" if write else "ro")
        try:
            with self._translated():
                self._prepare(write)
        except BaseException:
            self._connection.close()
            raise

    def close(self) -> None:
        """Release the file."""
        self._connection.close()

    def version(self) -> int:
        """A number that changes with every change of the log."""
        with self._transaction("deferred"):
            return self._meta("version")

    def generation(self) -> int:
        """The number of the newest commit; 0 in an empty store."""
        with self._transaction("deferred"):
            return self._meta("generation")

    def live(self) -> Live:
        """The live segments and the tombstones, from one moment."""
        with self._transaction("deferred"):
            return self._read_live()

    def records(self) -> Records:
        """Loads, rejects and aliases, from one moment; oldest first."""
        with self._transaction("deferred"):
            return self._read_records()

    def everything(self) -> tuple[Live, Records]:
        """What is live and what was recorded, from one moment."""
        with self._transaction("deferred"):
            return self._read_live(), self._read_records()

    @contextmanager
    def moment(self) -> Iterator[Moment]:
        """Several questions about one moment; a writer goes on meanwhile."""
        with self._transaction("deferred"):
            yield Moment(self)

    def known(self, sha256: str) -> Load | None:
        """The newest last part of a dump with these decompressed bytes."""
        where = "where final and sha256 = ? order by generation desc, number desc limit 1"
        with self._transaction("deferred"):
            found = self._rows(Load, "loads", where, sha256)
        return found[0] if found else None

    def add(self, entry: Entry) -> None:
        """Record one commit, whole or not at all; it is durable when this returns."""
        with self._transaction("immediate"):
            self._set_meta("generation", entry.generation)
            self._bump()
            self._insert("segments (" + _names(Segment) + ")", entry.segments)
            self._insert("segment_keys", entry.keys)
            self._insert("checksums", entry.checksums)
            rows = [(trace, entry.generation) for trace in entry.tombstones]
            self._connection.executemany("insert or replace into tombstones values (?, ?)", rows)
            self._drop_repeats(entry.repeats)
            self._insert("loads", entry.loads)
            self._insert("rejects", entry.rejects)
            self._add_aliases(entry)
            run = self._connection.executemany
            gone = [*entry.withdrawn, *(each.report_id for each in entry.reports)]
            run("delete from bug_reports where report_id = ?", [(each,) for each in gone])
            self._insert("bug_reports", entry.reports)
            self._set_inputs(entry)

    def replace(
        self,
        old: Sequence[Segment],
        new: Segment,
        keys: Sequence[SegmentKeys],
        checksum: Checksum,
        done: Sequence[str] = (),
    ) -> None:
        """Swap segments for a merged one; the old files may be deleted after a grace period.

        `done` are traces whose tombstones have nothing left to hide.
        """
        run = self._connection.executemany
        now = time.time()
        with self._transaction("immediate"):
            self._bump()
            run("update segments set gone = ? where name = ?", [(now, each.name) for each in old])
            self._insert("segments (" + _names(Segment) + ")", [new])
            self._insert("segment_keys", keys)
            self._insert("checksums", [checksum])
            run("delete from tombstones where trace_id = ?", [(each,) for each in done])

    def checksums(self) -> dict[str, str]:
        """SHA-256 in hex by segment; those written before it was kept have none."""
        exists = "select count(*) from sqlite_master where name = 'checksums'"
        with self._transaction("deferred"):
            if not self._connection.execute(exists).fetchone()[0]:
                return {}
            rows = self._rows(Checksum, "checksums")
        return {row.segment: row.sha256 for row in rows}

    def files(self) -> dict[str, float | None]:
        """Every segment file that the log knows, with the unix time when it was replaced."""
        with self._transaction("deferred"):
            return dict(self._connection.execute("select name, gone from segments"))

    def forget(self, names: Sequence[str]) -> None:
        """Drop the rows of replaced segments whose files are deleted."""
        gone = [(name,) for name in names]
        with self._transaction("immediate"):
            self._connection.executemany("delete from segment_keys where segment = ?", gone)
            self._connection.executemany("delete from checksums where segment = ?", gone)
            self._connection.executemany("delete from segments where name = ?", gone)

    def _connect(self, mode: str) -> sqlite3.Connection:
        return sqlite3.connect(
            f"{self._path.absolute().as_uri()}?mode={mode}",
            uri=True,
            isolation_level=None,
            check_same_thread=False,
            timeout=30.0,
        )

    def _prepare(self, write: bool) -> None:
        schema = self._meta("schema")
        if schema > LOG_SCHEMA:
            raise StoreError(
                f"store {self._path.parent} was written by a newer tracelens (log schema {schema}, "
                f"this version knows {LOG_SCHEMA}); upgrade tracelens"
            )
        if write:
            self._connection.execute("pragma journal_mode = wal")
            self._connection.execute("pragma synchronous = full")
            self._connection.executescript(_tables())
            self._add_columns()

    def _add_columns(self) -> None:
        """Columns that a log from before them lacks; its older readers do not miss them."""
        if "expected_text" not in self._columns("bug_reports"):
            self._connection.execute("alter table bug_reports add column expected_text text")

    def _columns(self, table: str) -> set[str]:
        rows = self._connection.execute("select name from pragma_table_info(?)", (table,))
        return {name for (name,) in rows}

    def _read_live(self) -> Live:
        segments = self._rows(Segment, "segments", LIVE_SEGMENTS)
        return Live(self._meta("version"), segments, self._rows(Tombstone, "tombstones"))

    def _read_records(self) -> Records:
        return Records(
            self._rows(Load, "loads", "order by generation, number"),
            self._rows(Reject, "rejects", "order by rowid"),
            self._rows(Alias, "aliases"),
            self._bug_reports(),
            self._later_rows(Profile, "profiles", "order by rowid"),
            self._later_rows(InForce, "in_force"),
        )

    def _drop_repeats(self, repeats: Sequence[tuple[str, str]]) -> None:
        # Whoever loads the same folder every night finds the newest of these rows, and not so many
        # that the log outgrows the spans.
        run = self._connection.executemany
        run(f"delete from rejects where (generation, number) in ({_REPEATS})", repeats)
        run(f"delete from loads where (generation, number) in ({_REPEATS})", repeats)

    def bug_reports(self) -> tuple[BugReport, ...]:
        """All bug reports, by id."""
        with self._transaction("deferred"):
            return self._bug_reports()

    def bug_report(self, report_id: str) -> BugReport | None:
        """The bug report with this id."""
        with self._transaction("deferred"):
            found = self._bug_reports("where report_id = ?", report_id)
        return found[0] if found else None

    def _bug_reports(self, which: str = "", *params: str) -> tuple[BugReport, ...]:
        return self._later_rows(BugReport, "bug_reports", f"{which} order by report_id", *params)

    def profiles(self) -> tuple[Profile, ...]:
        """What is known of services, by service, kind of request and stage."""
        with self._transaction("deferred"):
            return self._later_rows(Profile, "profiles", "order by rowid")

    def _later_rows(
        self, row: type[Row], table: str, rest: str = "", *params: str
    ) -> tuple[Row, ...]:
        # A store that no writer has opened since the table exists has none.
        columns = self._columns(table)
        if not columns:
            return ()
        names = _names(row).split(", ")
        told = ", ".join(name if name in columns else f"null as {name}" for name in names)
        found = self._connection.execute(f"select {told} from {table} {rest}", params)
        return tuple(row(*values) for values in found)

    def _set_inputs(self, entry: Entry) -> None:
        if entry.profiles is not None:
            self._connection.execute("delete from profiles")
            self._insert("profiles", entry.profiles)
        if entry.in_force is not None and entry.in_force != self._in_force():
            self._connection.execute("delete from in_force")
            self._insert("in_force", [InForce(*pair) for pair in entry.in_force.items()])

    def _in_force(self) -> dict[str, str]:
        return {each.profile: each.hash for each in self._later_rows(InForce, "in_force")}

    def _add_aliases(self, entry: Entry) -> None:
        # A chain a > b > c is kept flat, and an id that is in use again is no alias any more.
        run = self._connection.executemany
        pairs = list(entry.aliases.items())
        run("update aliases set new_request_id = ? where new_request_id = ?", _swapped(pairs))
        run("insert or replace into aliases values (?, ?)", pairs)
        run("delete from aliases where request_id = ?", [(each,) for each in entry.request_ids])

    def _meta(self, key: str) -> int:
        row = self._connection.execute("select value from meta where key = ?", (key,)).fetchone()
        if row is None or not isinstance(row[0], int):
            raise StoreError(f"store {self._path.parent} is damaged: its log has no {key}")
        return row[0]

    def _set_meta(self, key: str, value: int) -> None:
        self._connection.execute("update meta set value = ? where key = ?", (value, key))

    def _bump(self) -> None:
        self._connection.execute("update meta set value = value + 1 where key = 'version'")

    def _rows(self, row: type[Row], table: str, rest: str = "", *params: Any) -> tuple[Row, ...]:
        sql = f"select {_names(row)} from {table} {rest}"
        return tuple(row(*values) for values in self._connection.execute(sql, params))

    def _insert(self, table: str, rows: Sequence[Any]) -> None:
        values = [astuple(row) for row in rows]
        if values:
            marks = ", ".join("?" * len(values[0]))
            self._connection.executemany(f"insert into {table} values ({marks})", values)

    @contextmanager
    def _transaction(self, kind: str) -> Iterator[None]:
        with self._turn, self._translated():
            self._connection.execute(f"begin {kind}")
            try:
                yield
            except BaseException:
                self._connection.execute("rollback")
                raise
            self._connection.execute("commit")

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            damage = (
                f"if {LOG_FILE} is damaged, restore it from a backup or ingest into a new store"
            )
            full = any(word in str(error) for word in _REFUSED)
            raise StoreError(
                f"the log of store {self._path.parent} cannot be used: {error}; "
                f"{WAY_OUT if full else damage}"
            ) from error


class Moment:
    """The log as it was when `Log.moment` was entered."""

    def __init__(self, log: Log) -> None:
        self._log = log

    def version(self) -> int:
        """A number that changes with every change of the log."""
        return self._log._meta("version")

    def generation(self) -> int:
        """The number of the newest commit; 0 in an empty store."""
        return self._log._meta("generation")

    def segments(self) -> tuple[Segment, ...]:
        """The live segments, oldest first."""
        return self._log._rows(Segment, "segments", LIVE_SEGMENTS)

    def keys(self, kind: str, segments: Sequence[str]) -> list[SegmentKeys]:
        """The keys of one kind in these segments."""
        where = "where segment = ? and kind = ?"
        return [
            row
            for name in segments
            for row in self._log._rows(SegmentKeys, "segment_keys", where, name, kind)
        ]

    def tombstones(self, traces: Iterable[str]) -> dict[str, int]:
        """The generation before which request rows are dead, of those traces that have one."""
        where = "where trace_id = ?"
        found = (self._log._rows(Tombstone, "tombstones", where, trace) for trace in set(traces))
        return {row.trace_id: row.generation for rows in found for row in rows}

    def all_tombstones(self) -> tuple[Tombstone, ...]:
        """The generation before which request rows are dead, of every trace that has one."""
        return self._log._rows(Tombstone, "tombstones")

    def in_force(self) -> dict[str, str]:
        """The `inputs_hash` that requests get now, by key of profile; "" for those without one."""
        return self._log._in_force()

    def successor(self, request_id: str) -> str | None:
        """The id that an earlier id of a request was replaced with."""
        found = self._log._rows(Alias, "aliases", "where request_id = ?", request_id)
        return found[0].new_request_id if found else None


def _tables() -> str:
    return files(__package__).joinpath("log.sql").read_text("utf-8")


def _names(row: type[Any]) -> str:
    return ", ".join(each.name for each in fields(row))


def _swapped(pairs: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    return [(new, old) for old, new in pairs]
