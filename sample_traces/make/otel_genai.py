"""Makes the otel_genai_* samples: a desk on the OpenAI client, traced by OpenTelemetry's own.

The instrumentation sees chat calls only; transcription and speech show as HTTP client calls.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from importlib.metadata import version
from typing import Any

from desk import Desk
from export import Recorder, Truth
from vendor import Audio, Empty, Fail, Hang, Plan, Say, ToolCall, Vendor

os.environ["OTEL_SEMCONV_STABILITY_OPT_IN"] = "gen_ai_latest_experimental,http"
os.environ["OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"] = "SPAN_ONLY"

from opentelemetry.instrumentation.httpx import HTTPX2ClientInstrumentor  # noqa: E402
from opentelemetry.instrumentation.openai_v2 import OpenAIInstrumentor  # noqa: E402
from opentelemetry.trace import Span, SpanKind  # noqa: E402

MADE_BY = " with ".join(
    f"{package} {version(package)}"
    for package in (
        "opentelemetry-instrumentation-openai-v2",
        "opentelemetry-instrumentation-httpx",
    )
)
RECORDER = Recorder("reception")
TRACER = RECORDER.provider.get_tracer("reception")
HEALTHY = Truth("no fault injected")
PATHS = {"voice_request": "/calls", "read_receipt": "/receipts"}
Work = Callable[[Desk], Awaitable[Any]]


class ServedDesk(Desk):
    """The desk behind an HTTP server, with its tools noted the GenAI conventions' way."""

    def root(self, name: str, session: str) -> AbstractContextManager[Span]:
        return _served(self.tracer, PATHS[name], session)

    def tool_span(self, name: str, arguments: str, call: str) -> AbstractContextManager[Span]:
        attributes = {
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": name,
            "gen_ai.tool.type": "function",
            "gen_ai.tool.call.id": call,
            "gen_ai.tool.call.arguments": arguments,
        }
        return self.tracer.start_as_current_span(f"execute_tool {name}", attributes=attributes)

    def note_result(self, span: Span, result: str) -> None:
        span.set_attribute("gen_ai.tool.call.result", result)


@contextmanager
def _served(tracer: Any, path: str, session: str) -> Iterator[Span]:
    attributes = {"http.request.method": "POST", "url.path": path, "http.route": path}
    attributes["session.id"] = session
    with tracer.start_as_current_span(
        f"POST {path}", kind=SpanKind.SERVER, attributes=attributes
    ) as span:
        try:
            yield span
        except Exception as error:
            span.set_attribute("http.response.status_code", 500)
            span.set_attribute("error.type", type(error).__name__)
            raise
        span.set_attribute("http.response.status_code", 200)


def run(plan: Plan, *works: Work, **options: Any) -> None:
    """Serve some requests one after the other; those that fail do so on their own."""

    async def serve(url: str) -> None:
        for work in works:
            desk = ServedDesk(url, TRACER, **options)
            try:
                await work(desk)
            except Exception as error:
                print(f"  request failed: {type(error).__name__}: {error}"[:100])
            await desk.client.close()

    with Vendor(plan, latency=0.08) as vendor:
        asyncio.run(serve(vendor.url))


def save(name: str, what: str, *truths: Truth, emitter: str = "otel_genai") -> None:
    """Save what was recorded as the sample otel_genai_<name>."""
    RECORDER.save(f"otel_genai_{name}", what, emitter, MADE_BY, truths)


def voice(session: str) -> Work:
    """A spoken request."""
    return lambda desk: desk.voice(session)


def picture(session: str) -> Work:
    """A request with a picture."""
    return lambda desk: desk.picture(session)


# --- the samples -----------------------------------------------------------------------------


def healthy_voice() -> None:
    plan = Plan(
        [Say("Do you have a room for two on the ninth?"), Say("And is breakfast included?")],
        [
            ToolCall("free_rooms", {"date": "2026-05-09"}),
            Say("Yes, the garden room is free on the ninth."),
            Say("Yes, breakfast is included and served until ten."),
        ],
        [Audio(2.3), Audio(2.5)],
    )
    tools = {"free_rooms": free_rooms}
    run(plan, voice("hotel-1"), voice("hotel-1"), place="a hotel", tools=tools)
    save("healthy_voice", "Two spoken questions, one with a tool, both answered.", HEALTHY, HEALTHY)


