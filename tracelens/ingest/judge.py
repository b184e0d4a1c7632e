"""Judges the requests of stored traces, a bounded number of spans at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import polars as pl

from tracelens.locate import SPAN_COLUMNS, inputs_in_force, locate_requests
from tracelens.model import REQUEST
from tracelens.normalise import mapping_version
from tracelens.policy import Policy
from tracelens.requests import unjudged
from tracelens.requests.assemble import STRAY_NANOS
from tracelens.requests.summary import NEXT_TURN_NANOS
from tracelens.store import Reach, Writer

#: Spans that are judged at once, unless one trace has more.
JUDGED_SPANS: Final = 100_000

#: How far the turns of a session look at one another.
REACH: Final = Reach(NEXT_TURN_NANOS, STRAY_NANOS)


@dataclass(frozen=True)
class Judged:
    """The requests of some traces, earlier ids of them, and the traces that were too large.

    `oversized` has the number of spans by trace id, `in_force` what they were judged by.
    """

    requests: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=REQUEST))
    traces: Sequence[str] = ()
    aliases: Mapping[str, str] = field(default_factory=dict)
    oversized: Mapping[str, int] = field(default_factory=dict)
    in_force: Mapping[str, str] | None = None


def judge(
    writer: Writer, traces: Sequence[str], policy: Policy, reports: pl.DataFrame | None = None
) -> Judged:
    """Judge the requests of traces, together with all that these look at.

    A trace of more than `limits.spans_per_trace` spans, in all loads together, gets one request of
    unknown outcome instead. What is stored decides, so the order of loading does not matter.
    `reports` are the bug reports that count, by default those that are stored.
    """
    sizes = writer.sizes_of(traces)
    large = sizes.filter(pl.col("spans") > policy.limits.spans_per_trace)
    rest = sizes.join(large, on="trace_id", how="anti", maintain_order="left")
    told = writer.bug_reports() if reports is None else reports
    profiles = writer.profiles()
    in_force = inputs_in_force(policy, mapping_version(), profiles)
    found = [_requests_of(writer, chunk, policy, told, profiles) for chunk in chunks(rest)]
    outlines = writer.outlines_of(large["trace_id"].to_list()) if large.height else None
    if outlines is not None:
        found.append(unjudged(outlines, policy.limits.spans_per_trace, in_force[""]))
    requests = pl.concat([pl.DataFrame(schema=REQUEST), *found])
    oversized = dict(large.select("trace_id", "spans").iter_rows())
    aliases = superseded(writer.requests_of(traces), requests, list(oversized))
    return Judged(requests, traces, aliases, oversized, in_force)


def superseded(
    old: pl.DataFrame, new: pl.DataFrame, oversized: Sequence[str] = ()
) -> dict[str, str]:
    """Superseded request ids, each with the request that now holds its span.

    The one request of a trace that is `oversized` takes the place of all it had.
    """
    gone = old.join(new.select("request_id"), on="request_id", how="anti")
    held = new.select("trace_id", span="span_ids", successor="request_id").explode("span")
    moved = gone.select("request_id", "trace_id", span="span_ids").explode("span")
    pairs = moved.join(held, on=["trace_id", "span"]).select("request_id", "successor")
    whole = new.filter(pl.col("trace_id").is_in(list(oversized)))
    swallowed = gone.join(whole.select("trace_id", successor="request_id"), on="trace_id")
    pairs = pl.concat([pairs, swallowed.select("request_id", "successor")])
    pairs = pairs.sort("request_id", "successor").unique("request_id", keep="first")
    return dict(pairs.iter_rows())


def _requests_of(
    writer: Writer,
    traces: Sequence[str],
    policy: Policy,
    reports: pl.DataFrame,
    profiles: pl.DataFrame,
) -> pl.DataFrame:
    """The requests of these traces; those of traces beside them are judged on the way."""
    sizes = writer.sizes_of(writer.neighbours(REACH).context_of(traces))
    fit = sizes.filter(pl.col("spans") <= policy.limits.spans_per_trace)
    spans = writer.spans_of(fit["trace_id"].to_list(), SPAN_COLUMNS)
    requests = locate_requests(spans, policy, mapping_version(), reports, profiles)
    return requests.filter(pl.col("trace_id").is_in(pl.Series(traces).implode()))


def chunks(sizes: pl.DataFrame) -> Iterator[list[str]]:
    """The traces in chunks of some spans, in order of time: neighbours in one where they fit."""
    chunk: list[str] = []
    held = 0
    rows = sizes.sort("start", "trace_id").select("trace_id", "spans")
    for trace, spans in rows.iter_rows():
        if chunk and held + spans > JUDGED_SPANS:
            yield chunk
            chunk, held = [], 0
        chunk.append(trace)
        held += spans
    if chunk:
        yield chunk
