"""Reads what an application's own functions were given and returned.

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

#: Names under which a function returns how much audio it made.
BYTE_COUNTS = ("bytes", "num_bytes", "byte_length", "size_bytes", "size", "length")


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


def read_nothing(value: str) -> dict[str, Any]:
    """No seconds of audio, where a function returned an object that says it has no bytes."""
    returned = _json(value)
    if not isinstance(returned, Mapping) or _number(returned, BYTE_COUNTS) != 0:
        return {}
    return {"output_audio_seconds": 0.0}


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


def _number(usage: Mapping[str, Any], keys: tuple[str, ...]) -> float | None:
    for key in keys:
        value = usage.get(key)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return float(value)
    return None
