"""Did people who know better say that the request went wrong, and what had been said?"""

from __future__ import annotations

import polars as pl
from rapidfuzz import fuzz

from tracelens.checks.compare import compare_texts, covers
from tracelens.checks.finding import Check, findings, no_findings
from tracelens.checks.shared import quoted
from tracelens.requests import Facts

WHO = {"correction": "the user", "bug_report": "a bug report"}


def run(facts: Facts) -> pl.DataFrame:
    """One row per correction or bug report.

    Where it tells what was said, that is held against the transcript: what differs was misheard
    (Morris, Maier and Green 2004 count such words as errors against a reference), what is equal was
    heard and not understood. Otherwise no stage is named.
    """
    if facts.references.is_empty():
        return no_findings()
    heard = (
        facts.runs.filter((pl.col("stage") == "transcription") & ~pl.col("is_cancel"))
        .sort("request", "start", "run")
        .group_by("request", maintain_order=True)
        .agg(
            transcript=pl.col("text_out").drop_nulls().str.join(" "),
            heard_span=pl.col("span_id").last(),
            attribute=pl.col("text_out_attribute").drop_nulls().last(),
        )
    )
    rows = facts.references.join(heard, on="request", how="left", maintain_order="left")
    kinds = [
        _kind(row["said"], row["transcript"], row["source"], row["quoted"], facts)
        for row in rows.iter_rows(named=True)
    ]
    rows = rows.with_columns(kind=pl.Series(kinds, dtype=pl.String))
    return pl.concat([_misheard(rows), _misread(rows), _unexplained(rows)])


def _kind(said: str | None, transcript: str | None, source: str, quotes: bool, facts: Facts) -> str:
    """`misheard`, `misread` or `unexplained`."""
    if said is None or not transcript:
        return "unexplained"
    if source == "bug_report":
        found = compare_texts(said, transcript, facts.policy.handover, mode="recognised")
        return "misheard" if found.lost else "misread"
    if covers(said, transcript) == 1.0:
        return "misread"
    likeness = fuzz.partial_ratio(said.casefold(), transcript.casefold()) / 100
    alike = likeness >= facts.policy.speech.misheard_likeness
    return "misheard" if quotes and alike else "unexplained"


def _misheard(rows: pl.DataFrame) -> pl.DataFrame:
    wrong = rows.filter(pl.col("kind") == "misheard")
    return findings(
        wrong.drop("span_id"),
        check="reference",
        result="fails",
        at="transcription",
        stage="transcription",
        cause="stt_wrong",
        weight="soft",
        score=pl.when(pl.col("source") == "bug_report").then(0.9).otherwise(0.75),
        time=pl.col("time"),
        span_id=pl.col("heard_span"),
        attribute=pl.col("attribute"),
        value=pl.col("transcript").str.slice(0, 2_000),
        needed=pl.col("said").str.slice(0, 2_000),
        sentence=pl.format(
            "transcription heard {}, but {} says that it was {}",
            quoted(pl.col("transcript")),
            _who(),
            quoted(pl.col("said")),
        ),
    )


def _misread(rows: pl.DataFrame) -> pl.DataFrame:
    """Heard as it was said, and yet wrong: reasoning, where nothing else shows."""
    wrong = rows.filter(pl.col("kind") == "misread")
    return findings(
        wrong,
        check="reference",
        result="fails",
        at="reasoning",
        stage="reasoning",
        cause="llm_wrong",
        weight="weak",
        score=0.6,
        time=pl.col("time"),
        value=pl.col("told").str.slice(0, 2_000),
        needed="an answer to what was said",
        sentence=pl.format(
            "{} says that the answer was wrong, and the transcript holds what was said: {}",
            _who(),
            quoted(pl.col("told")),
        ),
    )


def _unexplained(rows: pl.DataFrame) -> pl.DataFrame:
    wrong = rows.filter(pl.col("kind") == "unexplained")
    return findings(
        wrong,
        check="reference",
        result="fails",
        at="external",
        stage="undetermined",
        cause="user_reported",
        weight="weak",
        score=0.3,
        time=pl.col("time"),
        value=pl.col("told").str.slice(0, 2_000),
        needed="what had been said, to compare the transcript with",
        sentence=pl.format("{} says that it went wrong: {}", _who(), quoted(pl.col("told"))),
    )


def _who() -> pl.Expr:
    return pl.col("source").replace_strict(WHO, return_dtype=pl.String)


CHECK = Check("reference", "Did anybody say afterwards that the request went wrong?", run)
