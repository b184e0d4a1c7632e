"""Requests that failed: the verdict names the stage and boundary that broke them, and no other."""

from __future__ import annotations

import pytest

from tests.conftest import (
    CLIENT,
    ERROR,
    FINE,
    OK,
    SERVER,
    answered,
    heard,
    judge,
    span,
    spans,
    spoke,
    trace,
    verdict,
    verdicts,
)

SAID = "is flight 12 not delayed"
REPLY = "flight 12 is not delayed"
ASKED = heard(SAID)
REPLIED = answered(REPLY, SAID)
TOLD = spoke(REPLY)


def failed(stage, cause, boundary=None):
    return (True, stage, boundary, cause)


def lost(boundary):
    return failed(boundary.split(">")[0], "handoff_loss", boundary)


def one(*stages, **columns):
    """The verdict on a trace whose root has these stages."""
    [said] = verdicts(trace("t", span("root", *stages, **columns)))
    return said


def tool(name="look_up", *below, **columns):
    return span(name, *below, stage="tool", tool_name=name, **columns)


def test_error_of_each_stage():
    broken = {"error": "APIError", "says": "500"}
    assert one(heard(None, **broken)) == failed("transcription", "stt_error")
    assert one(ASKED, answered(None, SAID, **broken)) == failed("reasoning", "llm_error")
    assert one(ASKED, REPLIED, spoke(REPLY, **broken)) == failed("synthesis", "tts_error")


def test_timeout_of_each_stage():
    late = {"error": "APITimeoutError", "says": "Request timed out."}
    assert one(heard(None, **late)) == failed("transcription", "stt_timeout")
    assert one(ASKED, answered(None, SAID, **late)) == failed("reasoning", "llm_timeout")
    assert one(ASKED, REPLIED, spoke(REPLY, **late)) == failed("synthesis", "tts_timeout")


def test_abort_by_a_timer_is_a_timeout():
    late = {"error": "AbortError", "says": "The operation was aborted due to timeout"}
    assert one(ASKED, answered(None, SAID, **late)) == failed("reasoning", "llm_timeout")


def test_propagated_error_is_blamed_where_it_began():
    inner = answered(None, SAID, error="RateLimitError", says="429")
    outer = span("agent", inner, role="wrapper", error="RateLimitError", says="429")
    assert one(ASKED, outer, error="RateLimitError", says="429") == failed("reasoning", "llm_error")


@pytest.mark.parametrize("status", [0, OK])
def test_error_counts_though_the_root_says_nothing_of_it(status):
    broken = answered(None, SAID, error="APIError")
    assert one(ASKED, broken, status_code=status) == failed("reasoning", "llm_error")


def test_all_attempts_failed():
    tries = [answered(None, SAID, error="RateLimitError") for _ in range(3)]
    assert one(ASKED, *tries) == failed("reasoning", "llm_error")


def test_attempts_inside_one_call():
    inner = [answered(None, None, "attempt", error="APIError") for _ in range(2)]
    outer = answered(None, SAID, "llm", *inner, error="APIError")
    [row] = judge(spans(trace("t", span("root", ASKED, outer))))
    assert verdict(row) == failed("reasoning", "llm_error")
    assert "after 2 attempts" in row["verdict"]


def test_a_fallback_that_failed_too():
    first = heard(None, error="APIError", model="a")
    assert one(first, heard(None, error="APITimeoutError", model="b")) == failed(
        "transcription", "stt_timeout"
    )


def test_one_sentence_of_three_was_not_synthesised():
    reply = "one is here. two is there. three is gone."
    pieces = [
        spoke("one is here."),
        spoke("two is there.", error="APIError"),
        spoke("three is gone."),
    ]
    assert one(ASKED, answered(reply, SAID), *pieces) == failed("synthesis", "tts_error")


