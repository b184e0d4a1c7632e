"""Quantiles of times before and after, of all requests and by modality."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl

from tracelens.analyse.what_if.baseline import Baseline
from tracelens.analyse.what_if.quantiles import LEAST, QUANTILES, Mixture, Values
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
    base: Baseline, touched: pl.DataFrame, measured: Sequence[Mapping[str, pl.DataFrame]], name: str
) -> Times:
    """Quantiles of a time (`duration_ms` or `ttfa_ms`) of all requests.

    `touched` has `NAME`, `NAME_low`, `NAME_high` and `NAME_unknown`, `measured` the `times` of each
    route.
    """
    added = _added([each[name] for each in measured], None)
    return _times(base.sorted[name], base.quantiles[name], touched, added, name)


def compare_groups(
    base: Baseline, touched: pl.DataFrame, measured: Sequence[Mapping[str, pl.DataFrame]]
) -> dict[str, Times]:
    """Quantiles of durations by modality."""
    name = "duration_ms"
    columns = [name, *(f"{name}_{end}" for end in ("low", "high", "unknown"))]
    parts = touched.select("group", *columns).partition_by("group", as_dict=True)
    own = {str(key[0]): part for key, part in parts.items()}
    found = {}
    for group, values in base.durations.items():
        added = _added([each[name] for each in measured], group)
        part = own.get(group, touched.clear())
        found[group] = _times(values, base.group_quantiles[group], part, added, name)
    return found


def _added(measured: Sequence[pl.DataFrame], group: str | None) -> _Added:
    if group is not None:
        measured = [each.filter(pl.col("group") == group) for each in measured]
    if not any(each.height for each in measured):
        return _Added(NOTHING, NOTHING, 0.0)
    rows = pl.concat(measured)
    return _Added(rows["value"].to_numpy(), rows["weight"].to_numpy(), float(rows["width"].sum()))


def _times(
    values: Values,
    before: Sequence[float | None],
    touched: pl.DataFrame,
    added: _Added,
    name: str,
) -> Times:
    touched = touched.filter(pl.col(name).is_not_null())
    removed = np.sort(touched[name].to_numpy())
    ends, n = [], len(values)
    for end, sign in (("low", -1), ("high", 1)):
        replaced = touched[f"{name}_{end}"]
        if not added.width and replaced.equals(touched[name], null_equal=True):
            ends.append(list(before))
            continue
        after = _mixture(values, removed, replaced.drop_nulls().to_numpy(), added)
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
        unknown=int(touched[f"{name}_unknown"].sum() or 0),
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
