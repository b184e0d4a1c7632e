"""One test per trap that an emitter sets: what its spans look like, and what must come of them."""

from __future__ import annotations

import base64
import json

import pytest

from tests.conftest import CLIENT, FINE, OK, SERVER
from tests.normalise.otlp import judged, judged_turns, read, span
from tracelens.normalise import find_emitters

PIPECAT, TURNS = "pipecat", "pipecat.turn"
LIVEKIT = "livekit-agents"
OI_PIPECAT = "openinference.instrumentation.pipecat"
OI_OPENAI = "openinference.instrumentation.openai"
OI_AGENTS = "openinference.instrumentation.openai_agents"
OPENAI_V2 = "opentelemetry.instrumentation.openai_v2"
HTTPX = "opentelemetry.instrumentation.httpx"
TRACELOOP, OPENLLMETRY = "traceloop.tracer", "opentelemetry.instrumentation.openai.v1"
TRACELOOP_AGENTS = "opentelemetry.instrumentation.openai_agents"
LOGFIRE = "logfire.openai_agents"
PYDANTIC = "pydantic-ai"
VERCEL, VERCEL_OLD = "gen_ai", "ai"
LANGFUSE = "langfuse-sdk"

AUDIO = base64.b64encode(bytes(range(256)) * 4).decode()


def op(name, **more):
    """Attributes of an operation of the GenAI conventions; `__` stands for a dot."""
    return {"gen_ai.operation.name": name, **{k.replace("__", "."): v for k, v in more.items()}}


def said(*turns):
    """Messages of the GenAI conventions with a text part each, as JSON."""
    return json.dumps(
        [{"role": role, "parts": [{"type": "text", "content": words}]} for role, words in turns]
    )


def chat(question="two tables", answer="done", **columns):
    """A model call of the GenAI conventions; other attributes and columns by keyword."""
    attributes = op("chat") | columns.pop("attributes", {})
    if question is not None:
        attributes |= {"gen_ai.input.messages": said(("user", question))}
    if answer is not None:
        attributes |= {"gen_ai.output.messages": said(("assistant", answer))}
    return span(columns.pop("name", "chat gpt-4o"), attributes=attributes, **columns)


def kind(name, **more):
    return {"openinference.span.kind": name, **{k.replace("__", "."): v for k, v in more.items()}}


# All emitters


def test_an_error_that_a_retry_got_over_is_no_failure():
    first = chat(answer=None, error="RateLimitError")
    assert judged(span("request", first, chat(name="again"))) == FINE


def test_a_failure_without_an_error_status():
    spans = pipecat_turn(
        span("stt", scope_name=PIPECAT, attributes=op("stt", transcript="two tables")),
        span("llm", scope_name=PIPECAT, attributes=pipecat_llm("two tables", "done")),
        span("tts", scope_name=PIPECAT, attributes=op("tts", text="done")),
    )
    assert judged(*spans) == (True, "synthesis", None, "tts_error")


def test_status_ok_can_be_a_lie():
    llm = span(
        "pipecat.llm",
        scope_name=OI_PIPECAT,
        status_code=OK,
        attributes=kind("LLM", input__value="two tables"),
    )
    stt = span(
        "pipecat.stt",
        scope_name=OI_PIPECAT,
        status_code=OK,
        attributes=kind("LLM", input__value="two tables"),
    )
    turn = span(
        "pipecat.conversation.turn",
        stt,
        llm,
        scope_name=OI_PIPECAT,
        status_code=OK,
        attributes=kind("CHAIN"),
    )
    assert judged(turn) == (True, "reasoning", None, "llm_error")


def test_a_root_that_is_ok_while_its_child_failed():
    stt = span(
        "transcription",
        scope_name=OI_AGENTS,
        attributes=kind("CHAIN"),
        error="APIError",
        says="500",
    )
    root = span("Bank voice", stt, scope_name=OI_AGENTS, status_code=OK, attributes=kind("AGENT"))
    assert judged(root) == (True, "transcription", None, "stt_error")


def test_output_type_text_is_not_reasoning():
    assert read("x", {"gen_ai.output.type": "text"})["stage"] is None
    row = read("ai.transcribe m", op("ai.transcribe", gen_ai__output__type="text"), VERCEL)
    assert row["stage"] == "transcription"


def test_output_type_speech_is_synthesis():
    assert read("x", {"gen_ai.output.type": "speech"})["stage"] == "synthesis"


def test_kind_llm_is_not_reasoning():
    for name, stage in (
        ("Transcription", "transcription"),
        ("HttpxBinaryResponseContent", "synthesis"),
        ("ChatCompletion", "reasoning"),
        ("completion", "reasoning"),
    ):
        assert read(name, kind("LLM"), OI_OPENAI)["stage"] == stage


def test_kind_llm_with_the_model_of_a_recogniser():
    row = read("call", kind("LLM", llm__model_name="whisper-1"), "any")
    assert (row["stage"], row["stage_by"]) == ("transcription", "model")


@pytest.mark.parametrize(
    ("operation", "stage", "role"),
    [
        *((name, "transcription", None) for name in ("stt", "speech_to_text", "transcription")),
        ("user_speech", "transcription", None),
        *((name, "synthesis", None) for name in ("tts", "text_to_speech", "speech")),
        *(
            (name, None, "wrapper")
            for name in ("speech_group", "agent_step", "invoke_agent", "invoke_workflow")
        ),
        ("create_agent", None, "wrapper"),
        *(
            (name, "reasoning", None)
            for name in ("chat", "generate_content", "text_completion", "responses")
        ),
        *((name, "reasoning", None) for name in ("realtime_inference", "generate_live_content")),
        ("realtime", "reasoning", None),
        ("execute_tool", "tool", None),
        *((name, None, "other") for name in ("embeddings", "retrieval", "search_memory")),
    ],
)
def test_the_vocabulary_of_operations(operation, stage, role):
    row = read("span", op(operation), "some.library")
    assert (row["stage"], row["role"]) == (stage, role)


def test_usage_of_wrappers_is_left_out():
    usage = {"gen_ai.usage.input_tokens": 100, "gen_ai.usage.output_tokens": 7}
    for scope in (VERCEL, PYDANTIC, "any"):
        assert read("invoke_agent a", op("invoke_agent") | usage, scope)["input_tokens"] is None
        assert read("chat m", op("chat") | usage, scope)["input_tokens"] == 100
    task = {"usage": '{"input_tokens":100,"output_tokens":7}', "sdk_span_type": "task"}
    assert read("Task: Agent workflow", task, LOGFIRE)["input_tokens"] is None


def test_a_request_is_not_a_trace():
    turns = [
        span(
            "turn",
            span("stt", scope_name=PIPECAT, attributes=op("stt", transcript=words)),
            span("llm", scope_name=PIPECAT, attributes=pipecat_llm(words, "done")),
            span("tts", scope_name=PIPECAT, attributes=PIPECAT_TTS),
            scope_name=TURNS,
            attributes={"turn.number": number},
        )
        for number, words in ((1, "two tables"), (2, "at noon"))
    ]
    spans = span("conversation", *turns, scope_name=TURNS)
    assert judged_turns(spans) == [FINE, FINE]


@pytest.mark.parametrize(
    ("spoken", "lost"),
    [("Done. Paid.", False), ("done  paid ", False), ("Done.", True)],
)
def test_texts_are_compared_without_layout(spoken, lost):
    said_and_spoken = span(
        "request",
        chat(answer="Done.  Paid."),
        span(
            "tts",
            attributes=op("text_to_speech") | {"gen_ai.input.messages": said(("user", spoken))},
        ),
    )
    want = (True, "reasoning", "reasoning>synthesis", "handoff_loss") if lost else FINE
    assert judged(said_and_spoken) == want


def test_sentences_of_one_answer_are_joined():
    sentences = [
        span(f"tts{i}", attributes=op("tts") | {"gen_ai.input.messages": said(("user", words))})
        for i, words in enumerate(("Done. ", "Bye."))
    ]
    assert judged(span("request", chat(answer="Done. Bye."), *sentences)) == FINE


