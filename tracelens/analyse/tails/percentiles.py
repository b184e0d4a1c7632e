"""How one request stands in cost and latency among those that had the same inputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from tracelens.analyse.tails.values import METRICS, Percentile
from tracelens.requests.modalities import NONE
from tracelens.store import Store


def percentiles(store: Store, request_id: str) -> tuple[Percentile, ...]:
    """How a request stands among those with its inputs, in cost, latency and time to first audio.

    Metrics that are not known of it are left out; none at all for an id that is not stored.
    """
    names = [column for column, _ in METRICS.values()]
    own = store.find("request", request_id, ["request_id", "input_modalities", *names])
    own = own.filter(request_id=request_id)
    return () if own.is_empty() else percentiles_of(store, own.row(0, named=True), list(METRICS))


def percentiles_of(
    store: Store, request: Mapping[str, Any], metrics: Sequence[str]
) -> tuple[Percentile, ...]:
    """The same of a request row, for those of `METRICS` that are named and known of it.

    Raises StoreError where a segment of requests is damaged: it looks at all of them.
    """
    columns = {name: METRICS[name][0] for name in metrics if request[METRICS[name][0]] is not None}
    if not columns:
        return ()
    inputs = "+".join(request["input_modalities"] or []) or NONE
    alike = (pl.col("inputs") == inputs).fill_null(inputs == NONE)
    counts = {
        name: pl.struct(
            known=(alike & pl.col(column).is_finite()).sum(),
            lower=(alike & (pl.col(column) < request[column])).sum(),
        )
        for name, column in columns.items()
    }
    # One pass over columns that stay in memory for as long as the store is the same.
    found = store.request_columns(["inputs", *columns.values()]).lazy().select(**counts).collect()
    return tuple(
        Percentile(
            name,
            request[columns[name]],
            inputs,
            count["known"],
            count["lower"] / max(count["known"], 1),
        )
        for name, count in found.row(0, named=True).items()
    )
