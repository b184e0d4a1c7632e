"""Make the pipecat sample traces: real pipelines against the stub vendor, one fault at a time."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from export import Recorder, Truth
from loguru import logger
from openinference.instrumentation.pipecat import PipecatInstrumentor
from opentelemetry import trace
from pipecat.adapters.llm.schemas.function_schema import FunctionSchema
from pipecat.adapters.llm.schemas.tools_schema import ToolsSchema
from pipecat.frames.frames import (
    BotStartedSpeakingFrame,
    BotStoppedSpeakingFrame,
    EndFrame,
    ErrorFrame,
    Frame,
    InputAudioRawFrame,
    LLMFullResponseEndFrame,
    LLMRunFrame,
    LLMTextFrame,
    OutputAudioRawFrame,
    StartFrame,
    TranscriptionFrame,
    VADUserStartedSpeakingFrame,
    VADUserStoppedSpeakingFrame,
)
from pipecat.observers.base_observer import BaseObserver, FramePushed
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.aggregators.llm_response_universal import (
    LLMContextAggregatorPair,
    LLMUserAggregatorParams,
)
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.services.llm_service import FunctionCallParams
from pipecat.services.openai.llm import OpenAILLMService
from pipecat.services.openai.stt import OpenAISTTService
from pipecat.services.openai.tts import OpenAITTSService
from pipecat.transports.base_output import BaseOutputTransport
from pipecat.transports.base_transport import TransportParams
from pipecat.turns.user_start import VADUserTurnStartStrategy
from pipecat.turns.user_stop import SpeechTimeoutUserTurnStopStrategy
from pipecat.turns.user_turn_strategies import UserTurnStrategies
from pipecat.workers.runner import WorkerRunner
from vendor import Always, Audio, Empty, Fail, Plan, Say, ToolCall, Vendor

MADE_BY = {
    "pipecat": "pipecat-ai 1.14.0",
    "openinference_pipecat": "openinference-instrumentation-pipecat 2.0.9, pipecat-ai 1.14.0",
}
RATE = 16_000
FRAME_SECONDS = 0.02
PATIENCE_SECONDS = 30
HEALTHY = Truth("Every stage answered and its words reached the next one.")


@dataclass(frozen=True)
class Utterance:
    """What the caller does: speak for a while or not at all, wait for a frame, then pause."""

    seconds: float = 0.8
    until: type[Frame] = BotStoppedSpeakingFrame
    pause: float = 0.5


@dataclass
class Scenario:
    """One conversation, the vendor's part in it, and the truth about each turn."""

    name: str
    what: str
    system: str
    plan: Plan
    truths: list[Truth]
    utterances: list[Utterance]
    after_stt: list[FrameProcessor] = field(default_factory=list)
    after_llm: list[FrameProcessor] = field(default_factory=list)
    tools: dict[str, Callable[[FunctionCallParams], Awaitable[None]]] = field(default_factory=dict)
    messages: list[dict[str, str]] = field(default_factory=list)
    push_empty_transcripts: bool = False
    emitter: str = "pipecat"


class Speaker(BaseOutputTransport):
    """A loudspeaker that takes as long as the audio lasts and makes no sound."""

    async def start(self, frame: StartFrame) -> None:
        await super().start(frame)
        await self.set_transport_ready(frame)

    async def write_audio_frame(self, frame: OutputAudioRawFrame) -> bool:
        await asyncio.sleep(len(frame.audio) / 2 / frame.sample_rate)
        return True


class WordDropper(FrameProcessor):
    """A text clean-up between the recogniser and the model that loses a word."""

    def __init__(self, word: str) -> None:
        super().__init__()
        self.word = word

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if isinstance(frame, TranscriptionFrame):
            frame.text = " ".join(word for word in frame.text.split() if word != self.word)
        await self.push_frame(frame, direction)


