"""Did the user say that it went wrong, with a thumb or a number?"""

from __future__ import annotations

import polars as pl

from tracelens.checks.finding import Check, findings
from tracelens.checks.shared import complaints, quoted
from tracelens.requests import Facts


def run(facts: Facts) -> pl.DataFrame:
    """One row per complaint, and none for praise."""
    return findings(
        complaints(facts),
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


CHECK = Check("feedback", "Did the user say that it went wrong?", run)
