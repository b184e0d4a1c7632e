"""Was the recogniser sure of what it heard?"""

from __future__ import annotations

import polars as pl

from tracelens.checks.finding import Check, findings
from tracelens.checks.shared import unsure
from tracelens.requests import Facts


def run(facts: Facts) -> pl.DataFrame:
    """One row per transcription that was unsure: support for other evidence, never a failure."""
    return findings(
        unsure(facts).drop("stage"),
        check="recogniser_confidence",
        result="no_data",
        at="transcription",
        value=pl.col("score").cast(pl.String),
        needed=pl.format("{} or more", "limit"),
        sentence=pl.format(
            "the recogniser was unsure: its confidence is {}, below {}", "score", "limit"
        ),
    )


CHECK = Check("recogniser_confidence", "Was the recogniser sure?", run)
