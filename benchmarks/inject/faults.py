"""The faults: where each one strikes, what it does there, and what a right answer says about it.

The label of a case comes from here and never from a span.
"""

from __future__ import annotations

import random
import re
from dataclasses import dataclass

from benchmarks.inject.pipeline import Fault, Run
from benchmarks.inject.world import NEGATIONS, SOUND_ALIKE, WORDED, in_words

SPOKEN = ("voice", "ocr")
TALK = ("voice",)
MODEL = ("voice", "chat", "structured", "vision", "ocr")
WORDS = ("voice", "chat")


@dataclass(frozen=True)
class Truth:
    """What a right answer says.

    `place` is the class that accuracy is reported for; `boundaries` and `causes` are the answers
    that count as exact; `needs` are the sets of signs of which one must be recorded whole.
    """

    place: str
    stages: tuple[str, ...]
    boundaries: tuple[str | None, ...]
    causes: tuple[str, ...]
    needs: tuple[frozenset[str], ...]


# -- text changes


def other_number(rng: random.Random, text: str, _: Run) -> str:
    """One number heard as the one that sounds alike."""
    alike = {**SOUND_ALIKE, **{b: a for a, b in SOUND_ALIKE.items()}}
    for number, other in alike.items():
        word = in_words(number)
        if re.search(rf"\b{word}\b", text, re.IGNORECASE):
            return re.sub(rf"\b{word}\b", in_words(other), text, flags=re.IGNORECASE)
    return text


def no_negation(rng: random.Random, text: str, _: Run) -> str:
    """The word that turns the wish round is lost."""
    for negation in NEGATIONS:
        if negation in text:
            return text.replace(negation, "with" if negation == "without" else "", 1)
    return text


def other_name(rng: random.Random, text: str, run: Run) -> str:
    """A name or place taken for another one."""
    for values in run.plan.world.values.values():
        for value in values:
            if value.lower() in text.lower():
                other = rng.choice([v for v in values if v != value])
                return re.sub(re.escape(value), other, text, flags=re.IGNORECASE)
    return text


def cut_short(rng: random.Random, text: str, _: Run) -> str:
    """The end is lost."""
    words = text.split(" ")
    return " ".join(words[: max(1, int(len(words) * rng.uniform(0.25, 0.6)))])


