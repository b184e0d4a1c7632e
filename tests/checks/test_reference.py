"""What people said afterwards: corrections in the next turn, and what they are held against."""

from __future__ import annotations

from dataclasses import replace

import polars as pl
import pytest

from tracelens import policy
from tracelens.locate import SPAN_COLUMNS, locate_requests
from tracelens.model import CANONICAL_SPAN, RAW_SPAN, REQUEST

SECOND = 10**9


MISHEARD, UNKNOWN = ("transcription", "stt_wrong"), ("undetermined", "user_reported")


def turn(number: int, heard: str, answer: str, **more: object) -> list[dict[str, object]]:
    """A turn of a conversation: transcription, model and synthesis, a second each."""
    trace, own = f"{number:032x}", f"{number:014x}00"
    begin = number * 10 * SECOND
    common = {"trace_id": trace, "session_id": "call", "emitter": "pipecat", "turn_based": True}
    common |= {"service": "desk", "status_code": 0, "stage_by": "mapping"}
    texts = {
        "transcription": {"text_out": heard, "text_out_attribute": "transcript"},
        "reasoning": {"text_in": heard, "text_out": answer},
        "synthesis": {"text_in": answer},
    }
    rows: list[dict[str, object]] = [
        {**common, "span_id": own, "name": "turn", "role": "turn", "stage_by": None}
        | {"start_unix_nano": begin, "end_unix_nano": begin + 4 * SECOND, "content_hash": number}
    ]
    for place, (stage, text) in enumerate(texts.items(), 1):
        rows.append(
            {**common, "span_id": f"{number:014x}{place:02x}", "parent_span_id": own, "name": stage}
            | {"stage": stage, "content_hash": number * 10 + place, **text}
            | {
                "start_unix_nano": begin + place * SECOND,
                "end_unix_nano": begin + (place + 1) * SECOND,
            }
        )
    return rows


def judged(*rows: list[dict[str, object]], rules: policy.Policy | None = None) -> pl.DataFrame:
    schema = {**RAW_SPAN, **CANONICAL_SPAN}
    flat = [{name: row.get(name) for name in schema} for turns in rows for row in turns]
    spans = pl.DataFrame(flat, schema=schema).select(SPAN_COLUMNS)
    found = locate_requests(spans, rules or policy.load())
    assert found.columns == REQUEST.names()
    return found


@pytest.mark.parametrize(
    ("heard", "then", "verdict"),
    [
        (
            "book fifteen seats",
            "No, I said fifty seats, not fifteen.",
            MISHEARD,
        ),
        ("book fifty seats", "No! I said fifty seats.", ("reasoning", "llm_wrong")),
        ("book fifty seats", "no, I meant the other hall", UNKNOWN),
        ("book fifty seats", "That's not what I asked for.", UNKNOWN),
        ("call anna", "that is not what I said, I said call hanna", MISHEARD),
        ("buche fünfzehn", "Nein, ich habe fünfzig gesagt", MISHEARD),
        ("book fifteen seats", "That is wrong, book fifty seats", MISHEARD),
        ("book fifty seats", "This is not right.", UNKNOWN),
        ("buche fünfzehn", "Das ist falsch, buche fünfzig", MISHEARD),
        ("is it wrong", "That wrong turn was mine", (None, None)),
        ("book fifty seats", "No, thank you.", (None, None)),
        ("book fifty seats", "I said hello to her.", (None, None)),
        ("is it open", "no I said", UNKNOWN),
    ],
)
def test_a_correction_is_about_the_turn_before(
    heard: str, then: str, verdict: tuple[str | None, str | None]
) -> None:
    first, second = judged(turn(1, heard, "As you wish."), turn(2, then, "Sorry.")).to_dicts()
    assert (first["stage"], first["cause"]) == verdict
    assert first["failed"] is (verdict[0] is not None)
    assert second["failed"] is False


@pytest.mark.parametrize("session", ["call", None], ids=["a session", "one trace"])
def test_a_correction_is_about_the_turn_before_whatever_ties_them(session: str | None) -> None:
    turns = [turn(1, "book fifteen seats", "Done."), turn(2, "No, I said fifty seats", "Sorry.")]
    rows = [{**row, "session_id": session} for rows in turns for row in rows]
    if session is None:
        rows = [{**row, "trace_id": "1" * 32} for row in rows]
    else:
        rows = [{**row, "role": None, "turn_based": False} for row in rows]
    assert judged(rows)["cause"].to_list() == ["stt_wrong", None]


def test_a_correction_of_another_call_or_hour_counts_for_nothing() -> None:
    first = turn(1, "book fifteen seats", "Done.")
    late = turn(100, "No, I said fifty seats", "Sorry.")
    assert judged(first, late)["failed"].to_list() == [False, False]
    other = [
        {**row, "session_id": "another"} for row in turn(2, "No, I said fifty seats", "Sorry.")
    ]
    assert judged(first, other)["failed"].to_list() == [False, False]


def test_how_like_misheard_words_sound_is_policy() -> None:
    turns = turn(1, "book fifteen seats", "Done."), turn(2, "No, I said fifty seats", "Sorry.")
    strict = replace(policy.load(), speech=policy.Speech(misheard_likeness=0.99))
    found = [judged(*turns, rules=rules).row(0, named=True) for rules in (None, strict)]
    assert [(row["stage"], row["cause"]) for row in found] == [MISHEARD, UNKNOWN]
