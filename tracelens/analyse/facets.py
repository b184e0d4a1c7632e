"""The values that a list of failures, or all requests of a store, can be cut by."""

from __future__ import annotations

from dataclasses import dataclass
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


@dataclass(frozen=True)
class Facets:
    """Values that requests can be cut by with how many have each, the most frequent first.

    `known` has, by metric, how many requests have a value; metrics that none has are left out.
    """

    requests: int
    known: dict[str, int]
    inputs: dict[str, int]
    services: dict[str, int]
    models: dict[str, int]


def request_facets(store: Store) -> Facets:
    """What all requests can be cut by; `models` are those of any stage."""
    totals = store.query(_KNOWN).row(0, named=True)
    rows = store.query(_ALL)
    models = store.query(_MODELS)
    return Facets(
        requests=totals.pop("n"),
        known={metric: n for metric, n in totals.items() if n},
        inputs=_values(rows, "inputs"),
        services=_values(rows, "service"),
        models=_values(models, "model"),
    )


_KNOWN: Final = """
select count(*) as n, count(cost_usd) as cost, count(duration_ms) as latency,
    count(ttfa_ms) as ttfa
from requests
"""
_ALL: Final = f"select {INPUTS} as inputs, service, count(*) as n from requests group by all"
_MODELS: Final = """
select model, sum(n)::bigint as n
from (
    select unnest(list_concat(models.transcription, models.reasoning, models.synthesis)) as model, n
    from (select models, count(*) as n from requests group by all)
)
group by all
"""
