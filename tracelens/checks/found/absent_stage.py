"""Did every stage run that a request of this kind should have run?"""

from __future__ import annotations

import polars as pl

from tracelens.checks.compare import tokens
from tracelens.checks.finding import Check, findings, no_findings
from tracelens.checks.shared import cancelled_exchanges, deciding_runs
from tracelens.policy import Expectation
from tracelens.policy.globs import matches_any
from tracelens.requests import Facts

EDGE = {
    "transcription": "input>transcription",
    "reasoning": "transcription>reasoning",
    "synthesis": "reasoning>synthesis",
}
CAUSE = {"transcription": "stt_missing", "reasoning": "llm_missing", "synthesis": "tts_missing"}
SENTENCE = {
    "transcription": "speech came in, but no transcription was recorded and nothing followed",
    "reasoning": "there is a transcript, but no model was called with it",
    "synthesis": "the model answered, but the answer was never given to speech synthesis",
}


def run(facts: Facts) -> pl.DataFrame:
    """One row per expected stage of each exchange: it fails when it and all after it are absent.

    A stage that is absent while a later one ran was not recorded (`no_data`): nothing is said
    against it. After an error, a cancellation or a barge-in nothing more is expected.
    """
    expected = _expected(facts)
    if expected.is_empty():
        return no_findings()
    absent = expected.filter(~pl.col("ran"))
    due = _owed(absent.filter("due"))
    missed = (
        due.filter(~pl.col("waived"))
        .sort("request", "exchange", "rank")
        .unique(["request", "exchange"], keep="first", maintain_order=True)
    )
    passed = absent.filter((pl.col("rank") < pl.col("furthest")) & ~pl.col("native"))
    return pl.concat([_fails(missed), _unrecorded(passed), _waived(due.filter("waived"))])


def _expected(facts: Facts) -> pl.DataFrame:
    """Expected stages per exchange, with whether they ran and whether they were due."""
    wanted = _wanted(facts)
    exchanges = _exchanges(facts).join(
        wanted.select(
            *("request", "stages", "role", "complete", "own_error", "never", "usual"),
        ),
        on="request",
    )
    rows = exchanges.explode("stages").rename({"stages": "stage"}).drop_nulls("stage")
    rank = {"transcription": 0, "reasoning": 1, "synthesis": 2}
    rows = rows.with_columns(
        rank=pl.col("stage").replace_strict(rank, return_dtype=pl.Int32),
        ran=pl.col("stage").is_in(pl.col("ran_stages")),
        waived=pl.col("stage").is_in(pl.col("never")),
        learned=pl.col("stage").is_in(pl.col("usual")),
    )
    blocked = pl.col("stopped") | pl.col("cancelled") | pl.col("native")
    opening = pl.col("rank") == 0
    led = pl.col("rank") == pl.col("furthest") + 1
    cut = pl.col("cut") & ~opening
    # A recogniser without words that opens after an answer waits for the next utterance.
    waits = (pl.col("exchange") > 0) & pl.col("heard_text").is_null() & (pl.col("furthest") == 0)
    # A request whose own span has not arrived may still be running.
    return rows.with_columns(due=led & ~blocked & ~cut & ~waits & pl.col("complete"))


def _wanted(facts: Facts) -> pl.DataFrame:
    """Requests with the `stages` expected, and those of its profile: `never`, `usual`.

    The first row of the policy that applies counts; what a profile says goes before it, unless
    the row names the service. What a row for an emitter leaves out cannot be seen in its spans.
    """
    nothing = pl.lit([], pl.List(pl.String))
    stages: pl.Expr = nothing
    named, blind = pl.lit(False), pl.lit(False)
    for row in reversed(facts.policy.expect):
        applies = _applies(row)
        of_row = pl.lit(list(row.stages), pl.List(pl.String))
        stages = pl.when(applies).then(of_row).otherwise(stages)
        named = pl.when(applies).then(row.service is not None).otherwise(named)
        blind = pl.when(applies).then(row.emitter is not None).otherwise(blind)
    requests = facts.requests.join(
        _learned(facts.profiles),
        left_on=["service", "role", "emitter", "heard_kind"],
        right_on=["service", "role", "emitter", "heard"],
        how="left",
        nulls_equal=True,
        maintain_order="left",
    )
    requests = requests.with_columns(
        stages=stages,
        usual=pl.when(~named & ~blind).then("usual").fill_null(nothing),
        never=pl.when(~named).then("never").fill_null(nothing),
    )
    return requests.with_columns(stages=pl.col("stages").list.set_union("usual"))


def _learned(profiles: pl.DataFrame) -> pl.DataFrame:
    """One row per kind of request, with the stages that it usually and never has."""
    stage, expected = pl.col("stage"), pl.col("expected")
    return profiles.group_by("service", "role", "emitter", "heard").agg(
        usual=stage.filter(expected.fill_null(False)), never=stage.filter(~expected.fill_null(True))
    )


