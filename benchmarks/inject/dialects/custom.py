"""A service that names its spans as it likes; a policy tells which of them is what."""

from __future__ import annotations

from typing import Any

from benchmarks.inject.messages import dumps, part_answer, part_messages
from benchmarks.inject.pipeline import Call, Run
from benchmarks.inject.server import SIGNS, errands, serve
from benchmarks.inject.spans import Pen

KINDS = ("voice", "chat", "structured", "ocr")
SHOWS = SIGNS | {
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
POLICY = """\
[[stage]]
by = "span_name"
stage = "transcription"
match = ["earpiece *", "pagereader *"]

[[stage]]
by = "span_name"
stage = "reasoning"
match = ["ponder *"]

[[stage]]
by = "span_name"
stage = "tool"
match = ["fetch-facts *"]

[[stage]]
by = "span_name"
stage = "synthesis"
match = ["mouthpiece *"]
"""
NAMES = {
    "transcription": "earpiece",
    "reasoning": "ponder",
    "tool": "fetch-facts",
    "synthesis": "mouthpiece",
}


def write(pen: Pen) -> None:
    """One trace per request; texts sit in the attributes that the conventions name."""
    pen.scope = "inhouse"
    for turn in pen.talk.turns:
        parent = serve(pen, turn)
        errands(pen, turn, parent)
        for call in turn.run.calls:
            if call.stage in NAMES:
                _step(pen, turn.run, call, parent)


def _step(pen: Pen, run: Run, call: Call, parent: str) -> None:
    name = NAMES[call.stage]
    if call.stage == "transcription" and run.plan.kind == "ocr":
        name = "pagereader"
    about = _texts(pen, run, call)
    if call.trouble:
        about["error.type"] = call.trouble.name
    pen.span(
        f"{name} v2",
        call.start,
        call.end,
        parent,
        stage=call.stage,
        trouble=call.trouble,
        handled=call.handled,
        attributes=about,
    )


def _texts(pen: Pen, run: Run, call: Call) -> dict[str, Any]:
    good = call.trouble is None
    if call.stage == "transcription":
        said = [{"role": "assistant", "parts": [{"type": "text", "content": call.given}]}]
        return {"gen_ai.output.messages": pen.text("transcript", dumps(said)) if good else None}
    if call.stage == "synthesis":
        text = [{"role": "user", "parts": [{"type": "text", "content": call.taken}]}]
        return {"gen_ai.input.messages": pen.text("spoken", dumps(text))}
    if call.stage == "tool":
        return {
            "gen_ai.tool.name": call.tool,
            "gen_ai.tool.call.arguments": pen.text("arguments", call.arguments),
            "gen_ai.tool.call.result": pen.text("tool", call.result),
        }
    return {
        "gen_ai.request.model": call.model,
        "gen_ai.input.messages": pen.text("fed", dumps(part_messages(run, call))),
        "gen_ai.output.messages": pen.text("answer", dumps(part_answer(call))) if good else None,
        "gen_ai.response.finish_reasons": [call.finish] if good else None,
    }
