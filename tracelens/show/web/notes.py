"""What is odd about the spans of a request, in words for those who read its waterfall."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from tracelens.show.web.html import safe

WORDS: Final = {
    "missing_parent": "Spans refer to parents that are not here: the trace is incomplete.",
    "clock_skew": "A span begins before its parent: the clocks of two machines differ.",
    "cycle": "Spans are their own ancestors; the circle is cut where it is entered.",
    "duplicate_id": "A span was sent twice with two contents; one of them is shown.",
    "several_roots": "More than one span of the trace has no parent.",
    "zero_duration": "Spans begin and end at the same time.",
    "bad_cost": "A cost is negative or no number, and is not added up.",
    "bad_usage": "A count of usage is negative or impossible, and is left out.",
    "trace_too_large": "The trace has more spans than the policy judges; it is stored whole.",
    "unfinished": "A span has no end: its process stopped, or the rest was not sent.",
    "invalid_id": "A span came with an id that is none, and got one.",
}


def notes_html(notes: Sequence[str] | None) -> str:
    """A sentence per note; one without a sentence shows as it is called."""
    if not notes:
        return ""
    lines = "".join(f"<li>{safe(WORDS.get(note, note.replace('_', ' ')))}</li>" for note in notes)
    return f'<ul class="tl tl-odd" aria-label="What is odd about the trace">{lines}</ul>'
