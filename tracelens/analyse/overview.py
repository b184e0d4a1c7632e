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
#: Kinds of failure are few; this bounds what a hostile store can make.
ROWS: Final = 10_000

Row = dict[str, Any]


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
    that were never seen before `new_since`: the period, or the last day; None where nothing older
    is stored.
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
    # One look at all requests: opening the files of a store costs more than counting in them.
    rows = store.query(_TALLY, _windows(begin, end)).rows(named=True)
    earliest = min((row["first"] for row in rows if row["first"] is not None), default=None)
    now = [row for row in rows if row["n"]]
    causes = _causes(now)
    since = _new_since(store, begin, earliest)
    return Overview(
        first=min((row["now_first"] for row in now if row["now_first"] is not None), default=None),
        last=max((row["now_last"] for row in now if row["now_last"] is not None), default=None),
        now=_totals(now, "n"),
        before=None if begin is None or since is None else _totals(rows, "n_before"),
        stale=sum(row["stale"] for row in now),
        inputs=_sums(now, "inputs"),
        cells=_cells(now),
        causes=causes,
        new=[] if since is None else [each for each in causes if (each["first"] or 0) >= since],
        new_since=since,
        outcomes=store.query(_OUTCOMES, {"begin": begin, "end": end}).rows(named=True),
        known={key: sum(row[key] for row in now) for key in ("cost", "duration", "ttfa")},
        loads=store.query(_LOADS).row(0, named=True),
    )


def _windows(begin: int | None, end: int | None) -> dict[str, int | None]:
    """The bounds of a period, and where the one of equal length before it begins."""
    older = None if begin is None or end is None else 2 * begin - end
    return {"begin": begin, "end": end, "older": older}


def _new_since(store: Store, begin: int | None, earliest: int | None) -> int | None:
    """Since when a kind of failure is new; None where nothing older is stored."""
    since = begin if begin is not None else period_bounds(store, "24h")[0]
    return since if since is not None and earliest is not None and earliest < since else None


def _causes(rows: list[Row]) -> list[Row]:
    """Failures by kind, whatever came in, the most frequent first."""
    found: dict[tuple[Any, ...], Row] = {}
    for row in rows:
        if not row["failed"]:
            continue
        own = {key: row[key] for key in ("stage", "boundary", "cause")}
        cause = found.setdefault(
            tuple(own.values()), {**own, "n": 0, "first": None, "last": None, "example": None}
        )
        cause["n"] += row["n"]
        times = [each for each in (cause["first"], row["first"]) if each is not None]
        cause["first"] = min(times, default=None)
        if cause["example"] is None or (row["now_last"] or 0) > (cause["last"] or 0):
            cause["last"], cause["example"] = row["now_last"], row["example"]
    return sorted(found.values(), key=lambda row: -row["n"])


def _cells(rows: list[Row]) -> list[Row]:
    found: dict[tuple[Any, ...], int] = {}
    for row in rows:
        if row["failed"]:
            key = (row["inputs"], row["stage"], row["boundary"])
            found[key] = found.get(key, 0) + row["n"]
    names = ("inputs", "stage", "boundary")
    return [{**dict(zip(names, key, strict=True)), "n": n} for key, n in found.items()]


def _sums(rows: list[Row], key: str) -> dict[str, int]:
    found: dict[str, int] = {}
    for row in rows:
        found[row[key]] = found.get(row[key], 0) + row["n"]
    return found


Coverage = tuple[list[dict[str, Any]], dict[str, int], int]


def coverage(store: Store, first: int, last: int) -> Coverage:
    """What the requests of some loads let us tell: `outcomes` and `known` of an `Overview`, and n.

    A request counts with the load that judged it last.
    """
    bounds = {"first": first, "last": last}
    facts = store.query(_LOADED, bounds).row(0, named=True)
    outcomes = store.query(_LOADED_OUTCOMES, bounds).rows(named=True)
    return outcomes, facts, facts.pop("requests")


def _totals(rows: list[Row], count: str) -> Totals:
    failed = [row for row in rows if row["failed"]]
    return Totals(
        requests=sum(row[count] for row in rows),
        failed=sum(row[count] for row in failed),
        undetermined=sum(row[count] for row in failed if row["stage"] == "undetermined"),
        unknown=sum(row[count] for row in rows if row["failed"] is None),
    )


_WITHIN: Final = """
($begin::bigint is null or start_unix_nano >= $begin::bigint)
and ($end::bigint is null or start_unix_nano < $end::bigint)
"""

#: `first` is of all time: what was seen before a period is not new in it.
_TALLY: Final = f"""
select failed, stage, boundary, cause, {INPUTS} as inputs,
    count(*) filter (where now) as n,
    count(*) filter (where start_unix_nano >= $older and start_unix_nano < $begin) as n_before,
    count(*) filter (where now and stale) as stale, count(cost_usd) filter (where now) as cost,
    count(duration_ms) filter (where now) as duration, count(ttfa_ms) filter (where now) as ttfa,
    min(start_unix_nano) as first,
    min(start_unix_nano) filter (where now) as now_first,
    max(start_unix_nano) filter (where now) as now_last,
    coalesce(
        arg_max(request_id, start_unix_nano) filter (where now), max(request_id)
    ) as example
from (select *, {_WITHIN} as now from requests)
group by all order by n desc, failed, stage, boundary, cause, inputs limit {ROWS}
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