def test_audio_in_a_text_part_is_never_taken_for_words():
    heard = op("transcription") | {
        "gen_ai.input.messages": said(("user", AUDIO)),
        "gen_ai.output.messages": said(("assistant", "two tables")),
    }
    row = read("openai.realtime.transcription", heard, TRACELOOP_AGENTS)
    assert (row["text_in"], row["text_out"]) == (None, "two tables")
    spoken = op("speech") | {
        "gen_ai.input.messages": said(("user", "done")),
        "gen_ai.output.messages": said(("assistant", AUDIO)),
    }
    row = read("openai.realtime.speech", spoken, TRACELOOP_AGENTS)
    assert (row["text_in"], row["text_out"]) == ("done", None)


@pytest.mark.parametrize("value", ["NOT_GIVEN", "", None, [1], {"a": 1}, True])
def test_a_number_that_is_none(value):
    row = read("chat m", op("chat") | {"gen_ai.usage.input_tokens": value}, "any")
    assert row["input_tokens"] is None


def test_messages_as_json_or_as_structure():
    turns = [{"role": "user", "parts": [{"type": "text", "content": "two"}]}]
    for value in (turns, json.dumps(turns), json.dumps(json.dumps(turns))):
        row = read("chat m", op("chat") | {"gen_ai.input.messages": value}, "any")
        assert row["text_in"] == "two"


def test_json_inside_json():
    attributes = {"traceloop.span.kind": "task", "traceloop.entity.output": '"\\"two\\" tables"'}
    assert read("transcribe.task", attributes, TRACELOOP)["text_out"] == '"two" tables'


def test_a_stage_that_begins_before_its_turn_or_ends_after_it():
    turn = span(
        "turn",
        span("stt", scope_name=PIPECAT, at=0, attributes=op("stt", transcript="two tables")),
        span("llm", scope_name=PIPECAT, at=200, attributes=pipecat_llm("two tables", "done")),
        span("tts", scope_name=PIPECAT, at=300, lasts=900, attributes=PIPECAT_TTS),
        at=50,
        lasts=400,
        scope_name=TURNS,
    )
    assert judged(span("conversation", turn, scope_name=TURNS)) == FINE


def test_siblings_that_start_in_the_same_millisecond():
    stt = span(
        "ai.transcribe m",
        scope_name=VERCEL,
        at=0,
        lasts=0,
        attributes=op("ai.transcribe", ai__response__text="two tables"),
    )
    llm = chat(scope_name=VERCEL, at=0, lasts=0)
    assert judged(span("POST", stt, llm, lasts=10)) == judged(span("POST", llm, stt, lasts=10))


# pipecat


def pipecat_llm(question, answer, **more):
    given = [{"role": "user", "content": question}]
    output = {"output": answer} if answer else {}
    return op("chat", input=json.dumps(given), metrics__ttfb=0.2, **output) | more


PIPECAT_TTS = op("tts", text="done", metrics__ttfb=0.1)


def pipecat_turn(*below, **attributes):
    """A conversation of one turn."""
    turn = span("turn", *below, scope_name=TURNS, attributes=attributes or {"turn.number": 1})
    return [span("conversation", turn, scope_name=TURNS)]


def test_pipecat_a_recogniser_that_fails_leaves_no_span():
    assert judged(*pipecat_turn(turn_number=1)) == (
        True,
        "transcription",
        "input>transcription",
        "stt_missing",
    )


def test_pipecat_synthesis_that_fails_has_no_first_byte():
    row = read("tts", op("tts", text="done"), PIPECAT)
    assert (row["sign"], row["sign_cause"]) == ("failed", "tts_error")


def test_pipecat_dead_synthesis_that_was_talked_over_proves_nothing():
    attributes = op("tts", text="done", tts__interrupted=True, metrics__ttfb=2.35)
    assert read("tts", attributes, PIPECAT)["sign"] is None


def test_pipecat_an_llm_error_has_a_first_byte_all_the_same():
    spans = pipecat_turn(
        span("stt", scope_name=PIPECAT, attributes=op("stt", transcript="two tables")),
        span(
            "llm",
            scope_name=PIPECAT,
            attributes=pipecat_llm("two tables", None),
            error="RateLimitError",
        ),
    )
    assert judged(*spans) == (True, "reasoning", None, "llm_error")


def test_pipecat_a_cut_stream_looks_like_a_barge_in():
    attributes = pipecat_llm("two tables", "your table is")
    row = read("llm", attributes, PIPECAT)
    assert (row["text_out"], row["output_tokens"], row["sign"]) == ("your table is", None, None)


def test_pipecat_no_output_is_an_empty_answer():
    row = read("llm", pipecat_llm("two tables", None), PIPECAT)
    assert (row["text_out"], row["finish_reason"]) == ("", None)


def test_pipecat_a_tool_that_raised_shows_in_the_next_input():
    given = [
        {"role": "user", "content": "two tables"},
        {"role": "assistant", "tool_calls": [{"function": {"name": "book", "arguments": "{}"}}]},
        {"role": "tool", "content": "The function `book` failed and returned no result."},
    ]
    attributes = op("chat", input=json.dumps(given), output="sorry", metrics__ttfb=0.2)
    assert read("llm", attributes, PIPECAT)["tool_failure"] == given[2]["content"]


def test_pipecat_the_last_turn_always_counts_as_interrupted():
    spans = pipecat_turn(
        span("stt", scope_name=PIPECAT, attributes=op("stt", transcript="two tables")),
        span("llm", scope_name=PIPECAT, attributes=pipecat_llm("two tables", "done")),
        span("tts", scope_name=PIPECAT, attributes=op("tts", text="done")),
        **{"turn.was_interrupted": True, "turn.number": 1},
    )
    assert judged(*spans)[:2] == (True, "synthesis")


def test_pipecat_an_utterance_and_its_repeat_share_a_turn():
    spans = pipecat_turn(
        *(
            each
            for words in ("two tables", "two tables please")
            for each in (
                span("stt", scope_name=PIPECAT, attributes=op("stt", transcript=words)),
                span("llm", scope_name=PIPECAT, attributes=pipecat_llm(words, "done")),
                span("tts", scope_name=PIPECAT, attributes=PIPECAT_TTS),
            )
        )
    )
    assert judged(*spans) == FINE


def realtime(*below):
    """A turn of a realtime conversation with what the user said beside the model."""
    stt = span("stt", scope_name=PIPECAT, attributes=op("stt", transcript="two tables"))
    return pipecat_turn(stt, *below)


def reply(status, **more):
    return span(
        "llm_response",
        scope_name=PIPECAT,
        attributes=op("llm_response", response__status=status, **more),
    )


@pytest.mark.parametrize(
    ("status", "want"),
    [
        ("completed", FINE),
        ("failed", (True, "reasoning", None, "llm_error")),
        ("incomplete", (True, "reasoning", None, "llm_truncated")),
        ("cancelled", FINE),
    ],
)
def test_pipecat_realtime_failure_is_a_response_status(status, want):
    assert judged(*realtime(reply(status))) == want


def test_pipecat_realtime_a_silent_server_leaves_no_response():
    assert judged(*realtime())[:2] == (True, "reasoning")


def test_pipecat_realtime_a_failed_side_transcription_is_no_failure():
    assert judged(*pipecat_turn(reply("completed", output="done"))) == FINE


def test_pipecat_realtime_requests_at_odd_times_are_no_calls():
    attributes = op("llm_request", input='[{"role":"user","content":"(call starts)"}]')
    row = read("llm_request", attributes, PIPECAT)
    assert (row["stage"], row["role"], row["text_in"]) == (None, "other", None)


def test_pipecat_gemini_live_a_tool_that_returned_an_error():
    attributes = op("llm_tool_result", tool__function_name="book", tool__result_status="error")
    row = read("llm_tool_result", attributes, PIPECAT)
    assert (row["stage"], row["tool_name"], row["sign"]) == ("tool", "book", "failed")
    attributes["tool.result_status"] = "completed"
    assert read("llm_tool_result", attributes, PIPECAT)["sign"] is None


@pytest.mark.parametrize(
    ("name", "stage"),
    [("stt", "transcription"), ("openai_llm", "reasoning"), ("cartesia_tts", "synthesis")],
)
def test_pipecat_older_releases_name_the_service(name, stage):
    assert read(name, {"gen_ai.system": "x"}, PIPECAT)["stage"] == stage


