"""A few rows out of segment files, with the columns that the views give them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
import polars as pl

from tracelens.errors import StoreError
from tracelens.model import ATTRIBUTE_DTYPE, CANONICAL_SPAN, PROMOTED, RAW_SPAN, REQUEST
from tracelens.store.checksum import REPAIR, UNDECODED
from tracelens.store.log import Kind, Segment
from tracelens.store.segments import GENERATION, SEGMENT_FOLDER, parse_types, sql_type
from tracelens.store.views import select_list

#: Column that says which segment a row comes from.
SEGMENT: Final = ".segment"

_FIXED: Final[dict[Kind, dict[str, pl.DataType]]] = {
    "spans": {**RAW_SPAN, **CANONICAL_SPAN, GENERATION: pl.Int64()},
    "requests": {**REQUEST, GENERATION: pl.Int64()},
}
_PROMOTED_TYPES: Final = {sql_type(dtype): dtype for dtype in ATTRIBUTE_DTYPE.values()}
_ATTRS: Final = ["attrs", "attrs_big"]

_MOMENT: Final = pl.Datetime("ns")
_NANOS: Final = (
    pl.col("end_unix_nano").cast(pl.Int128) - pl.col("start_unix_nano").cast(pl.Int128)
).cast(pl.Float64)


def _stale(in_force: Mapping[str, str]) -> pl.Expr:
    """Whether a request was judged by other inputs than are in force: hashes by key of profile."""
    own = pl.col("shape").struct.field("profile").fill_null("")
    basis = in_force.get("")
    now = own.replace_strict(in_force, default=basis, return_dtype=pl.String())
    return (pl.col("inputs_hash") != now).fill_null(False)


#: What the views compute, in the words of Polars; `tests` hold each to its view. Division is by a
#: column, as Polars multiplies by the reciprocal of a literal, which can differ in the last digit.
_COMPUTED: Final[dict[tuple[Kind, str], pl.Expr]] = {
    ("requests", "started_at"): pl.col("start_unix_nano").cast(_MOMENT),
    ("requests", "load"): pl.col(GENERATION),
    ("requests", "stale"): _stale({}),
    ("spans", "start_time"): pl.col("start_unix_nano").cast(_MOMENT),
    ("spans", "end_time"): pl.col("end_unix_nano").cast(_MOMENT),
    ("spans", "duration_ms"): _NANOS / (_NANOS * 0 + 1e6),
    ("spans", "load"): pl.col(GENERATION),
}


def stored_columns(kind: Kind, names: Sequence[str]) -> list[str]:
    """The stored columns behind columns of a view. Raises ValueError for an unknown one."""
    needed: list[str] = []
    for name in names:
        if name.startswith(PROMOTED) and kind == "spans":
            needed += [name, *_ATTRS]
        elif name not in select_list(kind):
            raise ValueError(f"{kind} have no column {name}")
        elif (kind, name) in _COMPUTED:
            needed += _COMPUTED[kind, name].meta.root_names()
        else:
            needed.append(name)
    return list(dict.fromkeys(needed))


def collect_rows(
    store: Path,
    kind: Kind,
    segments: Sequence[Segment],
    condition: pl.Expr,
    columns: Sequence[str],
    known: Mapping[str, str],
    scan: Callable[[Path], pl.LazyFrame],
) -> pl.DataFrame:
    """The rows of these segments that meet a condition: stored columns and `SEGMENT`.

    A column that a segment lacks is null, a promoted one read from the attributes; `known` has the
    SQL types of promoted columns, `scan` opens a file. Raises StoreError for a file that cannot be
    decoded.
    """
    parts = []
    for segment in segments:
        path = store / SEGMENT_FOLDER / segment.name
        present = [name for name in columns if name in parse_types(segment.columns)]
        source = pl.lit(segment.name).alias(SEGMENT)
        lazy = scan(path).filter(condition).select(*present, source)
        try:
            rows = lazy.collect()
        except UNDECODED as error:
            raise StoreError(
                f"store {store} is damaged: {path} cannot be decoded ({error}); {REPAIR}"
            ) from error
        parts.append(_aligned(kind, rows, columns, known))
    return pl.concat(parts) if parts else _no_rows(kind, columns, known)


def _no_rows(kind: Kind, columns: Sequence[str], known: Mapping[str, str]) -> pl.DataFrame:
    types = {name: _type_of(kind, name, known) for name in columns}
    return pl.DataFrame(schema={**types, SEGMENT: pl.String()})


def view_frame(
    kind: Kind, rows: pl.DataFrame, names: Sequence[str], in_force: Mapping[str, str]
) -> pl.DataFrame:
    """Columns of a view out of stored rows; `in_force` tells which of them are stale."""
    computed = {**_COMPUTED, ("requests", "stale"): _stale(in_force)}
    return rows.select(computed.get((kind, name), pl.col(name)).alias(name) for name in names)


def _type_of(kind: Kind, name: str, known: Mapping[str, str]) -> pl.DataType:
    fixed = _FIXED[kind].get(name)
    return fixed or _PROMOTED_TYPES[known.get(name, "VARCHAR")]


def _aligned(
    kind: Kind,
    rows: pl.DataFrame,
    columns: Sequence[str],
    known: Mapping[str, str],
) -> pl.DataFrame:
    wanted = {name: _type_of(kind, name, known) for name in columns} | {SEGMENT: pl.String()}
    if rows.schema == wanted:
        return rows
    found = []
    for name, dtype in wanted.items():
        if name in rows.columns:
            found.append(rows[name].cast(dtype, strict=False))
        elif name.startswith(PROMOTED):
            found.append(_from_attributes(rows, name, dtype))
        else:
            found.append(pl.Series(name, [None] * rows.height, dtype=dtype))
    return pl.DataFrame(found)


def _from_attributes(rows: pl.DataFrame, name: str, dtype: pl.DataType) -> pl.Series:
    """A promoted column that a segment lacks; what does not fit its type is null."""
    key = name.removeprefix(PROMOTED)
    texts = []
    for cells in rows.select(_ATTRS).iter_rows():
        merged = [msgspec.json.decode(cell) for cell in cells if cell is not None]
        texts.append(next((_text(each[key]) for each in merged if each.get(key) is not None), None))
    series = pl.Series(name, texts, dtype=pl.String)
    if dtype == pl.Boolean:
        return series.replace_strict(
            {"true": True, "false": False}, default=None, return_dtype=dtype
        )
    return series.cast(dtype, strict=False)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
