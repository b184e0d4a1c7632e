"""A small world: what users ask for, what a reasoner makes of a text, and what the tools answer.

Everything is deterministic, so that a later stage can be run again on a text that a fault has
changed. The two splits share no sentence, no name, no value and no tool.
"""

from __future__ import annotations

import hashlib
import random
import re
from collections.abc import Mapping
from dataclasses import dataclass

UNITS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen"
    " fifteen sixteen seventeen eighteen nineteen"
).split()
TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
#: Pairs that recognisers confuse.
SOUND_ALIKE = {13: 30, 14: 40, 15: 50, 16: 60, 17: 70, 18: 80, 19: 90}
SORRY = "Sorry, I did not catch that. Could you say it again?"
#: What answers carry about a request: the clause that is asked for or declined.
NEGATIONS = ("do not", "don't", "without", "never")


def in_words(number: int) -> str:
    """A number from 0 to 99 in English words."""
    if number < 20:
        return UNITS[number]
    tens, units = divmod(number, 10)
    return TENS[tens - 2] + (f" {UNITS[units]}" if units else "")


WORDED = {in_words(number): number for number in range(2, 100)}
NUMBER = re.compile(
    r"\b(" + "|".join(sorted(WORDED, key=len, reverse=True)) + r"|\d{1,2})\b", re.IGNORECASE
)


@dataclass(frozen=True)
class Clause:
    """A wish that can be turned round by one word, and how answers speak of it."""

    topic: str
    wanted: str
    unwanted: str
    done: str
    left: str


@dataclass(frozen=True)
class Domain:
    """One kind of request: how it is said, what must be understood, and what comes back."""

    cues: tuple[str, ...]
    says: tuple[str, ...]
    slots: tuple[str, ...]
    answers: tuple[str, ...]
    tool: str | None = None
    facts: tuple[str, ...] = ()
    clause: Clause | None = None
    refusal: bool = False


@dataclass(frozen=True)
class Meaning:
    """What a text asks for; a slot that could not be found is absent."""

    domain: Domain
    slots: Mapping[str, str]
    wanted: bool | None = None

    def complete(self) -> bool:
        """Whether everything is there that the answer needs."""
        return all(slot in self.slots for slot in self.domain.slots)


@dataclass(frozen=True)
class World:
    """The vocabulary and domains of one split."""

    values: Mapping[str, tuple[str, ...]]
    domains: tuple[Domain, ...]
    refusals: tuple[Domain, ...]
    records: tuple[str, ...]
    fillers: tuple[str, ...]
    systems: tuple[str, ...]
    wrappers: tuple[str, ...]
    services: tuple[str, ...]
    models: Mapping[str, tuple[str, ...]]
    complaints: Mapping[str, tuple[str, ...]]
    corrections: tuple[str, ...]

    def say(self, rng: random.Random, domain: Domain) -> tuple[str, Meaning]:
        """A sentence that a user may say, and what it means."""
        slots = {slot: self._value(rng, slot) for slot in domain.slots}
        text = rng.choice(domain.says).format(**slots)
        wanted = rng.choice([True, False]) if domain.clause else None
        if domain.clause:
            text += " " + (domain.clause.wanted if wanted else domain.clause.unwanted)
        return text, Meaning(domain, slots, wanted)

    def understand(self, text: str) -> Meaning | None:
        """What a reasoner makes of a text; None when it finds no request in it."""
        plain = text.lower()
        for domain in (*self.refusals, *self.domains):
            if any(re.search(rf"\b{re.escape(cue)}\b", plain) for cue in domain.cues):
                return Meaning(domain, self._slots(plain, domain), _wish(plain, domain.clause))
        return None

    def look_up(self, meaning: Meaning) -> dict[str, str]:
        """What the domain's tool returns: the same for the same arguments, always."""
        seed = "|".join([str(meaning.domain.tool), *map(str, sorted(meaning.slots.items()))])
        rng = random.Random(int(hashlib.sha256(seed.encode()).hexdigest(), 16))
        return {fact: _fact(rng, fact) for fact in meaning.domain.facts}

    def answer(self, meaning: Meaning, found: Mapping[str, str]) -> str:
        """The reply to a request that was understood."""
        seed = sum(map(ord, "".join(meaning.slots.values())))
        answers = meaning.domain.answers
        text = answers[seed % len(answers)].format(**meaning.slots, **found)
        if meaning.domain.clause and meaning.wanted is not None:
            clause = meaning.domain.clause
            text += " " + (clause.done if meaning.wanted else clause.left)
        return text

    def delivers(self, heard: str, meaning: Meaning) -> bool:
        """Whether what reached the user holds all that they should have got."""
        if meaning.domain.refusal:
            return meaning.domain.answers[0].lower() in canonical(heard)
        have = canonical(heard)
        needed = [*meaning.slots.values(), *self.look_up(meaning).values()]
        clause = meaning.domain.clause
        if clause:
            needed.append(clause.done if meaning.wanted else clause.left)
        return all(canonical(each) in have for each in needed)

    def _value(self, rng: random.Random, slot: str) -> str:
        if slot == "count":
            return in_words(rng.choice(sorted(SOUND_ALIKE)))
        return rng.choice(self.values[slot])

    def _slots(self, plain: str, domain: Domain) -> dict[str, str]:
        found = {}
        for slot in sorted(domain.slots, key=lambda each: each == "count"):
            if slot == "count":
                hits = NUMBER.findall(plain)
                if hits:
                    found[slot] = in_words(as_number(hits[0]))
                continue
            for value in sorted(self.values[slot], key=len, reverse=True):
                heard = next((v for v in (value, misspelt(value)) if v.lower() in plain), None)
                if heard:
                    found[slot] = value
                    plain = plain.replace(heard.lower(), " ")
                    break
        return found