# livekit


@pytest.mark.parametrize("prefix", ["lk.pii.", "lk."])
def test_livekit_content_keys_were_renamed(prefix):
    assert read("user_turn", {f"{prefix}user_transcript": "two"}, LIVEKIT)["text_out"] == "two"
    assert read("tts_request", {f"{prefix}input_text": "done"}, LIVEKIT)["text_in"] == "done"


def test_livekit_a_recogniser_that_fails_leaves_a_turn_without_words():
    session = span("agent_session", span("user_turn", scope_name=LIVEKIT), scope_name=LIVEKIT)
    assert judged(session) == (True, "transcription", "input>transcription", "stt_missing")


def test_livekit_confidence_zero_is_no_confidence_at_all():
    with_zero = {"lk.pii.user_transcript": "two", "lk.transcript_confidence": 0.0}
    without = {"lk.pii.user_transcript": "two"}
    rows = [read("user_turn", each, LIVEKIT) for each in (with_zero, without)]
    assert rows[0]["sign"] is rows[1]["sign"] is None


def livekit(*replies, **agent):
    """A session with one pair of turns."""
    user = span(
        "user_turn", scope_name=LIVEKIT, attributes={"lk.pii.user_transcript": "two tables"}
    )
    turn = span(
        "agent_turn",
        *replies,
        scope_name=LIVEKIT,
        attributes={"lk.pii.user_input": "two tables", **agent},
    )
    return span("agent_session", user, turn, scope_name=LIVEKIT)


def llm_node(answer, request=None, **columns):
    chat_ctx = {"items": [{"type": "message", "role": "user", "content": ["two tables"]}]}
    held = {"lk.pii.chat_ctx": json.dumps(chat_ctx), "lk.pii.response.text": answer}
    below = (
        [span("llm_request", scope_name=LIVEKIT, attributes=op("chat") | request)]
        if request
        else []
    )
    return span("llm_node", *below, scope_name=LIVEKIT, attributes=held, **columns)


def tts_node(**columns):
    held = {"lk.pii.input_text": "done"}
    return span(
        "tts_node",
        span("tts_request", scope_name=LIVEKIT, attributes=held, **columns),
        scope_name=LIVEKIT,
    )


def test_livekit_the_agents_turn_is_unset_when_synthesis_failed():
    failed = livekit(llm_node("done"), tts_node(error="APIStatusError"))
    assert judged(failed) == (True, "synthesis", None, "tts_error")
    assert judged(livekit(llm_node("done"), tts_node())) == FINE


@pytest.mark.parametrize(
    ("metrics", "want"),
    [
        ({"audio_duration": 0.0, "cancelled": False}, (True, "synthesis", None, "tts_empty")),
        ({"audio_duration": 0.0, "cancelled": True}, FINE),
        ({"audio_duration": 1.5, "cancelled": False}, FINE),
        ("none", FINE),
    ],
)
def test_livekit_synthesis_without_audio_shows_in_its_metrics(metrics, want):
    held = {"lk.pii.input_text": "done", "lk.tts_metrics": json.dumps(metrics)}
    request = span("tts_request", scope_name=LIVEKIT, attributes=held)
    spoken = span("tts_node", request, scope_name=LIVEKIT)
    assert judged(livekit(llm_node("done"), spoken)) == want


def test_livekit_what_was_forwarded_is_not_what_was_generated():
    row = read("agent_turn", {"lk.pii.response.text": "do"}, LIVEKIT)
    assert row["text_out"] is None


def test_livekit_closing_the_session_interrupts_too():
    held = {"lk.interrupted": True, "lk.interruption.source": "programmatic"}
    assert read("agent_turn", held, LIVEKIT)["interrupted"] is None
    held["lk.interruption.source"] = "audio_activity"
    assert read("agent_turn", held, LIVEKIT)["interrupted"] is True


def test_livekit_a_cut_stream_says_stop_and_no_tokens():
    request = {
        "gen_ai.response.finish_reasons": ["stop"],
        "gen_ai.usage.input_tokens": 0,
        "gen_ai.usage.output_tokens": 0,
    }
    assert judged(livekit(llm_node("done", request), tts_node())) == FINE


def test_livekit_broken_tool_arguments_are_repaired_but_kept_in_the_messages():
    call = {"type": "tool_call", "id": "1", "name": "book", "arguments": '{"count": '}
    output = json.dumps([{"role": "assistant", "parts": [call]}])
    row = read("llm_request", op("chat") | {"gen_ai.output.messages": output}, LIVEKIT)
    assert row["bad_tool_arguments"] == 'book({"count": )'


def test_livekit_a_generation_made_too_early_is_waste_not_failure():
    early = llm_node("", error="CancelledError")
    assert judged(livekit(early, llm_node("done"), tts_node())) == FINE


def test_livekit_a_tool_that_raised_has_no_status():
    row = read("function_tool", op("execute_tool", lk__function_tool__is_error=True), LIVEKIT)
    assert (row["status_code"], row["sign"]) == (0, "failed")


def test_livekit_realtime_does_all_three_stages():
    row = read("realtime_inference", op("generate_content"), LIVEKIT)
    assert (row["stage"], row["speech_to_speech"]) == ("reasoning", True)


def test_livekit_realtime_metrics_that_come_late():
    usage = op("generate_content") | {"gen_ai.usage.audio.output_tokens": 60}
    row = read("realtime_metrics", usage, LIVEKIT)
    assert (row["speech_to_speech"], row["audio_output_tokens"]) == (True, 60)


# The GenAI conventions


@pytest.mark.parametrize("key", ["response", "result"])
def test_genai_tool_results_are_spelled_two_ways(key):
    part = {"type": "tool_call_response", "id": "1", key: "Error: no such table"}
    turns = [
        {"role": "user", "parts": [{"type": "text", "content": "two"}]},
        {"role": "tool", "parts": [part]},
    ]
    row = read("chat m", op("chat") | {"gen_ai.input.messages": json.dumps(turns)}, "any")
    assert row["tool_failure"] == "Error: no such table"


def test_genai_a_turn_of_the_voice_conventions():
    turn = span(
        "invoke_agent desk",
        span(
            "speech_to_text m",
            kind=CLIENT,
            attributes=op("speech_to_text")
            | {"gen_ai.output.messages": said(("user", "two tables"))},
        ),
        chat(kind=CLIENT),
        span(
            "text_to_speech m",
            kind=CLIENT,
            attributes=op("text_to_speech")
            | {"gen_ai.input.messages": said(("assistant", "other"))},
        ),
        attributes=op("invoke_agent"),
    )
    assert judged(turn) == (True, "reasoning", "reasoning>synthesis", "handoff_loss")


@pytest.mark.parametrize(
    ("reason", "want"),
    [
        ("completed", (True, "synthesis", "reasoning>synthesis", "tts_missing")),
        ("interrupted", FINE),
        ("session_closed", FINE),
    ],
)
def test_genai_nothing_more_is_due_when_the_user_ended_the_turn(reason, want):
    heard = op("speech_to_text") | {"gen_ai.output.messages": said(("assistant", "two tables"))}
    turn = span(
        "invoke_agent desk",
        span("speech_to_text m", attributes=heard),
        chat(),
        attributes=op("invoke_agent") | {"gen_ai.agent.invocation.end_reason": reason},
    )
    assert judged(turn) == want


def test_genai_turns_of_drafts_divide_a_conversation():
    turns = [
        span(
            "invoke_agent desk",
            chat(name=f"chat{i}", **columns),
            attributes=op("invoke_agent") | {"gen_ai.conversation.turn.end_reason": "interrupted"},
        )
        for i, columns in enumerate(({}, {"answer": None, "error": "APIError"}))
    ]
    spans = span("invoke_workflow", *turns, attributes=op("invoke_workflow"))
    assert judged_turns(spans) == [FINE, (True, "reasoning", None, "llm_error")]


def test_genai_realtime_ends_an_interruption_with_error():
    attributes = op("realtime_inference") | {"gen_ai.response.finish_reasons": ["error"]}
    assert judged(span("session", span("realtime_inference m", attributes=attributes))) == FINE


