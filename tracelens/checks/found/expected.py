"""Is what was recognised, and what was answered, what was expected?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from tracelens.checks.compare import (
    BENIGN,
    Difference,
    Edit,
    compare_texts,
    expected_in,
    sound_alike,
    stands_in,
    tokens,
)
from tracelens.checks.finding import Check, findings, no_findings
from tracelens.checks.shared import complaints, quoted, unsure
from tracelens.requests import Facts

#: Edits that turn what is asked, whoever answers: of all others most break nothing.
TURNING = frozenset(
    ("number", "negation", "sign", "unit", "date", "time", "polarity", "identifier")
)

WRONG_TRANSCRIPT = ("followed", "turned", "complained")


def run(facts: Facts) -> pl.DataFrame:
    """One row per reference transcript and expected answer: fails, passes, or no_data.

    A wrong transcript that the answer puts right again broke nothing; one that the answer repeats
    did. An answer that is not the expected one is the model's fault where it had heard right.
    """
    wanted = _wanted(facts)
    if wanted.is_empty():
        return no_findings()
    rows = wanted.join(_texts(facts), on="request", how="left", maintain_order="left")
    judged = [_judged(row, facts) for row in rows.iter_rows(named=True)]
    heard = pl.Series("heard_kind", [each[0] for each in judged], dtype=pl.String)
    answer = pl.Series("answer_kind", [each[1] for each in judged], dtype=pl.String)
    rows = rows.with_columns(heard, answer)
    return pl.concat([_transcripts(rows), _answers(rows)])


def _wanted(facts: Facts) -> pl.DataFrame:
    """What was expected of each request: the last transcript and answer that are told.

    A bug report knows better than the spans.
    """
    names = ["request", "kind", "text", "attribute", "time"]
    reported = facts.references.filter(pl.col("expected").is_not_null()).select(
        "request",
        kind=pl.lit("answer"),
        text="expected",
        attribute=pl.lit("bug report"),
        time="time",
    )
    last = pl.concat([facts.assessments.select(names), reported]).filter(
        pl.col("kind").is_in(["transcript", "answer"]) & (pl.col("text").str.strip_chars() != "")
    )
    if last.is_empty():
        return last
    sides = [
        last.filter(pl.col("kind") == kind)
        .group_by("request", maintain_order=True)
        .agg(
            pl.col("text").last().alias(kind),
            pl.col("attribute").last().alias(f"{kind}_attribute"),
            pl.col("time").last().alias(f"{kind}_time"),
        )
        for kind in ("transcript", "answer")
    ]
    return sides[0].join(sides[1], on="request", how="full", coalesce=True).sort("request")


def _texts(facts: Facts) -> pl.DataFrame:
    """What each request heard and answered, and whether anybody complained of it."""
    runs = facts.runs.filter(~pl.col("is_cancel")).sort("request", "start", "end", "run")
    heard = pl.col("stage") == "transcription"
    model = pl.col("stage") == "reasoning"
    words = pl.col("text_out").fill_null("").str.strip_chars() != ""
    told = pl.concat([facts.references.select("request"), complaints(facts).select("request")])
    return (
        runs.group_by("request", maintain_order=True)
        .agg(
            pl.col("text_out").filter(heard & words).str.join(" ").alias("heard"),
            heard.any().alias("spoken"),
            pl.col("span_id").filter(heard).last().alias("heard_id"),
            pl.col("text_out").filter(model & words).alias("answers"),
            pl.col("span_id").filter(model & words).last().alias("answer_id"),
            pl.col("text_out_attribute").filter(heard).last().alias("heard_attribute"),
        )
        .join(told.unique().with_columns(told=pl.lit(True)), on="request", how="left")
        .join(
            unsure(facts).select("request", unsure=pl.lit(True)).unique(), on="request", how="left"
        )
    )


def _judged(row: Mapping[str, Any], facts: Facts) -> tuple[str | None, str | None]:
    """How transcript and answer compare with what was expected of them."""
    answers: Sequence[str] = row["answers"] or ()
    answer = None
    if row["answer"] is not None and answers:
        fits = expected_in(row["answer"], answers[-1], facts.policy.answers)
        answer = "unclear" if fits is None else "fine" if fits else "wrong"
    told = row["told"] is True or answer == "wrong"
    heard = None
    if row["transcript"] is not None and row["heard"]:
        found = compare_texts(
            row["transcript"], row["heard"], facts.policy.handover, mode="recognised"
        )
        heard = _heard_kind(found, answers, told)
    if answer == "wrong":
        answer = _answer_kind(row, heard, facts)
    return heard, answer


def _heard_kind(found: Difference, answers: Sequence[str], told: bool) -> str:
    """What became of the words in which the transcript differs from what was said."""
    edit = found.deciding or next((e for e in found.edits if _is_other_word(e)), None)
    if not found.lost and edit is None:
        return "fine"
    words = tokens(" ".join(answers))
    said, instead = (edit.dropped, edit.added) if edit else (found.dropped, found.added)
    right = bool(said) and stands_in(said, words)
    wrong = bool(instead) and stands_in(instead, words)
    if right and not wrong:
        return "repaired"
    if wrong and not right:
        return "followed"
    if found.critical in TURNING:
        return "turned"
    return "complained" if told and found.lost else "harmless"


def _is_other_word(edit: Edit) -> bool:
    """Whether a word became another one, and no other way to write it: Smith is also Smyth."""
    single = len(edit.dropped) == len(edit.added) == 1
    return (
        edit.op == "changed"
        and edit.kind not in BENIGN
        and not (single and sound_alike(edit.dropped[0], edit.added[0]))
    )


def _answer_kind(row: Mapping[str, Any], heard: str | None, facts: Facts) -> str:
    """Whose fault a wrong answer is, by what is known of the transcript."""
    if heard in WRONG_TRANSCRIPT:
        return "misheard"
    if heard is not None or not row["spoken"]:
        return "wrong"
    if row["heard"] and expected_in(row["answer"], row["heard"], facts.policy.answers):
        return "wrong"
    return "unexplained"


def _transcripts(rows: pl.DataFrame) -> pl.DataFrame:
    rows = rows.filter(pl.col("heard_kind").is_not_null())
    kind = pl.col("heard_kind")
    wrong = kind.is_in(WRONG_TRANSCRIPT)
    sure = kind.replace_strict(
        {"followed": 0.85, "turned": 0.7, "complained": 0.75}, default=None, return_dtype=pl.Float64
    )
    both = pl.format(
        "transcription heard {}, and {} was said",
        quoted(pl.col("heard")),
        quoted(pl.col("transcript")),
    )
    return findings(
        rows,
        check="expected",
        result=_result(wrong, kind.is_in(["fine", "repaired"])),
        at="transcription",
        stage=pl.when(wrong).then(pl.lit("transcription")),
        cause=pl.when(wrong).then(pl.lit("stt_wrong")),
        weight=pl.when(wrong).then(pl.lit("soft")),
        # A recogniser that was unsure itself makes a mishearing likelier.
        score=sure + pl.when(pl.col("unsure").fill_null(False)).then(0.05).otherwise(0.0),
        exchange=pl.lit(0),
        time=pl.col("transcript_time"),
        span_id=pl.col("heard_id"),
        attribute=pl.col("heard_attribute"),
        value=pl.col("heard").str.slice(0, 2_000),
        needed=pl.col("transcript").str.slice(0, 2_000),
        sentence=pl.when(kind == "fine")
        .then(pl.lit("the transcript holds what was said"))
        .when(kind == "repaired")
        .then(pl.format("{}, but the answer has it right", both))
        .when(kind == "followed")
        .then(pl.format("{}, and the answer follows the transcript", both))
        .when(kind == "harmless")
        .then(pl.format("{}, and nothing shows that it mattered", both))
        .otherwise(both),
    )


def _answers(rows: pl.DataFrame) -> pl.DataFrame:
    known = pl.col("answer_kind").is_not_null() & (pl.col("answer_kind") != "misheard")
    rows = rows.filter(known)
    kind = pl.col("answer_kind")
    wrong, lost = kind == "wrong", kind == "unexplained"
    given = pl.col("answers").list.last()
    return findings(
        rows,
        check="expected",
        result=_result(wrong | lost, kind == "fine"),
        at=pl.when(lost).then(pl.lit("external")).otherwise(pl.lit("reasoning")),
        stage=pl.when(wrong).then(pl.lit("reasoning")).when(lost).then(pl.lit("undetermined")),
        cause=pl.when(wrong).then(pl.lit("llm_wrong")).when(lost).then(pl.lit("unexpected_answer")),
        weight=pl.when(wrong).then(pl.lit("soft")).when(lost).then(pl.lit("weak")),
        score=pl.when(wrong).then(0.75).when(lost).then(0.3),
        exchange=pl.lit(0),
        time=pl.col("answer_time"),
        span_id=pl.col("answer_id"),
        attribute=pl.col("answer_attribute"),
        value=given.str.slice(0, 2_000),
        needed=pl.col("answer").str.slice(0, 2_000),
        sentence=pl.when(kind == "fine")
        .then(pl.lit("the answer states what was expected"))
        .when(kind == "unclear")
        .then(pl.lit("whether the answer is the expected one cannot be told from its words"))
        .otherwise(
            pl.format(
                "the answer is {}, and {} was expected", quoted(given), quoted(pl.col("answer"))
            )
        ),
    )


def _result(wrong: pl.Expr, fine: pl.Expr) -> pl.Expr:
    return (
        pl.when(wrong)
        .then(pl.lit("fails"))
        .when(fine)
        .then(pl.lit("passes"))
        .otherwise(pl.lit("no_data"))
    )


CHECK = Check("expected", "Is what was recognised and answered what was expected?", run)
