"""What each mapping makes of the spans of its library: claim, stage, role, texts, traps."""

from __future__ import annotations

import json

import pytest

from tests.conftest import CLIENT, ERROR, SERVER, by_id, canonical, span, trace


def op(name):
    """The attribute of the OpenTelemetry conventions that names an operation."""
    return {"gen_ai.operation.name": name}


def kind(name):
    """The attribute of OpenInference that names a kind of span."""
    return {"openinference.span.kind": name}


CHAT, LLM = op("chat"), kind("LLM")


def read(name, attributes=None, scope=None, **columns):
    """The canonical row of one span."""
    each = span(name, attributes=attributes or {}, scope_name=scope, **columns)
    return by_id(canonical(trace("t", each)))[name]


def shown(row):
    return row["emitter"], row["stage"], row["role"]


def messages(*turns):
    """OpenTelemetry GenAI messages, one text part each."""
    return json.dumps(
        [{"role": role, "parts": [{"type": "text", "content": text}]} for role, text in turns]
    )


PIPECAT = "pipecat"
LIVEKIT = "livekit-agents"
OI_PIPECAT = "openinference.instrumentation.pipecat"

STAGES = [
    # pipecat: scope `pipecat.turn` for the containers, `pipecat` for the services
    ("conversation", {}, "pipecat.turn", ("pipecat", None, "session")),
    ("turn", {"turn.number": 1}, "pipecat.turn", ("pipecat", None, "turn")),
    ("stt", op("stt"), PIPECAT, ("pipecat", "transcription", None)),
    ("llm", CHAT, PIPECAT, ("pipecat", "reasoning", None)),
    ("tts", op("tts"), PIPECAT, ("pipecat", "synthesis", None)),
    ("llm_response", op("llm_response"), PIPECAT, ("pipecat", "reasoning", None)),
    ("llm_setup", op("llm_setup"), PIPECAT, ("pipecat", None, "other")),
    ("llm_tool_call", {}, PIPECAT, ("pipecat", "tool", None)),
    # livekit: the user's turn stands for the recogniser once it has a transcript
    ("agent_session", op("invoke_workflow"), LIVEKIT, ("livekit", None, "session")),
    ("user_turn", {}, LIVEKIT, ("livekit", None, "user_turn")),
    (
        "user_turn",
        {"lk.pii.user_transcript": "hi"},
        LIVEKIT,
        ("livekit", "transcription", "user_turn"),
    ),
    ("user_turn", {"lk.user_transcript": "hi"}, LIVEKIT, ("livekit", "transcription", "user_turn")),
    ("agent_turn", op("invoke_agent"), LIVEKIT, ("livekit", None, "agent_turn")),
    ("llm_node", {}, LIVEKIT, ("livekit", "reasoning", None)),
    ("llm_request", CHAT, LIVEKIT, ("livekit", "reasoning", None)),
    ("llm_request_run", {}, LIVEKIT, ("livekit", "reasoning", None)),
    ("tts_node", {}, LIVEKIT, ("livekit", "synthesis", None)),
    ("tts_stream_adapter", {}, LIVEKIT, ("livekit", "synthesis", None)),
    ("tts_request", {}, LIVEKIT, ("livekit", "synthesis", None)),
    ("tts_request_run", {}, LIVEKIT, ("livekit", "synthesis", None)),
    ("function_tool", op("execute_tool"), LIVEKIT, ("livekit", "tool", None)),
    ("eou_detection", {}, LIVEKIT, ("livekit", None, "other")),
    # openinference: kind LLM stands on recognisers and synthesisers too
    ("ChatCompletion", LLM, None, ("openinference", "reasoning", None)),
    ("Response", LLM, None, ("openinference", "reasoning", None)),
    ("Transcription", LLM, None, ("openinference", "transcription", None)),
    ("TranscriptionVerbose", LLM, None, ("openinference", "transcription", None)),
    ("Translation", LLM, None, ("openinference", "transcription", None)),
    ("HttpxBinaryResponseContent", LLM, None, ("openinference", "synthesis", None)),
    ("CreateEmbeddingResponse", kind("EMBEDDING"), None, ("openinference", None, "other")),
    ("guard", kind("GUARDRAIL"), None, ("openinference", None, "other")),
    ("look_up", kind("TOOL"), None, ("openinference", "tool", None)),
    ("chain", kind("CHAIN"), None, ("openinference", None, None)),
    # openinference_pipecat: claimed by its scope, though it writes OpenInference kinds
    (
        "pipecat.conversation.turn",
        kind("CHAIN"),
        OI_PIPECAT,
        ("openinference_pipecat", None, "turn"),
    ),
    ("pipecat.stt", LLM, OI_PIPECAT, ("openinference_pipecat", "transcription", None)),
    ("pipecat.llm", LLM, OI_PIPECAT, ("openinference_pipecat", "reasoning", None)),
    ("pipecat.tts", LLM, OI_PIPECAT, ("openinference_pipecat", "synthesis", None)),
    ("pipecat.tool.find", kind("TOOL"), OI_PIPECAT, ("openinference_pipecat", "tool", None)),
    # OpenTelemetry GenAI
    ("chat gpt", CHAT, "any", ("otel_genai", "reasoning", None)),
    ("stt", op("speech_to_text"), "any", ("otel_genai", "transcription", None)),
    ("user", op("user_speech"), "any", ("otel_genai", "transcription", None)),
    ("tts", op("text_to_speech"), "any", ("otel_genai", "synthesis", None)),
    ("tool", op("execute_tool"), "any", ("otel_genai", "tool", None)),
    ("agent", op("invoke_agent"), "any", ("otel_genai", None, "wrapper")),
    ("embeddings x", op("embeddings"), "any", ("otel_genai", None, "other")),
    ("rt", op("realtime_inference"), "any", ("otel_genai", "reasoning", None)),
    # Vercel AI SDK, new and legacy
    ("ai.transcribe whisper", op("ai.transcribe"), "gen_ai", ("vercel_ai", "transcription", None)),
    ("ai.generateSpeech tts", op("ai.generateSpeech"), "gen_ai", ("vercel_ai", "synthesis", None)),
    ("chat gpt", CHAT, "gen_ai", ("vercel_ai", "reasoning", None)),
    ("step 1", op("agent_step"), "gen_ai", ("vercel_ai", None, "wrapper")),
    ("execute_tool f", op("execute_tool"), "gen_ai", ("vercel_ai", "tool", None)),
    (
        "ai.generateText",
        {"ai.operationId": "ai.generateText"},
        "ai",
        ("vercel_ai", None, "wrapper"),
    ),
    (
        "ai.generateText.doGenerate",
        {"ai.operationId": "ai.generateText.doGenerate"},
        "ai",
        ("vercel_ai", "reasoning", None),
    ),
    (
        "ai.streamText.doStream",
        {"ai.operationId": "ai.streamText.doStream"},
        "ai",
        ("vercel_ai", "reasoning", None),
    ),
    ("ai.toolCall", {"ai.operationId": "ai.toolCall"}, "ai", ("vercel_ai", "tool", None)),
    ("ai.embedMany", {"ai.operationId": "ai.embedMany"}, "ai", ("vercel_ai", None, "other")),
]


