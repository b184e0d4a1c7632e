"""Which price rows apply to a model: matched for many names at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

import polars as pl

from tracelens.policy import Price
from tracelens.policy.globs import matches_any
from tracelens.policy.prices import whole

#: Provider and model, as spans have them.
Name = tuple[str | None, str | None]

#: Names of models are short; what is longer is none.
LONGEST = 200


def matching(rows: Sequence[Price], names: Sequence[Name]) -> dict[Name, list[Price]]:
    """The rows that apply to each name, in their order; the day is not looked at."""
    if not rows or not names:
        return {name: [] for name in names}
    schema = {"provider": pl.String(), "model": pl.String()}
    frame = pl.DataFrame(names, schema=schema, orient="row")
    hits = frame.select(_applies(row).alias(str(i)) for i, row in enumerate(rows))
    return {
        name: [row for row, hit in zip(rows, line, strict=True) if hit]
        for name, line in zip(names, hits.iter_rows(), strict=True)
    }


def _applies(row: Price) -> pl.Expr:
    model = pl.col("model")
    bare = model.str.replace(r"^[^/]*/", "")
    fits = model.str.contains(whole(row.match)) | bare.str.contains(whole(row.match))
    if row.provider is not None:
        fits &= matches_any(pl.col("provider").str.to_lowercase(), [row.provider])
    return (fits & (model.str.len_bytes() <= LONGEST)).fill_null(False)


def in_force(rows: Sequence[Price], day: date) -> Mapping[str, Price]:
    """By unit, the row with the newest start that is not after a day; of several the first."""
    found: dict[str, Price] = {}
    for row in rows:
        if row.since is None or row.since <= day:
            old = found.get(row.unit)
            if old is None or _start(row) > _start(old):
                found[row.unit] = row
    return found


def _start(row: Price) -> date:
    return row.since or date.min
