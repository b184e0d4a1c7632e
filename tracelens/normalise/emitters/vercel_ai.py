"""Vercel AI SDK: its OpenTelemetry integration (scope gen_ai) and the older one (scope ai)."""

from tracelens.normalise import genai, messages
from tracelens.normalise.emitter import (
    Decode,
    Emitter,
    Field,
    Sign,
    SpanRule,
    Tier,
    When,
    integer,
    number,
    text,
)

TRANSCRIPTION = When(stage="transcription")
REASONING = When(stage="reasoning")
SYNTHESIS = When(stage="synthesis")
FINISH = text("ai.response.finishReason")
#: Names of the older integration. Its transcription and speech write the vendor's own keys.
LEGACY_USAGE = {
    "input_tokens": ("inputTokens", "promptTokens", "input_tokens"),
    "output_tokens": ("outputTokens", "completionTokens", "output_tokens"),
    "cached_input_tokens": ("cachedInputTokens", "inputTokenDetails.cacheReadTokens"),
    "cache_write_tokens": ("inputTokenDetails.cacheWriteTokens",),
    "reasoning_tokens": ("reasoningTokens", "outputTokenDetails.reasoningTokens"),
    "audio_input_tokens": ("input_token_details.audio_tokens",),
    "characters": ("characters",),
}
AUDIO_SIZE = integer("ai.response.audio.size")

EMITTER = Emitter(
    name="vercel_ai",
    title="Vercel AI SDK 7 with @ai-sdk/otel, and its legacy telemetry",
    tier=Tier.VENDOR,
    scopes=("gen_ai", "ai"),
    operation=(text("ai.operationId"), text("gen_ai.operation.name")),
    spans=(
        SpanRule(When(operation=("ai.transcribe", "ai.streamTranscribe")), stage="transcription"),
        SpanRule(When(operation=("ai.generateSpeech", "ai.streamSpeech")), stage="synthesis"),
        SpanRule(
            When(
                operation=(
                    "chat",
                    "text_completion",
                    "generate_content",
                    "ai.generateText.doGenerate",
                    "ai.streamText.doStream",
                    "ai.generateObject.doGenerate",
                    "ai.streamObject.doStream",
                )
            ),
            stage="reasoning",
        ),
        SpanRule(When(operation=("execute_tool", "ai.toolCall")), stage="tool"),
        SpanRule(When(name=("ai.embed*", "embeddings *", "ai.rerank*")), role="other"),
        SpanRule(When(), role="wrapper"),
    ),
    fields=(
        Field("text_out", (text("ai.response.text"),), TRANSCRIPTION),
        Field("text_out", (text("ai.response.text"), text("ai.response.object")), REASONING),
        Field("text_in", (text("ai.request.text"),), SYNTHESIS),
        Field("model", (text("gen_ai.request.model"), text("ai.model.id"))),
        Field("provider", (text("gen_ai.provider.name"), text("ai.model.provider"))),
        Field(
            "tool_results",
            (text("gen_ai.tool.call.result"), text("ai.toolCall.result")),
            When(stage="tool"),
        ),
        Field("tool_name", (text("gen_ai.tool.name"), text("ai.toolCall.name"))),
        Field("session_id", (text("ai.telemetry.metadata.sessionId"), text("session.id"))),
        Field("user_id", (text("ai.telemetry.metadata.userId"), text("user.id"))),
        Field("finish_reason", (FINISH,), REASONING),
        Field(
            "ttft_ms",
            (number("gen_ai.client.operation.time_to_first_chunk"),),
            REASONING,
            scale=1000.0,
        ),
        Field("ttft_ms", (number("ai.response.msToFirstChunk"),), REASONING),
        *genai.USAGE,
        *(
            Field(column, tuple(integer(f"ai.usage.{name}") for name in names))
            for column, names in LEGACY_USAGE.items()
        ),
        Field("audio_seconds", (number("ai.usage.seconds"),), TRANSCRIPTION),
    ),
    decodes=(
        # The attribute is what the server said; the message list may carry a default.
        Decode(
            (text("gen_ai.response.finish_reasons"),),
            messages.read_finish,
            ("finish_reason",),
            REASONING,
        ),
        Decode(
            (text("gen_ai.input.messages"), text("ai.prompt.messages"), text("ai.prompt")),
            messages.read_input,
            genai.GIVEN,
            REASONING,
        ),
        Decode(
            (text("gen_ai.output.messages"),),
            messages.read_output,
            genai.SAID,
            REASONING,
        ),
        Decode(
            (text("ai.response.toolCalls"),),
            messages.read_calls,
            ("tool_calls", "bad_tool_arguments"),
            REASONING,
        ),
        Decode(
            (text("gen_ai.output.messages"),), messages.read_output, ("text_out",), TRANSCRIPTION
        ),
        Decode((text("gen_ai.input.messages"),), messages.read_input, ("text_in",), SYNTHESIS),
    ),
    signs=(
        Sign(
            When(stage="synthesis", equals={AUDIO_SIZE: (0,)}),
            "empty",
            "ai.response.audio.size",
            "the speech call returned no audio bytes",
            "tts_empty",
        ),
    ),
    reads=(
        "Transcription, model calls, tools and speech of both telemetry integrations.",
        "Messages, tool calls, structured answers, finish reasons, usage and time to first chunk;"
        " of transcription and speech the units that the vendor counts.",
        "An answer that is no answer: speech of zero bytes, a stream that ended as `other`.",
        "sessionId and userId of the telemetry metadata.",
    ),
    blind_to=(
        "What the user said: only the size of the audio is recorded.",
        "A schema failure of Output.object: the SDK's spans stay unset, only the caller fails.",
        "A tool call whose arguments do not parse, with the newer integration: no tool span follows"
        " and nothing is marked.",
        "Order below a millisecond: spans that start together may read in either order.",
    ),
)
