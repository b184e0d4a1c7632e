"""Rows that every mapping of the OpenTelemetry GenAI conventions shares: operations, texts, usage.

Source: open-telemetry/semantic-conventions-genai, docs/registry/attributes/gen-ai.md and the
proposed pages on voice agents and realtime spans; before that semantic-conventions 1.27 to 1.37.
"""

from __future__ import annotations

from tracelens.normalise import flat, messages
from tracelens.normalise.emitter import (
    Decode,
    Field,
    Key,
    Sign,
    SpanRule,
    When,
    integer,
    number,
    text,
)

OPERATION = text("gen_ai.operation.name")
INPUT, OUTPUT = text("gen_ai.input.messages"), text("gen_ai.output.messages")
FINISH = text("gen_ai.response.finish_reasons")
# Where the proposed voice conventions say how a turn ended; the second is from earlier drafts.
END_REASON = text("gen_ai.agent.invocation.end_reason")
TURN_END_REASON = text("gen_ai.conversation.turn.end_reason")

TRANSCRIPTION = When(stage="transcription")
REASONING = When(stage="reasoning")
SYNTHESIS = When(stage="synthesis")
TOOL = When(stage="tool")

GIVEN = ("text_in", "context_in", "tool_failure", "tool_results", "input_modalities")
SAID = ("text_out", "tool_calls", "bad_tool_arguments", "finish_reason", "output_modalities")

#: What a span is by the operation that it names.
SPANS = (
    SpanRule(
        When(operation=("speech_to_text", "stt", "transcription", "user_speech")),
        stage="transcription",
    ),
    SpanRule(When(operation=("text_to_speech", "tts", "speech")), stage="synthesis"),
    SpanRule(
        When(operation=("realtime_inference", "generate_live_content", "realtime")),
        stage="reasoning",
        speech_to_speech=True,
    ),
    SpanRule(
        When(
            operation=(
                "chat",
                "generate_content",
                "text_completion",
                "responses",
                # Fetches the answer of a call that ran in the background.
                "fetch_response",
            )
        ),
        stage="reasoning",
    ),
    SpanRule(When(operation=("execute_tool",)), stage="tool"),
    SpanRule(
        When(
            operation=(
                "invoke_agent",
                "invoke_workflow",
                "create_agent",
                "agent_step",
                "speech_group",
                "plan",
                "handoff",
            )
        ),
        role="wrapper",
    ),
    SpanRule(
        When(
            operation=(
                "embeddings",
                "retrieval",
                "rerank",
                "search_memory",
                "create_memory",
                "update_memory",
                "upsert_memory",
                "delete_memory",
                "create_memory_store",
                "delete_memory_store",
            )
        ),
        role="other",
    ),
)

FIELDS = (
    Field("model", (text("gen_ai.request.model"), text("gen_ai.response.model"))),
    Field("provider", (text("gen_ai.provider.name"), text("gen_ai.system"))),
    Field("tool_name", (text("gen_ai.tool.name"),)),
    Field("tool_results", (text("gen_ai.tool.call.result"),), TOOL),
    Field("session_id", (text("gen_ai.conversation.id"), text("session.id"))),
    Field("user_id", (text("user.id"), text("enduser.id"))),
    Field("external_request_id", (text("gen_ai.response.id"),), REASONING),
    Field("ttft_ms", (number("gen_ai.response.time_to_first_chunk"),), REASONING, scale=1000.0),
    Field("input_tokens", (integer("gen_ai.usage.input_tokens"),)),
    Field("output_tokens", (integer("gen_ai.usage.output_tokens"),)),
    Field("input_tokens", (integer("gen_ai.usage.prompt_tokens"),)),
    Field("output_tokens", (integer("gen_ai.usage.completion_tokens"),)),
    Field("cached_input_tokens", (integer("gen_ai.usage.cache_read.input_tokens"),)),
    Field("cached_input_tokens", (integer("gen_ai.usage.cache_read_input_tokens"),)),
    Field("reasoning_tokens", (integer("gen_ai.usage.reasoning.output_tokens"),)),
    Field("reasoning_tokens", (integer("gen_ai.usage.reasoning_tokens"),)),
    Field("audio_input_tokens", (integer("gen_ai.usage.audio.input_tokens"),)),
    Field("audio_output_tokens", (integer("gen_ai.usage.audio.output_tokens"),)),
    Field("audio_input_tokens", (integer("gen_ai.usage.input_audio_tokens"),)),
    Field("audio_output_tokens", (integer("gen_ai.usage.output_audio_tokens"),)),
)

#: What ends a reason to expect anything more of a turn: the user spoke on, or hung up.
SIGNS = tuple(
    Sign(
        When(equals={key: ("interrupted", "session_closed")}),
        "cancelled",
        key.name,
        "the user ended the turn",
    )
    for key in (END_REASON, TURN_END_REASON)
)

#: The attribute is what the server said; the message list may carry a default.
FINISHED = Decode((FINISH,), messages.read_finish, ("finish_reason",), REASONING)


def given(*keys: Key) -> Decode:
    """What went into the model, out of the first of these message lists."""
    return Decode(keys, messages.read_input, GIVEN, REASONING)


def said(*keys: Key) -> Decode:
    """What came out of the model, out of the first of these message lists."""
    return Decode(keys, messages.read_output, SAID, REASONING)


#: Messages as span events, as they were recorded before they became attributes.
EVENTS = (
    Decode((), flat.read_input_events, GIVEN, REASONING, source="events", marker='"name":"gen_ai.'),
    Decode((), flat.read_output_events, SAID, REASONING, source="events", marker='"name":"gen_ai.'),
)
#: Messages in numbered attributes, as OpenLLMetry wrote them before it wrote lists.
NUMBERED = (
    Decode(
        (),
        flat.read_openllmetry_input,
        GIVEN,
        REASONING,
        source="attributes",
        marker='"gen_ai.prompt.0.',
    ),
    Decode(
        (),
        flat.read_openllmetry_output,
        SAID,
        REASONING,
        source="attributes",
        marker='"gen_ai.completion.0.',
    ),
)
#: Transcripts stand in the output of a recogniser, spoken text in the input of synthesis, except
#: that `user_speech` holds what was heard on its input side.
VOICE = (
    Decode((INPUT,), messages.read_spoken, ("text_out",), When(operation=("user_speech",))),
    Decode((OUTPUT,), messages.read_heard, ("text_out",), TRANSCRIPTION),
    Decode((INPUT,), messages.read_speech, ("text_in",), SYNTHESIS),
)

DECODES = (FINISHED, given(INPUT), said(OUTPUT), *VOICE, *EVENTS, *NUMBERED)
