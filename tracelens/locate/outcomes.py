"""What became of each stage and boundary of a request, for the rail that people read."""

from __future__ import annotations

import polars as pl

from tracelens.checks.shared import deciding_runs
from tracelens.model import OUTCOME, STAGES
from tracelens.requests import Facts

RANK = {"transcription": 1, "reasoning": 3, "synthesis": 5}
SHOWN = (
    "input>transcription",
    "transcription",
    "transcription>reasoning",
    "reasoning",
    "reasoning>tool",
    "reasoning>synthesis",
    "synthesis",
)


def outcomes_of(facts: Facts, findings: pl.DataFrame, judged: pl.DataFrame) -> pl.DataFrame:
    """`request` and `outcomes`: rows of `{at, outcome}` for every stage and boundary with a story.

    A stage after the broken one is `inherited`: it worked on what it was given. One that was never
    due is `not_expected`, one that ran unseen `not_recorded`.
    """
    stages = _stages(facts, findings, judged)
    boundaries = _boundaries(findings)
    order = {at: i for i, at in enumerate(SHOWN)}
    rows = pl.concat([stages, boundaries, _whole(findings)]).with_columns(
        _order=pl.col("at").replace_strict(order, default=99, return_dtype=pl.Int8)
    )
    return (
        rows.sort("request", "_order")
        .group_by("request", maintain_order=True)
        .agg(pl.struct("at", "outcome").cast(OUTCOME).alias("outcomes"))
    )


def _stages(facts: Facts, findings: pl.DataFrame, judged: pl.DataFrame) -> pl.DataFrame:
    every = judged.select("request", "failed", "top_place").join(
        pl.DataFrame({"at": STAGES}), how="cross"
    )
    rows = (
        every.join(_ran(facts), on=["request", "at"], how="left")
        .join(_failing(findings), on=["request", "at"], how="left")
        .join(_missing(findings), on=["request", "at"], how="left")
        .join(_unseen(findings), on=["request", "at"], how="left")
        .join(_slow(findings), on=["request", "at"], how="left")
    )
    after = pl.col("failed").fill_null(False) & (
        pl.col("at").replace_strict(RANK, return_dtype=pl.Int8) > pl.col("top_place")
    )
    outcome = (
        pl.when(pl.col("fails").fill_null(False))
        .then(pl.lit("failed"))
        .when(pl.col("missing").fill_null(False))
        .then(pl.lit("missing"))
        .when(pl.col("ran").is_not_null() & after)
        .then(pl.lit("inherited"))
        .when((pl.col("ran") == "ok") & pl.col("slow").fill_null(False))
        .then(pl.lit("degraded"))
        .when(pl.col("ran").is_not_null())
        .then("ran")
        .when(pl.col("unseen").fill_null(False))
        .then(pl.lit("not_recorded"))
        .otherwise(pl.lit("not_expected"))
    )
    return rows.select("request", "at", outcome=outcome)


def _ran(facts: Facts) -> pl.DataFrame:
    outcome = (
        pl.when("is_cancel")
        .then(pl.lit("cancelled"))
        .when(pl.col("is_error") | pl.col("failed_before") | (pl.col("errors") > 0))
        .then(pl.lit("degraded"))
        .otherwise(pl.lit("ok"))
    )
    runs = deciding_runs(facts).with_columns(ran=outcome).sort("start", "end", "run")
    return runs.group_by("request", at="stage").agg(pl.col("ran").last())


def _failing(findings: pl.DataFrame) -> pl.DataFrame:
    counts = (pl.col("result") == "fails") & pl.col("weight").is_not_null()
    rows = findings.filter(counts & pl.col("at").is_in(STAGES))
    return rows.select("request", "at", fails=pl.lit(True)).unique()


def _over(findings: pl.DataFrame) -> pl.DataFrame:
    """What went over a budget and has not failed by it."""
    over = (pl.col("check") == "over_budget") & (pl.col("result") == "fails")
    return findings.filter(over & pl.col("weight").is_null())


def _slow(findings: pl.DataFrame) -> pl.DataFrame:
    rows = _over(findings).filter(pl.col("at").is_in(STAGES))
    return rows.select("request", "at", slow=pl.lit(True)).unique()


def _whole(findings: pl.DataFrame) -> pl.DataFrame:
    """Requests that went over a budget as a whole."""
    rows = _over(findings).filter(pl.col("at") == "request").select("request", "at").unique()
    return rows.with_columns(outcome=pl.lit("degraded"))


def _missing(findings: pl.DataFrame) -> pl.DataFrame:
    rows = findings.filter((pl.col("check") == "absent_stage") & (pl.col("result") == "fails"))
    return rows.select("request", at="stage", missing=pl.lit(True)).unique()


def _unseen(findings: pl.DataFrame) -> pl.DataFrame:
    rows = findings.filter((pl.col("check") == "absent_stage") & (pl.col("result") == "no_data"))
    return rows.select("request", "at", unseen=pl.lit(True)).unique()


def _boundaries(findings: pl.DataFrame) -> pl.DataFrame:
    edges = pl.col("at").str.contains(">", literal=True)
    rows = findings.filter(edges & (pl.col("check") != "over_budget"))
    edge = (
        pl.when((pl.col("result") == "fails") & (pl.col("check") == "absent_stage"))
        .then(pl.lit("missing"))
        .when(pl.col("result") == "fails")
        .then(pl.lit("failed"))
        .when(pl.col("result") == "no_data")
        .then(pl.lit("not_recorded"))
        .otherwise(pl.lit("ok"))
    )
    worst = pl.col("outcome").replace_strict(
        {"failed": 0, "missing": 1, "not_recorded": 2, "ok": 3}, return_dtype=pl.Int8
    )
    named = rows.select("request", "at", outcome=edge)
    return named.sort(worst).unique(["request", "at"], keep="first", maintain_order=True)