def test_genai_user_speech_stands_on_the_input_side():
    attributes = op("user_speech") | {"gen_ai.input.messages": said(("user", "two tables"))}
    row = read("user_speech", attributes, "any")
    assert (row["stage"], row["text_out"]) == ("transcription", "two tables")


def test_genai_numbered_attributes_of_old_openllmetry():
    held = {
        "llm.request.type": "chat",
        "gen_ai.prompt.0.role": "system",
        "gen_ai.prompt.0.content": "be kind",
        "gen_ai.prompt.10.role": "user",
        "gen_ai.prompt.10.content": '[{"type":"text","text":"two"},{"type":"image_url"}]',
        "gen_ai.prompt.2.role": "user",
        "gen_ai.prompt.2.content": "one",
        "gen_ai.completion.0.role": "assistant",
        "gen_ai.completion.0.content": "done " * 120,
        "gen_ai.completion.0.finish_reason": "length",
        "gen_ai.completion.0.tool_calls.0.name": "book",
        "gen_ai.completion.0.tool_calls.0.arguments": "{",
    }
    row = read("openai.chat", held, OPENLLMETRY)
    assert (row["emitter"], row["stage"]) == ("traceloop", "reasoning")
    assert (row["text_in"], row["input_modalities"]) == ("two", ["image"])
    assert row["context_in"] == "be kind\none\ntwo"
    assert (row["text_out"], row["finish_reason"]) == ("done " * 120, "length")
    assert (row["tool_calls"], row["bad_tool_arguments"]) == (1, "book({)")


@pytest.mark.parametrize(
    "events",
    [
        [
            ("gen_ai.content.prompt", {"gen_ai.prompt": '[{"role":"user","content":"two"}]'}),
            (
                "gen_ai.content.completion",
                {"gen_ai.completion": '[{"role":"assistant","content":"done"}]'},
            ),
        ],
        [
            ("gen_ai.user.message", {"content": "two"}),
            ("gen_ai.choice", {"message": {"role": "assistant", "content": "done"}}),
        ],
        [
            ("gen_ai.user.message", {"gen_ai.event.content": '{"role":"user","content":"two"}'}),
            ("gen_ai.choice", {"gen_ai.event.content": '{"message":{"content":"done"}}'}),
        ],
        [
            (
                "gen_ai.client.inference.operation.details",
                {
                    "gen_ai.input.messages": [
                        {"role": "user", "parts": [{"type": "text", "content": "two"}]}
                    ],
                    "gen_ai.output.messages": said(("assistant", "done")),
                },
            )
        ],
    ],
)
def test_genai_messages_as_span_events(events):
    row = read("chat m", op("chat"), "any", events)
    assert (row["text_in"], row["text_out"]) == ("two", "done")


def test_genai_stale_spellings_of_usage():
    held = {
        "gen_ai.usage.prompt_tokens": 9,
        "gen_ai.usage.completion_tokens": 3,
        "gen_ai.usage.input_audio_tokens": 5,
    }
    row = read("chat m", op("chat") | held, "any")
    assert (row["input_tokens"], row["output_tokens"], row["audio_input_tokens"]) == (9, 3, 5)


# opentelemetry-instrumentation-openai-v2


def test_openai_v2_dropped_parts_are_not_an_empty_question():
    held = op("chat") | {"gen_ai.input.messages": '[{"role":"user","parts":[]}]'}
    row = read("chat gpt-4o", held, "opentelemetry.util.genai.handler")
    assert (row["text_in"], row["input_modalities"]) == (None, None)


def test_openai_v2_errors_have_a_type_but_no_exception():
    call = chat(
        answer=None,
        status_code=2,
        scope_name=OPENAI_V2,
        attributes={"error.type": "RateLimitError"},
    )
    assert judged(span("request", call)) == (True, "reasoning", None, "llm_error")


def test_openai_v2_audio_is_only_an_http_call():
    for path, stage in (("transcriptions", "transcription"), ("speech", "synthesis")):
        url = {"http.url": f"https://api.openai.com/v1/audio/{path}"}
        for scope in (HTTPX, "opentelemetry.instrumentation.httpx2"):
            row = read("POST", url, scope, kind=CLIENT)
            assert (row["stage"], row["emitter"]) == (stage, "http_client")


def test_openai_v2_the_finish_reason_of_a_stream_is_in_the_message():
    output = '[{"role":"assistant","parts":[],"finish_reason":"tool_calls"}]'
    row = read("chat gpt-4o", op("chat") | {"gen_ai.output.messages": output}, OPENAI_V2)
    assert row["finish_reason"] == "tool_calls"


def test_openai_v2_a_cancelled_call_leaves_its_http_call_alone():
    lost = span(
        "POST",
        kind=CLIENT,
        scope_name=HTTPX,
        attributes={"http.url": "https://api.openai.com/v1/chat/completions"},
    )
    root = span("POST /voice", lost, kind=SERVER, attributes={"http.route": "/voice"})
    assert judged(root) == FINE


def test_openai_v2_the_error_page_that_fastapi_sends_is_no_stage():
    send = span("POST /voice http send", status_code=2, scope_name="fastapi")
    root = span(
        "POST /voice",
        chat(answer="{}"),
        send,
        kind=SERVER,
        status_code=2,
        scope_name="fastapi",
        attributes={"http.status_code": 500},
        exception_type="ValidationError",
        exception_message="1 validation error",
    )
    assert judged(root) == (True, "reasoning", None, "schema_invalid")


# Traceloop


def test_traceloop_audio_has_only_the_task_around_it():
    heard = {
        "traceloop.span.kind": "task",
        "traceloop.entity.input": '{"args": ["call-3.wav"], "kwargs": {}}',
        "traceloop.entity.output": '"where is my order 12"',
    }
    row = read("transcribe.task", heard, TRACELOOP)
    assert (row["stage"], row["stage_by"]) == ("transcription", "task_name")
    assert (row["text_in"], row["text_out"]) == (None, "where is my order 12")
    spoken = {
        "traceloop.span.kind": "task",
        "traceloop.entity.input": '{"args": ["It ships."], "kwargs": {"voice": "alloy"}}',
        "traceloop.entity.output": "163200",
    }
    row = read("speak.task", spoken, TRACELOOP)
    assert (row["stage"], row["text_in"], row["text_out"]) == ("synthesis", "It ships.", None)


@pytest.mark.parametrize(
    ("returned", "seconds"),
    [
        ('{"bytes": 0}', 0.0),
        ('{"bytes": 79200}', None),
        ('{"voice": "alloy"}', None),
        ("0", None),
        ('{"bytes', None),
    ],
)
def test_traceloop_a_task_that_says_it_made_no_bytes_of_audio(returned, seconds):
    held = {"traceloop.span.kind": "task", "traceloop.entity.output": returned}
    assert read("speak.task", held, TRACELOOP)["output_audio_seconds"] == seconds


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ('{"args": ["alloy", "It ships."], "kwargs": {}}', None),
        ('{"args": ["alloy"], "kwargs": {"text": "It ships."}}', "It ships."),
        ('{"args": [], "kwargs": {}}', None),
        ('{"args": [3], "kwargs": null}', None),
        ('{"args": [', None),
    ],
)
def test_traceloop_which_argument_is_spoken(given, text):
    held = {"traceloop.span.kind": "task", "traceloop.entity.input": given}
    assert read("speak.task", held, TRACELOOP)["text_in"] == text


@pytest.mark.parametrize(
    ("returned", "text"),
    [
        ('""', ""),
        ('{"text": "two", "confidence": 0.9}', "two"),
        ('"{\\"text\\": \\"two\\"}"', "two"),
        ("null", None),
        ('[{"text": "two"}]', None),
        ('{"segments": []}', None),
        ('"12"', "12"),
        (json.dumps(AUDIO), None),
    ],
)
def test_traceloop_what_a_recognisers_function_returned(returned, text):
    held = {"traceloop.span.kind": "task", "traceloop.entity.output": returned}
    assert read("transcribe.task", held, TRACELOOP)["text_out"] == text


def test_traceloop_workflows_and_agents_are_never_a_stage():
    for each in ("workflow", "agent"):
        row = read(f"speak.{each}", {"traceloop.span.kind": each}, TRACELOOP)
        assert (row["stage"], row["role"]) == (None, "wrapper")
    assert read("look_up.tool", {"traceloop.span.kind": "tool"}, TRACELOOP)["stage"] == "tool"


