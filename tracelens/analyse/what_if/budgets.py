"""What it would take if stages were stopped at a latency budget."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from tracelens.analyse.what_if.baseline import Baseline
from tracelens.analyse.what_if.caps import fits_row
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
        time = pl.col(f"path_ms.{budget.stage}")
        masks.append(
            (
                (meant & ~earlier & (time > budget.ms)).fill_null(False),
                meant & ~earlier & time.is_null(),
            )
        )
        taken[budget.stage] = earlier | meant
    return masks


def retime(frame: pl.DataFrame, stage: str, budget_ms: float) -> tuple[pl.Series, pl.Series]:
    """The least and the most ms that requests take when a stage is stopped at its budget.

    Time on the critical path that is saved may be lost to another stage that ran beside it: all
    that is known is that the end comes no later, and no earlier than by the whole saving.
    """
    over = (pl.col(f"path_ms.{stage}") - budget_ms).clip(lower_bound=0).fill_null(0)
    least = (pl.col("duration_ms") - over).clip(lower_bound=0)
    return frame.select(least.alias("low"))["low"], frame["duration_ms"]
