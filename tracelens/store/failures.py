"""Failed requests in memory: what tells each, where it broke, and its verdict."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import polars as pl

from tracelens.store.log import Segment
from tracelens.store.pick import SEGMENT

#: What two failures share that broke in one place.
BROKE: Final = ("stage", "boundary", "cause")
#: What is kept of a failure beside what tells it.
KEPT: Final = (*BROKE, "verdict")
#: Segments that are read at first, and then twice as many each time.
FIRST_READ: Final = 4

Read = Callable[[Sequence[Segment]], pl.DataFrame]
Alive = Callable[[pl.DataFrame], pl.DataFrame]


class Failures:
    """Failures of the live segments, about 500 bytes for each.

    A segment is read once, when a question first needs it: of failures near in time the first
    question of a process reads few segments.
    """

    def __init__(self, read: Read) -> None:
        self._read = read
        self._rows = read([])
        self._held: set[str] = set()

    def keep(self, live: Mapping[str, Segment]) -> None:
        """Let go of the rows of segments that are no longer live."""
        gone = self._held.difference(live)
        if gone:
            self._held -= gone
            self._rows = self._rows.filter(~pl.col(SEGMENT).is_in(list(gone))).rechunk()

    def every(self, live: Sequence[Segment]) -> pl.DataFrame:
        """All failures, with those that a later commit replaced."""
        unread = [each for each in live if each.name not in self._held]
        if unread:
            self._add(unread)
        return self._rows

    def nearest(
        self, request: Mapping[str, Any], live: Sequence[Segment], alive: Alive, limit: int
    ) -> pl.DataFrame:
        """Other failures that broke where a request did, nearest in time first, then by id.

        `alive` drops rows that a later commit replaced.
        """
        start = request["start_unix_nano"]
        unread = [(_distance(each, start), each) for each in live if each.name not in self._held]
        unread.sort(key=lambda pair: (pair[0] is None, pair[0], pair[1].name))
        count = FIRST_READ
        while True:
            found, reach = _first(self._alike(request), alive, limit)
            # Of as many as are wanted none can lie in a segment that is farther than the last.
            open_ = [
                each
                for away, each in unread
                if reach is None or (away is not None and away <= reach)
            ]
            if not open_:
                return found
            self._add(open_[:count])
            unread = [pair for pair in unread if pair[1].name not in self._held]
            count *= 2

    def _add(self, segments: Sequence[Segment]) -> None:
        self._rows = pl.concat([self._rows, self._read(segments)], rechunk=True)
        self._held |= {each.name for each in segments}

    def _alike(self, request: Mapping[str, Any]) -> pl.DataFrame:
        same = [pl.col(name).eq_missing(pl.lit(request[name], pl.String)) for name in BROKE]
        found = self._rows.filter(*same, pl.col("request_id") != request["request_id"])
        start = pl.lit(request["start_unix_nano"], pl.Int128)
        away = (pl.col("start_unix_nano").cast(pl.Int128) - start).abs()
        return found.with_columns(away.alias(_AWAY)).sort(_AWAY, "request_id", nulls_last=True)


_AWAY: Final = ".away"


def _first(found: pl.DataFrame, alive: Alive, limit: int) -> tuple[pl.DataFrame, int | None]:
    """So many rows that live, and how far the last is: None when there are fewer."""
    parts = [found.clear()]
    wanted = limit
    for part in found.iter_slices(4 * limit):
        parts.append(alive(part).head(wanted))
        wanted -= parts[-1].height
        if not wanted:
            break
    rows = pl.concat(parts)
    reach = rows[_AWAY][-1] if rows.height and not wanted else None
    return rows.drop(_AWAY), reach


def _distance(segment: Segment, start: int | None) -> int | None:
    """How far the nearest start of a segment can be; None when it has none, or there is none."""
    if start is None or segment.first_start is None or segment.last_start is None:
        return None
    return max(segment.first_start - start, start - segment.last_start, 0)
