"""Judges what is stored anew: by the policy and the mappings of today, from stored spans."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from tracelens.ingest.run import superseded
from tracelens.locate import SPAN_COLUMNS, locate_requests
from tracelens.normalise import mapping_version
from tracelens.policy import Policy
from tracelens.store import Store

#: Traces that are judged, and committed, together.
TRACES: Final = 5_000


def relocate(
    store: Store, policy: Policy, progress: Callable[[int, int], None] | None = None
) -> int:
    """Judge all requests of a store anew, and return how many there are.

    Commits after every few thousand traces, so an interruption keeps what was done. `progress`
    gets traces done and traces in all.

    Raises:
        StoreError: the store is busy, damaged or newer.
    """
    traces = store.query("select distinct trace_id from spans order by trace_id")["trace_id"]
    waiting = set(traces)
    count = 0
    for chunk in _chunks(traces.to_list()):
        with store.writer() as writer:
            related = writer.related_traces([each for each in chunk if each in waiting])
            if not related:
                continue
            requests = locate_requests(
                writer.spans_of(related, SPAN_COLUMNS), policy, mapping_version()
            )
            aliases = superseded(writer.requests_of(related), requests)
            writer.commit(None, requests, related, aliases=aliases)
        waiting.difference_update(related)
        count += requests.height
        if progress is not None:
            progress(len(traces) - len(waiting), len(traces))
    return count


def _chunks(traces: list[str]) -> Iterator[list[str]]:
    for begin in range(0, len(traces), TRACES):
        yield traces[begin : begin + TRACES]