def healthy_image() -> None:
    receipt = {"shop": "Harbour Hardware", "date": "2026-02-02", "total": 31.9}
    run(Plan(chats=[Say(json.dumps(receipt))]), picture("expenses-1"))
    save("healthy_image", "A picture of a receipt, read well.", HEALTHY)


def image_500() -> None:
    run(Plan(chats=[Fail(500)]), picture("expenses-2"))
    truth = Truth(
        "the vendor answered the only chat call with 500",
        failed=True,
        stage="reasoning",
        cause="llm_error",
    )
    save("image_500", "The model breaks while it reads a receipt.", truth)


def image_timeout() -> None:
    run(Plan(chats=[Hang(20)]), picture("expenses-3"), timeout=1.0)
    truth = Truth(
        "the vendor never answered the chat call; the client gave up after one second",
        failed=True,
        stage="reasoning",
        cause="llm_timeout",
    )
    save("image_timeout", "The model does not answer about a receipt in time.", truth)


def stt_500() -> None:
    run(Plan([Fail(500)]), voice("garage-1"), place="a garage")
    truth = Truth(
        "the vendor answered the only transcription call with 500; an HTTP span is all there is",
        failed=True,
        stage="transcription",
        cause="stt_error",
    )
    save("stt_500", "The transcription vendor breaks.", truth, emitter="http_client")


def stt_timeout() -> None:
    run(Plan([Hang(20)]), voice("garage-2"), place="a garage", timeout=1.0)
    truth = Truth(
        "the vendor never answered the transcription call; the client gave up after one second",
        failed=True,
        stage="transcription",
        cause="stt_timeout",
    )
    save(
        "stt_timeout",
        "The transcription vendor hangs until the client gives up.",
        truth,
        emitter="http_client",
    )


def tts_429() -> None:
    plan = Plan(
        [Say("When can I bring in my car for new tyres?")],
        [Say("We have time for you on Wednesday at nine.")],
        [Fail(429)],
    )
    run(plan, voice("garage-3"), place="a garage")
    truth = Truth(
        "the vendor answered the only speech call with 429; an HTTP span is all there is",
        failed=True,
        stage="synthesis",
        cause="tts_error",
    )
    save("tts_429", "The answer is ready but the speech vendor refuses.", truth)


def tts_empty() -> None:
    plan = Plan(
        [Say("Is the library open on Sundays?")],
        [Say("Yes, on Sundays from one to five.")],
        [Empty()],
    )
    run(plan, voice("library-1"), place="a library")
    truth = Truth(
        "the vendor answered the speech call with 200 and no bytes; the desk raises on it",
        failed=True,
        stage="synthesis",
        cause="tts_empty",
    )
    save("tts_empty", "The speech vendor sends a sound without any sound.", truth)


def llm_truncated() -> None:
    cut = Say('{"shop": "Mountain Outfitters", "date": "2026-', finish_reason="length")
    run(Plan(chats=[cut]), picture("expenses-4"))
    truth = Truth(
        "the model's answer ended at the length limit; the desk cannot read the broken JSON",
        failed=True,
        stage="reasoning",
        cause="llm_truncated",
    )
    save("llm_truncated", "The answer about a receipt is cut at the length limit.", truth)


def llm_filtered() -> None:
    plan = Plan(
        [Say("What helps against wasps on the balcony?")],
        [Say("", finish_reason="content_filter")],
    )
    run(plan, voice("garden-1"), place="a garden centre")
    truth = Truth(
        "the vendor's content filter withheld the answer; the desk raises on it",
        failed=True,
        stage="reasoning",
        cause="llm_filtered",
    )
    save("llm_filtered", "The content filter takes the answer away.", truth)


