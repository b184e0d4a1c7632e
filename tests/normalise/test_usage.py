"""What each emitter says of usage: a span in, usage columns out, totals with their parts."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.normalise.files import png, wave
from tests.normalise.otlp import read
from tracelens.normalise import usage

CHAT = {"gen_ai.operation.name": "chat"}
STT = {"gen_ai.operation.name": "speech_to_text"}
TTS = {"gen_ai.operation.name": "text_to_speech"}
LLM = {"openinference.span.kind": "LLM"}
GATEWAY = {**CHAT, "langwatch.gateway_request_id": "r1"}
VERCEL_STT = {"gen_ai.operation.name": "ai.transcribe"}
LEGACY = {"ai.operationId": "ai.generateText.doGenerate"}
FUNCTION = {"langfuse.observation.type": "generation", "langfuse.observation.model.name": "gpt-4o"}


def tokens(**counts):
    """Attributes below `gen_ai.usage.`; `__` stands for a dot."""
    return {f"gen_ai.usage.{name.replace('__', '.')}": count for name, count in counts.items()}


def counts(**numbers):
    """Attributes below `llm.token_count.`."""
    return {f"llm.token_count.{name.replace('__', '.')}": n for name, n in numbers.items()}


def details(**keys):
    """Langfuse's usage of a model call."""
    return {**FUNCTION, "langfuse.observation.usage_details": json.dumps(keys)}


def body(**keys):
    return {**LLM, "output.value": json.dumps(keys)}


def used(row):
    """The usage columns that are filled."""
    return {name: row[name] for name in usage.USAGE if row[name] is not None}


REALTIME = tokens(
    input_tokens=100,
    text__input_tokens=20,
    audio__input_tokens=70,
    image__input_tokens=10,
    cache_read__input_tokens=40,
    audio__cache_read__input_tokens=30,
    output_tokens=60,
    text__output_tokens=10,
    audio__output_tokens=50,
)
REALTIME_USED = {
    "input_tokens": 100,
    "cached_input_tokens": 40,
    "audio_input_tokens": 70,
    "cached_audio_input_tokens": 30,
    "image_input_tokens": 10,
    "output_tokens": 60,
    "audio_output_tokens": 50,
}
GEMINI = {
    "promptTokenCount": 100,
    "toolUsePromptTokenCount": 5,
    "cachedContentTokenCount": 40,
    "candidatesTokenCount": 20,
    "thoughtsTokenCount": 30,
    "promptTokensDetails": [
        {"modality": "TEXT", "tokenCount": 10},
        {"modality": "AUDIO", "tokenCount": 60},
        {"modality": "IMAGE", "tokenCount": 30},
    ],
    "candidatesTokensDetails": [{"modality": "AUDIO", "tokenCount": 18}],
    "cacheTokensDetails": [{"modality": "AUDIO", "tokenCount": 35}],
}
GEMINI_USED = {
    "input_tokens": 105,
    "cached_input_tokens": 40,
    "audio_input_tokens": 60,
    "cached_audio_input_tokens": 35,
    "image_input_tokens": 30,
    "output_tokens": 50,
    "reasoning_tokens": 30,
    "audio_output_tokens": 18,
}
TTS_METRICS = {"audio_duration": 2.01, "characters_count": 41, "input_tokens": 0}
LLM_METRICS = {"prompt_tokens": 92, "prompt_cached_tokens": 8, "completion_tokens": 9}

