"""livekit-agents: one trace per session, a `user_turn` and an `agent_turn` per request."""

from tracelens.normalise import genai, messages, usage
from tracelens.normalise.emitter import (
    Decode,
    Emitter,
    Field,
    Sign,
    SpanRule,
    Tier,
    When,
    boolean,
    number,
    text,
)

REASONING = When(stage="reasoning")
SYNTHESIS = When(stage="synthesis")
USER_TURN = When(name=("user_turn",))
AGENT_TURN = When(name=("agent_turn",))
TRANSCRIPTS = (text("lk.pii.user_transcript"), text("lk.user_transcript"))
SOURCE = text("lk.interruption.source")

EMITTER = Emitter(
    name="livekit",
    title="livekit-agents 1.x (content keys `lk.pii.*` since 1.7, `lk.*` before)",
    tier=Tier.VENDOR,
    scopes=("livekit-agents", "livekit.agents"),
    operation=(text("gen_ai.operation.name"),),
    spans=(
        SpanRule(When(name=("agent_session", "job_entrypoint")), role="session"),
        # There is no recogniser span: the turn stands for it once it has a transcript.
        *(
            SpanRule(
                When(name=("user_turn",), present=(key,)), stage="transcription", role="user_turn"
            )
            for key in TRANSCRIPTS
        ),
        SpanRule(USER_TURN, role="user_turn"),
        SpanRule(AGENT_TURN, role="agent_turn"),
        SpanRule(When(name=("llm_node", "llm_request", "llm_request_run")), stage="reasoning"),
        SpanRule(
            When(name=("tts_node", "tts_stream_adapter", "tts_request", "tts_request_run")),
            stage="synthesis",
        ),
        SpanRule(When(name=("function_tool",)), stage="tool"),
        SpanRule(
            # The metrics come as a span of their own when the turn had already ended.
            When(name=("realtime_inference", "realtime_metrics")),
            stage="reasoning",
            speech_to_speech=True,
        ),
        SpanRule(When(name=("user_speaking",)), role="user_speech"),
        SpanRule(When(name=("agent_speaking",)), role="playout"),
        SpanRule(When(), role="other"),
    ),
    fields=(
        Field("text_out", TRANSCRIPTS, USER_TURN),
        Field("text_in", (text("lk.pii.user_input"), text("lk.user_input")), AGENT_TURN),
        Field("text_out", (text("lk.pii.response.text"), text("lk.response.text")), REASONING),
        Field("text_in", (text("lk.pii.input_text"), text("lk.input_text")), SYNTHESIS),
        Field("model", (text("gen_ai.request.model"), text("gen_ai.response.model"))),
        Field("provider", (text("gen_ai.provider.name"),)),
        Field(
            "tool_results",
            (text("lk.pii.function_tool.output"), text("lk.function_tool.output")),
            When(stage="tool"),
        ),
        Field("tool_name", (text("gen_ai.tool.name"), text("lk.function_tool.name"))),
        Field("session_id", (text("lk.room_sid"), text("langfuse.session.id"))),
        Field("user_id", (text("lk.participant_id"),)),
        Field("external_request_id", (text("lk.speech_id"),), AGENT_TURN),
        # Closing the session also interrupts; only the user's own voice is a barge-in.
        Field(
            "interrupted",
            (boolean("lk.interrupted"),),
            When(equals={SOURCE: ("audio_activity", "user_turn")}),
        ),
        Field("ttft_ms", (number("lk.response.ttft"),), REASONING, scale=1000.0),
        Field("ttft_ms", (number("gen_ai.response.time_to_first_chunk"),), REASONING, scale=1000.0),
        Field("ttfb_ms", (number("lk.response.ttfb"),), SYNTHESIS, scale=1000.0),
        Field("ttfb_ms", (number("lk.e2e_latency"),), AGENT_TURN, scale=1000.0),
        # From the end of speech to the transcript.
        Field("ttfb_ms", (number("lk.transcription_delay"),), USER_TURN, scale=1000.0),
        *genai.USAGE,
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
            (text("gen_ai.input.messages"), text("lk.pii.chat_ctx"), text("lk.chat_ctx")),
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
        Decode((text("lk.tts_metrics"),), usage.read_tts_metrics, usage.COUNTS, SYNTHESIS),
        Decode((text("lk.llm_metrics"),), usage.read_llm_metrics, usage.COUNTS, REASONING),
        Decode(
            (text("lk.pii.response.function_calls"), text("lk.response.function_calls")),
            messages.read_calls,
            ("tool_calls", "bad_tool_arguments"),
            REASONING,
        ),
    ),
    signs=(
        Sign(
            When(equals={boolean("lk.function_tool.is_error"): (True,)}),
            "failed",
            "lk.function_tool.is_error",
            "the tool raised",
            "tool_error",
        ),
    ),
    reads=(
        "A request as a user_turn with the agent_turn that answers it, also in content keys from"
        " before release 1.7.",
        "Transcript, model input and output, tool calls, and the sentences given to synthesis.",
        "Attempts of model and synthesis calls, tools that raised, and who interrupted.",
        "Realtime inference, latencies and the room; tokens by modality, characters that were"
        " spoken and the seconds of audio they became.",
    ),
    blind_to=(
        "Why transcription failed: there is no recogniser span, only a user_turn without words.",
        "A server that cuts the answer: the span says finish reason stop with no tokens.",
        "All of the model's input where input_delta is on: a span then holds what is new.",
        "Text that the application changes inside stt_node, before it is recorded.",
        "How long the user spoke: the metrics of the recogniser are in no span.",
        "How sure the recogniser was: a confidence of 0 also stands for none at all.",
        "Synthesis that hangs until the session is closed: it reads as an interruption by the"
        " program.",
    ),
)