class FirstSentence(FrameProcessor):
    """A filter between the model and the voice that lets only the first sentence through."""

    def __init__(self) -> None:
        super().__init__()
        self.full = False

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if isinstance(frame, LLMTextFrame):
            if self.full:
                return
            self.full = frame.text.rstrip().endswith(".")
        elif isinstance(frame, LLMFullResponseEndFrame):
            self.full = False
        await self.push_frame(frame, direction)


class Watch(BaseObserver):
    """Lets the caller wait until a frame of some type has passed."""

    def __init__(self) -> None:
        super().__init__(observe_every_push=False)
        self.seen: asyncio.Queue[Frame] = asyncio.Queue()

    async def on_push_frame(self, data: FramePushed) -> None:
        self.seen.put_nowait(data.frame)

    def forget(self) -> None:
        """Start afresh: the bot's speaking frames pass twice, once in each direction."""
        while not self.seen.empty():
            self.seen.get_nowait()

    async def wait_for(self, kind: type[Frame]) -> None:
        while not isinstance(await self.seen.get(), kind):
            pass


def broken(stage: str, cause: str, note: str, boundary: str = "") -> Truth:
    """Say that a turn failed, where, and why this is known."""
    return Truth(note, failed=True, stage=stage, boundary=boundary, cause=cause)


def build_pipeline(scenario: Scenario, url: str) -> Pipeline:
    """Connect recogniser, model and voice the way an application does."""
    stt = OpenAISTTService(
        api_key="stub",
        base_url=url,
        push_empty_transcripts=scenario.push_empty_transcripts,
        settings=OpenAISTTService.Settings(model="gpt-4o-mini-transcribe"),
    )
    llm = OpenAILLMService(
        api_key="stub",
        base_url=url,
        settings=OpenAILLMService.Settings(
            model="gpt-4.1-mini", system_instruction=scenario.system
        ),
    )
    tts = OpenAITTSService(
        api_key="stub",
        base_url=url,
        settings=OpenAITTSService.Settings(model="gpt-4o-mini-tts", voice="sage"),
    )
    for name, handler in scenario.tools.items():
        llm.register_function(name, handler)
    context = build_context(scenario)
    strategies = UserTurnStrategies(
        start=[VADUserTurnStartStrategy()],
        stop=[SpeechTimeoutUserTurnStopStrategy(user_speech_timeout=0.2)],
    )
    both = LLMContextAggregatorPair(
        context, user_params=LLMUserAggregatorParams(user_turn_strategies=strategies)
    )
    speaker = Speaker(TransportParams(audio_out_enabled=True, audio_out_end_silence_secs=0))
    before, after = [stt, *scenario.after_stt], [*scenario.after_llm, tts]
    return Pipeline([*before, both.user(), llm, *after, speaker, both.assistant()])


def build_context(scenario: Scenario) -> LLMContext:
    """Start a chat that offers the scenario's tools."""
    if not scenario.tools:
        return LLMContext(scenario.messages)
    place = {"place": {"type": "string", "description": "Where the car is picked up."}}
    schemas = [
        FunctionSchema(name, "Look up free cars.", properties=place, required=["place"])
        for name in scenario.tools
    ]
    return LLMContext(tools=ToolsSchema(standard_tools=schemas))


async def speak(worker: PipelineWorker, seconds: float) -> None:
    """Feed audio at its natural pace between the two marks of a voice activity detector."""
    await worker.queue_frame(VADUserStartedSpeakingFrame(start_secs=0.2))
    for _ in range(round(seconds / FRAME_SECONDS)):
        audio = bytes(int(RATE * FRAME_SECONDS) * 2)
        await worker.queue_frame(InputAudioRawFrame(audio, RATE, num_channels=1))
        await asyncio.sleep(FRAME_SECONDS)
    await worker.queue_frame(VADUserStoppedSpeakingFrame(stop_secs=0.2))


