"""Reads usage objects of any vendor, and makes totals mean the same whoever counted.

`input_tokens` and `output_tokens` include their parts: cached, audio, image, reasoning. OpenAI,
Gemini's prompt, OpenInference, pipecat, LiveKit and Pydantic AI count so; Anthropic leaves what the
cache held out of its input, Langfuse leaves every part out of `input` and `output`, Gemini its
thoughts out of the candidates. Here the parts are put back.

Sources: API references of OpenAI (chat, responses, audio, images), Anthropic (messages) and Gemini
(UsageMetadata); Langfuse documentation, "Token & cost tracking", and its SDK 5, which subtracts the
parts; livekit-agents 1.8 (LLMMetrics, TTSMetrics).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import polars as pl

from tracelens.model import CANONICAL_SPAN
from tracelens.normalise.emitter import Field, integer
from tracelens.normalise.messages import decode_json

#: Columns that count something; the cost is judged where it is used.
COUNTS = (
    *("input_tokens", "cached_input_tokens", "cache_write_tokens", "audio_input_tokens"),
    *("cached_audio_input_tokens", "image_input_tokens", "video_input_tokens"),
    *("output_tokens", "reasoning_tokens", "audio_output_tokens", "image_output_tokens"),
    *("audio_seconds", "output_audio_seconds", "characters", "images", "megapixels", "pages"),
    *("output_images",),
)
#: What a span can say of its usage.
USAGE = (*COUNTS, "cost_usd")

#: More than this of anything is no count: from here on a double cannot tell two counts apart.
MOST = 2**53

#: A span whose usage had a negative, endless or impossible number, which is dropped.
NOTE = "bad_usage"

#: OpenInference's counts: the prompt includes what was read from and written to a cache, the
#: completion includes reasoning (instrumentations of OpenAI, Anthropic, Google and LiteLLM).
OPENINFERENCE = tuple(
    Field(column, tuple(integer(f"llm.token_count.{name}") for name in names))
    for column, names in {
        "input_tokens": ("prompt",),
        "cached_input_tokens": ("prompt_details.cache_read", "prompt_details.cache_input"),
        "cache_write_tokens": ("prompt_details.cache_write",),
        "audio_input_tokens": ("prompt_details.audio",),
        "output_tokens": ("completion",),
        "reasoning_tokens": ("completion_details.reasoning",),
        "audio_output_tokens": ("completion_details.audio",),
    }.items()
)

#: Keys of totals, in snake case, and of the objects that hold their parts.
INPUT = ("input_tokens", "prompt_tokens", "input")
OUTPUT = ("output_tokens", "completion_tokens", "output")
INPUT_DETAILS = ("input_tokens_details", "prompt_tokens_details", "input_token_details")
OUTPUT_DETAILS = ("output_tokens_details", "completion_tokens_details", "output_token_details")
TOTAL = ("total_tokens", "total")
#: Anthropic's names, which Bedrock has too: what they count is not in `input_tokens`.
ANTHROPIC = ("cache_read_input_tokens", "cache_creation_input_tokens")

#: Column: its keys beside the totals, and its keys in the objects of details.
INPUT_PARTS: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "cached_input_tokens": (
        (
            *(ANTHROPIC[0], "input_cached_tokens", "input_cache_read", "input_cache_read_tokens"),
            *("cached_input_tokens", "prompt_cached_tokens", "cache_read_tokens", "cached_tokens"),
        ),
        ("cached_tokens", "cache_read", "cache_read_tokens"),
    ),
    "cache_write_tokens": (
        (
            *(ANTHROPIC[1], "cache_write_input_tokens", "input_cache_creation"),
            *("input_cache_write", "cache_creation_tokens", "cache_write_tokens"),
        ),
        ("cache_write_tokens", "cache_creation_tokens", "cache_creation", "cache_write"),
    ),
    "audio_input_tokens": (
        ("input_audio_tokens", "input_audio", "audio_input_tokens", "input_modality_audio"),
        ("audio_tokens", "audio"),
    ),
    "cached_audio_input_tokens": (
        ("input_cached_audio_tokens", "cached_modality_audio", "cache_read_input_audio_tokens"),
        ("cached_audio_tokens",),
    ),
    "image_input_tokens": (
        ("input_image_tokens", "input_image", "image_input_tokens", "input_modality_image"),
        ("image_tokens", "image"),
    ),
    "video_input_tokens": (
        ("input_video_tokens", "input_video", "video_input_tokens", "input_modality_video"),
        ("video_tokens", "video"),
    ),
}
OUTPUT_PARTS: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "reasoning_tokens": (
        ("output_reasoning_tokens", "output_reasoning", "reasoning_tokens", "reasoning"),
        ("reasoning_tokens", "reasoning", "thinking_tokens"),
    ),
    "audio_output_tokens": (
        ("output_audio_tokens", "output_audio", "audio_output_tokens", "output_modality_audio"),
        ("audio_tokens", "audio"),
    ),
    "image_output_tokens": (
        ("output_image_tokens", "output_image", "image_output_tokens", "output_modality_image"),
        ("image_tokens", "image"),
    ),
}
SECONDS = ("audio_seconds", "seconds", "audio_duration", "duration", "input_audio_seconds")
MADE_SECONDS = ("output_audio_seconds",)
CHARACTERS = ("characters", "characters_count", "character_count", "input_characters")
IMAGES, MADE_IMAGES = ("images", "input_images"), ("output_images", "image_count")
PAGES = ("pages", "pages_processed", "input_pages")
#: Units that Langfuse names beside `input`, where that does not count tokens.
UNITS = {
    "CHARACTERS": ("characters", 1),
    "SECONDS": ("seconds", 1),
    "MILLISECONDS": ("seconds", 1e-3),
}

#: Parts of Langfuse's `input` and `output` that count something else, or the same tokens again.
NOT_TOKENS = re.compile(r"seconds|characters|chars|images|pages|duration|cost|priority")
NUMBER = re.compile(r"-?\d{1,20}(?:\.\d{1,20})?", re.A)


def read_usage(value: str) -> dict[str, Any]:
    """What a recogniser or a model used, out of a usage object, whichever vendor's names it has.

    Seconds without a direction are those of speech that came in.
    """
    decoded = decode_json(value)
    return used(decoded) if isinstance(decoded, Mapping) else {}


def read_speech_usage(value: str) -> dict[str, Any]:
    """The same of a synthesis: seconds and images without a direction were made."""
    return _made(read_usage(value))


def read_body(value: str) -> dict[str, Any]:
    """Usage out of a response body; the duration that a recogniser returns with its words."""
    decoded = decode_json(value)
    if not isinstance(decoded, Mapping):
        return {}
    held = (decoded.get(key) for key in ("usage", "usage_metadata", "usageMetadata", "usage_info"))
    usage = next((each for each in held if isinstance(each, Mapping)), {})
    found = used(usage)
    if found.get("audio_seconds") is None:
        found["audio_seconds"] = _number(decoded.get("duration"))
    return found


def read_made_body(value: str) -> dict[str, Any]:
    """Usage out of the response body of a call that made speech or images."""
    decoded = decode_json(value)
    made = decoded.get("data") if isinstance(decoded, Mapping) else None
    images = sum(isinstance(each, Mapping) for each in made) if isinstance(made, list) else 0
    found = _made(read_body(value))
    if images:
        found |= {"output_images": images, "output_modalities": ["image"]}
    return found


def read_llm_metrics(value: str) -> dict[str, Any]:
    """Tokens out of LiveKit's metrics of a model call, in which 0 also stands for not counted."""
    return {name: count for name, count in read_usage(value).items() if count}


