"""Lays the spans of a request out in time: rows under their parents, places as shares of a window.

A long trace is cut to the rows that say most: what failed, what the evidence names, what the time
went to, then the longest, each with its parents.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

from tracelens.analyse import Explanation
from tracelens.model import STAGES

ROWS_SHOWN: Final = 100
#: Share of the longest span below which a span of a long trace is no more than a line.
VISIBLE: Final = 0.005
#: Pieces of the lane; beyond that each is thinner than a pixel.
PIECES_SHOWN: Final = 400
TICKS: Final = 5
#: How far beyond the request, in its durations, spans may make the window reach.
REACH: Final = 2

Span = Mapping[str, Any]


@dataclass(frozen=True)
class Window:
    """From when to when, in ns; places in it are shares of it, cut to 0–1."""

    start: int
    end: int

    def share(self, nanos: int) -> float:
        """Where a moment lies."""
        whole = self.end - self.start
        return min(1.0, max(0.0, (nanos - self.start) / whole)) if whole > 0 else 0.0


@dataclass(frozen=True)
class Bar:
    """Where something begins and ends, as shares of the window."""

    stage: str | None
    left: float
    right: float

    @property
    def width(self) -> float:
        """As a share of the window."""
        return self.right - self.left


@dataclass(frozen=True)
class Row:
    """One span: its depth below a root, its bar (None without times), and what is folded below."""

    span: Span
    depth: int
    bar: Bar | None
    failed: bool
    orphan: bool  # its parent is not among the spans
    folded: int  # spans below it that have no row


@dataclass(frozen=True)
class HandOver:
    """When a stage got what the one before it gave, as a share of the window."""

    at: str
    place: float
    outcome: str


@dataclass(frozen=True)
class Timeline:
    """What a waterfall shows; `hidden` counts spans that have no row."""

    window: Window | None
    rows: list[Row]
    lane: list[Bar]
    hand_overs: list[HandOver]
    ticks: list[tuple[float, float]]  # share of the window, ms since the request began
    hidden: int


def lay_out(
    explained: Explanation, *, selected: str | None = None, limit: int = ROWS_SHOWN
) -> Timeline:
    """The timeline of a request; the row of `selected` is always there."""
    request, spans = explained.request, explained.spans
    window = _window(request, spans)
    named = {row["span_id"] for row in request["evidence"] if row["result"] == "fails"}
    tree = _Tree(spans)
    kept = tree.keep(_ranked(spans, named, selected), limit)
    rows = list(_rows(request, tree, kept, window, named))
    return Timeline(
        window,
        rows,
        _lane(explained.lane, window) if window else [],
        list(_hand_overs(explained, window)) if window else [],
        _ticks(window, request["start_unix_nano"]) if window else [],
        len(spans) - len(rows),
    )


def _window(request: Mapping[str, Any], spans: Sequence[Span]) -> Window | None:
    """The request, and what its spans reach beyond it, unless that is far: clocks may be wrong."""
    times = [(s["start_unix_nano"], s["end_unix_nano"] or s["start_unix_nano"]) for s in spans]
    known = [each for each in times if each[0] is not None]
    start = request["start_unix_nano"]
    if start is None:
        if not known:
            return None
        start = min(first for first, _ in known)
    lasts = round((request["duration_ms"] or 0) * 1e6)
    lasts = lasts or max([last - start for _, last in known], default=0)
    reach = REACH * lasts
    near = [e for e in known if e[0] >= start - reach and e[1] <= start + lasts + reach]
    first = min([start, *(each[0] for each in near)])
    last = max([start + lasts, *(each[1] for each in near)])
    return Window(first, last) if last > first else Window(first, first + 1_000_000)


class _Tree:
    """Spans by their parents, in the order they are given; circles are cut."""

    def __init__(self, spans: Sequence[Span]) -> None:
        self.spans = {span["id"]: span for span in spans}
        self.below: dict[str, list[str]] = {}
        self.roots: list[str] = []
        for span in spans:
            if span["parent"] in self.spans:
                self.below.setdefault(span["parent"], []).append(span["id"])
            else:
                self.roots.append(span["id"])
        self.depths: dict[str, int] = {}
        self.order: list[str] = []
        self.above: dict[str, str | None] = {}
        self.stages: dict[str, str | None] = {}
        for root in (*self.roots, *self.spans):
            self._visit(root)

    def _visit(self, root: str) -> None:
        waiting: list[tuple[str, int, str | None]] = [(root, 0, None)]
        while waiting:
            span_id, depth, above = waiting.pop()
            if span_id in self.depths:
                continue
            self.depths[span_id] = depth
            self.above[span_id] = above
            span = self.spans[span_id]
            self.stages[span_id] = span["stage"] or (self.stages[above] if above else None)
            self.order.append(span_id)
            waiting += [
                (each, depth + 1, span_id) for each in reversed(self.below.get(span_id, []))
            ]

    def keep(self, ranked: Sequence[str], limit: int) -> set[str]:
        """At most `limit` spans, the first ones of `ranked` with all that is above them."""
        if len(self.spans) <= limit:
            return set(self.spans)
        kept: set[str] = set()
        for span_id in ranked:
            climbed: list[str] = []
            at: str | None = span_id
            while at is not None and at not in kept and len(climbed) < limit:
                climbed.append(at)
                at = self.above[at]
            if len(kept) + len(climbed) <= limit:
                kept.update(climbed)
            if len(kept) == limit:
                break
        return kept

    def folded(self, kept: set[str]) -> Counter[str]:
        """How many spans below each kept one, and below no kept one between, have no row."""
        counts: Counter[str] = Counter()
        for span_id in reversed(self.order):
            above = self.above[span_id]
            if span_id not in kept and above is not None:
                counts[above] += counts.pop(span_id, 0) + 1
        return counts


def _ranked(spans: Sequence[Span], named: set[str], selected: str | None) -> list[str]:
    """Ids, those first whose rows say most; those of many spans that say nothing are left out."""
    longest = max([span["duration_ms"] or 0 for span in spans], default=0)
    telling = [
        span
        for span in spans
        if span["id"] in named
        or span["id"] == selected
        or span["status"] == "error"
        or span["stage"] is not None
        or (span["duration_ms"] or 0) >= longest * VISIBLE
    ]
    telling.sort(
        key=lambda span: (
            span["id"] != selected,
            span["id"] not in named,
            span["status"] != "error",
            span["stage"] is None,
            not span["on_critical_path"],
            -(span["duration_ms"] or 0),
        )
    )
    return [span["id"] for span in telling]


def _rows(
    request: Mapping[str, Any], tree: _Tree, kept: set[str], window: Window | None, named: set[str]
) -> Iterator[Row]:
    folded = tree.folded(kept)
    for span_id in tree.order:
        if span_id in kept:
            span = tree.spans[span_id]
            yield Row(
                span,
                tree.depths[span_id],
                _bar(span, tree.stages[span_id], window) if window else None,
                span["status"] == "error" or span_id in named,
                _is_orphan(span, tree, request),
                folded[span_id],
            )


def _is_orphan(span: Span, tree: _Tree, request: Mapping[str, Any]) -> bool:
    """Whether a span misses its parent; that of the request may hang below a whole session."""
    own = span["id"] == request["request_span_id"]
    return bool(span["parent"]) and span["parent"] not in tree.spans and not own


def _bar(span: Span, stage: str | None, window: Window) -> Bar | None:
    start = span["start_unix_nano"]
    if start is None:
        return None
    end = max(start, span["end_unix_nano"] or start)
    return Bar(stage, window.share(start), window.share(end))


def _lane(pieces: Sequence[Mapping[str, Any]], window: Window) -> list[Bar]:
    """The critical path; of very many pieces, the longest of each stretch stands for it."""
    bars = [
        Bar(
            piece["stage"],
            window.share(piece["start_unix_nano"]),
            window.share(piece["end_unix_nano"]),
        )
        for piece in pieces
    ]
    if len(bars) <= PIECES_SHOWN:
        return bars
    stretches: dict[int, Bar] = {}
    for bar in bars:
        for cell in range(int(bar.left * PIECES_SHOWN), math.ceil(bar.right * PIECES_SHOWN)):
            best = stretches.get(cell)
            if best is None or bar.width > best.width:
                stretches[cell] = bar
    return [
        Bar(bar.stage, cell / PIECES_SHOWN, (cell + 1) / PIECES_SHOWN)
        for cell, bar in sorted(stretches.items())
    ]


def _hand_overs(explained: Explanation, window: Window) -> Iterator[HandOver]:
    """Where a stage begins after the one before it has run, and how the hand-over went."""
    request = explained.request
    outcomes = {row["at"]: row["outcome"] for row in request["outcomes"]}
    starts = {span["id"]: span["start_unix_nano"] for span in explained.spans}
    took = {
        row["at"]: starts.get(row["span_id"])
        for row in request["evidence"]
        if row["check"] == "hand_over" and row["result"] == "fails"
    }
    for giver, taker in pairwise(STAGES):
        at = f"{giver}>{taker}"
        moment = took.get(at) or _taken(request["stage_runs"] or [], giver, taker)
        if at in outcomes and moment is not None:
            yield HandOver(at, window.share(moment), outcomes[at])


def _taken(runs: Sequence[Mapping[str, Any]], giver: str, taker: str) -> int | None:
    """When the taker first ran once the giver had begun."""
    given = [run["start_unix_nano"] for run in runs if run["stage"] == giver]
    begun = min((at for at in given if at is not None), default=None)
    later = [run["start_unix_nano"] for run in runs if run["stage"] == taker]
    if begun is None:
        return None
    return min((at for at in later if at is not None and at >= begun), default=None)


def _ticks(window: Window, zero: int | None) -> list[tuple[float, float]]:
    """Round times, counted from the start of the request."""
    zero = window.start if zero is None else zero
    first, last = (window.start - zero) / 1e6, (window.end - zero) / 1e6
    rough = (last - first) / TICKS
    power = 10 ** math.floor(math.log10(rough))
    step = next(power * each for each in (1, 2, 5, 10) if power * each >= rough)
    count = math.floor(last / step) - math.ceil(first / step) + 1
    times = [(math.ceil(first / step) + number) * step for number in range(count)]
    return [(window.share(zero + round(ms * 1e6)), ms) for ms in times]
