"""The evidence table: what each check saw, what speaks against the request first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tracelens.show.web.html import safe

RESULTS = {"fails": ("fail", "✕ fails"), "passes": ("good", "✓ passes")}
NO_DATA = ("unknown", "– no data")
ORDER = ("fails", "no_data", "passes")


def evidence_html(rows: Sequence[Mapping[str, Any]]) -> str:
    """A row per check: result, check, where, what was seen, and in which attribute."""
    ordered = sorted(rows, key=lambda row: ORDER.index(row["result"]))
    body = "".join(_row(row) for row in ordered)
    heads = "".join(f'<th scope="col">{name}</th>' for name in ("Result", "Check", "What was seen"))
    return (
        f'<div class="tl tl-scroll" tabindex="0" role="region" aria-label="Evidence">'
        f'<table class="tl-table"><thead><tr>{heads}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def _row(row: Mapping[str, Any]) -> str:
    kind, word = RESULTS.get(row["result"], NO_DATA)
    at = str(row["at"] or "").replace(">", " → ")
    where = f"<small><code>{safe(row['attribute'])}</code></small>" if row["attribute"] else ""
    return (
        f'<tr><td class="tl-is-{kind}">{word}</td>'
        f"<td>{safe(str(row['check']).replace('_', ' '))}<small>{safe(at)}</small></td>"
        f"<td>{safe(row['sentence'], limit=600)}{where}</td></tr>"
    )