def read_tts_metrics(value: str) -> dict[str, Any]:
    """What a synthesis used, out of LiveKit's metrics of it.

    One that was cancelled before it made a sound says nothing of what it would have made; tokens
    are counted by few vendors, the others leave them at 0.
    """
    metrics = decode_json(value)
    if not isinstance(metrics, Mapping):
        return {}
    seconds = _number(metrics.get("audio_duration"))
    found = {
        "input_tokens": _count(metrics, ("input_tokens",)) or None,
        "output_tokens": _count(metrics, ("output_tokens",)) or None,
        "characters": _count(metrics, ("characters_count",)),
    }
    cancelled = metrics.get("cancelled") is True
    return found | {"output_audio_seconds": (seconds or None) if cancelled else seconds}


def read_cost(value: str) -> dict[str, Any]:
    """The total of a cost object in US dollars; the sum of its parts where it names no total."""
    cost = decode_json(value)
    if not isinstance(cost, Mapping):
        return {}
    total = _number(cost.get("total"))
    parts = [part for part in map(_number, cost.values()) if part is not None]
    return {"cost_usd": total if total is not None else (sum(parts) if parts else None)}


def used(usage: Mapping[Any, Any]) -> dict[str, Any]:
    """The usage columns that an object of any vendor fills."""
    usage = {_snake(key): value for key, value in usage.items() if isinstance(key, str)}
    if "prompt_token_count" in usage or "candidates_token_count" in usage:
        return _gemini(usage)
    given, made = _details(usage, INPUT_DETAILS), _details(usage, OUTPUT_DETAILS)
    found = _parts(usage, given, INPUT_PARTS) | _parts(usage, made, OUTPUT_PARTS)
    if found["cached_audio_input_tokens"] is None:
        inner = given.get("cached_tokens_details")
        found["cached_audio_input_tokens"] = _count(_as_mapping(inner), ("audio_tokens",))
    found["input_tokens"] = _count(usage, INPUT) if given else _whole(usage, "input", found)
    found["output_tokens"] = _count(usage, OUTPUT) if made else _whole(usage, "output", found)
    found["input_tokens"] = _or_sum(found["input_tokens"], given)
    found["output_tokens"] = _or_sum(found["output_tokens"], made)
    return found | _other_units(usage, found)


