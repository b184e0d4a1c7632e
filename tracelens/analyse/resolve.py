"""Turns whatever id somebody pastes into the requests that it means."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from urllib.parse import parse_qs, unquote, urlsplit

from tracelens.errors import NotFoundError
from tracelens.store import Store

#: Fewer characters than this are no prefix worth guessing at.
SHORTEST_PREFIX = 8
MATCHES_SHOWN = 200

#: Parameters by which links name what they show, likeliest first.
LINK_PARAMETERS = ("id", "request_id", "trace_id", "traceId", "span_id", "spanId", "session_id")

TRACEPARENT = re.compile(r"^[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}$")
HEX = re.compile(r"^[0-9a-f]+$")


@dataclass(frozen=True)
class Match:
    """What an id turned out to be, and the requests that it means: the first ones by time."""

    kind: str  # request, alias, external, trace, span, session, prefix
    request_ids: tuple[str, ...]  # at most MATCHES_SHOWN
    total: int


#: Each question gets `$id`; the first that finds something answers.
QUESTIONS = (
    ("request", "request_id = $id"),
    ("alias", "request_id = (select new_request_id from aliases where request_id = $id limit 1)"),
    ("trace", "trace_id = $id"),
    ("span", "list_contains(span_ids, $id)"),
    # A span of no request of its own, such as that of a whole conversation.
    ("span", "trace_id in (select trace_id from spans where span_id = $id)"),
    ("external", "external_request_id = $raw"),
    ("session", "session_id = $raw"),
)

BEGINS = (
    "starts_with(request_id, $prefix) or starts_with(trace_id, $prefix)"
    " or len(list_filter(span_ids, lambda span: starts_with(span, $prefix))) > 0"
)


def resolve_id(store: Store, given: str) -> Match:
    """Find the requests that an id means.

    Accepts a request id, a trace id (hex in any case, W3C traceparent, base64), a span id, the
    emitter's own request id, a session id, a unique prefix of at least 8 characters of one of the
    hex ids, or a pasted link that holds one of them.

    Raises:
        NotFoundError: nothing in the store has that id; says what was looked for.
    """
    raw = from_link(given.strip())
    for identity in candidates(raw):
        for kind, condition in QUESTIONS:
            found = _ask(store, condition, {"id": identity, "raw": raw})
            if found.total:
                return replace(found, kind=kind)
    prefix = raw.lower().removeprefix("0x")
    if len(prefix) >= SHORTEST_PREFIX:
        found = _ask(store, BEGINS, {"prefix": prefix})
        if found.total:
            return found
    raise NotFoundError(
        f"nothing in the store has the id {given.strip()[:80]!r} (looked for requests, traces,"
        " spans, the emitter's request ids and sessions). List what there is with"
        " `tracelens requests`."
    )


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


def _ask(store: Store, condition: str, values: Mapping[str, str]) -> Match:
    sql = (
        f"select request_id, count(*) over () as total from requests where {condition}"
        f" order by start_unix_nano, request_id limit {MATCHES_SHOWN}"
    )
    params = {name: value for name, value in values.items() if f"${name}" in condition}
    rows = store.query(sql, params)
    return Match("prefix", tuple(rows["request_id"]), rows["total"][0] if rows.height else 0)
