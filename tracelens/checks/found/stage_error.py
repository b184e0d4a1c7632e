"""Did the last attempt of each stage end without an error?"""

from __future__ import annotations

import polars as pl

from tracelens.checks.finding import Check, findings
from tracelens.checks.shared import PREFIX, deciding_runs, quoted, spoken_exchanges
from tracelens.policy.globs import matches_any
from tracelens.requests import Facts

WORDS = {
    "transcription": "transcription",
    "reasoning": "the model call",
    "synthesis": "speech synthesis",
}

#: A vendor's answer that faults the request it was sent, not the vendor's own state.
REJECTED = (400, 413, 415, 422)
NO_AUDIO = r"(?i)\bno (?:speech |audio )?(?:audio|speech)|empty audio"
MEDIA = r"(?i)image|audio|file|document|pdf|media|picture|video"


def run(facts: Facts) -> pl.DataFrame:
    """One row per stage and exchange: fails with the error, or passes."""
    runs = _handled(deciding_runs(facts), facts).with_columns(said=_said())
    failed = runs.filter(pl.col("is_error") & ~pl.col("handled") & ~_only_sign_excused())
    fine = runs.filter(~pl.col("is_error") & ~pl.col("is_cancel"))
    return pl.concat([_fails(failed, facts), _passes(fine)])


def _only_sign_excused() -> pl.Expr:
    """A missing sign of success proves nothing when the user cut the answer short."""
    signed = pl.col("sign").is_not_null() & pl.col("error_type").is_null()
    return pl.col("excused") & signed


def _handled(runs: pl.DataFrame, facts: Facts) -> pl.DataFrame:
    """An error the request got over: the next stage had its input, or another answer was used."""
    keys = ["request", "exchange"]
    failed = runs.filter(pl.col("is_error") & (pl.col("stage") == "reasoning"))
    spoken = spoken_exchanges(facts.runs, failed).with_columns(spoken=pl.lit(True))
    own = facts.requests.select(
        "request",
        fine=~pl.col("own_error"),
        silent=~pl.col("heard") & ~pl.col("spoke").fill_null(False) & (pl.col("role") == "trace"),
        served=pl.col("own_ok") | (pl.col("own_http_status") < 400).fill_null(False),
    )
    joined = (
        runs.join(spoken, on=keys, how="left", maintain_order="left")
        .join(_written(facts), on=keys, how="left", maintain_order="left")
        .join(own, on="request", how="left", maintain_order="left")
    )
    went_on = (pl.col("stage") == "transcription") & (pl.col("furthest") > pl.col("rank"))
    reasoning = pl.col("stage") == "reasoning"
    beside = pl.col("written_until") > pl.col("start")
    other_answer = reasoning & pl.col("spoken").fill_null(False)
    other_text = (
        reasoning
        & pl.col("silent")
        & pl.col("written_until").is_not_null()
        & (pl.col("served") | beside)
    )
    return joined.with_columns(
        handled=((went_on | other_answer | other_text) & pl.col("fine")).fill_null(False)
    )


def _written(facts: Facts) -> pl.DataFrame:
    """Exchanges with an answer in words that asks for no tool, and when the last one ended."""
    words = pl.col("text_out").fill_null("").str.strip_chars() != ""
    return (
        facts.runs.filter(
            (pl.col("stage") == "reasoning")
            & ~pl.col("is_error")
            & ~pl.col("is_cancel")
            & words
            & (pl.col("tool_calls").fill_null(0) == 0)
        )
        .group_by("request", "exchange")
        .agg(pl.col("end").max().alias("written_until"))
    )


def _said() -> pl.Expr:
    """What the error says, the emitter's own sign where there is no message."""
    return pl.coalesce("error_message", "sign_sentence", "error_type", pl.lit("no reason given"))


def _cause(facts: Facts) -> pl.Expr:
    kind = pl.col("error_type").fill_null("").str.to_lowercase()
    prefix = pl.col("stage").replace_strict(PREFIX, return_dtype=pl.String)
    no_audio = pl.col("error_message").str.contains(NO_AUDIO).fill_null(False)
    media = (pl.col("input_modalities").list.len() > 0) | pl.col("said").str.contains(MEDIA)
    rejected = pl.col("http_status").is_in(REJECTED) | kind.str.contains("badrequest|unprocessable")
    return (
        pl.when("is_timeout")
        .then(prefix + "_timeout")
        .when((pl.col("stage") == "synthesis") & (no_audio | (pl.col("sign") == "empty")))
        .then(pl.lit("tts_empty"))
        .when((pl.col("stage") == "reasoning") & matches_any(kind, facts.policy.errors.validation))
        .then(pl.lit("schema_invalid"))
        .when((pl.col("stage") == "reasoning") & rejected & media)
        .then(pl.lit("input_rejected"))
        .otherwise(
            pl.coalesce(
                pl.when(pl.col("error_type").is_null()).then("sign_cause"), prefix + "_error"
            )
        )
    )


def _fails(runs: pl.DataFrame, facts: Facts) -> pl.DataFrame:
    explicit = pl.col("error_type").is_not_null() | pl.col("error_message").is_not_null()
    words = pl.col("stage").replace_strict(WORDS, return_dtype=pl.String)
    tries = (
        pl.when(pl.col("attempts") > 1)
        .then(pl.format(", after {} attempts", "attempts"))
        .otherwise(pl.lit(""))
    )
    return findings(
        runs,
        check="stage_error",
        result="fails",
        at=pl.col("stage"),
        cause=_cause(facts),
        weight="hard",
        score=pl.when(explicit).then(0.95).otherwise(0.85),
        time=pl.col("end"),
        span_id=pl.coalesce("error_span_id", "span_id"),
        attribute=pl.when(explicit)
        .then(pl.lit("status"))
        .otherwise(pl.coalesce("sign_attribute", pl.lit("status"))),
        value=pl.coalesce("error_type", "sign"),
        needed=pl.lit("a call that ends without an error"),
        sentence=pl.format("{} failed{}: {}", words, tries, quoted(pl.col("said"), 160)),
    )


def _passes(runs: pl.DataFrame) -> pl.DataFrame:
    words = pl.col("stage").replace_strict(WORDS, return_dtype=pl.String)
    again = pl.when("failed_before").then(pl.lit(" after a failed attempt")).otherwise(pl.lit(""))
    return findings(
        runs.with_columns(stage=pl.lit(None, pl.String), _at="stage", _words=words),
        check="stage_error",
        result="passes",
        at=pl.col("_at"),
        time=pl.col("end"),
        attribute="status",
        sentence=pl.format("{} ended without an error{}", "_words", again),
    )


CHECK = Check("stage_error", "Did the last attempt of each stage end without an error?", run)
