"""Failures in memory: the nearest in time, out of as few segments as can hold them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import polars as pl
import pytest

from tracelens.store.failures import KEPT, Failures
from tracelens.store.log import Segment
from tracelens.store.pick import SEGMENT

BROKE = {"stage": "reasoning", "boundary": None, "cause": "llm_error"}
Rows = dict[str, list[tuple[str, int | None]]]

#: Request ids and starts by segment; `x` is the request that is asked about.
STORED: Rows = {
    "s1": [("a", 0), ("b", 10)],
    "s2": [("c", 20), ("x", 25), ("d", 30)],
    "s3": [("e", 40)],
    "s4": [("f", 45), ("g", 90)],
    "s5": [("h", None)],
}


class Folder:
    """Segments in memory that remember which of them were read."""

    def __init__(self, stored: Rows) -> None:
        self.stored = stored
        self.read: list[str] = []

    def rows(self, segments: Sequence[Segment]) -> pl.DataFrame:
        """The failures of some segments."""
        self.read += [each.name for each in segments]
        schema = {"request_id": pl.String, "start_unix_nano": pl.Int64, SEGMENT: pl.String}
        found = [(*row, each.name) for each in segments for row in self.stored[each.name]]
        frame = pl.DataFrame(found, schema=schema, orient="row")
        return frame.with_columns(pl.lit(BROKE.get(name), pl.String).alias(name) for name in KEPT)

    def segments(self, *names: str) -> dict[str, Segment]:
        """What the log says of the segments."""
        found = {}
        for name in names or self.stored:
            starts = [start for _, start in self.stored[name] if start is not None]
            ends = (min(starts), max(starts)) if starts else (None, None)
            found[name] = Segment(name, "requests", 1, 1, 1, *ends, 0, "{}")
        return found


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch) -> Folder:
    """One segment is read at first."""
    monkeypatch.setattr("tracelens.store.failures.FIRST_READ", 1)
    return Folder(STORED)


def ask(
    failures: Failures, folder: Folder, limit: int, start: int | None = 25, gone: str = ""
) -> list[str]:
    """Ids of the nearest failures."""
    request: dict[str, Any] = {"request_id": "x", "start_unix_nano": start, **BROKE}
    live = list(folder.segments().values())
    alive = pl.col("request_id").is_in(list(gone)).not_()
    found = failures.nearest(request, live, lambda rows: rows.filter(alive), limit)
    return found["request_id"].to_list()


def test_only_segments_that_may_hold_a_nearer_one_are_read(folder: Folder) -> None:
    failures = Failures(folder.rows)
    assert ask(failures, folder, 2) == ["c", "d"]
    assert folder.read == ["s2"]
    # The third may be `b`, `e` or, as near as `e`, one that is not known yet.
    assert ask(failures, folder, 3) == ["c", "d", "b"]
    assert folder.read == ["s2", "s1", "s3"]


def test_every_segment_is_read_once_where_there_are_fewer_than_wanted(folder: Folder) -> None:
    failures = Failures(folder.rows)
    everything = ["c", "d", "b", "e", "f", "a", "g", "h"]
    assert ask(failures, folder, 9) == everything
    assert ask(failures, folder, 9) == everything
    assert sorted(folder.read) == ["s1", "s2", "s3", "s4", "s5"]


def test_what_was_replaced_makes_room_for_the_next(folder: Folder) -> None:
    assert ask(Failures(folder.rows), folder, 2, gone="cb") == ["d", "e"]


def test_without_a_start_ids_decide_among_all(folder: Folder) -> None:
    assert ask(Failures(folder.rows), folder, 2, start=None) == ["a", "b"]
    assert len(folder.read) == 5


def test_segments_that_are_gone_are_let_go(folder: Folder) -> None:
    failures = Failures(folder.rows)
    ask(failures, folder, 9)
    failures.keep(folder.segments("s1", "s4"))
    folder.stored = {name: STORED[name] for name in ("s1", "s4")}
    assert ask(failures, folder, 9) == ["b", "f", "a", "g"]
    assert len(folder.read) == 5
