"""Export: the views as tables of an ordinary DuckDB file."""

from __future__ import annotations

import os
from pathlib import Path

import polars as pl

from tracelens.errors import UsageError
from tracelens.store.engine import Engine, identifier, literal
from tracelens.store.live import install_live, install_records
from tracelens.store.log import Live, Records
from tracelens.store.segments import sync_path
from tracelens.store.views import VIEWS, install_views, list_columns


def export_duckdb(
    store: Path, live: Live, records: Records, file: Path, *, overwrite: bool = False
) -> None:
    """Write the views to a DuckDB file, aside first, with every comment.

    Raises UsageError when the file exists (unless `overwrite`) or its folder does not.
    """
    if file.exists() and not overwrite:
        raise UsageError(f"{file} exists and is not overwritten; choose another name")
    if not file.parent.is_dir():
        raise UsageError(f"{file.parent} is not a folder")
    draft = file.absolute().with_name(f".tmp-{os.getpid()}-{file.name}")
    try:
        _build(store, live, records, draft)
        sync_path(draft)
        draft.replace(file)
        sync_path(file.absolute().parent)
    finally:
        draft.unlink(missing_ok=True)


def _build(store: Path, live: Live, records: Records, draft: Path) -> None:
    engine = Engine(store, also=[draft.parent])
    try:
        install_live(engine, store, live)
        install_records(engine, records)
        install_views(engine)
        columns = list_columns(engine)
        engine.run(f"attach {literal(str(draft))} as export")
        for table in VIEWS:
            engine.run(f"create table export.{table} as from main.{table}")
        _comment(engine, columns)
        engine.run("detach export")
    finally:
        engine.close()


def _comment(engine: Engine, columns: pl.DataFrame) -> None:
    for view, column, _, sentence in columns.iter_rows():
        target = f"export.{view}"
        if column is None:
            engine.run(f"comment on table {target} is {literal(sentence)}")
        else:
            engine.run(f"comment on column {target}.{identifier(column)} is {literal(sentence)}")
