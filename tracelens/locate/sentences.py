"""The verdict in one plain sentence."""

from __future__ import annotations

import polars as pl

SUBJECTS = {
    "input>transcription": "Transcription is missing",
    "transcription>reasoning": "Content was lost between transcription and reasoning",
    "reasoning>tool": "A tool call broke this request",
    "reasoning>synthesis": "Content was lost between reasoning and synthesis",
}
MISSING = {
    "stt_missing": "Transcription is missing",
    "llm_missing": "Reasoning is missing",
    "tts_missing": "Synthesis is missing",
}


def verdict_sentence() -> pl.Expr:
    """The sentence, over `failed`, `named`, `stage`, `boundary`, `cause` and `top_*`."""
    stage = pl.col("stage").str.to_titlecase()
    subject = pl.coalesce(
        pl.col("cause").replace_strict(MISSING, default=None, return_dtype=pl.String),
        pl.col("boundary").replace_strict(SUBJECTS, default=None, return_dtype=pl.String),
        stage + pl.lit(" broke this request"),
    )
    reason = pl.col("top_sentence").fill_null("the request ended with an error, and no stage did")
    failed = pl.col("failed").fill_null(False)
    return (
        pl.when("named")
        .then(pl.format("{}: {}.", subject, reason))
        .when(failed)
        .then(pl.format("It failed, but no stage can be named: {}.", reason))
        .when(pl.col("failed").is_null() & ~pl.col("complete"))
        .then(
            pl.lit("It cannot be told whether this request failed: its own span has not arrived.")
        )
        .when(pl.col("failed").is_null())
        .then(
            pl.lit(
                "It cannot be told whether this request failed: no stage of an assistant is in it."
            )
        )
        .otherwise(pl.lit("No failure was found in what was recorded."))
    )
