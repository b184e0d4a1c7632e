"""What kind of request each is, and what it tells of its service, whatever the profiles say."""

from __future__ import annotations

import polars as pl

from tracelens.model import SHAPE, STAGES
from tracelens.requests import Facts
from tracelens.requests.profile import profile_keys

#: The stages in their order; each one's turn comes when the one before it has run.
FIRST, SECOND, THIRD = STAGES

SHAPE_FIELDS = [field.name for field in SHAPE.fields]


def with_shapes(facts: Facts, findings: pl.DataFrame) -> pl.DataFrame:
    """The requests with `shape`, a struct of `SHAPE`.

    A stage that is absent is no fault here, and nothing else in it looks at a profile: profiles are
    built of these, and one that was fed by its own verdicts would confirm itself.

    Args:
        facts: spans, runs and requests.
        findings: rows of `FINDING` about them.
    """
    frame = (
        facts.requests.join(_stages(facts), on="request", how="left", maintain_order="left")
        .join(_at_fault(findings), on="request", how="left", maintain_order="left")
        .with_columns(
            heard="heard_kind",
            timed_out=pl.col("app_timeout").fill_null(False),
            ran=pl.col("ran").fill_null([]),
            healthy=_healthy(),
        )
    )
    awaited = pl.concat_list(_awaited()).list.drop_nulls()
    due = pl.concat_list("ran", awaited).list.unique().list.sort()
    shape = frame.with_columns(due=due).with_columns(profile_keys(frame)).select(SHAPE_FIELDS)
    return facts.requests.with_columns(shape.to_struct("shape").cast(SHAPE))


def _healthy() -> pl.Expr:
    """Whether a request is whole and nothing went wrong or was cut short, absent stages aside."""
    wrong = pl.any_horizontal(
        pl.col(name).fill_null(False)
        for name in ("at_fault", "own_error", "own_cancel", "cancelled", "interrupted")
    )
    return pl.col("complete") & pl.col("assistant") & ~wrong


def _stages(facts: Facts) -> pl.DataFrame:
    """Per request: which stages ran, and whether each handed something over."""
    runs = facts.runs.filter(pl.col("stage").is_in(STAGES))
    of = {stage: pl.col("stage") == stage for stage in STAGES}
    said = {stage: pl.col("text_out").filter(of[stage]).last() for stage in (FIRST, SECOND)}
    return (
        runs.sort("request", "start", "end", "run")
        .group_by("request", maintain_order=True)
        .agg(
            pl.col("stage").filter(~pl.col("is_cancel")).unique().sort().alias("ran"),
            pl.col("is_cancel").any().alias("cancelled"),
            _native().any().alias("native"),
            *(
                (text.fill_null("?").str.strip_chars() == "").alias(f"no_{stage}")
                for stage, text in said.items()
            ),
        )
    )


def _native() -> pl.Expr:
    """Whether a call does several stages at once."""
    spoken = pl.col("output_modalities").list.contains("audio").fill_null(False)
    return pl.col("speech_to_speech") | (spoken & (pl.col("stage") == SECOND))


def _at_fault(findings: pl.DataFrame) -> pl.DataFrame:
    # What a policy allows a request to use says nothing of how long its service usually takes.
    aside = pl.col("check").is_in(["absent_stage", "over_budget"])
    wrong = (pl.col("result") == "fails") & ~aside
    return findings.filter(wrong).select("request", at_fault=pl.lit(True)).unique()


def _awaited() -> pl.Expr:
    """The stage that had its turn in a healthy request and did not run; null without one."""
    ran = {stage: pl.col("ran").list.contains(stage) for stage in STAGES}
    none = pl.col("ran").list.len() == 0
    stage = (
        pl.when(ran[THIRD])
        .then(None)
        .when(ran[SECOND])
        .then(pl.when(~pl.col(f"no_{SECOND}")).then(pl.lit(THIRD)))
        .when(ran[FIRST])
        .then(pl.when(~pl.col(f"no_{FIRST}")).then(pl.lit(SECOND)))
        .when(none & (pl.col("role") != "trace"))
        .then(pl.lit(FIRST))
    )
    return pl.when(pl.col("healthy") & ~pl.col("native").fill_null(False)).then(stage)
