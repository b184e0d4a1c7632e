"""Which run of a stage decides, and what was cut short by the user: asked by several checks."""

from __future__ import annotations

import polars as pl

from tracelens.checks.compare import was_spoken
from tracelens.policy import Feedback
from tracelens.requests import Facts

#: The part of a cause's slug that names the stage.
PREFIX = {"transcription": "stt", "reasoning": "llm", "synthesis": "tts"}


def deciding_runs(facts: Facts) -> pl.DataFrame:
    """The last attempt of each stage in each exchange, with what came before and after it.

    Every sentence given to synthesis decides for itself; a later attempt at the same text, or at
    an unrecorded one, replaces an earlier one. Adds `failed_before` (an earlier attempt failed),
    `later_stages` (stages that ran afterwards in the exchange) and `excused`.
    """
    runs = _without_afterwork(facts.runs.filter(pl.col("stage") != "tool")).with_columns(
        _piece=pl.when(pl.col("stage") == "synthesis")
        .then(pl.col("text_in").fill_null(""))
        .otherwise(pl.lit(""))
    )
    keys = ["request", "exchange", "stage", "_piece"]
    last = runs.group_by(keys, maintain_order=True).agg(
        pl.all().exclude(keys).sort_by("start", "end", "run").last(),
        (
            pl.col("is_error").sum()
            > pl.col("is_error").sort_by("start", "end", "run").last().cast(pl.Int32)
        ).alias("failed_before"),
    )
    return _excused(_with_later(last, facts), facts).drop("_piece")


def _without_afterwork(runs: pl.DataFrame) -> pl.DataFrame:
    """Drop model calls that began after the answer was spoken: titles, summaries, ratings."""
    keys = ["request", "exchange"]
    voice = runs.filter((pl.col("stage") == "synthesis") & ~pl.col("is_error"))
    voiced = voice.group_by(keys).agg(pl.col("start").max().alias("_voiced"))
    late = (
        runs.filter(pl.col("stage") == "reasoning")
        .join(voiced, on=keys)
        .filter(pl.col("start") > pl.col("_voiced"))
    )
    if late.is_empty():
        return runs
    before = runs.join(late.select("run"), on="run", how="anti")
    done = late.join(spoken_exchanges(before, late), on=keys, how="semi")
    return runs.join(done.select("run"), on="run", how="anti")


def spoken_exchanges(runs: pl.DataFrame, wanted: pl.DataFrame) -> pl.DataFrame:
    """Of the wanted exchanges, those in which an answer of the model was given to synthesis.

    Where synthesis did not record its text, an answer before it counts.
    """
    keys = ["request", "exchange"]
    fine = runs.join(wanted.select(keys).unique(), on=keys, how="semi").filter(
        ~pl.col("is_error") & ~pl.col("is_cancel")
    )
    words = pl.col("text_out").fill_null("").str.strip_chars() != ""
    answers = fine.filter((pl.col("stage") == "reasoning") & words)
    voice = fine.filter(pl.col("stage") == "synthesis")
    sides = (
        answers.group_by(keys, maintain_order=True)
        .agg(pl.col("text_out").alias("answers"), pl.col("start").min().alias("asked"))
        .join(
            voice.sort("start", "end", "run")
            .group_by(keys, maintain_order=True)
            .agg(pl.col("text_in").alias("spoken"), pl.col("start").max().alias("voiced")),
            on=keys,
        )
    )
    spoken = [
        (None in row["spoken"] and (row["voiced"] or 0) >= (row["asked"] or 0))
        or any(was_spoken(text, [*filter(None, row["spoken"])]) for text in row["answers"])
        for row in sides.iter_rows(named=True)
    ]
    return sides.filter(pl.Series(spoken, dtype=pl.Boolean)).select(keys)