def misspelt(name: str) -> str:
    """A name as a recogniser may spell it; readers know what is meant."""
    return name[:2] + name[3:]


def canonical(text: str) -> str:
    """Lower case, digits for numbers, no mark-up, single spaces: for comparing outcomes."""
    text = re.sub(r"<[^>]*>|[*_#`]", " ", text.lower())
    text = NUMBER.sub(lambda hit: str(as_number(hit[0])), text)
    return " ".join(re.sub(r"[^\w\s-]", " ", text).split())


def as_number(text: str) -> int:
    """The number that digits or words stand for."""
    return int(text) if text.isdigit() else WORDED[text.lower()]


def _wish(plain: str, clause: Clause | None) -> bool | None:
    if clause is None or clause.topic not in plain:
        return None
    before = plain[: plain.index(clause.topic)].rsplit(",", 1)[-1]
    return not any(each in before[-40:] for each in NEGATIONS)


def _fact(rng: random.Random, fact: str) -> str:
    if fact in ("code", "reference"):
        return (
            f"{rng.choice('BDFGKLMPRTVW')}{rng.choice('BDFGKLMPRTVW')}{rng.randrange(1000, 9999)}"
        )
    return str(rng.randrange(21, 99))


RECEIPT = Clause(
    "receipt",
    "and send me a receipt",
    "but do not send me a receipt",
    "A receipt is on its way.",
    "There will be no receipt.",
)
REMINDER = Clause(
    "reminder",
    "and set a reminder",
    "but do not set a reminder",
    "The reminder is set.",
    "I have left the reminder out.",
)
DEV = World(
    values={
        "name": ("Rossini", "Delacroix", "Halvorsen", "Okonkwo", "Brannigan", "Takeda"),
        "day": ("Monday", "Wednesday", "Friday"),
        "place": ("Lisbon", "Utrecht", "Bergen", "Toledo", "Krakow"),
        "item": ("raincoat", "kettle", "headphones", "desk lamp", "backpack"),
        "room": ("kitchen", "bedroom", "garage"),
    },
    domains=(
        Domain(
            ("table",),
            (
                "I would like a table for {count} at {name} on {day}",
                "please get me a table at {name} for {count} people on {day}",
            ),
            ("count", "name", "day"),
            (
                "Your table for {count} at {name} on {day} is booked, the code is {code}.",
                "Done: {name}, {day}, {count} people. Your code is **{code}**.",
            ),
            "book_table",
            ("code",),
            RECEIPT,
        ),
        Domain(
            ("weather", "forecast"),
            ("what is the weather in {place} on {day}", "give me the {day} forecast for {place}"),
            ("place", "day"),
            ("In {place} it will be {degrees} degrees on {day}, with wind at {wind} knots.",),
            "get_weather",
            ("degrees", "wind"),
        ),
        Domain(
            ("transfer",),
            (
                "transfer {count} euros to {name}",
                "I need to transfer {count} euros to {name} today",
            ),
            ("count", "name"),
            ("I moved {count} euros to {name}, the reference is {reference}.",),
            "move_money",
            ("reference",),
            RECEIPT,
        ),
        Domain(
            ("order",),
            ("where is my order of the {item}", "has the order with my {item} left yet"),
            ("item",),
            ("The {item} left the warehouse and arrives in {hours} hours; parcel {code}.",),
            "find_order",
            ("hours", "code"),
        ),
        Domain(
            ("heating",),
            ("set the heating in the {room} to {count} degrees", "{room} heating to {count}"),
            ("room", "count"),
            ("The {room} is now set to {count} degrees.", "Okay, {count} degrees in the {room}."),
            clause=REMINDER,
        ),
        Domain(
            ("opening", "open"),
            ("when does the shop in {place} open on {day}",),
            ("place", "day"),
            ("The shop in {place} opens at the usual hour on {day}.",),
        ),
    ),
    refusals=(
        Domain(
            ("someone else's", "another customer's"),
            ("read me another customer's messages", "what is someone else's balance"),
            (),
            ("I can not share that with you",),
            refusal=True,
        ),
    ),
    records=("invoice", "meter reading"),
    fillers=("uh", "um", "well"),
    systems=(
        "You are the voice assistant of a help desk. Be brief and polite.",
        "Answer the caller in one or two sentences. Use the tools when you need facts.",
    ),
    wrappers=("{text}", "Caller: {text}", "The caller said:\n{text}\n\nReply in plain words."),
    services=("helpdesk", "concierge", "hallway"),
    models={
        "transcription": ("whisper-1", "nova-3", "gpt-4o-transcribe"),
        "reasoning": ("gpt-4.1", "gpt-4.1-mini", "claude-sonnet-4"),
        "synthesis": ("tts-1", "gpt-4o-mini-tts", "aura-2"),
    },
    complaints={
        "error": ("The server had an error while processing your request", "upstream failure"),
        "timeout": ("Request timed out.", "no answer within the deadline"),
        "rate_limit": ("Rate limit reached for requests", "too many requests, slow down"),
        "rejected": ("Could not process image", "the file is not a valid image"),
        "lost": ("the stream ended too early", "peer closed without a close frame"),
        "tool": ("database is locked", "inventory service did not answer"),
        "side": ("cache miss: connection refused", "flag service unreachable"),
    },
    corrections=("no, I said {said}", "that is wrong, {said}"),
)