EMITTERS = [
    # The conventions: current, older and draft spellings, and parts without a total.
    ("chat", CHAT | REALTIME, None, REALTIME_USED),
    (
        "chat",
        CHAT | tokens(prompt_tokens=9, completion_tokens=4),
        None,
        {"input_tokens": 9, "output_tokens": 4},
    ),
    (
        "chat",
        CHAT | tokens(input_tokens=9, cache_read_input_tokens=5, cache_creation_input_tokens=2),
        None,
        {"input_tokens": 9, "cached_input_tokens": 5, "cache_write_tokens": 2},
    ),
    (
        "chat",
        CHAT | tokens(input_tokens=9, cache_write__input_tokens=5, input_tokens__cached=2),
        None,
        {"input_tokens": 9, "cached_input_tokens": 2, "cache_write_tokens": 5},
    ),
    (
        "chat",
        CHAT | tokens(input_text_tokens=3, input_audio_tokens=6, output_audio_tokens=4),
        None,
        {"input_tokens": 9, "audio_input_tokens": 6, "audio_output_tokens": 4},
    ),
    (
        "chat",
        CHAT | tokens(text__input_tokens=3, audio__input_tokens=6, video__input_tokens=1),
        None,
        {"input_tokens": 10, "audio_input_tokens": 6, "video_input_tokens": 1},
    ),
    ("chat", CHAT | tokens(audio__input_tokens=6), None, {"audio_input_tokens": 6}),
    # LangWatch's gateway leaves the parts out of both totals, and writes doubles.
    (
        "chat",
        GATEWAY
        | tokens(
            input_tokens=10,
            cache_read__input_tokens=4,
            cache_creation__input_tokens=3,
            input_audio_tokens=2.0,
            output_tokens=5,
            output_audio_tokens=1.0,
        ),
        None,
        {
            "input_tokens": 19,
            "cached_input_tokens": 4,
            "cache_write_tokens": 3,
            "audio_input_tokens": 2,
            "output_tokens": 6,
            "audio_output_tokens": 1,
        },
    ),
    ("stt", STT | tokens(audio_seconds=2.5), None, {"audio_seconds": 2.5}),
    ("tts", TTS | tokens(input_chars=43, cost=0.25), None, {"characters": 43, "cost_usd": 0.25}),
    ("tts", TTS | tokens(audio_seconds=2.5), None, {"output_audio_seconds": 2.5}),
    # Nobody's span with a name that tells its stage.
    ("transcribe", tokens(audio_seconds=2.5), None, {"audio_seconds": 2.5}),
    # pipecat
    ("llm", CHAT | REALTIME, "pipecat", REALTIME_USED),
    (
        "stt",
        {"gen_ai.operation.name": "stt", "transcript": "hi", "metrics.audio_seconds": 1.7},
        "pipecat",
        {"audio_seconds": 1.7},
    ),
    (
        "tts",
        {"gen_ai.operation.name": "tts", "text": "done", "metrics.character_count": 55},
        "pipecat",
        {"characters": 55},
    ),
    # LiveKit
    ("realtime_inference", REALTIME, "livekit-agents", REALTIME_USED),
    (
        "tts_request",
        {"lk.tts_metrics": json.dumps(TTS_METRICS), "lk.pii.input_text": "It ships."},
        "livekit-agents",
        {"characters": 41, "output_audio_seconds": 2.01},
    ),
    (
        "llm_request",
        {"lk.llm_metrics": json.dumps(LLM_METRICS)},
        "livekit-agents",
        {"input_tokens": 92, "cached_input_tokens": 8, "output_tokens": 9},
    ),
    # OpenInference: the prompt includes what the cache held
    (
        "ChatCompletion",
        LLM
        | counts(
            prompt=100,
            completion=30,
            prompt_details__cache_read=40,
            prompt_details__cache_write=20,
            prompt_details__audio=10,
            completion_details__reasoning=5,
            completion_details__audio=6,
        )
        | {"llm.cost.prompt": 0.5, "llm.cost.completion": 0.25},
        None,
        {
            "input_tokens": 100,
            "cached_input_tokens": 40,
            "cache_write_tokens": 20,
            "audio_input_tokens": 10,
            "output_tokens": 30,
            "reasoning_tokens": 5,
            "audio_output_tokens": 6,
            "cost_usd": 0.75,
        },
    ),
    (
        "ChatCompletion",
        LLM | counts(prompt_details__cache_input=4),
        None,
        {"cached_input_tokens": 4},
    ),
    ("ChatCompletion", LLM | {"llm.cost.prompt": 0.5}, None, {}),
    (
        "Transcription",
        body(
            text="hi",
            usage={
                "type": "tokens",
                "input_tokens": 14,
                "input_token_details": {"text_tokens": 4, "audio_tokens": 10},
                "output_tokens": 3,
            },
        ),
        None,
        {"input_tokens": 14, "audio_input_tokens": 10, "output_tokens": 3},
    ),
    (
        "Transcription",
        body(text="hi", usage={"type": "duration", "seconds": 3}),
        None,
        {"audio_seconds": 3.0},
    ),
    ("TranscriptionVerbose", body(text="hi", duration="8.5"), None, {"audio_seconds": 8.5}),
    (
        "HttpxBinaryResponseContent",
        {**LLM, "input.value": '{"input": "It ships.", "model": "tts-1"}'},
        None,
        {"characters": 9},
    ),
    (
        "ImagesResponse",
        body(
            data=[{"b64_json": ""}, {"url": "x"}],
            usage={"input_tokens": 5, "output_tokens": 9, "input_tokens_details": {}},
        ),
        None,
        {"input_tokens": 5, "output_tokens": 9, "output_images": 2},
    ),
    # openinference-pipecat: stt.minutes is the length of the turn
    ("pipecat.stt", {"stt.minutes": 0.5}, "openinference.instrumentation.pipecat", {}),
    (
        "pipecat.llm",
        counts(prompt=9, completion=4, prompt_details__cache_read=2),
        "openinference.instrumentation.pipecat",
        {"input_tokens": 9, "cached_input_tokens": 2, "output_tokens": 4},
    ),
    (
        "pipecat.tts",
        {"tts.character_count": 16, "output.value": "It ships."},
        "openinference.instrumentation.pipecat",
        {"characters": 16},
    ),
    # Pydantic AI: `audio_tokens` of its details are those of the answer
    (
        "chat gpt-4o",
        CHAT
        | tokens(
            input_tokens=100,
            output_tokens=50,
            cache_creation__input_tokens=7,
            details__input_audio_tokens=60,
            details__cache_audio_read_tokens=20,
            details__audio_tokens=40,
            details__reasoning_tokens=3,
        )
        | {"operation.cost": 0.125},
        "pydantic-ai",
        {
            "input_tokens": 100,
            "cache_write_tokens": 7,
            "audio_input_tokens": 60,
            "cached_audio_input_tokens": 20,
            "output_tokens": 50,
            "reasoning_tokens": 3,
            "audio_output_tokens": 40,
            "cost_usd": 0.125,
        },
    ),
    (
        "chat gemini",
        CHAT | tokens(details__image_prompt_tokens=258, details__thoughts_tokens=9),
        "pydantic-ai",
        {"image_input_tokens": 258, "reasoning_tokens": 9},
    ),
    # Logfire: the vendor's own usage
    (
        "Responses API",
        {
            **CHAT,
            "gen_ai.usage.raw": {
                "input_tokens": 84,
                "input_tokens_details": {"cached_tokens": 64},
                "output_tokens": 6,
                "output_tokens_details": {"reasoning_tokens": 2},
            },
        },
        "logfire.openai_agents",
        {
            "input_tokens": 84,
            "cached_input_tokens": 64,
            "output_tokens": 6,
            "reasoning_tokens": 2,
        },
    ),
    (
        "Message with 'claude'",
        {"response_data": '{"usage": {"input_tokens": 4, "cache_read_input_tokens": 90}}'},
        "logfire.anthropic",
        {"input_tokens": 94, "cached_input_tokens": 90},
    ),
    # Traceloop, of now and of before
    (
        "openai.chat",
        CHAT | tokens(input_tokens=9, output_tokens=4, reasoning_tokens=2),
        "opentelemetry.instrumentation.openai.v1",
        {"input_tokens": 9, "output_tokens": 4, "reasoning_tokens": 2},
    ),
    (
        "openai.chat",
        {
            "llm.request.type": "chat",
            "llm.usage.prompt_tokens": 9,
            "llm.usage.completion_tokens": 4,
        },
        None,
        {"input_tokens": 9, "output_tokens": 4},
    ),
    # Vercel AI SDK
    (
        "ai.transcribe m",
        VERCEL_STT
        | tokens(
            input_tokens=42,
            input_token_details__text_tokens=0,
            input_token_details__audio_tokens=42,
        ),
        "gen_ai",
        {"input_tokens": 42, "audio_input_tokens": 42},
    ),
    ("ai.transcribe m", VERCEL_STT | tokens(seconds=9), "gen_ai", {"audio_seconds": 9.0}),
    (
        "ai.generateText.doGenerate",
        {
            **LEGACY,
            "ai.usage.inputTokens": 9,
            "ai.usage.outputTokens": 4,
            "ai.usage.cachedInputTokens": 2,
            "ai.usage.inputTokenDetails.cacheWriteTokens": 1,
            "ai.usage.reasoningTokens": 3,
        },
        "ai",
        {
            "input_tokens": 9,
            "cached_input_tokens": 2,
            "cache_write_tokens": 1,
            "output_tokens": 4,
            "reasoning_tokens": 3,
        },
    ),
    # Agent Development Kit: Gemini's own usage
    (
        "call_llm",
        {"gcp.vertex.agent.llm_response": json.dumps({"usageMetadata": GEMINI})},
        "gcp.vertex.agent",
        GEMINI_USED,
    ),
    # Langfuse: OpenAI's usage as it came, and its own keys without the parts
    (
        "call",
        details(
            prompt_tokens=28,
            completion_tokens=8,
            prompt_tokens_details={"audio_tokens": 4, "cached_tokens": 2},
            completion_tokens_details={"audio_tokens": 0, "reasoning_tokens": 3},
        ),
        "langfuse-sdk",
        {
            "input_tokens": 28,
            "cached_input_tokens": 2,
            "audio_input_tokens": 4,
            "output_tokens": 8,
            "reasoning_tokens": 3,
            "audio_output_tokens": 0,
        },
    ),
    (
        "call",
        details(
            input=2140,
            input_cached_tokens=1024,
            output=96,
            output_reasoning_tokens=310,
            total=3570,
        ),
        "langfuse-sdk",
        {
            "input_tokens": 3164,
            "cached_input_tokens": 1024,
            "output_tokens": 406,
            "reasoning_tokens": 310,
        },
    ),
    (
        "call",
        details(input=100, input_audio_tokens=60, cache_read_input_tokens=30, output=9),
        "langfuse-sdk",
        {
            "input_tokens": 190,
            "cached_input_tokens": 30,
            "audio_input_tokens": 60,
            "output_tokens": 9,
        },
    ),
    (
        "call",  # the grand total tells that these parts are in the input
        details(input=100, input_cached_tokens=60, output=9, total=109),
        "langfuse-sdk",
        {"input_tokens": 100, "cached_input_tokens": 60, "output_tokens": 9},
    ),
    (
        "call",
        details(input_tokens=4, cache_read_input_tokens=90, cache_creation_input_tokens=6),
        "langfuse-sdk",
        {"input_tokens": 100, "cached_input_tokens": 90, "cache_write_tokens": 6},
    ),
    (
        "transcribe",
        {**details(seconds=7.5), "langfuse.observation.type": "span"},
        "langfuse-sdk",
        {"audio_seconds": 7.5},
    ),
    (
        "speak",
        {**details(seconds=7.5, characters=80), "langfuse.observation.type": "span"},
        "langfuse-sdk",
        {"output_audio_seconds": 7.5, "characters": 80},
    ),
    (
        "ocr page",
        details(pages_processed=3, input=5, output=6),
        "langfuse-sdk",
        {"input_tokens": 5, "output_tokens": 6, "pages": 3},
    ),
]


