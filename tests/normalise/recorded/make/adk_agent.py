"""An agent of Google's Agent Development Kit with a scripted model; the schema version is given.

Needs google-adk 2.13.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable
from typing import Any

from recording import FILTERED, FINE, LLM_ERROR, TOOL_ERROR, TRUNCATED, Tape, play

VERSION = sys.argv[1]
os.environ["ADK_TELEMETRY_SCHEMA_VERSION_OPT_IN"] = VERSION
os.environ["OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"] = {"1": "true"}.get(
    VERSION, "span_only"
)

from google.adk.agents import LlmAgent  # noqa: E402
from google.adk.models import BaseLlm, LlmResponse  # noqa: E402
from google.adk.runners import InMemoryRunner  # noqa: E402
from google.genai import types  # noqa: E402
from opentelemetry import trace  # noqa: E402

tape = Tape("bank-desk")


class Scripted(BaseLlm):
    """A model that answers by script."""

    script: list[Any]

    async def generate_content_async(
        self, llm_request: Any, stream: bool = False
    ) -> AsyncIterator[LlmResponse]:
        step = self.script.pop(0)
        if isinstance(step, Exception):
            raise step
        yield step


def answer(*parts: types.Part, reason: str = "STOP") -> LlmResponse:
    usage = types.GenerateContentResponseUsageMetadata(
        prompt_token_count=12, candidates_token_count=5, total_token_count=17
    )
    content = types.Content(role="model", parts=list(parts)) if parts else None
    return LlmResponse(content=content, finish_reason=reason, usage_metadata=usage)


def call(account: str) -> LlmResponse:
    function = types.FunctionCall(name="get_balance", args={"account": account})
    return answer(types.Part(function_call=function))


def get_balance(account: str) -> dict[str, str]:
    """The balance of an account."""
    if account == "closed":
        raise RuntimeError("core-banking connection refused")
    return {"error": "upstream 503"} if account == "far" else {"balance": "ten euros"}


async def talk(script: list[Any]) -> None:
    agent = LlmAgent(
        name="teller",
        model=Scripted(model="gemini-2.5-flash", script=script),
        instruction="You are a bank teller.",
        tools=[get_balance],
    )
    runner = InMemoryRunner(agent=agent, app_name="bank")
    session = await runner.session_service.create_session(app_name="bank", user_id="user-17")
    asked = types.Content(role="user", parts=[types.Part(text="what is my balance")])
    try:
        async for _ in runner.run_async(
            user_id="user-17", session_id=session.id, new_message=asked
        ):
            pass
    except Exception as error:
        print("  raised", type(error).__name__)


def ask(*script: Any) -> Callable[[], None]:
    return lambda: asyncio.run(talk(list(script)))


DONE = answer(types.Part(text="You have ten euros."))
SCENES = {
    "healthy_tool": (FINE, ask(call("mine"), DONE)),
    "llm_fails": (LLM_ERROR, ask(RuntimeError("503 UNAVAILABLE"))),
    "llm_truncated": (TRUNCATED, ask(answer(types.Part(text="You have"), reason="MAX_TOKENS"))),
    "llm_filtered": (FILTERED, ask(answer(reason="SAFETY"))),
    "tool_raises": (TOOL_ERROR, ask(call("closed"))),
    "tool_error_result": (
        TOOL_ERROR,
        ask(call("far"), answer(types.Part(text="Sorry, I cannot reach your account."))),
    ),
}

if __name__ == "__main__":
    trace.set_tracer_provider(tape.provider)
    play(
        tape,
        "google_adk",
        f"google-adk 2.13.0, telemetry schema version {VERSION}",
        {f"google_adk{VERSION}_{name}": scene for name, scene in SCENES.items()},
    )
