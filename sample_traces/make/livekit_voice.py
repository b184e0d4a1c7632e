"""Make the livekit sample traces: real agent sessions against the stub vendor, one fault each."""

import asyncio
import contextvars
import logging
import math
import struct
import sys
import time
from collections.abc import AsyncIterable
from dataclasses import dataclass, field

from export import Recorder, Truth
from livekit import rtc
from livekit.agents import (
    Agent,
    AgentSession,
    APIConnectOptions,
    ErrorEvent,
    ModelSettings,
    RunContext,
    function_tool,
    llm,
    telemetry,
    vad,
)
from livekit.agents.voice import io
from livekit.agents.voice.agent_session import SessionConnectOptions
from livekit.plugins import openai
from vendor import Always, Audio, Fail, Plan, Say, ToolCall, Vendor

MADE_BY = "livekit-agents 1.8.9, livekit-plugins-openai 1.8.9"
RATE = 16_000
FRAME_SECONDS = 0.02
FRAME_SAMPLES = int(RATE * FRAME_SECONDS)
PATIENCE_SECONDS = 30
LOUD = 500
SILENCE_SECONDS = 0.4
HEALTHY = Truth("Every stage answered and its words reached the next one.")


@dataclass(frozen=True)
class Utterance:
    """What the caller does: speak for a while or not at all, wait for events, then pause."""

    seconds: float = 0.9
    until: tuple[str, ...] = ("speaking", "listening")
    pause: float = 0.5


@dataclass
class Scenario:
    """One conversation, the vendor's part in it, and the truth about each turn."""

    name: str
    what: str
    agent: Agent
    plan: Plan
    truths: list[Truth]
    utterances: list[Utterance] = field(default_factory=lambda: [Utterance()])
    preemptive: bool = False


# --- a caller without devices ----------------------------------------------------------------


class Microphone(io.AudioInput):
    """A microphone that hums while the caller speaks and hears silence otherwise."""

    def __init__(self) -> None:
        super().__init__(label="caller")
        self.speaking = False
        tone = [int(4000 * math.sin(2 * math.pi * 200 * i / RATE)) for i in range(FRAME_SAMPLES)]
        self._hum = struct.pack(f"<{FRAME_SAMPLES}h", *tone)

    async def __anext__(self) -> rtc.AudioFrame:
        await asyncio.sleep(FRAME_SECONDS)
        data = self._hum if self.speaking else bytes(2 * FRAME_SAMPLES)
        return rtc.AudioFrame(data, RATE, 1, FRAME_SAMPLES)

    async def speak(self, seconds: float) -> None:
        self.speaking = True
        await asyncio.sleep(seconds)
        self.speaking = False


class Loudspeaker(io.AudioOutput):
    """A loudspeaker that takes as long as the audio lasts and makes no sound."""

    def __init__(self) -> None:
        super().__init__(label="loudspeaker", capabilities=io.AudioOutputCapabilities(pause=False))
        self._started = 0.0
        self._pushed = 0.0
        self._end: asyncio.TimerHandle | None = None

    async def capture_frame(self, frame: rtc.AudioFrame) -> None:
        await super().capture_frame(frame)
        if not self._pushed:
            loop = asyncio.get_running_loop()
            self._started = loop.time()
            self.on_playback_started(created_at=time.time())
        self._pushed += frame.duration

    def flush(self) -> None:
        super().flush()
        if self._pushed:
            loop = asyncio.get_running_loop()
            self._end = loop.call_at(self._started + self._pushed, self._finish, False)

    def clear_buffer(self) -> None:
        if self._pushed:
            self._finish(interrupted=True)

    def _finish(self, interrupted: bool) -> None:
        if self._end:
            self._end.cancel()
            self._end = None
        played = min(asyncio.get_running_loop().time() - self._started, self._pushed)
        self._pushed = 0.0
        self.on_playback_finished(playback_position=played, interrupted=interrupted)


class LoudnessVAD(vad.VAD):
    """Voice activity by loudness alone: enough for a caller who hums or is silent."""

    def __init__(self) -> None:
        super().__init__(capabilities=vad.VADCapabilities(update_interval=FRAME_SECONDS))

    def stream(self) -> vad.VADStream:
        return LoudnessStream(self)


