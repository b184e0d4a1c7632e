"""OpenTelemetry GenAI semantic conventions, current and legacy, whoever emits them."""

from tracelens.normalise import messages
from tracelens.normalise.emitter import (
    Decode,
    Emitter,
    Field,
    SpanRule,
    Tier,
    When,
    integer,
    number,
    text,
)

OPERATION = text("gen_ai.operation.name")
TRANSCRIPTION = When(stage="transcription")
REASONING = When(stage="reasoning")
SYNTHESIS = When(stage="synthesis")
INPUT = text("gen_ai.input.messages")
OUTPUT = text("gen_ai.output.messages")

EMITTER = Emitter(
    name="otel_genai",
    title="OpenTelemetry GenAI conventions (opentelemetry-instrumentation-openai-v2 and others)",
    tier=Tier.CONVENTION,
    claims=(OPERATION,),
    operation=(OPERATION,),
    spans=(
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
            When(operation=("chat", "generate_content", "text_completion", "responses")),
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
                )
            ),
            role="wrapper",
        ),
        SpanRule(When(operation=("embeddings", "retrieval")), role="other"),
    ),
    fields=(
        Field("model", (text("gen_ai.request.model"), text("gen_ai.response.model"))),
        Field("provider", (text("gen_ai.provider.name"), text("gen_ai.system"))),
        Field("tool_name", (text("gen_ai.tool.name"),)),
        Field("session_id", (text("gen_ai.conversation.id"), text("session.id"))),
        Field("user_id", (text("user.id"), text("enduser.id"))),
        Field("external_request_id", (text("gen_ai.response.id"),), REASONING),
        Field("ttft_ms", (number("gen_ai.response.time_to_first_chunk"),), REASONING, scale=1000.0),
        Field("input_tokens", (integer("gen_ai.usage.input_tokens"),)),
        Field("output_tokens", (integer("gen_ai.usage.output_tokens"),)),
        Field("input_tokens", (integer("gen_ai.usage.prompt_tokens"),)),
        Field("output_tokens", (integer("gen_ai.usage.completion_tokens"),)),
        Field("cached_input_tokens", (integer("gen_ai.usage.cache_read.input_tokens"),)),
        Field("reasoning_tokens", (integer("gen_ai.usage.reasoning.output_tokens"),)),
        Field("audio_input_tokens", (integer("gen_ai.usage.audio.input_tokens"),)),
        Field("audio_output_tokens", (integer("gen_ai.usage.audio.output_tokens"),)),
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
            (INPUT,),
            messages.read_input,
            ("text_in", "context_in", "tool_failure", "input_modalities"),
            REASONING,
        ),
        Decode(
            (OUTPUT,),
            messages.read_output,
            ("text_out", "tool_calls", "bad_tool_arguments", "finish_reason", "output_modalities"),
            REASONING,
        ),
        Decode((OUTPUT,), messages.read_output, ("text_out",), TRANSCRIPTION),
        Decode((INPUT,), messages.read_spoken, ("text_out",), When(operation=("user_speech",))),
        Decode((INPUT,), messages.read_input, ("text_in",), SYNTHESIS),
    ),
    cannot_see=(
        "Transcription and synthesis by opentelemetry-instrumentation-openai-v2: only the HTTP call"
        " is there, read by its URL path.",
        "Images, audio and files that an instrumentation drops from the recorded messages.",
        "Content, unless the service turned on its capture.",
    ),
)