def _with_later(last: pl.DataFrame, facts: Facts) -> pl.DataFrame:
    order = pl.col("stage").replace_strict(
        {"transcription": 0, "reasoning": 1, "tool": 1, "synthesis": 2}, return_dtype=pl.Int32
    )
    ran = facts.runs.filter(~pl.col("is_cancel")).select("request", "exchange", _rank=order)
    furthest = ran.group_by("request", "exchange").agg(pl.col("_rank").max().alias("furthest"))
    joined = last.join(furthest, on=["request", "exchange"], how="left", maintain_order="left")
    return joined.with_columns(rank=order, furthest=pl.col("furthest").fill_null(-1))


def _excused(runs: pl.DataFrame, facts: Facts) -> pl.DataFrame:
    """Mark what a barge-in cut short: the user spoke again, and the conversation went on."""
    talked_over = facts.requests.select(
        "request", cut=(pl.col("interrupted") & pl.col("later_turn")).fill_null(False)
    )
    joined = runs.join(talked_over, on="request", how="left", maintain_order="left").join(
        _spoke_on(facts), on=["request", "exchange"], how="left", maintain_order="left"
    )
    pause = int(facts.policy.speech.talked_over_seconds * 1e9)
    at_once = (
        (pl.col("stage") == "reasoning") & (pl.col("spoke_on") <= pl.col("end") + pause)
    ).fill_null(False)
    own = (pl.col("interrupted") & (pl.col("stage") == "synthesis")).fill_null(False)
    return joined.with_columns(
        excused=(
            (pl.col("cut") & (pl.col("stage") != "transcription")).fill_null(False) | own | at_once
        )
    ).drop("spoke_on")


def _spoke_on(facts: Facts) -> pl.DataFrame:
    """When the user's next utterance of the same request began, for each exchange but the last."""
    began = facts.runs.filter(pl.col("stage") == "transcription").group_by("request", "exchange")
    return began.agg(pl.col("start").min().alias("spoke_on")).with_columns(
        exchange=pl.col("exchange") - 1
    )


def cancelled_exchanges(facts: Facts) -> pl.DataFrame:
    """Requests and exchanges that the user or the caller ended: a run was cut off."""
    return facts.runs.filter("is_cancel").select("request", "exchange").unique(maintain_order=True)


def complaints(facts: Facts) -> pl.DataFrame:
    """Bad feedback on requests, the rows of `Facts.assessments`; of one attribute the last.

    People change their minds, and praise proves nothing: they praise what sounds right.
    """
    said = facts.assessments.filter(pl.col("kind") == "feedback")
    last = said.unique(["request", "attribute"], keep="last", maintain_order=True)
    bad = pl.any_horizontal([pl.lit(False), *map(_bad_feedback, facts.policy.feedback)])
    return last.filter(bad.fill_null(False))


def unsure(facts: Facts) -> pl.DataFrame:
    """Transcriptions whose recogniser was unsure, with the `limit` that the policy sets.

    The rows of `Facts.assessments`.
    """
    said = facts.assessments.filter(
        (pl.col("kind") == "confidence") & pl.col("score").is_not_null()
    )
    limit: pl.Expr = pl.lit(None, pl.Float64)
    for row in reversed(facts.policy.recogniser_confidence):
        known = pl.lit(True) if row.unknown is None else pl.col("score") != row.unknown
        mine = pl.col("attribute").is_in(row.attribute) & known
        limit = pl.when(mine).then(pl.lit(float(row.below))).otherwise(limit)
    return said.with_columns(limit=limit).filter(pl.col("score") < pl.col("limit"))


def _bad_feedback(row: Feedback) -> pl.Expr:
    low = pl.lit(False) if row.below is None else pl.col("score") < row.below
    complaint = pl.col("label").is_in(row.bad) | low.fill_null(False)
    return pl.col("attribute").is_in(row.attribute) & complaint


def quoted(text: pl.Expr, length: int = 120) -> pl.Expr:
    """A text in quotation marks, cut to a length that fits a sentence."""
    flat = text.str.replace_all(r"\s+", " ").str.strip_chars()
    short = (
        pl.when(flat.str.len_chars() > length).then(flat.str.slice(0, length) + "…").otherwise(flat)
    )
    return pl.lit("“") + short + pl.lit("”")
