"""The overview in words and figures: how much failed and why, what is new, what was reported."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from tracelens.analyse import Overview, Totals
from tracelens.analyse.tails.top_cost import TopCost
from tracelens.show.costs import total_words
from tracelens.show.web.coverage import coverage_html
from tracelens.show.web.html import NOTHING, moment, money, safe
from tracelens.show.web.parts import (
    Column,
    cause_words,
    link,
    metric,
    metrics,
    share,
    stage_mark,
    table,
)
from tracelens.show.words import counted

#: Kinds of failure that are listed as new; the rest is counted.
NEW_SHOWN = 5
#: Characters of a verdict in a narrow table.
VERDICT_SHOWN = 90
#: The tail that is spoken of where there is none, and models without a price that are named.
TOP = 0.01
NAMES_SHOWN = 2


def state_sentence(found: Overview) -> str:
    """The state of the store in one sentence."""
    now = found.now
    if not now.requests:
        return "No requests are stored."
    if not now.failed:
        told = now.requests - now.unknown
        return f"No failure found in {counted(told, 'request')}."
    most = max(found.causes, key=lambda row: row["n"])
    often = "" if most["n"] == now.failed else " most often"
    part = "All" if now.failed == now.requests else f"{share(now.failed, now.requests)} of"
    requests = counted(now.requests, "request")
    return f"{part} {requests} failed,{often} because {cause_words(most['cause'])}."


def span_of_time(first: int | None, last: int | None) -> str:
    """From when to when, in UTC; the day is said once where it is one."""
    if first is None or last is None:
        return "no start times recorded"
    begin, end = (datetime.fromtimestamp(each // 10**9, UTC) for each in (first, last))
    if begin.date() == end.date():
        return f"{begin.day} {begin:%b %Y, %H:%M} to {end:%H:%M} UTC"
    return f"{begin.day} {begin:%b %Y, %H:%M} to {end.day} {end:%b %Y, %H:%M} UTC"


def metrics_html(found: Overview, paid: TopCost | None = None, period: str = "all") -> str:
    """Figures: requests, failed, failures explained, what cannot be told, and who paid."""
    now, before = found.now, found.before
    explained = now.failed - now.undetermined
    return metrics(
        metric("Requests", f"{now.requests:,}", _growth(now, before)),
        metric("Failed", f"{now.failed:,}", *_failed_note(now, before)),
        metric(
            "Failures with a stage to blame",
            share(explained, now.failed),
            f"{now.undetermined:,} undetermined" if now.undetermined else "none is undetermined",
        ),
        metric("Cannot be told", f"{now.unknown:,}", "neither failed nor fine by what is recorded"),
        *([] if paid is None else [_paid(paid, period)]),
    )


def _paid(paid: TopCost, period: str) -> str:
    """The share of the bill that the costliest requests paid, or why it is not known."""
    name, now = f"Paid by the top {100 * (paid.top or TOP):.0f} %", paid.now
    if now.total is None:
        return metric(name, NOTHING, _why_no_cost(paid))
    total = total_words(money(now.total), now.unpriced_spans, now.n_unknown)
    bill = link(
        f"of {total}",
        "tails",
        title=f"Who paid it: the tail of {total}",
        period=None if period == "all" else period,
        tail=None if paid.top is None else f"{100 * paid.top:.0f}",
    )
    if now.share is None:
        few = f"{counted(now.n, 'request')} with a cost: too few"
        return metric(name, NOTHING, f"{few if now.total else 'nothing was paid'}, {bill}")
    change, tone = _points(paid)
    return metric(name, share(now.share, 1), f"{bill}{change}", tone)


def _why_no_cost(paid: TopCost) -> str:
    if paid.unpriced:
        more = len(paid.unpriced) - NAMES_SHOWN
        names = ", ".join(safe(each, limit=40) for each in paid.unpriced[:NAMES_SHOWN])
        others = f" and {counted(more, 'other')}" if more > 0 else ""
        return f"no price for {names}{others}: {link('set them', 'settings')}"
    if paid.unmeasured:
        return f"no usage is recorded: {link('which models', 'settings')}"
    return "no cost and no usage is recorded"


def _points(paid: TopCost) -> tuple[str, str]:
    """How the share changed against the period before, in points."""
    now, before = paid.now.share, None if paid.before is None else paid.before.share
    if now is None or before is None:
        return "", ""
    return _change(100 * (now - before))


def _growth(now: Totals, before: Totals | None) -> str:
    if before is None:
        return "all that are stored"
    if not before.requests:
        return "none in the period before"
    change = 100 * (now.requests - before.requests) / before.requests
    return f"{change:+.0f} % against the period before"


def _failed_note(now: Totals, before: Totals | None) -> tuple[str, str]:
    """The share of failures and how it changed, in points; worse and better have a sign too."""
    part = f"{share(now.failed, now.requests)} of all"
    if before is None or not before.requests or not now.requests:
        return part, ""
    change, tone = _change(100 * (now.failed / now.requests - before.failed / before.requests))
    return f"{part}{change}", tone


def _change(points: float) -> tuple[str, str]:
    """A change in points for the end of a line, and the tone of that line."""
    if abs(points) < 0.05:
        return " · no change", ""
    sign, tone = ("▲", "tl-worse") if points > 0 else ("▼", "tl-better")
    return f" · <b>{sign} {points:+.1f} points</b>", tone


def new_html(found: Overview, period: str = "all") -> str:
    """Kinds of failure that were never seen before the latest period."""
    if found.new_since is None:
        return _quiet("All that is stored is from one period: nothing can be called new yet.")
    since = moment(found.new_since)
    if not found.new:
        return _quiet(f"No new kind of failure since {since}.")
    own = period if period != "all" else "24h"
    rows = "".join(_new_line(row, own) for row in found.new[:NEW_SHOWN])
    more = len(found.new) - NEW_SHOWN
    rest = f"<p>and {counted(more, 'more kind')}</p>" if more > 0 else ""
    return f'<div class="tl"><ul class="tl-news">{rows}</ul>{rest}</div>'


def _new_line(row: Mapping[str, Any], period: str) -> str:
    what = link(
        safe(cause_words(row["cause"])),
        "failures",
        view="list",
        stage=row["stage"],
        boundary=row["boundary"] or "none",
        cause=row["cause"],
        period=period,
    )
    return (
        f"<li>{stage_mark(row)} {what}<small>{counted(row['n'], 'failure')}, first"
        f" {moment(row['first'])}</small></li>"
    )


def open_reports_html(rows: Sequence[Mapping[str, Any]]) -> str:
    """Open bug reports: id, where it broke, and what; each leads to its request.

    Rows have `report_id, said`, and of the request that is meant `request_id, stage, boundary,
    verdict, failed`, all None where no single one is.
    """
    columns = (Column("Report"), Column("Broke at", "short"), Column("What", "wide"))
    return table("Open bug reports", columns, (list(_report(row)) for row in rows))


def _report(row: Mapping[str, Any]) -> Iterator[str]:
    name = safe(row["report_id"], limit=40)
    yield link(name, "explain", id=row["report_id"])
    if row["request_id"] is None:
        yield '<span class="tl-quiet">? no request</span>'
    elif not row["failed"]:
        yield '<span class="tl-quiet">– nothing found</span>'
    else:
        yield stage_mark(row)
    yield safe(row["said"] or row["verdict"], limit=VERDICT_SHOWN)


def strip_html(found: Overview) -> str:
    """What the data can and cannot tell, under one head."""
    loads = found.loads
    latest = f", last {day(loads['latest'])}" if loads.get("latest") else ""
    head = f"{counted(loads.get('inputs') or 0, 'dump')} loaded{latest}"
    read, rejected = loads.get("read") or 0, loads.get("rejected") or 0
    lost = "no span was skipped" if not rejected else f"{share(rejected, read)} of spans skipped"
    return (
        '<section class="tl tl-panel"><header><h2>What the data can and cannot tell</h2>'
        f"<span>{link(head, 'ingest')} · {lost}</span></header>"
        f"{coverage_html(found.outcomes, found.known, found.now.requests)}</section>"
    )


def stale_html(stale: int) -> str:
    """That verdicts were made by older rules, and how they are made anew."""
    were = "was" if stale == 1 else "were"
    return (
        '<section class="tl tl-note tl-warn"><b>~ '
        f"{counted(stale, 'verdict')} {were} made by older rules</b><p>"
        f"{link('Judge them anew in Settings', 'settings')}, or run tracelens locate.</p></section>"
    )


def day(text: str) -> str:
    """`25 Nov 2026, 14:30 UTC`, from RFC 3339."""
    when = datetime.fromisoformat(text)
    return f"{when.day} {when:%b %Y, %H:%M} UTC"


def _quiet(text: str) -> str:
    return f'<p class="tl tl-quiet">{safe(text)}</p>'