@pytest.mark.parametrize(("name", "attributes", "scope", "want"), STAGES)
def test_stage_and_role(name, attributes, scope, want):
    assert shown(read(name, attributes, scope)) == want


def test_realtime_calls_do_all_three_stages():
    for name, scope in (("llm_response", PIPECAT), ("realtime_inference", "any")):
        row = read(name, {"gen_ai.operation.name": name}, scope)
        assert row["speech_to_speech"]
    assert not read("llm", CHAT, PIPECAT)["speech_to_speech"]


def test_turn_based_emitters():
    assert read("llm", CHAT, PIPECAT)["turn_based"]
    assert read("llm_node", {}, LIVEKIT)["turn_based"]
    assert not read("chat", CHAT, "any")["turn_based"]


# pipecat


def test_pipecat_texts():
    stt = read("stt", {"gen_ai.operation.name": "stt", "transcript": "two tables"}, PIPECAT)
    given = json.dumps(
        [{"role": "system", "content": "be kind"}, {"role": "user", "content": "two"}]
    )
    llm = read("llm", {**CHAT, "input": given, "output": "done", "metrics.ttfb": 0.5}, PIPECAT)
    tts = read(
        "tts", {"gen_ai.operation.name": "tts", "text": "done", "metrics.ttfb": 0.1}, PIPECAT
    )
    assert (stt["text_out"], stt["text_out_attribute"]) == ("two tables", "transcript")
    assert (llm["text_in"], llm["context_in"], llm["text_out"]) == ("two", "be kind\ntwo", "done")
    assert (llm["text_in_attribute"], llm["text_out_attribute"]) == ("input", "output")
    assert llm["ttft_ms"] == 500.0
    assert (tts["text_in"], tts["sign"]) == ("done", None)


