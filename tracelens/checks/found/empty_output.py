"""Did each stage put out something?"""

from __future__ import annotations

import polars as pl

from tracelens.checks.finding import Check, findings
from tracelens.checks.shared import deciding_runs
from tracelens.requests import Facts


def run(facts: Facts) -> pl.DataFrame:
    """One row per stage that ended without an error and without any words."""
    runs = deciding_runs(facts).filter(
        ~pl.col("is_error") & ~pl.col("is_cancel") & ~pl.col("excused")
    )
    return pl.concat([_transcripts(runs, facts), _answers(runs)])


def _transcripts(runs: pl.DataFrame, facts: Facts) -> pl.DataFrame:
    """Empty transcripts, unless the model got words from elsewhere or hears for itself.

    Where the recogniser's words are not recorded, an empty question to the model shows them.
    """
    heard = (
        facts.runs.filter(pl.col("stage") == "reasoning")
        .group_by("request", "exchange")
        .agg(
            (pl.col("text_in").fill_null("").str.strip_chars() != "").any().alias("words"),
            (pl.col("text_in").str.strip_chars() == "").any().alias("nothing"),
            pl.col("text_in_attribute").drop_nulls().first().alias("asked_attribute"),
            pl.col("speech_to_speech").any().alias("native"),
        )
    )
    unseen = pl.col("text_out").is_null()
    blank = (pl.col("text_out").str.strip_chars() == "") | (unseen & pl.col("nothing"))
    empty = (
        runs.filter(pl.col("stage") == "transcription")
        .drop("speech_to_speech")
        .join(heard, on=["request", "exchange"], how="left", maintain_order="left")
        .filter(blank & ~pl.col("words").fill_null(False) & ~pl.col("native").fill_null(False))
    )
    return findings(
        empty,
        check="empty_output",
        result="fails",
        at="transcription",
        stage="transcription",
        cause="stt_empty",
        weight="hard",
        score=0.85,
        time=pl.col("end"),
        attribute=pl.coalesce("text_out_attribute", "asked_attribute"),
        value="",
        needed="the words that were said",
        sentence=pl.when(unseen)
        .then(pl.lit("the recogniser ended without an error, but the model was given no words"))
        .otherwise(pl.lit("the recogniser ended without an error but returned no words")),
    )


def _answers(runs: pl.DataFrame) -> pl.DataFrame:
    """Model calls that returned neither words nor a tool call, with nothing after them.

    An answer that was not recorded (null) is not an empty one: the mappings say which is which.
    """
    words = pl.col("text_out").str.strip_chars() != ""
    captured = pl.col("text_out").is_not_null()
    calls = pl.col("tool_calls").fill_null(0) > 0
    media = pl.col("output_modalities").list.len().fill_null(0) > 0
    last = pl.col("furthest") <= pl.col("rank")
    empty = runs.filter(
        (pl.col("stage") == "reasoning")
        & captured
        & ~words
        & ~calls
        & ~media
        & last
        & ~pl.col("speech_to_speech")
    )
    return findings(
        empty,
        check="empty_output",
        result="fails",
        at="reasoning",
        stage="reasoning",
        cause=pl.when(pl.col("finish_reason").is_in(FILTERED))
        .then(pl.lit("llm_filtered"))
        .otherwise(pl.lit("llm_empty")),
        weight="hard",
        score=0.85,
        time=pl.col("end"),
        attribute=pl.coalesce("text_out_attribute", pl.lit("output")),
        value=pl.col("text_out"),
        needed="an answer or a tool call",
        sentence="the model call ended without an error but returned neither words nor a tool call",
    )


FILTERED = ("content_filter", "content-filter", "safety", "SAFETY")

CHECK = Check("empty_output", "Did each stage put out something?", run)