def test_the_model_fails_after_a_filler_was_spoken():
    router = answered("flights", SAID, "router")
    filler = spoke("one moment please while i look that up")
    broken = answered(None, SAID, error="APIError")
    assert one(ASKED, router, filler, broken) == failed("reasoning", "llm_error")


def test_the_earliest_broken_stage_is_blamed():
    said = one(heard(""), answered("", ""), spoke("", error="ValueError"))
    assert said == failed("transcription", "stt_empty")


def test_a_lost_hand_over_is_blamed_before_what_failed_after_it():
    misread = answered("flight 2 is on time", "is flight 2 on time")
    silent = spoke("flight 2 is on time", error="APIError")
    assert one(ASKED, misread, silent) == lost("transcription>reasoning")
    mumbled = spoke("flight 12 is delayed", error="APIError")
    assert one(ASKED, REPLIED, mumbled) == lost("reasoning>synthesis")


def test_sentences_after_one_that_could_not_be_spoken_are_not_lost():
    long = answered("It is 5 euros. Shall I book 2?", SAID)
    assert one(ASKED, long, spoke("It is 5 euros.", error="APIError")) == failed(
        "synthesis", "tts_error"
    )
    dropped = spoke("It is 5 euros.", error="CancelledError")
    broken = spoke("Shall I book 2?", error="APIError")
    assert one(ASKED, long, dropped, broken) == failed("synthesis", "tts_error")
    assert one(ASKED, long, spoke("It is 5 euros.")) == lost("reasoning>synthesis")
    assert one(ASKED, long, spoke("It is", error="APIError")) == lost("reasoning>synthesis")


def test_empty_transcript_model_and_audio():
    assert one(heard("")) == failed("transcription", "stt_empty")
    assert one(ASKED, answered("", SAID)) == failed("reasoning", "llm_empty")
    silent = spoke(REPLY, sign="empty", sign_cause="tts_empty", sign_sentence="no bytes")
    assert one(ASKED, REPLIED, silent) == failed("synthesis", "tts_empty")


def test_speech_of_no_length_is_empty():
    silent = spoke(REPLY, output_audio_seconds=0.0)
    assert one(ASKED, REPLIED, silent) == failed("synthesis", "tts_empty")
    assert one(ASKED, REPLIED, spoke(REPLY, output_audio_seconds=0.4)) == FINE


def test_an_answer_without_parts_after_speech_was_heard_is_empty():
    assert one(ASKED, answered(None, SAID, tool_calls=0)) == failed("reasoning", "llm_empty")
    assert one(answered(None, SAID, tool_calls=0)) == FINE


@pytest.mark.parametrize(("tokens", "cause"), [(0, "llm_empty"), (9, None), (None, None)])
def test_a_written_answer_without_parts_is_empty_where_no_tokens_were_counted(tokens, cause):
    [said] = verdicts(trace("t", answered(None, SAID, tool_calls=0, output_tokens=tokens)))
    assert said[3] == cause


@pytest.mark.parametrize("says", ["peer closed without a close frame", "Broken pipe"])
def test_a_connection_that_broke_is_known_by_its_words_where_it_has_no_type(says):
    gone = {"status_code": ERROR, "status_message": says}
    assert one(ASKED, REPLIED, TOLD, **gone) == failed("external", "app_error")


@pytest.mark.parametrize(
    ("reason", "cause"),
    [
        ("length", "llm_truncated"),
        ("MAX_TOKENS", "llm_truncated"),
        ("content_filter", "llm_filtered"),
        ("SAFETY", "llm_filtered"),
        ("refusal", "llm_filtered"),
        ("MALFORMED_FUNCTION_CALL", "schema_invalid"),
        ("error", "llm_error"),
    ],
)
def test_bad_finish_reasons(reason, cause):
    assert one(answered(REPLY, SAID, finish_reason=reason)) == failed("reasoning", cause)


@pytest.mark.parametrize("reason", ["stop", "tool_calls", "end_turn", "STOP", "unknown", None])
def test_good_finish_reasons(reason):
    assert one(answered(REPLY, SAID, finish_reason=reason)) == FINE