def _other_units(usage: Mapping[str, Any], found: dict[str, Any]) -> dict[str, Any]:
    """What is not counted in tokens."""
    counts: dict[str, Any] = {
        "audio_seconds": _number_of(usage, SECONDS),
        "output_audio_seconds": _number_of(usage, MADE_SECONDS),
        "characters": _count(usage, CHARACTERS),
        "images": _count(usage, IMAGES),
        "output_images": _count(usage, MADE_IMAGES),
        "pages": _count(usage, PAGES),
    }
    unit = usage.get("unit")
    if isinstance(unit, str) and unit.upper() in UNITS:
        name, scale = UNITS[unit.upper()]
        amount = _number_of(usage, ("input", "output", "total"))
        column = "audio_seconds" if name == "seconds" else name
        counts[column] = None if amount is None else amount * scale
        counts |= {"input_tokens": None, "output_tokens": None}
    return counts


def _whole(usage: Mapping[str, Any], side: str, found: Mapping[str, Any]) -> int | None:
    """A total with its parts, where these stand beside it and may have been taken out of it.

    A grand total tells which it is. Without one, the keys do: Langfuse's `input` and `output` are
    what is left without their parts, and Anthropic's `input_tokens` without what the cache held.
    """
    total = _count(usage, INPUT if side == "input" else OUTPUT)
    if total is None:
        return None
    apart = _apart(usage, side, found)
    if not apart:
        return total
    grand, both = _count(usage, TOTAL), (_count(usage, INPUT), _count(usage, OUTPUT))
    inclusive = grand is not None and None not in both and grand == sum(filter(None, both))
    return total if inclusive else min(total + apart, MOST * 2)


