"""pipecat's native tracing: one trace per conversation, one `turn` span per request."""

from tracelens.normalise import genai, messages
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
    number,
    text,
)

TURN = When(name=("turn",))
TRANSCRIPTION = When(stage="transcription")
REASONING = When(stage="reasoning")
SYNTHESIS = When(stage="synthesis")
OPERATION = text("gen_ai.operation.name")
STATUS = text("response.status")
TOOL_STATUS = text("tool.result_status")
CAPTURED = When(operation=("chat",), present=(text("input"),))
TTFB = number("metrics.ttfb")
OLD_TTFB = number("metrics.ttfb_ms")

EMITTER = Emitter(
    name="pipecat",
    title="pipecat-ai 1.14, native tracing (cascade and realtime)",
    tier=Tier.VENDOR,
    scopes=("pipecat", "pipecat.turn"),
    operation=(OPERATION,),
    spans=(
        SpanRule(When(name=("conversation",)), role="session"),
        SpanRule(When(name=("turn",)), role="turn"),
        SpanRule(When(operation=("stt",)), stage="transcription"),
        SpanRule(When(operation=("chat",)), stage="reasoning"),
        SpanRule(When(operation=("tts",)), stage="synthesis"),
        SpanRule(When(operation=("llm_response",)), stage="reasoning", speech_to_speech=True),
        SpanRule(When(name=("llm_tool_call", "llm_tool_result")), stage="tool"),
        # Releases before 1.0 named spans after the service and gave them no operation.
        SpanRule(When(name=("stt", "*_stt"), absent=(OPERATION,)), stage="transcription"),
        SpanRule(When(name=("llm", "*_llm"), absent=(OPERATION,)), stage="reasoning"),
        SpanRule(When(name=("tts", "*_tts"), absent=(OPERATION,)), stage="synthesis"),
        SpanRule(When(), role="other"),
    ),
    fields=(
        # The span opens only when a transcript arrives; one without it carries an empty one.
        Field("text_out", (text("transcript"),), TRANSCRIPTION, absent=""),
        # With content capture on (there is an input), no output means that none came.
        Field("text_out", (text("output"),), When(operation=("llm_response",))),
        Field("text_out", (text("output"),), CAPTURED, absent=""),
        Field("text_out", (text("output"),), REASONING),
        Field("text_in", (text("text"),), SYNTHESIS),
        Field("model", (text("gen_ai.request.model"), text("settings.model"))),
        Field("provider", (text("gen_ai.provider.name"), text("gen_ai.system"))),
        Field("tool_name", (text("tool.function_name"),)),
        Field("session_id", (text("conversation.id"),)),
        Field("user_id", (text("user_id"),)),
        Field("turn_number", (integer("turn.number"),)),
        Field("interrupted", (boolean("turn.was_interrupted"), boolean("tts.interrupted"))),
        Field("tool_calls", (integer("function_calls.count"),), REASONING),
        Field("ttfb_ms", (TTFB,), scale=1000.0),
        Field("ttfb_ms", (OLD_TTFB,)),
        Field("ttfb_ms", (number("turn.user_bot_latency_seconds"),), TURN, scale=1000.0),
        Field("ttft_ms", (TTFB,), REASONING, scale=1000.0),
        Field("audio_seconds", (number("metrics.audio_seconds"),), TRANSCRIPTION),
        Field("characters", (integer("metrics.character_count"),)),
        *genai.USAGE,
    ),
    decodes=(
        Decode(
            (text("input"),),
            messages.read_input,
            genai.GIVEN,
            REASONING,
        ),
    ),
    signs=(
        Sign(
            When(stage="synthesis", absent=(TTFB, OLD_TTFB, boolean("tts.interrupted"))),
            "failed",
            "metrics.ttfb",
            "the tts span has no time to first byte: no audio came back",
            "tts_error",
        ),
        Sign(
            When(operation=("llm_response",), equals={STATUS: ("failed",)}),
            "failed",
            "response.status",
            "the realtime response ended with status failed",
            "llm_error",
        ),
        Sign(
            When(operation=("llm_response",), equals={STATUS: ("incomplete",)}),
            "failed",
            "response.status",
            "the realtime response ended incomplete",
            "llm_truncated",
        ),
        Sign(
            When(operation=("llm_response",), equals={STATUS: ("cancelled",)}),
            "cancelled",
            "response.status",
            "the realtime response was cancelled by the user's speech",
        ),
        Sign(
            When(name=("llm_tool_result",), equals={TOOL_STATUS: ("error",)}),
            "failed",
            "tool.result_status",
            "the tool returned an error",
            "tool_error",
        ),
    ),
    reads=(
        "Turns of a conversation, with transcript, model input and output, and spoken text.",
        "Failed synthesis by the time to first byte that its span lacks.",
        "Realtime responses with their status, and the tool calls of Gemini Live.",
        "Tokens, also cached and of audio; seconds that were heard, characters that were spoken,"
        " latencies.",
    ),
    blind_to=(
        "Why transcription failed: a recogniser that fails or returns nothing leaves no span.",
        "Why synthesis failed: its span has neither a status nor an exception.",
        "Tool calls of models that are not realtime: only the tool's text in the next llm input.",
        "Retries by the vendor's SDK, and the model's finish reason.",
        "A realtime response that never came: neither a lost connection nor a silent server leaves"
        " a span.",
        "Whether a realtime answer was heard: audio that is missing leaves no trace.",
    ),
)