def test_talked_over_realtime_answer_is_fine():
    call = answered("it is", SAID, finish_reason="error", speech_to_speech=True)
    assert one(call) == FINE


def test_tool_arguments_that_do_not_parse():
    call = answered("", SAID, tool_calls=1, bad_tool_arguments='look_up({"a": )')
    assert one(ASKED, call) == failed("reasoning", "schema_invalid")
    assert one(ASKED, call, tool(), REPLIED, TOLD) == FINE


def test_tool_that_failed():
    call = answered("", SAID, tool_calls=1)
    broken = tool(error="HTTPError", says="502")
    sorry = answered("sorry, that did not work", SAID)
    said = one(ASKED, call, broken, sorry, spoke("sorry, that did not work"))
    assert said == failed("reasoning", "tool_error", "reasoning>tool")


def test_tool_failure_that_only_the_model_was_told_of():
    sorry = answered("sorry", SAID, tool_failure="The function `f` failed and returned no result.")
    assert one(ASKED, answered("", SAID), sorry, spoke("sorry")) == failed(
        "reasoning", "tool_error", "reasoning>tool"
    )


def test_tool_with_a_model_inside():
    inner = answered(None, "sub-question", error="APIError")
    assert one(ASKED, answered("", SAID, tool_calls=1), tool("agent", inner), REPLIED, TOLD) == FINE


def test_refused_image():
    call = answered(
        None, None, error="BadRequestError", says="Invalid image", input_modalities=["image"]
    )
    assert one(call) == failed("reasoning", "input_rejected")


# What the application's own code raised.


def test_a_validator_is_not_to_blame():
    check = span("parse", error="ValidationError", says="field required")
    assert one(answered("{}", SAID), check, error="ValidationError") == failed(
        "reasoning", "schema_invalid"
    )


def test_a_validator_of_cut_json():
    check = span("parse", error="JSONDecodeError", says="Unterminated string starting at: line 1")
    assert one(answered('{"a": "b', SAID), check, error="JSONDecodeError") == failed(
        "reasoning", "llm_truncated"
    )


@pytest.mark.parametrize("kind", ["KeyError", "RuntimeError", "ValueError", "TypeError"])
def test_an_error_of_nobody_is_undetermined(kind):
    assert one(REPLIED, error=kind, says="disk full") == failed("undetermined", "app_error")
    assert one(ASKED, REPLIED, TOLD, error=kind) == failed("undetermined", "app_error")


def test_an_error_between_two_stages_is_told_by_the_stage_that_never_ran():
    said = one(ASKED, REPLIED, error="KeyError", says="'es'")
    assert said == failed("synthesis", "tts_missing", "reasoning>synthesis")
    assert one(ASKED, error="KeyError") == failed("undetermined", "app_error")


def test_another_system_that_fails_is_no_validator():
    query = span("SELECT", kind=CLIENT, error="ValidationError", says="bad row")
    find = span("find", role="other", error="KeyError", says="'index'")
    nobody = failed("undetermined", "app_error")
    assert one(answered("{}", SAID), query, error="ValidationError", says="bad row") == nobody
    assert one(answered("{}", SAID), find, error="KeyError", says="'index'") == nobody


def test_an_error_that_was_handled_does_not_hide_the_request_s_own():
    cache = span("GET", kind=CLIENT, error="ConnectionError", says="cache down", lasts=5)
    lost = {"error": "BrokenPipeError", "says": "peer closed"}
    assert one(cache, ASKED, REPLIED, TOLD, **lost) == failed("external", "app_error")
    bad = {"error": "ValidationError", "says": "field required"}
    agent = span("agent", answered("{}", SAID), role="wrapper", **bad)
    assert one(cache, agent, **bad) == failed("reasoning", "schema_invalid")
    tried = answered(None, SAID, error="RateLimitError", says="slow down")
    assert one(tried, answered("{}", SAID), **bad) == failed("reasoning", "schema_invalid")