@pytest.mark.parametrize(("name", "attributes", "scope", "want"), EMITTERS)
def test_usage(name, attributes, scope, want):
    assert used(read(name, attributes, scope)) == want


def test_a_wrapper_uses_nothing():
    held = {"gen_ai.operation.name": "invoke_agent", **tokens(input_tokens=9, output_tokens=4)}
    assert used(read("invoke_agent m", held, "gen_ai")) == {}


@pytest.mark.parametrize(
    ("given", "want"),
    [
        # A part that is larger than its total was left out of it.
        (tokens(input_tokens=4, cache_read__input_tokens=90), 94),
        (tokens(input_tokens=4, cache_read__input_tokens=3, cache_write__input_tokens=2), 9),
        (tokens(input_tokens=90, cache_read__input_tokens=90), 90),
        (tokens(input_tokens=4, audio__input_tokens=90), 94),
        # A cached token of sound is one token.
        (tokens(input_tokens=4, audio__input_tokens=90, cache_read__input_tokens=80), 94),
    ],
)
def test_parts_that_a_total_leaves_out_are_put_back(given, want):
    assert read("chat", CHAT | given)["input_tokens"] == want


def test_thoughts_that_the_candidates_leave_out_are_put_back():
    held = CHAT | tokens(output_tokens=10, reasoning__output_tokens=25)
    assert read("chat", held)["output_tokens"] == 35


