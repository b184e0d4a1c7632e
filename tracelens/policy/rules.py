"""The policy as typed rows: what the TOML tables become once they are checked."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from tracelens.policy.limits import Limits
from tracelens.policy.prices import Price

#: What a stage rule may look at, in the order in which the kinds are tried.
RULE_KINDS = ("operation", "span_name", "output_type", "url_path", "model", "task_name")


@dataclass(frozen=True)
class StageRule:
    """One row of `[[stage]]`: spans whose `by` matches a glob belong to `stage`."""

    by: str
    stage: str
    match: tuple[str, ...]


@dataclass(frozen=True)
class Expectation:
    """One row of `[[expect]]`: the stages that a request of this kind should have run."""

    stages: tuple[str, ...]
    role: str | None = None
    heard: bool | None = None
    answered: bool | None = None
    service: str | None = None
    emitter: str | None = None


@dataclass(frozen=True)
class Correction:
    """One row of `[[correction]]`: how a user's next words begin when they correct something.

    The first group of the regular expression `says` is what had been said; `quotes` tells whether
    it repeats the words themselves.
    """

    says: str
    quotes: bool = True


#: What a budget may limit: how long a request or a stage takes, how long until the first audio,
#: and what they cost.
METRICS = ("latency", "ttfa", "cost")


@dataclass(frozen=True)
class Budget:
    """One row of `[[budget]]`: how much of a metric a request may use.

    With `stage`, or for `ttfa` with `part` (of the chain to the first audio), it is about that
    alone, else about the whole request. `ms` limits time and `usd` cost. `service` is a glob, and
    `modality` one over what came in, such as `audio+image`. A request over its budget is degraded,
    and failed only where `fails` says so. Of each metric and stage (or part) the first row counts
    that means the request.
    """

    stage: str | None = None
    ms: float | None = None
    service: str | None = None
    metric: str = "latency"
    part: str | None = None
    modality: str | None = None
    usd: float | None = None
    fails: bool = False

    @property
    def of(self) -> str | None:
        """The stage, or the part of the chain; none for the whole request."""
        return self.stage or self.part

    @property
    def limit(self) -> float:
        """In ms, or in US dollars for `cost`."""
        return float((self.usd if self.metric == "cost" else self.ms) or 0.0)


#: Sizes that a cap can limit, and what may become of the request beyond it. Pictures and their
#: tokens get smaller with the picture; all else is left out from the end.
CAPPED: Final[dict[str, tuple[str, ...]]] = {
    "audio_seconds": ("reject", "truncate"),
    "output_audio_seconds": ("reject", "truncate"),
    "characters": ("reject", "truncate"),
    "images": ("reject", "truncate"),
    "megapixels": ("reject", "downscale"),
    "pages": ("reject", "truncate"),
    "input_tokens": ("reject", "truncate"),
    "output_tokens": ("reject", "truncate"),
    "audio_input_tokens": ("reject", "truncate"),
    "image_input_tokens": ("reject", "downscale"),
}


@dataclass(frozen=True)
class Cap:
    """One row of `[[cap]]`: how large a request may be, and `how` a larger one is treated.

    `size` is a field of `sizes`, `max` in its unit. The other keys are globs: `modality` over what
    came in (kinds sorted and joined by `+`), `model` over any model of the request. Of several rows
    with one `size` and `how` the first that fits counts.
    """

    size: str
    max: float
    how: str
    modality: str | None = None
    service: str | None = None
    model: str | None = None


@dataclass(frozen=True)
class Condition:
    """What a request must be: text of `column` that fits one of the globs, or a number in bounds.

    Bounds are inclusive. Where neither is given every value fits that is known.
    """

    column: str
    globs: tuple[str, ...] = ()
    min: float | None = None
    max: float | None = None


#: Columns of text that a route can ask for; the others are sizes.
ROUTE_TEXTS: Final = ("modality", "service", "model")


@dataclass(frozen=True)
class Route:
    """One row of `[[route]]`: requests that meet all conditions go to the model `to`."""

    to: str
    when: tuple[Condition, ...] = ()
    stage: str = "reasoning"


@dataclass(frozen=True)
class WhatIfRules:
    """How many comparable requests a route must be measured on."""

    comparable: int = 30


@dataclass(frozen=True)
class ProfileRules:
    """When a service's own requests tell what its requests should have. Shares are 0 to 1."""

    requests: int = 30
    expected: float = 0.98
    unexpected: float = 0.01
    days: int = 3


