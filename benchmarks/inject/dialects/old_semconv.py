"""The old attribute form of chats, with numbered prompts, beside HTTP client spans for audio."""

from __future__ import annotations

from typing import Any

from benchmarks.inject.dialects import http_client
from benchmarks.inject.messages import chat_messages, spent, tokens
from benchmarks.inject.pipeline import Call, Run
from benchmarks.inject.server import SIGNS, errands, serve
from benchmarks.inject.spans import Pen

KINDS = ("voice", "chat", "structured")
SHOWS = SIGNS | {
    "fed",
    "answer",
    "stt_error",
    "llm_error",
    "tts_error",
    "no_stt",
    "tts_span",
    "finish",
}
SERVED = True
TURNS = False
SPLITS = ("held",)
POLICY = None


def write(pen: Pen) -> None:
    """One trace per request; tools and audio texts are not recorded."""
    pen.scope = "opentelemetry.instrumentation.httpx"
    for turn in pen.talk.turns:
        parent = serve(pen, turn)
        errands(pen, turn, parent)
        for call in turn.run.calls:
            if call.stage == "reasoning":
                _chat(pen, turn.run, call, parent)
            elif call.stage in http_client.PATHS:
                http_client.post(pen, call, parent, modern=False)


def _chat(pen: Pen, run: Run, call: Call, parent: str) -> None:
    about: dict[str, Any] = {
        "gen_ai.system": "openai",
        "llm.request.type": "chat",
        "gen_ai.request.model": call.model,
        "gen_ai.usage.prompt_tokens": None if call.trouble else tokens(call.taken),
        "gen_ai.usage.completion_tokens": None if call.trouble else spent(call),
    }
    if not pen.hides("fed"):
        system = {"role": "system", "content": run.plan.system}
        for number, message in enumerate([system, *chat_messages(run, call)]):
            about[f"gen_ai.prompt.{number}.role"] = message["role"]
            about[f"gen_ai.prompt.{number}.content"] = message["content"]
    if not call.trouble:
        about["gen_ai.completion.0.finish_reason"] = call.finish
        about["gen_ai.completion.0.role"] = "assistant"
        about["gen_ai.completion.0.content"] = pen.text("answer", call.given)
        if call.wants:
            at = "gen_ai.completion.0.tool_calls.0."
            about |= {f"{at}name": call.wants, f"{at}arguments": call.arguments}
    pen.span(
        "openai.chat",
        call.start,
        call.end,
        parent,
        stage="reasoning",
        kind=3,
        trouble=call.trouble,
        handled=call.handled,
        scope="opentelemetry.instrumentation.openai.v1",
        attributes=about,
    )