def test_pipecat_writes_nothing_where_there_was_nothing():
    assert read("stt", op("stt"), PIPECAT)["text_out"] == ""
    assert read("llm", {**CHAT, "input": "[]"}, PIPECAT)["text_out"] == ""


def test_pipecat_without_content_capture_says_nothing_about_the_answer():
    assert read("llm", CHAT, PIPECAT)["text_out"] is None


def test_pipecat_speech_without_a_first_byte_failed():
    dead = read("tts", {"gen_ai.operation.name": "tts", "text": "done"}, PIPECAT)
    assert (dead["sign"], dead["sign_cause"]) == ("failed", "tts_error")
    cut = {"gen_ai.operation.name": "tts", "tts.interrupted": True}
    assert read("tts", cut, PIPECAT)["sign"] is None


@pytest.mark.parametrize(
    ("status", "sign", "cause"),
    [
        ("failed", "failed", "llm_error"),
        ("incomplete", "failed", "llm_truncated"),
        ("cancelled", "cancelled", None),
        ("completed", None, None),
    ],
)
def test_pipecat_realtime_status(status, sign, cause):
    attributes = {"gen_ai.operation.name": "llm_response", "response.status": status}
    row = read("llm_response", attributes, PIPECAT)
    assert (row["sign"], row["sign_cause"]) == (sign, cause)


# openinference-instrumentation-pipecat: the directions are reversed


def test_openinference_pipecat_directions():
    stt = read("pipecat.stt", {"input.value": "heard"}, OI_PIPECAT)
    llm = read("pipecat.llm", {"input.value": "heard", "output.value": "said"}, OI_PIPECAT)
    tts = read("pipecat.tts", {"output.value": "said"}, OI_PIPECAT)
    assert (stt["text_in"], stt["text_out"]) == (None, "heard")
    assert (llm["text_in"], llm["text_out"]) == ("heard", "said")
    assert (tts["text_in"], tts["text_out"]) == ("said", None)


def test_openinference_pipecat_failures_despite_status_ok():
    assert read("pipecat.llm", {"input.value": "x"}, OI_PIPECAT, status_code=1)["sign"] == "failed"
    assert read("pipecat.tts", {}, OI_PIPECAT, status_code=1)["sign"] == "failed"
    tool = read("pipecat.tool.f", {"frame.error.message": "no"}, OI_PIPECAT, status_code=1)
    assert (tool["sign"], tool["sign_cause"]) == ("failed", "tool_error")
    called = {"input.value": "x", "llm.token_count.completion": 4}
    assert read("pipecat.llm", called, OI_PIPECAT)["sign"] is None


def test_openinference_pipecat_real_model_name():
    row = read("pipecat.llm", {"llm.model_name": "unknown", "metrics.model": "gpt"}, OI_PIPECAT)
    assert row["model"] == "gpt"


# livekit


@pytest.mark.parametrize("prefix", ["lk.pii.", "lk."])
def test_livekit_texts_old_and_new(prefix):
    user = read("user_turn", {f"{prefix}user_transcript": "heard"}, LIVEKIT)
    agent = read("agent_turn", {f"{prefix}user_input": "heard"}, LIVEKIT)
    context = json.dumps({"items": [{"type": "message", "role": "user", "content": ["heard"]}]})
    node = read(
        "llm_node", {f"{prefix}chat_ctx": context, f"{prefix}response.text": "said"}, LIVEKIT
    )
    request = read("tts_request", {f"{prefix}input_text": "said"}, LIVEKIT)
    assert (user["text_out"], agent["text_in"]) == ("heard", "heard")
    assert (node["text_in"], node["text_out"]) == ("heard", "said")
    assert request["text_in"] == "said"


@pytest.mark.parametrize(
    ("source", "interrupted"),
    [("audio_activity", True), ("user_turn", True), ("programmatic", None)],
)
def test_livekit_only_the_users_voice_interrupts(source, interrupted):
    attributes = {"lk.interrupted": True, "lk.interruption.source": source}
    assert read("agent_turn", attributes, LIVEKIT)["interrupted"] is interrupted


def test_livekit_a_tool_that_raised():
    row = read("function_tool", {"lk.function_tool.is_error": True}, LIVEKIT)
    assert (row["sign"], row["sign_cause"]) == ("failed", "tool_error")
    assert read("function_tool", {"lk.function_tool.is_error": False}, LIVEKIT)["sign"] is None


