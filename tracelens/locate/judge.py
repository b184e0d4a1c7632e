"""Turns the findings of the checks into one row per request: candidates, verdict, evidence.

Of several findings the one that is earliest in the pipeline decides among those that are each
enough to fail the request: what follows a broken stage inherits its fault. Findings that may have
spoilt the answer come after them, and guesses last. A later utterance cannot excuse an earlier one.
"""

from __future__ import annotations

import polars as pl

from tracelens.locate.confidence import leading, with_confidence
from tracelens.locate.outcomes import outcomes_of
from tracelens.locate.sentences import verdict_sentence
from tracelens.model import CANDIDATE, EVIDENCE, REQUEST, STAGE_RUN, STAGES
from tracelens.requests import Facts
from tracelens.requests.budgets import breaches
from tracelens.requests.modalities import input_modalities, modalities

WEIGHTS = {"hard": 0, "soft": 1, "weak": 2}

#: Where along the pipeline a finding sits; a tool sits beside the model that calls it.
PLACES = {
    "input>transcription": 0,
    "transcription": 1,
    "transcription>reasoning": 2,
    "input>reasoning": 3,
    "reasoning": 3,
    "reasoning>tool": 3,
    "reasoning>synthesis": 4,
    "reasoning>output": 4,
    "synthesis": 5,
    "synthesis>output": 6,
    "external": 7,
    "request": 7,
}


def judge_requests(facts: Facts, findings: pl.DataFrame, inputs: str) -> pl.DataFrame:
    """One row per request with the columns of `REQUEST`.

    Args:
        facts: spans, runs and requests.
        findings: rows of `FINDING` about them.
        inputs: hash of policy and mappings, kept with each row.
    """
    ranked = rank_findings(findings)
    leads = with_confidence(leading(ranked), facts.policy.confidence)
    rows = (
        facts.requests.join(_first(leads), on="request", how="left", maintain_order="left")
        .join(_candidates(ranked), on="request", how="left", maintain_order="left")
        .join(_evidence(findings), on="request", how="left", maintain_order="left")
        .join(_runs(facts), on="request", how="left", maintain_order="left")
    )
    judged = _verdicts(rows, facts.policy.floor)
    judged = judged.join(outcomes_of(facts, findings, judged), on="request", how="left")
    rows = _shaped(judged, inputs)
    return rows.with_columns(breaches=breaches(rows, facts.policy))


def rank_findings(findings: pl.DataFrame) -> pl.DataFrame:
    """Failing findings that count, best explanation of each request first, with their `_place`."""
    return (
        findings.filter((pl.col("result") == "fails") & pl.col("weight").is_not_null())
        .with_columns(
            _weight=pl.col("weight").replace_strict(WEIGHTS, return_dtype=pl.Int8),
            _place=pl.col("at").replace_strict(PLACES, return_dtype=pl.Int8),
        )
        .sort(
            "request",
            "_weight",
            "exchange",
            "_place",
            "time",
            "score",
            "check",
            "span_id",
            descending=[False, False, False, False, False, True, False, False],
            nulls_last=True,
        )
    )


def _first(leads: pl.DataFrame) -> pl.DataFrame:
    """What the verdict takes from the leading finding of each request."""
    return leads.select(
        "request",
        "confidence",
        top_stage="stage",
        top_boundary="boundary",
        top_cause="cause",
        top_sentence="sentence",
        top_place="_place",
        top_exchange="exchange",
    )


def _candidates(ranked: pl.DataFrame) -> pl.DataFrame:
    distinct = ranked.unique(
        ["request", "stage", "boundary", "cause"], keep="first", maintain_order=True
    )
    rows = distinct.select(
        "request", candidate=pl.struct("stage", "boundary", "cause", "score").cast(CANDIDATE)
    )
    return rows.group_by("request", maintain_order=True).agg(
        pl.col("candidate").alias("candidates")
    )


def _evidence(findings: pl.DataFrame) -> pl.DataFrame:
    order = {"fails": 0, "no_data": 1, "passes": 2, "not_expected": 3}
    fields = [field.name for field in EVIDENCE.fields]
    rows = findings.with_columns(
        _order=pl.col("result").replace_strict(order, return_dtype=pl.Int8),
        _weight=pl.col("weight").replace_strict(WEIGHTS, default=3, return_dtype=pl.Int8),
        _place=pl.col("at").replace_strict(PLACES, return_dtype=pl.Int8),
    ).sort(
        ["request", "_order", "_weight", "exchange", "_place", "time", "check", "span_id"],
        nulls_last=True,
    )
    return rows.group_by("request", maintain_order=True).agg(
        pl.struct(fields).cast(EVIDENCE).alias("evidence")
    )


