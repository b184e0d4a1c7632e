"""What the failures of a store have in common: the values that a list of them can be cut by."""

from __future__ import annotations

from typing import Final

import polars as pl

from tracelens.analyse.find import INPUTS
from tracelens.store import Store

FACETS: Final = ("stage", "boundary", "cause", "inputs", "service", "emitter")
#: Values of one facet; a store may have as many services as requests.
VALUES: Final = 200


def failure_facets(store: Store) -> dict[str, dict[str, int]]:
    """By facet, its values with how many failures have each, the most frequent first.

    `boundary` is `none` for what broke inside a stage, `inputs` where nothing is known to have
    come in.
    """
    rows = store.query(_COUNTS)
    return {facet: _values(rows, facet) for facet in FACETS}


def _values(rows: pl.DataFrame, facet: str) -> dict[str, int]:
    counted = rows.drop_nulls(facet).group_by(facet).agg(pl.col("n").sum())
    first = counted.sort("n", facet, descending=[True, False]).head(VALUES)
    return dict(first.iter_rows())


_COUNTS: Final = f"""
select stage, coalesce(boundary, 'none') as boundary, cause, {INPUTS} as inputs, service, emitter,
    count(*) as n
from requests where failed group by all
"""