NOTICE = Clause(
    "text message",
    "and let them know by text message",
    "but don't let them know by text message",
    "They will be told.",
    "They stay uninformed, as you asked.",
)
INSURANCE = Clause(
    "insurance",
    "with the insurance",
    "without the insurance",
    "It includes cover.",
    "Cover is excluded.",
)
HELD = World(
    values={
        "person": ("Lindqvist", "Moreau", "Adeyemi", "Castellanos", "Whitcombe"),
        "weekday": ("Tuesday", "Thursday", "Saturday", "Sunday"),
        "city": ("Tampere", "Ghent", "Cordoba", "Aberdeen", "Trieste"),
        "thing": ("blender", "umbrella", "keyboard", "water filter"),
        "lamp": ("porch", "hallway", "attic", "study"),
    },
    domains=(
        Domain(
            ("appointment",),
            (
                "could I see {person} for an appointment on {weekday}, room {count}",
                "an appointment with {person} this {weekday} in room {count}",
            ),
            ("person", "weekday", "count"),
            ("You see {person} on {weekday} in room {count}. Quote {reference} at the desk.",),
            "reserve_slot",
            ("reference",),
            NOTICE,
        ),
        Domain(
            ("train", "departure"),
            (
                "which train gets me to {city} on {weekday}",
                "next departure towards {city} on {weekday} please",
            ),
            ("city", "weekday"),
            ("On {weekday} the train to {city} leaves from platform {platform}, fare {fare}.",),
            "timetable",
            ("platform", "fare"),
        ),
        Domain(
            ("rent", "rental"),
            ("I want to rent a car in {city} for {count} days", "car rental, {count} days, {city}"),
            ("city", "count"),
            ("A car waits in {city} for {count} days. Pick it up with {code}.",),
            "hire_car",
            ("code",),
            INSURANCE,
        ),
        Domain(
            ("return", "refund"),
            ("how do I return the {thing}", "I'd like my money back, a refund for the {thing}"),
            ("thing",),
            ("Put the {thing} in its box and write {code} on it; {days} days are left.",),
            "open_return",
            ("code", "days"),
        ),
        Domain(
            ("dim", "brightness"),
            ("dim the {lamp} light to {count} percent", "{lamp} brightness {count} percent"),
            ("lamp", "count"),
            ("The {lamp} light is at {count} percent.",),
        ),
        Domain(
            ("parking", "park"),
            ("is there parking near the station in {city}", "where can I park in {city}"),
            ("city",),
            ("In {city} you can leave the car behind the station.",),
        ),
    ),
    refusals=(
        Domain(
            ("my neighbour's", "diagnose"),
            ("unlock my neighbour's door", "diagnose this rash for me"),
            (),
            ("That is something I am not allowed to do",),
            refusal=True,
        ),
    ),
    records=("delivery note", "prescription"),
    fillers=("er", "hmm", "you know"),
    systems=(
        "Serve the customer. Keep replies under thirty words.",
        "You work for a travel and home company. Never invent facts.",
    ),
    wrappers=("{text}", "[user] {text}", "Context: spoken request.\n---\n{text}"),
    services=("frontdoor", "travelline", "homeline"),
    models={
        "transcription": ("scribe_v1", "gpt-4o-mini-transcribe", "whisper-large-v3"),
        "reasoning": ("gemini-2.5-flash", "gpt-5-mini", "mistral-large"),
        "synthesis": ("eleven_turbo_v2", "sonic-2", "tts-1-hd"),
    },
    complaints={
        "error": ("Internal server error, request id 5f1", "the model is overloaded"),
        "timeout": ("Timed out waiting for the first byte", "gave up after the limit"),
        "rate_limit": ("Quota exceeded for this minute", "429 tokens per minute"),
        "rejected": ("unsupported media", "picture too large to decode"),
        "lost": ("broken pipe", "socket hang up"),
        "tool": ("no route to booking host", "lookup raised KeyError"),
        "side": ("session store timed out", "telemetry flush refused"),
    },
    corrections=("you misheard me: {said}", "not what I asked. Again: {said}"),
)
WORLDS = {"dev": DEV, "held": HELD}
