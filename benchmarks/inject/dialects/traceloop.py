"""Spans of the Traceloop SDK: workflows and tasks by decorators, chats by its instrumentation."""

from __future__ import annotations

from typing import Any

from benchmarks.inject.messages import dumps, part_answer, part_messages, spent, tokens
from benchmarks.inject.pipeline import Call, Run
from benchmarks.inject.server import SIGNS, errands, serve
from benchmarks.inject.spans import Pen, Turn

KINDS = ("voice", "chat", "structured", "vision", "ocr")
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
    "audio",
}
SERVED = True
TURNS = False
SPLITS = ("dev", "held")
POLICY = None
TASKS = {"transcription": ("transcribe", "listen"), "synthesis": ("speak", "synthesize")}
CHAT_SCOPE = "opentelemetry.instrumentation.openai.v1"


def write(pen: Pen) -> None:
    """One trace per request; audio calls show only as the tasks around them."""
    pen.scope = "traceloop.tracer"
    names = {stage: pen.rng.choice(options) for stage, options in TASKS.items()}
    for turn in pen.talk.turns:
        parent = serve(pen, turn)
        errands(pen, turn, parent)
        _workflow(pen, turn, parent, names)


def _workflow(pen: Pen, turn: Turn, parent: str, names: dict[str, str]) -> None:
    run = turn.run
    dead = run.trouble if run.ending == "completed" else None
    common = {
        "traceloop.workflow.name": "assist",
        "traceloop.association.properties.session_id": pen.talk.session,
    }
    about = {**common, "traceloop.span.kind": "workflow", "traceloop.entity.name": "assist"}
    above = pen.span("assist.workflow", 1, run.end - 1, parent, trouble=dead, attributes=about)
    for call in run.calls:
        if call.stage in TASKS:
            _task(pen, run, call, above, names[call.stage], common)
        elif call.stage == "tool":
            _tool(pen, call, above, common)
        elif call.stage == "reasoning" and not (call.trouble and call.trouble.kind == "cancelled"):
            _chat(pen, run, call, above)


def _task(pen: Pen, run: Run, call: Call, above: str, name: str, common: dict[str, str]) -> None:
    ears = call.stage == "transcription"
    if ears and run.plan.kind == "ocr":
        name = "ocr"
    taken = {"args": ["<bytes>"], "kwargs": {}} if ears else {"args": [call.taken], "kwargs": {}}
    given = pen.text("transcript", dumps(call.given)) if ears else dumps({"bytes": call.audio})
    about = {
        **common,
        "traceloop.span.kind": "task",
        "traceloop.entity.name": name,
        "traceloop.entity.input": dumps(taken) if ears else pen.text("spoken", dumps(taken)),
        "traceloop.entity.output": None if call.trouble else given,
    }
    pen.span(
        f"{name}.task",
        call.start,
        call.end,
        above,
        stage=call.stage,
        trouble=call.trouble,
        handled=call.handled,
        attributes=about,
    )


def _tool(pen: Pen, call: Call, above: str, common: dict[str, str]) -> None:
    about = {
        **common,
        "traceloop.span.kind": "tool",
        "traceloop.entity.name": call.tool,
        "traceloop.entity.input": pen.text("arguments", call.arguments),
        "traceloop.entity.output": None if call.trouble else pen.text("tool", dumps(call.result)),
    }
    pen.span(
        f"{call.tool}.tool",
        call.start,
        call.end,
        above,
        stage="tool",
        trouble=call.trouble,
        handled=call.handled,
        attributes=about,
    )


def _chat(pen: Pen, run: Run, call: Call, above: str) -> None:
    """An image in base64 makes the recorded input vanish, as seen of this instrumentation."""
    good = call.trouble is None
    shown: Any = None if run.plan.kind == "vision" else dumps(part_messages(run, call))
    finish = "tool_call" if call.finish == "tool_calls" else call.finish
    about = {
        "gen_ai.operation.name": "chat",
        "gen_ai.system": "openai",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": call.model,
        "gen_ai.input.messages": pen.text("fed", shown),
        "gen_ai.output.messages": pen.text("answer", dumps(part_answer(call))) if good else None,
        "gen_ai.response.finish_reasons": [finish] if good else None,
        "gen_ai.usage.input_tokens": tokens(call.taken) if good else None,
        "gen_ai.usage.output_tokens": spent(call) if good else None,
        "error.type": call.trouble.name if call.trouble else None,
    }
    pen.span(
        "openai.chat",
        call.start,
        call.end,
        above,
        stage="reasoning",
        kind=3,
        trouble=call.trouble,
        handled=call.handled,
        scope=CHAT_SCOPE,
        attributes=about,
    )
