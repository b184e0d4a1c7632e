"""Spans of the Vercel AI SDK, by its newer integration or its older one; clocks count in ms."""

from __future__ import annotations

import dataclasses
from typing import Any

from benchmarks.inject.messages import (
    chat_messages,
    dumps,
    part_answer,
    part_messages,
    spent,
    tokens,
)
from benchmarks.inject.pipeline import Call, Run, Trouble
from benchmarks.inject.server import SIGNS, errands, serve
from benchmarks.inject.spans import Pen, Turn

KINDS = ("voice", "chat", "structured", "vision")
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
    "audio",
}
SERVED = True
TURNS = False
SPLITS = ("dev", "held")
POLICY = None
ABORT = Trouble("cancelled", "AbortError", "This operation was aborted")
FINISH = {"tool_calls": "tool-calls", "content_filter": "content-filter"}


def write(pen: Pen) -> None:
    """One trace per request below the route's span."""
    old = pen.rng.random() < 0.5
    pen.scope = "ai" if old else "gen_ai"
    pen.talk.quirks = dataclasses.replace(pen.talk.quirks, coarse=True)
    for turn in pen.talk.turns:
        parent = serve(pen, turn, "/api/voice")
        errands(pen, turn, parent)
        _steps(pen, turn, parent, _old if old else _new, old)


def _steps(pen: Pen, turn: Turn, parent: str, shape: Any, old: bool) -> None:
    """The model calls of one request sit below one agent span, the audio calls beside it."""
    run = turn.run
    inner = [c for c in run.calls if c.stage in ("reasoning", "tool")]
    above = parent
    if inner:
        last = next((c for c in reversed(inner) if c.stage == "reasoning"), inner[-1])
        name, about = _outer(pen, run, last, old)
        above = pen.span(
            name,
            inner[0].start,
            inner[-1].end,
            parent,
            stage="reasoning",
            trouble=_abort(last.trouble),
            attributes=about,
        )
    for call in run.calls:
        if call.stage == "side":
            continue
        name, about = shape(pen, run, call)
        over = above if call in inner else parent
        pen.span(
            name,
            call.start,
            call.end,
            over,
            stage=call.stage,
            trouble=_abort(call.trouble),
            handled=call.handled,
            kind=3,
            attributes=about,
        )


def _abort(trouble: Trouble | None) -> Trouble | None:
    return ABORT if trouble and trouble.kind == "cancelled" else trouble


def _outer(pen: Pen, run: Run, last: Call, old: bool) -> tuple[str, dict[str, Any]]:
    """The span over all steps; usage is told here again."""
    usage = None if last.trouble else spent(last)
    finish = None if last.trouble else FINISH.get(last.finish, last.finish)
    if old:
        kind = "ai.generateObject" if run.plan.kind == "structured" else "ai.generateText"
        prompt = {"system": run.plan.system, "messages": chat_messages(run, last)}
        key = "ai.response.object" if run.plan.kind == "structured" else "ai.response.text"
        return kind, {
            "ai.operationId": kind,
            "operation.name": f"{kind} think",
            "ai.telemetry.functionId": "think",
            "ai.model.id": last.model,
            "ai.prompt": pen.text("fed", dumps(prompt)),
            key: pen.text("answer", last.given),
            "ai.response.finishReason": finish,
            "ai.usage.completionTokens": usage,
        }
    return f"invoke_agent {last.model}", {
        "gen_ai.operation.name": "invoke_agent",
        "gen_ai.agent.name": "think",
        "gen_ai.request.model": last.model,
        "gen_ai.input.messages": pen.text("fed", dumps(part_messages(run, last))),
        "gen_ai.output.messages": None
        if last.trouble
        else pen.text("answer", dumps(part_answer(last))),
        "gen_ai.response.finish_reasons": [finish] if finish else None,
        "gen_ai.usage.output_tokens": usage,
    }


