"""What came in and what went out: what was recorded, and what the stages of a request prove."""

from __future__ import annotations

from typing import Final

import polars as pl

#: As what came in: nothing is known of it.
NONE: Final = "none"


def told_in_words(runs: pl.DataFrame, requests: pl.DataFrame) -> pl.Series:
    """Whether a model was given words, for each request.

    Args:
        runs: the frame of `stage_runs`.
        requests: rows with `request`.
    """
    given = (pl.col("stage") == "reasoning") & (pl.col("text_in").fill_null("") != "")
    told = runs.filter(given).get_column("request").unique()
    return requests.get_column("request").is_in(told.implode())


def input_modalities(told: pl.Expr) -> pl.Expr:
    """The kinds that came into requests as `summarise` makes them, sorted."""
    native = pl.col("speech_to_speech").fill_null(False)
    heard = pl.col("heard") | native | (pl.col("role") != "trace")
    return modalities("input_modalities", heard, told)


def modalities(column: str, audio: pl.Expr, text: pl.Expr) -> pl.Expr:
    """What was recorded, with audio where a stage proves it, and text where nothing else was."""
    recorded = pl.col(column).fill_null([])
    spoken = pl.when(audio).then(pl.lit(["audio"])).otherwise(pl.lit([], pl.List(pl.String)))
    written = (
        pl.when(text & ~audio).then(pl.lit(["text"])).otherwise(pl.lit([], pl.List(pl.String)))
    )
    return recorded.list.concat(spoken).list.concat(written).list.unique().list.sort()


def inputs() -> pl.Expr:
    """What came in: sorted kinds joined by `+`, `none` where nothing is known."""
    joined = pl.col("input_modalities").list.sort().list.join("+").fill_null("")
    return pl.when(joined == "").then(pl.lit(NONE)).otherwise(joined)
