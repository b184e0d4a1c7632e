"""Requests as real instrumentations write them, from raw attributes to the verdict."""

from __future__ import annotations

import json

import pytest

from tests.conftest import (
    CLIENT,
    EPOCH,
    ERROR,
    FINE,
    MS,
    OK,
    SERVER,
    canonical,
    judge,
    span,
    trace,
    verdict,
)

API = "https://api.vendor.test/v1"


def verdicts(*traces):
    return [verdict(row) for row in judge(canonical(*traces))]


def http(path, status=200, **columns):
    """An HTTP client call as the OpenTelemetry conventions record it; no status was no answer."""
    attributes = {"url.full": API + path}
    if status:
        attributes["http.response.status_code"] = status
    return span("POST", attributes=attributes, kind=CLIENT, **columns)


STT, LLM, TTS = "/audio/transcriptions", "/chat/completions", "/audio/speech"


def served(*below, status=200, **columns):
    """A request of a web framework; `status` is what it answered."""
    attributes = {"http.response.status_code": status}
    return trace("t", span("POST /talk", *below, attributes=attributes, kind=SERVER, **columns))


def test_http_calls_alone():
    assert verdicts(served(http(STT), http(LLM), http(TTS))) == [FINE]
    assert verdicts(served(http(LLM))) == [FINE]


@pytest.mark.parametrize(
    ("path", "stage", "cause"),
    [
        (STT, "transcription", "stt_error"),
        (LLM, "reasoning", "llm_error"),
        (TTS, "synthesis", "tts_error"),
    ],
)
def test_the_http_call_that_failed(path, stage, cause):
    calls = [STT, LLM, TTS]
    made = [http(each, 503 if each == path else 200) for each in calls[: calls.index(path) + 1]]
    said = verdicts(served(*made, status=500, status_code=ERROR))
    assert said == [(True, stage, None, cause)]


def test_http_calls_that_were_tried_again():
    calls = [http(STT, 500), http(STT), http(LLM, 429), http(LLM), http(TTS, 502), http(TTS)]
    assert verdicts(served(*calls)) == [FINE]


def test_http_calls_of_others_among_them():
    others = [
        http("/embeddings", 500),
        http("/track", 404),
        span("GET", attributes={"url.full": "http://cache/x"}, kind=CLIENT, status_code=ERROR),
    ]
    assert verdicts(served(http(STT), *others, http(LLM), http(TTS), *others)) == [FINE]


def test_a_caller_that_hung_up_during_an_http_call():
    assert verdicts(served(http(STT), http(LLM, None))) == [FINE]


def test_traces_of_other_services_in_the_dump():
    page = trace("a", span("GET /", http("/users", 404), kind=SERVER, status_code=ERROR))
    job = trace("b", span("sync", span("SELECT", kind=CLIENT), says="x", status_code=ERROR))
    [one, other] = verdicts(page, job)
    assert one == other == (None, None, None, None)


def chat(given="two tables", answer="done", status=0, **attributes):
    """A chat span of the OpenTelemetry GenAI conventions."""
    return span(
        "chat gpt",
        kind=CLIENT,
        status_code=status,
        attributes={
            "gen_ai.operation.name": "chat",
            "gen_ai.input.messages": parts("user", given),
            "gen_ai.output.messages": parts("assistant", answer),
            **attributes,
        },
    )


def parts(role, text):
    return json.dumps([{"role": role, "parts": [{"type": "text", "content": text}]}])


def test_a_chat_about_a_picture_that_was_not_recorded():
    blind = json.dumps([{"role": "user", "parts": []}])
    assert verdicts(served(chat(**{"gen_ai.input.messages": blind}))) == [FINE]


def test_a_chat_with_content_capture_off():
    bare = span("chat gpt", attributes={"gen_ai.operation.name": "chat"}, kind=CLIENT)
    assert verdicts(served(http(STT), bare, http(TTS))) == [FINE]


def test_a_model_call_that_was_told_of_a_tool_failure():
    told = json.dumps(
        [
            {"role": "user", "parts": [{"type": "text", "content": "two tables"}]},
            {"role": "assistant", "parts": [{"type": "tool_call", "name": "f", "arguments": {}}]},
            {
                "role": "tool",
                "parts": [{"type": "tool_call_response", "id": "1", "response": "Error: no seats"}],
            },
        ]
    )
    call = chat(answer="sorry", **{"gen_ai.input.messages": told})
    assert verdicts(served(call)) == [(True, "reasoning", "reasoning>tool", "tool_error")]


