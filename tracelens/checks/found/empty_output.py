"""Did each stage put out something?"""

from __future__ import annotations

import polars as pl

from tracelens.checks.compare import tokens
from tracelens.checks.finding import Check, findings
from tracelens.checks.shared import deciding_runs
from tracelens.requests import Facts


def run(facts: Facts) -> pl.DataFrame:
    """One row per stage that ended without an error and without any words."""
    runs = deciding_runs(facts).filter(
        ~pl.col("is_error") & ~pl.col("is_cancel") & ~pl.col("excused")
    )
    return pl.concat([_transcripts(runs, facts), _answers(runs, facts), _silence(runs)])


def _transcripts(runs: pl.DataFrame, facts: Facts) -> pl.DataFrame:
    """Empty transcripts, unless the model got words from elsewhere or hears for itself.

    Where the recogniser's words are not recorded, an empty question to the model shows them.
    A conversation without any transcript in which the model got words all the same, or in which no
    text at all is recorded of calls that need one, does not record them: a collector may drop them.
    """
    heard = (
        facts.runs.filter(pl.col("stage") == "reasoning")
        .group_by("request", "exchange")
        .agg(
            (pl.col("text_in").fill_null("").str.strip_chars() != "").any().alias("words"),
            pl.col("text_in").drop_nulls().unique(maintain_order=True).alias("asked"),
            (pl.col("text_in").str.strip_chars() == "").any().alias("nothing"),
            pl.col("text_in_attribute").drop_nulls().first().alias("asked_attribute"),
            pl.col("speech_to_speech").any().alias("native"),
        )
    )
    dropped = _dropped(facts, heard)
    unseen = pl.col("text_out").is_null() | pl.col("request").is_in(dropped.implode())
    nothing = pl.col("text_out").str.strip_chars() == ""
    blank = (nothing & ~unseen) | (unseen & pl.col("nothing"))
    empty = (
        runs.filter(pl.col("stage") == "transcription")
        .drop("speech_to_speech")
        .join(heard, on=["request", "exchange"], how="left", maintain_order="left")
        .filter(blank & ~pl.col("native").fill_null(False))
    )
    wordless = ~pl.col("words").fill_null(False)
    empty = empty.filter(wordless | _only_wrapping(empty, heard, facts))
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


def _only_wrapping(empty: pl.DataFrame, heard: pl.DataFrame, facts: Facts) -> pl.Series:
    """Whether all that the model was given is what stands around every transcript of the talk.

    An application that puts transcripts into a prompt of its own sends that prompt with an empty
    one too: its words are not the user's. They are known from other turns of the conversation,
    as the words that are left of each question without those of its transcript.
    """
    talk = _talks(facts)
    said = facts.runs.filter(
        (pl.col("stage") == "transcription") & (pl.col("text_out").str.strip_chars() != "")
    ).select("request", "exchange", "text_out")
    asked = empty.select("request", "asked").join(talk, on="request", how="left")
    pairs = (
        said.join(heard.select("request", "exchange", "asked"), on=["request", "exchange"])
        .join(talk, on="request")
        .join(asked.select("talk").unique(), on="talk", how="semi")
    )
    around: dict[str, set[str]] = {}
    for row in pairs.iter_rows(named=True):
        left = {*tokens(" ".join(row["asked"]))} - {*tokens(row["text_out"])}
        around[row["talk"]] = around.get(row["talk"], left) & left
    only = [
        talk in around and {*tokens(" ".join(texts or ()))} <= around[talk]
        for texts, talk in asked.select("asked", "talk").iter_rows()
    ]
    return pl.Series(only, dtype=pl.Boolean)


def _dropped(facts: Facts, heard: pl.DataFrame) -> pl.Series:
    """Requests of conversations whose transcripts are not recorded."""
    ears = pl.col("stage") == "transcription"
    out, given = (
        pl.col(column).fill_null("").str.strip_chars() != "" for column in ("text_out", "text_in")
    )
    talks = _talks(facts)
    got = heard.filter("words").select("request", "exchange", got=pl.lit(True))
    seen = (
        facts.runs.join(talks, on="request")
        .join(got, on=["request", "exchange"], how="left")
        .group_by("talk")
        .agg(
            (out & ears).any().alias("said"),
            (ears & pl.col("got").fill_null(False)).any().alias("got"),
            (out | given).any().alias("texts"),
            (~ears & (pl.col("stage") != "tool") & pl.col("text_in").is_null()).any().alias("bare"),
        )
    )
    dropped = seen.filter(~pl.col("said") & (pl.col("got") | (pl.col("bare") & ~pl.col("texts"))))
    return talks.join(dropped, on="talk", how="semi").get_column("request")


def _talks(facts: Facts) -> pl.DataFrame:
    """`request` and `talk`: the conversation it belongs to, else its trace."""
    return facts.requests.select("request", talk=pl.coalesce("session_id", "request_trace_id"))


def _silence(runs: pl.DataFrame) -> pl.DataFrame:
    """Speech that ended without an error and recorded that it is no seconds long."""
    words = pl.col("text_in").fill_null("?").str.strip_chars() != ""
    silent = runs.filter(
        (pl.col("stage") == "synthesis") & (pl.col("output_audio_seconds") == 0) & words
    )
    return findings(
        silent,
        check="empty_output",
        result="fails",
        at="synthesis",
        stage="synthesis",
        cause="tts_empty",
        weight="hard",
        score=0.85,
        time=pl.col("end"),
        attribute="output_audio_seconds",
        value="0",
        needed="audio",
        sentence="speech synthesis ended without an error but returned no audio",
    )


def _answers(runs: pl.DataFrame, facts: Facts) -> pl.DataFrame:
    """Model calls that returned neither words nor a tool call, with nothing after them.

    An answer that was not recorded (null) is not an empty one: the mappings say which is which.
    A message without parts may be a spoken answer that the instrumentation cannot write, but not
    where a recogniser heard the user, as who has the model speak by itself has it hear by itself
    too, and not where the model counted no tokens of output.
    """
    heard = facts.runs.filter(pl.col("stage") == "transcription").select("request", "exchange")
    listened = pl.struct("request", "exchange").is_in(heard.to_struct().unique().implode())
    words = (pl.col("text_out").str.strip_chars() != "").fill_null(False)
    bare = (
        pl.col("text_out").is_null()
        & (pl.col("tool_calls") == 0)
        & (listened | (pl.col("output_tokens") == 0).fill_null(False))
    )
    captured = pl.col("text_out").is_not_null() | bare.fill_null(False)
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
        value=pl.col("text_out").fill_null(""),
        needed="an answer or a tool call",
        sentence="the model call ended without an error but returned neither words nor a tool call",
    )


FILTERED = ("content_filter", "content-filter", "safety", "SAFETY")

CHECK = Check("empty_output", "Did each stage put out something?", run)