def _apart(usage: Mapping[str, Any], side: str, found: Mapping[str, Any]) -> int:
    """How many tokens stand beside a total that is without them, by the names of the keys."""
    bare = side in usage and not {*(INPUT if side == "input" else OUTPUT)} - {side} & usage.keys()
    if bare:
        other = "output" if side == "input" else "input"
        cached = ("cache",) if side == "input" else ("reasoning",)
        names = [
            key
            for key in usage
            if key.startswith((f"{side}_", *cached)) or (key.endswith(f"_{side}_tokens"))
        ]
        names = [k for k in names if not NOT_TOKENS.search(k) and not k.startswith(f"{other}_")]
        return sum(max(0, _count(usage, (key,)) or 0) for key in names)
    if side == "input" and "input_tokens" in usage and {*ANTHROPIC} & usage.keys():
        return sum(
            max(0, found[part] or 0) for part in ("cached_input_tokens", "cache_write_tokens")
        )
    return 0


def _gemini(usage: Mapping[str, Any]) -> dict[str, Any]:
    """Gemini's UsageMetadata: tool results and thoughts are counted apart, the cache is not."""
    given = _by_modality(usage.get("prompt_tokens_details"))
    made = _by_modality(
        usage.get("candidates_tokens_details", usage.get("response_tokens_details"))
    )
    cached = _by_modality(usage.get("cache_tokens_details"))
    candidates = ("candidates_token_count", "response_token_count")
    return {
        "input_tokens": _add(
            _count(usage, ("prompt_token_count",)), _count(usage, ("tool_use_prompt_token_count",))
        ),
        "cached_input_tokens": _count(usage, ("cached_content_token_count",)),
        "audio_input_tokens": given.get("audio"),
        "cached_audio_input_tokens": cached.get("audio"),
        "image_input_tokens": given.get("image"),
        "video_input_tokens": given.get("video"),
        "output_tokens": _add(_count(usage, candidates), _count(usage, ("thoughts_token_count",))),
        "reasoning_tokens": _count(usage, ("thoughts_token_count",)),
        "audio_output_tokens": made.get("audio"),
        "image_output_tokens": made.get("image"),
    }


def _by_modality(listed: Any) -> dict[str, int]:
    """Gemini's lists of `{modality, token_count}` as one mapping."""
    found: dict[str, int] = {}
    for each in listed if isinstance(listed, list) else ():
        row = {_snake(k): v for k, v in each.items()} if isinstance(each, Mapping) else {}
        count = _count(row, ("token_count",))
        if count is not None and isinstance(row.get("modality"), str):
            name = row["modality"].lower()
            found[name] = found.get(name, 0) + count
    return found


def _details(usage: Mapping[str, Any], keys: tuple[str, ...]) -> Mapping[str, Any]:
    """The object that holds the parts of a total; they are part of it."""
    for key in keys:
        value = usage.get(key)
        if isinstance(value, Mapping):
            return {_snake(k): v for k, v in value.items() if isinstance(k, str)}
        if isinstance(value, list):
            return _by_modality(value)
    return {}


def _parts(
    usage: Mapping[str, Any],
    details: Mapping[str, Any],
    parts: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]],
) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for column, (beside, inside) in parts.items():
        value = _count(details, inside)
        found[column] = _count(usage, beside) if value is None else value
    return found


def _or_sum(total: int | None, details: Mapping[str, Any]) -> int | None:
    """A total, or where it is missing and the text's share is told, the sum of the modalities."""
    text = _count(details, ("text_tokens", "text"))
    if total is not None or text is None:
        return total
    others = (("audio_tokens", "audio"), ("image_tokens", "image"), ("video_tokens", "video"))
    return sum(max(0, _count(details, keys) or 0) for keys in others) + max(0, text)