def test_traceloop_its_processor_writes_on_spans_of_others():
    held = op("stt", transcript="two") | {"traceloop.workflow.name": "desk"}
    assert read("stt", held, PIPECAT)["emitter"] == "pipecat"


def test_traceloop_an_image_in_base64_loses_the_whole_input():
    held = op("chat") | {"gen_ai.output.messages": said(("assistant", "an invoice"))}
    row = read("openai.chat", held, OPENLLMETRY)
    assert (row["text_in"], row["text_out"]) == (None, "an invoice")


@pytest.mark.parametrize(
    ("part", "modality"),
    [
        ({"type": "uri", "modality": "image", "uri": "https://x/i.png"}, "image"),
        ({"type": "file", "file": {"filename": "a.pdf", "file_data": "x"}}, "document"),
        ({"type": "input_audio", "input_audio": {"data": AUDIO, "format": "wav"}}, "audio"),
    ],
)
def test_traceloop_parts_without_a_modality(part, modality):
    given = json.dumps([{"role": "user", "parts": [part]}])
    row = read("openai.chat", op("chat") | {"gen_ai.input.messages": given}, OPENLLMETRY)
    assert (row["input_modalities"], row["text_in"]) == ([modality], None)


def test_traceloop_a_spoken_answer_has_no_parts():
    output = '[{"role": "assistant", "parts": [], "finish_reason": "stop"}]'
    call = chat(answer=None, scope_name=OPENLLMETRY, attributes={"gen_ai.output.messages": output})
    assert judged(span("audio_chat.workflow", call, scope_name=TRACELOOP)) == FINE


def test_traceloop_chunks_of_a_stream_are_no_messages():
    events = [("gen_ai.content.completion.chunk", {})] * 3
    row = read("openai.chat", op("chat"), OPENLLMETRY, events, status_code=OK)
    assert (row["text_out"], row["stage"]) == (None, "reasoning")


def test_traceloop_the_error_is_set_on_every_ancestor():
    failed = span(
        "answer.task",
        chat(answer=None, scope_name=OPENLLMETRY, error="APIError"),
        scope_name=TRACELOOP,
        attributes={"traceloop.span.kind": "task"},
        error="APIError",
    )
    root = span(
        "voice.workflow",
        failed,
        scope_name=TRACELOOP,
        attributes={"traceloop.span.kind": "workflow"},
        error="APIError",
    )
    assert judged(root) == (True, "reasoning", None, "llm_error")


def test_traceloop_realtime_that_was_cancelled():
    held = {"response.cancelled": True, "gen_ai.request.model": "gpt-realtime"}
    row = read("openai.realtime", held, OPENLLMETRY)
    assert (row["stage"], row["speech_to_speech"], row["sign"]) == ("reasoning", True, "cancelled")


# OpenInference


def test_openinference_a_transcript_is_json():
    held = kind("LLM", output__value='{"text":"two tables","usage":{"seconds":3}}')
    assert read("Transcription", held, OI_OPENAI)["text_out"] == "two tables"


def test_openinference_spoken_text_and_model_are_in_the_parameters():
    body = '{"input":"done","model":"gpt-4o-mini-tts","voice":"alloy"}'
    held = kind(
        "LLM",
        llm__invocation_parameters=body,
        output__value="<openai._legacy_response.HttpxBinaryResponseContent object>",
    )
    row = read("HttpxBinaryResponseContent", held, OI_OPENAI)
    assert (row["text_in"], row["model"], row["text_out"]) == ("done", "gpt-4o-mini-tts", None)


def test_openinference_files_are_only_in_the_whole_body():
    content = [
        {"type": "text", "text": "Summarise"},
        {"type": "file", "file": {"filename": "a.pdf"}},
        {"type": "input_audio", "input_audio": {"format": "wav"}},
    ]
    body = json.dumps({"messages": [{"role": "user", "content": content}], "model": "gpt-4o"})
    flat = "llm.input_messages.0.message.contents.0.message_content"
    held = kind("LLM", input__value=body) | {f"{flat}.type": "text", f"{flat}.text": "Summarise"}
    row = read("ChatCompletion", held, OI_OPENAI)
    assert (row["text_in"], row["input_modalities"]) == ("Summarise", ["audio", "document"])


def test_openinference_messages_taken_apart_where_the_body_says_nothing():
    held = kind("LLM", input__value='{"kwargs": {"temperature": 0}}') | {
        "llm.input_messages.0.message.role": "system",
        "llm.input_messages.0.message.content": "be kind",
        "llm.input_messages.1.message.role": "user",
        "llm.input_messages.1.message.contents.0.message_content.type": "text",
        "llm.input_messages.1.message.contents.0.message_content.text": "two",
        "llm.input_messages.1.message.contents.1.message_content.type": "image",
        "llm.output_messages.0.message.role": "assistant",
        "llm.output_messages.0.message.tool_calls.0.tool_call.function.name": "book",
        "llm.output_messages.0.message.tool_calls.0.tool_call.function.arguments": '{"n":',
    }
    row = read("ChatAnthropic", held, "openinference.instrumentation.langchain")
    assert (row["text_in"], row["context_in"]) == ("two", "be kind\ntwo")
    assert row["input_modalities"] == ["image"]
    assert (row["tool_calls"], row["bad_tool_arguments"]) == (1, 'book({"n":)')


def test_openinference_the_error_is_repeated_on_every_ancestor():
    leaf = span("Transcription", scope_name=OI_OPENAI, attributes=kind("LLM"), error="APIError")
    above = span("listen", leaf, attributes=kind("CHAIN"), error="APIError")
    root = span("request", above, attributes=kind("CHAIN"), error="APIError")
    assert judged(root) == (True, "transcription", None, "stt_error")


def test_openinference_a_user_who_cancels_marks_only_the_leaf():
    leaf = span(
        "ChatCompletion", scope_name=OI_OPENAI, attributes=kind("LLM"), error="CancelledError"
    )
    assert judged(span("request", leaf, status_code=OK, attributes=kind("CHAIN"))) == FINE


def test_openinference_realtime_turns_divide_a_session():
    def turn(number, heard, finish):
        user = span(
            "user",
            attributes=kind("USER", **({"input__audio__transcript": heard} if heard else {})),
        )
        assistant = span(
            "assistant",
            attributes=kind("LLM", output__audio__transcript="done", llm__finish_reason=finish),
        )
        return span(
            "conversation.turn",
            user,
            assistant,
            span_id=f"turn{number}",
            scope_name=OI_AGENTS,
            attributes=kind("AUDIO", end_reason="complete"),
        )

    session = span("session", turn(1, "two tables", "stop"), turn(2, None, "error"))
    assert judged_turns(session) == [FINE, (True, "reasoning", None, "llm_error")]


@pytest.mark.parametrize("finish", ["cancelled", "incomplete"])
def test_openinference_realtime_how_a_reply_ended(finish):
    held = kind("LLM", llm__finish_reason=finish)
    row = read("assistant", held, OI_AGENTS)
    assert row["sign"] == ("cancelled" if finish == "cancelled" else "failed")


def test_openinference_a_call_named_assistant_with_an_input_is_no_realtime():
    row = read("assistant", kind("LLM", input__value="two"), "any")
    assert (row["stage"], row["speech_to_speech"]) == ("reasoning", False)


# openinference-instrumentation-pipecat


def test_openinference_pipecat_directions_are_reversed():
    heard = read("pipecat.stt", kind("LLM", input__value="two tables"), OI_PIPECAT)
    spoken = read("pipecat.tts", kind("LLM", output__value="done "), OI_PIPECAT)
    assert (heard["text_out"], spoken["text_in"]) == ("two tables", "done ")


def test_openinference_pipecat_the_model_is_unknown():
    held = kind("LLM", llm__model_name="unknown", metrics__model="gpt-4o")
    assert read("pipecat.llm", held, OI_PIPECAT)["model"] == "gpt-4o"


def test_openinference_pipecat_stt_minutes_are_not_the_audio():
    held = kind("LLM", input__value="two") | {"stt.minutes": 4.5}
    assert read("pipecat.stt", held, OI_PIPECAT)["audio_seconds"] is None