@pytest.mark.parametrize("count", [-1, 2**60])
def test_an_impossible_count_is_dropped_with_a_note(count):
    row = read("chat", CHAT | tokens(input_tokens=count, output_tokens=4))
    assert (used(row), row["notes"]) == ({"output_tokens": 4}, ["bad_usage"])


@pytest.mark.parametrize("seconds", [-0.5, float("nan"), float("inf"), 1e300])
def test_impossible_seconds_are_dropped_with_a_note(seconds):
    row = read("stt", STT | tokens(audio_seconds=seconds))
    assert (used(row), row["notes"]) == ({}, ["bad_usage"])


@pytest.mark.parametrize("count", ["NOT_GIVEN", "", True, [1], {"a": 1}, 1.5])
def test_what_is_no_count_is_none(count):
    row = read("chat", CHAT | tokens(input_tokens=count))
    assert (used(row), row["notes"]) == ({}, [])


@pytest.mark.parametrize("value", ["-1", "1e300", "null", '{"input": -5}', '{"input": 1e300}', "{"])
def test_hostile_usage_details(value):
    held = {**FUNCTION, "langfuse.observation.usage_details": value}
    assert used(read("call", held, "langfuse-sdk")) == {}


NUMBERS = st.integers() | st.floats() | st.text(max_size=4) | st.none() | st.booleans()
KEYS = st.sampled_from(
    [
        *("input", "output", "total", "input_tokens", "prompt_tokens", "unit", "usage", "data"),
        *("cache_read_input_tokens", "input_audio_tokens", "promptTokenCount", "seconds"),
        *("prompt_tokens_details", "output_tokens_details", "cached_tokens", "cost", "modality"),
        *("candidatesTokensDetails", "tokenCount", "audio_duration", "characters_count"),
    ]
)
USAGES = st.dictionaries(
    KEYS,
    st.recursive(NUMBERS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner)),
)


