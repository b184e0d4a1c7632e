"""Turns whatever id somebody pastes into the requests that it means."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qs, unquote, urlsplit

import polars as pl

from tracelens.errors import NotFoundError
from tracelens.requests.summary import NEXT_TURN_NANOS
from tracelens.store import BugReport, Find, Store

#: Fewer characters than this are no prefix worth guessing at.
SHORTEST_PREFIX = 8
MATCHES_SHOWN = 200
#: Of a mistyped id, what must be right to guess at it, and how many guesses are worth a look.
SHORTEST_GUESS = 4
GUESSES = 5

#: Parameters by which links name what they show, likeliest first.
LINK_PARAMETERS = ("id", "request_id", "trace_id", "traceId", "span_id", "spanId", "session_id")

TRACEPARENT = re.compile(r"^[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}$")
HEX = re.compile(r"^[0-9a-f]+$")


@dataclass(frozen=True)
class Match:
    """What an id turned out to be, and the requests that it means: the first ones by time."""

    kind: str  # one of KINDS, bug_report, prefix
    request_ids: tuple[str, ...]  # at most MATCHES_SHOWN
    total: int


#: What an id is taken for, in this order; the first that finds something answers. Our ids have as
#: many hex digits as said here; the others are of the emitter's making, where letter case counts.
KINDS: Final[tuple[tuple[Find, int | None], ...]] = (
    ("request", 32),
    ("alias", 32),
    ("trace", 32),
    ("span", 16),
    ("external", None),
    ("session", None),
)


def resolve_id(store: Store, given: str) -> Match:
    """Find the requests that an id means.

    Accepts a request id, a trace id (hex in any case, W3C traceparent, base64), a span id, the
    emitter's own request id, a session id, the id of a bug report, a unique prefix of at least 8
    characters of one of the hex ids, or a pasted link that holds one of them.

    Raises:
        NotFoundError: nothing in the store has that id, or it is that of a bug report whose
            request has not been loaded; says what was looked for.
    """
    raw = from_link(given.strip())
    for identity in candidates(raw):
        for kind, digits in KINDS:
            if digits in (None, len(identity)):
                found = _found(store, kind, identity if digits else raw)
                if found.total:
                    return found
    report = store.bug_reports().filter(report_id=raw)
    if report.height:
        return _of_report(store, BugReport(**report.row(0, named=True)))
    prefix = raw.lower().removeprefix("0x")
    if len(prefix) >= SHORTEST_PREFIX:
        found = _found(store, "prefix", prefix)
        if found.total:
            return found
    raise NotFoundError(
        f"nothing in the store has the id {given.strip()[:80]!r} (looked for requests, traces,"
        " spans, the emitter's request ids, sessions and bug reports); check it for a missing"
        " character, or load the trace that it is in"
    )


def near_ids(store: Store, given: str) -> list[str]:
    """Ids of requests that begin as a mistyped id does, the longest common beginning first."""
    raw = from_link(given.strip()).lower().removeprefix("0x").replace("-", "")
    for length in range(min(len(raw), 32), SHORTEST_GUESS - 1, -1):
        if HEX.match(raw[:length]):
            ids = store.find("prefix", raw[:length], ["request_id"])["request_id"]
            if ids.len():
                return ids.head(GUESSES).to_list()
    return []


def from_link(text: str) -> str:
    """The id out of a pasted link: a parameter that names one, else the last part of its path."""
    try:
        parts = urlsplit(text)
    except ValueError:
        return text
    given = {**parse_qs(parts.fragment.rpartition("?")[2]), **parse_qs(parts.query)}
    named = next((given[name][0] for name in LINK_PARAMETERS if name in given), None)
    if named is not None:
        return named
    return unquote(parts.path.rstrip("/").rpartition("/")[2]) if "://" in text else text


def candidates(raw: str) -> list[str]:
    """The ids that a text may stand for, as lower-case hex, likeliest first."""
    lower = raw.lower().removeprefix("0x")
    parent = TRACEPARENT.match(lower)
    if parent:
        return [parent[2], parent[1]]
    plain = lower.replace("-", "")
    found = [plain] if HEX.match(plain) and len(plain) in (16, 32) else [lower]
    decoded = _from_base64(raw)
    return [*found, decoded] if decoded else found


def _from_base64(raw: str) -> str | None:
    try:
        data = base64.b64decode(raw, validate=True)
    except (binascii.Error, ValueError):
        return None
    return data.hex() if len(data) in (8, 16) else None


def _of_report(store: Store, report: BugReport) -> Match:
    ids = requests_of_report(store, report)["request_id"]
    if ids.is_empty():
        where = report.target or f"session {report.session_id!r} at that time"
        raise NotFoundError(
            f"bug report {report.report_id!r} is known, but no request of {where!s:.80} is loaded"
        )
    return Match("bug_report", tuple(ids.head(MATCHES_SHOWN)), ids.len())


def _found(store: Store, kind: Find, text: str) -> Match:
    ids = store.find(kind, text, ["request_id"])["request_id"]
    return Match(kind, tuple(ids.head(MATCHES_SHOWN)), ids.len())


_STARTED: Final = ["request_id", "trace_id", "start_unix_nano"]


def requests_of_report(store: Store, report: BugReport) -> pl.DataFrame:
    """What a bug report means: `request_id, trace_id, start_unix_nano`, in order of time.

    One request where its time tells which, else all that its id may mean.
    """
    if report.target is None:
        found = store.find("session", report.session_id or "", _STARTED)
    else:
        found = _of_target(store, report)
    if report.reported_unix_nano is None or found.height == 1:
        return found
    late = report.reported_unix_nano - pl.col("start_unix_nano")
    latest = found.filter(late.is_between(0, NEXT_TURN_NANOS)).tail(1)
    return latest if latest.height else found


def _of_target(store: Store, report: BugReport) -> pl.DataFrame:
    """Requests that a report's own id means, or the span that it stood for."""
    ids: list[tuple[Find, str | None]] = [("span", report.span_id)]
    ids += [(kind, report.target) for kind, _ in KINDS if kind != "session"]
    for kind, text in ids:
        found = store.find(kind, text, _STARTED) if text else None
        if found is not None and found.height:
            return found
    return store.find("request", "", _STARTED).clear()


def traces_of_report(store: Store, report: BugReport) -> list[str]:
    """The traces of the requests that a bug report means."""
    return requests_of_report(store, report)["trace_id"].unique().sort().to_list()


def list_reports(store: Store) -> pl.DataFrame:
    """All bug reports, each with the `request_id` that it means: null for none and for many."""
    reports = store.bug_reports()
    meant = [
        requests_of_report(store, BugReport(**row))["request_id"]
        for row in reports.iter_rows(named=True)
    ]
    only = [ids[0] if len(ids) == 1 else None for ids in meant]
    return reports.with_columns(request_id=pl.Series(only, dtype=pl.String))
