"""Pydantic AI: its own instrumentation, which Logfire turns on and any OTLP backend may receive."""

from tracelens.normalise import flat, genai
from tracelens.normalise.emitter import (
    Decode,
    Emitter,
    Field,
    Sign,
    SpanRule,
    Tier,
    When,
    number,
    text,
)

LOGGED = text("events")
RETRY = text("pydantic_ai.tool.retry.cause")

EMITTER = Emitter(
    name="pydantic_ai",
    title="Pydantic AI 2 (and 1, whose spans have other names)",
    tier=Tier.VENDOR,
    scopes=("pydantic-ai",),
    operation=(genai.OPERATION,),
    spans=(
        *genai.SPANS,
        # Names before the instrumentation's third version, without an operation.
        SpanRule(When(name=("agent run", "running tools", "running * tools")), role="wrapper"),
        SpanRule(When(name=("running tool", "running tool: *")), stage="tool"),
        SpanRule(When(name=("running output function*",)), role="other"),
        SpanRule(When(name=("chat *",)), stage="reasoning"),
        SpanRule(When(), role="other"),
    ),
    fields=(
        *genai.FIELDS,
        Field("cost_usd", (number("operation.cost"),)),
    ),
    decodes=(
        *genai.DECODES,
        Decode((LOGGED,), flat.read_logged_input, genai.GIVEN, genai.REASONING),
        Decode((LOGGED,), flat.read_logged_output, genai.SAID, genai.REASONING),
    ),
    unrecorded=("transcription.text_out", "synthesis.text_in"),
    signs=(
        # The tool did its work: it told the model what to do better. When the model has used up
        # its tries, the agent's span fails.
        Sign(When(present=(RETRY,)), "ok", RETRY.name, "the tool asked the model for another try"),
        *genai.SIGNS,
    ),
    reads=(
        "Model calls and tool calls with their messages, arguments and finish reasons, of current"
        " and earlier versions of its format.",
        "Usage of each model call; the agent's total is left out, as it would count twice.",
        "The conversation that a run belongs to, and what a call cost where Logfire adds it.",
    ),
    blind_to=(
        "Speech: the library has no spans for transcription or synthesis.",
        "An answer that does not validate: the model calls stay unmarked, only the agent's span"
        " fails once its retries are used up.",
    ),
)
