"""openinference-instrumentation-pipecat: one trace per turn, joined by session.id."""

from tracelens.normalise import usage
from tracelens.normalise.emitter import (
    Emitter,
    Field,
    Sign,
    SpanRule,
    Tier,
    When,
    boolean,
    integer,
    number,
    text,
)

TURN = When(name=("pipecat.conversation.turn",))
TRANSCRIPTION = When(stage="transcription")
REASONING = When(stage="reasoning")
SYNTHESIS = When(stage="synthesis")
INPUT = text("input.value")
OUTPUT = text("output.value")
TTFB = number("service.ttfb_seconds")

EMITTER = Emitter(
    name="openinference_pipecat",
    title="openinference-instrumentation-pipecat 2.0",
    tier=Tier.VENDOR,
    scopes=("openinference.instrumentation.pipecat",),
    spans=(
        SpanRule(TURN, role="turn"),
        SpanRule(When(name=("pipecat.stt",)), stage="transcription"),
        SpanRule(When(name=("pipecat.llm",)), stage="reasoning"),
        SpanRule(When(name=("pipecat.tts",)), stage="synthesis"),
        SpanRule(When(name=("pipecat.tool.*",)), stage="tool"),
        SpanRule(When(), role="other"),
    ),
    fields=(
        # Directions are reversed: a transcript stands in the input, spoken text in the output.
        Field("text_out", (INPUT,), TRANSCRIPTION),
        Field("text_in", (INPUT,), REASONING),
        Field("text_out", (OUTPUT,), REASONING),
        Field("text_in", (OUTPUT,), SYNTHESIS),
        # `llm.model_name` is often the word "unknown" while metrics.model has the name.
        Field("model", (text("metrics.model"), text("gen_ai.request.model"))),
        Field("provider", (text("llm.provider"),)),
        Field("session_id", (text("session.id"),)),
        Field("user_id", (text("user.id"),)),
        Field("turn_number", (integer("conversation.turn_number"),)),
        Field("interrupted", (boolean("conversation.was_interrupted"),), TURN),
        Field("ttfb_ms", (TTFB,), scale=1000.0),
        Field("ttfb_ms", (number("conversation.user_to_bot_latency"),), TURN, scale=1000.0),
        Field("ttft_ms", (TTFB,), REASONING, scale=1000.0),
        Field("characters", (integer("tts.character_count"),)),
        *usage.OPENINFERENCE,
    ),
    signs=(
        Sign(
            When(stage="reasoning", absent=(OUTPUT, integer("llm.token_count.completion"))),
            "failed",
            "output.value",
            "the llm span has neither an answer nor token counts",
            "llm_error",
        ),
        Sign(
            When(stage="synthesis", absent=(OUTPUT, TTFB)),
            "failed",
            "service.ttfb_seconds",
            "the tts span has neither text nor a time to first byte: no audio came back",
            "tts_error",
        ),
        Sign(
            When(stage="tool", present=(text("frame.error.message"),)),
            "failed",
            "frame.error.message",
            "the tool failed",
            "tool_error",
        ),
    ),
    reads=(
        "One trace per turn, joined by session.id; transcript, question, answer and spoken text,"
        " whose directions are the reverse of what their names say.",
        "Failure by what a span lacks: an answer, token counts, a time to first byte.",
        "Usage, characters, latencies and the real model name.",
    ),
    blind_to=(
        "Errors: every span has status OK, failed ones too.",
        "Who interrupted: the last turn of a session always counts as interrupted.",
        "How long the audio was: stt.minutes is the length of the turn.",
        "The transcript from the second turn on: its span is cut off and sits in the turn before.",
    ),
)
