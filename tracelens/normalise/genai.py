"""Rows that every mapping of the OpenTelemetry GenAI conventions shares: operations, texts, usage.

Source: open-telemetry/semantic-conventions-genai, docs/registry/attributes/gen-ai.md and the
proposed pages on voice agents and realtime spans; before that semantic-conventions 1.27 to 1.37.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tracelens.normalise import flat, messages, usage
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

#: A function that reads columns out of one text.
Reader = Callable[[str], Mapping[str, Any]]

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

SHOWN = ("input_modalities", "images", "megapixels", "audio_seconds", "pages")
GIVEN = ("text_in", "context_in", "tool_failure", "tool_results", *SHOWN)
SAID = (
    *("text_out", "tool_calls", "bad_tool_arguments", "finish_reason", "output_modalities"),
    "output_images",
)
MADE = ("output_modalities", "output_audio_seconds", "output_images")
SECONDS = (number("gen_ai.usage.audio_seconds"), number("gen_ai.usage.seconds"))

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


def counted(name: str) -> Key:
    """A count of the conventions: an attribute below `gen_ai.usage.`."""
    return integer(f"gen_ai.usage.{name}")


def _first(column: str, *names: str) -> Field:
    return Field(column, tuple(counted(name) for name in names))


def _sum(column: str, *names: str) -> Field:
    """A total from its parts, where the share of text, which stands first, is told."""
    keys = tuple(counted(name) for name in names)
    return Field(column, keys, When(present=keys[:1]), add=True)


def _gateway(key: Key) -> tuple[Field, ...]:
    """LangWatch's gateway counts what was cached, heard or seen beside the totals, not in them."""
    given = ("cache_read.input_tokens", "cache_creation.input_tokens", "input_audio_tokens")
    keys = [counted(name) for name in ("input_tokens", *given, "input_image_tokens")]
    made = [counted(f"output_{name}") for name in ("tokens", "audio_tokens", "image_tokens")]
    return (
        Field("input_tokens", tuple(keys), When(present=(key, keys[0])), add=True),
        Field("output_tokens", tuple(made), When(present=(key, made[0])), add=True),
    )


#: Usage under every name that the conventions, their drafts and their dialects have had. Totals
#: include their parts (conventions: cached and reasoning tokens are subsets); where a part is
#: larger than its total, `usage.sound_usage` puts it back. The dotted spellings are the current
#: ones; `input_audio_tokens` and the like are drafts that Langfuse and LiveKit still write,
#: `input_token_details.*` is what the Vercel AI SDK makes of OpenAI's usage, `input_tokens.cached`
#: Sentry's, `details.*` Pydantic AI's: there `audio_tokens` are those of the answer.
USAGE = (
    *_gateway(text("langwatch.gateway_request_id")),
    *_gateway(text("langwatch.virtual_key_id")),
    _first("input_tokens", "input_tokens", "prompt_tokens"),
    _sum(
        "input_tokens",
        *(f"{kind}.input_tokens" for kind in ("text", "audio", "image", "video")),
    ),
    _sum("input_tokens", "input_text_tokens", "input_audio_tokens", "input_image_tokens"),
    _sum(
        "input_tokens",
        *(f"input_token_details.{kind}_tokens" for kind in ("text", "audio", "image")),
    ),
    _first(
        "cached_input_tokens",
        "cache_read.input_tokens",
        "cache_read_input_tokens",
        "input_cached_tokens",
        "input_tokens.cached",
    ),
    _sum(
        "cached_input_tokens",
        *(f"{kind}.cache_read.input_tokens" for kind in ("text", "audio", "image")),
    ),
    _first(
        "cache_write_tokens",
        "cache_write.input_tokens",
        "cache_creation.input_tokens",
        "cache_creation_input_tokens",
        "cache_write_input_tokens",
        "input_tokens.cache_write",
    ),
    _first(
        "audio_input_tokens",
        "audio.input_tokens",
        "input_audio_tokens",
        "input_token_details.audio_tokens",
        "details.input_audio_tokens",
        "details.audio_prompt_tokens",
    ),
    _first(
        "cached_audio_input_tokens",
        "audio.cache_read.input_tokens",
        "details.cache_audio_read_tokens",
        "details.audio_cache_tokens",
    ),
    _first(
        "image_input_tokens",
        "image.input_tokens",
        "input_image_tokens",
        "input_token_details.image_tokens",
        "details.image_prompt_tokens",
    ),
    _first("video_input_tokens", "video.input_tokens", "details.video_prompt_tokens"),
    _first("output_tokens", "output_tokens", "completion_tokens"),
    _sum(
        "output_tokens",
        *(f"{kind}.output_tokens" for kind in ("text", "audio", "image", "video")),
    ),
    _sum("output_tokens", "output_text_tokens", "output_audio_tokens", "output_image_tokens"),
    _first(
        "reasoning_tokens",
        "reasoning.output_tokens",
        "reasoning_tokens",
        "output_tokens.reasoning",
        "details.reasoning_tokens",
        "details.thoughts_tokens",
    ),
    _first(
        "audio_output_tokens",
        "audio.output_tokens",
        "output_audio_tokens",
        "details.output_audio_tokens",
        "details.audio_candidates_tokens",
        "details.audio_tokens",
    ),
    _first(
        "image_output_tokens",
        "image.output_tokens",
        "output_image_tokens",
        "details.image_candidates_tokens",
    ),
    # Of speech that LangWatch's gateway passed on, and of a transcription by the Vercel AI SDK.
    *(
        Field("audio_seconds", SECONDS, When(stage=stage))
        for stage in ("transcription", "reasoning")
    ),
    Field("output_audio_seconds", SECONDS, When(stage="synthesis")),
    _first("characters", "input_chars", "characters"),
    _first("output_images", "image_count"),
    # OpenLIT's and LangWatch's; the conventions have no cost.
    Field(
        "cost_usd",
        (
            number("gen_ai.usage.cost"),
            number("gen_ai.usage.cost_usd"),
            number("langwatch.span.cost"),
        ),
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
    *USAGE,
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


def used(*keys: Key) -> tuple[Decode, ...]:
    """What a call used, out of the first of these usage objects."""
    return _per_stage(keys, usage.read_usage, usage.read_speech_usage)


def used_in_body(*keys: Key) -> tuple[Decode, ...]:
    """What a recogniser or a synthesis used, out of the first of these response bodies."""
    return _per_stage(keys, usage.read_body, usage.read_made_body)[1:]


def _per_stage(keys: tuple[Key, ...], read: Reader, read_made: Reader) -> tuple[Decode, ...]:
    heard = (Decode(keys, read, usage.COUNTS, when) for when in (REASONING, TRANSCRIPTION))
    made = (*usage.COUNTS, "output_modalities")
    return (*heard, Decode(keys, read_made, made, SYNTHESIS))


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
    Decode((INPUT,), messages.read_shown, SHOWN, TRANSCRIPTION),
    Decode((OUTPUT,), messages.read_made, MADE, SYNTHESIS),
)

DECODES = (FINISHED, given(INPUT), said(OUTPUT), *VOICE, *EVENTS, *NUMBERED)
