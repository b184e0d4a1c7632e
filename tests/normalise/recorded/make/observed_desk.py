"""An assistant of plain functions around the OpenAI client, observed by Langfuse or Traceloop.

Needs langfuse 5.0 and openai 3, or traceloop-sdk 0.62 with opentelemetry-instrumentation-openai
0.62.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from typing import Any

from recording import (
    FINE,
    INVALID,
    LLM_ERROR,
    LOST_ANSWER,
    LOST_NOT,
    STT_EMPTY,
    STT_ERROR,
    TOOL_ERROR,
    TTS_ERROR,
    Tape,
    against,
    play,
)
from vendor import Empty, Fail, Plan, Say, ToolCall

OBSERVER = sys.argv[1]
PARAMETERS = {"type": "object", "properties": {"order": {"type": "string"}}}
TOOLS = [{"type": "function", "function": {"name": "get_order", "parameters": PARAMETERS}}]
PICTURE = {"type": "image_url", "image_url": {"url": "https://example.com/invoice.png"}}
os.environ.update(OPENAI_API_KEY="stub")
tape = Tape("order-desk")
vendor: dict[str, Any] = {}

if OBSERVER == "langfuse":
    os.environ.update(
        LANGFUSE_PUBLIC_KEY="pk-lf-stub",
        LANGFUSE_SECRET_KEY="sk-lf-stub",
        LANGFUSE_BASE_URL="http://127.0.0.1:9",
    )
    from langfuse import Langfuse, get_client, observe, propagate_attributes
    from langfuse.openai import OpenAI
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider

    resource = Resource.create({"service.name": "order-desk"})
    observer = Langfuse(
        tracer_provider=TracerProvider(resource=resource), span_exporter=tape.exporter
    )
    workflow, task, tool = observe, observe, observe
    flush = observer.flush
else:
    os.environ.update(TRACELOOP_TELEMETRY="false", TRACELOOP_TRACE_CONTENT="true")
    from openai import OpenAI
    from opentelemetry import trace
    from traceloop.sdk import Traceloop
    from traceloop.sdk.decorators import task, tool, workflow
    from traceloop.sdk.instruments import Instruments

    Traceloop.init(
        app_name="order-desk",
        exporter=tape.exporter,
        instruments={Instruments.OPENAI},
        telemetry_enabled=False,
    )
    flush = trace.get_tracer_provider().force_flush

SPEECH = {"as_type": "generation"} if OBSERVER == "langfuse" else {}
LOOK_UP = {"as_type": "tool"} if OBSERVER == "langfuse" else {}


@task(name="transcribe")
def transcribe(path: str) -> str:
    file = ("call.wav", b"RIFF", "audio/wav")
    return vendor["client"].audio.transcriptions.create(model="gpt-4o-transcribe", file=file).text


@tool(name="get_order", **LOOK_UP)
def get_order(order: str) -> str:
    if order == "lost":
        raise RuntimeError("order database is down")
    return json.dumps({"status": "shipped"})


@task(name="answer")
def answer(text: str) -> str:
    messages: list[Any] = [{"role": "user", "content": text}]
    while True:
        create = vendor["client"].chat.completions.create
        said = create(model="gpt-4o", messages=messages, tools=TOOLS).choices[0].message
        if not said.tool_calls:
            return said.content
        messages.append(said.model_dump(exclude_none=True))
        for call in said.tool_calls:
            found = get_order(**json.loads(call.function.arguments))
            messages.append({"role": "tool", "tool_call_id": call.id, "content": found})


@task(name="speak", **SPEECH)
def speak(text: str) -> int:
    if OBSERVER == "langfuse":
        get_client().update_current_generation(
            model="gpt-4o-mini-tts", usage_details={"characters": len(text)}
        )
    speech = vendor["client"].audio.speech
    return len(speech.create(model="gpt-4o-mini-tts", voice="alloy", input=text).content)


@workflow(name="voice_request")
def voice_request(edit: Callable[[str], str], shorten: Callable[[str], str]) -> None:
    speak(shorten(answer(edit(transcribe("call.wav")))))


@workflow(name="read_invoice")
def read_invoice() -> Any:
    content = [{"type": "text", "text": "Extract the invoice as JSON"}, PICTURE]
    messages = [{"role": "user", "content": content}]
    said = vendor["client"].chat.completions.create(model="gpt-4o", messages=messages)
    return json.loads(said.choices[0].message.content)


def scene(plan: Plan, work: Callable[[], object]) -> Callable[[], None]:
    def with_client(url: str) -> None:
        vendor["client"] = OpenAI(base_url=url, api_key="stub", max_retries=0, timeout=1.0)
        if OBSERVER == "langfuse":
            with propagate_attributes(user_id="user-17", session_id="sess-9"):
                work()
        else:
            Traceloop.set_association_properties({"user_id": "user-17", "session_id": "sess-9"})
            work()

    return lambda: against(plan, with_client)


def talk(
    heard: Any = None,
    answers: list[Any] | None = None,
    spoken: Any = None,
    edit: Callable[[str], str] = str,
    shorten: Callable[[str], str] = str,
) -> Callable[[], None]:
    plan = Plan(
        transcriptions=[heard or Say("where is my order 12")],
        chats=answers or [Say("Your order has shipped.")],
        speeches=[spoken] if spoken else [],
    )
    return scene(plan, lambda: voice_request(edit, shorten))


SCENES = {
    "healthy_tool": (
        FINE,
        talk(answers=[ToolCall("get_order", {"order": "12"}), Say("Your order has shipped.")]),
    ),
    "healthy_image": (FINE, scene(Plan(chats=[Say('{"vendor": "Acme"}')]), read_invoice)),
    "stt_500": (STT_ERROR, talk(Fail(500))),
    "stt_empty": (STT_EMPTY, talk(Empty(), [Say("Sorry, I did not hear anything.")])),
    "llm_429": (LLM_ERROR, talk(answers=[Fail(429)])),
    "tool_raises": (TOOL_ERROR, talk(answers=[ToolCall("get_order", {"order": "lost"})])),
    "tts_503": (TTS_ERROR, talk(spoken=Fail(503))),
    "handoff_lost_not": (
        LOST_NOT,
        talk(
            Say("do not cancel my order"),
            [Say("I cancelled it.")],
            edit=lambda text: text.replace("not ", ""),
        ),
    ),
    "handoff_lost_answer": (
        LOST_ANSWER,
        talk(
            answers=[Say("It costs 40 euros a month. Shall I book it?")],
            shorten=lambda text: text.partition(". ")[2],
        ),
    ),
}
if OBSERVER == "traceloop":  # Langfuse does not keep the type of an exception.
    SCENES["invalid"] = (INVALID, scene(Plan(chats=[Say("No invoice here.")]), read_invoice))
MADE_BY = {"langfuse": "langfuse 5.0.4", "traceloop": "traceloop-sdk 0.62.4"}

if __name__ == "__main__":
    named = {f"{OBSERVER}_{name}": each for name, each in SCENES.items()}
    play(tape, OBSERVER, MADE_BY[OBSERVER], named, flush)
