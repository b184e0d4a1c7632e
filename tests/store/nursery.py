"""Forks writers that commit in a loop until they are killed; imports are paid once.

Reads one JSON order per line: `{"store", "break", "kill": {"commit", "at"}}`. A writer prints
`committed N` after each commit; the nursery prints `started PID` and `ended STATUS`.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl

from tests.store.frames import requests, span, spans
from tracelens.store import LoadEntry, Store, compact, log, protocol
from tracelens.store.protocol import Part

UNIQUE = 2  # traces that only one part has


def die() -> None:
    """End as a power cut would: no handler, no clean-up."""
    os.kill(os.getpid(), signal.SIGKILL)


def part_spans(number: int) -> pl.DataFrame:
    """Two spans in each of two new traces, and one more span of a trace that every part has."""
    rows = [
        span(f"t{number}-{each}", name, at=number)
        for each in range(UNIQUE)
        for name in ("root", "leaf")
    ]
    return spans(*rows, span("shared", f"s{number}", at=number))


def commit_part(store: Store, number: int) -> int:
    """Commit part `number` together with the spans of the part before, which are duplicates."""
    with store.stage() as stage, store.writer(seconds=5) as turn:
        stage.add(part_spans(number))
        if number > 1:
            stage.add(part_spans(number - 1))
        fresh = turn.fresh(stage)
        judged = requests(*({"request_id": each, "trace_id": each} for each in fresh.traces))
        report = {"spans_read": stage.rows, "spans_stored": fresh.stored, "sha256": str(number)}
        return turn.commit(
            fresh, judged, fresh.traces, [LoadEntry(report, [{"at": 1, "reason": "r"}])]
        )


def run(store_folder: Path) -> None:
    """Commit until killed."""
    store = Store.open(store_folder, create=True)
    newest = max((each["generation"] for each in store.loads()), default=0)
    for number in range(newest + 1, newest + 1_000):
        print("committed", commit_part(store, number), flush=True)


def plant_kill(commit: int, at: str) -> None:
    """Die in the given commit: before step N (`before N`), or within a step (the other names)."""
    where, _, detail = at.partition(" ")
    seen = {"commits": 0}

    def counting(part: Part) -> None:
        seen["commits"] += 1

    def mortal(part: Part) -> None:
        if seen["commits"] == commit:
            die()

    steps: list[Callable[[Part], None]] = list(protocol.STEPS)
    if where == "before":
        steps.insert(int(detail), mortal)
    protocol.STEPS = (counting, *steps)
    if where == "rename":
        _die_in(Path, "rename", int(detail), lambda: seen["commits"] == commit)
    if where == "insert":
        _die_in(log.Log, "_insert", int(detail), lambda: seen["commits"] == commit)
    if where == "replace":
        _die_in(log.Log, "replace", 1, lambda: True)


def _die_in(owner: Any, name: str, call: int, armed: Callable[[], bool]) -> None:
    original, calls = getattr(owner, name), {"n": 0}

    def mortal(*arguments: Any) -> Any:
        calls["n"] += armed()
        if armed() and calls["n"] == call:
            die()
        return original(*arguments)

    setattr(owner, name, mortal)


def break_order() -> None:
    """The mistake that the kill test must find: the log speaks before the files have names."""
    write, sync, rename, sync_names, record = protocol.STEPS
    protocol.STEPS = (write, sync, record, rename, sync_names)


def break_transaction() -> None:
    """The other one: spans and requests enter the log in two transactions."""

    def record_spans(part: Part) -> None:
        drafts, part.drafts = part.drafts, [d for d in part.drafts if d.kind == "spans"]
        protocol.record_part(part)
        part.drafts = drafts

    def record_requests(part: Part) -> None:
        segments = [protocol._renamed(d) for d in part.drafts if d.kind == "requests"]
        part.log.add(log.Entry(part.generation, segments))

    protocol.STEPS = (*protocol.STEPS[:4], record_spans, record_requests)


def main() -> None:
    """Serve orders until stdin ends."""
    compact.SEGMENTS_KEPT, compact.SEGMENTS_MERGED = 8, 6  # type: ignore[misc]
    for line in sys.stdin:
        order = json.loads(line)
        child = os.fork()
        if not child:
            {"order": break_order, "transaction": break_transaction}.get(order["break"], int)()
            if order["kill"]:
                plant_kill(**order["kill"])
            run(Path(order["store"]))
            os._exit(0)
        print("started", child, flush=True)
        print("ended", os.waitpid(child, 0)[1], flush=True)


if __name__ == "__main__":
    main()
