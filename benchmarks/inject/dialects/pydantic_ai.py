"""Spans of pydantic-ai agents; audio is called by hand and shows as HTTP client spans."""

from __future__ import annotations

from typing import Any

from benchmarks.inject.dialects import http_client
from benchmarks.inject.messages import dumps, part_answer, part_messages, spent, tokens
from benchmarks.inject.pipeline import Call, Run
from benchmarks.inject.server import SIGNS, errands, serve
from benchmarks.inject.spans import Pen, Turn

KINDS = ("voice", "chat", "structured", "vision")
SHOWS = SIGNS | {
    "fed",
    "answer",
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
SPLITS = ("held",)
POLICY = None
CLASSES = {
    "rate_limit": "ModelRateLimitError",
    "timeout": "ModelTimeoutError",
    "rejected": "ModelRequestRejectedError",
    "error": "ModelHTTPError",
}


def write(pen: Pen) -> None:
    """One trace per request."""
    pen.scope = "pydantic-ai"
    for turn in pen.talk.turns:
        parent = serve(pen, turn)
        errands(pen, turn, parent)
        for call in turn.run.calls:
            if call.stage in ("transcription", "synthesis"):
                pen.scope = "opentelemetry.instrumentation.httpx"
                http_client.post(pen, call, parent, modern=True)
        pen.scope = "pydantic-ai"
        _agent(pen, turn, parent)


def _agent(pen: Pen, turn: Turn, parent: str) -> None:
    run = turn.run
    inner = [c for c in run.calls if c.stage in ("reasoning", "tool")]
    if not inner:
        return
    last = inner[-1]
    trouble = (
        run.trouble if run.ending == "completed" and run.answer in (None, "") else last.trouble
    )
    about = {
        "gen_ai.operation.name": "invoke_agent",
        "gen_ai.agent.name": "desk",
        "gen_ai.conversation.id": pen.talk.session,
        "final_result": pen.text("answer", run.answer) if not last.trouble else None,
        "pydantic_ai.all_messages": pen.text("fed", _all(run, last)) if not last.trouble else None,
        "gen_ai.aggregated_usage.output_tokens": spent(last),
    }
    end = max(c.end for c in inner)
    above = pen.span(
        "invoke_agent desk", inner[0].start, end, parent, trouble=trouble, attributes=about
    )
    for call in inner:
        name, attributes = _shape(pen, run, call)
        pen.span(
            name,
            call.start,
            call.end,
            above,
            stage=call.stage,
            trouble=call.trouble,
            handled=call.handled,
            kind=3 if call.stage == "reasoning" else 1,
            message=_message(call),
            attributes=attributes,
        )


def _message(call: Call) -> str | None:
    if call.trouble is None or call.stage == "tool":
        return None
    return f"{CLASSES.get(call.trouble.kind, call.trouble.name)}: {call.trouble.message}"


def _all(run: Run, last: Call) -> str:
    return dumps([*part_messages(run, last, result_key="result"), *part_answer(last)])


def _shape(pen: Pen, run: Run, call: Call) -> tuple[str, dict[str, Any]]:
    good = call.trouble is None
    if call.stage == "tool":
        return f"execute_tool {call.tool}", {
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": call.tool,
            "gen_ai.tool.call.arguments": pen.text("arguments", call.arguments),
            "gen_ai.tool.call.result": pen.text("tool", call.result),
        }
    system = [{"type": "text", "content": run.plan.system}]
    finish = "tool_call" if call.finish == "tool_calls" else call.finish
    asked = dumps(part_messages(run, call, result_key="result"))
    return f"chat {call.model}", {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": call.model,
        "gen_ai.system_instructions": pen.text("fed", dumps(system)),
        "gen_ai.input.messages": pen.text("fed", asked),
        "gen_ai.output.messages": pen.text("answer", dumps(part_answer(call))) if good else None,
        "gen_ai.response.finish_reasons": [finish] if good else None,
        "gen_ai.usage.input_tokens": tokens(call.taken) if good else None,
        "gen_ai.usage.output_tokens": spent(call) if good else None,
    }
