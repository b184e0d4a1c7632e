"""Spans of the Langfuse SDK: observations named after the application's own functions."""

from __future__ import annotations

from typing import Any

from benchmarks.inject.messages import chat_messages, dumps, spent, tokens
from benchmarks.inject.pipeline import Call, Run
from benchmarks.inject.spans import Pen, Turn

KINDS = ("voice", "chat", "structured", "vision", "ocr")
SHOWS = frozenset(
    {
        "root",
        "app_error",
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
    }
)
SERVED = False
TURNS = False
SPLITS = ("dev", "held")
POLICY = None
NAMES = {"transcription": ("transcribe", "stt"), "synthesis": ("tts", "speak")}
MEDIA = "@@@langfuseMedia:type=image/png|id=9f2c|source=base64_data_uri@@@"


def write(pen: Pen) -> None:
    """One trace per request; the root is the application's handler."""
    pen.scope = "langfuse-sdk"
    names = {stage: pen.rng.choice(options) for stage, options in NAMES.items()}
    for turn in pen.talk.turns:
        pen.new_trace()
        pen.turn = turn
        _request(pen, turn, names)


def _request(pen: Pen, turn: Turn, names: dict[str, str]) -> None:
    run = turn.run
    about = {
        "langfuse.observation.type": "span",
        "langfuse.trace.name": "assist",
        "session.id": pen.talk.session,
        "langfuse.internal.is_app_root": True,
        **_level(run.trouble is not None, run.trouble.message if run.trouble else ""),
    }
    above = pen.span("assist", 0, run.end, trouble=run.trouble, event=False, attributes=about)
    for call in run.calls:
        name, kind, taken, given = _shape(pen, run, call, names)
        more: dict[str, Any] = {
            "langfuse.observation.type": kind,
            "langfuse.observation.input": taken,
            "langfuse.observation.output": None if call.trouble else given,
            "langfuse.observation.model.name": call.model or None,
            **_level(call.trouble is not None, call.trouble.message if call.trouble else ""),
        }
        if call.stage == "reasoning" and not call.trouble:
            used = {"input": tokens(call.taken), "output": spent(call)}
            more["langfuse.observation.usage_details"] = dumps(used)
        pen.span(
            name,
            call.start,
            call.end,
            above,
            stage=call.stage,
            trouble=call.trouble,
            handled=call.handled,
            event=False,
            attributes=more,
        )


def _level(bad: bool, message: str) -> dict[str, Any]:
    if not bad:
        return {}
    return {"langfuse.observation.level": "ERROR", "langfuse.observation.status_message": message}


def _shape(
    pen: Pen, run: Run, call: Call, names: dict[str, str]
) -> tuple[str, str, str | None, str | None]:
    if call.stage == "transcription":
        name = "ocr" if run.plan.kind == "ocr" else names["transcription"]
        return name, "span", None, pen.text("transcript", call.given)
    if call.stage == "synthesis":
        return names["synthesis"], "span", pen.text("spoken", call.taken), None
    if call.stage == "tool":
        return (
            call.tool or "tool",
            "tool",
            pen.text("arguments", call.arguments),
            pen.text("tool", call.result),
        )
    if call.stage == "side":
        return "load_profile", "span", None, None
    system = {"role": "system", "content": run.plan.system}
    messages = [system, *chat_messages(run, call, image=MEDIA)]
    said: dict[str, Any] = {"role": "assistant", "content": call.given}
    if call.wants:
        said["tool_calls"] = [{"function": {"name": call.wants, "arguments": call.arguments}}]
    return (
        "OpenAI-generation",
        "generation",
        pen.text("fed", dumps(messages)),
        pen.text("answer", dumps(said)),
    )
