"""The store: a folder of Parquet segments and the log that says which of them are live."""

from __future__ import annotations

import json
import threading
from collections import defaultdict
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, TypeVar

import polars as pl

from tracelens.errors import NotFoundError, StoreError
from tracelens.store.export import export_duckdb
from tracelens.store.lock import WriterLock
from tracelens.store.log import LOG_FILE, Load, Log, create_log
from tracelens.store.segments import SEGMENT_FOLDER, sync_path
from tracelens.store.snapshot import Snapshot
from tracelens.store.stage import STAGING_FOLDER, Stage
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

    @classmethod
    def open(cls, path: Path, *, create: bool = False) -> Store:
        """Open the store in a folder; with `create`, make one where there is none.

        Raises NotFoundError when there is none, StoreError when it is damaged, newer than this
        version, or when the folder holds something else.
        """
        if path.exists() and not path.is_dir():
            raise StoreError(f"{path} is a file, not a store; a store is a folder")
        if not (path / LOG_FILE).exists():
            if not create:
                raise NotFoundError(
                    f"no store at {path}; make one with `tracelens ingest PATH… --store {path}`"
                )
            try:
                _create_store(path)
            except OSError as error:
                raise StoreError(f"no store can be made at {path}: {error}") from error
        return cls(path)

    def close(self) -> None:
        """Let go of the log and the database."""
        with self._turn:
            if self._snapshot is not None:
                self._snapshot.close()
            self._snapshot = None
            self._log.close()

    def snapshot(self) -> Snapshot:
        """The live rows at the newest version of the log; the last one while nothing changed."""
        with self._turn:
            if self._snapshot is None or self._snapshot.version != self._log.version():
                # Whoever still uses the old one keeps it; it closes when the last one is done.
                self._snapshot = Snapshot(self.path, *self._log.everything())
            return self._snapshot

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

    def known_dump(self, sha256: str) -> dict[str, Any] | None:
        """The report of the dump with these decompressed bytes, once its last part is in."""
        load = self._log.known(sha256)
        return None if load is None else _report(load)

    def export_duckdb(self, file: Path, *, overwrite: bool = False) -> None:
        """Write an ordinary DuckDB file with the views as tables. Raises UsageError."""
        live, records = self._log.everything()
        export_duckdb(self.path, live, records, file, overwrite=overwrite)

    def stage(self) -> Stage:
        """A place to put the spans of one part, without a lock; use it as a context manager."""
        return Stage(self.path)

    def writer(self, *, seconds: float = PATIENCE) -> Writer:
        """The next writing turn; StoreError when another process holds it for `seconds`."""
        return Writer(self.path, seconds=seconds)

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


def _create_store(path: Path) -> None:
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    expected = {LOCK_FILE, SEGMENT_FOLDER, STAGING_FOLDER}
    strangers = [each.name for each in path.iterdir() if not each.name.startswith(".tmp-")]
    if set(strangers) - expected - {LOG_FILE}:
        raise StoreError(f"{path} holds other files and is not a store; name an empty folder")
    with WriterLock(path / LOCK_FILE, seconds=PATIENCE):
        (path / SEGMENT_FOLDER).mkdir(exist_ok=True)
        (path / STAGING_FOLDER).mkdir(exist_ok=True)
        # Another process may have made it while we waited.
        if not (path / LOG_FILE).exists():
            create_log(path)
            sync_path(path)


def _report(load: Load) -> dict[str, Any]:
    moment = datetime.fromtimestamp(load.committed_unix_nano // 10**9, UTC)
    return {
        **json.loads(load.report),
        "generation": load.generation,
        "committed_at": moment.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "final": bool(load.final),
    }
