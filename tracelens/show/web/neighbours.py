"""Requests beside one: the other turns of its session, and failures that broke as it did."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tracelens.show.web.html import moment, safe, short_id
from tracelens.show.web.parts import link
from tracelens.show.words import counted


def requests_html(rows: Sequence[Mapping[str, Any]], *, links: bool = True) -> str:
    """A line per request: how it ended, when, and its verdict or cause; each leads to Explain."""
    lines = "".join(f"<li>{_line(row, links)}</li>" for row in rows)
    return f'<ul class="tl tl-list">{lines}</ul>'


def _line(row: Mapping[str, Any], links: bool) -> str:
    kind, sign = _sign(row)
    when = moment(row["start_unix_nano"])
    shown_id = safe(short_id(row["request_id"]))
    inner = (
        f'<span class="tl-is-{kind}">{sign}</span><span class="tl-muted">{when}</span>'
        f"<span>{safe(_said(row), limit=220)}</span><code>{shown_id}</code>"
    )
    return link(inner, "explain", kind="tl-line-link", id=row["request_id"]) if links else inner


def _sign(row: Mapping[str, Any]) -> tuple[str, str]:
    failed = row.get("failed", True)
    if failed is None:
        return "unknown", "? cannot tell"
    return ("fail", "✕ failed") if failed else ("good", "✓ passed")


def _said(row: Mapping[str, Any]) -> str:
    """The verdict where it is told, else stage and cause."""
    if row.get("verdict"):
        return str(row["verdict"])
    told = " · ".join(filter(None, (row.get("stage"), row.get("cause"))))
    return told.replace("_", " ") or "no failure found"


def extent_sentence(extent: Mapping[str, Any]) -> str:
    """Over what an id was looked for."""
    if not extent["requests"]:
        return "There are no requests in the store."
    first, last = (moment(extent[f"{each}_unix_nano"]) for each in ("first", "last"))
    what = counted(extent["requests"], "request")
    return f"The store holds {what}, from {first} to {last}."
