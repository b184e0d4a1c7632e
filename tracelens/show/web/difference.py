"""What changed at each boundary: what one stage emitted over what the next one received."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any

from tracelens.analyse import Explanation
from tracelens.show.web.html import safe
from tracelens.show.words import counted

#: Words around a change that are shown of a long text, and what counts as long.
AROUND = 12
LONG = 60
#: Characters of one text that a page shows.
SHOWN = 20_000

Run = tuple[str, list[str]]


def differences_html(explained: Explanation) -> str:
    """A card per compared hand-over, the broken one open; and a note where none could be."""
    compared = [row for row in explained.texts if "boundary" in row]
    unseen = [
        row
        for row in explained.request["evidence"]
        if row["check"] == "hand_over" and row["result"] == "no_data"
    ]
    cards = [_card(row) for row in sorted(compared, key=lambda row: row["result"] != "fails")]
    cards += [_unseen(row) for row in unseen]
    if not cards:
        cards = [_nothing(explained)]
    return f'<div class="tl tl-diffs">{"".join(cards)}</div>'


def _card(row: Mapping[str, Any]) -> str:
    giver, _, taker = str(row["boundary"]).partition(">")
    runs = _runs(row.get("diff") or [])
    broken = row["result"] == "fails"
    inner = _side(f"{giver} emitted", _emitted(runs)) + _side(f"{taker} received", _received(runs))
    state, kind = ("open", "tl-fail") if broken else ("", "tl-good")
    return (
        f'<details class="tl-diff {kind}" {state}><summary><b>{_name(row["boundary"])}</b>'
        f"<span>{_counts(runs, broken)}</span></summary>{inner}</details>"
    )


def _name(boundary: str) -> str:
    return safe(boundary.replace(">", " → ").capitalize())


def _side(label: str, words: str) -> str:
    return f'<div class="tl-side"><span>{safe(label.capitalize())}</span><p>{words}</p></div>'


def _counts(runs: Sequence[Run], broken: bool) -> str:
    counts = Counter({"dropped": 0, "added": 0})
    for op, words in runs:
        counts[op] += len(words)
    if not counts["dropped"] + counts["added"]:
        return "✕ not the same" if broken else "✓ the same words"
    sign = "✕" if broken else "✓"
    return f"{sign} {counts['dropped']:,} dropped · {counts['added']:,} added"


def _runs(diff: Sequence[Mapping[str, str]]) -> list[Run]:
    """Neighbouring words with the same fate in one; equal words far from any change are left out.

    A run of the kind `cut` stands for words left out.
    """
    runs = [(op, [w["text"] for w in words]) for op, words in groupby(diff, key=itemgetter("op"))]
    if sum(len(words) for _, words in runs) <= LONG:
        return runs
    return [part for place, run in enumerate(runs) for part in _cut(run, place, len(runs))]


def _cut(run: Run, place: int, count: int) -> Iterator[Run]:
    op, words = run
    before = AROUND if place else 0
    after = AROUND if place < count - 1 else 0
    if count == 1:
        before = LONG
    if op != "equal" or len(words) <= before + after + 1:
        yield run
        return
    if before:
        yield "equal", words[:before]
    yield "cut", words[before : len(words) - after]
    if after:
        yield "equal", words[-after:]


def _emitted(runs: Sequence[Run]) -> str:
    """The text as it was given; what got lost is struck out."""
    parts = []
    for op, words in runs:
        if op == "dropped":
            parts.append(f'<del><span class="tl-only-read">dropped: </span>{_words(words)}</del>')
        elif op != "added":
            parts.append(_kept(op, words))
    return " ".join(parts) or '<em class="tl-muted">nothing</em>'


def _received(runs: Sequence[Run]) -> str:
    """The text as it arrived; a gap where words are missing, a line under those that are new."""
    parts = []
    for place, (op, words) in enumerate(runs):
        before = runs[place - 1][0] if place else ""
        after = runs[place + 1][0] if place + 1 < len(runs) else ""
        if op == "dropped" and after != "added":
            gap = min(max(len(" ".join(words)), 3), 24)
            parts.append(
                f'<span class="tl-gap" style="width:{gap * 0.55:.1f}em">'
                '<span class="tl-only-read">missing here</span></span>'
            )
        elif op == "added":
            kind, word = ("tl-changed", "changed to") if before == "dropped" else ("", "added")
            parts.append(
                f'<ins class="{kind}"><span class="tl-only-read">{word}: </span>'
                f"{_words(words)}</ins>"
            )
        elif op != "dropped":
            parts.append(_kept(op, words))
    return " ".join(parts) or '<em class="tl-muted">nothing</em>'


def _kept(op: str, words: Sequence[str]) -> str:
    if op == "cut":
        left = counted(len(words), "word")
        return f'<span class="tl-muted" title="words left out">[… {left} …]</span>'
    return _words(words)


def _words(words: Sequence[str]) -> str:
    return safe(" ".join(words), limit=SHOWN)


def _unseen(row: Mapping[str, Any]) -> str:
    return (
        f'<div class="tl-diff tl-unknown"><div class="tl-summary"><b>{_name(row["at"])}</b>'
        "<span>– no data</span></div>"
        f'<div class="tl-side"><p>{safe(_sentence(row))}</p></div></div>'
    )


def _sentence(row: Mapping[str, Any]) -> str:
    text = str(row["sentence"] or "")
    return f"{text[:1].upper()}{text[1:]}."


def _nothing(explained: Explanation) -> str:
    said = "Texts are recorded, but no two sides of a boundary to compare."
    if not explained.texts:
        said = (
            "No text is recorded at any boundary. The verdict rests on what was called, when, and"
            " how it ended."
        )
    return f'<div class="tl-note"><p>{said}</p></div>'


def texts_html(explained: Explanation) -> str:
    """All that the stages received and emitted, as recorded; nothing when there is nothing."""
    rows = [row for row in explained.texts if "text" in row]
    if not rows:
        return ""
    inner = "".join(
        _side(f"{row['stage']} {row['side']}", safe(row["text"], limit=SHOWN)) for row in rows
    )
    return (
        f'<div class="tl tl-diffs"><details class="tl-diff"><summary><b>Everything recorded</b>'
        f"<span>{counted(len(rows), 'text')}</span></summary>{inner}</details></div>"
    )
