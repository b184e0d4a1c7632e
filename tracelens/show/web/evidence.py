"""The evidence table: what each check saw, what speaks against the request first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tracelens.show.usual import usual_sentence
from tracelens.show.web.html import safe
from tracelens.show.web.parts import link

RESULTS = {"fails": ("fail", "✕ fails"), "passes": ("good", "✓ passes")}
NO_DATA = ("unknown", "– no data")
#: What comes first; results of other names count as none.
ORDER = {"fails": 0, "passes": 2}
HEADS = ("Result", "Check", "What was seen")
#: Characters of what a check saw and of what it needed.
VALUE_SHOWN = 120


def evidence_html(
    rows: Sequence[Mapping[str, Any]], *, request_id: str | None = None, selected: str | None = None
) -> str:
    """A row per check: result, check, where, what was seen, and in which attribute.

    With a `request_id` each row leads to its span; that of the `selected` one is marked.
    """
    if not rows:
        return '<p class="tl tl-more">No check had anything to look at.</p>'
    ordered = sorted(rows, key=lambda row: ORDER.get(row["result"], 1))
    body = "".join(_row(row, request_id, selected) for row in ordered)
    heads = "".join(f'<th scope="col">{name}</th>' for name in HEADS)
    return (
        f'<div class="tl tl-scroll" tabindex="0" role="region" aria-label="Evidence">'
        f'<table class="tl-table tl-checks"><thead><tr>{heads}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def usual_html(rows: Sequence[Mapping[str, Any]]) -> str:
    """A line on what requests of this kind usually have in their service; empty if not known."""
    sentence = usual_sentence(rows)
    return f'<p class="tl tl-more">{safe(sentence)}.</p>' if sentence else ""


def _row(row: Mapping[str, Any], request_id: str | None, selected: str | None) -> str:
    kind, word = RESULTS.get(row["result"], NO_DATA)
    at = safe(str(row["at"] or "").replace(">", " → "))
    check = safe(str(row["check"]).replace("_", " "))
    if request_id and row["span_id"]:
        check = link(check, "explain", kind="tl-link", id=request_id, span=row["span_id"])
    chosen = ' class="tl-chosen"' if selected and row["span_id"] == selected else ""
    return (
        f'<tr{chosen}><td class="tl-is-{kind}">{word}</td>'
        f"<td>{check}<small>{at}</small></td>"
        f"<td>{safe(row['sentence'], limit=600)}{_values(row)}</td></tr>"
    )


def _values(row: Mapping[str, Any]) -> str:
    """The attribute, and what it was where it should have been something else."""
    parts = [f"<code>{safe(row['attribute'])}</code>"] if row["attribute"] else []
    # Of a hand-over these are the two texts, which stand beside the table with their differences.
    if row["check"] != "hand_over" and row["needed"] is not None:
        value = safe(row["value"] or "empty", limit=VALUE_SHOWN)
        parts.append(f"{value}; needed: {safe(row['needed'], limit=VALUE_SHOWN)}")
    return f"<small>{' · '.join(parts)}</small>" if parts else ""
