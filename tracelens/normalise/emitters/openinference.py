"""OpenInference: the semantic conventions of Phoenix and its instrumentations, OpenAI's first."""

from tracelens.normalise import flat, genai, messages, usage
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
KIND = text("openinference.span.kind")
INPUT = text("input.value")
OUTPUT = text("output.value")
PARAMETERS = text("llm.invocation_parameters")
FINISH = text("llm.finish_reason")
END_REASON = text("end_reason")
OK = 1  # OTLP status code
USER = When(equals={KIND: ("USER",)})
GIVEN, SAID, SHOWN = genai.GIVEN, genai.SAID, genai.SHOWN
COSTS = (number("llm.cost.prompt"), number("llm.cost.completion"))


def reply(*reasons: str) -> When:
    """A realtime reply: it has no input of its own, that stands in the span of the user."""
    ended = {FINISH: reasons} if reasons else {}
    return When(name=("assistant",), equals={KIND: ("LLM",), **ended}, absent=(INPUT,))


EMITTER = Emitter(
    name="openinference",
    title="OpenInference conventions 0.1 (openinference-instrumentation-openai and others)",
    tier=Tier.CONVENTION,
    claims=(KIND,),
    first_token="First Token Stream Event",
    spans=(
        # Kind LLM stands on recognisers and synthesisers too: the span's name decides first.
        SpanRule(
            When(name=("Transcription*", "Translation*", "transcription")), stage="transcription"
        ),
        SpanRule(When(name=("HttpxBinaryResponseContent", "speech")), stage="synthesis"),
        SpanRule(When(name=("speech_group",)), role="wrapper"),
        SpanRule(When(name=("CreateEmbeddingResponse",)), role="other"),
        SpanRule(When(name=("ImagesResponse",)), stage="synthesis"),
        # The realtime runner of the OpenAI Agents SDK: a turn, who spoke, and the reply.
        SpanRule(When(equals={KIND: ("AUDIO",)}), role="turn"),
        SpanRule(When(equals={KIND: ("USER",)}), stage="transcription"),
        SpanRule(reply(), stage="reasoning", speech_to_speech=True),
        SpanRule(When(equals={KIND: ("TOOL",)}), stage="tool"),
        SpanRule(
            When(
                equals={
                    KIND: (
                        "RETRIEVER",
                        "EMBEDDING",
                        "RERANKER",
                        "GUARDRAIL",
                        "EVALUATOR",
                        "PROMPT",
                        "DECISION",
                    )
                }
            ),
            role="other",
        ),
        SpanRule(When(equals={KIND: ("LLM",)}), stage="reasoning", default=True),
    ),
    fields=(
        Field("text_out", (text("input.audio.transcript"), INPUT), USER),
        Field("text_out", (text("output.audio.transcript"),), REASONING),
        Field("ttft_ms", (number("time_to_first_token_ms"),), REASONING),
        Field("model", (text("llm.model_name"), text("embedding.model_name"))),
        Field("provider", (text("llm.provider"), text("llm.system"))),
        Field("tool_name", (text("tool.name"),)),
        Field("tool_results", (OUTPUT,), When(stage="tool")),
        Field("session_id", (text("session.id"),)),
        Field("user_id", (text("user.id"),)),
        Field("finish_reason", (FINISH,)),
        *usage.OPENINFERENCE,
        Field("cost_usd", (number("llm.cost.total"),)),
        Field("cost_usd", COSTS, When(present=COSTS), add=True),
        # Spans of other libraries that were translated keep what those had written.
        *genai.USAGE,
    ),
    decodes=(
        # The whole body says more than the messages that were taken apart: files and audio.
        Decode((INPUT,), messages.read_input, GIVEN, REASONING),
        Decode((OUTPUT,), messages.read_output, SAID, REASONING),
        Decode(
            (),
            flat.read_openinference_input,
            GIVEN,
            REASONING,
            source="attributes",
            marker=f'"{flat.OPENINFERENCE_IN}0.',
        ),
        Decode(
            (),
            flat.read_openinference_output,
            SAID,
            REASONING,
            source="attributes",
            marker=f'"{flat.OPENINFERENCE_OUT}0.',
        ),
        # A body may hold only the words; what was shown then stands in the messages alone.
        Decode(
            (),
            flat.read_openinference_input,
            SHOWN,
            REASONING,
            source="attributes",
            marker=".message_content.image.image.url",
        ),
        *genai.used_in_body(OUTPUT),
        Decode((OUTPUT,), messages.read_transcript, ("text_out",), TRANSCRIPTION),
        Decode((INPUT, PARAMETERS), messages.read_speech_input, ("text_in", "model"), SYNTHESIS),
        Decode((PARAMETERS,), messages.read_model, ("model",)),
    ),
    signs=(
        # The OpenAI Agents SDK ends what was cancelled like what went well, without an answer.
        Sign(
            When(
                name=("response", "generation"),
                equals={KIND: ("LLM",)},
                status=(OK,),
                absent=(OUTPUT, integer("llm.token_count.completion")),
            ),
            "cancelled",
            OUTPUT.name,
            "the model call ended without an answer or an error",
        ),
        Sign(
            When(equals={KIND: ("AUDIO",), END_REASON: ("interrupted", "session_closed")}),
            "cancelled",
            END_REASON.name,
            "the user ended the turn",
        ),
        Sign(reply("error"), "failed", FINISH.name, "the realtime response failed", "llm_error"),
        Sign(
            reply("incomplete", "length"),
            "failed",
            FINISH.name,
            "the realtime response ended incomplete",
            "llm_truncated",
        ),
        Sign(
            reply("cancelled"),
            "cancelled",
            FINISH.name,
            "the realtime response was cancelled by the user's speech",
        ),
    ),
    turns_optional=True,
    reads=(
        "The stage from the span's name, its model and its kind, in that order: kind LLM stands on"
        " recognisers and synthesisers too.",
        "Request and response bodies, or the messages that were taken apart into numbered"
        " attributes.",
        "Transcripts, the text and model of speech calls, cost; tokens of model calls, and of"
        " recognisers the tokens or seconds in their response.",
        "Turns of the realtime runner: what the user said, the reply, and how the turn ended.",
    ),
    blind_to=(
        "What the user said: audio input is not recorded, only the transcript.",
        "Transcript and spoken text of the OpenAI Agents SDK's VoicePipeline: those spans have no"
        " attributes.",
        "Failure at the root of the OpenAI Agents SDK: it is OK whatever failed below it.",
        "Files and audio handed to a chat model, except in the raw request body.",
    ),
)
