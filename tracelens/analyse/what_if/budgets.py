"""What it would take if stages were stopped at a latency budget."""

from __future__ import annotations

import numpy as np
import polars as pl

from tracelens.analyse.retime import retime
from tracelens.analyse.tails.ordered import Floats
from tracelens.analyse.what_if.needed import took
from tracelens.analyse.what_if.part import Part
from tracelens.model import PATH_STAGES, STAGES
from tracelens.policy import Budget


def time_stopped(part: Part, name: str, budget: Budget) -> tuple[Floats, Floats]:
    """The least and the most ms that requests save when a stage, or all of it, is stopped.

    Nothing where the budget does not act, or where nobody knows.
    """
    columns = [_column(part, "duration_ms", "duration_ms")]
    if budget.stage is not None:
        path = [_column(part, f"path_ms.{stage}", stage) for stage in PATH_STAGES]
        stages = [_column(part, took(stage), stage) for stage in STAGES]
        shape = pl.DataFrame([pl.DataFrame(stages).to_struct("took_ms")]).to_struct("shape")
        columns += [pl.DataFrame(path).to_struct("path_ms"), shape]
    saved = retime(pl.DataFrame(columns), budget.stage, budget.limit)
    least, most = (saved[end].fill_null(0.0).to_numpy() for end in ("low", "high"))
    acts = part.acts[name]
    return np.where(acts, least, 0.0), np.where(acts, most, 0.0)


def _column(part: Part, column: str, name: str) -> pl.Series:
    return pl.Series(name, part[column], nan_to_null=True)
