"""The rail: the pipeline from input to output, and what became of each stage and hand-over."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tracelens.analyse import Explanation
from tracelens.model import STAGES
from tracelens.show.web.costs import stage_cost
from tracelens.show.web.html import duration, money, safe

#: How an outcome is shown: its kind, its glyph, and the word beside it.
OUTCOMES = {
    "ok": ("good", "✓", "ok"),
    "failed": ("fail", "✕", "failed"),
    "missing": ("fail", "✕", "missing"),
    "degraded": ("warn", "~", "degraded"),
    "inherited": ("inherited", "✓", "inherited"),
    "cancelled": ("unused", "⊘", "cancelled"),
    "not_recorded": ("unknown", "?", "not recorded"),
    "not_expected": ("unused", "–", "not used"),
}
#: Between two stages without a comparison.
UNSEEN = ("unknown", "?", "no evidence")
MAIN = ("input>transcription", "transcription>reasoning", "reasoning>synthesis", "synthesis>output")


def rail_html(explained: Explanation) -> str:
    """Stages as cards, hand-overs as marks between them, and hand-overs beside the main line."""
    request = explained.request
    outcomes = {row["at"]: row["outcome"] for row in request["outcomes"]}
    cards = [_end("Input", request["input_modalities"])]
    cards += [_stage(stage, explained, outcomes.get(stage)) for stage in STAGES]
    cards += [_end("Output", request["output_modalities"])]
    marks = [_mark(at, outcomes, request["boundary"]) for at in MAIN]
    steps = [cards[0]] + [part for pair in zip(marks, cards[1:], strict=True) for part in pair]
    beside = "".join(_beside(outcomes, request["boundary"]))
    return f'<ol class="tl tl-rail" aria-label="Pipeline">{"".join(steps)}</ol>{beside}'


def _end(name: str, modalities: list[str] | None) -> str:
    kinds = ", ".join(modalities or []) or "not recorded"
    return f'<li class="tl-step tl-end"><b>{name}</b><span>{safe(kinds)}</span></li>'


def _stage(stage: str, explained: Explanation, outcome: str | None) -> str:
    request = explained.request
    kind, glyph, word = OUTCOMES[outcome or "not_expected"]
    if kind != "fail" and request["failed"] and request["stage"] == stage and request["boundary"]:
        # It ran without a fault of its own, and what it gave did not arrive.
        what = "tool call" if request["boundary"].endswith(">tool") else "hand-over"
        kind, glyph, word = "fail", "✕", f"{what} failed"
    spent = explained.critical_path.get(stage)
    models = (request["models"] or {}).get(stage) or []
    costs = stage_cost(stage, explained.cost)
    facts = [duration(spent)] if spent is not None else []
    facts += [money(costs)] if costs is not None else []
    lines = [" · ".join(facts), ", ".join(models)]
    shown = "".join(f"<span>{safe(line, limit=60)}</span>" for line in lines if line)
    return (
        f'<li class="tl-step tl-stage tl-{stage} tl-is-{kind}"><b>{stage.capitalize()}</b>{shown}'
        f'<span class="tl-word">{glyph} {word}</span></li>'
    )


def _mark(at: str, outcomes: Mapping[str, str], broke: str | None) -> str:
    """The mark of a hand-over; of one that nobody could compare, that there is no evidence."""
    giver, _, taker = at.partition(">")
    used = [outcomes.get(stage) for stage in (giver, taker) if stage in STAGES]
    kind, glyph, word = OUTCOMES[outcomes[at]] if at in outcomes else UNSEEN
    if at not in outcomes and set(used) & {"not_expected", None}:
        kind, glyph, word = OUTCOMES["not_expected"]
    if at == broke:
        word = "first"
    label = f"{giver} to {taker}: {word}"
    return (
        f'<li class="tl-mark tl-is-{kind}" title="{label}"><i aria-hidden="true">{glyph}</i>'
        f'<span aria-hidden="true">{word}</span><span class="tl-only-read">{label}</span></li>'
    )


def _beside(outcomes: Mapping[str, Any], broke: str | None) -> Iterator[str]:
    """Hand-overs that are not on the main line: tools, images, answers in text."""
    rows = [at for at in outcomes if ">" in at and at not in MAIN]
    if rows:
        parts = []
        for at in rows:
            kind, glyph, word = OUTCOMES[outcomes[at]]
            word = f"{word} first" if at == broke else word
            name = safe(at.replace(">", " → "))
            parts.append(f'<li class="tl-is-{kind}"><i>{glyph}</i> {name}: {word}</li>')
        yield f'<ul class="tl tl-beside">{"".join(parts)}</ul>'
