"""Did an evaluation say that something went wrong?"""

from __future__ import annotations

import polars as pl

from tracelens.checks.finding import Check, findings, no_findings
from tracelens.checks.shared import quoted
from tracelens.policy import Evaluation
from tracelens.policy.globs import matches_any
from tracelens.requests import Facts

CAUSE = {
    "transcription": "stt_wrong",
    "reasoning": "llm_wrong",
    "synthesis": "tts_wrong",
    "tool": "tool_error",
}


def run(facts: Facts) -> pl.DataFrame:
    """One row per evaluation: fails, passes, or no_data where the policy does not say.

    Of several of one name on one stage the last counts: an answer that did not pass is made again.
    """
    said = facts.assessments.filter(pl.col("kind") == "evaluation")
    if said.is_empty():
        return no_findings()
    judged = said.with_columns(_verdict(facts.policy.evaluation)).with_columns(
        stage=pl.when(pl.col("judges").is_null())
        .then("stage")
        .when(pl.col("judges") != "request")
        .then("judges")
    )
    keys = ["request", "exchange", "stage", "name"]
    last = judged.unique(keys, keep="last", maintain_order=True)
    on_stage = pl.col("stage").is_not_null()
    fails = last.filter(pl.col("verdict") == "fails")
    return pl.concat(
        [
            _against_stage(fails.filter(on_stage)),
            _against_request(fails.filter(~on_stage)),
            _rest(last.filter(pl.col("verdict") != "fails")),
        ]
    )


def _verdict(rules: tuple[Evaluation, ...]) -> list[pl.Expr]:
    """`verdict` and `judges` by the first row that fits the name."""
    name = pl.col("name").fill_null("").str.to_lowercase().str.replace_all(r"[\s-]+", "_")
    verdict = pl.lit("no_data")
    judges: pl.Expr = pl.lit(None, pl.String)
    for rule in reversed(rules):
        fits = matches_any(name, rule.name).fill_null(False)
        verdict = pl.when(fits).then(_outcome(rule)).otherwise(verdict)
        judges = pl.when(fits).then(pl.lit(rule.judges, pl.String)).otherwise(judges)
    return [verdict.alias("verdict"), judges.alias("judges")]


def _outcome(rule: Evaluation) -> pl.Expr:
    """What one row makes of label and score; the label is asked first."""
    bad = pl.col("label").is_in(rule.fails)
    low = pl.lit(False) if rule.below is None else pl.col("score") < rule.below
    high = pl.lit(False) if rule.above is None else pl.col("score") > rule.above
    measured = rule.below is not None or rule.above is not None
    passed = pl.col("label").is_not_null() | (pl.lit(measured) & pl.col("score").is_not_null())
    return (
        pl.when(bad.fill_null(False) | low.fill_null(False) | high.fill_null(False))
        .then(pl.lit("fails"))
        .when(passed & pl.lit(bool(rule.fails) or measured))
        .then(pl.lit("passes"))
        .otherwise(pl.lit("no_data"))
    )


def _against_stage(rows: pl.DataFrame) -> pl.DataFrame:
    tool = pl.col("stage") == "tool"
    return findings(
        rows,
        check="evaluation",
        result="fails",
        at=_place(),
        stage=pl.when(tool).then(pl.lit("reasoning")).otherwise("stage"),
        boundary=pl.when(tool).then(pl.lit("reasoning>tool")),
        cause=pl.col("stage").replace_strict(CAUSE, return_dtype=pl.String),
        weight="soft",
        score=0.75,
        value=_said(),
        needed="an evaluation that passes",
        sentence=_sentence(),
    )


def _against_request(rows: pl.DataFrame) -> pl.DataFrame:
    return findings(
        rows,
        check="evaluation",
        result="fails",
        at="external",
        stage="undetermined",
        cause="evaluation_failed",
        weight="weak",
        score=0.3,
        value=_said(),
        needed="an evaluation that passes",
        sentence=_sentence(),
    )


def _rest(rows: pl.DataFrame) -> pl.DataFrame:
    unknown = pl.col("verdict") == "no_data"
    return findings(
        rows,
        check="evaluation",
        result=pl.col("verdict"),
        at=pl.coalesce(_place(), pl.lit("external")),
        stage=None,
        value=_said(),
        needed=pl.when(unknown).then(pl.lit("a row of [[evaluation]] that says what fails")),
        sentence=_sentence(),
    )


def _place() -> pl.Expr:
    """The stage or boundary that is judged."""
    tool = pl.col("stage") == "tool"
    return pl.when(tool).then(pl.lit("reasoning>tool")).otherwise("stage")


def _said() -> pl.Expr:
    """The result as it was written: label, score, or both."""
    score = pl.col("score").cast(pl.String)
    return pl.concat_str("label", score, separator=", ", ignore_nulls=True).str.slice(0, 500)


def _sentence() -> pl.Expr:
    name = quoted(pl.col("name").fill_null(""), 60)
    why = pl.format(": {}", quoted(pl.col("text"), 160)).fill_null("")
    return pl.format("the evaluation {} says {}{}", name, quoted(_said(), 60), why)


CHECK = Check("evaluation", "Did an evaluation say that something went wrong?", run)
