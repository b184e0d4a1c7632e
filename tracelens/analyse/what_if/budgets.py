"""What it would take if stages were stopped at a latency budget."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from tracelens.analyse.retime import retime
from tracelens.analyse.what_if.baseline import Baseline
from tracelens.analyse.what_if.caps import fits_row
from tracelens.model import PATH_STAGES, STAGES
from tracelens.policy import Budget


def budget_masks(base: Baseline, budgets: Sequence[Budget]) -> list[tuple[pl.Expr, pl.Expr]]:
    """Of each budget, which requests have a stage beyond it, and of which it is not known.

    A request is only held to the first budget for a stage that is meant for it.
    """
    taken: dict[str | None, pl.Expr] = {}
    masks = []
    for budget in budgets:
        meant = fits_row(base, budget.modality, budget.service, None)
        earlier = taken.get(budget.stage, pl.lit(False))
        own, time = meant & ~earlier, _time(budget)
        masks.append(((own & (time > budget.limit)).fill_null(False), own & _blind_to(budget)))
        taken[budget.stage] = earlier | meant
    return masks


def _time(budget: Budget) -> pl.Expr:
    """What a budget limits, in ms: how long a stage took, or the whole request."""
    return pl.col(f"shape.took_ms.{budget.stage}" if budget.stage else "duration_ms")


def _blind_to(budget: Budget) -> pl.Expr:
    return blind() if budget.stage else pl.col("duration_ms").is_null()


def blind() -> pl.Expr:
    """Whether nothing is known of where a request's time went."""
    return pl.col("path_ms.residual").is_null()


def time_stopped(frame: pl.DataFrame, budget: Budget) -> pl.DataFrame:
    """`low, high`: ms that requests save when a stage, or all of it, is stopped at its budget."""
    stages = {stage: pl.col(f"shape.took_ms.{stage}").alias(stage) for stage in STAGES}
    path = {stage: pl.col(f"path_ms.{stage}").alias(stage) for stage in PATH_STAGES}
    requests = frame.select(
        "duration_ms",
        path_ms=pl.struct(path.values()),
        shape=pl.struct(pl.struct(stages.values()).alias("took_ms")),
    )
    return retime(requests, budget.stage, budget.limit)