# OpenAI Agents SDK


def test_openai_agents_openinference_has_spans_without_attributes():
    for name, stage in (("transcription", "transcription"), ("speech", "synthesis")):
        row = read(name, kind("CHAIN"), OI_AGENTS)
        assert (row["stage"], row["text_in"], row["text_out"]) == (stage, None, None)
    assert read("speech_group", kind("CHAIN"), OI_AGENTS)["role"] == "wrapper"


def test_openai_agents_openinference_an_empty_question_means_nothing_was_heard():
    def ask(words):
        given = json.dumps([{"role": "user", "content": words}])
        held = kind("LLM", input__value=given, output__value="Pardon?")
        stt = span("transcription", scope_name=OI_AGENTS, attributes=kind("CHAIN"))
        llm = span("response", scope_name=OI_AGENTS, attributes=held)
        tts = span("speech", scope_name=OI_AGENTS, attributes=kind("CHAIN"))
        return span("Bank voice", stt, llm, tts, scope_name=OI_AGENTS, attributes=kind("AGENT"))

    assert judged(ask("")) == (True, "transcription", None, "stt_empty")
    assert judged(ask("two")) == FINE


def test_openai_agents_a_timeout_is_in_the_message():
    held = {"status_code": 2, "status_message": "Request timed out.: {}"}
    stt = span("transcription", scope_name=OI_AGENTS, attributes=kind("CHAIN"), **held)
    root = span("Bank voice", stt, scope_name=OI_AGENTS, attributes=kind("AGENT"))
    assert judged(root) == (True, "transcription", None, "stt_timeout")


def test_openai_agents_logfire_names_are_templates():
    row = read("Speech → Text with {gen_ai.request.model!r}", {"output": "two"}, LOGFIRE)
    assert (row["stage"], row["text_out"]) == ("transcription", "two")
    row = read("Responses API with {gen_ai.request.model!r}", op("chat"), LOGFIRE)
    assert row["stage"] == "reasoning"


def test_openai_agents_logfire_a_group_holds_one_span_per_sentence():
    sentences = [
        span(f"Text → Speech{i}", scope_name=LOGFIRE, attributes={"input": words}, **columns)
        for i, (words, columns) in enumerate(
            (("One.", {"error": "APIError"}), ("Two.", {}), ("Three.", {}))
        )
    ]
    group = span(
        "Text → Speech group",
        *sentences,
        scope_name=LOGFIRE,
        attributes={"input": "One. Two. Three."},
    )
    root = span("OpenAI Agents trace: {name}", group, scope_name=LOGFIRE)
    assert judged(root) == (True, "synthesis", None, "tts_error")


def test_openai_agents_logfire_the_body_of_a_response():
    response = {
        "output": [
            {
                "type": "message",
                "role": "assistant",
                "content": [{"type": "output_text", "text": "done"}],
            }
        ],
        "status": "incomplete",
        "incomplete_details": {"reason": "max_output_tokens"},
    }
    held = op("chat") | {
        "raw_input": '[{"role":"user","content":"two"}]',
        "response": json.dumps(response),
        "operation.cost": 0.000104,
    }
    row = read("Responses API", held, LOGFIRE)
    assert (row["text_in"], row["text_out"]) == ("two", "done")
    assert (row["finish_reason"], row["cost_usd"]) == ("max_output_tokens", 0.000104)


def test_openai_agents_logfire_a_chat_completion_holds_its_answer_beside_its_input():
    turns = [{"role": "user", "content": "two"}, {"role": "assistant", "content": "done"}]
    held = {
        "input": json.dumps(turns[:1]),
        "output": json.dumps(turns[1:]),
        "request_data": json.dumps({"messages": turns, "model": "gpt-4o"}),
    }
    row = read("Chat completion with {gen_ai.request.model!r}", held, LOGFIRE)
    assert (row["text_in"], row["text_out"]) == ("two", "done")


def test_logfire_events_hold_the_answer_last():
    events = [
        {"event.name": "gen_ai.user.message", "role": "user", "content": "two"},
        {"event.name": "gen_ai.assistant.message", "role": "assistant", "content": "done"},
    ]
    row = read("Responses API", op("chat", events=json.dumps(events)), "logfire.openai")
    assert (row["text_in"], row["text_out"]) == ("two", "done")


def test_openai_agents_logfire_a_soft_tool_failure():
    turns = [
        {"role": "user", "content": "two"},
        {"type": "function_call", "name": "book", "arguments": "{}", "call_id": "1"},
        {
            "type": "function_call_output",
            "call_id": "1",
            "output": "An error occurred while running the tool. Please try again.",
        },
    ]
    tool = span("Function: {name}", scope_name=LOGFIRE, status_code=2, attributes={"name": "book"})
    again = span(
        "Responses API",
        scope_name=LOGFIRE,
        attributes=op("chat", raw_input=json.dumps(turns), response='{"output": []}'),
    )
    root = span("OpenAI Agents trace: {name}", tool, again, scope_name=LOGFIRE)
    assert judged(root) == (True, "reasoning", "reasoning>tool", "tool_error")


def traceloop_agents(*spans):
    return span("Agent Workflow", *spans, scope_name=TRACELOOP_AGENTS, status_code=OK)


def test_openai_agents_traceloop_leaves_an_empty_transcript_out():
    held = op("transcription") | {"gen_ai.input.messages": said(("user", AUDIO))}
    stt = span(
        "openai.realtime.transcription",
        scope_name=TRACELOOP_AGENTS,
        status_code=OK,
        attributes=held,
    )
    # What was cancelled looks the same, but no model is asked then.
    assert judged(traceloop_agents(stt)) == FINE
    answer = {"gen_ai.response.model": "gpt-4.1"}
    llm = chat(
        "", "Pardon?", name="openai.response", scope_name=TRACELOOP_AGENTS, attributes=answer
    )
    assert judged(traceloop_agents(stt, llm)) == (True, "transcription", None, "stt_empty")


@pytest.mark.parametrize(
    ("name", "scope", "held"),
    [
        ("response", OI_AGENTS, kind("LLM")),
        ("openai.response", TRACELOOP_AGENTS, op("chat")),
    ],
)
def test_openai_agents_a_cancelled_call_is_ok_without_an_answer(name, scope, held):
    assert read(name, held, scope, status_code=OK)["sign"] == "cancelled"
    assert read(name, held, scope, status_code=2)["sign"] is None
    answered = {"output.value": "done", "gen_ai.response.model": "gpt-4.1"}
    assert read(name, held | answered, scope, status_code=OK)["sign"] is None


@pytest.mark.parametrize("scope", [LOGFIRE, TRACELOOP_AGENTS])
def test_openai_agents_speech_that_was_cancelled_leaves_no_span(scope):
    heard = op("transcription", output="two tables") | {
        "gen_ai.output.messages": said(("assistant", "two tables"))
    }
    stt = span("Speech → Text with 'm'", scope_name=scope, attributes=heard)
    root = span("trace", stt, chat(scope_name=scope), scope_name=scope, status_code=OK)
    assert judged(root) == FINE


def test_openai_agents_traceloop_wraps_arguments_that_do_not_parse():
    call = {"type": "tool_call", "name": "book", "arguments": {"_raw": '{"count": '}}
    output = json.dumps([{"role": "assistant", "parts": [call]}])
    row = read("openai.response", op("chat") | {"gen_ai.output.messages": output}, TRACELOOP_AGENTS)
    assert row["bad_tool_arguments"] == 'book({"count": )'


def test_openai_agents_traceloop_playing_audio_is_no_model_call():
    row = read("openai.realtime", op("realtime"), TRACELOOP_AGENTS)
    assert (row["stage"], row["role"]) == (None, "playout")
    held = op("realtime", gen_ai__request__model="gpt-realtime")
    assert read("openai.realtime", held, TRACELOOP_AGENTS)["stage"] == "reasoning"


# Pydantic AI


