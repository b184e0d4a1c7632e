"""What should have been said, heard or answered, held against what was."""

from __future__ import annotations

import pytest

from tests.conftest import FINE, answered, heard, judge, span, spans, spoke, trace, verdict
from tests.normalise.otlp import read
from tracelens.checks.compare import expected_in
from tracelens.policy import load

NAMES = {"transcript": "expected_transcript", "answer": "expected_answer"}


def says(*, confidence=None, feedback=None, **texts):
    """What a span says of the request around it, by kind; confidence is of the span itself."""
    found = [
        {"kind": kind, "about": "request", "text": text, "attribute": NAMES.get(kind)}
        for kind, text in texts.items()
    ]
    if feedback is not None:
        mine = {"kind": "feedback", "about": "request", "label": feedback, "text": feedback}
        found.append({**mine, "attribute": "user.feedback"})
    if confidence is not None:
        mine = {"kind": "confidence", "about": "span", "score": confidence}
        found.append({**mine, "attribute": "stt.confidence"})
    return {"assessments": found}


def row(*stages, **columns):
    (found,) = judge(spans(trace("t", span("root", *stages, **columns))))
    return found


def call(said, answer, **columns):
    """The verdict on a voice request that heard and answered this."""
    return verdict(row(heard(said), answered(answer, said), spoke(answer), **columns))


def results(found, check):
    return [(each["at"], each["result"]) for each in found["evidence"] if each["check"] == check]


MISHEARD = (True, "transcription", None, "stt_wrong")
WRONG = (True, "reasoning", None, "llm_wrong")
SOMEHOW = (True, "undetermined", None, "unexpected_answer")
REPORTED = (True, "undetermined", None, "user_reported")
FIFTY = "a table for fifty on monday evening please"
FIFTEEN = FIFTY.replace("fifty", "fifteen")


@pytest.mark.parametrize(
    ("said", "was", "answer", "expected"),
    [
        (FIFTY, FIFTY, "Done.", FINE),
        (FIFTEEN, FIFTY, "Your table for fifteen is booked.", MISHEARD),
        (FIFTEEN, FIFTY, "Your table for fifty is booked.", FINE),
        (FIFTEEN, FIFTY, "Done.", MISHEARD),
        ("call victor moore now", "call anna moore now", "Calling Victor.", MISHEARD),
        ("call victor moore now", "call anna moore now", "Calling Anna.", FINE),
        ("call victor moore now", "call anna moore now", "Calling.", FINE),
        ("call smyth now", "call smith now", "Calling Smyth.", FINE),
    ],
)
def test_another_transcript_counts_where_it_mattered(said, was, answer, expected):
    assert call(said, answer, **says(transcript=was)) == expected


def test_a_complaint_makes_any_lost_meaning_count():
    said, was = "call victor and tell him about lunch", "call anna moore now"
    assert call(said, "Calling.", **says(transcript=was, feedback="thumbs_down")) == MISHEARD
    assert call(was, "Calling.", **says(transcript=was, feedback="thumbs_down")) == REPORTED


def test_an_unsure_recogniser_supports_and_never_accuses():
    stages = heard(FIFTEEN, **says(confidence=0.31)), answered("Done.", FIFTEEN), spoke("Done.")
    alone = row(*stages)
    assert (verdict(alone), results(alone, "recogniser_confidence")) == (
        FINE,
        [("transcription", "no_data")],
    )
    both = row(*stages, **says(transcript=FIFTY))
    assert (verdict(both), both["candidates"][0]["score"]) == (MISHEARD, 0.75)
    sure = row(heard(FIFTEEN, **says(confidence=0.9)), *stages[1:], **says(transcript=FIFTY))
    assert sure["candidates"][0]["score"] == 0.7
    assert (
        results(row(heard(FIFTY, **says(confidence=0.6)), *stages[1:]), "recogniser_confidence")
        == []
    )


