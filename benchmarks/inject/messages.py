"""What a model call was sent and what it answered, in the shapes that recordings share."""

from __future__ import annotations

import json
import math
from typing import Any

from benchmarks.inject.pipeline import Call, Run

PIXEL = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk+A8AAQUBAScY42YAAAAASUVORK5CYII="
)


def chat_messages(run: Run, call: Call, *, image: str = "") -> list[dict[str, Any]]:
    """Messages of the chat completions interface without the system prompt.

    `image` is the URL under which a picture is recorded.
    """
    messages: list[dict[str, Any]] = []
    for user, assistant in run.plan.history:
        messages += [{"role": "user", "content": user}, {"role": "assistant", "content": assistant}]
    content: Any = call.taken or ""
    if run.plan.kind == "vision" and image:
        picture = {"type": "image_url", "image_url": {"url": image}}
        content = [{"type": "text", "text": content}, picture]
    messages.append({"role": "user", "content": content})
    for number, (tool, arguments, result) in enumerate(call.turn):
        function = {"name": tool, "arguments": arguments}
        asked = {"id": f"call_{number}", "type": "function", "function": function}
        messages.append({"role": "assistant", "content": None, "tool_calls": [asked]})
        said = result if result is not None else f"Error: {tool} failed"
        messages.append({"role": "tool", "tool_call_id": f"call_{number}", "content": said})
    return messages


def part_messages(
    run: Run, call: Call, *, result_key: str = "response", image: bool = True
) -> list[dict[str, Any]]:
    """Messages with parts, as the GenAI conventions have them."""
    messages: list[dict[str, Any]] = []
    for user, assistant in run.plan.history:
        messages += [_said("user", user), _said("assistant", assistant)]
    parts: list[dict[str, Any]] = [{"type": "text", "content": call.taken or ""}]
    if run.plan.kind == "vision" and image:
        blob = {"type": "blob", "mime_type": "image/png", "modality": "image", "content": PIXEL}
        parts.append(blob)
    messages.append({"role": "user", "parts": parts})
    for number, (tool, arguments, result) in enumerate(call.turn):
        wish = {
            "type": "tool_call",
            "id": f"c{number}",
            "name": tool,
            "arguments": loads(arguments),
        }
        messages.append({"role": "assistant", "parts": [wish]})
        said = result if result is not None else f"Error: {tool} failed"
        reply = {"type": "tool_call_response", "id": f"c{number}", result_key: said}
        messages.append({"role": "tool", "parts": [reply]})
    return messages


def part_answer(call: Call) -> list[dict[str, Any]]:
    """What the model put out, with parts; empty when it raised."""
    if call.trouble:
        return []
    parts: list[dict[str, Any]] = []
    if call.given or (call.given == "" and call.finish == "stop"):
        parts.append({"type": "text", "content": call.given})
    if call.wants:
        arguments = loads(call.arguments or "")
        parts.append({"type": "tool_call", "id": "c9", "name": call.wants, "arguments": arguments})
    return [{"role": "assistant", "parts": parts, "finish_reason": call.finish}]


def _said(role: str, text: str) -> dict[str, Any]:
    return {"role": role, "parts": [{"type": "text", "content": text}]}


def loads(text: str) -> Any:
    """The object of a JSON text, or the text where it does not parse."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def dumps(value: Any) -> str:
    """JSON without escapes for other scripts."""
    return json.dumps(value, ensure_ascii=False)


def tokens(text: str | None) -> int:
    """About as many tokens as the text has."""
    return math.ceil(len(text or "") / 4)


def spent(call: Call) -> int:
    """Tokens that the model put out, in text or in a tool call."""
    return tokens(call.given) + tokens(f"{call.wants} {call.arguments}" if call.wants else "")
