"""Export: the views as a DuckDB file or as Parquet files, the spans as OTLP/JSON lines.

Everything is written aside and gets its name when it is complete.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from tracelens.errors import StoreError, UsageError
from tracelens.model import PROMOTED
from tracelens.store.engine import Engine, identifier, literal
from tracelens.store.live import check_files, install_live, install_records
from tracelens.store.log import Live, Records
from tracelens.store.otlp import COLUMNS, request_lines
from tracelens.store.segments import SEGMENT_FOLDER, sync_path
from tracelens.store.views import VIEWS, install_views, list_columns

BATCH: Final = 512  # spans that are turned into OTLP at once, and at most in one line

#: Views whose rows belong to a trace.
_OF_TRACES: Final = frozenset(VIEWS) - {*("loads", "rejects", "aliases", "bug_reports", "profiles")}


def export_duckdb(
    store: Path,
    live: Live,
    records: Records,
    file: Path,
    traces: Sequence[str] | None = None,
    *,
    overwrite: bool = False,
) -> None:
    """Write the views, or their rows of some traces, to a DuckDB file with every comment.

    Raises UsageError when the file exists (unless `overwrite`) or its folder does not.
    """
    with _written_aside(file, overwrite=overwrite) as draft:
        with _views(store, live, records, traces, draft.parent) as engine:
            engine.run(f"attach {literal(str(draft))} as export")
            for view in VIEWS:
                engine.run(f"create table export.{view} as {_rows_of(view, traces)}")
            _comment(engine, list_columns(engine))
            engine.run("detach export")
        sync_path(draft)


def export_parquet(
    store: Path,
    live: Live,
    records: Records,
    folder: Path,
    traces: Sequence[str] | None = None,
    *,
    overwrite: bool = False,
) -> None:
    """Write one Parquet file per view, named after it, to a new folder.

    Raises UsageError when the folder has files already (unless `overwrite`, which replaces those
    of the same names), or when it cannot be made.
    """
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder} is a file; name a folder for the Parquet files")
    if folder.exists() and any(folder.iterdir()) and not overwrite:
        raise UsageError(f"{folder} is not empty and is not written to; name a new folder")
    with _written_aside(folder, overwrite=True) as draft:
        draft.mkdir()
        with _views(store, live, records, traces, draft) as engine:
            for view in VIEWS:
                file = draft / f"{view}.parquet"
                rows = _rows_of(view, traces)
                engine.run(f"copy ({rows}) to {literal(str(file))} (format parquet, codec zstd)")
                sync_path(file)
        if folder.exists():
            for file in draft.iterdir():
                file.replace(folder / file.name)
            sync_path(folder)


def export_otlp(
    store: Path,
    live: Live,
    file: Path,
    traces: Sequence[str] | None = None,
    *,
    overwrite: bool = False,
) -> int:
    """Write all spans, or those of some traces, as OTLP/JSON lines; how many there were.

    Raises UsageError when the file exists (unless `overwrite`) or its folder does not.
    """
    check_files(store, live.segments)
    wanted = None if traces is None else pl.Series(traces, dtype=pl.String).implode()
    count = 0
    with _written_aside(file, overwrite=overwrite) as draft:
        with draft.open("xb") as target:
            for segment in live.of("spans"):
                for batch in _batches(store / SEGMENT_FOLDER / segment.name):
                    if wanted is not None:
                        batch = batch.filter(pl.col("trace_id").is_in(wanted))
                    count += batch.height
                    target.writelines(request_lines(batch))
        sync_path(draft)
    return count


def _batches(path: Path) -> Iterator[pl.DataFrame]:
    """The raw columns of a segment, some rows at a time; no more than a row group is held."""
    try:
        with pq.ParquetFile(path) as file:
            promoted = [name for name in file.schema_arrow.names if name.startswith(PROMOTED)]
            for batch in file.iter_batches(BATCH, columns=[*COLUMNS, *promoted]):
                frame = pl.from_arrow(batch)
                assert isinstance(frame, pl.DataFrame)
                yield frame
    except (OSError, pa.ArrowException) as error:
        raise StoreError(f"{path} cannot be read: {error}") from error


@contextmanager
def _written_aside(target: Path, *, overwrite: bool) -> Iterator[Path]:
    """A name beside the target to write to; what is there in the end gets the target's name."""
    if target.exists() and not overwrite:
        raise UsageError(f"{target} exists and is not overwritten; choose another name")
    if not target.absolute().parent.is_dir():
        raise UsageError(f"{target.parent} is not a folder")
    draft = target.absolute().with_name(f".tmp-{os.getpid()}-{target.name}")
    try:
        yield draft
        if not target.is_dir():
            draft.replace(target)
        sync_path(target.absolute().parent)
    except OSError as error:
        raise UsageError(f"{target} cannot be written: {error}; choose another place") from error
    finally:
        if draft.is_dir():
            shutil.rmtree(draft, ignore_errors=True)
        draft.unlink(missing_ok=True)


@contextmanager
def _views(
    store: Path, live: Live, records: Records, traces: Sequence[str] | None, also: Path
) -> Iterator[Engine]:
    engine = Engine(store, also=[also])
    try:
        install_live(engine, store, live)
        install_records(engine, records)
        install_views(engine)
        if traces is not None:
            engine.table(
                "live.wanted", pl.DataFrame({"trace_id": pl.Series(traces, dtype=pl.String)})
            )
        yield engine
    finally:
        engine.close()


def _rows_of(view: str, traces: Sequence[str] | None) -> str:
    if traces is None or view not in _OF_TRACES:
        return f"from main.{view}"
    return f"from main.{view} semi join live.wanted using (trace_id)"


def _comment(engine: Engine, columns: pl.DataFrame) -> None:
    for view, column, _, sentence in columns.iter_rows():
        target = f"export.{view}"
        if column is None:
            engine.run(f"comment on table {target} is {literal(sentence)}")
        else:
            engine.run(f"comment on column {target}.{identifier(column)} is {literal(sentence)}")
