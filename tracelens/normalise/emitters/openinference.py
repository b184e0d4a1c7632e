"""OpenInference: the semantic conventions of Phoenix and its instrumentations, OpenAI's first."""

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

TRANSCRIPTION = When(stage="transcription")
REASONING = When(stage="reasoning")
SYNTHESIS = When(stage="synthesis")
TOOL = When(stage="tool")
KIND = text("openinference.span.kind")
INPUT = text("input.value")
OUTPUT = text("output.value")
PARAMETERS = text("llm.invocation_parameters")

EMITTER = Emitter(
    name="openinference",
    title="OpenInference conventions 0.1 (openinference-instrumentation-openai and others)",
    tier=Tier.CONVENTION,
    claims=(KIND,),
    spans=(
        # Kind LLM stands on recognisers and synthesisers too: the span's name decides first.
        SpanRule(
            When(name=("Transcription*", "Translation*", "transcription")), stage="transcription"
        ),
        SpanRule(When(name=("HttpxBinaryResponseContent", "speech")), stage="synthesis"),
        SpanRule(When(name=("speech_group",)), role="wrapper"),
        SpanRule(When(name=("CreateEmbeddingResponse",)), role="other"),
        SpanRule(When(name=("ImagesResponse",)), stage="synthesis"),
        SpanRule(When(equals={KIND: ("LLM",)}), stage="reasoning"),
        SpanRule(When(equals={KIND: ("TOOL",)}), stage="tool"),
        SpanRule(
            When(equals={KIND: ("RETRIEVER", "EMBEDDING", "RERANKER", "GUARDRAIL", "EVALUATOR")}),
            role="other",
        ),
    ),
    fields=(
        Field("model", (text("llm.model_name"), text("embedding.model_name"))),
        Field("provider", (text("llm.provider"), text("llm.system"))),
        Field("tool_name", (text("tool.name"),)),
        Field("session_id", (text("session.id"),)),
        Field("user_id", (text("user.id"),)),
        Field("finish_reason", (text("llm.finish_reason"),)),
        Field("input_tokens", (integer("llm.token_count.prompt"),)),
        Field("output_tokens", (integer("llm.token_count.completion"),)),
        Field("cached_input_tokens", (integer("llm.token_count.prompt_details.cache_read"),)),
        Field("reasoning_tokens", (integer("llm.token_count.completion_details.reasoning"),)),
        Field("audio_input_tokens", (integer("llm.token_count.prompt_details.audio"),)),
        Field("audio_output_tokens", (integer("llm.token_count.completion_details.audio"),)),
        Field("cost_usd", (number("llm.cost.total"),)),
    ),
    decodes=(
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
        Decode((OUTPUT,), messages.read_transcript, ("text_out",), TRANSCRIPTION),
        Decode((INPUT, PARAMETERS), messages.read_speech_input, ("text_in", "model"), SYNTHESIS),
        Decode((PARAMETERS,), messages.read_model, ("model",)),
    ),
    cannot_see=(
        "What the user said: audio input is not recorded, only the transcript.",
        "Files and audio handed to a chat model, except in the raw request body.",
    ),
)