def pipecat(name, operation, **attributes):
    return span(
        name, scope_name="pipecat", attributes={"gen_ai.operation.name": operation, **attributes}
    )


def pipecat_call(*turns):
    rows = [
        span(
            "turn",
            *below,
            scope_name="pipecat.turn",
            attributes={"turn.number": i, "turn.was_interrupted": i == len(turns)},
        )
        for i, below in enumerate(turns, 1)
    ]
    return trace("t", span("conversation", *rows, scope_name="pipecat.turn"))


def heard(text):
    return pipecat("stt", "stt", transcript=text)


def thought(given, answer):
    said = {"output": answer} if answer else {}
    question = json.dumps([{"role": "user", "content": given}])
    return pipecat("llm", "chat", input=question, **said, **{"metrics.ttfb": 0.3})


def spoken(text, alive=True):
    return pipecat("tts", "tts", text=text, **({"metrics.ttfb": 0.1} if alive else {}))


GOOD = (heard("two tables"), thought("two tables", "it is done"), spoken("it is done"))


def test_a_pipecat_call():
    greeting = (spoken("hello there"),)
    assert verdicts(pipecat_call(greeting, GOOD, GOOD)) == [FINE] * 3


def test_pipecat_failures_that_no_status_shows():
    assert verdicts(pipecat_call(GOOD, ())) == [
        FINE,
        (True, "transcription", "input>transcription", "stt_missing"),
    ]
    assert verdicts(pipecat_call((*GOOD[:2], spoken("it is done", alive=False)))) == [
        (True, "synthesis", None, "tts_error")
    ]
    assert verdicts(pipecat_call((GOOD[0], thought("two tables", None)))) == [
        (True, "reasoning", None, "llm_empty")
    ]
    assert verdicts(pipecat_call((GOOD[0], thought("tables", "it is done"), GOOD[2]))) == [
        (True, "transcription", "transcription>reasoning", "handoff_loss")
    ]


def test_a_listener_who_hums_during_a_pipecat_answer():
    assert verdicts(pipecat_call((*GOOD, heard("Mm-hmm.")), GOOD)) == [FINE, FINE]


def task(name, *below, **columns):
    """A task of an application's own tracing."""
    return span(f"{name}.task", *below, scope_name="traceloop.tracer", **columns)


def test_tasks_of_an_application_whose_speech_calls_leave_no_span():
    below = (task("transcribe"), task("think", chat()), task("speak"))
    assert verdicts(trace("t", span("talk.workflow", *below))) == [FINE]
    broken = task("speak", error="APIError", says="500")
    failed = span("talk.workflow", *below[:2], broken, error="APIError", says="500")
    assert verdicts(trace("t", failed)) == [(True, "synthesis", None, "tts_error")]


@pytest.mark.parametrize("status", [0, OK])
def test_spans_called_like_a_stage_in_a_service_that_is_none(status):
    top = span("accept", span("listen"), span("say"), status_code=status)
    assert verdicts(trace("t", top))[0][0] is not True
    assert verdicts(trace("t", span("accept", span("listen"), status_code=status))) == [FINE]


def test_messages_of_a_service_that_names_its_own_spans():
    def step(name, **texts):
        keys = {"given": "gen_ai.input.messages", "said": "gen_ai.output.messages"}
        return span(name, attributes={keys[k]: parts("user", v) for k, v in texts.items()})

    ears, voice = step("stt", said="two tables"), step("tts", given="it is done")
    thinks = step("llm", given="two tables", said="it is done")
    assert verdicts(trace("t", span("root", ears, thinks, voice))) == [FINE]
    lost = step("llm", given="tables", said="it is done")
    assert verdicts(trace("t", span("root", ears, lost, voice))) == [
        (True, "transcription", "transcription>reasoning", "handoff_loss")
    ]


def test_a_server_that_answered_all_the_same_got_over_its_exception():
    raised = {
        "exception_type": "ConnectionError",
        "exception_message": "cache down",
        "exception_unix_nano": EPOCH + 100 * MS,
    }
    assert verdicts(served(http(LLM), **raised)) == [FINE]
    [failed] = verdicts(served(http(LLM), status=500, **raised))
    assert failed == (True, "undetermined", None, "app_error")


def test_a_task_that_reads_a_page():
    read = task("ocr", error="APIError", says="500")
    failed = span("talk.workflow", read, error="APIError", says="500")
    assert verdicts(trace("t", failed)) == [(True, "transcription", None, "stt_error")]
