"""What the data can and cannot tell: how much of each stage and hand-over was recorded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tracelens.show.web.html import safe
from tracelens.show.web.parts import bar, share
from tracelens.show.words import counted

#: What is shown of the outcomes, what its record allows, and what is not told without it.
PLACES = {
    "transcription": ("Transcription", "what was recognised"),
    "transcription>reasoning": ("Transcription → reasoning", "both sides, to compare"),
    "reasoning": ("Reasoning", "what was asked and answered"),
    "reasoning>tool": ("Reasoning → tool", "both sides, to compare"),
    "reasoning>synthesis": ("Reasoning → synthesis", "both sides, to compare"),
    "synthesis": ("Synthesis", "what was spoken"),
}
FACTS = {"ttfa": ("Time to first audio", "when the answer began"), "cost": ("Cost", "a price")}


def coverage_html(
    outcomes: Sequence[Mapping[str, Any]], known: Mapping[str, int], requests: int
) -> str:
    """A line for each stage, hand-over and fact: of how many requests it is recorded.

    `outcomes` are counts (`at, outcome, n`), `known` requests with a cost and other facts.
    """
    lines = "".join(_line(*each) for each in _lines(outcomes, known, requests))
    return f'<ul class="tl tl-coverage">{lines}</ul>'


def _lines(
    outcomes: Sequence[Mapping[str, Any]], known: Mapping[str, int], requests: int
) -> Iterator[tuple[str, str, int, int]]:
    for at, (name, what) in PLACES.items():
        counts = {row["outcome"]: row["n"] for row in outcomes if row["at"] == at}
        needed = sum(counts.values()) - counts.get("not_expected", 0)
        if needed:
            yield name, what, needed - counts.get("not_recorded", 0), needed
    for key, (name, what) in FACTS.items():
        yield name, what, known.get(key, 0), requests


def _line(name: str, what: str, seen: int, needed: int) -> str:
    missing = needed - seen
    said = f"{what} · missing in {counted(missing, 'request')}" if missing else what
    return (
        f"<li><b>{safe(name)}</b><span>{safe(said)}</span>"
        f"{bar(seen, needed)}<em>{share(seen, needed)}</em></li>"
    )
