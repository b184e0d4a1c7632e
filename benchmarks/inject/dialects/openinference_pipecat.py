"""Spans of the OpenInference instrumentation of pipecat: a trace per turn, directions reversed."""

from __future__ import annotations

from typing import Any

from benchmarks.inject.dialects.pipecat import retried
from benchmarks.inject.messages import spent
from benchmarks.inject.pipeline import Call, Run
from benchmarks.inject.spans import Pen, Turn

KINDS = ("voice",)
SHOWS = frozenset(
    {"answer", "spoken", "llm_error", "no_tts", "tts_span", "no_stt", "no_words", "tool_error"}
)
SERVED = False
TURNS = True
SPLITS = ("held",)
POLICY = None


def write(pen: Pen) -> None:
    """Every span says OK; what a failed service did not put out is what tells."""
    pen.scope = "openinference.instrumentation.pipecat"
    before: tuple[str, str] | None = None
    for turn in pen.talk.turns:
        trace = pen.new_trace()
        pen.turn = turn
        before = (trace, _turn(pen, turn, before, last=turn is pen.talk.turns[-1]))


def _turn(pen: Pen, turn: Turn, before: tuple[str, str] | None, last: bool) -> str:
    """One turn; its id comes back.

    From the second turn on the recogniser's span has no transcript and falls into the trace of
    the turn before, as a race of the original has it.
    """
    first = before is None
    run = turn.run
    stopped = last or run.ending in ("barge_in", "cancel")
    about = {
        "openinference.span.kind": "CHAIN",
        "session.id": pen.talk.session,
        "conversation.end_reason": "interrupted" if stopped else "completed",
        "conversation.was_interrupted": stopped,
        "input.value": pen.text("transcript", run.transcript) if first else None,
        "output.value": pen.text("spoken", run.spoken) if run.heard else None,
    }
    above = pen.span("pipecat.conversation.turn", 0, run.end, ok=True, attributes=about)
    own, model = pen.trace, above
    for call in run.calls:
        if call.stage == "side" or retried(run, call):
            continue
        name, attributes = _shape(pen, run, call, first)
        parent = model if call.stage == "tool" else above
        stray = call.stage == "transcription" and before is not None
        if stray and before:
            pen.trace, parent = before
        ident = pen.span(
            name,
            call.start,
            call.end,
            parent,
            stage=call.stage,
            trouble=call.trouble,
            handled=call.handled,
            event=False,
            says_error=False,
            ok=True,
            stray=stray,
            attributes=attributes,
        )
        pen.trace = own
        model = ident if call.stage == "reasoning" else model
    return above


def _shape(pen: Pen, run: Run, call: Call, first: bool) -> tuple[str, dict[str, Any]]:
    good = call.trouble is None
    llm = {
        "openinference.span.kind": "LLM",
        "llm.model_name": "unknown",
        "metrics.model": call.model,
    }
    if call.stage == "transcription":
        heard = pen.text("transcript", call.given) if good and first and call.given else None
        return "pipecat.stt", {**llm, "input.value": heard}
    if call.stage == "synthesis":
        sounded = call.cut or (good and call.audio > 0)
        return "pipecat.tts", {
            **llm,
            "output.value": pen.text("spoken", f"{call.taken} ") if sounded else None,
            "service.ttfb_seconds": 0.2 if sounded else None,
            "tts.character_count": len(call.taken or ""),
        }
    if call.stage == "tool":
        raised = call.trouble.message if call.trouble else None
        return f"pipecat.tool.{call.tool}", {
            "openinference.span.kind": "TOOL",
            "tool.name": call.tool,
            "frame.error.message": raised,
        }
    return "pipecat.llm", {
        **llm,
        "input.value": pen.text("fed", call.taken),
        "output.value": pen.text("answer", call.given) if good and call.given else None,
        "llm.token_count.prompt": len(call.taken or "") // 4 if good else None,
        "llm.token_count.completion": spent(call) if good else None,
    }