class LoudnessStream(vad.VADStream):
    """Marks the start of speech at the first loud frame and its end after some silence."""

    async def _main_task(self) -> None:
        self._reset()
        samples = 0
        async for frame in self._input_ch:
            if isinstance(frame, self._FlushSentinel):
                self._reset()
                continue
            samples += frame.samples_per_channel
            self._count(frame)
            if not self._speaking and self._loud:
                self._speaking = True
                self._send(vad.VADEventType.START_OF_SPEECH, samples)
            self._send(vad.VADEventType.INFERENCE_DONE, samples, [frame])
            if self._speaking and self._silence >= SILENCE_SECONDS:
                self._send(vad.VADEventType.END_OF_SPEECH, samples, self._frames)
                self._reset()

    def _reset(self) -> None:
        self._speaking = False
        self._loud = self._silence = self._speech = 0.0
        self._frames: list[rtc.AudioFrame] = []

    def _count(self, frame: rtc.AudioFrame) -> None:
        loud = max(abs(sample) for sample in frame.data) > LOUD
        self._loud = self._loud + frame.duration if loud else 0.0
        self._silence = 0.0 if loud else self._silence + frame.duration
        if loud or self._speaking:
            self._speech += frame.duration
            self._frames.append(frame)

    def _send(
        self, kind: vad.VADEventType, samples: int, frames: list[rtc.AudioFrame] | None = None
    ) -> None:
        event = vad.VADEvent(
            type=kind,
            samples_index=samples,
            timestamp=samples / RATE,
            speech_duration=self._speech,
            silence_duration=self._silence,
            frames=list(frames or []),
            probability=1.0 if self._loud else 0.0,
            speaking=self._speaking,
            raw_accumulated_silence=self._silence,
            raw_accumulated_speech=self._loud,
        )
        self._event_ch.send_nowait(event)


class Watch:
    """Lets the caller wait for the agent's states and for errors that no retry cures."""

    def __init__(self, session: AgentSession) -> None:
        self.seen: asyncio.Queue[str] = asyncio.Queue()
        session.on("agent_state_changed", lambda event: self.seen.put_nowait(event.new_state))
        session.on("error", self._note_error)

    def _note_error(self, event: ErrorEvent) -> None:
        if not event.error.recoverable:
            self.seen.put_nowait("error")

    def forget(self) -> None:
        while not self.seen.empty():
            self.seen.get_nowait()

    async def wait_for(self, what: str) -> None:
        while await self.seen.get() != what:
            pass


# --- agents, most of them with a mistake ------------------------------------------------------


class Greeting(Agent):
    """An agent that speaks first."""

    async def on_enter(self) -> None:
        self.session.generate_reply(instructions="Greet the caller.")


class Editing(Agent):
    """An agent that cleans up what the caller said, and loses a word that matters."""

    def __init__(self, instructions: str, word: str) -> None:
        super().__init__(instructions=instructions)
        self.word = word

    async def on_user_turn_completed(
        self, turn_ctx: llm.ChatContext, new_message: llm.ChatMessage
    ) -> None:
        words = (new_message.text_content or "").split()
        new_message.content = [" ".join(word for word in words if word != self.word)]


class FirstSentence(Agent):
    """An agent whose voice gets only the first sentence of an answer."""

    async def tts_node(
        self, text: AsyncIterable[str], model_settings: ModelSettings
    ) -> AsyncIterable[rtc.AudioFrame]:
        async for frame in Agent.default.tts_node(self, first_sentence(text), model_settings):
            yield frame


async def first_sentence(text: AsyncIterable[str]) -> AsyncIterable[str]:
    """Pass the text on up to the first full stop."""
    full = False
    async for piece in text:
        if not full:
            yield piece
        full = full or piece.rstrip().endswith(".")


class Booking(Agent):
    """An agent with a tool whose back end is down."""

    @function_tool
    async def free_tables(self, context: RunContext, day: str) -> str:
        """List the free tables of a day."""
        raise ConnectionError("reservation database is not reachable")


# --- one conversation ------------------------------------------------------------------------


def build_session(scenario: Scenario, url: str) -> AgentSession:
    """Set up recogniser, model and voice the way an application does."""
    options = APIConnectOptions(max_retry=2, retry_interval=0.3, timeout=10.0)
    return AgentSession(
        stt=openai.STT(model="gpt-4o-mini-transcribe", base_url=url, api_key="stub"),
        llm=openai.LLM(model="gpt-4.1-mini", base_url=url, api_key="stub"),
        tts=openai.TTS(
            model="tts-1", voice="sage", response_format="pcm", base_url=url, api_key="stub"
        ),
        vad=LoudnessVAD(),
        turn_handling={
            "turn_detection": "vad",
            "endpointing": {"min_delay": 0.3},
            "interruption": {"mode": "vad"},
            "preemptive_generation": {"enabled": scenario.preemptive},
        },
        conn_options=SessionConnectOptions(options, options, options),
        aec_warmup_duration=None,
    )


