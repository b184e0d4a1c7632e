"""The state of a store: how much failed and where, what is new, and what the data can tell."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from tracelens.analyse.find import INPUTS
from tracelens.errors import UsageError
from tracelens.store import Store

DAY: Final = 86_400 * 10**9
#: Periods by name, in ns; they end with the last request that is stored, not with today.
PERIODS: Final[dict[str, int | None]] = {
    "all": None,
    "30d": 30 * DAY,
    "7d": 7 * DAY,
    "24h": DAY,
}
#: What is new is asked of this period where none is chosen.
LATEST: Final = DAY
#: Reasons for rejects and kinds of failure are few; this bounds what a hostile store can make.
ROWS: Final = 1_000


@dataclass(frozen=True)
class Totals:
    """Counts of requests: all, failed, failed at an undetermined stage, and not to be told."""

    requests: int = 0
    failed: int = 0
    undetermined: int = 0
    unknown: int = 0


@dataclass(frozen=True)
class Overview:
    """The state of a store, or of its last days.

    Times are in ns since 1970. `before` counts the period of equal length before this one, and is
    None where there is none. `inputs` counts requests by the kinds of content that came in, and
    `cells` their failures: `inputs, stage, boundary, n`. `causes` are the kinds of failure, the
    most frequent first: `stage, boundary, cause, n, first, last, example`; `new` are those of them
    that were never seen before `new_since`, which is None where nothing older is stored.
    `outcomes` counts what became of each stage and hand-over: `at, outcome, n`. `known` counts the
    requests that have a cost, a duration, a time to first audio; `loads` the inputs, spans read and
    spans rejected of the whole store, and when the last one was committed (RFC 3339).
    """

    first: int | None
    last: int | None
    now: Totals
    before: Totals | None
    stale: int
    inputs: dict[str, int] = field(default_factory=dict)
    cells: list[dict[str, Any]] = field(default_factory=list)
    causes: list[dict[str, Any]] = field(default_factory=list)
    new: list[dict[str, Any]] = field(default_factory=list)
    new_since: int | None = None
    outcomes: list[dict[str, Any]] = field(default_factory=list)
    known: dict[str, int] = field(default_factory=dict)
    loads: dict[str, Any] = field(default_factory=dict)


def period_bounds(store: Store, period: str) -> tuple[int | None, int | None]:
    """Where a period begins (inclusive) and ends (exclusive), in ns; None where it has no bound.

    Raises UsageError for an unknown period.
    """
    if period not in PERIODS:
        raise UsageError(f"there is no period {period!r}; there are {', '.join(PERIODS)}")
    length = PERIODS[period]
    last = store.query("select max(start_unix_nano) as last from requests")["last"][0]
    if length is None or last is None:
        return None, None
    return max(last + 1 - length, 0), last + 1


def overview(store: Store, period: str = "all") -> Overview:
    """The state of a store: of all of it, or of its last `24h`, `7d` or `30d`.

    Raises UsageError for an unknown period.
    """
    begin, end = period_bounds(store, period)
    rows = store.query(_TALLY, {"begin": begin, "end": end}).rows(named=True)
    causes, new, since = _causes(store, begin, end)
    inputs: dict[str, int] = {}
    for row in rows:
        inputs[row["inputs"]] = inputs.get(row["inputs"], 0) + row["n"]
    return Overview(
        first=min((row["first"] for row in rows if row["first"] is not None), default=None),
        last=max((row["last"] for row in rows if row["last"] is not None), default=None),
        now=_totals(rows),
        before=_before(store, begin, end),
        stale=sum(row["stale"] for row in rows),
        inputs=inputs,
        cells=[
            {key: row[key] for key in ("inputs", "stage", "boundary", "n")}
            for row in rows
            if row["failed"]
        ],
        causes=causes,
        new=new,
        new_since=since,
        outcomes=store.query(_OUTCOMES, {"begin": begin, "end": end}).rows(named=True),
        known={key: sum(row[key] for row in rows) for key in ("cost", "duration", "ttfa")},
        loads=store.query(_LOADS).row(0, named=True),
    )


Coverage = tuple[list[dict[str, Any]], dict[str, int], int]


def coverage(store: Store, first: int, last: int) -> Coverage:
    """What the requests of some loads let us tell: `outcomes` and `known` of an `Overview`, and n.

    A request counts with the load that judged it last.
    """
    bounds = {"first": first, "last": last}
    facts = store.query(_LOADED, bounds).row(0, named=True)
    outcomes = store.query(_LOADED_OUTCOMES, bounds).rows(named=True)
    return outcomes, facts, facts.pop("requests")


def _totals(rows: list[dict[str, Any]]) -> Totals:
    def count(keep: Any) -> int:
        return sum(row["n"] for row in rows if keep(row))

    return Totals(
        requests=count(lambda row: True),
        failed=count(lambda row: row["failed"]),
        undetermined=count(lambda row: row["failed"] and row["stage"] == "undetermined"),
        unknown=count(lambda row: row["failed"] is None),
    )


def _before(store: Store, begin: int | None, end: int | None) -> Totals | None:
    """The period before; None where it would begin before the first request."""
    if begin is None or end is None:
        return None
    bounds = {"begin": begin - (end - begin), "end": begin}
    older = store.query(_OLDER, {"begin": bounds["begin"]})["n"][0]
    rows = store.query(_TALLY, bounds).rows(named=True)
    return _totals(rows) if older or rows else None


def _causes(
    store: Store, begin: int | None, end: int | None
) -> tuple[list[dict[str, Any]], list[dict[str, Any]], int | None]:
    """Kinds of failure of a period, those of them that are new, and since when new is counted."""
    rows = store.query(_CAUSES, {"begin": begin, "end": end}).rows(named=True)
    now = [row for row in rows if row["n"]]
    since = begin if begin is not None else period_bounds(store, "24h")[0]
    if since is None or not store.query(_OLDER, {"begin": since})["n"][0]:
        return now, [], None
    return now, [row for row in now if row["first"] is not None and row["first"] >= since], since


_WITHIN: Final = """
($begin::bigint is null or start_unix_nano >= $begin::bigint)
and ($end::bigint is null or start_unix_nano < $end::bigint)
"""

_TALLY: Final = f"""
select failed, stage, boundary, {INPUTS} as inputs, count(*) as n,
    count(*) filter (where stale) as stale, count(cost_usd) as cost, count(duration_ms) as duration,
    count(ttfa_ms) as ttfa, min(start_unix_nano) as first, max(start_unix_nano) as last