# openinference


def test_openinference_texts():
    stt = read("Transcription", {**LLM, "output.value": '{"text": "two", "usage": {}}'})
    body = json.dumps({"messages": [{"role": "user", "content": "two"}], "model": "gpt"})
    answer = json.dumps(
        {
            "choices": [
                {"message": {"role": "assistant", "content": "done"}, "finish_reason": "stop"}
            ]
        }
    )
    llm = read("ChatCompletion", {**LLM, "input.value": body, "output.value": answer})
    tts = read(
        "HttpxBinaryResponseContent", {**LLM, "input.value": '{"input": "done", "model": "m"}'}
    )
    assert stt["text_out"] == "two"
    assert (llm["text_in"], llm["text_out"], llm["finish_reason"]) == ("two", "done", "stop")
    assert (tts["text_in"], tts["text_out"], tts["model"]) == ("done", None, "m")


def test_openinference_model_and_text_of_speech_in_its_parameters():
    parameters = json.dumps({"input": "done", "model": "tts-1", "voice": "a"})
    row = read("HttpxBinaryResponseContent", {**LLM, "llm.invocation_parameters": parameters})
    assert (row["text_in"], row["model"]) == ("done", "tts-1")


# OpenTelemetry GenAI


def test_genai_texts():
    llm = {
        **CHAT,
        "gen_ai.input.messages": messages(("user", "two")),
        "gen_ai.output.messages": messages(("assistant", "done")),
    }
    row = read("chat", llm, "any")
    assert (row["text_in"], row["text_out"]) == ("two", "done")
    heard = {
        "gen_ai.operation.name": "speech_to_text",
        "gen_ai.output.messages": messages(("assistant", "two")),
    }
    assert read("stt", heard, "any")["text_out"] == "two"
    spoken = {
        "gen_ai.operation.name": "text_to_speech",
        "gen_ai.input.messages": messages(("user", "done")),
    }
    assert read("tts", spoken, "any")["text_in"] == "done"
    user = {
        "gen_ai.operation.name": "user_speech",
        "gen_ai.input.messages": messages(("user", "two")),
    }
    assert read("user", user, "any")["text_out"] == "two"


@pytest.mark.parametrize("scope", ["any", "gen_ai", LIVEKIT])
def test_the_finish_reason_attribute_beats_the_message_list(scope):
    said = json.dumps([{"role": "assistant", "parts": [], "finish_reason": "stop"}])
    attributes = {
        **CHAT,
        "gen_ai.response.finish_reasons": ["length"],
        "gen_ai.output.messages": said,
    }
    assert read("llm_request", attributes, scope)["finish_reason"] == "length"
    del attributes["gen_ai.response.finish_reasons"]
    assert read("llm_request", attributes, scope)["finish_reason"] == "stop"


def test_dropped_media_is_not_an_empty_question():
    given = json.dumps([{"role": "user", "parts": []}])
    row = read("chat", {**CHAT, "gen_ai.input.messages": given}, "any")
    assert row["text_in"] is None


# Vercel AI SDK


def test_vercel_texts():
    stt = read(
        "ai.transcribe", {"ai.operationId": "ai.transcribe", "ai.response.text": "two"}, "ai"
    )
    llm = read(
        "x",
        {
            "ai.operationId": "ai.generateText.doGenerate",
            "ai.prompt.messages": '[{"role":"user","content":[{"type":"text","text":"two"}]}]',
            "ai.response.text": "done",
            "ai.response.finishReason": "stop",
        },
        "ai",
    )
    tts = read(
        "s", {"gen_ai.operation.name": "ai.generateSpeech", "ai.request.text": "done"}, "gen_ai"
    )
    assert stt["text_out"] == "two"
    assert (llm["text_in"], llm["text_out"], llm["finish_reason"]) == ("two", "done", "stop")
    assert tts["text_in"] == "done"


def test_vercel_speech_of_no_bytes():
    attributes = {"gen_ai.operation.name": "ai.generateSpeech", "ai.response.audio.size": 0}
    row = read("s", attributes, "gen_ai")
    assert (row["sign"], row["sign_cause"]) == ("empty", "tts_empty")
    assert read("s", {**attributes, "ai.response.audio.size": 9}, "gen_ai")["sign"] is None


