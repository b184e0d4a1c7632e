"""DuckDB as tracelens uses it: in memory, bounded, and shut off from files and network."""

from __future__ import annotations

import os
import re
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import duckdb
import polars as pl

from tracelens.errors import QueryError, StoreError
from tracelens.store.cancel import cancellable
from tracelens.store.checksum import REPAIR, first_damage
from tracelens.store.disk import WAY_OUT

SPILL: Final = "spill-"  # begins the folder that holds what does not fit into memory
MEMORY_LIMIT: Final = 4 * 1024**3  # bytes, unless half of the machine is less
THREADS: Final = 8
#: Errors of writing; only what is written has a name that begins like that of a draft.
_WRITING: Final = re.compile(r"Could not write|No space left|Read-only|/\.tmp-")
#: Errors that say nothing about files, and those that values in a sound file can cause.
_SOUND: Final = (duckdb.OutOfMemoryException, duckdb.InterruptException)
_VALUES: Final = (duckdb.ConversionException, duckdb.OutOfRangeException)


class Engine:
    """One in-memory database that may touch files below its folders only."""

    def __init__(
        self, store: Path, *, also: Sequence[Path] = (), memory: int = MEMORY_LIMIT
    ) -> None:
        self._store = store
        # Spill files of two processes carry the same names, so each engine has its own folder;
        # DuckDB makes it when it is needed, and its parent it would not make.
        spill = store.absolute() / f"{SPILL}{os.getpid()}-{uuid.uuid4().hex}"
        self._connection = duckdb.connect(":memory:", config=_config(spill, memory))
        folders = ", ".join(literal(str(each.absolute())) for each in (store, *also))
        # The order matters: nothing can be set once the configuration is locked.
        self.run("set parquet_metadata_cache = true")
        self.run(f"set allowed_directories = [{folders}]")
        self.run("set enable_external_access = false")
        self.run("set lock_configuration = true")

    def close(self) -> None:
        """Let go of the database; cursors still in use keep it alive until they are done."""
        self._connection.close()

    def cursor(self) -> duckdb.DuckDBPyConnection:
        """A connection of its own: one shared between threads gives wrong rows, silently."""
        return self._connection.cursor()

    def run(self, sql: str, params: Mapping[str, Any] | None = None) -> None:
        """Execute for the effect."""
        with self.cursor() as cursor, self.translated():
            cursor.execute(sql, params or {})

    def frame(self, sql: str, params: Mapping[str, Any] | None = None) -> pl.DataFrame:
        """Rows of a query. Raises QueryError, or StoreError when a segment cannot be read."""
        with self.cursor() as cursor, self.translated(), cancellable(cursor):
            return as_frame(cursor.sql(sql, params=params or {}).to_arrow_table())

    @contextmanager
    def translated(self, *, trusted: bool = True) -> Iterator[None]:
        """Turn errors of the database into ours; a damaged segment is named.

        A query that is not `trusted` may itself be wrong, which is no reason to read all files.
        """
        with translated():
            try:
                yield
            except (duckdb.Error, UnicodeDecodeError) as error:
                suspect = _may_be_damage(error, trusted=trusted)
                damage = first_damage(self._store / "segments") if suspect else None
                if damage is None:
                    raise
                raise StoreError(f"store {self._store} is damaged: {damage}; {REPAIR}") from error

    def table(self, name: str, rows: pl.DataFrame) -> None:
        """Create or replace a table; registered frames would be invisible to other cursors."""
        with self.cursor() as cursor, self.translated():
            cursor.register("incoming_rows", rows.to_arrow())
            cursor.execute(f"create or replace table {name} as from incoming_rows")
            cursor.unregister("incoming_rows")


def as_frame(rows: Any) -> pl.DataFrame:
    """An Arrow table as a frame."""
    frame = pl.from_arrow(rows)
    assert isinstance(frame, pl.DataFrame)
    return frame


def literal(text: str) -> str:
    """A SQL string literal, where no parameter can be bound: file names and comments."""
    return "'" + text.replace("'", "''") + "'"


def identifier(name: str) -> str:
    """A quoted SQL name."""
    return '"' + name.replace('"', '""') + '"'


@contextmanager
def translated() -> Iterator[None]:
    """Turn errors of the database into ours."""
    try:
        yield
    except duckdb.IOException as error:
        said = _first_line(error)
        if _WRITING.search(said):
            raise StoreError(f"the store cannot be written to: {said}; {WAY_OUT}") from error
        raise StoreError(f"the store cannot be read: {said}") from error
    except duckdb.OutOfMemoryException as error:
        raise QueryError(
            "the query needs more memory than it may use; select fewer rows or columns"
        ) from error
    except (duckdb.Error, UnicodeDecodeError) as error:
        raise QueryError(_first_line(error)) from error


def _may_be_damage(error: Exception, *, trusted: bool) -> bool:
    if isinstance(error, _SOUND) or _WRITING.search(str(error)):
        return False
    # What the decoders of Parquet throw has no class of its own, or names the file. A flipped bit
    # in a schema looks like a query for another column, and a name that is no text any more is
    # no message either.
    plain = type(error) in (duckdb.Error, UnicodeDecodeError) or ".parquet" in str(error)
    return plain or (trusted and not isinstance(error, _VALUES))


def _first_line(error: Exception) -> str:
    # The lines below the first repeat the query with a caret, except for DuckDB's suggestions.
    first, *rest = str(error).splitlines() or [type(error).__name__]
    hints = [each for each in rest if each.startswith(("Did you mean", "Candidate"))]
    return " ".join([first, *hints])


def _config(spill: Path, memory: int) -> dict[str, str | bool | int | float | list[str]]:
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "memory_limit": f"{min(memory, machine // 2) // 1024**2}MiB",
        "threads": min(THREADS, os.cpu_count() or 1),
        "temp_directory": str(spill),
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
        "python_enable_replacements": False,
    }