from requests where {_WITHIN}
group by all order by n desc, failed, stage, boundary, inputs limit {ROWS * 10}
"""

_OLDER: Final = "select count(*) as n from requests where start_unix_nano < $begin"

#: `first` is of all time: what was seen before a period is not new in it.
_CAUSES: Final = f"""
select stage, boundary, cause, count(*) filter (where {_WITHIN}) as n,
    min(start_unix_nano) as first, max(start_unix_nano) as last,
    arg_max(request_id, start_unix_nano) as example
from requests where failed
group by all order by n desc, stage, boundary, cause limit {ROWS}
"""

_OUTCOMES: Final = f"""
select item.at as at, item.outcome as outcome, count(*) as n
from (select unnest(outcomes) as item from requests where {_WITHIN})
group by all order by all
"""

_LOADED: Final = """
select count(*) as requests, count(cost_usd) as cost, count(duration_ms) as duration,
    count(ttfa_ms) as ttfa
from requests where load between $first and $last
"""

_LOADED_OUTCOMES: Final = """
select item.at as at, item.outcome as outcome, count(*) as n
from (select unnest(outcomes) as item from requests where load between $first and $last)
group by all order by all
"""

_LOADS: Final = """
select count(*) as inputs, coalesce(sum(spans_read), 0)::bigint as read,
    coalesce(sum(spans_rejected), 0)::bigint as rejected,
    coalesce(sum(records_rejected), 0)::bigint as records,
    strftime(max(committed_at), '%Y-%m-%dT%H:%M:%SZ') as latest
from loads where final
"""