@dataclass(frozen=True)
class Evaluation:
    """One row of `[[evaluation]]`: when an evaluation says that something went wrong.

    `name` holds globs over its name, `fails` the labels that say so. A score below `below` or above
    `above` does too. `judges` is the stage that it is about whatever span it stands on, or
    `request` where it never tells a stage.
    """

    name: tuple[str, ...]
    fails: tuple[str, ...] = ()
    below: float | None = None
    above: float | None = None
    judges: str | None = None


@dataclass(frozen=True)
class Feedback:
    """One row of `[[feedback]]`: attributes in which users say how it went, and what is bad."""

    attribute: tuple[str, ...]
    bad: tuple[str, ...] = ()
    below: float | None = None


@dataclass(frozen=True)
class Reference:
    """One row of `[[reference]]`: attributes that hold what should have been said or heard.

    `of` is `transcript` (what the user said), `answer` (what was expected), or `speech` (what was
    recognised of the spoken answer).
    """

    attribute: tuple[str, ...]
    of: str


@dataclass(frozen=True)
class RecogniserConfidence:
    """One row of `[[recogniser_confidence]]`: attributes in which a recogniser says how sure it is.

    Below `below` it is unsure; `unknown` is the number that stands for none.
    """

    attribute: tuple[str, ...]
    below: float
    unknown: float | None = None


@dataclass(frozen=True)
class ErrorNames:
    """Globs over exception types and `error.type`, by what they mean."""

    cancelled: tuple[str, ...] = ()
    timeout: tuple[str, ...] = ()
    validation: tuple[str, ...] = ()
    missing_value: tuple[str, ...] = ()
    external: tuple[str, ...] = ()


@dataclass(frozen=True)
class Handover:
    """When a difference between two texts is a loss. Shares are of the emitted words, 0 to 1."""

    content_loss: float = 0.2
    clause_loss: float = 0.15
    meaning_loss: float = 0.25
    meaning_doubt: float = 0.10
    short_text_tokens: int = 4
    short_text_cer: float = 0.3
    meant: float = 0.5
    same_utterance: float = 0.5
    record_limits: tuple[int, ...] = ()
    spoken_keys: tuple[str, ...] = ()


@dataclass(frozen=True)
class Speech:
    """How people talk to an assistant, and how like words sound that one was misheard for."""

    talked_over_seconds: float = 1.0
    misheard_likeness: float = 0.6


@dataclass(frozen=True)
class Answers:
    """How an answer is held against what tools returned."""

    key_words: int = 3
    rounding: float = 0.01


@dataclass(frozen=True)
class Cell:
    """Labelled failures with leading findings that are alike: how many of them, how many right.

    They are alike in check, weight (`hard`, `soft`, `weak`), the score that the check gives its
    finding, and in whether an earlier soft finding of another stage contests it.
    """

    check: str
    weight: str
    score: float
    contested: bool
    right: int
    of: int


@dataclass(frozen=True)
class Confidence:
    """What a verdict's confidence is made of: labelled cases, and how much a wider group counts.

    `parent` is in cases: a group of as many is believed half for its own sake.
    """

    parent: float = 10.0
    cells: tuple[Cell, ...] = ()


@dataclass(frozen=True)
class TailRules:
    """When a tail is said to differ from the rest. Shares are 0 to 1."""

    requests: int = 30
    rows: int = 20
    hits: int = 5
    support: float = 0.05
    risk_ratio: float = 2.0
    q: float = 0.01
    pair_gain: float = 1.5
    paired: int = 20
    same_rows: float = 0.9


@dataclass(frozen=True)
class Policy:
    """Everything that a reasonable person could decide otherwise.

    `hash` is the SHA-256 of the rows in force; verdicts carry it, so that an old one can be
    told from one judged by other rules.
    """

    stage: tuple[StageRule, ...]
    expect: tuple[Expectation, ...]
    errors: ErrorNames
    handover: Handover
    floor: float
    correction: tuple[Correction, ...] = ()
    speech: Speech = field(default_factory=Speech)
    answers: Answers = field(default_factory=Answers)
    evaluation: tuple[Evaluation, ...] = ()
    feedback: tuple[Feedback, ...] = ()
    reference: tuple[Reference, ...] = ()
    recogniser_confidence: tuple[RecogniserConfidence, ...] = ()
    confidence: Confidence = field(default_factory=Confidence)
    budget: tuple[Budget, ...] = ()
    cap: tuple[Cap, ...] = ()
    route: tuple[Route, ...] = ()
    what_if: WhatIfRules = field(default_factory=WhatIfRules)
    price: tuple[Price, ...] = ()
    profile: ProfileRules = field(default_factory=ProfileRules)
    tail: TailRules = field(default_factory=TailRules)
    limits: Limits = field(default_factory=Limits)
    hash: str = ""
