"""Did the user say that it went wrong, with a thumb or a number?"""

from __future__ import annotations

import polars as pl

from tracelens.checks.finding import Check, findings, no_findings
from tracelens.checks.shared import quoted
from tracelens.policy import Feedback
from tracelens.requests import Facts


def run(facts: Facts) -> pl.DataFrame:
    """One row per complaint. Praise yields none: people praise what sounds right."""
    said = facts.assessments.filter(pl.col("kind") == "feedback")
    if said.is_empty():
        return no_findings()
    bad = pl.any_horizontal([_bad(row) for row in facts.policy.feedback])
    # Of several under one name the last counts: people change their minds.
    last = said.unique(["request", "attribute"], keep="last", maintain_order=True)
    return findings(
        last.filter(bad.fill_null(False)),
        check="feedback",
        result="fails",
        at="external",
        stage="undetermined",
        cause="user_reported",
        weight="weak",
        score=0.3,
        value=pl.col("text").str.slice(0, 500),
        needed="what had been said, to compare the transcript with",
        sentence=pl.format(
            "the user gave bad feedback: {} is {}",
            pl.col("attribute"),
            quoted(pl.col("text"), 60),
        ),
    )


def _bad(row: Feedback) -> pl.Expr:
    low = pl.lit(False) if row.below is None else pl.col("score") < row.below
    complaint = pl.col("label").is_in(row.bad) | low.fill_null(False)
    return pl.col("attribute").is_in(row.attribute) & complaint


CHECK = Check("feedback", "Did the user say that it went wrong?", run)