async def converse(scenario: Scenario, worker: PipelineWorker, watch: Watch) -> None:
    """Play the caller's part, then hang up."""
    await watch.wait_for(StartFrame)
    await asyncio.sleep(0.5)
    for utterance in scenario.utterances:
        watch.forget()
        if utterance.seconds:
            await speak(worker, utterance.seconds)
        else:
            await worker.queue_frame(LLMRunFrame())
        await asyncio.wait_for(watch.wait_for(utterance.until), PATIENCE_SECONDS)
        await asyncio.sleep(utterance.pause)
    await worker.queue_frame(EndFrame())


def build_worker(scenario: Scenario, url: str, watch: Watch) -> PipelineWorker:
    """Wrap the pipeline with pipecat's own tracing, or none where OpenInference watches."""
    return PipelineWorker(
        build_pipeline(scenario, url),
        params=PipelineParams(
            audio_in_sample_rate=RATE,
            audio_out_sample_rate=24_000,
            enable_metrics=True,
            enable_usage_metrics=True,
        ),
        conversation_id=scenario.name.replace("_", "-"),
        enable_tracing=scenario.emitter == "pipecat",
        enable_turn_tracking=True,
        observers=[watch],
    )


async def run(scenario: Scenario) -> None:
    """Hold one conversation against the vendor."""
    with Vendor(scenario.plan) as vendor:
        watch = Watch()
        worker = build_worker(scenario, vendor.url, watch)
        runner = WorkerRunner(handle_sigint=False)
        await runner.add_workers(worker)
        await asyncio.gather(runner.run(), converse(scenario, worker, watch))


async def broken_lookup(params: FunctionCallParams) -> None:
    """Fail the way a tool does whose back end is down."""
    raise ConnectionError("fleet database is not reachable")


CLINIC = "You answer the phone of a family doctor's practice. Answer in one or two sentences."
PARCELS = "You answer the phone of a parcel service. Answer in one or two sentences."
BISTRO = "You take table bookings for a restaurant. Answer in one or two sentences."
RENTAL = "You rent out cars by phone. Answer in one or two sentences."


def healthy() -> Scenario:
    return Scenario(
        name="pipecat_healthy",
        what="A caller books a doctor's appointment in three turns and everything works.",
        system=CLINIC,
        plan=Plan(
            transcriptions=[
                Say("I need an appointment for a flu shot."),
                Say("Thursday after four would be best."),
                Say("Yes, please book it. Thank you."),
            ],
            chats=[
                Say("Of course. Which day suits you?"),
                Say("Thursday at half past four is free. Shall I book it?"),
                Say("It is booked for Thursday at half past four. Goodbye."),
            ],
            speeches=[Always(Audio(0.9))],
        ),
        truths=[HEALTHY, HEALTHY, HEALTHY],
        utterances=[Utterance(), Utterance(), Utterance()],
    )


def greeting() -> Scenario:
    return Scenario(
        name="pipecat_greeting",
        what="The assistant greets the caller before anything was said, then answers a question.",
        system=BISTRO,
        messages=[{"role": "developer", "content": "Greet the caller."}],
        plan=Plan(
            transcriptions=[Say("Is your kitchen still open?")],
            chats=[
                Say("Good evening, this is the restaurant by the river."),
                Say("The kitchen is open until ten."),
            ],
            speeches=[Always(Audio(0.9))],
        ),
        truths=[
            Truth("The assistant spoke first: this turn has no user speech by design."),
            HEALTHY,
        ],
        utterances=[Utterance(0.0), Utterance()],
    )


def stt_500() -> Scenario:
    return Scenario(
        name="pipecat_stt_500",
        what="In the second turn the recogniser answers 500 to every attempt; nothing follows.",
        system=PARCELS,
        plan=Plan(
            transcriptions=[Say("Where is my parcel?"), Always(Fail(500))],
            chats=[Say("Please tell me the last four digits of the tracking number.")],
            speeches=[Always(Audio(0.9))],
        ),
        truths=[
            HEALTHY,
            broken(
                "transcription",
                "stt_missing",
                "The transcription endpoint answered 500 to all three attempts. pipecat opens "
                "its stt span on the first transcript, so the error is recorded nowhere: the spans "
                "can only show a turn without an stt span.",
                boundary="input>transcription",
            ),
        ],
        utterances=[Utterance(), Utterance(until=ErrorFrame)],
    )


