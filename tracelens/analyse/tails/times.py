"""Buckets of time: as long as suits a period, beginning where days begin in a time zone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from itertools import pairwise
from typing import Final
from zoneinfo import ZoneInfo, available_timezones

import numpy as np

from tracelens.analyse.tails.ordered import Codes, Ints, smallest
from tracelens.errors import UsageError

SECOND: Final = 10**9
MINUTE: Final = 60 * SECOND
QUARTER: Final = 15 * MINUTE
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR
#: Lengths of buckets, in ns; from a day on they follow the calendar of the time zone.
LENGTHS: Final = (
    *(MINUTE, 5 * MINUTE, 15 * MINUTE, HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR),
    *(DAY, 7 * DAY, 28 * DAY, 91 * DAY, 364 * DAY, 3_640 * DAY),
)
#: Thirty years: beyond that a table of quarters would be large.
MOST_QUARTERS: Final = 1_000_000
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def find_zone(name: str) -> ZoneInfo:
    """A time zone by its IANA name. Raises UsageError for an unknown one, with the nearest."""
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, KeyError) as error:
        known = sorted(available_timezones())
        cities = {each.rpartition("/")[2].lower(): each for each in known}
        asked = name.replace(" ", "_").lower()
        near = get_close_matches(asked, [each.lower() for each in known], n=1) or [
            cities[each].lower() for each in get_close_matches(asked, cities, n=1)
        ]
        full = {each.lower(): each for each in known}
        hint = f"did you mean {full[near[0]]!r}?" if near else "write an IANA name"
        raise UsageError(
            f"there is no time zone {name!r}: {hint} (such as Europe/Berlin or UTC)"
        ) from error


def bucket_edges(first: int, last: int, most: int, zone: ZoneInfo) -> list[int]:
    """Edges (ns) of at most so many buckets that hold both moments, the last edge exclusive."""
    for length in LENGTHS:
        if (last - first) // length + 2 <= most:
            break
    edges = [_begin(first, length, zone)]
    while edges[-1] <= last:
        edges.append(_next(edges[-1], length, zone))
    return edges


def bucket_name(edges: list[int]) -> str:
    """How long most buckets are: `1 hour`, `7 days`."""
    if len(edges) < 2:
        return ""
    steps = sorted(after - before for before, after in pairwise(edges))
    step = steps[len(steps) // 2]
    unit, word = next(
        pair for pair in ((DAY, "day"), (HOUR, "hour"), (MINUTE, "minute")) if step >= pair[0]
    )
    count = round(step / unit)
    return f"{count} {word}" if count == 1 else f"{count} {word}s"


def bucket_of(starts: Ints, quarters: Ints, edges: list[int]) -> Codes:
    """The bucket of each moment; those outside of all get the number of buckets.

    `quarters` are the quarters of an hour in which they lie, which is faster where all edges do.
    """
    count = len(edges) - 1
    first, last = edges[0] // QUARTER, edges[-1] // QUARTER
    if any(edge % QUARTER for edge in edges) or last - first > MOST_QUARTERS:
        found = np.searchsorted(np.array(edges, np.int64), starts, side="right") - 1
        found[(found < 0) | (found > count)] = count
        return found.astype(smallest(count + 1))
    moments = np.arange(first, last + 1, dtype=np.int64) * QUARTER
    bucket = np.searchsorted(np.array(edges, np.int64), moments, side="right") - 1
    # One more on each side for what lies outside.
    lookup = np.concatenate([[count], bucket]).astype(smallest(count + 1))
    return lookup[np.clip(quarters - (first - 1), 0, len(lookup) - 1)]


def _begin(moment: int, length: int, zone: ZoneInfo) -> int:
    """Where the bucket begins that holds a moment: midnight, a Monday, or a whole number."""
    local = _local(moment, zone)
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
    if length >= 7 * DAY:
        midnight = _same_day(midnight - timedelta(days=midnight.weekday()), zone)
    begin = _nanos(midnight)
    return begin if length >= DAY else begin + (moment - begin) // length * length


def _next(begin: int, length: int, zone: ZoneInfo) -> int:
    if length < DAY:
        return begin + length
    # A day has 23 or 25 hours where the clock is changed.
    local = _local(begin, zone).replace(hour=0, minute=0)
    return _nanos(_same_day(local + timedelta(days=length // DAY), zone))


def _local(moment: int, zone: ZoneInfo) -> datetime:
    return (EPOCH + timedelta(microseconds=moment // 1_000)).astimezone(zone)


def _same_day(local: datetime, zone: ZoneInfo) -> datetime:
    return local.replace(tzinfo=None).replace(tzinfo=zone)


def _nanos(moment: datetime) -> int:
    return (moment - EPOCH) // timedelta(microseconds=1) * 1_000