@pytest.mark.parametrize(
    "outer",
    [
        {"error": "ConnectionError", "says": "cache down"},
        {"error": "RuntimeError", "says": "could not start: cache down"},
        {"error": "ConnectionError"},
        {"status_code": ERROR},
    ],
)
def test_an_error_that_only_came_up_is_blamed_where_it_began(outer):
    cache = span("GET", kind=CLIENT, error="ConnectionError", says="cache down")
    [row] = judge(spans(trace("t", span("root", REPLIED, cache, **outer))))
    assert verdict(row) == failed("undetermined", "app_error")
    assert [each["span_id"] for each in row["evidence"] if each["check"] == "app_error"] == ["GET"]


@pytest.mark.parametrize("code", [502, 503, 504])
@pytest.mark.parametrize("status", [0, ERROR])
def test_a_gateway_that_gave_up_on_an_application_that_ended_well(code, status):
    gateway = {"kind": SERVER, "http_status": code, "status_code": status}
    app = span("app", ASKED, REPLIED, TOLD, kind=SERVER, http_status=200)
    assert one(app, **gateway) == failed("external", "app_error")
    broken = spoke(REPLY, error="APIError", says="500")
    app = span("app", ASKED, REPLIED, broken, kind=SERVER, error="APIError", says="500")
    assert one(app, **gateway) == failed("synthesis", "tts_error")


def test_a_server_error_of_the_application_itself_is_no_gateway_s():
    app = {"kind": SERVER, "http_status": 500, "status_code": ERROR}
    assert one(ASKED, REPLIED, TOLD, **app) == failed("undetermined", "app_error")


@pytest.mark.parametrize(
    "words",
    ["1 validation error for Reply", "Expecting value: line 1 column 1 (char 0)"],
)
def test_a_validator_known_by_its_words_alone(words):
    said = {"status_code": ERROR, "status_message": words}
    assert one(answered(None, SAID), **said) == failed("reasoning", "schema_invalid")


def test_an_error_that_work_followed_was_handled():
    cache = span("load", role="wrapper", error="ConnectionError", says="cache down")
    gone = answered(None, SAID, error="CancelledError")
    assert one(cache, gone) == FINE


def test_a_deadline_of_the_application_blames_the_stage_that_used_it_up():
    hung = answered(None, SAID, error="CancelledError", at=100, lasts=5000)
    assert one(ASKED, hung, error="TimeoutError") == failed("reasoning", "llm_timeout")


def test_a_deadline_that_several_stages_used_up_blames_none():
    slow = heard(SAID, lasts=3000)
    hung = answered(None, SAID, error="CancelledError", at=3000, lasts=1000)
    assert one(slow, hung, error="TimeoutError") == failed("undetermined", "app_error")


def test_a_caller_that_hung_up():
    gone = answered(None, SAID, error="CancelledError")
    assert one(ASKED, gone, error="CancelledError") == FINE
    assert one(ASKED, gone, kind=SERVER, error="ClientDisconnect") == FINE


# What was never run.


def test_absent_stages_of_a_voice_request():
    assert one(ASKED, REPLIED) == failed("synthesis", "tts_missing", "reasoning>synthesis")
    missing = failed("reasoning", "llm_missing", "transcription>reasoning")
    assert one(ASKED, role="turn") == missing


def test_a_trace_that_only_transcribes_may_be_dictation():
    assert one(ASKED) == FINE


def test_a_turn_without_anything():
    assert one(role="turn") == failed("transcription", "stt_missing", "input>transcription")


def test_absence_is_said_of_the_stage_that_is_not_there():
    [row] = judge(spans(trace("t", span("root", ASKED, REPLIED))))
    outcomes = {each["at"]: each["outcome"] for each in row["outcomes"]}
    assert outcomes["synthesis"] == "missing"
    assert outcomes["reasoning>synthesis"] == "missing"
    assert outcomes["reasoning"] == "ok"


