"""Parquet segments: how they are written, and how many of them read as one relation."""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Mapping, Sequence, Set
from functools import lru_cache
from itertools import groupby
from pathlib import Path
from typing import Final

import polars as pl

from tracelens.model import CANONICAL_SPAN, PROMOTED, RAW_SPAN, REQUEST
from tracelens.store.engine import identifier, literal
from tracelens.store.log import Kind, Segment

SEGMENT_FOLDER: Final = "segments"
#: Rows of a row group; a lookup by id reads one of each file. Requests are nested and cost more to
#: decode; spans have so many columns that small groups would slow every scan down.
ROW_GROUP: Final[dict[Kind, int]] = {"spans": 8_192, "requests": 2_048}
GENERATION: Final = "generation"
SPAN_ORDER: Final = ("trace_id", "start_unix_nano", "span_id", "content_hash")

_PLAIN_TYPES: Final[dict[pl.DataType, str]] = {
    pl.String(): "VARCHAR",
    pl.Boolean(): "BOOLEAN",
    pl.Int8(): "TINYINT",
    pl.Int32(): "INTEGER",
    pl.Int64(): "BIGINT",
    pl.Float64(): "DOUBLE",
}


def _member_type(member: pl.Field) -> str:
    return sql_type(_instance(member.dtype))


def _instance(dtype: object) -> pl.DataType:
    # Polars types nested types as class or instance; our schemas hold instances.
    assert isinstance(dtype, pl.DataType)
    return dtype


def sql_type(dtype: pl.DataType) -> str:
    """The DuckDB name of a Polars type that our schemas use."""
    if isinstance(dtype, pl.List):
        return sql_type(_instance(dtype.inner)) + "[]"
    if isinstance(dtype, pl.Struct):
        members = (f"{identifier(each.name)} {_member_type(each)}" for each in dtype.fields)
        return f"STRUCT({', '.join(members)})"
    return _PLAIN_TYPES[dtype]


def sql_types(schema: Mapping[str, pl.DataType]) -> dict[str, str]:
    """SQL type per column of a frame."""
    return {name: sql_type(dtype) for name, dtype in schema.items()}


#: What every segment of a kind offers, also when it was written before a column existed.
COLUMNS: Final[dict[Kind, dict[str, str]]] = {
    "spans": sql_types(RAW_SPAN) | sql_types(CANONICAL_SPAN) | {GENERATION: "BIGINT"},
    "requests": sql_types(REQUEST) | {GENERATION: "BIGINT"},
}


def all_columns(kind: Kind, segments: Sequence[Segment]) -> dict[str, str]:
    """The fixed columns of a kind, then the promoted ones of any segment, newest type first."""
    newest_first = sorted(segments, key=lambda each: -each.generation)
    columns = dict(COLUMNS[kind])
    for types in dict.fromkeys(each.columns for each in newest_first):
        columns |= {
            name: kept
            for name, kept in parse_types(types).items()
            if name not in columns and name.startswith(PROMOTED)
        }
    return columns


def relation(
    kind: Kind,
    folder: Path,
    segments: Sequence[Segment],
    columns: Mapping[str, str] | None = None,
) -> str:
    """A query over all these segments: same columns and types whenever each was written.

    `columns` (name: SQL type) are those wanted, by default `all_columns`: binding takes a tenth of
    a millisecond for each, which a lookup of one row notices.
    """
    columns = columns or all_columns(kind, segments)
    # One reader per set of columns: union_by_name would triple the time of a lookup.
    ordered = sorted(segments, key=lambda each: (each.columns, each.generation))
    groups = [list(group) for _, group in groupby(ordered, key=lambda each: each.columns)]
    if not groups:
        empty = ", ".join(f"null::{kind_} as {identifier(name)}" for name, kind_ in columns.items())
        return f"select {empty} where false"
    return " union all ".join(_reader(folder, group, columns) for group in groups)


def _reader(folder: Path, segments: Sequence[Segment], columns: Mapping[str, str]) -> str:
    paths = ", ".join(literal(str(folder / each.name)) for each in segments)
    stored = parse_types(segments[0].columns)
    picks = ", ".join(pick_column(name, wanted, stored) for name, wanted in columns.items())
    return f"select {picks} from read_parquet([{paths}])"


def pick_column(name: str, wanted: str, stored: Mapping[str, str]) -> str:
    """A column from a segment; a promoted one that it lacks is read from the attributes."""
    quoted = identifier(name)
    if stored.get(name) == wanted:
        return quoted
    if name in stored:
        return f"try_cast({quoted} as {wanted}) as {quoted}"
    if not name.startswith(PROMOTED):
        return f"null::{wanted} as {quoted}"
    # A JSON pointer, because attribute keys contain dots and may contain quotes.
    key = name.removeprefix(PROMOTED).replace("~", "~0").replace("/", "~1")
    pointer = literal("/" + key)
    text = f"coalesce(attrs ->> {pointer}, attrs_big ->> {pointer})"
    return f"try_cast({text} as {wanted}) as {quoted}"


def copy_rows(kind: Kind, query: str, path: Path) -> str:
    """A statement that writes a query to a new segment file."""
    return (
        f"copy ({query}) to {literal(str(path))} "
        f"(format parquet, compression zstd, compression_level 3, row_group_size {ROW_GROUP[kind]})"
    )


def write_spans(
    staged: Path,
    columns: Mapping[str, pl.DataType],
    filled: Set[str],
    rows: pl.Series | None,
    generation: int,
    path: Path,
) -> None:
    """Write staged spans, sorted as segments are: all, or those with these row numbers.

    Only the columns that are `filled` are read and sorted: most are empty in most dumps. What is
    fresh is compressed lightly, and well when it is compacted.
    """
    held = [name for name in columns if name in filled]
    found = pl.read_parquet(staged, columns=held, glob=False)
    found = found if rows is None else found[rows]
    empty = [
        pl.lit(None, dtype).alias(name) for name, dtype in columns.items() if name not in filled
    ]
    order = [name for name in SPAN_ORDER if name in filled]
    stamped = found.sort(order, nulls_last=True).with_columns(
        *empty, pl.lit(generation, pl.Int64).alias(GENERATION)
    )
    stamped.select(*columns, GENERATION).write_parquet(
        path, compression="zstd", compression_level=1, row_group_size=ROW_GROUP["spans"]
    )


def write_requests(rows: pl.DataFrame, generation: int, path: Path) -> pl.DataFrame:
    """Write request rows, sorted as segments are; the rows as they were written."""
    stamped = rows.with_columns(pl.lit(generation, pl.Int64).alias(GENERATION))
    ordered = stamped.sort("trace_id", "start_unix_nano", "request_id")
    ordered.write_parquet(
        path, compression="zstd", compression_level=3, row_group_size=ROW_GROUP["requests"]
    )
    return ordered


@lru_cache(maxsize=64)
def parse_types(columns: str) -> Mapping[str, str]:
    """SQL type per column of a segment, in file order, from the text in the log."""
    return dict(json.loads(columns))


def columns_json(types: Mapping[str, str]) -> str:
    """The text under which the log keeps a segment's columns."""
    return json.dumps(types, ensure_ascii=False)


def draft_name(kind: Kind, generation: int) -> str:
    """The name of a segment that is not committed; the process id is for people."""
    return f".tmp-{os.getpid()}-{kind}-{generation:08}-{uuid.uuid4().hex[:12]}.parquet"


def final_name(draft: str) -> str:
    """The name that a draft gets."""
    return draft.split("-", 2)[2]


def sync_path(path: Path) -> None:
    """Wait until a file or a folder is on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
