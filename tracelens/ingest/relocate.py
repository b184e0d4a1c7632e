"""Judges what is stored anew: by the policy and the mappings of today, from stored spans."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from tracelens.ingest.judge import judge
from tracelens.policy import Policy
from tracelens.store import Store

#: Traces that are judged, and committed, together.
TRACES: Final = 5_000

#: In order of time: what is judged together looks at few others.
_TRACES: Final = "select trace_id from spans group by trace_id order by min(start_unix_nano), 1"


def relocate(
    store: Store, policy: Policy, progress: Callable[[int, int], None] | None = None
) -> int:
    """Judge all requests of a store anew, and return how many there are.

    Commits after every few thousand traces, so an interruption keeps what was done. `progress`
    gets traces done and traces in all.

    Raises:
        StoreError: the store is busy, damaged or newer.
    """
    traces = store.query(_TRACES)["trace_id"].to_list()
    count = done = 0
    for chunk in _chunks(traces):
        with store.writer() as writer:
            judged = judge(writer, chunk, policy)
            writer.commit(None, judged.requests, chunk, aliases=judged.aliases)
        count += judged.requests.height
        done += len(chunk)
        if progress is not None:
            progress(done, len(traces))
    return count


def _chunks(traces: list[str]) -> Iterator[list[str]]:
    for begin in range(0, len(traces), TRACES):
        yield traces[begin : begin + TRACES]
