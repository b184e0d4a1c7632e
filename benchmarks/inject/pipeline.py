"""Runs one request through recogniser, prompt, reasoner, tools and voice, with faults where asked.

A run is what happened, not what was recorded: the dialects decide that. Texts flow for real: each
stage works on what the one before handed over, and `served` says whether the user got what they
should have got.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from benchmarks.inject.world import (
    NUMBER,
    SORRY,
    WORLDS,
    Domain,
    Meaning,
    World,
    as_number,
    canonical,
    in_words,
    misspelt,
)

APOLOGY = "I am afraid that did not work out. Please try again later."
KINDS = ("voice", "chat", "structured", "vision", "ocr", "speech")
#: The stages that a kind of request runs, in order.
COURSE = {
    "voice": ("transcription", "reasoning", "synthesis"),
    "chat": ("reasoning",),
    "structured": ("reasoning",),
    "vision": ("reasoning",),
    "ocr": ("transcription", "reasoning"),
    "speech": ("reasoning",),
}


@dataclass(frozen=True)
class Trouble:
    """What a call raised: a class name, a message and the HTTP status behind it, 0 when none."""

    kind: str
    name: str
    message: str
    http: int = 0


@dataclass
class Call:
    """One attempt at one stage, tool or side errand; times in ms from the start of the request."""

    stage: str
    model: str
    start: float
    end: float
    taken: str | None = None
    given: str | None = None
    trouble: Trouble | None = None
    handled: bool = False
    finish: str = "stop"
    cut: bool = False
    tool: str | None = None
    arguments: str | None = None
    result: str | None = None
    audio: int = 0
    wants: str | None = None
    turn: tuple[tuple[str, str, str | None], ...] = ()


@dataclass(frozen=True)
class Plan:
    """Everything that is drawn before a request runs: the same plan always runs the same way."""

    split: str
    kind: str
    seed: int
    said: str
    meaning: Meaning | None
    record: Mapping[str, str] = field(default_factory=dict)
    history: tuple[tuple[str, str], ...] = ()
    system: str = ""
    wrapper: str = "{text}"
    benign: frozenset[str] = frozenset()
    distractors: frozenset[str] = frozenset()
    apologises: bool = False
    ending: str = "completed"

    @property
    def world(self) -> World:
        """The vocabulary that this plan speaks."""
        return WORLDS[self.split]


@dataclass
class Run:
    """What happened to one request; texts that did not come about are None."""

    plan: Plan
    calls: list[Call] = field(default_factory=list)
    transcript: str | None = None
    fed: str | None = None
    answer: str | None = None
    spoken: str | None = None
    heard: str | None = None
    trouble: Trouble | None = None
    ending: str = "completed"
    end: float = 0.0
    served: bool = False


@dataclass(frozen=True)
class Fault:
    """One thing that goes wrong at one place.

    `at` is a stage, a hand-over or an edge of the request; `change` rewrites the text that passes
    there, `trouble` is what is raised there, `effect` names what else the place does wrong.
    """

    name: str
    at: str
    kinds: tuple[str, ...]
    trouble: str = ""
    change: Callable[[random.Random, str, Run], str] | None = None
    effect: str = ""


NAMES = {
    "error": (("InternalServerError", 500), ("APIStatusError", 503)),
    "timeout": (("APITimeoutError", 0), ("ReadTimeout", 0), ("TimeoutError", 0)),
    "rate_limit": (("RateLimitError", 429),),
    "rejected": (("BadRequestError", 400),),
    "cancelled": (("CancelledError", 0),),
    "lost": (("ConnectionResetError", 0), ("BrokenPipeError", 0)),
    "tool": (("RuntimeError", 0), ("LookupError", 0), ("HTTPStatusError", 502)),
    "side": (("ConnectionError", 0),),
    "schema": (("ValidationError", 0),),
    "gateway": (("502", 502),),
    "arguments": (("ToolArgumentError", 0), ("JSONDecodeError", 0)),
}


class Stage:
    """Carries one request from stage to stage."""

    def __init__(self, plan: Plan, faults: Mapping[str, Fault]) -> None:
        self.plan = plan
        self.faults = faults
        self.rng = random.Random(plan.seed)
        self.run = Run(plan)
        self.now = 0.0
        self.models = {
            stage: self.rng.choice(models) for stage, models in plan.world.models.items()
        }

    # -- what calls have in common

    def trouble(self, kind: str) -> Trouble:
        """Something raised, in the words of the split."""
        name, http = self.rng.choice(NAMES[kind])
        said = self.plan.world.complaints.get(kind, ("",))
        message = {
            "schema": "1 validation error for Reply",
            "gateway": "Bad Gateway",
            "arguments": "arguments do not parse",
            "cancelled": "",
        }.get(kind)
        return Trouble(kind, name, self.rng.choice(said) if message is None else message, http)

    def call(self, stage: str, typical: float, **facts: Any) -> Call:
        """A call that starts now and takes about so many ms, or a deadline's worth of them."""
        late = facts.get("trouble") is not None and facts["trouble"].kind == "timeout"
        took = 10_000.0 if late else typical * self.rng.lognormvariate(0, 0.35)
        call = Call(stage, self.models.get(stage, ""), self.now, self.now + took, **facts)
        self.now = call.end + self.rng.uniform(1, 9)
        self.run.calls.append(call)
        return call

    def stumble(self, stage: str, typical: float, **facts: Any) -> None:
        """A first attempt that fails and is made good by a second one or by another model."""
        if stage in self.plan.distractors:
            kind = self.rng.choice(["error", "rate_limit"])
            self.call(stage, typical / 3, trouble=self.trouble(kind), handled=True, **facts)
            if f"{stage} elsewhere" in self.plan.distractors:
                others = [m for m in self.plan.world.models[stage] if m != self.models[stage]]
                self.models[stage] = self.rng.choice(others)

    def changed(self, at: str, text: str) -> str:
        """The text after the fault of that place, if there is one."""
        fault = self.faults.get(at)
        if fault is None or fault.change is None:
            return text
        return fault.change(random.Random(self.plan.seed), text, self.run)

    def effect(self, at: str) -> str:
        """What the place does wrong beside raising and rewriting."""
        return self.faults[at].effect if at in self.faults else ""

    def fails(self, at: str) -> Trouble | None:
        """What is raised at a place, if anything."""
        kind = self.faults[at].trouble if at in self.faults else ""
        return self.trouble(kind) if kind else None

    # -- the course of a request

    def go(self) -> Run:
        """Run all stages and say whether the user was served."""
        run, plan = self.run, self.plan
        if "side" in plan.distractors:
            self.call("side", 12, trouble=self.trouble("side"), handled=True)
        if plan.kind == "speech":
            self.converse()
        else:
            heard = self.listen() if "transcription" in COURSE[plan.kind] else plan.said
            if heard is not None:
                self.feed(heard)
                self.think()
            if run.answer is not None and plan.kind == "voice":
                self.speak()
            elif run.answer is not None:
                run.heard = run.answer
        self.close()
        run.end = self.now + self.rng.uniform(1, 20)
        run.served = self.judged()
        return run

    def listen(self) -> str | None:
        """Transcribe speech, or read a page."""
        run = self.run
        if self.effect("transcription") == "missing":
            run.transcript = None
            return self.unheard()
        self.stumble("transcription", 400)
        trouble = self.fails("transcription")
        if trouble:
            self.call("transcription", 250, trouble=trouble)
            run.trouble = trouble
            return None
        text = self.page() if self.plan.kind == "ocr" else recognised(self)
        run.transcript = self.changed("transcription", text)
        if self.effect("transcription") == "empty":
            run.transcript = ""
        self.call("transcription", 450, given=run.transcript)
        return run.transcript or self.unheard()

    def unheard(self) -> str | None:
        """Some applications answer silence; others wait on."""
        return "" if "answers silence" in self.plan.benign else None

    def page(self) -> str:
        """What stands on the page."""
        record = self.plan.record
        return (
            f"{record['title'].upper()}\nNo. {record['number']}\nReceived with thanks by the branch"
            f" office. Please quote the number in letters.\nAmount {record['amount']} units\n"
            "Payable within the usual time"
        )

    def feed(self, heard: str) -> None:
        """Put what was heard into the prompt."""
        text = tidied(self, heard)
        text = self.changed("transcription>reasoning", text)
        if self.plan.kind == "ocr":
            text = f"{self.plan.said}\n\n{text}"
        self.run.fed = self.plan.wrapper.format(text=text)

    def think(self) -> None:
        """Answer what was fed in, with tools where the request needs facts."""
        run = self.run
        trouble = self.fails("reasoning")
        meaning = self.plan.world.understand(run.fed or "")
        first = trouble is not None and self.rng.random() < 0.5
        found: dict[str, str] = {}
        if not first and meaning and meaning.complete() and meaning.domain.tool:
            result = self.use_tool(meaning)
            if result is None:
                return
            found = result
        if not self._tool_failed():
            self.stumble("reasoning", 700, taken=run.fed, turn=self._turn())
        facts: dict[str, Any] = {"taken": run.fed, "turn": self._turn()}
        if trouble:
            self.call("reasoning", 700, trouble=trouble, **facts)
            self.give_up(trouble)
            return
        run.answer = self.reply(meaning, found)
        finish = self.effect("reasoning") or "stop"
        self.call("reasoning", 900, given=run.answer, finish=finish, **facts)
        if self.plan.kind == "structured" and not fits(run.answer, self.plan):
            run.trouble = self.trouble("schema")
        if not run.answer:
            run.answer = None

    def give_up(self, trouble: Trouble) -> None:
        """Apologise, where the application is so polite, or let the error through."""
        if self.plan.apologises and self.plan.kind in ("voice", "chat"):
            self.run.answer = APOLOGY
        else:
            self.run.trouble = trouble

    def _turn(self) -> tuple[tuple[str, str, str | None], ...]:
        """The tool calls made so far, as later model calls see them."""
        done = [c for c in self.run.calls if c.stage == "tool"]
        return tuple((c.tool or "", c.arguments or "", c.result) for c in done)

    def _tool_failed(self) -> bool:
        return any(c.stage == "tool" and c.trouble and not c.handled for c in self.run.calls)

    def use_tool(self, meaning: Meaning) -> dict[str, str] | None:
        """Have the model call the domain's tool; None when the request ends there."""
        run = self.run
        arguments = json.dumps(dict(meaning.slots))
        asked: dict[str, Any] = {"taken": run.fed, "finish": "tool_calls"}
        if "tool" in self.plan.distractors:
            self.call("reasoning", 600, wants=meaning.domain.tool, arguments=arguments, **asked)
            self.call_tool(meaning, arguments, self.trouble("tool"), handled=True)
            asked["turn"] = self._turn()
        if self.effect("tool") == "arguments":
            arguments = arguments[: len(arguments) // 2]
        self.call("reasoning", 600, wants=meaning.domain.tool, arguments=arguments, **asked)
        if self.effect("tool") == "arguments":
            run.trouble = self.trouble("arguments")
            return None
        trouble = self.fails("tool")
        self.call_tool(meaning, arguments, trouble)
        if trouble and not self.plan.apologises:
            run.trouble = trouble
            return None
        return {} if trouble else self.plan.world.look_up(meaning)

    def call_tool(
        self, meaning: Meaning, arguments: str, trouble: Trouble | None, handled: bool = False
    ) -> None:
        """One execution of the tool."""
        result = None if trouble else json.dumps(self.plan.world.look_up(meaning))
        facts = {"trouble": trouble, "handled": handled, "result": result}
        self.call("tool", 120, tool=meaning.domain.tool, arguments=arguments, **facts)

    def reply(self, meaning: Meaning | None, found: Mapping[str, str]) -> str:
        """What the model writes."""
        plan, effect = self.plan, self.effect("reasoning")
        if effect in ("empty", "content_filter"):
            return ""
        if plan.kind in ("vision", "ocr"):
            text = read_off(self)
        elif meaning is None:
            text = SORRY
        elif not meaning.complete():
            missing = next(s for s in meaning.domain.slots if s not in meaning.slots)
            text = f"Sure. Which {missing} should it be?"
        elif meaning.domain.facts and not found:
            text = APOLOGY
        elif plan.kind == "structured":
            text = json.dumps({**meaning.slots, **found})
        else:
            text = plan.world.answer(meaning, found)
        return self.changed("reasoning", text)

    def speak(self) -> None:
        """Turn the answer into sound."""
        run = self.run
        text = vocal(self, run.answer or "")
        text = self.changed("reasoning>synthesis", text)
        run.spoken = text
        if self.effect("synthesis") == "missing":
            return
        self.stumble("synthesis", 300, taken=text)
        trouble = self.fails("synthesis")
        silent = self.effect("synthesis") == "empty"
        audio = 0 if trouble or silent else 900 * len(text)
        self.call("synthesis", 500, taken=text, trouble=trouble, audio=audio)
        if trouble:
            run.trouble = trouble
        elif not silent:
            run.heard = text

    def converse(self) -> None:
        """Speech in, speech out, one model."""
        run = self.run
        run.transcript = recognised(self)
        trouble = self.fails("reasoning")
        meaning = self.plan.world.understand(run.transcript)
        complete = meaning is not None and meaning.complete()
        found = self.plan.world.look_up(meaning) if meaning and complete else {}
        answer = None if trouble else self.reply(meaning, found)
        self.call("speech", 1500, taken=run.transcript, given=answer, trouble=trouble)
        run.answer = run.heard = answer
        run.trouble = trouble

    def close(self) -> None:
        """End the request: as planned, or as an outer fault has it."""
        run = self.run
        run.ending = self.plan.ending
        effect = self.effect("external")
        if effect:
            run.ending, run.heard = effect, None
            run.trouble = self.trouble("lost" if effect == "disconnected" else "gateway")
        if run.ending in ("barge_in", "hang_up", "cancel") and run.calls:
            last = run.calls[-1]
            last.cut = True
            last.end = last.start + (last.end - last.start) * self.rng.uniform(0.4, 0.8)
            self.now = last.end + 1
            if run.ending == "cancel":
                last.trouble = self.trouble("cancelled")
                last.given = None

    def judged(self) -> bool:
        """Whether the user got what they should have got, or stopped it by their own will."""
        run, plan = self.run, self.plan
        if plan.ending in ("barge_in", "hang_up", "cancel"):
            return run.trouble is None
        if run.heard is None or (run.trouble and plan.kind == "structured"):
            return False
        if plan.kind in ("vision", "ocr"):
            needed = (plan.record["number"], plan.record["amount"])
            return all(canonical(each) in canonical(run.heard) for each in needed)
        assert plan.meaning is not None
        if plan.kind == "structured":
            return fits(run.heard, plan) and gives(run.heard, plan)
        return plan.world.delivers(run.heard, plan.meaning)


def run(plan: Plan, *faults: Fault) -> Run:
    """What happens to a planned request under these faults."""
    return Stage(plan, {fault.at: fault for fault in faults}).go()


# -- what changes on the way without harm


def recognised(stage: Stage) -> str:
    """What a good recogniser writes down: case, fillers and the spelling of numbers are its own."""
    plan, text = stage.plan, stage.plan.said
    if "misspelt" in plan.benign:
        for names in (plan.world.values[s] for s in ("name", "person") if s in plan.world.values):
            for name in names:
                text = text.replace(name, misspelt(name))
    if "fillers" in plan.benign:
        words = text.split()
        words.insert(stage.rng.randrange(len(words)), stage.rng.choice(plan.world.fillers))
        text = " ".join(words)
    if "cased" in plan.benign:
        text = text[0].upper() + text[1:] + "."
    elif "lower" in plan.benign:
        text = text.lower()
    return text


def tidied(stage: Stage, text: str) -> str:
    """How an application may clean a transcript before it goes into the prompt."""
    benign = stage.plan.benign
    if "unfilled" in benign:
        for filler in stage.plan.world.fillers:
            text = re.sub(rf"\b{filler}\b ?", "", text)
    if "digits" in benign:
        text = NUMBER.sub(lambda hit: str(as_number(hit[0])), text)
    if "contracted" in benign:
        text = text.replace("do not", "don't").replace("I would", "I'd")
    if "spaced" in benign:
        text = "  ".join(text.split(" ")) + "\n" if stage.plan.kind != "ocr" else text + "\n"
    if "capital" in benign and text:
        text = text[0].upper() + text[1:]
    return text


def vocal(stage: Stage, text: str) -> str:
    """How an application prepares an answer for the voice."""
    benign = stage.plan.benign
    text = text.replace("**", "") if "unmarked" in benign or "ssml" in benign else text
    if "worded" in benign:
        text = re.sub(r"\b[1-9]\d\b", lambda hit: in_words(int(hit[0])), text)
    if "ssml" in benign:
        text = "<speak>" + text.replace(". ", '.<break time="200ms"/> ') + "</speak>"
    if "trailing" in benign:
        text += " "
    return text


def read_off(stage: Stage) -> str:
    """What a model answers about a page; it knows what it was given, nothing else."""
    plan = stage.plan
    if stage.effect("input") == "unreadable":
        return "The picture is too blurred for me to read anything."
    if plan.kind == "vision":
        number, amount = plan.record["number"], plan.record["amount"]
    else:
        fed = stage.run.fed or ""
        hit, sum_ = re.search(r"No\. (\S+)", fed), re.search(r"Amount (\d+)", fed)
        number, amount = hit[1] if hit else "", sum_[1] if sum_ else ""
    if not number or not amount:
        return "I can not find that on the page."
    return f"The {plan.record['title']} is number {number}, and it comes to {amount}."


def fits(text: str | None, plan: Plan) -> bool:
    """Whether a structured answer has the form that the application asked for."""
    try:
        found = json.loads(text or "")
    except ValueError:
        return False
    domain: Domain | None = plan.meaning.domain if plan.meaning else None
    needed = (*domain.slots, *domain.facts) if domain else ()
    return isinstance(found, dict) and all(isinstance(found.get(key), str) for key in needed)


def gives(text: str, plan: Plan) -> bool:
    """Whether a structured answer holds the right values."""
    assert plan.meaning is not None
    found = json.loads(text)
    truth = {**plan.meaning.slots, **plan.world.look_up(plan.meaning)}
    return all(canonical(found[key]) == canonical(value) for key, value in truth.items())
