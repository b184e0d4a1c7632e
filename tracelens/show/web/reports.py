"""Bug reports for people: each with what it says and the verdict on the request that it means."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tracelens.show.web.failures import how_it_showed
from tracelens.show.web.html import moment, safe
from tracelens.show.web.parts import Column, link, stage_mark, table
from tracelens.show.words import counted

Report = Mapping[str, Any]

SAID_SHOWN = 200
VERDICT_SHOWN = 200

LISTED = (
    Column("Report", "text"),
    Column("Status"),
    Column("When, UTC", "when"),
    Column("What was said", "wide"),
    Column("Broke at", "short"),
    Column("Verdict", "wide"),
    Column("Change", "short"),
)


def reports_sentence(rows: Sequence[Report]) -> str:
    """How many reports there are, how many are open, and how many are answered."""
    if not rows:
        return "No bug reports yet."
    is_open = sum(str(row["status"]).lower() == "open" for row in rows)
    met = sum(row["matches"] > 0 for row in rows)
    verb = "means" if met == 1 else "mean"
    return f"{counted(len(rows), 'bug report')}, {is_open:,} open; {met:,} {verb} a stored request."


def reports_html(rows: Sequence[Report], name: str = "Bug reports") -> str:
    """Reports, one row each; the id leads to the page Explain, the last cell to a form."""
    return table(name, LISTED, (list(_report(row)) for row in rows))


def _report(row: Report) -> Iterator[str]:
    name = row["report_id"]
    shown = safe(name, limit=40)
    yield link(shown, "explain", title=f"Explain {name}", id=name) if row["matches"] else shown
    yield safe(row["status"], limit=40)
    yield moment(row["reported_unix_nano"]).removesuffix(" UTC")
    corrected = row["corrected_text"]
    below = f"<small>corrected: {safe(corrected, limit=SAID_SHOWN)}</small>" if corrected else ""
    yield safe(row["said"], limit=SAID_SHOWN) + below
    yield from _verdict(row)
    yield link("Change", "bug_reports", title=f"Change {name}", report=name)


def _verdict(row: Report) -> Iterator[str]:
    if row["request_id"] is None:
        several = row["matches"] > 1
        yield '<span class="tl-quiet">?</span>'
        yield (
            f"It may mean {row['matches']:,} requests."
            if several
            else '<span class="tl-quiet">No stored request is meant yet.</span>'
        )
        return
    yield stage_mark(row) if row["failed"] else '<span class="tl-quiet">–</span>'
    yield safe(how_it_showed(row["verdict"]), limit=VERDICT_SHOWN)
