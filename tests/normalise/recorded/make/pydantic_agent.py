"""An agent of Pydantic AI with a tool and a structured answer, in its own format or an older one.

Needs pydantic-ai-slim[openai] 2.68.
"""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Callable
from typing import Any

from recording import FINE, INVALID, LLM_ERROR, TOOL_ERROR, TRUNCATED, Tape, against, play
from vendor import Fail, Plan, Say, ToolCall

os.environ["OPENAI_API_KEY"] = "stub"

import openai
from pydantic import BaseModel
from pydantic_ai import Agent, BinaryContent, ModelRetry
from pydantic_ai.models.instrumented import InstrumentationSettings
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider

FORMAT = int(sys.argv[1]) if len(sys.argv) > 1 else None
PICTURE = ["Extract the invoice", BinaryContent(data=b"\x89PNG", media_type="image/png")]
tape = Tape("bank-desk")


class Invoice(BaseModel):
    """What is read from a picture."""

    vendor: str
    total: float


def get_balance(account: str) -> str:
    if account == "closed":
        raise RuntimeError("core-banking connection refused")
    if account == "any":
        raise ModelRetry("say which account")
    return "ten euros"


def ask(*answers: Any, content: Any = "what is my balance", kind: Any = str) -> Callable[[], None]:
    def work(url: str) -> None:
        client = openai.AsyncOpenAI(base_url=url, api_key="stub", max_retries=0, timeout=1.0)
        model = OpenAIChatModel("gpt-4o", provider=OpenAIProvider(openai_client=client))
        agent = Agent(
            model,
            system_prompt="You are a bank teller.",
            name="teller",
            output_type=kind,
            tools=[get_balance],
            retries=1,
        )
        agent.run_sync(content)

    return lambda: against(Plan(chats=list(answers)), work)


def invoice(total: Any) -> ToolCall:
    return ToolCall("final_result", {"vendor": "Acme", "total": total})


CALL, DONE = ToolCall("get_balance", {"account": "mine"}), Say("You have ten euros.")
AGAIN = ToolCall("get_balance", {"account": "any"})
SCENES = {
    "healthy_tool": (FINE, ask(CALL, DONE)),
    "healthy_image": (FINE, ask(invoice(42.5), content=PICTURE, kind=Invoice)),
    "asked_again": (FINE, ask(invoice("x"), invoice(42.5), content=PICTURE, kind=Invoice)),
    "invalid": (INVALID, ask(invoice("x"), invoice("y"), content=PICTURE, kind=Invoice)),
    "tool_asks_again": (FINE, ask(AGAIN, CALL, DONE)),
    "tool_asks_the_user": (FINE, ask(AGAIN, Say("Which account?"))),
    "tool_raises": (TOOL_ERROR, ask(ToolCall("get_balance", {"account": "closed"}))),
    "llm_429": (LLM_ERROR, ask(Fail(429))),
    "llm_truncated": (TRUNCATED, ask(Say("You have", "length"))),
}

if __name__ == "__main__":
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        version = {"version": FORMAT} if FORMAT else {}
        Agent.instrument_all(InstrumentationSettings(tracer_provider=tape.provider, **version))
    kept = {"healthy_tool", "healthy_image"} if FORMAT else SCENES.keys()
    prefix = f"pydantic_ai_format{FORMAT}" if FORMAT else "pydantic_ai"
    made_by = "pydantic-ai 2.68.0" + (f", instrumentation format {FORMAT}" if FORMAT else "")
    play(
        tape,
        "pydantic_ai",
        made_by,
        {f"{prefix}_{name}": SCENES[name] for name in SCENES if name in kept},
    )
