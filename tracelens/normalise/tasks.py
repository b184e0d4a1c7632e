"""Reads what an application's own functions were given and returned, and usage in JSON attributes.

Decorators of Traceloop and Langfuse record a call as `{"args": […], "kwargs": {…}}` and what it
returned as JSON or text. Only what cannot be taken for anything else is read: a function that is
given several texts does not say which of them is to be spoken.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from tracelens.normalise.messages import DECODE_LIMIT, decode_json, looks_like_payload, read_input

#: Names under which a function's text is passed or returned.
TEXT_NAMES = ("text", "transcript", "sentence", "input", "answer", "reply", "message", "content")

#: Keys of usage mappings, in order of preference: Langfuse's own, OpenAI's two APIs, Anthropic's.
INPUT_TOKENS = ("input", "input_tokens", "prompt_tokens", "promptTokens")
OUTPUT_TOKENS = ("output", "output_tokens", "completion_tokens", "completionTokens")
INPUT_DETAILS = ("input_tokens_details", "prompt_tokens_details", "input_token_details")
BYTE_COUNTS = ("bytes", "num_bytes", "byte_length", "size_bytes", "size", "length")
OUTPUT_DETAILS = ("output_tokens_details", "completion_tokens_details", "output_token_details")


def read_returned(value: str) -> dict[str, Any]:
    """The text that a function returned, bare or in an object under a known name."""
    text = _one_text(_json(value), value)
    return {} if text is None or looks_like_payload(text) else {"text_out": text}


def read_argument(value: str) -> dict[str, Any]:
    """The text that a function was given, when its arguments hold a single one."""
    decoded = _json(value)
    if not isinstance(decoded, Mapping) or not {"args", "kwargs"} & decoded.keys():
        text = _one_text(decoded, value)
        return {"text_in": text} if text is not None else {}
    named = decoded.get("kwargs")
    for key in TEXT_NAMES:
        if isinstance(named, Mapping) and isinstance(named.get(key), str):
            return {"text_in": named[key]}
    listed = decoded.get("args")
    texts = [each for each in listed if isinstance(each, str)] if isinstance(listed, list) else []
    return {"text_in": texts[0]} if len(texts) == 1 and not looks_like_payload(texts[0]) else {}


def read_question(value: str) -> dict[str, Any]:
    """What a model was given: messages, or the one text of a function's arguments."""
    return read_input(value) or read_argument(value)


def read_usage(value: str) -> dict[str, Any]:
    """Token counts out of a usage object, whichever vendor's names it has."""
    usage = _json(value)
    if not isinstance(usage, Mapping):
        return {}
    given = _mapping(usage, INPUT_DETAILS)
    made = _mapping(usage, OUTPUT_DETAILS)
    return {
        "input_tokens": _count(usage, INPUT_TOKENS),
        "output_tokens": _count(usage, OUTPUT_TOKENS),
        "cached_input_tokens": _count(given, ("cached_tokens",))
        or _count(usage, ("input_cached_tokens", "cache_read_input_tokens")),
        "reasoning_tokens": _count(made, ("reasoning_tokens",))
        or _count(usage, ("output_reasoning_tokens",)),
        "audio_input_tokens": _count(given, ("audio_tokens",))
        or _count(usage, ("input_audio_tokens",)),
        "audio_output_tokens": _count(made, ("audio_tokens",))
        or _count(usage, ("output_audio_tokens",)),
        "characters": _count(usage, ("characters",)),
        "audio_seconds": _number(usage, ("seconds", "audio_seconds", "duration")),
    }


def read_cost(value: str) -> dict[str, Any]:
    """The total of a cost object in US dollars; the sum of its parts where it names no total."""
    cost = _json(value)
    if not isinstance(cost, Mapping):
        return {}
    total = _number(cost, ("total",))
    parts = [_number(cost, (key,)) for key in cost if isinstance(key, str)]
    known = [part for part in parts if part is not None]
    return {"cost_usd": total if total is not None else (sum(known) if known else None)}


def read_audio(value: str) -> dict[str, Any]:
    """The seconds of audio that a finished synthesis made, out of LiveKit's metrics of it."""
    metrics = _json(value)
    if not isinstance(metrics, Mapping) or metrics.get("cancelled") is True:
        return {}
    return {"audio_seconds": _number(metrics, ("audio_duration",))}


def read_nothing(value: str) -> dict[str, Any]:
    """No seconds of audio, where a function returned an object that says it has no bytes."""
    returned = _json(value)
    if not isinstance(returned, Mapping) or _number(returned, BYTE_COUNTS) != 0:
        return {}
    return {"audio_seconds": 0.0}


def _json(value: str) -> Any:
    """JSON as it stands: a text in quotation marks is a text, whatever it holds."""
    if len(value) > DECODE_LIMIT:
        return None
    try:
        return msgspec.json.decode(value)
    except (msgspec.DecodeError, RecursionError, ValueError):
        return None


def _one_text(decoded: Any, value: str) -> str | None:
    if decoded is None:
        return value if value.strip()[:1] not in ("[", "{") and value.strip() != "null" else None
    if isinstance(decoded, str):
        again = decode_json(decoded) if decoded[:1] == "{" else None
        return _one_text(again, decoded) if isinstance(again, Mapping) else decoded
    if isinstance(decoded, Mapping):
        return next((decoded[key] for key in TEXT_NAMES if isinstance(decoded.get(key), str)), None)
    # A number or a truth value: what was said may well read like one.
    return value if isinstance(decoded, bool | int | float) else None


def _mapping(usage: Mapping[str, Any], keys: tuple[str, ...]) -> Mapping[str, Any]:
    return next((usage[key] for key in keys if isinstance(usage.get(key), Mapping)), {})


def _count(usage: Mapping[str, Any], keys: tuple[str, ...]) -> int | None:
    number = _number(usage, keys)
    return int(number) if number is not None and abs(number) < 2**62 else None


def _number(usage: Mapping[str, Any], keys: tuple[str, ...]) -> float | None:
    for key in keys:
        value = usage.get(key)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return float(value)
    return None