def stt_empty() -> Scenario:
    return Scenario(
        name="pipecat_stt_empty",
        what="In the second turn the recogniser hears nothing in the recording.",
        system=CLINIC,
        plan=Plan(
            transcriptions=[Say("I have to move my appointment."), Always(Empty())],
            chats=[Say("To which day would you like to move it?")],
            speeches=[Always(Audio(0.9))],
        ),
        truths=[
            HEALTHY,
            broken(
                "transcription",
                "stt_empty",
                "The transcription endpoint answered 200 with an empty text. The application "
                "pushes empty transcripts on; without that setting there would be no stt span.",
            ),
        ],
        utterances=[Utterance(), Utterance(until=TranscriptionFrame, pause=1.5)],
        push_empty_transcripts=True,
    )


def llm_500() -> Scenario:
    return Scenario(
        name="pipecat_llm_500",
        what="In the second turn the model answers 500 to every attempt.",
        system=BISTRO,
        plan=Plan(
            transcriptions=[
                Say("Do you have a table for tonight?"),
                Say("For six people at eight o'clock, please."),
            ],
            chats=[Say("We do. For how many people, and at what time?"), Always(Fail(500))],
            speeches=[Always(Audio(0.9))],
        ),
        truths=[
            HEALTHY,
            broken(
                "reasoning", "llm_error", "The chat endpoint answered 500 to all three attempts."
            ),
        ],
        utterances=[Utterance(), Utterance(until=ErrorFrame)],
    )


def tts_500() -> Scenario:
    return Scenario(
        name="pipecat_tts_500",
        what="In the second turn the voice service answers 500 to every attempt.",
        system=PARCELS,
        plan=Plan(
            transcriptions=[
                Say("Can you leave the parcel with a neighbour?"),
                Say("With the bakery next door."),
            ],
            chats=[
                Say("Yes. Which neighbour should take it?"),
                Say("Understood, the driver will leave it with the bakery."),
            ],
            speeches=[Audio(0.5), Audio(0.9), Always(Fail(500))],
        ),
        truths=[
            HEALTHY,
            broken(
                "synthesis",
                "tts_error",
                "The speech endpoint answered 500 to all three attempts. The tts span carries no "
                "error, it only lacks metrics.ttfb; an answer without audio would look the same.",
            ),
        ],
        utterances=[Utterance(), Utterance(until=ErrorFrame)],
    )


def not_dropped() -> Scenario:
    return Scenario(
        name="pipecat_not_dropped",
        what="A clean-up step between recogniser and model drops the word 'not' from the request.",
        system=CLINIC,
        plan=Plan(
            transcriptions=[Say("Please do not cancel my appointment on Monday.")],
            chats=[Say("All right, I have cancelled your appointment on Monday.")],
            speeches=[Always(Audio(0.9))],
        ),
        truths=[
            broken(
                "transcription",
                "handoff_loss",
                "The recogniser returned 'do not cancel'; a processor before the model removed "
                "'not' from the text.",
                boundary="transcription>reasoning",
            )
        ],
        utterances=[Utterance(1.2)],
        after_stt=[WordDropper("not")],
    )


def number_dropped() -> Scenario:
    return Scenario(
        name="pipecat_number_dropped",
        what="A clean-up step between recogniser and model drops the number of guests.",
        system=BISTRO,
        plan=Plan(
            transcriptions=[
                Say("Good evening, I would like to book for Friday."),
                Say("A table for 9 people at half past seven."),
            ],
            chats=[
                Say("Gladly. At what time, and for how many?"),
                Say("A table for two at half past seven is booked for Friday."),
            ],
            speeches=[Always(Audio(0.9))],
        ),
        truths=[
            HEALTHY,
            broken(
                "transcription",
                "handoff_loss",
                "The recogniser returned 'for 9 people'; a processor before the model removed '9' "
                "from the text. The first turn does not contain the word, so it is unharmed.",
                boundary="transcription>reasoning",
            ),
        ],
        utterances=[Utterance(), Utterance(1.2)],
        after_stt=[WordDropper("9")],
    )