def schema_invalid() -> None:
    answer = {"shop": "Night Owl Cinema", "date": "2026-01-20", "sum": "18"}
    run(Plan(chats=[Say(json.dumps(answer))]), picture("expenses-5"))
    truth = Truth(
        "the model's JSON lacks the field 'total'; the desk raises on it",
        failed=True,
        stage="reasoning",
        cause="schema_invalid",
    )
    save("schema_invalid", "The answer about a receipt lacks a field.", truth)


def tool_raises() -> None:
    plan = Plan(
        [Say("Please book the blue canoe for Saturday.")],
        [ToolCall("book_canoe", {"canoe": "blue", "day": "saturday"})],
    )
    run(plan, voice("canoe-1"), place="a boat rental", tools={"book_canoe": book_canoe})
    truth = Truth(
        "the tool raised TimeoutError and the desk does not catch it",
        failed=True,
        stage="reasoning",
        boundary="reasoning>tool",
        cause="tool_error",
    )
    save("tool_raises", "The tool that the model calls breaks.", truth)


def retry_recovered() -> None:
    plan = Plan(
        [Fail(503), Say("Is my prescription ready?")],
        [Fail(429), Say("Yes, you can collect it today until six.")],
        [Fail(500), Audio(2.1)],
    )
    run(plan, voice("pharmacy-1"), place="a pharmacy", sdk_retries=1)
    truth = Truth("the first call to each stage failed, the client's own second try worked")
    save("retry_recovered", "Three vendor errors that a second try repaired.", truth)


def fallback_recovered() -> None:
    plan = Plan(
        [Say("How warm is the indoor pool?")],
        [Fail(503), Say("The indoor pool is at twenty-eight degrees.")],
        [Audio(2.2)],
    )
    models = ("gpt-4.1", "gpt-4.1-mini")
    run(plan, voice("pool-1"), place="a swimming pool", models=models)
    truth = Truth("the first model got 503, the desk asked a second model, which answered")
    save("fallback_recovered", "The first model is down and a second one answers.", truth)


def caller_hung_up() -> None:
    plan = Plan([Say("Could you, ah, I have found it myself, thanks.")], [Hang(20)])
    run(plan, lambda desk: desk.voice_until("library-2", 0.8), place="a library")
    truth = Truth("the caller hung up while the model was at work; the task was cancelled")
    save(
        "caller_hung_up",
        "The caller hangs up before the answer is there.",
        truth,
        emitter="http_client",
    )


def mixed_calls() -> None:
    plan = Plan(
        [Say("Where do I find the lost property office?"), Say("Can I park a trailer here?")],
        [Say("On the ground floor, next to the ticket hall."), Fail(500)],
        [Audio(2.4)],
    )
    run(plan, voice("station-1"), voice("station-2"), place="a railway station")
    truth = Truth(
        "the vendor answered the only chat call with 500",
        failed=True,
        stage="reasoning",
        cause="llm_error",
    )
    save("mixed_calls", "Two callers; for the second one the model breaks.", HEALTHY, truth)


# --- the desk's tools ------------------------------------------------------------------------


def free_rooms(date: str) -> list[str]:
    """List the rooms that are free on a date."""
    return ["garden room", "attic room"] if date == "2026-05-09" else []


def book_canoe(canoe: str, day: str) -> str:
    """Book a canoe for a day."""
    raise TimeoutError(f"no answer from the booking system for the {canoe} canoe on {day}")


SAMPLES = (
    healthy_voice,
    healthy_image,
    image_500,
    image_timeout,
    stt_500,
    stt_timeout,
    tts_429,
    tts_empty,
    llm_truncated,
    llm_filtered,
    schema_invalid,
    tool_raises,
    retry_recovered,
    fallback_recovered,
    caller_hung_up,
    mixed_calls,
)


def main() -> None:
    """Make all samples."""
    OpenAIInstrumentor().instrument(tracer_provider=RECORDER.provider)
    HTTPX2ClientInstrumentor().instrument(tracer_provider=RECORDER.provider)
    for sample in SAMPLES:
        sample()


if __name__ == "__main__":
    main()
