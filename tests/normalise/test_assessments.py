"""Evaluations and feedback in the forms in which emitters write them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conftest import default_policy
from tests.normalise.otlp import read
from tracelens.normalise import promoted_keys

RESULT = "gen_ai.evaluation.result"


def said(name: str, attributes: dict[str, Any], **more: Any) -> list[tuple[Any, ...]]:
    """Kind, about, name, label, score and text of what a span says."""
    found = read(name, attributes, **more)["assessments"] or []
    return [
        tuple(each[key] for key in ("kind", "about", "name", "label", "score", "text"))
        for each in found
    ]


def test_an_event_of_the_conventions():
    held = {
        "gen_ai.evaluation.name": "correctness",
        "gen_ai.evaluation.score.value": 0.2,
        "gen_ai.evaluation.score.label": "Not-Correct",
        "gen_ai.evaluation.explanation": "another day",
    }
    assert said("chat gpt", {"gen_ai.operation.name": "chat"}, events=[(RESULT, held)]) == [
        ("evaluation", "span", "correctness", "not_correct", 0.2, "another day")
    ]
    failed = {**held, "error.type": "timeout"}
    assert said("chat gpt", {}, events=[(RESULT, failed), ("other", held)]) == []


def test_a_span_of_its_own_is_about_the_span_above():
    held = {"gen_ai.evaluation.name": "safety", "gen_ai.evaluation.score.label": "fail"}
    assert said("judge_evaluation", held, scope="livekit-agents") == [
        ("evaluation", "parent", "safety", "fail", None, None)
    ]


def test_numbered_annotations_of_openinference():
    held = {
        "openinference.span.kind": "LLM",
        "annotations.0.annotation.name": "quality",
        "annotations.0.annotation.label": "wrong",
        "annotations.0.annotation.annotator_kind": "HUMAN",
        "annotations.1.annotation.name": "tone",
        "annotations.1.annotation.score": 1,
        "evaluations.0.evaluation.name": "hallucination",
        "evaluations.0.evaluation.label": "hallucinated",
        "evaluations.0.evaluation.explanation": "x" * 300,
        "trace.annotations.0.annotation.name": "user feedback",
        "trace.annotations.0.annotation.label": "thumbs down",
        "session.annotations.0.annotation.name": "mood",
    }
    assert said("ChatCompletion", held) == [
        ("evaluation", "span", "quality", "wrong", None, None),
        ("evaluation", "span", "tone", None, 1.0, None),
        ("evaluation", "span", "hallucination", "hallucinated", None, "x" * 300),
        ("evaluation", "request", "user feedback", "thumbs_down", None, None),
    ]


@pytest.mark.parametrize(
    ("value", "label", "score"),
    [(False, "false", None), (0.1, None, 0.1), (3, None, 3.0), ("So so", "so_so", None)],
)
def test_feedback_of_logfire(value, label, score):
    held = {
        "logfire.span_type": "annotation",
        "logfire.feedback.name": "factuality",
        "factuality": value,
        "logfire.feedback.comment": "it lied",
    }
    assert said("feedback: factuality", held, scope="logfire.feedback") == [
        ("evaluation", "parent", "factuality", label, score, "it lied")
    ]


def test_feedback_in_attributes_of_the_policy():
    assert said("turn", {"feedback.score": -1, "user.feedback": "Thumbs down"}) == [
        ("feedback", "request", None, "thumbs_down", None, "Thumbs down"),
        ("feedback", "request", None, "-1", -1.0, "-1"),
    ]
    assert "user.feedback" in promoted_keys(default_policy())
    assert "user.feedback" not in promoted_keys()


def test_what_says_nothing_and_what_is_hostile():
    assert read("chat", {"gen_ai.operation.name": "chat"})["assessments"] is None
    many = {f"annotations.{n}.annotation.name": "x" for n in range(1_000)}
    assert len(said("span", many)) == 100
    odd: dict[str, Any] = {"gen_ai.evaluation.name": ["a"], "gen_ai.evaluation.score.value": "NaN"}
    assert said("span", {}, events=[(RESULT, odd)]) == [
        ("evaluation", "span", '["a"]', None, None, None)
    ]
