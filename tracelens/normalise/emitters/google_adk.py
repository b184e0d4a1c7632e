"""Google's Agent Development Kit: spans of both of its schema versions."""

from tracelens.normalise import genai, messages, usage
from tracelens.normalise.emitter import Decode, Emitter, Field, SpanRule, Tier, When, text

REQUEST, RESPONSE = text("gcp.vertex.agent.llm_request"), text("gcp.vertex.agent.llm_response")

EMITTER = Emitter(
    name="google_adk",
    title="Google Agent Development Kit 2 (schema versions 1 and 2)",
    tier=Tier.VENDOR,
    scopes=("gcp.vertex.agent",),
    operation=(genai.OPERATION,),
    spans=(
        # Holds the results of tools that ran side by side; each has a span of its own.
        SpanRule(When(name=("execute_tool (merged*",)), role="other"),
        *genai.SPANS,
        SpanRule(When(name=("call_llm",)), stage="reasoning"),
        SpanRule(When(name=("execute_tool *",)), stage="tool"),
        SpanRule(
            When(name=("invocation", "agent_run *", "invoke_agent *", "invoke_node *")),
            role="wrapper",
        ),
        # Caching, compaction, and audio on its way to a live model.
        SpanRule(When(), role="other"),
    ),
    fields=(
        *genai.FIELDS,
        Field("session_id", (text("gcp.vertex.agent.session_id"),)),
        Field("external_request_id", (text("gcp.vertex.agent.invocation_id"),)),
    ),
    decodes=(
        *genai.DECODES,
        Decode((REQUEST,), messages.read_input, genai.GIVEN, genai.REASONING),
        Decode((RESPONSE,), messages.read_gemini_response, genai.SAID, genai.REASONING),
        Decode((RESPONSE,), usage.read_body, usage.COUNTS, genai.REASONING),
    ),
    signs=genai.SIGNS,
    unrecorded=("transcription.text_out", "synthesis.text_in"),
    reads=(
        "Agents, model calls and tools, with the request and response bodies of schema version 1"
        " and the messages of version 2.",
        "Finish reasons, session and invocation; usage, in schema version 1 also by modality.",
        "Tools that raised, and those that reported their failure as a result.",
    ),
    blind_to=(
        "Speech: a live session has no spans for transcription or synthesis, only its model calls.",
        "Content, when its capture is off: the bodies are empty objects then.",
        "Media: a part's bytes are replaced by their type and length.",
        "Tokens by modality, in schema version 2.",
    ),
)