def reply_cut() -> Scenario:
    return Scenario(
        name="pipecat_reply_cut",
        what="A filter between model and voice lets only the first sentence of the answer through.",
        system=RENTAL,
        plan=Plan(
            transcriptions=[Say("What do I need to bring to pick up the car?")],
            chats=[
                Say(
                    "Please bring your driving licence. You also need a credit card in your own "
                    "name, and the deposit is 300 euros."
                )
            ],
            speeches=[Always(Audio(0.9))],
        ),
        truths=[
            broken(
                "reasoning",
                "handoff_loss",
                "The model answered two sentences; a processor before the voice dropped the "
                "second, with the credit card and the deposit.",
                boundary="reasoning>synthesis",
            )
        ],
        utterances=[Utterance(1.2)],
        after_llm=[FirstSentence()],
    )


def llm_empty() -> Scenario:
    return Scenario(
        name="pipecat_llm_empty",
        what="In the second turn the model ends its answer without a word.",
        system=RENTAL,
        plan=Plan(
            transcriptions=[
                Say("I would like to rent a small car this weekend."),
                Say("How much does it cost with full insurance?"),
            ],
            chats=[Say("We have one from Friday to Sunday."), Empty()],
            speeches=[Always(Audio(0.9))],
        ),
        truths=[
            HEALTHY,
            broken(
                "reasoning",
                "llm_empty",
                "The chat endpoint answered 200 with finish reason stop and no content.",
            ),
        ],
        utterances=[Utterance(), Utterance(until=LLMFullResponseEndFrame)],
    )


def barge_in() -> Scenario:
    return Scenario(
        name="pipecat_barge_in",
        what="The caller talks over a long answer and asks something else, which is answered.",
        system=PARCELS,
        plan=Plan(
            transcriptions=[
                Say("What can I do if I am not at home?"),
                Say("Stop, just bring it to the parcel shop."),
            ],
            chats=[
                Say(
                    "There are several ways. You can name a neighbour, choose a parcel locker, or "
                    "pick another day. You can also let us leave it in a safe place."
                ),
                Say("Understood, it goes to the parcel shop."),
            ],
            speeches=[Audio(2.0), Audio(4.0), Always(Audio(0.9))],
        ),
        truths=[
            Truth("Everything worked; the caller interrupted the answer on purpose."),
            HEALTHY,
        ],
        utterances=[Utterance(until=BotStartedSpeakingFrame, pause=2.5), Utterance()],
    )


def sdk_retry() -> Scenario:
    return Scenario(
        name="pipecat_sdk_retry",
        what="The model answers 500 once; the vendor's client library retries and succeeds.",
        system=CLINIC,
        plan=Plan(
            transcriptions=[Say("Is the practice open on Christmas Eve?")],
            chats=[Fail(500), Say("We are open until noon on Christmas Eve.")],
            speeches=[Always(Audio(0.9))],
        ),
        truths=[
            Truth(
                "The first attempt got a 500, the client's own retry got the answer; the spans "
                "show only a slower first token."
            )
        ],
        utterances=[Utterance()],
    )


