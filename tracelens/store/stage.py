"""Staging: one part of an input on disk, written without a lock, before it is committed."""

from __future__ import annotations

import os
import shutil
import uuid
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Final

import polars as pl
import pyarrow.parquet as pq

from tracelens.errors import StoreError
from tracelens.model import ATTRIBUTE_DTYPE, CANONICAL_SPAN, PROMOTED, RAW_SPAN
from tracelens.store.disk import writing
from tracelens.store.lock import try_lock
from tracelens.store.segments import ROW_GROUP

STAGING_FOLDER: Final = "staging"
OWNER_FILE: Final = "owner.lock"
#: Column of the staged file that says which source a span came from; it is not stored.
SOURCE: Final = ".source"
_FIXED: Final = {**RAW_SPAN, **CANONICAL_SPAN}


class Stage:
    """A temporary folder for the span batches of one part; it vanishes when the block ends."""

    def __init__(self, store: Path) -> None:
        with writing(store / STAGING_FOLDER):
            self._folder, self._owner = _own_folder(store / STAGING_FOLDER)
        self._writer: pq.ParquetWriter | None = None
        self.path = self._folder / "spans.parquet"
        self.columns: dict[str, pl.DataType] = {}
        self.filled: set[str] = set()  # columns with a value in any row
        self.rows = 0
        self.first_start: int | None = None
        self.last_start: int | None = None
        self.null_starts = 0

    def __enter__(self) -> Stage:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # What could not be written is thrown away, and so need not be complete.
        with suppress(StoreError):
            self.finish()
        shutil.rmtree(self._folder, ignore_errors=True)
        os.close(self._owner)

    def add(self, batch: pl.DataFrame, source: int = 0) -> None:
        """Append normalised spans that one of the stage's sources, told by its number, brought.

        `batch` has the columns of RAW_SPAN and CANONICAL_SPAN and any number of promoted
        `attributes.<key>` columns; the latter may not vary within a stage.

        Raises ValueError for other columns, StoreError when the disk takes no more.
        """
        self.columns = self.columns or _checked(dict(batch.schema))
        if dict(batch.schema) != self.columns:
            batch = _aligned(batch, self.columns)
        numbered = batch.with_columns(pl.lit(source, pl.Int32).alias(SOURCE))
        rows = numbered.to_arrow(compat_level=pl.CompatLevel.oldest())
        with writing(self.path):
            if self._writer is None:
                self._writer = pq.ParquetWriter(self.path, rows.schema, compression="lz4")
            self._writer.write_table(rows, row_group_size=ROW_GROUP["spans"])
        self._count(batch)
        self.filled.update(each.name for each in batch if each.null_count() < batch.height)

    def finish(self) -> None:
        """Complete the file; nothing can be added afterwards."""
        if self._writer is not None:
            with writing(self.path):
                self._writer.close()

    def _count(self, batch: pl.DataFrame) -> None:
        starts = batch["start_unix_nano"]
        self.rows += batch.height
        self.null_starts += starts.null_count()
        seen = [self.first_start, self.last_start, starts.min(), starts.max()]
        known = [each for each in seen if isinstance(each, int)]
        self.first_start = min(known, default=None)
        self.last_start = max(known, default=None)


def sweep_stages(store: Path, *, oldest: float) -> None:
    """Delete the staging folders whose owner is gone; `oldest` is unix seconds."""
    for folder in (store / STAGING_FOLDER).glob("*"):
        if _is_abandoned(folder, oldest):
            shutil.rmtree(folder, ignore_errors=True)


def _own_folder(staging: Path) -> tuple[Path, int]:
    # Locked before it gets its name: a sweep that sees the name also sees the lock.
    name = f"{os.getpid()}-{uuid.uuid4().hex}"
    draft = staging / f".new-{name}"
    draft.mkdir(parents=True)
    owner = os.open(draft / OWNER_FILE, os.O_RDWR | os.O_CREAT, 0o600)
    try_lock(owner)
    return draft.rename(staging / name), owner


def _is_abandoned(folder: Path, oldest: float) -> bool:
    try:
        if folder.name.startswith(".new-"):
            return folder.stat().st_mtime < oldest
        owner = os.open(folder / OWNER_FILE, os.O_RDWR)
    except OSError:
        return False  # its owner is deleting it right now
    try:
        return try_lock(owner)
    finally:
        os.close(owner)


def _checked(columns: dict[str, pl.DataType]) -> dict[str, pl.DataType]:
    wrong = [name for name, dtype in _FIXED.items() if columns.get(name) != dtype]
    wrong += [
        name
        for name, dtype in columns.items()
        if name not in _FIXED
        and not (name.startswith(PROMOTED) and dtype in ATTRIBUTE_DTYPE.values())
    ]
    if wrong:
        raise ValueError(f"span columns missing, unknown or of another type: {', '.join(wrong)}")
    return columns


def _aligned(batch: pl.DataFrame, columns: dict[str, pl.DataType]) -> pl.DataFrame:
    if set(batch.columns) != set(columns):
        changed = ", ".join(sorted(set(batch.columns) ^ set(columns)))
        raise ValueError(f"columns differ from the first batch of this stage: {changed}")
    return (
        batch.select(_checked(dict(batch.schema)).keys())
        .select(columns.keys())
        .cast(pl.Schema(columns))
    )