def test_speech_to_speech_is_not_asked_for_stages():
    assert one(answered(REPLY, None, speech_to_speech=True), role="turn") == FINE
    assert one(ASKED, answered(REPLY, None, output_modalities=["audio"])) == FINE


def test_a_turn_whose_transcript_was_not_recorded():
    assert one(REPLIED, TOLD, role="turn") == FINE


def test_an_unseen_transcript_with_nothing_after_it_is_no_proof_against_reasoning():
    assert one(heard(None), role="turn")[:2] == (True, "undetermined")


def test_an_unseen_answer_that_was_not_spoken_is_no_proof_against_synthesis():
    assert one(ASKED, answered(None, SAID)) == failed("undetermined", "tts_missing")


def test_a_recogniser_that_opens_after_the_answer_waits_for_the_next_words():
    assert one(ASKED, REPLIED, TOLD, heard(None), role="turn") == FINE
    assert one(ASKED, REPLIED, TOLD, heard("and tomorrow"), role="turn") == failed(
        "reasoning", "llm_missing", "transcription>reasoning"
    )


def test_the_words_of_the_prompt_around_an_empty_transcript_are_not_the_user_s():
    def turn(name, transcript, prompt):
        return span(name, heard(transcript), answered(REPLY, prompt), TOLD, role="turn")

    before = turn("one", SAID, f"The caller said: {SAID}. Be brief.")
    silent = turn("two", "", "The caller said: . Be brief.")
    typed = turn("two", "", "The caller said: book it. Be brief.")
    assert conversation(before, silent) == [FINE, failed("transcription", "stt_empty")]
    assert conversation(before, typed) == [FINE, FINE]
    assert conversation(silent) == [FINE]


def test_an_empty_transcript_in_a_trace_of_its_own():
    def turn(name, transcript, prompt, at):
        root = span(name, heard(transcript), answered(REPLY, prompt), TOLD, session_id="s")
        return trace(name, root, at=at)

    before = turn("one", SAID, f"The caller said: {SAID}", 0)
    silent = turn("two", "", "The caller said:", 9000)
    assert verdicts(before, silent) == [FINE, failed("transcription", "stt_empty")]


@pytest.mark.parametrize(
    "read", [{"name": "ocr"}, {"model": "parse-ocr-2"}, {"input_modalities": ["document"]}]
)
def test_a_page_that_was_read_is_not_asked_for_speech(read):
    assert one(heard(SAID, **read), REPLIED) == FINE
    assert one(heard(SAID, model="democracy-stt"), REPLIED)[1] == "synthesis"


def test_transcripts_that_a_service_does_not_record_are_not_empty():
    asked = span("one", heard(""), answered(REPLY, SAID), TOLD, role="turn")
    gone = span("two", heard(""), answered(None, None, error="CancelledError"), role="turn")
    assert conversation(asked, gone) == [FINE, FINE]
    bare = span("one", heard(""), answered(None, None), spoke(None), role="turn")
    assert conversation(bare) == [FINE]
    said = span("one", ASKED, REPLIED, TOLD, role="turn")
    assert conversation(said, gone) == [FINE, failed("transcription", "stt_empty")]


def test_a_guess_by_task_name_alone_expects_nothing():
    assert (
        one(span("listen", stage="transcription", stage_by="task_name", emitter="policy")) == FINE
    )


# Turns that the user interrupted.


def conversation(*turns):
    return verdicts(trace("t", span("call", *turns, role="session")))


def test_a_barge_in_excuses_what_it_cut_short():
    cut = span("turn", ASKED, REPLIED, role="turn", interrupted=True)
    after = span("turn", ASKED, REPLIED, TOLD, role="turn")
    assert conversation(cut, after) == [FINE, FINE]


