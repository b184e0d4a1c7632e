"""Did what one stage emitted arrive at the next?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import polars as pl

from tracelens.checks.compare import (
    CONTENT,
    SAME,
    Difference,
    compare_texts,
    covers,
    similarity,
    tokens,
)
from tracelens.checks.finding import Check, findings, no_findings
from tracelens.checks.shared import deciding_runs, quoted
from tracelens.policy.rules import Handover
from tracelens.requests import Facts

EMITTED = {"transcription>reasoning": "transcription", "reasoning>synthesis": "reasoning"}
RECEIVED = {"transcription>reasoning": "reasoning", "reasoning>synthesis": "synthesis"}

#: Kinds of words of which the word alone may not say what it is.
NAMED = {kind: f"the {kind} " for kind in ("number", "unit", "date", "time", "name", "identifier")}

#: Texts of one side and exchange that are compared; a hostile trace may hold any number of them.
TEXTS_LIMIT = 200


def run(facts: Facts) -> pl.DataFrame:
    """One row per boundary and exchange that both sides of ran: fails, passes or no_data."""
    sides = pl.concat([_to_reasoning(facts), _to_synthesis(facts)])
    if sides.is_empty():
        return no_findings()
    recorded = pl.col("emitted").list.len().fill_null(0) * pl.col("received").list.len().fill_null(
        0
    )
    compared = sides.filter(recorded > 0)
    missing = sides.filter(recorded == 0)
    judged = _judged(compared, facts.policy.handover)
    # What is not found may have gone through the call that did not record its text, or it was
    # never due: after a sentence that could not be spoken nobody sends the next.
    unknown = pl.col("blind") | (pl.col("broke") & _whole_sentences())
    unsure = judged.filter(pl.col("lost") & unknown)
    return pl.concat(
        [
            _fails(judged.filter(pl.col("lost") & ~unknown)),
            _passes(judged.filter(~pl.col("lost"))),
            _no_data(missing),
            _no_data(unsure),
        ]
    )


def _to_reasoning(facts: Facts) -> pl.DataFrame:
    """Transcripts beside what the model was given; a model that hears for itself is left out."""
    runs = facts.runs.filter(~pl.col("is_cancel"))
    native = pl.col("speech_to_speech").any().over("request", "exchange")
    runs = runs.filter(~native)
    said = runs.filter((pl.col("stage") == "transcription") & ~pl.col("is_error"))
    given = runs.filter(pl.col("stage") == "reasoning")
    emitted = said.group_by("request", "exchange").agg(
        pl.col("text_out")
        .drop_nulls()
        .filter(pl.col("text_out").drop_nulls().str.strip_chars() != "")
        .alias("emitted"),
        pl.col("span_id").last().alias("emitter_span"),
        pl.col("text_out_attribute").drop_nulls().last().alias("emitted_attribute"),
    )
    received = given.group_by("request", "exchange").agg(
        pl.col("text_in").drop_nulls().alias("received"),
        pl.col("context_in").drop_nulls().alias("around"),
        pl.col("span_id").first(),
        pl.col("text_in_attribute").drop_nulls().first().alias("received_attribute"),
        pl.col("start").min().alias("time"),
        pl.lit(False).alias("excused"),
        (~pl.col("is_error") & pl.col("text_in").is_null() & pl.col("context_in").is_null())
        .any()
        .alias("blind"),
        pl.lit(False).alias("broke"),
    )
    return emitted.join(received, on=["request", "exchange"]).select(
        pl.lit("transcription>reasoning").alias("at"), pl.all()
    )


def _to_synthesis(facts: Facts) -> pl.DataFrame:
    """Answers beside what was given to synthesis, its sentences joined in order."""
    runs = facts.runs.filter(~pl.col("is_cancel"))
    said = runs.filter((pl.col("stage") == "reasoning") & ~pl.col("is_error"))
    emitted = said.group_by("request", "exchange").agg(
        pl.col("text_out")
        .drop_nulls()
        .filter(pl.col("text_out").drop_nulls().str.strip_chars() != "")
        .alias("emitted"),
        pl.col("span_id").last().alias("emitter_span"),
        pl.col("text_out_attribute").drop_nulls().last().alias("emitted_attribute"),
    )
    # What a sentence that failed took down with it had been handed over.
    failed = pl.col("is_error").any().over("request", "exchange")
    voiced = deciding_runs(facts).filter(pl.col("stage") == "synthesis")
    voiced = voiced.filter(~pl.col("is_cancel") | failed)
    unsaid = said.group_by("request", "exchange").agg(
        (pl.col("text_out").is_null() & (pl.col("tool_calls").fill_null(0) == 0))
        .any()
        .alias("unsaid")
    )
    received = (
        voiced.sort("start", "end", "run")
        .group_by("request", "exchange", maintain_order=True)
        .agg(
            pl.col("text_in").drop_nulls().alias("received"),
            pl.lit([], pl.List(pl.String)).first().alias("around"),
            pl.col("span_id").first(),
            pl.col("text_in_attribute").drop_nulls().first().alias("received_attribute"),
            pl.col("start").min().alias("time"),
            pl.col("excused").any(),
            pl.col("text_in").is_null().any().alias("blind"),
            pl.col("is_error").any().alias("broke"),
        )
    )
    return (
        emitted.join(received, on=["request", "exchange"])
        .join(unsaid, on=["request", "exchange"])
        .with_columns(blind=pl.col("blind") | pl.col("unsaid"))
        .drop("unsaid")
        .select(pl.lit("reasoning>synthesis").alias("at"), pl.all())
        .filter(~pl.col("excused"))
    )


def _judged(sides: pl.DataFrame, rules: Handover) -> pl.DataFrame:
    """The columns of `Difference` and the two texts chosen.

    Row by row: most texts stand in the other as they are, which takes 8 µs. As columns the same
    took as long for thousands of rows, and 20 ms more for a few.
    """
    columns = ["at", "emitted", "received", "around"]
    rows = [_difference(row, rules) for row in sides.select(columns).iter_rows(named=True)]
    schema = {
        "said": pl.String,
        "got": pl.String,
        "lost": pl.Boolean,
        "total": pl.Boolean,
        "dropped": pl.String,
        "added": pl.String,
        "without": pl.String,
        "critical": pl.String,
        "reworded": pl.Boolean,
        "out": pl.String,
        "new": pl.String,
    }
    return sides.hstack(pl.DataFrame(rows, schema=schema))


def _difference(row: Mapping[str, Any], rules: Handover) -> dict[str, Any]:
    if row["at"] == "transcription>reasoning":
        said, got, found = _every_transcript(row, rules)
    else:
        said, got, found = _any_answer(row, rules)
    decided = found.deciding
    return {
        "said": said,
        "got": got,
        "lost": found.lost,
        "total": found.total,
        "dropped": " ".join(found.dropped),
        "added": " ".join(found.added),
        "without": " ".join(_content_lost(found)),
        "critical": found.critical,
        "reworded": all(edit.op == "changed" for edit in found.edits if edit.kind == CONTENT),
        "out": " ".join(decided.dropped if decided else found.dropped),
        "new": " ".join(decided.added if decided else found.added),
    }


def _content_lost(found: Difference) -> Iterable[str]:
    return (word for edit in found.edits if edit.kind == CONTENT for word in edit.dropped)


def _every_transcript(row: Mapping[str, Any], rules: Handover) -> tuple[str, str, Difference]:
    """Each transcript must stand in what some model call of the exchange was given.

    Of several that stand for one utterance (interim ones, two recognisers) one is enough.
    """
    said, got = row["emitted"][-1], row["received"][0]
    received = _distinct(row["received"])
    places = [*received, *_distinct(row["around"] or ())]
    arrived: list[str] = []
    missed: list[str] = []
    for transcript in _distinct(row["emitted"]):
        fine = any(not compare_texts(transcript, place, rules).lost for place in places)
        (arrived if fine else missed).append(transcript)
    for transcript in missed:
        if any(covers(transcript, other) >= rules.same_utterance for other in arrived):
            continue
        nearest = max(received, key=lambda place: similarity(transcript, place))
        return transcript, nearest, compare_texts(transcript, nearest, rules)
    return said, got, SAME


def _any_answer(row: Mapping[str, Any], rules: Handover) -> tuple[str, str, Difference]:
    """What is spoken must be one of the model's answers, or all of them, whole."""
    pieces = row["received"][:TEXTS_LIMIT]
    spoken = " ".join(pieces)
    answers = [*reversed(_distinct(row["emitted"])), " ".join(row["emitted"])]
    for answer in answers:
        found = compare_texts(answer, spoken, rules)
        if found.lost and len(pieces) > 1:
            found = compare_texts(answer, _in_order_of(answer, pieces), rules)
        if not found.lost:
            return answer, spoken, found
    nearest = _nearest(answers[:-1] or answers, spoken)
    return nearest, spoken, compare_texts(nearest, spoken, rules)


