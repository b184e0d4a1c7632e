"""Reads messages that an emitter spread over numbered attributes or over span events.

Known shapes: OpenInference `llm.input_messages.N.message…` (openinference-semantic-conventions
0.1), OpenLLMetry `gen_ai.prompt.N…` and `gen_ai.completion.N…` (before it wrote
`gen_ai.input.messages`), and the events of the OpenTelemetry GenAI conventions 1.27 to 1.37:
`gen_ai.content.prompt`, `gen_ai.user.message`, `gen_ai.choice`,
`gen_ai.client.inference.operation.details`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from tracelens.normalise.messages import (
    DECODE_LIMIT,
    Message,
    decode_json,
    find_messages,
    given_to_model,
    said_by_model,
)

OPENINFERENCE_IN, OPENINFERENCE_OUT = "llm.input_messages.", "llm.output_messages."
OPENLLMETRY_IN, OPENLLMETRY_OUT = "gen_ai.prompt.", "gen_ai.completion."

#: Events that carry one message each, and the role that their name stands for.
MESSAGE_EVENTS = {
    "gen_ai.system.message": "system",
    "gen_ai.user.message": "user",
    "gen_ai.assistant.message": "assistant",
    "gen_ai.tool.message": "tool",
}
CHOICE = "gen_ai.choice"
#: Events that carry whole message lists, and the attributes that hold what went in and came out.
LIST_EVENTS = {
    "gen_ai.content.prompt": ("gen_ai.prompt", None),
    "gen_ai.content.completion": (None, "gen_ai.completion"),
    "gen_ai.client.inference.operation.details": (
        "gen_ai.input.messages",
        "gen_ai.output.messages",
    ),
}


def read_openinference_input(attributes: str) -> dict[str, Any]:
    """What the model was given, out of OpenInference's flattened input messages."""
    return given_to_model(_openinference(attributes, OPENINFERENCE_IN))


def read_openinference_output(attributes: str) -> dict[str, Any]:
    """What the model answered, out of OpenInference's flattened output messages."""
    return said_by_model(_openinference(attributes, OPENINFERENCE_OUT))


def read_openllmetry_input(attributes: str) -> dict[str, Any]:
    """What the model was given, out of `gen_ai.prompt.N` attributes."""
    return given_to_model(_openllmetry(attributes, OPENLLMETRY_IN, "user"))


def read_openllmetry_output(attributes: str) -> dict[str, Any]:
    """What the model answered, out of `gen_ai.completion.N` attributes."""
    return said_by_model(_openllmetry(attributes, OPENLLMETRY_OUT, "assistant"))


def read_input_events(events: str) -> dict[str, Any]:
    """What the model was given, out of the span's GenAI events."""
    return given_to_model([message for message, given in _event_messages(events) if given])


def read_output_events(events: str) -> dict[str, Any]:
    """What the model answered, out of the span's GenAI events."""
    return said_by_model([message for message, given in _event_messages(events) if not given])


def read_logged_input(value: str) -> dict[str, Any]:
    """What the model was given, out of a list of events in one attribute (Logfire, Pydantic AI)."""
    return given_to_model([message for message, given in _logged(value) if given])


def read_logged_output(value: str) -> dict[str, Any]:
    """What the model answered, out of a list of events in one attribute."""
    return said_by_model([message for message, given in _logged(value) if not given])


def _attributes(text: str) -> dict[str, Any]:
    """One or two lines of JSON objects as one mapping."""
    found: dict[str, Any] = {}
    for line in text.split("\n"):
        decoded = _decoded(line)
        if isinstance(decoded, dict):
            found |= decoded
    return found


def _decoded(text: str) -> Any:
    if len(text) > DECODE_LIMIT:
        return None
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError, ValueError):
        return None


def _numbered(text: str, prefix: str) -> list[dict[str, Any]]:
    """Attributes `prefix N . key` as one mapping of keys per number, in order."""
    rows: dict[int, dict[str, Any]] = {}
    for key, value in _attributes(text).items():
        if key.startswith(prefix):
            number, _, rest = key[len(prefix) :].partition(".")
            if number.isdecimal() and len(number) < 9:
                rows.setdefault(int(number), {})[rest] = value
    return [rows[number] for number in sorted(rows)]


