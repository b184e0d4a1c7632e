"""Logfire's instrumentations of the OpenAI and Anthropic clients and of the OpenAI Agents SDK."""

from tracelens.normalise import flat, genai, messages, usage
from tracelens.normalise.emitter import Decode, Emitter, Field, SpanRule, Tier, When, number, text

RAW_USAGE = text("gen_ai.usage.raw")
AGENTS = ("logfire.openai_agents",)

EMITTER = Emitter(
    name="logfire",
    title="Logfire 5 (openai, anthropic and litellm clients, OpenAI Agents SDK with voice)",
    tier=Tier.VENDOR,
    scopes=(*AGENTS, "logfire.openai", "logfire.anthropic", "logfire.litellm"),
    operation=(genai.OPERATION,),
    # Names are templates: their braces stand in the span as they are written here.
    spans=(
        SpanRule(When(name=("Speech → Text*",)), stage="transcription"),
        # Holds one span per sentence; the sentences are judged, not the group.
        SpanRule(When(name=("Text → Speech group*",)), role="wrapper"),
        SpanRule(When(name=("Text → Speech*",)), stage="synthesis"),
        SpanRule(
            When(
                name=(
                    "Responses API*",
                    "Chat completion with *",
                    "Chat Completion with *",
                    "Completion with *",
                    "Message with *",
                    "streaming response from *",
                )
            ),
            stage="reasoning",
        ),
        SpanRule(When(name=("Function: *",)), stage="tool"),
        SpanRule(When(name=("Image Generation with *",)), stage="synthesis"),
        SpanRule(
            When(
                name=(
                    "OpenAI Agents trace*",
                    "Agent run*",
                    "Task: *",
                    "Turn *",
                    "Custom span*",
                    "OpenAI agents: *",
                )
            ),
            role="wrapper",
        ),
        SpanRule(
            When(name=("Guardrail *", "Handoff: *", "MCP: *", "Embedding Creation with *")),
            role="other",
        ),
        *genai.SPANS,
    ),
    fields=(
        Field("text_out", (text("output"),), genai.TRANSCRIPTION),
        Field("text_in", (text("input"),), genai.SYNTHESIS),
        Field("tool_name", (text("name"),), genai.TOOL),
        *genai.FIELDS,
        Field("session_id", (text("group_id"),)),
        Field("cost_usd", (number("operation.cost"),)),
    ),
    decodes=(
        genai.FINISHED,
        # The Agents SDK's own record of a call, then what the client's instrumentation wrote.
        genai.given(text("raw_input"), genai.INPUT),
        genai.said(text("response"), genai.OUTPUT, text("response_data")),
        Decode((text("events"),), flat.read_logged_input, genai.GIVEN, genai.REASONING),
        Decode((text("events"),), flat.read_logged_output, genai.SAID, genai.REASONING),
        genai.given(text("input"), text("request_data")),
        Decode((text("output"),), messages.read_output, genai.SAID, genai.REASONING),
        *genai.used(RAW_USAGE),
        Decode(
            (text("response_data"),),
            usage.read_body,
            usage.COUNTS,
            When(stage="reasoning", absent=(RAW_USAGE,)),
        ),
    ),
    reads=(
        "Transcript, model input and output, tool results and spoken sentences of a VoicePipeline.",
        "Chat completions and responses of the OpenAI and Anthropic clients, in both of Logfire's"
        " formats, and the log that sums up a stream.",
        "Usage and what Logfire says that a call cost; group_id as the session.",
    ),
    blind_to=(
        "Failure at the root: the trace's own span stays unset whatever failed below it.",
        "Audio calls of the plain OpenAI client: instrument_openai does not record them.",
        "An answer that the server cuts off while it streams: no span is marked.",
        "Retries of the vendor's SDK, which only make a call longer.",
    ),
)
