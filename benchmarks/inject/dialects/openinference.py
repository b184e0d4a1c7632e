"""Spans of the OpenInference instrumentation of the OpenAI client, below a chain of the app's."""

from __future__ import annotations

from typing import Any

from benchmarks.inject.messages import chat_messages, dumps, spent, tokens
from benchmarks.inject.pipeline import Call, Run
from benchmarks.inject.server import SIGNS, errands, serve
from benchmarks.inject.spans import Pen, Turn

KINDS = ("voice", "chat", "structured", "vision")
SHOWS = SIGNS | {
    "session",
    "transcript",
    "fed",
    "answer",
    "spoken",
    "stt_error",
    "llm_error",
    "tts_error",
    "no_stt",
    "tts_span",
    "tool",
    "tool_error",
    "arguments",
    "finish",
}
SERVED = True
TURNS = False
SPLITS = ("dev", "held")
POLICY = None
SCOPE = "openinference.instrumentation.openai"


def write(pen: Pen) -> None:
    """One trace per request."""
    pen.scope = SCOPE
    for turn in pen.talk.turns:
        parent = serve(pen, turn)
        errands(pen, turn, parent)
        _chain(pen, turn, parent)


def _chain(pen: Pen, turn: Turn, parent: str) -> None:
    run = turn.run
    cancelled = run.ending == "cancel"
    dead = run.trouble if run.ending == "completed" and not cancelled else None
    about = {"openinference.span.kind": "CHAIN", "session.id": pen.talk.session}
    above = pen.span(
        "assist", 1, run.end - 1, parent, trouble=dead, ok=not cancelled, attributes=about
    )
    for call in run.calls:
        if call.stage != "side":
            name, attributes = _shape(pen, run, call)
            pen.span(
                name,
                call.start,
                call.end,
                above,
                stage=call.stage,
                trouble=call.trouble,
                handled=call.handled,
                ok=True,
                attributes=attributes,
            )


def _shape(pen: Pen, run: Run, call: Call) -> tuple[str, dict[str, Any]]:
    if call.stage == "transcription":
        heard = None if call.trouble else pen.text("transcript", dumps({"text": call.given}))
        return "Transcription", {
            "openinference.span.kind": "LLM",
            "llm.invocation_parameters": dumps({"model": call.model}),
            "output.value": heard,
            "output.mime_type": "application/json",
        }
    if call.stage == "synthesis":
        asked = {"model": call.model, "voice": "alto"}
        if not pen.hides("spoken"):
            asked["input"] = call.taken or ""
        sound = None if call.trouble else "<openai._legacy_response.HttpxBinaryResponseContent>"
        return "HttpxBinaryResponseContent", {
            "openinference.span.kind": "LLM",
            "llm.invocation_parameters": dumps(asked),
            "input.value": dumps(asked),
            "output.value": sound,
        }
    if call.stage == "tool":
        return call.tool or "tool", {
            "openinference.span.kind": "TOOL",
            "tool.name": call.tool,
            "input.value": pen.text("arguments", call.arguments),
            "output.value": pen.text("tool", call.result),
        }
    return "ChatCompletion", _chat(pen, run, call)


def _chat(pen: Pen, run: Run, call: Call) -> dict[str, Any]:
    about: dict[str, Any] = {
        "openinference.span.kind": "LLM",
        "llm.model_name": call.model,
        "llm.system": "openai",
        "llm.token_count.prompt": None if call.trouble else tokens(call.taken),
        "llm.token_count.completion": None if call.trouble else spent(call),
        "llm.finish_reason": None if call.trouble else call.finish,
    }
    image = "data:image/png;base64,iVBORw0KGgo="
    system = {"role": "system", "content": run.plan.system}
    messages = [system, *chat_messages(run, call, image=image)]
    if not pen.hides("fed"):
        about["input.value"] = dumps({"model": call.model, "messages": messages})
        about["input.mime_type"] = "application/json"
        for number, message in enumerate(messages):
            about |= _flat(f"llm.input_messages.{number}.message.", message)
    if not pen.hides("answer") and not call.trouble:
        said: dict[str, Any] = {"role": "assistant", "content": call.given}
        if call.wants:
            function = {"name": call.wants, "arguments": call.arguments}
            said["tool_calls"] = [{"id": "call_0", "type": "function", "function": function}]
        choice = {"index": 0, "finish_reason": call.finish, "message": said}
        about["output.value"] = dumps({"choices": [choice], "model": call.model})
        about["output.mime_type"] = "application/json"
        about |= _flat("llm.output_messages.0.message.", said)
    return about


def _flat(prefix: str, message: dict[str, Any]) -> dict[str, Any]:
    flat: dict[str, Any] = {f"{prefix}role": message["role"]}
    content = message.get("content")
    if isinstance(content, list):
        for number, part in enumerate(content):
            at = f"{prefix}contents.{number}.message_content."
            flat[f"{at}type"] = part["type"].removesuffix("_url")
            if part["type"] == "text":
                flat[f"{at}text"] = part["text"]
            else:
                flat[f"{at}image.image.url"] = part["image_url"]["url"]
    elif content is not None:
        flat[f"{prefix}content"] = content
    if "tool_call_id" in message:
        flat[f"{prefix}tool_call_id"] = message["tool_call_id"]
    for number, wish in enumerate(message.get("tool_calls", ())):
        at = f"{prefix}tool_calls.{number}.tool_call.function."
        flat[f"{at}name"] = wish["function"]["name"]
        flat[f"{at}arguments"] = wish["function"]["arguments"]
    return flat
