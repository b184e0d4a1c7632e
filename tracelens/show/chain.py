"""The way to the first audio in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

#: The rows of `Explanation.chain`, as people read them.
PARTS: Final = {
    "transcript": "Transcript",
    "first_token": "First token",
    "first_audio": "First audio",
    "residual": "The rest",
    "ttfa": "Until the first audio",
}


def chain_sentence(chain: Sequence[Mapping[str, Any]]) -> str | None:
    """`First audio after 1,015 ms: transcript 658 ms, …`; none where too little is known."""
    if not tells(chain):
        return None
    *parts, whole = chain
    told = ", ".join(f"{PARTS[row['part']].lower()} {_took(row)}" for row in parts)
    known = whole["ms"] is not None
    return f"First audio after {_took(whole)}: {told}" if known else f"To the first audio: {told}"


def tells(chain: Sequence[Mapping[str, Any]]) -> bool:
    """Whether the whole is known, or two parts at least: one alone is its stage's time."""
    known = [row["part"] for row in chain if row["ms"] is not None]
    return "ttfa" in known or len(known) > 1


def _took(row: Mapping[str, Any]) -> str:
    took = "not recorded" if row["ms"] is None else f"{row['ms']:,.0f} ms"
    return took if row["budget_ms"] is None else f"{took} (budget {row['budget_ms']:,.0f} ms)"