def _in_order_of(answer: str, pieces: list[str]) -> str:
    """The pieces in the order of the answer: sentences made side by side may begin in any order."""
    whole = f" {' '.join(tokens(answer))} "
    return " ".join(sorted(pieces, key=lambda piece: whole.find(f" {' '.join(tokens(piece))} ")))


def _distinct(texts: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(texts))[-TEXTS_LIMIT:]


def _nearest(texts: Iterable[str], text: str) -> str:
    return max(texts, key=lambda other: similarity(other, text))


def _fails(judged: pl.DataFrame) -> pl.DataFrame:
    emitted = pl.col("at").replace_strict(EMITTED, return_dtype=pl.String)
    received = pl.col("at").replace_strict(RECEIVED, return_dtype=pl.String)
    return findings(
        judged,
        check="hand_over",
        result="fails",
        stage=emitted,
        boundary=pl.col("at"),
        cause="handoff_loss",
        # A word that decides is lost to all that follows, whatever happens later.
        weight=pl.when(_decides()).then(pl.lit("hard")).otherwise(pl.lit("soft")),
        score=pl.when(_decides()).then(0.9).when("reworded").then(0.7).otherwise(0.8),
        attribute=pl.col("received_attribute"),
        value=pl.col("got").str.slice(0, 2_000),
        needed=pl.col("said").str.slice(0, 2_000),
        sentence=pl.format(
            "{} emitted {}, but {} received {}: {}",
            emitted,
            quoted(pl.col("said")),
            received,
            quoted(pl.col("got")),
            _what_happened(),
        ),
    )


