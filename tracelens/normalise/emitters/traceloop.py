"""Traceloop's OpenLLMetry: vendor clients, the OpenAI Agents SDK, and an application's tasks."""

from tracelens.normalise import genai, tasks
from tracelens.normalise.emitter import (
    Decode,
    Emitter,
    Field,
    Sign,
    SpanRule,
    Tier,
    When,
    boolean,
    integer,
    text,
)

KIND = text("traceloop.span.kind")
REQUEST = text("llm.request.type")  # before gen_ai.operation.name was written
CANCELLED = boolean("response.cancelled")
UNANSWERED = (text("gen_ai.response.model"), genai.OUTPUT)
OK = 1  # OTLP status code
NO_MODEL = (text("gen_ai.request.model"), genai.OUTPUT)

EMITTER = Emitter(
    name="traceloop",
    title="OpenLLMetry 0.62 (traceloop-sdk, vendor clients, OpenAI Agents SDK)",
    tier=Tier.VENDOR,
    scopes=(
        "traceloop.tracer",
        "opentelemetry.instrumentation.openai.v0",
        "opentelemetry.instrumentation.openai.v1",
        "opentelemetry.instrumentation.openai_agents",
    ),
    claims=(KIND, REQUEST),
    operation=(genai.OPERATION,),
    spans=(
        SpanRule(When(equals={KIND: ("tool",)}), stage="tool"),
        # A task is what its function's name says, by the rows of the policy.
        SpanRule(When(equals={KIND: ("workflow", "agent", "handoff")}), role="wrapper"),
        SpanRule(When(name=("openai.session",)), role="wrapper"),
        # The playing of audio, which says nothing of a model.
        SpanRule(
            When(name=("openai.realtime",), operation=("realtime",), absent=NO_MODEL),
            role="playout",
        ),
        SpanRule(When(name=("openai.realtime",)), stage="reasoning", speech_to_speech=True),
        *genai.SPANS,
        SpanRule(When(equals={REQUEST: ("embedding", "rerank", "image")}), role="other"),
        SpanRule(When(equals={REQUEST: ("chat", "completion")}), stage="reasoning"),
        SpanRule(
            When(name=("openai.chat", "openai.completion", "openai.response")), stage="reasoning"
        ),
        SpanRule(When(name=("openai.embeddings", "openai.assistant.*")), role="other"),
    ),
    fields=(
        *genai.FIELDS,
        Field("session_id", (text("traceloop.association.properties.session_id"),)),
        Field("user_id", (text("traceloop.association.properties.user_id"),)),
        Field("tool_name", (text("traceloop.entity.name"),), genai.TOOL),
        Field("tool_results", (text("traceloop.entity.output"),), genai.TOOL),
        Field("input_tokens", (integer("llm.usage.prompt_tokens"),)),
        Field("output_tokens", (integer("llm.usage.completion_tokens"),)),
    ),
    decodes=(
        *genai.DECODES,
        Decode(
            (text("traceloop.entity.output"),),
            tasks.read_returned,
            ("text_out",),
            genai.TRANSCRIPTION,
        ),
        Decode(
            (text("traceloop.entity.output"),),
            tasks.read_nothing,
            ("output_audio_seconds",),
            genai.SYNTHESIS,
        ),
        Decode(
            (text("traceloop.entity.input"),), tasks.read_argument, ("text_in",), genai.SYNTHESIS
        ),
    ),
    signs=(
        # The OpenAI Agents SDK ends what was cancelled like what went well, without an answer.
        Sign(
            When(name=("openai.response",), status=(OK,), absent=(*UNANSWERED, genai.FINISH)),
            "cancelled",
            UNANSWERED[0].name,
            "the model call ended without an answer or an error",
        ),
        Sign(
            When(equals={CANCELLED: (True,)}),
            "cancelled",
            "response.cancelled",
            "the realtime response was cancelled by the user's speech",
        ),
        *genai.SIGNS,
    ),
    reads=(
        "Messages, tool calls, finish reasons and usage of model calls, in lists or in numbered"
        " attributes of older releases.",
        "Transcript, spoken sentences and tools of the OpenAI Agents SDK.",
        "What decorated functions were given and returned; their stage comes from their names, by"
        " the policy.",
        "session_id and user_id of the association properties.",
    ),
    blind_to=(
        "Transcription and synthesis through the OpenAI client: only a decorated function around"
        " them, or the HTTP call, shows them.",
        "The whole input of a call with an image in base64: the attribute is missing.",
        "Spoken answers of a chat model: the list of parts is empty.",
        "A stream that the server cuts off: its status is OK.",
        "A call that was cancelled: its span is lost, or reads like one that went well.",
    ),
)
