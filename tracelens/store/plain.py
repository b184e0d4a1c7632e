"""Plain columns of requests: their names, their types, and how each is made of a stored column."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import polars as pl

from tracelens.model import REQUEST, STAGES
from tracelens.store.segments import GENERATION, sql_type

#: Text with few values, or that is only compared: held as numbers.
CODED: Final = (
    *("service", "emitter", "session_id", "user_id", "external_request_id"),
    *("stage", "boundary", "cause"),
)


def _joined(column: pl.Expr, mark: str, empty: str | None) -> pl.Expr:
    return column.list.join(mark).replace("", empty)


#: Columns that are made of a stored one, by name: the stored column and how.
DERIVED: Final[dict[str, tuple[str, pl.Expr]]] = {
    "inputs": ("input_modalities", _joined(pl.col("input_modalities"), "+", "none")),
    "outputs": ("output_modalities", _joined(pl.col("output_modalities"), "+", "none")),
    **{
        f"{name}.{stage}": ("models", _joined(pl.col("models").struct.field(stage), mark, None))
        for name, mark in (("model", "+"), ("models", "\n"))
        for stage in STAGES
    },
    **{
        f"over.{metric}": (
            "breaches",
            pl.col("breaches").list.eval(pl.element().struct.field("metric") == metric).list.any(),
        )
        for metric in ("cost", "latency", "ttfa")
    },
}


def plain_names() -> list[str]:
    """Every name that `column_type` knows."""
    return [*_members("", pl.Struct(dict(REQUEST))), *DERIVED]


def _members(prefix: str, dtype: pl.Struct) -> list[str]:
    found = []
    for field in dtype.fields:
        name, inner = prefix + field.name, field.dtype
        if isinstance(inner, pl.Struct):
            found += _members(f"{name}.", inner)
        elif isinstance(inner, pl.DataType) and not inner.is_nested():
            found.append(name)
    return found


def column_type(name: str) -> pl.DataType:
    """The type of a column of requests by its name. Raises ValueError for an unknown one."""
    if name in DERIVED:
        return pl.Boolean() if name.startswith("over.") else _coded(name)
    if name in CODED:
        return _coded(name)
    column, *members = name.split(".")
    found = REQUEST.get(column)
    for member in members:
        fields = found.fields if isinstance(found, pl.Struct) else ()
        inner = next((each.dtype for each in fields if each.name == member), None)
        found = inner if isinstance(inner, pl.DataType) else None
    if found is None or found.is_nested():
        raise ValueError(f"requests have no plain column {name}")
    return found


def _coded(name: str) -> pl.DataType:
    # Each column has codes of its own: they stay small.
    return pl.Categorical(pl.Categories(name, namespace="tracelens.requests"))


def is_stored(name: str, stored: Mapping[str, str]) -> bool:
    """Whether a segment with these columns (SQL type by name) has what a column is made of."""
    source = DERIVED[name][0] if name in DERIVED else name.partition(".")[0]
    return name == GENERATION or stored.get(source) == sql_type(REQUEST[source])


def pick(name: str) -> pl.Expr:
    """A column out of rows of a segment."""
    if name == GENERATION:
        return pl.col(name)
    column, *members = name.split(".")
    made = DERIVED[name][1] if name in DERIVED else pl.col(column)
    if name not in DERIVED:
        for member in members:
            made = made.struct.field(member)
    return made.cast(column_type(name)).alias(name)


def nulls(name: str, count: int) -> pl.Series:
    """A column of nulls, which takes no memory."""
    return pl.Series(name, [], pl.Null).extend_constant(None, count)