def _whole_sentences() -> pl.Expr:
    """Whether what was received is where the emitted text begins, up to the end of a sentence."""
    said, got = (
        pl.col(side).str.to_lowercase().str.replace_all(r"[^\p{L}\p{N}]+", " ").str.strip_chars()
        for side in ("said", "got")
    )
    ended = pl.col("got").str.contains(r"[.!?…。！？][\p{P}\s]*$")
    return said.str.starts_with(got + " ") & ended


def _decides() -> pl.Expr:
    """Whether one edit changes the meaning by itself, or nothing arrived at all."""
    return pl.col("critical").is_not_null() | pl.col("total")


def _what_happened() -> pl.Expr:
    """The edit that decides in words: the number “50” became “15”; all words when none does."""
    what = pl.col("critical").replace_strict(NAMED, default="", return_dtype=pl.String)
    out, new = quoted(pl.col("out"), 60), quoted(pl.col("new"), 60)
    return (
        pl.when("total")
        .then(pl.lit("nothing of it arrived"))
        .when(pl.col("out") == "")
        .then(pl.format("{}{} was put in", what, new))
        .when(pl.col("new") == "")
        .then(pl.format("{}{} was lost", what, out))
        .otherwise(pl.format("{}{} became {}", what, out, new))
    )


def _passes(judged: pl.DataFrame) -> pl.DataFrame:
    received = pl.col("at").replace_strict(RECEIVED, return_dtype=pl.String)
    emitted = pl.col("at").replace_strict(EMITTED, return_dtype=pl.String)
    return findings(
        judged,
        check="hand_over",
        result="passes",
        attribute=pl.col("received_attribute"),
        value=pl.col("got").str.slice(0, 2_000),
        needed=pl.col("said").str.slice(0, 2_000),
        sentence=pl.format("{} received what {} emitted{}", received, emitted, _but_for()),
    )


def _but_for() -> pl.Expr:
    """Words that did not arrive though the meaning did, as far as words of no kind tell."""
    missing = pl.format(
        " but for {}, which decides nothing by itself", quoted(pl.col("without"), 60)
    )
    return pl.when(pl.col("without") != "").then(missing).otherwise(pl.lit(""))


def _no_data(missing: pl.DataFrame) -> pl.DataFrame:
    emitted = pl.col("at").replace_strict(EMITTED, return_dtype=pl.String)
    received = pl.col("at").replace_strict(RECEIVED, return_dtype=pl.String)
    absent = (
        pl.when(pl.col("emitted").list.len().fill_null(0) == 0)
        .then(pl.format("what {} emitted", emitted))
        .otherwise(pl.format("what {} received", received))
    )
    return findings(
        missing,
        check="hand_over",
        result="no_data",
        attribute=pl.coalesce("received_attribute", "emitted_attribute"),
        needed="both texts",
        sentence=pl.format("{} was not recorded, so the hand-over cannot be compared", absent),
    )


CHECK = Check("hand_over", "Did what one stage emitted arrive at the next?", run)
