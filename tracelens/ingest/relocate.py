"""Judges what is stored anew: by the policy and the mappings of today, and by what it shows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import polars as pl

from tracelens.ingest.judge import judge
from tracelens.locate import inputs_in_force
from tracelens.model import REQUEST
from tracelens.normalise import mapping_version
from tracelens.policy import Policy
from tracelens.requests.profile import build_profiles, changed, too_brief
from tracelens.store import Store

#: Traces that are judged, and committed, together.
TRACES: Final = 5_000

#: In order of time: what is judged together looks at few others.
_TRACES: Final = "select trace_id from spans group by trace_id order by min(start_unix_nano), 1"
_STALE: Final = """
select trace_id from requests where stale group by trace_id order by min(start_unix_nano), 1
"""
_TOLD: Final = "select request_id, service, emitter, start_unix_nano, shape from requests"


@dataclass(frozen=True)
class Located:
    """What judging anew came to.

    `requests` is how many there are; `changes` are the rows of `PROFILE` that expect something else
    than before, with `before`; `too_brief` those of stages that hardly any request ran, on too few
    days to be taken for the design of the service.
    """

    requests: int
    changes: pl.DataFrame
    too_brief: pl.DataFrame


def relocate(
    store: Store, policy: Policy, progress: Callable[[int, int], None] | None = None
) -> Located:
    """Judge all requests of a store anew, learn from them, and judge again what that changes.

    Commits after every few thousand traces, so an interruption keeps what was done: rows are
    judged by the profiles that were in force, and those that are judged by others than are in force
    now are stale. What the profiles are built of does not depend on profiles, so one round
    suffices. `progress` gets traces done and traces in all.

    Raises:
        StoreError: the store is busy, damaged or newer.
    """
    traces = store.query(_TRACES)["trace_id"].to_list()
    _judge(store, traces, policy, progress)
    before = store.profiles()
    profiles = _learn(store, policy)
    stale = store.query(_STALE)["trace_id"].to_list()
    _judge(store, stale, policy, progress)
    count = int(store.query("select count(*) as n from requests")["n"][0])
    return Located(count, changed(before, profiles), too_brief(profiles, policy.profile))


def _judge(
    store: Store,
    traces: list[str],
    policy: Policy,
    progress: Callable[[int, int], None] | None,
) -> None:
    done = 0
    for chunk in _chunks(traces):
        with store.writer() as writer:
            judged = judge(writer, chunk, policy)
            writer.commit(
                None, judged.requests, chunk, aliases=judged.aliases, in_force=judged.in_force
            )
        done += len(chunk)
        if progress is not None:
            progress(done, len(traces))


def _learn(store: Store, policy: Policy) -> pl.DataFrame:
    """Build the profiles from what is stored, and put them in force at once."""
    with store.writer() as writer:
        profiles = build_profiles(store.query(_TOLD), policy.profile)
        in_force = inputs_in_force(policy, mapping_version(), profiles)
        if not profiles.equals(writer.profiles()):
            nothing = pl.DataFrame(schema=REQUEST)
            writer.commit(None, nothing, [], in_force=in_force, profiles=profiles)
    return profiles


def _chunks(traces: list[str]) -> Iterator[list[str]]:
    for begin in range(0, len(traces), TRACES):
        yield traces[begin : begin + TRACES]