def _inner(row: Mapping[str, Any], prefix: str) -> list[dict[str, Any]]:
    """The same, one level down."""
    rows: dict[int, dict[str, Any]] = {}
    for key, value in row.items():
        if key.startswith(prefix):
            number, _, rest = key[len(prefix) :].partition(".")
            if number.isdecimal() and len(number) < 9:
                rows.setdefault(int(number), {})[rest] = value
    return [rows[number] for number in sorted(rows)]


def _openinference(text: str, prefix: str) -> list[Message]:
    return [
        message
        for row in _numbered(text, prefix)
        for message in find_messages([_openinference_message(row)])
    ]


def _openinference_message(row: Mapping[str, Any]) -> dict[str, Any]:
    parts: list[Any] = [
        {
            "type": part.get("message_content.type"),
            "text": part.get("message_content.text"),
            "image": part.get("message_content.image.image.url"),
            "audio": part.get("message_content.audio.audio.url"),
            "mime_type": part.get("message_content.audio.audio.mime_type"),
        }
        for part in _inner(row, "message.contents.")
    ]
    content = row.get("message.content")
    if isinstance(content, str):
        parts.insert(0, content)
    calls = [
        {
            "name": call.get("tool_call.function.name"),
            "arguments": call.get("tool_call.function.arguments"),
        }
        for call in _inner(row, "message.tool_calls.")
    ]
    return {"role": row.get("message.role"), "content": parts or None, "tool_calls": calls}


def _openllmetry(text: str, prefix: str, role: str) -> list[Message]:
    found: list[Message] = []
    for row in _numbered(text, prefix):
        content = row.get("content")
        if isinstance(content, str) and content[:1] == "[":
            content = decode_json(content) or content
        calls = [
            {"name": call.get("name"), "arguments": call.get("arguments")}
            for call in _inner(row, "tool_calls.")
        ]
        found += find_messages(
            [
                {
                    "role": row.get("role") or role,
                    "content": content,
                    "tool_calls": calls,
                    "finish_reason": row.get("finish_reason"),
                }
            ]
        )
    return found


def _event_messages(text: str) -> Iterator[tuple[Message, bool]]:
    """Each message of the span's events, and whether it went in."""
    events = _decoded(text)
    for event in events if isinstance(events, list) else ():
        held = event.get("attributes") if isinstance(event, Mapping) else None
        if not isinstance(held, Mapping):
            continue
        name = str(event.get("name"))
        for key, given in zip(LIST_EVENTS.get(name, ()), (True, False), strict=False):
            if key is not None:
                for message in find_messages(_structured(held.get(key))):
                    yield message, given
        if name in MESSAGE_EVENTS or name == CHOICE:
            yield from _one_event(name, _event_body(held))


def _event_body(held: Mapping[str, Any]) -> Mapping[str, Any]:
    """An event's own attributes, or the JSON that some SDKs put into one of them."""
    body = _structured(held.get("gen_ai.event.content"))
    return body if isinstance(body, Mapping) else held


def _structured(value: Any) -> Any:
    return decode_json(value) if isinstance(value, str) else value


def _logged(value: str) -> Iterator[tuple[Message, bool]]:
    """Each message of a list of events; without a choice, what comes last is the answer."""
    listed = decode_json(value)
    events = (
        [each for each in listed if isinstance(each, Mapping)] if isinstance(listed, list) else []
    )
    names = [str(each.get("event.name")) for each in events]
    answers = {at for at, name in enumerate(names) if name == CHOICE}
    if not answers and names[-1:] == ["gen_ai.assistant.message"]:
        first = len(names)
        while first and names[first - 1] == "gen_ai.assistant.message":
            first -= 1
        answers = set(range(first, len(names)))
    for at, (event, name) in enumerate(zip(events, names, strict=True)):
        for message, _ in _one_event(name, event):
            yield message, at not in answers


def _one_event(name: str, body: Mapping[str, Any]) -> Iterator[tuple[Message, bool]]:
    message = _structured(body.get("message"))
    held = message if isinstance(message, Mapping) else body
    role = held.get("role") or MESSAGE_EVENTS.get(name) or ("assistant" if name == CHOICE else "")
    shaped = {
        "role": role,
        "content": _structured_text(held.get("content")),
        "tool_calls": _structured(held.get("tool_calls")),
        "finish_reason": body.get("finish_reason"),
    }
    for found in find_messages([shaped]):
        yield found, name != CHOICE


def _structured_text(content: Any) -> Any:
    """A list of parts that was written as JSON text; any other text stays as it is."""
    if isinstance(content, str) and content[:1] == "[":
        return decode_json(content) or content
    return content
