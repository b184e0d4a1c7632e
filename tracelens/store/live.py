"""The live rows as DuckDB relations in schema `live`: what the views and the writer build on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_type_hints

import polars as pl

from tracelens.errors import StoreError
from tracelens.store.checksum import REPAIR
from tracelens.store.engine import Engine
from tracelens.store.log import (
    Alias,
    BugReport,
    InForce,
    Kind,
    Live,
    Load,
    Profile,
    Records,
    Reject,
    Segment,
    Tombstone,
)
from tracelens.store.segments import SEGMENT_FOLDER, relation

_COLUMN_TYPES: dict[Any, pl.DataType] = {
    int: pl.Int64(),
    str: pl.String(),
    str | None: pl.String(),
    int | None: pl.Int64(),
    bool: pl.Boolean(),
    bool | None: pl.Boolean(),
    float | None: pl.Float64(),
}

_KINDS: tuple[Kind, ...] = ("spans", "requests")


def install_live(engine: Engine, store: Path, live: Live) -> None:
    """Create `live.spans` and `live.requests` (dead rows filtered out) at one log version."""
    check_files(store, live.segments)
    engine.run("create schema if not exists live")
    engine.table("live.tombstones", as_rows(Tombstone, live.tombstones))
    for kind in _KINDS:
        install_kind(engine, store, kind, live.of(kind))


def install_kind(engine: Engine, store: Path, kind: Kind, segments: Sequence[Segment]) -> None:
    """Create or replace one of the two relations over exactly these segments."""
    query = relation(kind, store.absolute() / SEGMENT_FOLDER, segments)
    if kind == "requests":
        query = (
            f"select stored.* from ({query}) stored "
            "left join live.tombstones using (trace_id) "
            "where tombstones.generation is null or stored.generation >= tombstones.generation"
        )
    engine.run(f"create or replace view live.{kind} as {query}")


def install_records(engine: Engine, records: Records) -> None:
    """Create the relations of the records, each `live.` and the name of its table in the log."""
    engine.table("live.loads", as_rows(Load, records.loads))
    engine.table("live.rejects", as_rows(Reject, records.rejects))
    engine.table("live.aliases", as_rows(Alias, records.aliases))
    engine.table("live.bug_reports", as_rows(BugReport, records.bug_reports))
    engine.table("live.profiles", as_rows(Profile, records.profiles))
    engine.table("live.in_force", as_rows(InForce, records.in_force))


def check_files(store: Path, segments: Sequence[Segment]) -> None:
    """Raise StoreError when a live segment is missing or has another size than was written."""
    for segment in segments:
        path = store / SEGMENT_FOLDER / segment.name
        try:
            size = path.stat().st_size
        except OSError as error:
            raise StoreError(
                f"store {store} is damaged: {path} is missing ({error}); {REPAIR}"
            ) from error
        if size != segment.bytes:
            raise StoreError(
                f"store {store} is damaged: {path} has {size} bytes, {segment.bytes} were written; "
                f"{REPAIR}"
            )


def as_rows(row: type[Any], rows: Sequence[Any]) -> pl.DataFrame:
    """Records of the log as a frame, typed also when there are none."""
    hints = get_type_hints(row)
    columns = {name: _COLUMN_TYPES[kind] for name, kind in hints.items()}
    data = {name: [getattr(each, name) for each in rows] for name in columns}
    # Not strict: SQLite gives truth as 0 and 1.
    return pl.DataFrame(data, schema=columns, strict=False)
