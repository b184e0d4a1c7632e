"""Evaluations and feedback: whom they accuse, and when they accuse nobody."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.conftest import (
    FINE,
    answered,
    default_policy,
    heard,
    span,
    spans,
    spoke,
    trace,
    verdict,
    verdicts,
)
from tracelens.locate import locate_requests
from tracelens.policy import Evaluation


def says(name="correctness", label=None, score=None, about="span", **more):
    """An evaluation on a span."""
    said = {"kind": "evaluation", "about": about, "name": name, "label": label, "score": score}
    return {"assessments": [{**said, "attribute": "gen_ai.evaluation.result", **more}]}


def thumb(text, attribute="user.feedback"):
    """Feedback on a span."""
    said = {"kind": "feedback", "about": "request", "label": text, "text": text}
    return {"assessments": [{**said, "attribute": attribute}]}


def asked(*stages, **columns):
    """The verdict on a request of these stages."""
    found = verdicts(trace("t", span("root", *stages, **columns)))
    assert len(found) == 1
    return found[0]


WRONG = (True, "reasoning", None, "llm_wrong")
SOMEHOW = (True, "undetermined", None, "evaluation_failed")
REPORTED = (True, "undetermined", None, "user_reported")


@pytest.mark.parametrize(
    ("name", "label", "expected"),
    [
        ("correctness", "incorrect", WRONG),
        ("Correctness", "fail", WRONG),
        ("correctness", "correct", FINE),
        ("assertion", "false", WRONG),
        ("toxicity", "false", FINE),
        ("hallucination", "false", FINE),
        ("hallucination", "true", WRONG),
        ("tone", "formal", FINE),
        ("user-feedback", "thumbs_down", SOMEHOW),
        ("user_feedback", "true", FINE),
    ],
)
def test_an_evaluation_of_the_model(name, label, expected):
    assert asked(heard(), answered(**says(name, label)), spoke()) == expected


def test_every_stage_can_be_judged():
    bad = says(label="failed")
    tool = span("look_up", stage="tool", **bad)
    assert asked(heard(**bad), answered(), spoke())[1:] == ("transcription", None, "stt_wrong")
    assert asked(heard(), answered(), spoke(**bad))[1:] == ("synthesis", None, "tts_wrong")
    assert asked(heard(), tool, answered(), spoke())[1:] == (
        "reasoning",
        "reasoning>tool",
        "tool_error",
    )


def test_on_the_request_only_what_is_about_a_stage_names_one():
    assert asked(heard(), answered(), spoke(), **says(label="fail")) == SOMEHOW
    assert asked(heard(), answered(), spoke(), **says("groundedness", "ungrounded")) == WRONG
    assert asked(heard(), answered(), spoke(), **says("transcript_accuracy", "fail"))[1] == (
        "transcription"
    )
    # Where a check saw how it came about, that explains the evaluation.
    lost = answered("no table", "book a", "llm")
    judged = asked(heard("book a table for two"), lost, spoke("no table"), **says(label="fail"))
    assert judged == (True, "transcription", "transcription>reasoning", "handoff_loss")


def test_an_evaluator_below_a_stage_judges_that_stage():
    judge = span("evaluate", **says(label="fail", about="parent"))
    assert asked(heard(), answered("ok", "book a table for two", "llm", judge), spoke("ok")) == (
        WRONG
    )
    assert asked(heard(), answered(), spoke(), judge) == SOMEHOW


def test_an_answer_that_was_made_again_is_judged_again():
    first = answered("no", name="llm", **says(label="fail"))
    assert asked(heard(), first, answered(name="again", **says(label="pass")), spoke()) == FINE
    second = answered(name="again", **says(label="fail"))
    passed = answered("no", name="llm", **says(label="pass"))
    assert asked(heard(), passed, second, spoke()) == WRONG


def test_scores_count_where_the_policy_says_how():
    rows = spans(trace("t", span("root", heard(), answered(**says(score=0.2)), spoke())))
    (plain,) = locate_requests(rows, default_policy()).to_dicts()
    assert verdict(plain) == FINE
    assert [(e["result"], e["value"]) for e in plain["evidence"] if e["check"] == "evaluation"] == [
        ("no_data", "0.2")
    ]
    for rule, expected in (
        (Evaluation(("correct*",), below=0.5), WRONG),
        (Evaluation(("correct*",), below=0.1), FINE),
        (Evaluation(("correct*",), above=0.1, judges="request"), SOMEHOW),
    ):
        mine = replace(default_policy(), evaluation=(rule,))
        assert verdict(locate_requests(rows, mine).row(0, named=True)) == expected


@pytest.mark.parametrize(
    ("text", "attribute", "expected"),
    [
        ("thumbs_down", "user.feedback", REPORTED),
        ("thumbs_up", "user.feedback", FINE),
        ("thumbs_down", "mood", FINE),
        ("true", "thumbs_down", REPORTED),
        ("true", "thumbs_up", FINE),
    ],
)
def test_feedback_says_that_it_failed_and_never_where(text, attribute, expected):
    assert asked(heard(), answered(), spoke(), **thumb(text, attribute)) == expected


def test_praise_excuses_nothing():
    broken = answered(None, error="APIError")
    assert asked(heard(), broken, **thumb("thumbs_up")) == (True, "reasoning", None, "llm_error")


def test_what_is_said_of_a_session_is_said_of_no_turn():
    turn = span("turn", heard(), answered(), spoke(), role="turn")
    call = span("call", turn, role="session", **says(label="fail"))
    assert verdicts(trace("t", call)) == [FINE]