def test_pydantic_ai_an_answer_that_does_not_validate():
    def call(name):
        part = {"type": "tool_call", "name": "final_result", "arguments": '{"total": "x"}'}
        output = json.dumps([{"role": "assistant", "parts": [part]}])
        attributes = {"gen_ai.output.messages": output}
        return chat(answer=None, name=name, scope_name=PYDANTIC, attributes=attributes)

    agent = span(
        "invoke_agent desk",
        call("chat 1"),
        call("chat 2"),
        scope_name=PYDANTIC,
        attributes=op("invoke_agent"),
        error="UnexpectedModelBehavior",
        says="Exceeded maximum output retries (1)",
    )
    assert judged(agent) == (True, "reasoning", None, "schema_invalid")


def test_pydantic_ai_a_second_question_is_no_failure():
    calls = [chat(name=f"chat {i}", scope_name=PYDANTIC) for i in (1, 2)]
    agent = span("invoke_agent desk", *calls, scope_name=PYDANTIC, attributes=op("invoke_agent"))
    assert judged(agent) == FINE


def test_pydantic_ai_a_tool_that_asks_for_another_try():
    tools = [
        span(
            "execute_tool book",
            span_id=f"tool{i}",
            scope_name=PYDANTIC,
            attributes=op("execute_tool", gen_ai__tool__name="book"),
            status_code=status,
        )
        for i, status in enumerate((2, 0))
    ]
    spans = [chat(name="c1", scope_name=PYDANTIC), tools[0], chat(name="c2", scope_name=PYDANTIC)]
    last = [tools[1], chat(name="c3", scope_name=PYDANTIC)]
    agent = span(
        "invoke_agent desk", *spans, *last, scope_name=PYDANTIC, attributes=op("invoke_agent")
    )
    assert judged(agent) == FINE


@pytest.mark.parametrize(("cause", "failed"), [("model_retry", False), (None, True)])
def test_pydantic_ai_a_tool_that_asks_the_user_has_not_failed(cause, failed):
    retry = {"pydantic_ai.tool.retry.cause": cause} if cause else {}
    tool = span(
        "execute_tool book",
        scope_name=PYDANTIC,
        attributes=op("execute_tool") | retry,
        error="pydantic_ai.exceptions.ToolRetryError",
        says="say which account",
    )
    answer = chat(answer="Which account?", scope_name=PYDANTIC)
    agent = span(
        "invoke_agent desk", tool, answer, scope_name=PYDANTIC, attributes=op("invoke_agent")
    )
    assert judged(agent)[0] is failed


@pytest.mark.parametrize(
    ("part", "modality"),
    [
        ({"type": "binary", "media_type": "image/png", "content": "iVBORw=="}, "image"),
        ({"type": "audio-url", "url": "https://x/a.wav"}, "audio"),
    ],
)
def test_pydantic_ai_media_of_older_formats_are_no_words(part, modality):
    parts = [{"type": "text", "content": "Extract"}, part]
    given = json.dumps([{"role": "user", "parts": parts}])
    row = read("chat m", op("chat") | {"gen_ai.input.messages": given}, PYDANTIC)
    assert (row["text_in"], row["input_modalities"]) == ("Extract", [modality])


def test_pydantic_ai_a_pdf_has_no_modality():
    part = {"type": "blob", "mime_type": "application/pdf", "content": "JVBERi0xLjQ="}
    given = json.dumps([{"role": "user", "parts": [part]}])
    row = read("chat m", op("chat") | {"gen_ai.input.messages": given}, PYDANTIC)
    assert row["input_modalities"] == ["document"]


def test_pydantic_ai_tool_returns_sit_in_a_users_message():
    turns = [
        {"role": "user", "parts": [{"type": "text", "content": "two"}]},
        {"role": "assistant", "parts": [{"type": "tool_call", "name": "book", "arguments": {}}]},
        {"role": "user", "parts": [{"type": "tool_call_response", "name": "book", "result": "ok"}]},
    ]
    row = read("chat m", op("chat") | {"gen_ai.input.messages": json.dumps(turns)}, PYDANTIC)
    assert row["text_in"] == "two"


def test_pydantic_ai_the_agents_total_is_not_a_calls_usage():
    held = op("invoke_agent") | {"gen_ai.aggregated_usage.input_tokens": 66}
    assert read("invoke_agent desk", held, PYDANTIC)["input_tokens"] is None


@pytest.mark.parametrize(
    ("name", "want"),
    [
        ("agent run", (None, "wrapper")),
        ("running tools", (None, "wrapper")),
        ("running tool: book", ("tool", None)),
        ("chat gpt-4o", ("reasoning", None)),
    ],
)
def test_pydantic_ai_names_of_older_releases(name, want):
    row = read(name, {}, PYDANTIC)
    assert (row["stage"], row["role"]) == want


def test_pydantic_ai_events_of_older_releases():
    events = [
        {"event.name": "gen_ai.system.message", "role": "system", "content": "be kind"},
        {"event.name": "gen_ai.user.message", "role": "user", "content": "two"},
        {
            "event.name": "gen_ai.choice",
            "index": 0,
            "message": {"role": "assistant", "content": "done"},
        },
    ]
    row = read("chat m", op("chat", events=json.dumps(events)), PYDANTIC)
    assert (row["text_in"], row["context_in"], row["text_out"]) == ("two", "be kind\ntwo", "done")


# Vercel AI SDK


def test_vercel_a_pdf_is_called_an_image():
    part = {"type": "blob", "modality": "image", "mime_type": "application/pdf", "content": "x"}
    given = json.dumps([{"role": "user", "parts": [part]}])
    row = read("chat m", op("chat") | {"gen_ai.input.messages": given}, VERCEL)
    assert row["input_modalities"] == ["document"]


def test_vercel_a_cut_stream_ends_as_other():
    call = chat(scope_name=VERCEL, attributes={"gen_ai.response.finish_reasons": ["other"]})
    assert judged(span("POST /chat", call))[:2] == (True, "reasoning")


def test_vercel_a_streams_error_leaves_the_route_unset():
    call = chat(answer=None, scope_name=VERCEL, error="AI_APICallError")
    agent = span(
        "invoke_agent m", call, scope_name=VERCEL, attributes=op("invoke_agent"), status_code=2
    )
    assert judged(span("POST /chat", agent)) == (True, "reasoning", None, "llm_error")


def test_vercel_a_schema_failure_marks_only_the_caller():
    call = chat(answer='{"total": "x"}', scope_name=VERCEL)
    agent = span("invoke_agent m", call, scope_name=VERCEL, attributes=op("invoke_agent"))
    root = span("POST /invoice", agent, error="AI_NoObjectGeneratedError")
    assert judged(root) == (True, "reasoning", None, "schema_invalid")


def test_vercel_broken_tool_arguments_leave_no_tool_span():
    call = {"type": "tool_call", "name": "book", "arguments": '{"count": '}
    output = json.dumps([{"role": "assistant", "parts": [call]}])
    root = span(
        "POST /chat",
        chat(answer=None, scope_name=VERCEL, attributes={"gen_ai.output.messages": output}),
    )
    assert judged(root) == (True, "reasoning", None, "schema_invalid")


def test_vercel_an_empty_transcript_does_not_throw():
    attributes = op("ai.transcribe", ai__response__text="")
    root = span("POST /voice", span("ai.transcribe m", scope_name=VERCEL, attributes=attributes))
    assert judged(root) == (True, "transcription", None, "stt_empty")


@pytest.mark.parametrize(("error", "failed"), [("AbortError", False), ("TimeoutError", True)])
def test_vercel_an_abort_is_the_user_or_a_timeout(error, failed):
    call = chat(answer=None, scope_name=VERCEL, error=error, says="This operation was aborted")
    assert judged(span("POST /chat", call))[0] is failed


def test_vercel_the_legacy_system_names_the_api():
    held = {"ai.operationId": "ai.generateText.doGenerate", "gen_ai.system": "openai.chat"}
    row = read("ai.generateText.doGenerate", held, VERCEL_OLD)
    assert (row["stage"], row["operation"]) == ("reasoning", "ai.generateText.doGenerate")


# Langfuse


def observation(kind, **more):
    return {
        "langfuse.observation.type": kind,
        **{f"langfuse.observation.{k.replace('__', '.')}": v for k, v in more.items()},
    }


