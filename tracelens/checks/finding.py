"""What a check is, and the rows that it yields."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import polars as pl

from tracelens.requests import Facts

#: One row per thing a check saw, at one stage or one boundary of one exchange of a request.
FINDING = pl.Schema(
    {
        "request": pl.String(),
        "exchange": pl.Int32(),
        "check": pl.String(),
        "result": pl.String(),  # fails, passes, no_data, not_expected
        "at": pl.String(),  # the stage or boundary that was looked at
        "stage": pl.String(),  # who is to blame; with `fails` only
        "boundary": pl.String(),
        "cause": pl.String(),
        "weight": pl.String(),  # hard: it suffices to fail; soft: it may; weak: a guess
        "score": pl.Float64(),  # how far the finding alone is to be believed, 0 to 1
        "time": pl.Int64(),  # when it showed, ns
        "span_id": pl.String(),
        "attribute": pl.String(),
        "value": pl.String(),
        "needed": pl.String(),
        "sentence": pl.String(),
    }
)


@dataclass(frozen=True)
class Check:
    """One check: its name, the question it answers, and the function that answers it."""

    name: str
    question: str
    run: Callable[[Facts], pl.DataFrame]


def findings(frame: pl.DataFrame, **columns: pl.Expr | str | float | None) -> pl.DataFrame:
    """Shape rows of a frame into findings; a text or number stands for itself in every row."""
    given = {
        name: value if isinstance(value, pl.Expr) else pl.lit(value, FINDING[name])
        for name, value in columns.items()
    }
    chosen = [
        given.get(name, pl.col(name) if name in frame.columns else pl.lit(None, dtype))
        .cast(dtype)
        .alias(name)
        for name, dtype in FINDING.items()
    ]
    return frame.select(chosen)


def no_findings() -> pl.DataFrame:
    """An empty frame of findings."""
    return pl.DataFrame(schema=FINDING)
