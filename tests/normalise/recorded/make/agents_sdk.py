"""A voice pipeline of the OpenAI Agents SDK through the exporter named on the command line.

Needs openai-agents[voice] 0.24, and logfire 5.4, openinference-instrumentation-openai-agents 2.6
or opentelemetry-instrumentation-openai-agents 0.62.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable

from recording import (
    FINE,
    LLM_ERROR,
    LOST_NOT,
    STT_EMPTY,
    STT_ERROR,
    STT_TIMEOUT,
    TOOL_ERROR,
    TTS_ERROR,
    Tape,
    against,
    play,
)
from vendor import Always, Empty, Fail, Hang, Plan, Say, ToolCall

os.environ["OPENAI_API_KEY"] = "stub"

import numpy as np
import openai
from agents import (
    Agent,
    OpenAIProvider,
    RunConfig,
    Runner,
    function_tool,
    set_trace_processors,
)
from agents.voice import (
    AudioInput,
    OpenAIVoiceModelProvider,
    VoicePipeline,
    VoicePipelineConfig,
    VoiceWorkflowBase,
)

ANSWER = "Your balance is ten euros. Anything else?"
tape = Tape("bank-desk")


def instrument(exporter: str) -> Callable[[], object]:
    """Turn one exporter on; returns how to flush it."""
    set_trace_processors([])
    if exporter == "logfire":
        import logfire

        logfire.configure(
            send_to_logfire=False,
            console=False,
            service_name="bank-desk",
            additional_span_processors=[tape.processor()],
        )
        logfire.instrument_openai_agents()
        return logfire.force_flush
    if exporter == "openinference":
        from openinference.instrumentation.openai_agents import OpenAIAgentsInstrumentor
    else:
        from opentelemetry.instrumentation.openai_agents import OpenAIAgentsInstrumentor
    OpenAIAgentsInstrumentor().instrument(tracer_provider=tape.provider)
    return lambda: None


@function_tool(failure_error_function=None)
def get_balance(account: str) -> str:
    if account == "closed":
        raise RuntimeError("core-banking connection refused")
    return "ten euros"


@function_tool
def get_rate(account: str) -> str:
    raise RuntimeError("no route")


class Flow(VoiceWorkflowBase):
    """Asks the agent, after the application has had its way with the transcript."""

    def __init__(self, agent: Agent, config: RunConfig, edit: Callable[[str], str]) -> None:
        self.agent, self.config, self.edit = agent, config, edit

    async def run(self, transcription: str) -> AsyncIterator[str]:
        asked = self.edit(transcription)
        result = await Runner.run(self.agent, asked, run_config=self.config)
        yield str(result.final_output)


async def talk(url: str, edit: Callable[[str], str], chat: bool) -> None:
    client = openai.AsyncOpenAI(base_url=url, api_key="stub", max_retries=0, timeout=1.0)
    provider = OpenAIProvider(openai_client=client, use_responses=not chat)
    agent = Agent(
        name="Teller",
        instructions="You are a bank teller.",
        model="gpt-4.1",
        tools=[get_balance, get_rate],
    )
    config = VoicePipelineConfig(
        model_provider=OpenAIVoiceModelProvider(openai_client=client),
        workflow_name="Bank voice",
        group_id="sess-0",
    )
    flow = Flow(agent, RunConfig(model_provider=provider), edit)
    heard = await VoicePipeline(workflow=flow, config=config).run(
        AudioInput(buffer=np.zeros(480, dtype=np.int16))
    )
    async for _ in heard.stream():
        pass


def ask(
    heard: object = None,
    answers: list[object] | None = None,
    spoken: object = None,
    edit: Callable[[str], str] = str,
    chat: bool = False,
) -> Callable[[], None]:
    """A scene: what the recogniser, the model and synthesis answer."""

    def scene() -> None:
        said = answers or [Say(ANSWER)]
        plan = Plan(
            transcriptions=[heard or Say("what is my balance")],
            responses=list(said),
            chats=list(said),
            speeches=[spoken] if spoken else [],
        )
        against(plan, lambda url: asyncio.run(talk(url, edit, chat)))

    return scene


SCENES = {
    "healthy": (FINE, ask()),
    "healthy_chat": (FINE, ask(chat=True)),
    "healthy_tool": (
        FINE,
        ask(answers=[ToolCall("get_balance", {"account": "mine"}), Say("Ten euros.")]),
    ),
    "stt_500": (STT_ERROR, ask(Fail(500))),
    "stt_timeout": (STT_TIMEOUT, ask(Hang(3))),
    "stt_empty": (STT_EMPTY, ask(Empty(), [Say("Sorry, I did not hear anything.")])),
    "llm_429": (LLM_ERROR, ask(answers=[Fail(429)])),
    "tool_raises": (TOOL_ERROR, ask(answers=[ToolCall("get_balance", {"account": "closed"})])),
    "tool_soft": (
        TOOL_ERROR,
        ask(answers=[ToolCall("get_rate", {"account": "mine"}), Say("Sorry, I cannot see it.")]),
    ),
    "tts_503": (TTS_ERROR, ask(spoken=Always(Fail(503)))),
    "handoff_lost_not": (
        LOST_NOT,
        ask(
            Say("do not cancel my order"),
            [Say("I cancelled it.")],
            edit=lambda text: text.replace("not ", ""),
        ),
    ),
}
KEPT = {
    "logfire": SCENES.keys() - {"stt_timeout", "tool_raises", "llm_429"},
    "openinference": {"healthy", "stt_timeout", "stt_empty", "tool_raises", "tts_503"},
    "traceloop": {"healthy", "stt_empty", "llm_429", "tts_503", "handoff_lost_not"},
}
MADE_BY = {
    "logfire": "openai-agents 0.24.0 with logfire 5.4.0",
    "openinference": "openinference-instrumentation-openai-agents 2.6.0",
    "traceloop": "opentelemetry-instrumentation-openai-agents 0.62.4",
}

if __name__ == "__main__":
    exporter = sys.argv[1]
    play(
        tape,
        exporter,
        MADE_BY[exporter],
        {f"{exporter}_agents_{name}": SCENES[name] for name in SCENES if name in KEPT[exporter]},
        instrument(exporter),
    )