def test_langfuse_a_recognisers_function_is_a_plain_span():
    held = observation("span", input='{"args": ["a.wav"], "kwargs": {}}', output="where is it")
    row = read("transcribe", held, LANGFUSE)
    assert (row["stage"], row["text_out"]) == ("transcription", "where is it")


def test_langfuse_a_generation_may_speak():
    held = observation(
        "generation",
        input='{"args": ["It ships."], "kwargs": {}}',
        model__name="gpt-4o-mini-tts",
        usage_details='{"characters": 9}',
    )
    row = read("voice", held, LANGFUSE)
    assert (row["stage"], row["text_in"], row["characters"]) == ("synthesis", "It ships.", 9)


def test_langfuse_a_generation_is_a_model_call_otherwise():
    usage = {
        "prompt_tokens": 28,
        "completion_tokens": 8,
        "prompt_tokens_details": {"audio_tokens": 4, "cached_tokens": 2},
    }
    held = observation(
        "generation",
        input='{"messages": [{"role": "user", "content": "two"}], "tools": []}',
        output='{"role": "assistant", "content": "done"}',
        model__name="gpt-4o",
        usage_details=json.dumps(usage),
        cost_details='{"input": 0.25, "output": 0.5}',
    )
    row = read("OpenAI-generation", held, LANGFUSE)
    assert (row["stage"], row["text_in"], row["text_out"]) == ("reasoning", "two", "done")
    assert (row["input_tokens"], row["output_tokens"], row["audio_input_tokens"]) == (28, 8, 4)
    assert (row["cached_input_tokens"], row["cost_usd"]) == (2, 0.75)


def test_langfuse_media_is_replaced_by_a_reference():
    url = "@@@langfuseMedia:type=image/png|id=x|source=base64_data_uri@@@"
    content = [{"type": "text", "text": "Read"}, {"type": "image_url", "image_url": {"url": url}}]
    held = observation("generation", input=json.dumps([{"role": "user", "content": content}]))
    row = read("OpenAI-generation", held, LANGFUSE)
    assert (row["text_in"], row["input_modalities"]) == ("Read", ["image"])


def test_langfuse_errors_have_a_level_but_no_exception():
    failed = span(
        "transcribe",
        scope_name=LANGFUSE,
        attributes=observation("span", level="ERROR", status_message="500"),
        status_code=2,
        status_message="500",
    )
    root = span(
        "voice-request",
        failed,
        scope_name=LANGFUSE,
        attributes=observation("span", level="ERROR"),
        status_code=2,
    )
    assert judged(root) == (True, "transcription", None, "stt_error")


def test_langfuse_a_cancelled_call_is_named_in_the_message():
    def observed(name, *below):
        return span(
            name,
            *below,
            scope_name=LANGFUSE,
            attributes=observation("span", level="ERROR", status_message="CancelledError"),
            status_code=2,
            status_message="CancelledError",
        )

    heard = observation("span", output="two tables")
    stt = span("transcribe", scope_name=LANGFUSE, attributes=heard)
    assert judged(observed("voice", stt, observed("answer"))) == FINE


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        ("RateLimitError: Error code: 429", "RateLimitError"),
        ("openai.APITimeoutError", "openai.APITimeoutError"),
        ("CancelledError", "CancelledError"),
        ("Error code: 429", None),
        ("An Error: it broke", None),
        (None, None),
    ],
)
def test_an_exception_that_only_the_message_names(message, kind):
    row = read("chat m", op("chat"), "any", status_code=2, status_message=message)
    assert row["error_type"] == kind
    assert read("chat m", op("chat"), "any", status_message=message)["error_type"] is None


def test_langfuse_a_warning_is_no_error():
    assert read("x", observation("generation", level="WARNING"), LANGFUSE)["sign"] is None


def test_langfuse_a_hidden_output_is_not_an_empty_one():
    row = read("OpenAI-generation", observation("generation"), LANGFUSE)
    assert (row["text_out"], row["output_modalities"]) == (None, None)


def test_langfuse_spans_of_others_that_went_through_it():
    held = observation("generation") | kind("LLM", output__value='{"text": "two"}')
    row = read("Transcription", held, None)
    assert (row["emitter"], row["text_out"]) == ("openinference", "two")
    assert read("llm", observation("generation") | op("chat"), PIPECAT)["emitter"] == "pipecat"


@pytest.mark.parametrize("prefix", ["", "langfuse."])
def test_langfuse_session_and_user_are_spelled_two_ways(prefix):
    held = observation("span") | {f"{prefix}session.id": "s", f"{prefix}user.id": "u"}
    row = read("x", held, LANGFUSE)
    assert (row["session_id"], row["user_id"]) == ("s", "u")


# Google ADK

ADK = "gcp.vertex.agent"


def adk(request, response):
    """Attributes of a model call of the first schema version."""
    return {
        "gcp.vertex.agent.llm_request": request
        if isinstance(request, str)
        else json.dumps(request),
        "gcp.vertex.agent.llm_response": (
            response if isinstance(response, str) else json.dumps(response)
        ),
    }


def test_adk_the_bodies_of_a_call():
    request = {
        "model": "gemini-2.5-flash",
        "config": {"system_instruction": "be kind"},
        "contents": [
            {
                "role": "user",
                "parts": [{"text": "two"}, {"inline_data": {"mime_type": "image/png"}}],
            }
        ],
    }
    call = {"function_call": {"name": "book", "args": {"count": 2}}}
    response = {"content": {"role": "model", "parts": [{"text": "done"}, call]}}
    row = read("call_llm", adk(request, response), ADK)
    assert (row["stage"], row["text_in"], row["text_out"]) == ("reasoning", "two", "done")
    assert (row["tool_calls"], row["input_modalities"]) == (1, ["image"])


@pytest.mark.parametrize("body", ["{}", "<not serializable>"])
def test_adk_content_that_was_not_captured_is_an_empty_object(body):
    row = read("call_llm", adk("{}", body), ADK)
    assert (row["text_in"], row["text_out"]) == (None, None)


def test_adk_an_answer_without_content_is_empty():
    row = read("call_llm", adk("{}", {"finish_reason": "SAFETY"}), ADK)
    assert row["text_out"] == ""


def test_adk_audio_is_summed_up_as_text():
    parts = [{"text": "<inline_data: audio/pcm, 4800 bytes>"}]
    row = read("call_llm", adk("{}", {"content": {"role": "model", "parts": parts}}), ADK)
    assert (row["text_out"], row["output_modalities"]) == (None, ["audio"])


def test_adk_a_live_model_speaks_in_its_transcription():
    row = read("call_llm", adk("{}", {"output_transcription": {"text": "done"}}), ADK)
    assert row["text_out"] == "done"


def test_adk_a_tool_that_failed_in_a_result():
    request = {
        "contents": [
            {"role": "user", "parts": [{"text": "two"}]},
            {"role": "model", "parts": [{"function_call": {"name": "book", "args": {}}}]},
            {
                "role": "user",
                "parts": [
                    {"function_response": {"name": "book", "response": {"error": "no route"}}}
                ],
            },
        ]
    }
    row = read("call_llm", adk(request, "{}"), ADK)
    assert (row["text_in"], row["tool_failure"]) == ("two", '{"error":"no route"}')


def test_adk_merged_tools_are_no_tool():
    row = read("execute_tool (merged)", op("execute_tool"), ADK)
    assert (row["stage"], row["role"]) == (None, "other")


@pytest.mark.parametrize(
    ("name", "want"),
    [
        ("invocation", (None, "wrapper")),
        ("agent_run [desk]", (None, "wrapper")),
        ("send_data", (None, "other")),
        ("execute_tool book", ("tool", None)),
    ],
)
def test_adk_names_without_an_operation(name, want):
    row = read(name, {}, ADK)
    assert (row["stage"], row["role"]) == want


# What no test above can show


def test_every_emitter_says_what_it_reads_and_cannot_see():
    for emitter in find_emitters():
        assert emitter.reads and emitter.blind_to, emitter.name


def test_langfuse_a_function_that_returned_nothing_says_so():
    kind = {"langfuse.observation.type": "span"}
    silent = read("stt", kind | {"langfuse.observation.output": ""}, "langfuse-sdk")
    assert silent["text_out"] == ""
    assert read("stt", kind, "langfuse-sdk")["text_out"] is None