def test_vercel_calls_a_pdf_an_image():
    part = {"type": "blob", "modality": "image", "mime_type": "application/pdf", "content": "x"}
    given = json.dumps([{"role": "user", "parts": [part]}])
    row = read("chat", {**CHAT, "gen_ai.input.messages": given}, "gen_ai")
    assert row["input_modalities"] == ["document"]


# HTTP calls and the rules of the policy


@pytest.mark.parametrize(
    ("url", "stage"),
    [
        ("https://api.x.com/v1/audio/transcriptions", "transcription"),
        ("https://api.x.com/v1/audio/translations?x=1", "transcription"),
        ("https://api.x.com/v1/chat/completions", "reasoning"),
        ("https://api.x.com/v1/responses", "reasoning"),
        ("https://api.x.com/v1/messages#a", "reasoning"),
        ("https://api.x.com/v1/audio/speech", "synthesis"),
        ("https://api.x.com/v1/text-to-speech/abc", "synthesis"),
        ("https://api.x.com/v1/embeddings", None),
        ("https://audio/speech.com/", None),
        ("/v1/audio/speech", "synthesis"),
    ],
)
@pytest.mark.parametrize("key", ["url.full", "http.url"])
def test_an_http_call_by_its_url(url, stage, key):
    row = read("POST", {key: url}, "opentelemetry.instrumentation.httpx", kind=CLIENT)
    assert (row["emitter"], row["stage"]) == ("http_client", stage)
    assert row["stage_by"] == (stage and "url_path")


def test_a_server_span_is_never_a_stage():
    url = {"url.full": "https://me/v1/audio/speech"}
    row = read("POST /v1/audio/speech", url, "fastapi", kind=SERVER)
    assert (row["stage"], row["emitter"]) == (None, None)


@pytest.mark.parametrize(
    ("name", "attributes", "want"),
    [
        ("x", {"gen_ai.output.type": "speech"}, ("synthesis", "output_type")),
        ("x", {"gen_ai.output.type": "text"}, (None, None)),
        ("STT", {}, ("transcription", "span_name")),
        ("x", {"gen_ai.request.model": "Whisper-1"}, ("transcription", "model")),
        ("x", {"gen_ai.request.model": "gpt-4o-mini-tts"}, ("synthesis", "model")),
        ("x", {"llm.model_name": "gpt-4o"}, (None, None)),
        ("transcribe.task", {}, ("transcription", "task_name")),
        ("speak", {}, ("synthesis", "task_name")),
        ("speak_now_please", {}, (None, None)),
        # The order of the kinds: the name of a span beats its model, a model beats a task's name.
        ("llm", {"gen_ai.request.model": "whisper-1"}, ("reasoning", "span_name")),
        ("speak", {"gen_ai.request.model": "whisper-1"}, ("transcription", "model")),
        ("tts", {"gen_ai.output.type": "speech"}, ("synthesis", "span_name")),
        ("listen", {"gen_ai.output.type": "speech"}, ("synthesis", "output_type")),
    ],
)
def test_rules_of_the_policy_for_spans_of_nobody(name, attributes, want):
    row = read(name, attributes)
    assert (row["stage"], row["stage_by"]) == want
    assert row["emitter"] == ("policy" if want[0] else None)


def test_an_operation_that_a_mapping_does_not_know_falls_to_the_policy():
    row = read("x", op("asr"), "any")
    assert (row["emitter"], row["stage"], row["stage_by"]) == (
        "otel_genai",
        "transcription",
        "operation",
    )


def test_a_mapping_that_gives_a_role_is_not_overruled():
    row = read("tts", op("invoke_agent"), "any")
    assert (row["stage"], row["role"]) == (None, "wrapper")


# What is common to all


def test_ids_of_anyone():
    row = read("x", {"session.id": "s", "user.id": "u"})
    assert (row["session_id"], row["user_id"]) == ("s", "u")


def test_the_exception_names_the_error_before_the_attribute_does():
    row = read("x", {"error.type": "500"}, status_code=ERROR, exception_type="APIError")
    assert row["error_type"] == "APIError"
    assert read("x", {"error.type": "500"}, status_code=ERROR)["error_type"] == "500"


def test_rows_stay_in_their_order():
    frame = canonical(
        trace(
            "t",
            span("a", attributes=CHAT),
            span("b", scope_name=PIPECAT),
            span("c"),
            span("d", attributes=LLM),
        )
    )
    assert frame["span_id"].to_list() == ["a", "b", "c", "d"]
    assert canonical(trace("t", span("a"))).clear().columns == frame.columns