async def run(scenario: Scenario) -> None:
    """Hold one conversation against the vendor, then hang up."""
    with Vendor(scenario.plan) as vendor:
        session = build_session(scenario, vendor.url)
        microphone = Microphone()
        session.input.audio = microphone
        session.output.audio = Loudspeaker()
        watch = Watch(session)
        await session.start(scenario.agent)
        await asyncio.sleep(0.3)
        for utterance in scenario.utterances:
            if utterance.seconds:
                watch.forget()
                await microphone.speak(utterance.seconds)
            for what in utterance.until:
                await asyncio.wait_for(watch.wait_for(what), PATIENCE_SECONDS)
            await asyncio.sleep(utterance.pause)
        await session.aclose()


# --- the conversations -----------------------------------------------------------------------

CLINIC = "You answer the phone of a dentist. Answer in one or two sentences."
PARCELS = "You answer the phone of a courier company. Answer in one or two sentences."
BISTRO = "You take table bookings for a restaurant. Answer in one or two sentences."
RENTAL = "You rent out cars by phone. Answer in one or two sentences."


def broken(stage: str, cause: str, note: str, boundary: str = "") -> Truth:
    """Say that a turn failed, where, and why this is known."""
    return Truth(note, failed=True, stage=stage, boundary=boundary, cause=cause)


def healthy() -> Scenario:
    return Scenario(
        name="livekit_healthy",
        what="A caller books a restaurant table in two turns and everything works.",
        agent=Agent(instructions=BISTRO),
        plan=Plan(
            transcriptions=[
                Say("Could I reserve a table outside for tomorrow?"),
                Say("Four people, at one o'clock."),
            ],
            chats=[
                Say("Certainly. For how many people, and at what time?"),
                Say("A table for four outside is reserved for one o'clock."),
            ],
            speeches=[Always(Audio(0.9))],
        ),
        truths=[HEALTHY, HEALTHY],
        utterances=[Utterance(), Utterance()],
        preemptive=True,
    )


def greeting() -> Scenario:
    return Scenario(
        name="livekit_greeting",
        what="The agent greets the caller before anything was said, then answers a question.",
        agent=Greeting(instructions=CLINIC),
        plan=Plan(
            transcriptions=[Say("Are you open on Saturdays?")],
            chats=[
                Say("Good morning, this is the dental practice. How can I help you?"),
                Say("We are open every second Saturday until noon."),
            ],
            speeches=[Always(Audio(0.9))],
        ),
        truths=[Truth("The agent spoke first: this turn has no user speech by design."), HEALTHY],
        utterances=[Utterance(0.0), Utterance()],
    )


def stt_500() -> Scenario:
    return Scenario(
        name="livekit_stt_500",
        what="The recogniser answers 500 to every attempt and nothing follows.",
        agent=Agent(instructions=PARCELS),
        plan=Plan(transcriptions=[Always(Fail(500))]),
        truths=[
            broken(
                "transcription",
                "stt_missing",
                "The transcription endpoint answered 500 to all three attempts. livekit makes no "
                "span for the recogniser's request, so the error is recorded nowhere: the spans "
                "can only show speech (user_speaking) that never got a transcript.",
                boundary="input>transcription",
            )
        ],
        utterances=[Utterance(until=("error",))],
    )


def llm_500() -> Scenario:
    return Scenario(
        name="livekit_llm_500",
        what="In the second turn the model answers 500 to every attempt.",
        agent=Agent(instructions=RENTAL),
        plan=Plan(
            transcriptions=[
                Say("I would like to extend my rental."),
                Say("Until Wednesday evening."),
            ],
            chats=[Say("Gladly. Until when do you need the car?"), Always(Fail(500))],
            speeches=[Always(Audio(0.9))],
        ),
        truths=[
            HEALTHY,
            broken(
                "reasoning", "llm_error", "The chat endpoint answered 500 to all three attempts."
            ),
        ],
        utterances=[Utterance(), Utterance(until=("error",))],
    )


def llm_retry() -> Scenario:
    return Scenario(
        name="livekit_llm_retry",
        what="The model answers 500 once; livekit tries again and gets the answer.",
        agent=Agent(instructions=CLINIC),
        plan=Plan(
            transcriptions=[Say("Do you have parking for patients?")],
            chats=[Fail(500), Say("Yes, there are eight spaces behind the house.")],
            speeches=[Always(Audio(0.9))],
        ),
        truths=[Truth("The first attempt got a 500, livekit's own second attempt the answer.")],
    )


