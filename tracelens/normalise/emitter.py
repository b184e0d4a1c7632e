"""What an emitter mapping is: rows that say which spans it reads and where each field hides.

A mapping is one file in `emitters/` that defines `EMITTER`. Everything in it is a row: which
spans are its own, which stage or role a span has, which attribute keys fill a canonical column,
and which signs of an outcome its spans carry. Rows are evaluated on whole columns.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, Literal

import polars as pl

from tracelens.model import PROMOTED, AttributeType
from tracelens.policy.globs import matches_any


class Tier(IntEnum):
    """How well a claim is founded; a lower tier never takes a span from a higher one."""

    VENDOR = 1  # the library's own instrumentation scope
    CONVENTION = 2  # attributes of a published convention
    FALLBACK = 3  # what is left: custom spans and HTTP calls, by policy


@dataclass(frozen=True)
class Key:
    """An attribute key and the type it is read as."""

    name: str
    type: AttributeType = "text"

    @property
    def column(self) -> str:
        """The promoted column that the readers fill for it."""
        return PROMOTED + self.name


def text(name: str) -> Key:
    """An attribute read as text; lists and maps come as JSON text."""
    return Key(name, "text")


def integer(name: str) -> Key:
    """An attribute read as a 64-bit integer."""
    return Key(name, "int")


def number(name: str) -> Key:
    """An attribute read as a double."""
    return Key(name, "float")


def boolean(name: str) -> Key:
    """An attribute read as a boolean."""
    return Key(name, "bool")


@dataclass(frozen=True)
class When:
    """A condition on a span; all parts given must hold.

    `name` holds globs over the span name, `operation` values of the mapping's operation keys,
    `equals` values that attributes have (any of a tuple), `present` and `absent` attribute keys,
    `stage` the stage that was found for the span, `status` OTLP status codes.
    """

    name: tuple[str, ...] = ()
    operation: tuple[str, ...] = ()
    equals: Mapping[Key, tuple[Any, ...]] | None = None
    present: tuple[Key, ...] = ()
    absent: tuple[Key, ...] = ()
    stage: str | None = None
    root: bool | None = None
    status: tuple[int, ...] = ()

    def keys(self) -> set[Key]:
        """Every attribute key the condition looks at."""
        return {*(self.equals or {}), *self.present, *self.absent}

    def expr(self) -> pl.Expr:
        """The condition over a frame that has the promoted columns, `operation` and `stage`."""
        parts: list[pl.Expr] = []
        if self.name:
            parts.append(matches_any(pl.col("name"), self.name))
        if self.operation:
            parts.append(pl.col("operation").is_in(self.operation))
        for key, values in (self.equals or {}).items():
            parts.append(pl.col(key.column).is_in(list(values)))
        parts += [pl.col(key.column).is_not_null() for key in self.present]
        parts += [pl.col(key.column).is_null() for key in self.absent]
        if self.stage:
            parts.append(pl.col("stage") == self.stage)
        if self.status:
            parts.append(pl.col("status_code").is_in(self.status))
        if self.root is not None:
            parts.append(pl.col("parent_span_id").is_null() == self.root)
        return pl.all_horizontal(parts).fill_null(False) if parts else pl.lit(True)


@dataclass(frozen=True)
class SpanRule:
    """What a kind of span is: its stage, or its role around the stages. First match counts.

    A `default` row says what a span is unless a rule of the policy knows better: an emitter that
    calls every vendor call a generation does not say which of them transcribe or speak.
    """

    when: When
    stage: str | None = None
    role: str | None = None
    speech_to_speech: bool = False
    default: bool = False


@dataclass(frozen=True)
class Field:
    """Where a canonical column comes from: the first of `keys` that is recorded.

    `scale` multiplies numbers (seconds to milliseconds). `absent` is the value that a missing
    attribute stands for, where an emitter writes nothing when there was nothing. `add` takes the
    sum of `keys` instead of the first, for a count that is recorded in parts.
    """

    column: str
    keys: tuple[Key, ...]
    when: When = When()
    scale: float | None = None
    absent: str | None = None
    add: bool = False


@dataclass(frozen=True)
class Decode:
    """Canonical columns that a small function reads out of one text.

    `read` gets one distinct text and returns values by column name; missing names stay null.
    `columns` declares them. A column that an earlier row has filled is kept. The text is the first
    of `keys` that is recorded. Where content is spread over attributes with numbered names, or
    over span events, `source` takes them all instead: `attributes` as one JSON object, or two
    lines of them, `events` as a JSON list. Such a row is asked only for spans in which `marker`
    occurs and whose first column is still empty.
    """

    keys: tuple[Key, ...]
    read: Callable[[str], Mapping[str, Any]]
    columns: tuple[str, ...]
    when: When = When()
    source: Literal["keys", "attributes", "events"] = "keys"
    marker: str = ""


@dataclass(frozen=True)
class Sign:
    """An outcome that the emitter's spans show in their own way, other than by status."""

    when: When
    outcome: str  # ok, failed, empty, cancelled
    attribute: str
    sentence: str
    cause: str | None = None


@dataclass(frozen=True)
class Emitter:
    """One mapping: how to recognise the spans of a library and how to read them.

    `reads` and `blind_to` are for people: plain sentences on what the mapping takes from the spans,
    and on what no reading of them can show.
    """

    name: str
    title: str
    tier: Tier
    scopes: tuple[str, ...] = ()
    claims: tuple[Key, ...] = ()
    yields_to: tuple[Key, ...] = ()  # a span with one of these belongs to another mapping
    kinds: tuple[int, ...] = ()  # OTLP SpanKind numbers the claim is limited to
    operation: tuple[Key, ...] = ()
    spans: tuple[SpanRule, ...] = ()
    fields: tuple[Field, ...] = ()
    decodes: tuple[Decode, ...] = ()
    signs: tuple[Sign, ...] = ()
    first_token: str | None = None  # the event that says when a model's first token came
    unrecorded: tuple[str, ...] = ()  # text directions the library never records: "stage.text_in"
    turns_optional: bool = False  # requests are turns only in traces that have one
    reads: tuple[str, ...] = field(default=(), repr=False)
    blind_to: tuple[str, ...] = field(default=(), repr=False)

    def all_keys(self) -> set[Key]:
        """Every attribute key that the mapping looks at: the columns to promote."""
        keys = {*self.claims, *self.yields_to, *self.operation}
        for rule in self.spans:
            keys |= rule.when.keys()
        for row in self.fields:
            keys |= {*row.keys, *row.when.keys()}
        for decode in self.decodes:
            keys |= {*decode.keys, *decode.when.keys()}
        for sign in self.signs:
            keys |= sign.when.keys()
        return keys

    def turn_based(self) -> bool:
        """Whether requests are turns inside a trace rather than whole traces."""
        return not self.turns_optional and any(
            rule.role in ("turn", "user_turn", "agent_turn") for rule in self.spans
        )

    def claim(self) -> pl.Expr:
        """Whether a span is the mapping's own, over a raw span frame."""
        parts = [pl.col(key.column).is_not_null() for key in self.claims]
        if self.scopes:
            parts.append(matches_any(pl.col("scope_name"), self.scopes))
        kind = pl.col("kind").is_in(self.kinds) if self.kinds else pl.lit(True)
        free = [pl.col(key.column).is_null() for key in self.yields_to]
        return pl.all_horizontal(pl.any_horizontal(parts), kind, *free).fill_null(False)
