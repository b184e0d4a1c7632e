"""Spans of the Google Agent Development Kit: an invocation over model calls and tools."""

from __future__ import annotations

from typing import Any

from benchmarks.inject.messages import dumps, loads, spent, tokens
from benchmarks.inject.pipeline import Call, Run
from benchmarks.inject.server import SIGNS, errands, serve
from benchmarks.inject.spans import Pen, Turn

KINDS = ("chat", "structured", "vision")
SHOWS = SIGNS | {
    "fed",
    "answer",
    "llm_error",
    "tool",
    "tool_error",
    "arguments",
    "finish",
}
SERVED = True
TURNS = False
SPLITS = ("held",)
POLICY = None
COMMON = {"gen_ai.system": "gcp.vertex.agent"}


def write(pen: Pen) -> None:
    """One trace per request."""
    pen.scope = "gcp.vertex.agent"
    second = pen.rng.random() < 0.5
    for turn in pen.talk.turns:
        parent = serve(pen, turn, "/run")
        errands(pen, turn, parent)
        _invocation(pen, turn, parent, second)


def _invocation(pen: Pen, turn: Turn, parent: str, second: bool) -> None:
    run = turn.run
    inner = [c for c in run.calls if c.stage in ("reasoning", "tool")]
    start, end = inner[0].start, max(c.end for c in inner)
    last = inner[-1].trouble
    common = {
        **COMMON,
        "gcp.vertex.agent.session_id": pen.talk.session,
        "gen_ai.conversation.id": pen.talk.session,
    }
    top = pen.span("invocation", start, end, parent, trouble=last, attributes=common)
    named = {**common, "gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "desk"}
    above = pen.span("invoke_agent desk", start, end, top, trouble=last, attributes=named)
    for call in inner:
        name, about = _shape(pen, run, call, second)
        if call.trouble:
            about["error.type"] = call.trouble.name
        pen.span(
            name,
            call.start,
            call.end,
            above,
            stage=call.stage,
            trouble=call.trouble,
            handled=call.handled,
            attributes={**COMMON, **about},
        )


def _shape(pen: Pen, run: Run, call: Call, second: bool) -> tuple[str, dict[str, Any]]:
    if call.stage == "tool":
        return f"execute_tool {call.tool}", {
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": call.tool,
            "gcp.vertex.agent.tool_call_args": pen.text("arguments", call.arguments) or "{}",
            "gcp.vertex.agent.tool_response": pen.text("tool", call.result) or "{}",
        }
    good = call.trouble is None
    request = {
        "model": call.model,
        "contents": _contents(run, call),
        "config": {"system_instruction": run.plan.system},
    }
    parts: list[dict[str, Any]] = [{"text": call.given}] if call.given else []
    if call.wants:
        parts = [{"function_call": {"name": call.wants, "args": loads(call.arguments or "")}}]
    reason = {"length": "MAX_TOKENS", "content_filter": "SAFETY"}.get(call.finish, "STOP")
    response = {"content": {"role": "model", "parts": parts}, "finish_reason": reason}
    return f"generate_content {call.model}" if second else "call_llm", {
        "gen_ai.operation.name": "generate_content" if second else None,
        "gen_ai.request.model": call.model,
        "gcp.vertex.agent.llm_request": pen.text("fed", dumps(request)) or "{}",
        "gcp.vertex.agent.llm_response": (pen.text("answer", dumps(response)) or "{}")
        if good
        else None,
        "gen_ai.response.finish_reasons": [reason.lower()] if good else None,
        "gen_ai.usage.input_tokens": tokens(call.taken) if good else None,
        "gen_ai.usage.output_tokens": spent(call) if good else None,
    }


def _contents(run: Run, call: Call) -> list[dict[str, Any]]:
    contents: list[dict[str, Any]] = []
    for user, model in run.plan.history:
        contents += [{"role": "user", "parts": [{"text": user}]}]
        contents += [{"role": "model", "parts": [{"text": model}]}]
    parts: list[dict[str, Any]] = [{"text": call.taken}]
    if run.plan.kind == "vision":
        parts.append({"inline_data": {"mime_type": "image/png", "data": "<not serializable>"}})
    contents.append({"role": "user", "parts": parts})
    for tool, arguments, result in call.turn:
        wish = {"function_call": {"name": tool, "args": loads(arguments)}}
        reply = {"function_response": {"name": tool, "response": {"result": result}}}
        contents += [{"role": "model", "parts": [wish]}, {"role": "user", "parts": [reply]}]
    return contents
