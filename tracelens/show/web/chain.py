"""The way to the first audio as a small table: each part, its budget, and what is left."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tracelens.analyse import Explanation
from tracelens.show.chain import PARTS, tells
from tracelens.show.web.html import duration

HEADS = ("Part", "Took", "Budget")


def chain_html(explained: Explanation) -> str:
    """A row per part and one for the whole; empty where too little is known of it."""
    if not tells(explained.chain):
        return ""
    heads = "".join(f'<th scope="col">{name}</th>' for name in HEADS)
    rows = "".join(map(_row, explained.chain))
    return (
        '<table class="tl tl-table tl-chain"><caption class="tl-only-read">Time to the first audio,'
        " each part from the end of the one before</caption>"
        f"<thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>"
    )


def _row(row: Mapping[str, Any]) -> str:
    over = None not in (row["ms"], row["budget_ms"]) and row["ms"] > row["budget_ms"]
    took = "not recorded" if row["ms"] is None else duration(row["ms"])
    mark = " ~ over budget" if over else ""
    return (
        f'<tr><th scope="row">{PARTS[row["part"]]}</th><td>{took}{mark}</td>'
        f"<td>{duration(row['budget_ms'])}</td></tr>"
    )
