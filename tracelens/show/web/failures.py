"""Failures for people: groups that look alike, and single ones, each a link to its answer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from tracelens.show.web.html import NOTHING, duration, safe
from tracelens.show.web.parts import (
    Column,
    bar,
    cause_words,
    inputs_name,
    link,
    share,
    stage_mark,
    table,
)
from tracelens.show.words import counted

SERVICES_SHOWN = 3
VERDICT_SHOWN = 240

GROUPS = (
    Column("Failures", "number"),
    Column("Broke at", "short"),
    Column("Why, and the error", "wide"),
    Column("Service", "text"),
    Column("Last seen, UTC", "when"),
    Column("Latest", "short"),
)
LISTED = (
    Column("Started, UTC", "when"),
    Column("Broke at", "short"),
    Column("What happened", "wide"),
    Column("Came in"),
    Column("Service", "text"),
    Column("Took", "number"),
    Column("Request", "short"),
)


def groups_html(groups: Sequence[Mapping[str, Any]], params: Mapping[str, str]) -> str:
    """Groups of failures, the largest first; `params` are the filters that the links keep."""
    most = max((group["n"] for group in groups), default=1)
    rows = (list(_group(group, most, params)) for group in groups)
    return table("Groups of failures", GROUPS, rows)


def _group(group: Mapping[str, Any], most: int, params: Mapping[str, str]) -> Iterator[str]:
    title = f"List {counted(group['n'], 'failure')} of this group"
    number = f"<b>{group['n']:,}</b>"
    own = {**params, "view": "list", "group": group["group"]}
    yield (
        link(number, "failures", title=title, **own)
        + f"<small>{share(group['share'], 1)} {bar(group['n'], most)}</small>"
    )
    yield stage_mark(group)
    said = [safe(group[key], limit=200) for key in ("model", "signature") if group[key]]
    why = cause_words(group["cause"])
    yield safe(f"{why[:1].upper()}{why[1:]}") + f"<small>{' · '.join(said)}</small>"
    yield _services(group["services"])
    yield f"{minute(group['last_seen'])}<small>first {minute(group['first_seen'])}</small>"
    newest = group["examples"][0]
    yield link("Explain", "explain", title=f"Explain the latest of them, {newest}", id=newest)


def _services(names: Sequence[str]) -> str:
    shown = ", ".join(safe(name, limit=40) for name in names[:SERVICES_SHOWN])
    more = len(names) - SERVICES_SHOWN
    return f"{shown} and {more:,} more" if more > 0 else shown


def failures_html(rows: Sequence[Mapping[str, Any]]) -> str:
    """Failed requests, one row each; the id leads to the page Explain."""
    return table("Failures", LISTED, (list(_failure(row)) for row in rows))


def _failure(row: Mapping[str, Any]) -> Iterator[str]:
    yield minute(row["started_at"], seconds=True)
    yield stage_mark(row)
    yield safe(how_it_showed(row["verdict"]), limit=VERDICT_SHOWN)
    yield safe(inputs_name("+".join(row["input_modalities"] or []) or "none"))
    emitter = f"<small>{safe(row['emitter'])}</small>" if row["emitter"] else ""
    yield safe(row["service"], limit=60) + emitter
    yield duration(row["duration_ms"])
    request = row["request_id"]
    shown = f"<code>{safe(request[:8])}</code>"
    yield link(shown, "explain", title=f"Explain request {request}", id=request)


def how_it_showed(verdict: str | None) -> str:
    """The verdict without the place, which stands beside it."""
    what, colon, how = str(verdict or "").partition(": ")
    return f"{how[:1].upper()}{how[1:]}" if colon else what


def minute(when: datetime | None, *, seconds: bool = False) -> str:
    """`25 Nov 2026, 14:30`, in UTC."""
    if when is None:
        return NOTHING
    return f"{when.day} {when:%b %Y, %H:%M:%S}" if seconds else f"{when.day} {when:%b %Y, %H:%M}"


def group_html(group: Mapping[str, Any]) -> str:
    """What the requests of one group have in common."""
    said = [safe(group[key], limit=300) for key in ("model", "signature") if group[key]]
    error = f"<p>{' · '.join(said)}</p>" if said else ""
    why = cause_words(group["cause"])
    return f'<section class="tl tl-note"><b>{stage_mark(group)} · {safe(why)}</b>{error}</section>'


def failures_sentence(total: int, shown: int, groups: int, *, filtered: bool) -> str:
    """How many failures there are, how many of them pass the filters, and of how many kinds."""
    if not total:
        return "Nothing failed."
    kinds = f" of {counted(groups, 'kind')}" if groups else ""
    if not filtered:
        return f"{counted(total, 'failure')}{kinds}."
    if not shown:
        return f"None of {counted(total, 'failure')} matches."
    verb = "matches" if shown == 1 else "match"
    return f"{shown:,} of {counted(total, 'failure')} {verb}{kinds and ','}{kinds}."