@pytest.mark.parametrize(
    "reader",
    [
        usage.read_usage,
        usage.read_speech_usage,
        usage.read_body,
        usage.read_made_body,
        usage.read_cost,
        usage.read_tts_metrics,
        usage.read_llm_metrics,
    ],
)
@given(value=USAGES)
def test_any_usage_can_be_read(reader, value):
    for each in (value, {"usage": value}):
        assert isinstance(reader(json.dumps(each)), dict)


@given(cached=st.integers(0, 999), rest=st.integers(0, 999), out=st.integers(0, 999))
def test_a_call_counts_the_same_in_every_vendors_words(cached, rest, out):
    whole = {"input_tokens": cached + rest, "cached_input_tokens": cached, "output_tokens": out}
    words = [
        {
            "prompt_tokens": cached + rest,
            "completion_tokens": out,
            "prompt_tokens_details": {"cached_tokens": cached},
        },
        {"input_tokens": rest, "cache_read_input_tokens": cached, "output_tokens": out},
        {"input": rest, "input_cached_tokens": cached, "output": out},
        {
            "promptTokenCount": cached + rest,
            "cachedContentTokenCount": cached,
            "candidatesTokenCount": out,
        },
    ]
    for each in words:
        found = usage.used(each)
        assert {name: found[name] for name in whole} == whole


def test_langfuse_units_of_its_first_api():
    assert usage.used({"input": 80, "unit": "CHARACTERS"})["characters"] == 80
    assert usage.used({"input": 1500, "unit": "MILLISECONDS"})["audio_seconds"] == 1.5
    assert usage.used({"input": 80, "unit": "CHARACTERS"})["input_tokens"] is None


# Characters that a synthesis was given