def test_the_last_turn_of_a_conversation_was_not_barged_into():
    cut = span("turn", ASKED, REPLIED, role="turn", interrupted=True)
    assert conversation(cut) == [failed("synthesis", "tts_missing", "reasoning>synthesis")]


def test_a_barge_in_does_not_excuse_an_error():
    cut = span("turn", ASKED, answered(None, SAID, error="APIError"), role="turn", interrupted=True)
    after = span("turn", ASKED, REPLIED, TOLD, role="turn")
    assert conversation(cut, after) == [failed("reasoning", "llm_error"), FINE]


def test_a_later_utterance_of_the_turn_does_not_excuse_an_earlier_one():
    turn = span("turn", ASKED, answered(None, SAID, error="APIError"), ASKED, REPLIED, TOLD)
    turn.columns["role"] = "turn"
    assert conversation(turn) == [failed("reasoning", "llm_error")]


def test_a_user_who_goes_on_speaking_cuts_the_answer_short():
    turn = span(
        "turn",
        heard("is flight 12", at=0),
        answered("", "is flight 12", at=100, lasts=200),
        heard("not delayed", at=290),
        answered(REPLY, SAID),
        TOLD,
    )
    turn.columns["role"] = "turn"
    assert conversation(turn) == [FINE]


# Content that did not arrive.

LOSSES = {
    "negation": (SAID, "is flight 12 delayed"),
    "added negation": ("is flight 12 delayed", "is flight 12 not delayed"),
    "number": (SAID, "is flight 20 not delayed"),
    "number left out": (SAID, "is flight not delayed"),
    "truncated tail": ("book a table for two at the old mill", "book a table for two"),
    "name changed": ("call anna about the invoice", "call hannah about the invoice"),
    "empty": (SAID, ""),
    "wrong turn": (SAID, "please cancel my subscription today"),
}


@pytest.mark.parametrize(("said", "got"), LOSSES.values(), ids=LOSSES.keys())
def test_lost_between_transcription_and_reasoning(said, got):
    assert one(heard(said), answered(REPLY, got), TOLD) == lost("transcription>reasoning")


@pytest.mark.parametrize(("said", "got"), LOSSES.values(), ids=LOSSES.keys())
def test_lost_between_reasoning_and_synthesis(said, got):
    assert one(ASKED, answered(said, SAID), spoke(got)) == lost("reasoning>synthesis")


def test_a_segment_that_never_reached_the_model():
    said = one(
        heard("cancel my order"),
        heard("but keep the gift card"),
        answered("ok", "cancel my order"),
        spoke("ok"),
    )
    assert said == lost("transcription>reasoning")


def test_a_structured_answer_that_was_spoken_wrongly():
    answer = '{"intent": "status", "reply": "flight 12 is not delayed"}'
    assert one(ASKED, answered(answer, SAID), spoke("flight 12 is delayed")) == lost(
        "reasoning>synthesis"
    )


def test_a_prompt_around_the_transcript_is_no_loss():
    given = f"You are a helpful desk. Never guess, do not lie.\nUser said: {SAID.upper()}?\nAnswer:"
    assert one(ASKED, answered(REPLY, given), TOLD) == FINE


def test_a_transcript_that_only_the_context_holds_is_no_loss():
    assert one(ASKED, answered(REPLY, "answer the user", context_in=f"x {SAID} y"), TOLD) == FINE


def test_the_verdict_is_a_sentence_with_both_texts():
    [row] = judge(
        spans(trace("t", span("root", ASKED, answered(REPLY, "is flight 12 delayed"), TOLD)))
    )
    assert row["verdict"] == (
        "Content was lost between transcription and reasoning: transcription emitted “is flight 12"
        " not delayed”, but reasoning received “is flight 12 delayed”: “not” was lost."
    )


def test_below_the_floor_no_stage_is_named():
    [row] = judge(spans(trace("t", span("root", REPLIED, error="RuntimeError"))))
    assert row["stage"] == "undetermined"
    assert row["verdict"].startswith("It failed, but no stage can be named")