def tts_500() -> Scenario:
    return Scenario(
        name="livekit_tts_500",
        what="The voice service answers 500 to every attempt and the caller hears nothing.",
        agent=Agent(instructions=PARCELS),
        plan=Plan(
            transcriptions=[Say("How long do you keep my parcel at the depot?")],
            chats=[Say("We keep it for seven days.")],
            speeches=[Always(Fail(500))],
        ),
        truths=[
            broken(
                "synthesis", "tts_error", "The speech endpoint answered 500 to all three attempts."
            )
        ],
        utterances=[Utterance(until=("error",))],
    )


def reply_cut() -> Scenario:
    return Scenario(
        name="livekit_reply_cut",
        what="The application hands only the first sentence of the answer to the voice.",
        agent=FirstSentence(instructions=CLINIC),
        plan=Plan(
            transcriptions=[Say("What should I do before the surgery?")],
            chats=[Say("Please be here at nine. Do not eat anything after midnight.")],
            speeches=[Always(Audio(0.9))],
        ),
        truths=[
            broken(
                "reasoning",
                "handoff_loss",
                "The model answered two sentences; the agent's tts_node passed on only the first, "
                "without the advice not to eat.",
                boundary="reasoning>synthesis",
            )
        ],
    )


def not_dropped() -> Scenario:
    return Scenario(
        name="livekit_not_dropped",
        what="The application drops the word 'not' before the model sees the request.",
        agent=Editing(PARCELS, "not"),
        plan=Plan(
            transcriptions=[Say("Please do not return the parcel to the sender.")],
            chats=[Say("Very well, the parcel goes back to the sender.")],
            speeches=[Always(Audio(0.9))],
        ),
        truths=[
            broken(
                "transcription",
                "handoff_loss",
                "The recogniser returned 'do not return'; on_user_turn_completed removed 'not' "
                "before the model was asked.",
                boundary="transcription>reasoning",
            )
        ],
        utterances=[Utterance(1.2)],
    )


def barge_in() -> Scenario:
    return Scenario(
        name="livekit_barge_in",
        what="The caller talks over a long answer and asks something else, which is answered.",
        agent=Agent(instructions=RENTAL),
        plan=Plan(
            transcriptions=[
                Say("Which cars do you have?"),
                Say("Wait, I only need the cheapest one."),
            ],
            chats=[
                Say(
                    "We have small cars, estate cars and vans. All of them come with winter tyres. "
                    "The vans also have a trailer hitch."
                ),
                Say("The cheapest one is 29 euros a day."),
            ],
            speeches=[Audio(2.0), Audio(4.0), Always(Audio(0.9))],
        ),
        truths=[
            Truth("Everything worked; the caller interrupted the answer on purpose."),
            HEALTHY,
        ],
        utterances=[Utterance(until=("speaking",), pause=2.0), Utterance(1.2)],
    )


def tool_raises() -> Scenario:
    return Scenario(
        name="livekit_tool_raises",
        what="The tool that lists free tables raises, and the assistant apologises.",
        agent=Booking(instructions=BISTRO),
        plan=Plan(
            transcriptions=[Say("Is there a free table on Sunday?")],
            chats=[
                ToolCall("free_tables", {"day": "sunday"}),
                Say("I am sorry, I cannot look into our reservations right now."),
            ],
            speeches=[Always(Audio(0.9))],
        ),
        truths=[
            broken(
                "reasoning",
                "tool_error",
                "The tool free_tables raised ConnectionError; the model was told that it failed.",
                boundary="reasoning>tool",
            )
        ],
    )


SCENARIOS = [
    healthy,
    greeting,
    stt_500,
    llm_500,
    llm_retry,
    tts_500,
    reply_cut,
    not_dropped,
    barge_in,
    tool_raises,
]


async def main(names: list[str]) -> None:
    """Make the samples named on the command line, or all of them."""
    logging.disable(logging.CRITICAL)
    recorder = Recorder("phone-agent")
    telemetry.set_tracer_provider(recorder.provider)
    for make in SCENARIOS:
        if names and make.__name__ not in names:
            continue
        scenario = make()
        # A session leaves its span current when it ends: the next one needs a context of its own.
        await asyncio.create_task(run(scenario), context=contextvars.Context())
        recorder.save(scenario.name, scenario.what, "livekit", MADE_BY, scenario.truths)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
