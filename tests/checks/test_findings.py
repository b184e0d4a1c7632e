"""What each check says where it fails, passes, has no data, or has nothing to say."""

from __future__ import annotations

from tests.conftest import answered, default_policy, heard, span, spans, spoke, trace
from tracelens.checks import FINDING, find_checks, run_checks
from tracelens.requests import collect_facts

REPLY = "your table is booked"
BARGED = {"role": "turn", "interrupted": True}


def found(check, *stages, **columns):
    """What one check says of a request with these stages: where, and what."""
    call = span(
        "call",
        span("turn", *stages, **{"role": "turn", **columns}),
        span("later", heard(), answered(), spoke(), role="turn"),
        role="session",
    )
    rows = run_checks(collect_facts(spans(trace("t", call)), default_policy()))
    assert rows.schema == FINDING
    mine = [row for row in rows.to_dicts() if row["check"] == check and row["request"] == "tturn"]
    return sorted((row["at"], row["result"]) for row in mine)


def test_every_check_has_a_name_a_question_and_rows_of_its_own():
    names = [check.name for check in find_checks()]
    assert names == [
        "absent_stage",
        "app_error",
        "cut_output",
        "empty_output",
        "evaluation",
        "expected",
        "feedback",
        "hand_over",
        "over_budget",
        "recogniser_confidence",
        "reference",
        "round_trip",
        "stage_error",
        "tool_answer",
        "tool_error",
    ]
    assert all(check.question.endswith("?") for check in find_checks())


def test_stage_error():
    assert found("stage_error", heard(), answered(), spoke()) == [
        ("reasoning", "passes"),
        ("synthesis", "passes"),
        ("transcription", "passes"),
    ]
    assert found("stage_error", heard(), answered(None, error="APIError")) == [
        ("reasoning", "fails"),
        ("transcription", "passes"),
    ]
    assert found("stage_error", heard(), answered(None, error="CancelledError")) == [
        ("transcription", "passes")
    ]


def test_stage_error_is_excused_where_only_a_sign_is_missing():
    silent = spoke(sign="failed", sign_cause="tts_error", sign_sentence="no first byte")
    said = ("synthesis", "fails")
    assert said in found("stage_error", heard(), answered(), silent)
    assert said not in found("stage_error", heard(), answered(), silent, **BARGED)
    loud = spoke(error="APIError", sign="failed")
    assert said in found("stage_error", heard(), answered(), loud, **BARGED)


def test_absent_stage():
    assert found("absent_stage", heard(), answered(), spoke()) == []
    assert found("absent_stage", heard(), answered()) == [("reasoning>synthesis", "fails")]
    assert found("absent_stage", heard()) == [("transcription>reasoning", "fails")]
    assert found("absent_stage") == [("input>transcription", "fails")]
    assert found("absent_stage", answered(), spoke()) == [("transcription", "no_data")]
    assert found("absent_stage", heard(), spoke()) == [("reasoning", "no_data")]


def test_absent_stage_is_excused():
    assert found("absent_stage", heard(), answered(), **BARGED) == []
    assert found("absent_stage", heard(), answered(None, error="APIError")) == []
    assert found("absent_stage", heard(), answered(None, error="CancelledError")) == []
    assert found("absent_stage", heard("")) == []
    assert found("absent_stage", heard("mhm.")) == []
    assert found("absent_stage", heard(), answered("")) == []
    assert found("absent_stage", answered(speech_to_speech=True)) == []


def test_empty_output():
    assert found("empty_output", heard(""), answered("", "")) == [
        ("reasoning", "fails"),
        ("transcription", "fails"),
    ]
    assert found("empty_output", heard(None), answered(None)) == []
    assert found("empty_output", heard(""), answered("hi", "typed"), spoke("hi")) == []
    assert found("empty_output", heard(), answered("", tool_calls=1)) == []
    assert found("empty_output", heard(), answered("", output_modalities=["audio"])) == []
    assert found("empty_output", heard(), answered(""), spoke()) == []
    assert found("empty_output", heard(), answered(""), **BARGED) == []


def test_cut_output():
    cut = answered(finish_reason="length")
    assert found("cut_output", heard(), cut) == [("reasoning", "fails")]
    assert found("cut_output", heard(), answered(finish_reason="stop")) == []
    assert found("cut_output", heard(), cut, **BARGED) == []
    broken = answered("", bad_tool_arguments="f({)", tool_calls=1)
    assert found("cut_output", heard(), broken) == [("reasoning", "fails")]
    assert found("cut_output", heard(), broken, span("f", stage="tool")) == []


def test_tool_error():
    tool = span("f", stage="tool")
    broken = span("f", stage="tool", error="HTTPError")
    at = "reasoning>tool"
    assert found("tool_error", heard(), tool) == [(at, "passes")]
    assert found("tool_error", heard(), broken) == [(at, "fails")]
    assert found("tool_error", heard(), broken, tool) == [(at, "passes")]
    assert found("tool_error", heard(), tool, broken) == [(at, "fails")]
    told = answered(tool_failure="error: no")
    assert found("tool_error", heard(), told) == [(at, "fails")]
    assert found("tool_error", heard(), broken, told) == [(at, "fails")]


def test_hand_over():
    first, second = "transcription>reasoning", "reasoning>synthesis"
    assert found("hand_over", heard(), answered(), spoke()) == [
        (second, "passes"),
        (first, "passes"),
    ]
    assert found("hand_over", heard("no"), answered(given="yes"), spoke("hm")) == [
        (second, "fails"),
        (first, "fails"),
    ]
    assert found("hand_over", heard(None), answered(None), spoke()) == [
        (second, "no_data"),
        (first, "no_data"),
    ]
    assert found("hand_over", heard(), answered(given=None), spoke(None)) == [
        (second, "no_data"),
        (first, "no_data"),
    ]
    assert found("hand_over", heard()) == []


def test_hand_over_is_excused():
    cut = spoke("your table")
    assert ("reasoning>synthesis", "fails") in found("hand_over", heard(), answered(), cut)
    assert found("hand_over", heard(), answered(), cut, **BARGED) == [
        ("transcription>reasoning", "passes")
    ]
    assert found("hand_over", heard(), answered(speech_to_speech=True)) == []


def test_hand_over_is_unsure_where_a_call_did_not_record_its_text():
    other = answered("calm", "rate the tone", "tone")
    at = ("transcription>reasoning", "no_data")
    assert at in found("hand_over", heard(), other, answered(given=None), spoke())


def test_app_error():
    check = span("parse", error="ValidationError", says="field required")
    failed = {"error": "ValidationError", "says": "field required"}
    assert found("app_error", heard(), answered("{}"), check, **failed) == [("reasoning", "fails")]
    assert found("app_error", heard(), answered(), spoke(), error="OSError") == [
        ("external", "fails")
    ]
    assert found("app_error", heard(), answered(), spoke()) == []
    assert found("app_error", heard(), check, answered(), spoke()) == []
    assert found("app_error", heard(), answered(None, error="APIError"), error="APIError") == []