def test_livekit_writes_zero_where_the_vendor_says_nothing():
    for value, count in ((0.0, 0), (0.2, 1)):
        said = read("user_turn", {"lk.transcript_confidence": value}, "livekit-agents")
        stage = heard(FIFTY, assessments=said["assessments"])
        found = row(stage, answered("Done.", FIFTY), spoke("Done."))
        assert len(results(found, "recogniser_confidence")) == count


@pytest.mark.parametrize(
    ("said", "answer", "wish", "expected"),
    [
        ("when is it open", "It opens at 9 and closes at 5.", "9 to 5", FINE),
        ("is it 9 or 10", "It opens at 10.", "It opens at 9.", WRONG),
        ("when is it open", "It opens at 10.", "It opens at 9.", SOMEHOW),
        ("when is it open", "It opens late.", "It opens at 9.", FINE),
        ("when is it open", "We look forward to you.", "early in the morning", FINE),
        ("where is it", "It is in Rome.", "Paris", SOMEHOW),
        ("where is it", "In Paris, of course.", "Paris", FINE),
        ("is it open", "It is.", "Yes", FINE),
    ],
)
def test_an_expected_answer(said, answer, wish, expected):
    assert call(said, answer, **says(answer=wish)) == expected


def test_whose_fault_an_unexpected_answer_is():
    wish = {"answer": "for 50 people"}
    assert call(FIFTY, "a table for 15", **says(**wish, transcript=FIFTY)) == WRONG
    assert call(FIFTEEN, "a table for 15", **says(**wish, transcript=FIFTY)) == MISHEARD
    # Nobody spoke: what the model was given is what the user wrote.
    chat = row(answered("a table for 15", FIFTY), **says(**wish))
    assert verdict(chat) == WRONG


def test_what_is_expected_in_an_answer():
    rules = load().answers
    assert expected_in("order AB1234", "it is AB1234", rules) is True
    assert expected_in("order AB1234", "it is AB9999", rules) is False
    assert expected_in("order AB1234", "it is on its way", rules) is None
    assert expected_in("forty two", "42 euros", rules) is True
    assert expected_in("", "42 euros", rules) is None


SPOKEN = "your table for fifty is booked for monday"


@pytest.mark.parametrize(
    ("again", "expected", "result"),
    [
        ("Your table for 50 is booked for Monday.", FINE, "passes"),
        ("your table for fifteen is booked for monday", FINE, "no_data"),
        ("your table for ninety is booked for monday", "drift", "fails"),
        ("your table", "drift", "fails"),
    ],
)
def test_a_round_trip(again, expected, result):
    said = {"kind": "speech", "about": "request", "text": again, "attribute": "tts.transcript"}
    voice = spoke(SPOKEN, assessments=[said])
    found = row(heard(FIFTY), answered(SPOKEN, FIFTY), voice)
    drift = (True, "synthesis", None, "synthesis_drift")
    assert verdict(found) == (drift if expected == "drift" else expected)
    assert results(found, "round_trip") == [("synthesis", result)]


def test_what_was_cut_short_or_not_recorded_is_no_drift():
    said = {"kind": "speech", "about": "request", "text": "your", "attribute": "tts.transcript"}
    for voice in (
        spoke(SPOKEN, assessments=[said], interrupted=True),
        spoke(None, assessments=[said]),
    ):
        found = row(heard(FIFTY), answered(SPOKEN, FIFTY), voice)
        assert verdict(found) == FINE


def test_attributes_of_the_policy_hold_references():
    held = {"expected_transcript": "book it", "expected_answer": "42", "tts.transcript": "x"}
    said = read("turn", {**held, "lk.transcript_confidence": 0.5})["assessments"]
    assert {(each["kind"], each["about"], each["text"], each["score"]) for each in said} == {
        ("transcript", "request", "book it", None),
        ("answer", "request", "42", 42.0),
        ("speech", "request", "x", None),
        ("confidence", "span", "0.5", 0.5),
    }