def tool_raises() -> Scenario:
    return Scenario(
        name="pipecat_tool_raises",
        what="The tool that looks up free cars raises, and the assistant apologises.",
        system=RENTAL,
        plan=Plan(
            transcriptions=[Say("Do you have a van at the airport tomorrow?")],
            chats=[
                ToolCall("find_cars", {"place": "airport"}),
                Say("I am sorry, I cannot see the available cars at the moment."),
            ],
            speeches=[Always(Audio(0.9))],
        ),
        truths=[
            broken(
                "reasoning",
                "tool_error",
                "The tool find_cars raised ConnectionError. pipecat makes no tool span: the error "
                "shows only in the tool message of the next llm span's input.",
                boundary="reasoning>tool",
            )
        ],
        utterances=[Utterance(1.0)],
        tools={"find_cars": broken_lookup},
    )


def openinference_healthy() -> Scenario:
    return Scenario(
        name="openinference_pipecat_healthy",
        what="A caller rents a car in three turns and everything works.",
        system=RENTAL,
        plan=Plan(
            transcriptions=[
                Say("I am looking for an estate car."),
                Say("From the second to the ninth of May."),
                Say("Great, I will take it."),
            ],
            chats=[
                Say("We have several. For which dates?"),
                Say("That is 310 euros for the week. Would you like to reserve it?"),
                Say("It is reserved. See you on the second of May."),
            ],
            speeches=[Always(Audio(0.9))],
        ),
        truths=[HEALTHY, HEALTHY, HEALTHY],
        utterances=[Utterance(), Utterance(), Utterance()],
        emitter="openinference_pipecat",
    )


def openinference_tts_500() -> Scenario:
    return Scenario(
        name="openinference_pipecat_tts_500",
        what="The voice service answers 500 to every attempt and the caller hears nothing.",
        system=BISTRO,
        plan=Plan(
            transcriptions=[Say("Do you serve vegan dishes?")],
            chats=[Say("Yes, every day.")],
            speeches=[Always(Fail(500))],
        ),
        truths=[
            broken(
                "synthesis",
                "tts_error",
                "The speech endpoint answered 500 to all three attempts. The span has status OK; "
                "it only lacks what was said and service.ttfb_seconds.",
            )
        ],
        utterances=[Utterance(until=ErrorFrame)],
        emitter="openinference_pipecat",
    )


def openinference_llm_500() -> Scenario:
    return Scenario(
        name="openinference_pipecat_llm_500",
        what="In the second turn the model answers 500 to every attempt.",
        system=PARCELS,
        plan=Plan(
            transcriptions=[
                Say("My parcel arrived damaged."),
                Say("Yes, I still have the box."),
            ],
            chats=[
                Say("I am sorry to hear that. Do you still have the packaging?"),
                Always(Fail(500)),
            ],
            speeches=[Always(Audio(0.9))],
        ),
        truths=[
            HEALTHY,
            broken(
                "reasoning",
                "llm_error",
                "The chat endpoint answered 500 to all three attempts. The span has status OK; "
                "it only lacks an output and token counts.",
            ),
        ],
        utterances=[Utterance(), Utterance(until=ErrorFrame)],
        emitter="openinference_pipecat",
    )


SCENARIOS = [
    healthy,
    greeting,
    stt_500,
    stt_empty,
    llm_500,
    tts_500,
    not_dropped,
    number_dropped,
    reply_cut,
    llm_empty,
    barge_in,
    sdk_retry,
    tool_raises,
    openinference_healthy,
    openinference_llm_500,
    openinference_tts_500,
]


async def main(names: list[str]) -> None:
    """Make the samples named on the command line, or all of them."""
    logger.remove()
    recorder = Recorder("phone-agent")
    trace.set_tracer_provider(recorder.provider)
    for make in SCENARIOS:
        if names and make.__name__ not in names:
            continue
        scenario = make()
        instrumentor = PipecatInstrumentor()
        if scenario.emitter == "openinference_pipecat":
            instrumentor.instrument(tracer_provider=recorder.provider)
        await run(scenario)
        if scenario.emitter == "openinference_pipecat":
            instrumentor.uninstrument()
        made_by = MADE_BY[scenario.emitter]
        recorder.save(scenario.name, scenario.what, scenario.emitter, made_by, scenario.truths)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