def _applies(row: Expectation) -> pl.Expr:
    parts = [pl.lit(True)]
    if row.role is not None:
        parts.append(pl.col("role") == row.role)
    if row.heard is not None:
        parts.append(pl.col("surely_heard").fill_null(False) == row.heard)
    if row.answered is not None:
        parts.append(pl.col("reasoned").fill_null(False) == row.answered)
    if row.service is not None:
        parts.append(matches_any(pl.col("service"), (row.service,)).fill_null(False))
    if row.emitter is not None:
        parts.append(matches_any(pl.col("emitter"), (row.emitter,)).fill_null(False))
    return pl.all_horizontal(parts)


def _exchanges(facts: Facts) -> pl.DataFrame:
    """One row per exchange, also for requests in which no stage ran at all."""
    runs = deciding_runs(facts)
    ran = runs.group_by("request", "exchange", maintain_order=True).agg(
        pl.col("stage").unique().alias("ran_stages"),
        pl.col("furthest").first(),
        pl.col("is_error").any().alias("stopped"),
        (
            pl.col("speech_to_speech")
            | pl.col("output_modalities").list.contains("audio").fill_null(False)
        )
        .any()
        .alias("native"),
        pl.col("excused").any().alias("cut"),
        pl.col("end").max(),
        pl.col("span_id").last(),
        pl.col("text_out").filter(pl.col("stage") == "transcription").last().alias("heard_text"),
        pl.col("text_out").filter(pl.col("stage") == "reasoning").last().alias("answer"),
    )
    none = facts.requests.join(ran.select("request").unique(), on="request", how="anti").select(
        "request",
        exchange=pl.lit(0, pl.Int32),
        ran_stages=pl.lit([], pl.List(pl.String)),
        furthest=pl.lit(-1, pl.Int32),
        stopped="own_error",
        native=pl.lit(False),
        cut=pl.lit(False),
        end="end",
        span_id="request_span_id",
        heard_text=pl.lit(None, pl.String),
        answer=pl.lit(None, pl.String),
    )
    ended = cancelled_exchanges(facts).with_columns(cancelled=pl.lit(True))
    own = facts.requests.select("request", "own_cancel")
    return (
        pl.concat([ran, none], how="vertical_relaxed")
        .join(ended, on=["request", "exchange"], how="left", maintain_order="left")
        .join(own, on="request", how="left", maintain_order="left")
        .with_columns(cancelled=pl.col("cancelled").fill_null(False) | pl.col("own_cancel"))
    )


def _owed(due: pl.DataFrame) -> pl.DataFrame:
    """What was due and is absent, unless the stage before it had nothing to hand over."""
    nothing = _without_words(due.get_column("heard_text"))
    silent = pl.col("answer").fill_null("?").str.strip_chars() == ""
    return due.filter(
        ~((pl.col("stage") == "reasoning") & nothing).fill_null(False)
        & ~((pl.col("stage") == "synthesis") & silent)
    )


def _fails(missed: pl.DataFrame) -> pl.DataFrame:
    # What was not recorded may have been empty: then nothing was due. An answer may have been
    # withheld or may have asked for a tool as well.
    unseen = {"reasoning": "heard_text", "synthesis": "answer"}
    unsure = pl.any_horizontal(
        (pl.col("stage") == stage) & pl.col(text).is_null() for stage, text in unseen.items()
    )
    edge = pl.col("stage").replace_strict(EDGE, return_dtype=pl.String)
    usually = pl.when("learned").then(pl.lit(", as requests of this service usually have it"))
    return findings(
        missed,
        check="absent_stage",
        result="fails",
        at=edge,
        boundary=edge,
        cause=pl.col("stage").replace_strict(CAUSE, return_dtype=pl.String),
        weight="hard",
        score=pl.when(unsure).then(0.4).otherwise(0.75),
        time=pl.col("end"),
        attribute="span",
        value="none",
        needed=pl.format("a span of the {} stage", "stage"),
        sentence=pl.col("stage").replace_strict(SENTENCE, return_dtype=pl.String)
        + usually.otherwise(pl.lit("")),
    )


def _waived(due: pl.DataFrame) -> pl.DataFrame:
    """What the policy asks for and the service's profile does not."""
    return findings(
        due.rename({"stage": "_stage"}),
        check="absent_stage",
        result="not_expected",
        at=pl.col("_stage"),
        time=pl.col("end"),
        span_id=pl.lit(None, pl.String),
        attribute="span",
        value="none",
        sentence=pl.format("{} did not run, and requests of this service do without it", "_stage"),
    )


def _without_words(texts: pl.Series) -> pl.Series:
    """Transcripts that hold nothing to answer: empty, or only a hum of the listener."""
    wordless = {text for text in texts.drop_nulls().unique() if not tokens(text)}
    return texts.is_in(list(wordless))


def _unrecorded(absent: pl.DataFrame) -> pl.DataFrame:
    return findings(
        absent.rename({"stage": "_stage"}),
        check="absent_stage",
        result="no_data",
        at=pl.col("_stage"),
        time=pl.col("end"),
        span_id=pl.lit(None, pl.String),
        attribute="span",
        value="none",
        needed=pl.format("a span of the {} stage", "_stage"),
        sentence=pl.format("{} was not recorded, though a later stage ran", "_stage"),
    )


CHECK = Check(
    "absent_stage", "Did every stage run that a request of this kind should have run?", run
)
