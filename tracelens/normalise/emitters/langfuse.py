"""Langfuse's SDK: observations as spans, also as Langfuse exports them."""

from tracelens.normalise import genai, messages, tasks, usage
from tracelens.normalise.emitter import Decode, Emitter, Field, Sign, SpanRule, Tier, When, text

KIND = text("langfuse.observation.type")
INPUT, OUTPUT = text("langfuse.observation.input"), text("langfuse.observation.output")
LEVEL = text("langfuse.observation.level")

EMITTER = Emitter(
    name="langfuse",
    title="Langfuse SDK 5 (OpenTelemetry attributes `langfuse.*`)",
    tier=Tier.CONVENTION,
    scopes=("langfuse-sdk",),
    claims=(KIND,),
    # Spans of other libraries that went through Langfuse keep what those libraries wrote.
    yields_to=(genai.OPERATION, text("openinference.span.kind")),
    spans=(
        SpanRule(When(equals={KIND: ("tool",)}), stage="tool"),
        SpanRule(When(equals={KIND: ("agent", "chain")}), role="wrapper"),
        SpanRule(
            When(equals={KIND: ("retriever", "embedding", "evaluator", "guardrail", "event")}),
            role="other",
        ),
        # Any vendor call may be a generation, of speech too: its name and model decide first.
        SpanRule(When(equals={KIND: ("generation",)}), stage="reasoning", default=True),
    ),
    fields=(
        Field("tool_results", (OUTPUT,), genai.TOOL),
        Field("model", (text("langfuse.observation.model.name"),)),
        Field("session_id", (text("session.id"), text("langfuse.session.id"))),
        Field("user_id", (text("user.id"), text("langfuse.user.id"))),
        *genai.USAGE,
        # What returned nothing says so; what is not captured has no output at all.
        Field("text_out", (OUTPUT,), When(equals={OUTPUT: ("",)})),
    ),
    decodes=(
        Decode((INPUT,), tasks.read_question, genai.GIVEN, genai.REASONING),
        Decode((OUTPUT,), messages.read_output, genai.SAID, genai.REASONING),
        Decode((OUTPUT,), tasks.read_returned, ("text_out",), genai.TRANSCRIPTION),
        Decode((INPUT,), tasks.read_argument, ("text_in",), genai.SYNTHESIS),
        # `input` and `output` are what is left without the parts that have keys of their own.
        *genai.used(text("langfuse.observation.usage_details")),
        Decode((text("langfuse.observation.cost_details"),), usage.read_cost, ("cost_usd",)),
    ),
    signs=(
        Sign(
            When(equals={LEVEL: ("ERROR",)}),
            "failed",
            LEVEL.name,
            "the observation has level ERROR",
        ),
    ),
    reads=(
        "Generations with their messages and cost; tools; what observed functions were given and"
        " returned.",
        "Usage in Langfuse's keys, whose `input` and `output` leave out the parts that have keys of"
        " their own, and in those of OpenAI, Anthropic and Gemini.",
        "The stage of an observation from its type, its name and its model, by the policy's rows.",
        "Level ERROR, session and user.",
    ),
    blind_to=(
        "Audio calls of the OpenAI client: only an observed function around them shows them.",
        "The stage of a function whose name does not tell it: its observation is a plain span.",
        "Exceptions beyond their message, and the finish reason of a model.",
        "Content of observations with capture_output=False.",
    ),
)
