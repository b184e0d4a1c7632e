"""Is what is heard of the speech what was to be spoken?"""

from __future__ import annotations

import polars as pl

from tracelens.checks.compare import compare_texts, is_mishearing
from tracelens.checks.finding import Check, findings, no_findings
from tracelens.checks.shared import quoted
from tracelens.policy.rules import Handover
from tracelens.requests import Facts


def run(facts: Facts) -> pl.DataFrame:
    """One row per exchange whose speech was recognised again: fails, passes, or no_data.

    The recogniser of the way back errs too: words that it takes for one another decide nothing.
    """
    heard = facts.assessments.filter(pl.col("kind") == "speech").filter(
        pl.col("text").str.strip_chars() != ""
    )
    if heard.is_empty():
        return no_findings()
    voice = facts.runs.filter(
        (pl.col("stage") == "synthesis")
        & ~pl.col("is_cancel")
        & ~pl.col("is_error")
        & ~pl.col("interrupted").fill_null(False)
    )
    given = (
        voice.sort("start", "end", "run")
        .group_by("request", "exchange", maintain_order=True)
        .agg(
            pl.col("text_in").drop_nulls().str.join(" ").alias("given"),
            pl.col("text_in").null_count().alias("unknown"),
        )
        .filter((pl.col("unknown") == 0) & (pl.col("given") != ""))
    )
    last = heard.group_by("request", "exchange", maintain_order=True).agg(
        pl.col("text").unique(maintain_order=True).str.join(" "),
        pl.col("span_id", "attribute", "time").last(),
    )
    sides = last.join(given, on=["request", "exchange"], maintain_order="left")
    rules = facts.policy.handover
    results = [_result(given, text, rules) for given, text in sides.select("given", "text").rows()]
    return _rows(sides.with_columns(pl.Series("result", results, dtype=pl.String)))


def _result(given: str, heard: str, rules: Handover) -> str:
    found = compare_texts(given, heard, rules, mode="recognised")
    if not found.lost:
        return "no_data" if found.suspected else "passes"
    return "no_data" if is_mishearing(found) else "fails"


def _rows(sides: pl.DataFrame) -> pl.DataFrame:
    wrong = pl.col("result") == "fails"
    says = pl.format(
        "synthesis was given {}, and {} is heard", quoted(pl.col("given")), quoted(pl.col("text"))
    )
    return findings(
        sides,
        check="round_trip",
        result=pl.col("result"),
        at="synthesis",
        stage=pl.when(wrong).then(pl.lit("synthesis")),
        cause=pl.when(wrong).then(pl.lit("synthesis_drift")),
        weight=pl.when(wrong).then(pl.lit("soft")),
        score=pl.when(wrong).then(0.75),
        value=pl.col("text").str.slice(0, 2_000),
        needed=pl.col("given").str.slice(0, 2_000),
        sentence=pl.when(pl.col("result") == "passes")
        .then(pl.lit("what is heard of the speech is what was to be spoken"))
        .when(wrong)
        .then(says)
        .otherwise(pl.format("{}: the recogniser may have misheard that", says)),
    )


CHECK = Check("round_trip", "Is what is heard of the speech what was to be spoken?", run)
