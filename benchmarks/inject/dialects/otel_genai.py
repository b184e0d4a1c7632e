"""Spans by the OpenTelemetry GenAI conventions: a turn as `invoke_agent` over its operations."""

from __future__ import annotations

from typing import Any

from benchmarks.inject.messages import dumps, part_answer, part_messages, spent, tokens
from benchmarks.inject.pipeline import Call, Run
from benchmarks.inject.server import SIGNS, errands, serve
from benchmarks.inject.spans import Pen, Turn

KINDS = ("voice", "chat", "structured", "vision", "speech")
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
ENDS = {"barge_in": "interrupted", "cancel": "interrupted", "hang_up": "session_closed"}


def write(pen: Pen) -> None:
    """One trace per request, with a server span above or not."""
    pen.scope = "assistant.genai"
    for turn in pen.talk.turns:
        parent = serve(pen, turn)
        errands(pen, turn, parent)
        _agent(pen, turn, parent)


def _agent(pen: Pen, turn: Turn, parent: str) -> None:
    run = turn.run
    dead = run.trouble if run.ending == "completed" else None
    about = {
        "gen_ai.operation.name": "invoke_agent",
        "gen_ai.agent.name": "desk",
        "gen_ai.conversation.id": pen.talk.session,
        "gen_ai.agent.invocation.end_reason": ENDS.get(run.ending, "completed"),
        "error.type": dead.name if dead else None,
    }
    above = pen.span(
        "invoke_agent desk", 1, run.end - 1, parent, trouble=dead, event=False, attributes=about
    )
    for call in run.calls:
        if call.stage != "side":
            name, attributes = _shape(pen, run, call)
            if call.trouble:
                attributes["error.type"] = str(call.trouble.http or call.trouble.name)
            pen.span(
                name,
                call.start,
                call.end,
                above,
                stage=_stage(call),
                trouble=call.trouble,
                handled=call.handled,
                event=False,
                attributes=attributes,
                kind=1 if call.stage == "tool" else 3,
            )


def _stage(call: Call) -> str:
    return "reasoning" if call.stage == "speech" else call.stage


def _shape(pen: Pen, run: Run, call: Call) -> tuple[str, dict[str, Any]]:
    audio = {"type": "blob", "mime_type": "audio/wav", "modality": "audio", "content": ""}
    model = {"gen_ai.request.model": call.model, "gen_ai.provider.name": "openai"}
    good = call.trouble is None
    if call.stage == "transcription":
        said = [{"role": "assistant", "parts": [{"type": "text", "content": call.given}]}]
        return f"speech_to_text {call.model}", {
            "gen_ai.operation.name": "speech_to_text",
            **model,
            "gen_ai.speech.input.language": "en",
            "gen_ai.input.messages": dumps([{"role": "user", "parts": [audio]}]),
            "gen_ai.output.messages": pen.text("transcript", dumps(said)) if good else None,
        }
    if call.stage == "synthesis":
        text = [{"role": "user", "parts": [{"type": "text", "content": call.taken}]}]
        sound = [{"role": "assistant", "parts": [audio] if call.audio else []}]
        return f"text_to_speech {call.model}", {
            "gen_ai.operation.name": "text_to_speech",
            "gen_ai.output.type": "speech",
            **model,
            "gen_ai.input.messages": pen.text("spoken", dumps(text)),
            "gen_ai.output.messages": pen.text("spoken", dumps(sound)) if good else None,
        }
    if call.stage == "tool":
        return f"execute_tool {call.tool}", {
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": call.tool,
            "gen_ai.tool.call.arguments": pen.text("arguments", call.arguments),
            "gen_ai.tool.call.result": pen.text("tool", call.result),
        }
    if call.stage == "speech":
        return "realtime_inference gpt-realtime", {
            "gen_ai.operation.name": "realtime_inference",
            "gen_ai.request.model": "gpt-realtime",
            "gen_ai.output.type": "speech",
            "gen_ai.input.messages": pen.text("fed", dumps(part_messages(run, call))),
            "gen_ai.output.messages": pen.text("answer", dumps(part_answer(call)))
            if good
            else None,
            "gen_ai.response.finish_reasons": ["stop"] if good else ["error"],
        }
    system = [{"type": "text", "content": run.plan.system}]
    return f"chat {call.model}", {
        "gen_ai.operation.name": "chat",
        **model,
        "gen_ai.output.type": "json" if run.plan.kind == "structured" else "text",
        "gen_ai.system_instructions": pen.text("fed", dumps(system)),
        "gen_ai.input.messages": pen.text("fed", dumps(part_messages(run, call))),
        "gen_ai.output.messages": pen.text("answer", dumps(part_answer(call))) if good else None,
        "gen_ai.response.finish_reasons": [_finish(call)] if good else None,
        "gen_ai.usage.input_tokens": tokens(call.taken) if good else None,
        "gen_ai.usage.output_tokens": spent(call) if good else None,
    }


def _finish(call: Call) -> str:
    return "tool_call" if call.finish == "tool_calls" else call.finish
