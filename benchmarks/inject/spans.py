"""Writes OTLP spans for the dialects and keeps beside them what the spans do not say.

A `Pen` knows of each span which case and stage it belongs to and whether its error was handled;
none of that is written out. It also applies what a recording does to the truth: content that is
not captured, statuses that are never set, clocks that are coarse or off, spans in any order.
"""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from benchmarks.inject.pipeline import Run, Trouble

START = 1_790_000_000_000_000_000
Span = dict[str, Any]


@dataclass(frozen=True)
class Quirks:
    """How a service records: signs it leaves out, and what its clocks and statuses are like."""

    hidden: frozenset[str] = frozenset()
    unset: bool = False
    coarse: bool = False
    skew: float = 0.0


@dataclass
class Turn:
    """One case of a talk: the run, where it starts in ms from the talk's start, and its id."""

    case: str
    run: Run
    start: float


@dataclass
class Talk:
    """Requests of one session, in order, by one service in one dialect."""

    session: str
    service: str
    kind: str
    turns: list[Turn]
    quirks: Quirks
    start: int
    gateway: bool = False


@dataclass
class Mark:
    """What is known of a span and not written in it."""

    span: Span
    case: str
    stage: str
    scope: str
    error: bool
    handled: bool


@dataclass
class Pen:
    """Collects the spans of one talk."""

    talk: Talk
    rng: random.Random
    scope: str = ""
    trace: str = ""
    turn: Turn | None = None
    marks: list[Mark] = field(default_factory=list)

    def new_trace(self) -> str:
        """Begin a trace; later spans belong to it."""
        self.trace = f"{self.rng.getrandbits(128):032x}"
        return self.trace

    def new_id(self) -> str:
        """A span id."""
        return f"{self.rng.getrandbits(64):016x}"

    def hides(self, sign: str) -> bool:
        """Whether this service leaves a sign unrecorded."""
        return sign in self.talk.quirks.hidden

    def text(self, sign: str, value: Any) -> Any:
        """The value, or None where it is not captured."""
        return None if self.hides(sign) else value

    def span(
        self,
        name: str,
        start: float,
        end: float,
        parent: str = "",
        *,
        stage: str = "",
        kind: int = 1,
        trouble: Trouble | None = None,
        handled: bool = False,
        event: bool = True,
        ok: bool = False,
        says_error: bool = True,
        message: str | None = None,
        scope: str = "",
        span_id: str = "",
        stray: bool = False,
        attributes: Mapping[str, Any] | None = None,
        events: Sequence[tuple[str, float, Mapping[str, Any]]] = (),
    ) -> str:
        """Write one span; times are ms from the start of the turn, ids come back.

        `event` asks for an exception event, `says_error` for an ERROR status; `ok` sets OK where
        nothing was raised; `stray` spans are written where they do not belong and count for no
        case. Attributes that are None are left out.
        """
        shift = self.turn.start if self.turn else 0.0
        off = self.talk.quirks.skew if stage == "transcription" else 0.0
        begin, finish = self._nanos(start + shift + off), self._nanos(end + shift + off)
        pairs = {k: v for k, v in (attributes or {}).items() if v is not None}
        noted = [self._event(name, at + shift + off, more) for name, at, more in events]
        status: dict[str, Any] = {"code": 1} if ok else {}
        if trouble and says_error:
            said = f"{trouble.name}: {trouble.message}" if message is None else message
            status = {"code": 2, "message": said} if said else {"code": 2}
        if trouble and event:
            what = {"exception.type": trouble.name, "exception.message": trouble.message}
            noted.append(self._event("exception", end + shift + off, what))
        if self.talk.quirks.unset:
            status = {}
        ident = span_id or self.new_id()
        span: Span = {
            "traceId": self.trace,
            "spanId": ident,
            "name": name,
            "kind": kind,
            "startTimeUnixNano": str(begin),
            "endTimeUnixNano": str(max(begin, finish)),
            "attributes": [{"key": key, "value": any_value(each)} for key, each in pairs.items()],
            "events": noted,
            "status": status,
        }
        if parent:
            span["parentSpanId"] = parent
        case = self.turn.case if self.turn and not stray else ""
        error = trouble is not None and (event or says_error)
        self.marks.append(Mark(span, case, stage, scope or self.scope, error, handled and error))
        return ident

    def _event(self, name: str, at: float, more: Mapping[str, Any]) -> dict[str, Any]:
        pairs = [{"key": key, "value": any_value(each)} for key, each in more.items()]
        return {"name": name, "timeUnixNano": str(self._nanos(at)), "attributes": pairs}

    def _nanos(self, ms: float) -> int:
        if self.talk.quirks.coarse:
            return self.talk.start + round(ms) * 1_000_000
        return self.talk.start + int(ms * 1_000_000)


def any_value(content: Any) -> dict[str, Any]:
    """An AnyValue of OTLP/JSON."""
    if isinstance(content, bool):
        return {"boolValue": content}
    if isinstance(content, int):
        return {"intValue": str(content)}
    if isinstance(content, float):
        return {"doubleValue": content}
    if isinstance(content, list | tuple):
        return {"arrayValue": {"values": [any_value(each) for each in content]}}
    return {"stringValue": str(content)}


def export_lines(pen: Pen) -> list[str]:
    """The talk's spans as one or two OTLP/JSON export requests, in no particular order."""
    marks = list(pen.marks)
    pen.rng.shuffle(marks)
    cut = pen.rng.randrange(1, len(marks)) if len(marks) > 3 and pen.rng.random() < 0.4 else 0
    resource = {"attributes": [{"key": "service.name", "value": any_value(pen.talk.service)}]}
    return [_request(resource, part) for part in (marks[:cut], marks[cut:]) if part]


def _request(resource: Mapping[str, Any], marks: Sequence[Mark]) -> str:
    scopes: dict[str, list[Span]] = {}
    for mark in marks:
        scopes.setdefault(mark.scope, []).append(mark.span)
    listed = [{"scope": {"name": name}, "spans": spans} for name, spans in scopes.items()]
    request = {"resourceSpans": [{"resource": resource, "scopeSpans": listed}]}
    return json.dumps(request, separators=(",", ":"), ensure_ascii=False)
