"""Quantiles of times before and after, of all requests and by modality."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl

from tracelens.analyse.tails.ordered import Codes
from tracelens.analyse.what_if.baseline import Baseline
from tracelens.analyse.what_if.quantiles import LEAST, QUANTILES, Mixture, Values
from tracelens.analyse.what_if.replay import Retimed
from tracelens.analyse.what_if.results import Bounds, Quantile, Times

METRICS: Final = {"duration_ms": "latency", "ttfa_ms": "ttfa"}
NOTHING: Final[Values] = np.empty(0)


@dataclass(frozen=True)
class _Added:
    """Times measured on other requests: weights, and by how much their counts may be wrong."""

    values: Values
    weights: Values
    width: float


def compare_times(
    base: Baseline, touched: Retimed, measured: Sequence[Mapping[str, pl.DataFrame]], name: str
) -> Times:
    """Quantiles of a time (`duration_ms` or `ttfa_ms`) of all requests.

    `touched` has that of touched requests, `measured` the `times` of each route.
    """
    added = _added([each[name] for each in measured], None)
    return _times(base.ordered(name), base.quantiles(name), touched, added, name)


def compare_groups(
    base: Baseline,
    touched: Retimed,
    group: Codes,
    measured: Sequence[Mapping[str, pl.DataFrame]],
) -> list[Times]:
    """Quantiles of durations by modality, as the baseline numbers them."""
    name, found, size = "duration_ms", [], len(base.totals.groups)
    by_group = touched.of(np.argsort(group, kind="stable"))
    ends = np.cumsum(np.bincount(group, minlength=size))
    for number in range(size):
        added = _added([each[name] for each in measured], number)
        part = by_group.of(slice(ends[number - 1] if number else 0, ends[number]))
        before = base.group_quantiles(number)
        found.append(_times(base.durations.part(number), before, part, added, name))
    return found


def _added(measured: Sequence[pl.DataFrame], group: int | None) -> _Added:
    if group is not None:
        measured = [each.filter(pl.col("group") == group) for each in measured]
    if not any(each.height for each in measured):
        return _Added(NOTHING, NOTHING, 0.0)
    rows = pl.concat(measured)
    return _Added(rows["value"].to_numpy(), rows["weight"].to_numpy(), float(rows["width"].sum()))


def _times(
    values: Values,
    before: Sequence[float | None],
    touched: Retimed,
    added: _Added,
    name: str,
) -> Times:
    unknown = np.isnan(touched.today)
    touched = touched.of(np.flatnonzero(~unknown)) if unknown.any() else touched
    removed: Values | None = None
    ends, n = [], len(values)
    for replaced, sign in ((touched.low, -1), (touched.high, 1)):
        if not added.width and (
            replaced is touched.today or np.array_equal(replaced, touched.today)
        ):
            ends.append(list(before))
            continue
        removed = np.sort(touched.today) if removed is None else removed
        after = _mixture(values, removed, replaced[~np.isnan(replaced)], added)
        n, off = after.n, sign * added.width / max(after.n, 1)
        ends.append(after.quantiles([q + off for q in QUANTILES.values()]))
    return Times(
        metric=METRICS[name],
        n_before=len(values),
        n_after=n,
        quantiles=[
            Quantile(
                label,
                before[i] if len(values) >= LEAST[label] else None,
                Bounds(ends[0][i], ends[1][i]) if n >= LEAST[label] else Bounds(None, None),
            )
            for i, label in enumerate(QUANTILES)
        ],
        unknown=int(np.count_nonzero(touched.unknown)),
    )


def _mixture(values: Values, removed: Values, replaced: Values, added: _Added) -> Mixture:
    if not len(added.values):
        return Mixture(values, removed, replaced)
    return Mixture(
        values,
        removed,
        np.concatenate((replaced, added.values)),
        np.concatenate((np.ones(len(replaced)), added.weights)),
    )