def hole(rng: random.Random, text: str, _: Run) -> str:
    """A stretch in the middle is lost."""
    words = text.split(" ")
    length = max(2, len(words) // 3)
    at = rng.randrange(1, max(2, len(words) - length))
    return " ".join(words[:at] + words[at + length :])


def earlier_turn(rng: random.Random, text: str, run: Run) -> str:
    """What the user said before comes again."""
    return run.plan.history[-1][0] if run.plan.history else text


def someone_elses(rng: random.Random, text: str, run: Run) -> str:
    """Text that was left over from another request."""
    world = run.plan.world
    others = [d for d in world.domains if not run.plan.meaning or d != run.plan.meaning.domain]
    return world.say(rng, rng.choice(others))[0]


def other_fact(rng: random.Random, text: str, run: Run) -> str:
    """The answer says something else than the tool did."""
    meaning = run.plan.meaning
    if meaning is None:
        return text
    for value in run.plan.world.look_up(meaning).values():
        if value in text:
            digits = re.search(r"\d+", value)
            assert digits is not None
            other = str(int(digits[0]) + rng.choice([-9, 7, 11]))
            return text.replace(value, value.replace(digits[0], other))
    return text


def no_number(rng: random.Random, text: str, _: Run) -> str:
    """Numbers and codes are stripped, as a careless cleaner of text does."""
    words = sorted(WORDED, key=len, reverse=True)
    bare = re.sub(r"\b[A-Z]*\d+\b", "", text)
    return re.sub(r"\b(" + "|".join(words) + r")\b", "", bare)


def earlier_answer(rng: random.Random, text: str, run: Run) -> str:
    """The answer of another turn is spoken."""
    return run.plan.history[-1][1] if run.plan.history else text


def half_reply(rng: random.Random, text: str, _: Run) -> str:
    """The model stops in the middle."""
    return text[: int(len(text) * rng.uniform(0.2, 0.5))]


def broken_form(rng: random.Random, text: str, _: Run) -> str:
    """Prose around the object, or a field under another name."""
    if rng.random() < 0.5:
        return "Here is what you asked for: " + text
    return re.sub(r'"(\w+)":', r'"the_\1":', text, count=1)


# -- the catalogue


def _signs(*sets: str) -> tuple[frozenset[str], ...]:
    return tuple(frozenset(each.split("+")) for each in sets)


def _add(fault: Fault, place: str, boundary: str, causes: str, *needs: str) -> None:
    """File a fault with its truth; the producer of a lost hand-over is its stage."""
    stage = {"hand-over in": "transcription", "hand-over out": "reasoning", "tool": "reasoning"}
    stages = tuple(stage.get(place, place).split("|"))
    place = place.split("|")[0]
    edges = tuple(each or None for each in boundary.split("|"))
    FAULTS[fault.name] = fault
    TRUTHS[fault.name] = Truth(place, stages, edges, tuple(causes.split()), _signs(*needs))


FAULTS: dict[str, Fault] = {}
TRUTHS: dict[str, Truth] = {}

HEARD, IN, THOUGHT = "transcription", "transcription>reasoning", "reasoning"
OUT, VOICE = "reasoning>synthesis", "synthesis"
EARS = "|input>transcription|transcription>reasoning"

for _name, _trouble, _causes in (
    ("stt error", "error", "stt_error stt_missing"),
    ("stt timeout", "timeout", "stt_timeout stt_error stt_missing"),
    ("stt rate limit", "rate_limit", "stt_error stt_missing"),
):
    _add(Fault(_name, HEARD, SPOKEN, trouble=_trouble), HEARD, EARS, _causes, "stt_error", "no_stt")
_add(
    Fault("stt empty", HEARD, SPOKEN, effect="empty"),
    HEARD,
    EARS,
    "stt_empty stt_missing",
    "transcript",
    "no_words",
)
_add(Fault("stt missing", HEARD, TALK, effect="missing"), HEARD, EARS, "stt_missing", "no_stt")
_add(
    Fault("heard number", HEARD, TALK, change=other_number),
    HEARD,
    "|input>transcription",
    "",
    "correction",
)
_add(
    Fault("heard name", HEARD, TALK, change=other_name),
    HEARD,
    "|input>transcription",
    "",
    "correction",
)
_add(
    Fault("heard negation", HEARD, TALK, change=no_negation),
    HEARD,
    "|input>transcription",
    "",
    "correction",
)

for _name, _change, _kinds in (
    ("prompt cut short", cut_short, SPOKEN),
    ("prompt with a hole", hole, SPOKEN),
    ("prompt of earlier turn", earlier_turn, TALK),
    ("prompt of another request", someone_elses, TALK),
    ("prompt without negation", no_negation, TALK),
    ("prompt with other number", other_number, TALK),
):
    _add(
        Fault(_name, IN, _kinds, change=_change),
        "hand-over in",
        IN,
        "handoff_loss",
        "transcript+fed",
    )

_SHORT = "|reasoning>output|reasoning>synthesis"
_add(
    Fault("llm error", THOUGHT, (*MODEL, "speech"), trouble="error"),
    THOUGHT,
    "|reasoning>output",
    "llm_error",
    "llm_error",
)
_add(
    Fault("llm timeout", THOUGHT, MODEL, trouble="timeout"),
    THOUGHT,
    "|reasoning>output",
    "llm_timeout llm_error",
    "llm_error",
)
_add(
    Fault("llm rate limit", THOUGHT, MODEL, trouble="rate_limit"),
    THOUGHT,
    "|reasoning>output",
    "llm_rate_limit llm_error",
    "llm_error",
)
_add(Fault("llm empty", THOUGHT, MODEL, effect="empty"), THOUGHT, _SHORT, "llm_empty", "answer")
_add(
    Fault("llm truncated", THOUGHT, WORDS, change=half_reply, effect="length"),
    THOUGHT,
    _SHORT,
    "llm_truncated",
    "finish",
)
_add(
    Fault("llm filtered", THOUGHT, MODEL, effect="content_filter"),
    THOUGHT,
    _SHORT,
    "llm_filtered llm_empty",
    "finish",
    "answer",
)
_add(
    Fault("answer contradicts tool", THOUGHT, WORDS, change=other_fact),
    THOUGHT,
    "|reasoning>tool|reasoning>output",
    "ungrounded conflict_unresolved",
    "tool+answer",
)
_add(
    Fault("schema broken", THOUGHT, ("structured",), change=broken_form),
    THOUGHT,
    "|reasoning>output",
    "schema_invalid",
    "app_error",
)
_add(
    Fault("tool arguments broken", "tool", WORDS, effect="arguments"),
    "tool",
    "|reasoning>tool",
    "tool_error schema_invalid llm_truncated",
    "arguments",
)
_add(
    Fault("tool error", "tool", WORDS, trouble="tool"),
    "tool",
    "reasoning>tool",
    "tool_error",
    "tool_error",
)

for _name, _change in (
    ("speech cut short", cut_short),
    ("speech without numbers", no_number),
    ("speech of earlier turn", earlier_answer),
):
    _add(
        Fault(_name, OUT, TALK, change=_change),
        "hand-over out",
        OUT,
        "handoff_loss synthesis_drift",
        "answer+spoken",
    )

_OUTLOUD = "|synthesis>output|reasoning>synthesis"
_add(
    Fault("tts error", VOICE, TALK, trouble="error"),
    VOICE,
    _OUTLOUD,
    "tts_error tts_missing tts_empty",
    "tts_error",
    "no_tts",
)
_add(
    Fault("tts timeout", VOICE, TALK, trouble="timeout"),
    VOICE,
    _OUTLOUD,
    "tts_timeout tts_error tts_missing tts_empty",
    "tts_error",
    "no_tts",
)
_add(
    Fault("tts empty", VOICE, TALK, effect="empty"),
    VOICE,
    _OUTLOUD,
    "tts_empty tts_missing",
    "audio",
)
_add(
    Fault("tts missing", VOICE, TALK, effect="missing"), VOICE, _OUTLOUD, "tts_missing", "tts_span"
)

_IMAGE = "input>reasoning||reasoning>output"
_add(
    Fault("image rejected", THOUGHT, ("vision",), trouble="rejected"),
    "reasoning|external",
    _IMAGE,
    "llm_error",
    "llm_error",
)
_add(
    Fault("image unreadable", "input", ("vision",), effect="unreadable"),
    "reasoning|external",
    _IMAGE,
    "",
    "reference",
)
_add(
    Fault("connection lost", "external", MODEL, effect="disconnected"),
    "external",
    "|synthesis>output|reasoning>output",
    "",
    "root",
)
_add(
    Fault("gateway 502", "external", MODEL, effect="gateway"),
    "external",
    "|synthesis>output|reasoning>output",
    "",
    "gateway",
)
