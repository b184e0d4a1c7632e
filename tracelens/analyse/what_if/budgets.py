"""What it would take if stages were stopped at a latency budget."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from tracelens.analyse.what_if.baseline import Baseline
from tracelens.analyse.what_if.caps import fits_row
from tracelens.model import PATH_STAGES, STAGES
from tracelens.policy import Budget


def budget_masks(base: Baseline, budgets: Sequence[Budget]) -> list[tuple[pl.Expr, pl.Expr]]:
    """Of each budget, which requests have a stage beyond it, and of which it is not known.

    A request is only held to the first budget for a stage that is meant for it.
    """
    taken: dict[str, pl.Expr] = {}
    masks = []
    for budget in budgets:
        meant = fits_row(base, getattr(budget, "modality", None), budget.service, None)
        earlier = taken.get(budget.stage, pl.lit(False))
        own, time = meant & ~earlier, pl.col(f"shape.took_ms.{budget.stage}")
        masks.append(((own & (time > budget.ms)).fill_null(False), own & blind()))
        taken[budget.stage] = earlier | meant
    return masks


def blind() -> pl.Expr:
    """Whether nothing is known of where a request's time went."""
    return pl.col("path_ms.residual").is_null()


def time_stopped(frame: pl.DataFrame, budget: Budget) -> pl.DataFrame:
    """`low, high`: ms that requests save when a stage is stopped at its budget."""
    stages = {stage: pl.col(f"shape.took_ms.{stage}").alias(stage) for stage in STAGES}
    path = {stage: pl.col(f"path_ms.{stage}").alias(stage) for stage in PATH_STAGES}
    requests = frame.select(
        "duration_ms",
        path_ms=pl.struct(path.values()),
        shape=pl.struct(pl.struct(stages.values()).alias("took_ms")),
    )
    return retime(requests, budget.stage, budget.ms)


def retime(requests: pl.DataFrame, of: str, budget_ms: float) -> pl.DataFrame:
    """`low, high`: ms that each request would save had a stage kept to a time.

    At best all that follows moves up by the whole excess. At worst something else ran beside it.
    """
    took = pl.col("shape").struct.field("took_ms").struct.field(of)
    excess = (took.fill_null(0) - budget_ms).clip(lower_bound=0)
    return requests.select(low=pl.lit(0.0), high=pl.min_horizontal(excess, "duration_ms"))