def _runs(facts: Facts) -> pl.DataFrame:
    """Stage runs as nested rows, the models per stage, and modalities as they were used."""
    outcome = (
        pl.when("is_cancel")
        .then(pl.lit("cancelled"))
        .when("is_error")
        .then(pl.lit("failed"))
        .when(pl.col("errors") > 0)
        .then(pl.lit("degraded"))
        .otherwise(pl.lit("ok"))
    )
    runs = facts.runs.with_columns(
        outcome=outcome, start_unix_nano="start", end_unix_nano="end"
    ).sort("request", "start", "end", "run")
    fields = [field.name for field in STAGE_RUN.fields]
    models = [
        pl.col("model").filter(pl.col("stage") == stage).drop_nulls().unique().sort().alias(stage)
        for stage in STAGES
    ]
    answered = (pl.col("stage") == "reasoning") & (pl.col("text_out").fill_null("") != "")
    told = (pl.col("stage") == "reasoning") & (pl.col("text_in").fill_null("") != "")
    grouped = runs.group_by("request", maintain_order=True).agg(
        pl.struct(fields).cast(STAGE_RUN).alias("stage_runs"),
        *models,
        answered.any().alias("answered"),
        told.any().alias("told"),
    )
    return grouped.with_columns(models=pl.struct(STAGES)).drop(STAGES)


def _verdicts(rows: pl.DataFrame, floor: float) -> pl.DataFrame:
    """Whether each request failed, and what is to blame where the confidence reaches the floor."""
    found = pl.col("top_stage").is_not_null()
    unexplained = pl.col("own_error") & ~found & ~pl.col("own_cancel") & pl.col("assistant")
    staged = pl.col("stage_runs").is_not_null()
    told = (staged & pl.col("complete")) | (pl.col("role") != "trace") & pl.col("complete")
    named = pl.col("confidence") >= floor  # null where the leading finding names no stage
    rows = rows.with_columns(
        failed=pl.when(found | unexplained).then(True).when(told).then(False),
    )
    rows = rows.with_columns(
        named=(pl.col("failed").fill_null(False) & named).fill_null(False),
    )
    rows = rows.with_columns(
        stage=pl.when("named")
        .then("top_stage")
        .when(pl.col("failed").fill_null(False))
        .then(pl.lit("undetermined")),
        boundary=pl.when("named").then("top_boundary"),
        cause=pl.when(pl.col("failed").fill_null(False)).then(
            pl.coalesce("top_cause", pl.lit("app_error"))
        ),
    )
    return rows.with_columns(verdict=verdict_sentence())


def _shaped(judged: pl.DataFrame, inputs: str) -> pl.DataFrame:
    native = pl.col("speech_to_speech").fill_null(False)
    spoke = pl.col("spoke").fill_null(False) | native
    made = {
        "trace_id": pl.col("request_trace_id"),
        "start_unix_nano": pl.col("start"),
        # Rounded to ns: Polars divides one row and many rows differently in the last digit.
        "duration_ms": ((pl.col("end") - pl.col("start")) / 1e6).round(6),
        "input_modalities": input_modalities(pl.col("told").fill_null(False)),
        "output_modalities": modalities(
            "output_modalities", spoke, pl.col("answered").fill_null(False)
        ),
        "models": pl.struct(
            pl.col("models").struct.field(stage).fill_null([]).alias(stage) for stage in STAGES
        ),
        "cost_is_lower_bound": pl.col("cost_is_lower_bound").fill_null(False),
        "cost_unpriced_spans": pl.col("cost_unpriced_spans").fill_null(0),
        "cost_items": pl.col("cost_items").fill_null([]),
        "breaches": pl.lit(None, REQUEST["breaches"]),
        "stale": pl.lit(False),
        "candidates": pl.col("candidates").fill_null([]),
        "evidence": pl.col("evidence").fill_null([]),
        "stage_runs": pl.col("stage_runs").fill_null([]),
        "inputs_hash": pl.lit(inputs),
    }
    return judged.select(
        made.get(name, pl.col(name)).cast(dtype).alias(name) for name, dtype in REQUEST.items()
    ).sort("start_unix_nano", "request_id")
