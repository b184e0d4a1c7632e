"""Makes the openinference_* samples: a desk on the OpenAI client, traced by OpenInference."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager, ExitStack, contextmanager
from importlib.metadata import version
from typing import Any

from desk import Desk
from export import Recorder, Truth
from openinference.instrumentation import using_session
from openinference.instrumentation.openai import OpenAIInstrumentor
from opentelemetry.trace import Span
from vendor import Always, Audio, Cut, Empty, Fail, Hang, Plan, Say, ToolCall, Vendor

MADE_BY = f"openinference-instrumentation-openai {version('openinference-instrumentation-openai')}"
RECORDER = Recorder("assistant-desk")
TRACER = RECORDER.provider.get_tracer("assistant-desk")
HEALTHY = Truth("no fault injected")
Work = Callable[[Desk], Awaitable[Any]]


class OpenInferenceDesk(Desk):
    """The desk, with its session and tools noted the OpenInference way."""

    def root(self, name: str, session: str) -> AbstractContextManager[Any]:
        return _root(super().root(name, session), session)

    def tool_span(self, name: str, arguments: str, call: str) -> AbstractContextManager[Span]:
        attributes = {
            "openinference.span.kind": "TOOL",
            "tool.name": name,
            "input.value": arguments,
            "input.mime_type": "application/json",
        }
        return self.tracer.start_as_current_span(name, attributes=attributes)

    def note_result(self, span: Span, result: str) -> None:
        span.set_attribute("output.value", result)
        span.set_attribute("output.mime_type", "application/json")


@contextmanager
def _root(span: AbstractContextManager[Span], session: str) -> Any:
    with ExitStack() as stack:
        stack.enter_context(using_session(session))
        yield stack.enter_context(span)


def run(plan: Plan, *works: Work, **options: Any) -> None:
    """Serve some requests one after the other; those that fail do so on their own."""

    async def serve(url: str) -> None:
        for work in works:
            desk = OpenInferenceDesk(url, TRACER, **options)
            try:
                await work(desk)
            except Exception as error:
                print(f"  request failed: {type(error).__name__}: {error}"[:100])
            await desk.client.close()

    with Vendor(plan, latency=0.08) as vendor:
        asyncio.run(serve(vendor.url))


def save(name: str, what: str, *truths: Truth, shape: str = "jsonl") -> None:
    """Save what was recorded as the sample openinference_<name>."""
    RECORDER.save(f"openinference_{name}", what, "openinference", MADE_BY, truths, shape)


def voice(session: str, language: str = "en") -> Work:
    """A spoken request."""
    return lambda desk: desk.voice(session, language)


def picture(session: str) -> Work:
    """A request with a picture."""
    return lambda desk: desk.picture(session)


def hung_up(session: str, after: float) -> Work:
    """A spoken request whose caller hangs up."""
    return lambda desk: desk.voice_until(session, after)


# --- the samples -----------------------------------------------------------------------------


def healthy_voice() -> None:
    plan = Plan(
        [Say("Can I move my dentist appointment to Thursday?"), Say("Do I need to fast before?")],
        [
            ToolCall("free_slots", {"day": "thursday"}),
            Say("Yes, Thursday at 10:20 is free and I have booked it for you."),
            Say("No, for a check-up you can eat as usual."),
        ],
        [Audio(3.1), Audio(2.4)],
    )
    tools = {"free_slots": free_slots}
    run(plan, voice("clinic-1"), voice("clinic-1"), place="a dental clinic", tools=tools)
    save("healthy_voice", "Two spoken questions, both answered.", HEALTHY, HEALTHY)


def healthy_streamed() -> None:
    plan = Plan(
        [Say("Is the number nine tram running tonight?")],
        [Say("It is. The last number nine leaves the harbour at 23:50.")],
        [Audio(3.4)],
    )
    run(plan, voice("tram-1"), place="a tram company", stream=True)
    save("healthy_streamed", "A spoken question, answered by a streaming model.", HEALTHY)


def healthy_image() -> None:
    receipt = {"shop": "Corner Bakery", "date": "2026-03-14", "total": 12.4}
    run(Plan(chats=[Say(json.dumps(receipt))]), picture("receipts-1"))
    save("healthy_image", "A picture of a receipt, read well.", HEALTHY)


def stt_500() -> None:
    plan = Plan([Fail(500)])
    run(plan, voice("parcel-1"), place="a parcel service")
    truth = Truth(
        "the vendor answered the only transcription call with 500",
        failed=True,
        stage="transcription",
        cause="stt_error",
    )
    save("stt_500", "The transcription vendor breaks, so the caller gets no answer.", truth)


def stt_empty() -> None:
    plan = Plan([Empty()])
    run(plan, voice("parcel-2"), place="a parcel service")
    truth = Truth(
        "the vendor answered 200 with an empty transcript; the desk raises on it",
        failed=True,
        stage="transcription",
        cause="stt_empty",
    )
    save("stt_empty", "The transcript comes back empty and the desk gives up.", truth)


def llm_429_exhausted() -> None:
    plan = Plan([Say("I would like to keep the rental car one day longer.")], [Always(Fail(429))])
    run(plan, voice("rental-1"), place="a car rental", attempts=3)
    truth = Truth(
        "the vendor answered all three attempts at the chat call with 429",
        failed=True,
        stage="reasoning",
        cause="llm_error",
    )
    save("llm_429_exhausted", "The model is rate limited until the attempts run out.", truth)


def llm_empty() -> None:
    plan = Plan([Say("Which floor is the eye clinic on?")], [Empty()])
    run(plan, voice("clinic-2"), place="a hospital")
    truth = Truth(
        "the vendor answered 200 with an empty message; the desk raises on it",
        failed=True,
        stage="reasoning",
        cause="llm_empty",
    )
    save("llm_empty", "The model answers with no words at all.", truth, shape="binpb")


def llm_stream_cut() -> None:
    plan = Plan([Say("When is the next ferry back?")], [Cut("The next ferry leaves at")])
    run(plan, voice("ferry-1"), place="a ferry line", stream=True)
    truth = Truth(
        "the vendor dropped the connection in the middle of the streamed answer",
        failed=True,
        stage="reasoning",
        cause="llm_error",
    )
    save("llm_stream_cut", "The streamed answer breaks off and the desk raises.", truth)


def tts_503() -> None:
    plan = Plan(
        [Say("Has my washing machine been repaired?")],
        [Say("Yes, it is ready. You can collect it from Monday on.")],
        [Fail(503)],
    )
    run(plan, voice("repair-1"), place="a repair shop")
    truth = Truth(
        "the vendor answered the only speech call with 503",
        failed=True,
        stage="synthesis",
        cause="tts_error",
    )
    save("tts_503", "The answer is ready but the speech vendor is down.", truth)


def tts_timeout() -> None:
    plan = Plan(
        [Say("What does a day ticket for the pool cost?")],
        [Say("A day ticket costs six euros, four for children.")],
        [Hang(20)],
    )
    run(plan, voice("pool-1"), place="a swimming pool", timeout=1.0)
    truth = Truth(
        "the vendor never answered the speech call; the client gave up after one second",
        failed=True,
        stage="synthesis",
        cause="tts_timeout",
    )
    save("tts_timeout", "The speech vendor hangs until the client gives up.", truth)


def tts_never_called() -> None:
    plan = Plan(
        [Say("Is there a table for four tonight?"), Say("¿Tienen mesa para dos mañana?")],
        [
            Say("Yes, there is a table for four at half past seven."),
            Say("Sí, hay una mesa para dos mañana a las ocho."),
        ],
        [Audio(2.8)],
    )
    run(plan, voice("table-1"), voice("table-2", "es"), place="a restaurant")
    truth = Truth(
        "the desk has no voice for Spanish and raises before it calls the speech vendor",
        failed=True,
        stage="synthesis",
        boundary="reasoning>synthesis",
        cause="tts_missing",
    )
    save("tts_never_called", "The second answer never reaches the speech stage.", HEALTHY, truth)


def handoff_lost_not() -> None:
    plan = Plan(
        [Say("Please do not cancel my rental on Friday.")],
        [Say("Done, your rental on Friday is cancelled.")],
        [Audio(2.2)],
    )
    run(plan, voice("rental-2"), place="a car rental", rewrite=without_fillers)
    truth = Truth(
        "the desk's filler filter dropped the word 'not' between transcript and model",
        failed=True,
        stage="transcription",
        boundary="transcription>reasoning",
        cause="handoff_loss",
    )
    save("handoff_lost_not", "The word 'not' is lost on the way to the model.", truth)


def handoff_lost_number() -> None:
    plan = Plan(
        [Say("Please change the delivery to 48 Mill Lane, second door on the left.")],
        [Say("All right, the parcel goes to Mill Lane, second door on the left.")],
        [Audio(3.6)],
    )
    run(plan, voice("parcel-3"), place="a parcel service", rewrite=without_digits)
    truth = Truth(
        "the desk's privacy mask removed the house number between transcript and model",
        failed=True,
        stage="transcription",
        boundary="transcription>reasoning",
        cause="handoff_loss",
    )
    save("handoff_lost_number", "A house number is lost on the way to the model.", truth)


def handoff_lost_answer() -> None:
    plan = Plan(
        [Say("How do I take the new tablets?")],
        [Say("Take one tablet in the morning with water. Never take it together with milk.")],
        [Audio(2.1)],
    )
    run(plan, voice("pharmacy-1"), place="a pharmacy", shorten=first_sentence)
    truth = Truth(
        "the desk spoke only the first sentence of the answer and dropped the warning",
        failed=True,
        stage="reasoning",
        boundary="reasoning>synthesis",
        cause="handoff_loss",
    )
    save("handoff_lost_answer", "Half of the answer is lost on the way to the voice.", truth)


def image_400() -> None:
    plan = Plan(chats=[Fail(400, "You uploaded an unsupported image.")])
    run(plan, picture("receipts-2"))
    truth = Truth(
        "the vendor rejected the picture with 400",
        failed=True,
        stage="reasoning",
        cause="input_rejected",
    )
    save("image_400", "The vendor does not accept the picture of a receipt.", truth)


def tool_raises() -> None:
    plan = Plan(
        [Say("Where is the courier with my flowers?")],
        [ToolCall("courier_position", {"order": "7731"})],
    )
    tools = {"courier_position": courier_position}
    run(plan, voice("flowers-1"), place="a flower shop", tools=tools)
    truth = Truth(
        "the tool raised ConnectionError and the desk does not catch it",
        failed=True,
        stage="reasoning",
        boundary="reasoning>tool",
        cause="tool_error",
    )
    save("tool_raises", "The tool that the model calls breaks.", truth)


def retry_recovered() -> None:
    plan = Plan(
        [Fail(500), Say("How late can I return the van?")],
        [Fail(500), Say("Until eight in the evening, the key box is at the gate.")],
        [Audio(3.0)],
    )
    run(plan, voice("rental-3"), place="a car rental", attempts=2)
    truth = Truth("the first transcription and the first chat call got 500, the second ones worked")
    save("retry_recovered", "Two vendor errors that a second attempt repaired.", truth)


def caller_hung_up() -> None:
    plan = Plan([Say("I wanted to ask about my bill, oh, never mind.")], [Hang(20)])
    run(plan, hung_up("power-1", 0.8), place="a power company")
    truth = Truth("the caller hung up while the model was at work; the task was cancelled")
    save("caller_hung_up", "The caller hangs up before the answer is there.", truth)


def harmless_rewrite() -> None:
    plan = Plan(
        [Say("Um, what time does the, uh, market open on Saturday?")],
        [Say("**On Saturday** the market opens at *seven*, on the town hall square.")],
        [Audio(3.2)],
    )
    options = {"rewrite": without_noises, "shorten": without_markup}
    run(plan, voice("market-1"), place="a town hall", **options)
    truth = Truth("the desk removed 'um', 'uh' and the asterisks, and nothing that matters")
    save("harmless_rewrite", "Texts change between the stages without any loss.", truth)


def busy_desk() -> None:
    plan = Plan(
        [
            Say("Is my suitcase on the flight from Oslo?"),
            Fail(500),
            Say("Can I take a folding bicycle on board?"),
            Say("Which belt are the bags from Lisbon on?"),
        ],
        [
            Say("Yes, your suitcase was loaded in Oslo."),
            Say("Yes, if it is folded and in a bag."),
            Say("The bags from Lisbon are on belt four."),
        ],
        [Audio(2.0), Fail(500), Audio(2.2)],
    )
    run(plan, *(voice(f"airport-{n}") for n in range(1, 5)), place="an airport")
    truths = [
        HEALTHY,
        Truth(
            "the vendor answered the transcription call with 500",
            failed=True,
            stage="transcription",
            cause="stt_error",
        ),
        Truth(
            "the vendor answered the speech call with 500",
            failed=True,
            stage="synthesis",
            cause="tts_error",
        ),
        HEALTHY,
    ]
    what = "Four callers; one is not transcribed and one is not answered aloud."
    save("busy_desk", what, *truths, shape="jsonl.gz")


# --- the desk's tools and mistakes -----------------------------------------------------------


def free_slots(day: str) -> list[str]:
    """List the free appointments of a day."""
    return ["10:20", "15:40"] if day == "thursday" else []


def courier_position(order: str) -> str:
    """Say where the courier with an order is."""
    raise ConnectionError(f"tracking service refused the connection for order {order}")


def without_fillers(text: str) -> str:
    """Drop filler words - and, by mistake, a word that is none."""
    return " ".join(w for w in text.split() if w.lower() not in {"um", "uh", "well", "not"})


def without_noises(text: str) -> str:
    """Drop the noises that people make while they think."""
    return re.sub(r"\b(um|uh),\s*", "", text, flags=re.IGNORECASE)


def without_markup(text: str) -> str:
    """Drop the marks that should not be read aloud."""
    return text.replace("*", "")


def without_digits(text: str) -> str:
    """Drop numbers, which might be private."""
    return " ".join(w for w in text.split() if not w.isdigit())


def first_sentence(text: str) -> str:
    """Keep the first sentence."""
    return text.split(". ")[0] + "."


SAMPLES = (
    healthy_voice,
    healthy_streamed,
    healthy_image,
    stt_500,
    stt_empty,
    llm_429_exhausted,
    llm_empty,
    llm_stream_cut,
    tts_503,
    tts_timeout,
    tts_never_called,
    handoff_lost_not,
    handoff_lost_number,
    handoff_lost_answer,
    image_400,
    tool_raises,
    retry_recovered,
    caller_hung_up,
    harmless_rewrite,
    busy_desk,
)


def main() -> None:
    """Make all samples."""
    OpenAIInstrumentor().instrument(tracer_provider=RECORDER.provider)
    for sample in SAMPLES:
        sample()


if __name__ == "__main__":
    main()
