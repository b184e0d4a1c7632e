"""Spans of Logfire that were sent when they began, held back until they have ended.

Source: logfire _internal/tracer.py, PendingSpanProcessor: the copy has an id of its own, the real
span as parent, the attributes it began with, and `logfire.span_type` = `pending_span`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from tracelens.read.parts import Envelope, Parts, Place

SPAN_TYPE: Final = "logfire.span_type"
PENDING: Final = "pending_span"
#: So many are held back; the oldest are let go.
_HELD: Final = 20_000
#: So many ended spans are remembered, for copies that come after them.
_REMEMBERED: Final = 1_000_000

Held = tuple[Place, Envelope, Parts, list[str]]
Key = tuple[str, str]


class Pending:
    """Copies by the (trace id, span id) of the real span, and the real spans that were there."""

    def __init__(self) -> None:
        self.real: set[Key] = set()
        self.waiting: dict[Key, list[Held]] = {}

    def wait(self, key: Key, held: Held) -> None:
        """Hold a copy back until its real span comes."""
        self.waiting.setdefault(key, []).append(held)

    def ended(self, key: Key) -> int:
        """Note a real span; return how many copies of it were held back, which are dropped."""
        if len(self.real) < _REMEMBERED:
            self.real.add(key)
        return len(self.waiting.pop(key, ()))

    def overflow(self) -> list[Held]:
        """The copies that have waited longest, when there are too many."""
        if len(self.waiting) <= _HELD:
            return []
        return self.waiting.pop(next(iter(self.waiting)))

    def rest(self) -> Iterator[Held]:
        """All copies that are still held back, in the order in which they came."""
        waiting, self.waiting = self.waiting, {}
        return (held for each in waiting.values() for held in each)