def spoken(text, **columns):
    held = TTS | {"gen_ai.input.messages": text}
    return read("tts", held, **columns)["characters"]


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("It ships.", 9),
        ("Grüß Gött", 9),
        ("sea " * 250, None),  # a length at which exporters cut
        ("sea " * 249, 996),
        ("", None),
    ],
)
def test_characters_are_counted_where_the_whole_text_is_there(text, want):
    words = json.dumps([{"role": "user", "parts": [{"type": "text", "content": text}]}])
    assert spoken(words) == want


def test_characters_of_a_speech_that_failed_are_not_counted():
    assert spoken("It ships.", status_code=2) is None


# What was shown, heard and made


def parts(*content, role="user"):
    return json.dumps([{"role": role, "parts": list(content)}])


def shown(*content, operation=CHAT):
    row = read("chat", operation | {"gen_ai.input.messages": parts(*content)})
    names = ("input_modalities", "images", "megapixels", "audio_seconds", "pages")
    return {name: row[name] for name in names if row[name] is not None}


PICTURE = png(2000, 1000)
TWO_MEGAPIXELS = {"input_modalities": ["image"], "images": 1, "megapixels": 2.0}


@pytest.mark.parametrize(
    "part",
    [
        {"type": "blob", "mime_type": "image/png", "modality": "image", "content": PICTURE},
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PICTURE}"}},
        {"type": "input_image", "image_url": f"data:image/png;base64,{PICTURE}"},
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PICTURE}},
        {"type": "file", "mediaType": "image/png", "data": PICTURE},
        {"inlineData": {"mimeType": "image/png", "data": PICTURE}},
        {"type": "binary", "media_type": "image/png", "content": PICTURE},
    ],
)
def test_the_size_of_an_image_in_every_dialect(part):
    assert shown({"type": "text", "content": "read"}, part) == TWO_MEGAPIXELS


def test_images_without_their_bytes_are_counted_but_have_no_size():
    uri = {"type": "uri", "mime_type": "image/png", "modality": "image", "uri": "https://x/a.png"}
    assert shown(uri, uri) == {"input_modalities": ["image"], "images": 2}


@pytest.mark.parametrize(
    "part",
    [
        # Vercel AI SDK, pydantic AI, and a file of OpenAI's chat by MIME type and by name
        {"type": "blob", "modality": "image", "mime_type": "application/pdf", "content": "JVBE"},
        {"type": "uri", "mime_type": "application/pdf", "uri": "https://x/a"},
        {"type": "image_url", "image_url": {"url": "data:application/pdf;base64,JVBERi0x"}},
        {"type": "file", "file": {"filename": "a.pdf", "file_data": "x"}},
    ],
)
def test_a_pdf_is_a_document_whatever_it_is_called(part):
    assert shown(part) == {"input_modalities": ["document"]}


def test_a_file_that_is_an_image_by_its_name():
    part = {"type": "file", "file": {"filename": "a.png"}}
    assert shown(part) == {"input_modalities": ["image"], "images": 1}


def test_sound_that_a_model_or_a_recogniser_was_given_has_a_length():
    part = {"type": "input_audio", "input_audio": {"data": wave(1.5), "format": "wav"}}
    want = {"input_modalities": ["audio"], "audio_seconds": 1.5}
    assert shown(part) == shown(part, operation=STT) == want


def test_sound_that_was_made_has_a_length():
    part = {"type": "blob", "mime_type": "audio/wav", "modality": "audio", "content": wave(0.5)}
    row = read("tts", TTS | {"gen_ai.output.messages": parts(part, role="assistant")})
    assert (row["output_audio_seconds"], row["output_modalities"]) == (0.5, ["audio"])


def test_openinference_images_beside_a_body_of_words():
    held = {
        **LLM,
        "input.value": "read",
        "llm.input_messages.0.message.role": "user",
        "llm.input_messages.0.message.contents.0.message_content.type": "image",
        "llm.input_messages.0.message.contents.0.message_content.image.image.url": (
            f"data:image/png;base64,{PICTURE}"
        ),
    }
    row = read("completion", held)
    assert (row["text_in"], row["images"], row["megapixels"]) == ("read", 1, 2.0)


def test_images_that_an_openinference_call_made_are_no_speech():
    row = read("ImagesResponse", body(data=[{"url": "x"}]))
    assert (row["output_modalities"], row["characters"]) == (["image"], None)
