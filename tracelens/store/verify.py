"""Verification: which segments are not as they were written, and what lies in them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import polars as pl

from tracelens.store.cancel import check_cancelled
from tracelens.store.checksum import UNDECODED, damage_of
from tracelens.store.flat import differs, find_copy
from tracelens.store.keys import WIDTHS, IdKind
from tracelens.store.log import Kind, Load, Log, Moment, Segment, Tombstone
from tracelens.store.segments import GENERATION, SEGMENT_FOLDER


@dataclass(frozen=True)
class Damage:
    """A segment that is not as it was written, and what lies in it; or a flat copy, with no rows.

    `loads` are paths of inputs whose rows it has; of a file that tells nothing, all that it may
    have. `traces` and `requests` are ids; of a segment of spans, the requests of its traces.
    """

    segment: Path
    kind: Kind
    reason: str
    loads: list[str]
    traces: list[str]
    requests: list[str]


def find_damage(store: Path, log: Log) -> list[Damage]:
    """All damaged segments of the newest version, oldest first."""
    live, records = log.everything()
    checksums = log.checksums()
    reasons = {}
    for each in live.segments:
        check_cancelled()
        reasons[each.name] = damage_of(store / SEGMENT_FOLDER, each, checksums)
    whole = [each for each in live.of("requests") if reasons[each.name] is None]
    found = []
    with log.moment() as moment:
        for segment in live.segments:
            reason = reasons[segment.name]
            if reason is None:
                continue
            traces = _ids(moment, "trace", segment)
            requests = (
                _ids(moment, "request", segment)
                if segment.kind == "requests"
                else _requests_of(store, whole, traces, live.tombstones)
            )
            loads = _loads(store, segment, records.loads)
            path = store / SEGMENT_FOLDER / segment.name
            found.append(Damage(path, segment.kind, reason, loads, traces, requests))
    return found + [each for each in map(partial(_copy_damage, store), whole) if each is not None]


def _copy_damage(store: Path, segment: Segment) -> Damage | None:
    """A copy that says other than its segment; one that is not read does no harm."""
    check_cancelled()
    folder = store / SEGMENT_FOLDER
    copy = find_copy(folder, segment)
    if copy is None:
        return None
    try:
        if not differs(folder / segment.name, copy):
            return None
        why = "has other values than"
    except UNDECODED as error:
        why = f"cannot be decoded ({error}); it only repeats what is in"
    reason = f"{copy.path} {why} {segment.name}: delete it, nothing is lost"
    return Damage(copy.path, "requests", reason, [], [], [])


def _ids(moment: Moment, kind: IdKind, segment: Segment) -> list[str]:
    """The ids of a segment by the log: its file is not to be trusted."""
    width = 2 * WIDTHS[kind]
    text = "".join(row.keys.hex() for row in moment.keys(kind, [segment.name]))
    return [text[begin : begin + width] for begin in range(0, len(text), width)]


def _requests_of(
    store: Path, segments: Sequence[Segment], traces: Sequence[str], dead: Sequence[Tombstone]
) -> list[str]:
    """Live requests of traces, from segments that are whole."""
    oldest = pl.DataFrame(
        [(each.trace_id, each.generation) for each in dead],
        schema={"trace_id": pl.String, "oldest": pl.Int64},
        orient="row",
    )
    ids = pl.Series(traces, dtype=pl.String).implode()
    parts = [
        pl.scan_parquet(store / SEGMENT_FOLDER / each.name, glob=False)
        .filter(pl.col("trace_id").is_in(ids))
        .select("trace_id", "request_id", GENERATION)
        for each in segments
    ]
    if not parts:
        return []
    rows = pl.concat(parts).collect().join(oldest, on="trace_id", how="left")
    live = pl.col(GENERATION) >= pl.col("oldest").fill_null(0)
    return rows.filter(live)["request_id"].sort().to_list()


def _loads(store: Path, segment: Segment, loads: Sequence[Load]) -> list[str]:
    path = store / SEGMENT_FOLDER / segment.name
    try:
        column = pl.scan_parquet(path, glob=False).select(pl.col(GENERATION).unique()).collect()
        held = set(column[GENERATION])
    except UNDECODED:
        held = set(range(segment.generation + 1))
    named = (json.loads(each.report).get("path") for each in loads if each.generation in held)
    return sorted({str(each) for each in named})