def _made(found: dict[str, Any]) -> dict[str, Any]:
    seconds, images = found.pop("audio_seconds", None), found.pop("images", None)
    for name, value in (("output_audio_seconds", seconds), ("output_images", images)):
        if found.get(name) is None:
            found[name] = value
    return found


def _as_mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _snake(key: str) -> str:
    return re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", key[:80]).lower()


def _add(first: int | None, second: int | None) -> int | None:
    return second if first is None else first + max(0, second or 0)


def _count(usage: Mapping[str, Any], keys: Iterable[str]) -> int | None:
    number = _number_of(usage, keys)
    if number is None:
        return None
    return int(max(-MOST * 2, min(number, MOST * 2)))


def _number_of(usage: Mapping[str, Any], keys: Iterable[str]) -> float | None:
    return next((n for n in (_number(usage.get(key)) for key in keys) if n is not None), None)


def _number(value: Any) -> float | None:
    if isinstance(value, str) and NUMBER.fullmatch(value):
        return float(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value)
    except OverflowError:  # an integer of hundreds of digits
        return float("inf") if value > 0 else float("-inf")


def sound_usage(frame: pl.DataFrame, record_limits: tuple[int, ...]) -> pl.DataFrame:
    """Drop impossible counts with a note, complete totals, and count the characters of speech.

    Usage belongs to the call that used it: spans outside of every stage repeat what is below them.

    Args:
        frame: spans with the columns of `CANONICAL_SPAN` and `notes`.
        record_limits: lengths at which exporters cut texts.
    """
    staged = pl.col("stage").is_not_null()
    bad = pl.any_horizontal((~_possible(name)).fill_null(False) for name in COUNTS) & staged
    noted = (
        pl.col("notes")
        .fill_null(pl.lit([], pl.List(pl.String)))
        .list.concat(pl.lit([NOTE]))
        .list.unique()
        .list.sort()
    )
    frame = frame.with_columns(
        *(pl.when(staged & _possible(name)).then(pl.col(name)).alias(name) for name in COUNTS),
        cost_usd=pl.when(staged).then("cost_usd"),
        notes=pl.when(bad).then(noted).otherwise("notes"),
    )
    return frame.with_columns(
        input_tokens=_inclusive("input_tokens", *INPUT_GROUPS),
        output_tokens=_inclusive("output_tokens", *OUTPUT_GROUPS),
        characters=_spoken(record_limits),
    )


#: Parts of a total, those together that do not overlap.
INPUT_GROUPS = (
    ("cached_input_tokens", "cache_write_tokens"),
    ("audio_input_tokens", "image_input_tokens", "video_input_tokens"),
)
OUTPUT_GROUPS = (("reasoning_tokens",), ("audio_output_tokens", "image_output_tokens"))


def _possible(name: str) -> pl.Expr:
    return pl.col(name).is_between(0, MOST)


def _inclusive(total: str, *groups: tuple[str, ...]) -> pl.Expr:
    """A total that is smaller than its parts was counted without them, whoever wrote it."""
    parts = (pl.sum_horizontal(group) for group in groups)
    # A cached token of audio is in two groups: the larger one is put back, not both.
    without = pl.max_horizontal(pl.when(part > pl.col(total)).then(part) for part in parts)
    return (pl.col(total) + without.fill_null(0)).cast(CANONICAL_SPAN[total])


def _spoken(record_limits: tuple[int, ...]) -> pl.Expr:
    """Characters as recorded, or as the text of the speech has them where all of it is there."""
    length = pl.col("text_in").str.len_chars().cast(pl.Int64)
    cut = pl.col("notes").list.contains("attribute_cut") | length.is_in(record_limits)
    failed = (pl.col("status_code") == 2) | (pl.col("sign") == "failed")
    speech = (pl.col("stage") == "synthesis") & pl.col("output_images").is_null()
    whole = speech & ~cut.fill_null(False) & ~failed.fill_null(False) & (length > 0)
    return pl.coalesce("characters", pl.when(whole).then(length))