def _new(pen: Pen, run: Run, call: Call) -> tuple[str, dict[str, Any]]:
    good = call.trouble is None
    model = {"gen_ai.request.model": call.model, "gen_ai.provider.name": "openai"}
    if call.stage == "transcription":
        said = [{"role": "assistant", "parts": [{"type": "text", "content": call.given}]}]
        return f"ai.transcribe {call.model}", {
            "gen_ai.operation.name": "ai.transcribe",
            **model,
            "gen_ai.output.type": "text",
            "gen_ai.agent.name": "listen",
            "ai.request.audio.size": 64_000,
            "ai.request.audio.media_type": "audio/wav",
            "ai.response.text": pen.text("transcript", call.given),
            "gen_ai.output.messages": pen.text("transcript", dumps(said)) if good else None,
        }
    if call.stage == "synthesis":
        text = [{"role": "user", "parts": [{"type": "text", "content": call.taken}]}]
        return f"ai.generateSpeech {call.model}", {
            "gen_ai.operation.name": "ai.generateSpeech",
            **model,
            "gen_ai.output.type": "speech",
            "gen_ai.agent.name": "speak",
            "ai.request.text": pen.text("spoken", call.taken),
            "gen_ai.input.messages": pen.text("spoken", dumps(text)),
            "ai.response.audio.size": call.audio if good else None,
            "ai.response.audio.media_type": "audio/mp3" if good else None,
        }
    if call.stage == "tool":
        return f"execute_tool {call.tool}", {
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": call.tool,
            "gen_ai.tool.call.arguments": pen.text("arguments", call.arguments),
            "gen_ai.tool.call.result": pen.text("tool", call.result),
        }
    finish = FINISH.get(call.finish, call.finish)
    system = [{"type": "text", "content": run.plan.system}]
    return f"chat {call.model}", {
        "gen_ai.operation.name": "chat",
        **model,
        "gen_ai.system_instructions": pen.text("fed", dumps(system)),
        "gen_ai.input.messages": pen.text("fed", dumps(part_messages(run, call))),
        "gen_ai.output.messages": pen.text("answer", dumps(part_answer(call))) if good else None,
        "gen_ai.response.finish_reasons": [finish] if good else None,
        "gen_ai.usage.input_tokens": tokens(call.taken) if good else None,
        "gen_ai.usage.output_tokens": spent(call) if good else None,
    }


def _old(pen: Pen, run: Run, call: Call) -> tuple[str, dict[str, Any]]:
    good = call.trouble is None
    if call.stage == "transcription":
        return "ai.transcribe", {
            "ai.operationId": "ai.transcribe",
            "operation.name": "ai.transcribe listen",
            "ai.telemetry.functionId": "listen",
            "ai.model.id": call.model,
            "ai.request.audio.size": 64_000,
            "ai.response.text": pen.text("transcript", call.given),
        }
    if call.stage == "synthesis":
        return "ai.generateSpeech", {
            "ai.operationId": "ai.generateSpeech",
            "operation.name": "ai.generateSpeech speak",
            "ai.telemetry.functionId": "speak",
            "ai.model.id": call.model,
            "ai.request.text": pen.text("spoken", call.taken),
            "ai.response.audio.size": call.audio if good else None,
        }
    if call.stage == "tool":
        return "ai.toolCall", {
            "ai.operationId": "ai.toolCall",
            "operation.name": "ai.toolCall think",
            "ai.toolCall.name": call.tool,
            "ai.toolCall.args": pen.text("arguments", call.arguments),
            "ai.toolCall.result": pen.text("tool", call.result),
        }
    made = run.plan.kind == "structured"
    kind = "ai.generateObject.doGenerate" if made else "ai.generateText.doGenerate"
    system = {"role": "system", "content": run.plan.system}
    wishes = [{"toolName": call.wants, "args": call.arguments}] if call.wants else None
    return kind, {
        "ai.operationId": kind,
        "operation.name": f"{kind} think",
        "ai.telemetry.functionId": "think",
        "ai.model.id": call.model,
        "gen_ai.system": "openai.chat",
        "gen_ai.request.model": call.model,
        "ai.prompt.messages": pen.text("fed", dumps([system, *chat_messages(run, call)])),
        "ai.response.object" if made else "ai.response.text": pen.text("answer", call.given),
        "ai.response.toolCalls": pen.text("arguments", dumps(wishes)) if wishes else None,
        "ai.response.finishReason": FINISH.get(call.finish, call.finish) if good else None,
        "gen_ai.response.finish_reasons": [FINISH.get(call.finish, call.finish)] if good else None,
        "ai.usage.promptTokens": tokens(call.taken) if good else None,
        "ai.usage.completionTokens": spent(call) if good else None,
    }
