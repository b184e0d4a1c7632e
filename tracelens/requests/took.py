"""How long each stage of a request took, whatever ran beside it."""

from __future__ import annotations

import polars as pl

from tracelens.model import STAGES

TOOK_MS = pl.Struct({stage: pl.Float64() for stage in STAGES})


def times_taken(runs: pl.DataFrame, requests: pl.DataFrame) -> pl.Series:
    """`took_ms` of each request: ms by stage, null for what did not run. Calls at once count once.

    Args:
        runs: the frame of `stage_runs`.
        requests: rows with `request`.
    """
    mine = runs.filter(pl.col("stage").is_in(STAGES)).sort("request", "start", "end", "run")
    until = pl.col("end").cum_max().shift(1).over("request", "stage")
    own = (pl.col("end") - pl.max_horizontal("start", until)).clip(lower_bound=0) / 1e6
    of = {stage: pl.col("stage") == stage for stage in STAGES}
    took = (
        mine.with_columns(_ms=own)
        .group_by("request", maintain_order=True)
        .agg(
            pl.when(of[stage].any())
            .then(pl.col("_ms").filter(of[stage]).sum().round(6))
            .alias(stage)
            for stage in STAGES
        )
        .select("request", took_ms=pl.struct(STAGES).cast(TOOK_MS))
    )
    joined = requests.select("request").join(took, on="request", how="left", maintain_order="left")
    return joined.get_column("took_ms")
