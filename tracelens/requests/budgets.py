"""Budgets of the policy as column expressions over requests: what each may use, and who used more.

Checks ask when requests are judged, the tail pages when somebody looks; both get the same answer.
The columns are those of `REQUEST`: `service, input_modalities, duration_ms, ttfa_ms, chain_ms,
cost_usd, cost_by_stage, shape`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import polars as pl

from tracelens.model import BREACH
from tracelens.policy import Budget, Policy
from tracelens.policy.globs import matches_any
from tracelens.requests.modalities import inputs

BREACHES: Final = pl.List(BREACH)

#: Where the measure of a whole request stands.
WHOLE: Final = {"latency": "duration_ms", "ttfa": "ttfa_ms", "cost": "cost_usd"}


def budgets_of(policy: Policy) -> list[tuple[str, str | None]]:
    """Each metric and stage (or part of the chain, or none) that has a budget, in order of rows."""
    return list(dict.fromkeys((row.metric, row.of) for row in policy.budget))


def measure(metric: str, of: str | None = None) -> pl.Expr:
    """What a request used, in ms or US dollars; null where it is not known.

    A stage's latency is how long it took, whatever ran beside it, and calls at once count once.
    """
    if of is None:
        return pl.col(WHOLE[metric])
    if metric == "latency":
        return pl.col("shape").struct.field("took_ms").struct.field(of)
    return pl.col("chain_ms" if metric == "ttfa" else "cost_by_stage").struct.field(of)


def limit_of(policy: Policy, metric: str, of: str | None = None) -> pl.Expr:
    """The budget of each request by the first row that means it, in ms or US dollars; else null."""
    return _first_row(policy, metric, of, lambda row: pl.lit(row.limit, pl.Float64))


def failing(policy: Policy, metric: str, of: str | None = None) -> pl.Expr:
    """Whether a request that goes over this budget has failed by it."""
    return _first_row(policy, metric, of, lambda row: pl.lit(row.fails)).fill_null(False)


def breaches(frame: pl.DataFrame, policy: Policy) -> pl.Series:
    """The budgets that each request went over: a list of `BREACH`, empty where it kept to them."""
    kept = pl.lit(None, BREACH)
    over = [
        pl.when(measure(metric, of) > limit_of(policy, metric, of))
        .then(_breach(policy, metric, of))
        .otherwise(kept)
        for metric, of in budgets_of(policy)
    ]
    if not over:
        return pl.repeat([], frame.height, dtype=BREACHES, eager=True).alias("breaches")
    return frame.select(breaches=pl.concat_list(over).list.drop_nulls().cast(BREACHES)).to_series()


def _breach(policy: Policy, metric: str, of: str | None) -> pl.Expr:
    return pl.struct(
        metric=pl.lit(metric),
        stage=pl.lit(of, pl.String),
        value=measure(metric, of),
        limit=limit_of(policy, metric, of),
    ).cast(BREACH)


def _first_row(
    policy: Policy, metric: str, of: str | None, value: Callable[[Budget], pl.Expr]
) -> pl.Expr:
    chosen: pl.Expr = pl.lit(None)
    for row in reversed(policy.budget):
        if (row.metric, row.of) == (metric, of):
            chosen = pl.when(meant(row)).then(value(row)).otherwise(chosen)
    return chosen


def meant(row: Budget) -> pl.Expr:
    """Whether a row is about a request."""
    globs = ((row.service, pl.col("service")), (row.modality, inputs()))
    tests = [matches_any(of, (glob,)).fill_null(False) for glob, of in globs if glob is not None]
    return pl.all_horizontal(tests) if tests else pl.lit(True)
