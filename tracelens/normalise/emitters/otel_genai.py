"""OpenTelemetry GenAI semantic conventions, current, legacy and proposed, whoever emits them."""

from tracelens.normalise import genai
from tracelens.normalise.emitter import Emitter, SpanRule, Tier, When

EMITTER = Emitter(
    name="otel_genai",
    title="OpenTelemetry GenAI conventions (opentelemetry-instrumentation-openai-v2 and others)",
    tier=Tier.CONVENTION,
    # Services that name their own spans may still record messages under the conventions' keys.
    claims=(genai.OPERATION, genai.TURN_END_REASON, genai.INPUT, genai.OUTPUT),
    operation=(genai.OPERATION,),
    spans=(
        # A conversation may be one trace: drafts of the voice conventions name its turns.
        SpanRule(When(present=(genai.TURN_END_REASON,)), role="turn"),
        *genai.SPANS,
    ),
    fields=genai.FIELDS,
    decodes=genai.DECODES,
    signs=genai.SIGNS,
    turns_optional=True,
    reads=(
        "The stage from gen_ai.operation.name, also by the proposals for voice and realtime.",
        "Messages from gen_ai.input.messages and gen_ai.output.messages, from the span events of"
        " older conventions, and from numbered gen_ai.prompt and gen_ai.completion attributes.",
        "Finish reasons, time to first chunk, conversation and user.",
        "Usage by current and older names: tokens cached, of audio, images and video; seconds and"
        " characters as LangWatch's gateway writes them, whose totals leave out those parts.",
    ),
    blind_to=(
        "Transcription and synthesis by opentelemetry-instrumentation-openai-v2: only the HTTP call"
        " is there, read by its URL path.",
        "Images, audio and files that an instrumentation drops from the recorded messages.",
        "Content, unless the service turned on its capture; content in log records.",
        "A call whose task was cancelled: some instrumentations never export its span.",
    ),
)
