"""Draws requests and faults, keeps those whose fault demonstrably broke them, and labels them."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from benchmarks.inject.faults import FAULTS, TRUTHS, Truth
from benchmarks.inject.pipeline import COURSE, Fault, Plan, Run, run
from benchmarks.inject.spans import START, Quirks, Talk, Turn
from benchmarks.inject.world import WORLDS

#: Upstream of each place, where handled errors may sit without being the cause.
UPSTREAM = {
    "transcription": ("side",),
    "transcription>reasoning": ("side", "transcription"),
    "tool": ("side", "transcription"),
    "reasoning": ("side", "transcription", "tool"),
    "reasoning>synthesis": ("side", "transcription", "tool", "reasoning"),
    "synthesis": ("side", "transcription", "tool", "reasoning"),
    "external": ("side", "transcription", "tool", "reasoning", "synthesis"),
    "input": ("side",),
    "": ("side", "transcription", "tool", "reasoning", "synthesis"),
}
#: Ways in which text may change between two stages without harm.
BENIGN = (
    ("fillers",),
    ("cased", "lower"),
    ("unfilled",),
    ("digits",),
    ("contracted",),
    ("spaced",),
    ("capital",),
    ("unmarked", "ssml"),
    ("worded",),
    ("trailing",),
    ("answers silence",),
    ("misspelt",),
)
KIND_WEIGHTS = {"voice": 10, "chat": 2, "structured": 1, "vision": 1, "ocr": 1, "speech": 0.4}
TEXTS = ("transcript", "fed", "answer", "spoken", "tool", "arguments")
#: How often a fault strikes at a place, before the drawn priors; 1 where nothing is said.
PLACE_WEIGHTS = {
    "transcription>reasoning": 2.0,
    "reasoning>synthesis": 1.6,
    "tool": 0.7,
    "external": 0.35,
    "input": 0.2,
}
Setting = tuple[str, str, str, tuple[tuple[str, str], ...], bool]
STAGES = ("transcription", "reasoning", "synthesis", "tool", "speech")
ENDINGS = ("barge_in", "hang_up", "cancel")


@dataclass(frozen=True)
class Offer:
    """What a dialect can carry: kinds of request, a server span above, turns of a conversation."""

    kinds: Sequence[str]
    served: bool
    turns: bool


@dataclass
class Case:
    """One request with what the injector knows of it."""

    ident: str
    dialect: str
    split: str
    run: Run
    faults: tuple[Fault, ...]
    truth: Truth | None
    second: Truth | None
    quirks: Quirks
    visible: bool = True
    corrected: bool = False

    @property
    def failed(self) -> bool:
        """Whether the user went without."""
        return not self.run.served

    @property
    def name(self) -> str:
        """The fault, or why this is none."""
        if self.faults:
            return " + ".join(fault.name for fault in self.faults)
        plan = self.run.plan
        if plan.ending != "completed":
            return plan.ending.replace("_", " ")
        if plan.meaning and plan.meaning.domain.refusal:
            return "refusal"
        return "recovered" if plan.distractors else "plain"


@dataclass
class Dealer:
    """Deals talks out of one random stream; the same seed deals the same talks."""

    rng: random.Random
    split: str
    dealt: int = 0
    clock: int = START

    def __post_init__(self) -> None:
        places = sorted({fault.at for fault in FAULTS.values()})
        low = 0.6 if self.split == "dev" else 0.25
        self.priors = {place: self.rng.uniform(low, 1.0) for place in places}
        self.faulty = self.rng.uniform(0.5, 0.6)

    def talk(self, name: str, offer: Offer, gateway: bool) -> tuple[Talk, list[Case]]:
        """Some requests of one session in a dialect that knows these kinds."""
        rng = self.rng
        kind = rng.choices(offer.kinds, [KIND_WEIGHTS[k] for k in offer.kinds])[0]
        quirks = self._quirks()
        session = f"{rng.getrandbits(48):012x}"
        world = WORLDS[self.split]
        service = f"{rng.choice(world.services)}-{kind}-{name}".replace("_", "-")
        self.clock += int(rng.expovariate(1 / 30) * 1e9)
        talk = Talk(session, service, kind, [], quirks, self.clock, gateway)
        cases: list[Case] = []
        history: list[tuple[str, str]] = []
        at = rng.uniform(100, 2000)
        system, wrapper = rng.choice(world.systems), rng.choice(world.wrappers)
        left = rng.choice([1, 1, 2, 3])
        while left > 0:
            left -= 1
            setting = (kind, system, wrapper, tuple(history[-3:]), offer.turns)
            faulty = rng.random() < self.faulty
            plan, faults = self._broken(setting, gateway) if faulty else (self._plan(*setting), ())
            case = self._case(name, plan, faults, quirks)
            self.dealt += 1
            cases.append(case)
            talk.turns.append(Turn(case.ident, case.run, at))
            at += case.run.end + rng.uniform(1500, 9000)
            if case.run.served and case.run.answer and case.run.ending == "completed":
                history.append((case.run.transcript or plan.said, case.run.answer))
            if case.run.ending in ("hang_up", "disconnected"):
                break
            if case.run.ending in ("barge_in", "cancel"):
                left = max(left, 1)  # who interrupts goes on talking
            if case.name.startswith("heard") and rng.random() < 0.5:
                cases.append(self._corrected(name, case, setting))
                talk.turns.append(Turn(cases[-1].ident, cases[-1].run, at))
                at += cases[-1].run.end + rng.uniform(1500, 9000)
        self.clock += int(at * 1e6)
        return talk, cases

    def _quirks(self) -> Quirks:
        rng = self.rng
        draw = rng.random()
        hidden: frozenset[str] = frozenset()
        if draw < 0.06:
            hidden = frozenset(TEXTS)
        elif draw < 0.16:
            hidden = frozenset([rng.choice(["transcript", "fed", "answer", "spoken", "tool"])])
        skew = rng.uniform(-30, 30) if rng.random() < 0.15 else 0.0
        return Quirks(hidden, rng.random() < 0.08, rng.random() < 0.25, skew)

    def _plan(
        self,
        kind: str,
        system: str,
        wrapper: str,
        history: tuple[tuple[str, str], ...],
        turns: bool,
    ) -> Plan:
        """A request that works."""
        rng, world = self.rng, WORLDS[self.split]
        while True:
            record, meaning = {}, None
            if kind in ("vision", "ocr"):
                title = rng.choice(world.records)
                number = f"{rng.choice('BDFGKLM')}{rng.choice('PRTVW')}{rng.randrange(1000, 9999)}"
                record = {"title": title, "number": number, "amount": str(rng.randrange(21, 99))}
                said = f"What is the number of this {title}, and what does it come to?"
            else:
                odd = rng.random() < 0.06 and kind in ("voice", "chat")
                domain = rng.choice(world.refusals if odd else world.domains)
                said, meaning = world.say(rng, domain)
            benign = {rng.choice(group) for group in BENIGN if rng.random() < 0.4}
            if turns:
                benign.discard("answers silence")
            plan = Plan(
                self.split,
                kind,
                rng.getrandbits(32),
                said,
                meaning,
                record,
                history,
                system,
                wrapper,
                frozenset(benign),
                apologises=rng.random() < 0.2,
            )
            if run(plan).served:
                return plan

    def _broken(self, setting: Setting, gateway: bool) -> tuple[Plan, tuple[Fault, ...]]:
        """A request and one fault that breaks it, or now and then two."""
        while True:
            faults = self._faults(setting[0], gateway)
            for _ in range(12):
                plan = self._plan(*setting)
                if breaks(plan, faults):
                    return plan, faults

    def _faults(self, kind: str, gateway: bool) -> tuple[Fault, ...]:
        fits = [f for f in FAULTS.values() if kind in f.kinds]
        if not gateway:
            fits = [f for f in fits if f.effect != "gateway"]
        places = sorted({f.at for f in fits})
        weights = [self.priors[p] * PLACE_WEIGHTS.get(p, 1.0) for p in places]
        chosen = self.rng.choices(places, weights)[0]
        first = self.rng.choice([f for f in fits if f.at == chosen])
        if kind == "voice" and ">" in chosen and self.rng.random() < 0.12:
            ends = [f for f in fits if f.at == "synthesis" and f.trouble]
            return first, self.rng.choice(ends)
        return (first,)

    def _case(self, name: str, plan: Plan, faults: tuple[Fault, ...], quirks: Quirks) -> Case:
        """The case, run and labelled."""
        plan = self._harmless(plan, faults)
        done = run(plan, *faults)
        truths = [TRUTHS[fault.name] for fault in faults]
        second = truths[1] if len(truths) > 1 else None
        ident = f"{self.rng.getrandbits(40):010x}"
        truth = truths[0] if truths else None
        return Case(ident, name, self.split, done, faults, truth, second, quirks)

    def _harmless(self, plan: Plan, faults: Sequence[Fault]) -> Plan:
        """The plan with handled errors upstream of the fault, and endings that users choose."""
        rng = self.rng
        allowed = [d for d in UPSTREAM[faults[0].at if faults else ""] if self._has(plan, d)]
        some: set[str] = set()
        if allowed and rng.random() < 0.62:
            some = {each for each in allowed if rng.random() < 0.45} or {rng.choice(allowed)}
            some |= {f"{each} elsewhere" for each in sorted(some) if rng.random() < 0.4}
        ending = "completed"
        if not faults and plan.kind in ("voice", "chat") and rng.random() < 0.25:
            ending = rng.choice(ENDINGS if plan.kind == "voice" else ("cancel",))
            some -= {"tool", "tool elsewhere"}  # a tool's error would be all that is left to see
        changed = replace(plan, distractors=frozenset(some), ending=ending)
        if run(changed, *faults).served == bool(faults) or not run(changed).served:
            return plan
        return changed

    def _corrected(self, name: str, case: Case, setting: Setting) -> Case:
        """The turn in which the user says again what was misheard; it goes well."""
        before = case.run.plan
        said = self.rng.choice(WORLDS[self.split].corrections).format(said=before.said)
        while True:
            fresh = replace(self._plan(*setting), said=said, meaning=before.meaning)
            if run(fresh).served:
                break
        case.corrected = True
        self.dealt += 1
        return self._case(name, fresh, (), case.quirks)

    def _has(self, plan: Plan, distractor: str) -> bool:
        if distractor == "tool":
            return bool(plan.meaning and plan.meaning.domain.tool)
        return distractor == "side" or distractor in COURSE[plan.kind]


def breaks(plan: Plan, faults: Sequence[Fault]) -> bool:
    """Whether a request that works fails with each of these faults, and with all of them."""
    if not run(plan).served or run(plan, *faults).served:
        return False
    return all(not run(plan, fault).served for fault in faults)


def settle(case: Case, shows: frozenset[str], turns: bool) -> None:
    """Say whether the fault can be seen; where only the second of two can, that is the truth."""
    case.visible = case.truth is None or shown(case, case.truth, shows, turns)
    if not case.visible and case.second and shown(case, case.second, shows, turns):
        case.truth, case.second, case.visible = case.second, None, True


def shown(case: Case, truth: Truth, shows: frozenset[str], turns: bool) -> bool:
    """Whether a dialect records one of the sets of signs that tell of a fault.

    `turns` says that requests are turns of a conversation, so that an empty one is a sign.
    """
    if not turns and not any(c.stage in STAGES for c in case.run.calls):
        return False  # nothing of an assistant is in the trace
    signs = set(shows) - case.quirks.hidden
    if case.corrected and {"session", "transcript"} <= signs:
        signs.add("correction")
    return any(need <= signs for need in truth.needs)


def benign_differences(case: Case) -> int:
    """How many boundaries without a fault carry texts that differ by more than what is added."""
    at = {fault.at for fault in case.faults}
    done = case.run
    pairs = {
        "transcription>reasoning": (done.transcript or done.plan.said, done.fed),
        "reasoning>synthesis": (done.answer, done.spoken),
    }
    return sum(
        place not in at and None not in pair and not _kept(*pair) for place, pair in pairs.items()
    )


def _kept(emitted: str | None, received: str | None) -> bool:
    return (emitted or "") in (received or "")


def deal(
    seed: int, split: str, count: int, dialects: Mapping[str, Offer]
) -> Iterator[tuple[str, Talk, list[Case]]]:
    """Talks until there are so many cases; `dialects` says what each can carry."""
    dealer = Dealer(random.Random(f"{split} {seed}"), split)
    names = sorted(dialects)
    while dealer.dealt < count:
        name = names[dealer.rng.randrange(len(names))]
        offer = dialects[name]
        gateway = offer.served and dealer.rng.random() < 0.4
        talk, cases = dealer.talk(name, offer, gateway)
        yield name, talk, cases
