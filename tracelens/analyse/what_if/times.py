"""Quantiles of times before and after, of all requests and by modality."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

import numpy as np

from tracelens.analyse.what_if.baseline import Baseline
from tracelens.analyse.what_if.done import Change, Dealt
from tracelens.analyse.what_if.quantiles import LEAST, QUANTILES, Mixture, Values
from tracelens.analyse.what_if.results import Bounds, Quantile, Times
from tracelens.analyse.what_if.routes import Others

METRICS: Final = {"duration_ms": "latency", "ttfa_ms": "ttfa"}
NOTHING: Final[Values] = np.empty(0)


@dataclass(frozen=True)
class _Added:
    """Times measured on other requests: weights, and by how much their counts may be wrong."""

    values: Values
    weights: Values
    width: float


@dataclass(frozen=True)
class _Today:
    """A time as it is: how many have it, its quantiles, and what gives the values, ascending."""

    name: str
    n: int
    quantiles: Sequence[float | None]
    values: Callable[[], Values]


def compare_times(
    base: Baseline, change: Change, measured: Sequence[Mapping[str, Others]], name: str
) -> Times:
    """Quantiles of a time (`duration_ms` or `ttfa_ms`) of all requests.

    `measured` has the `times` of each route.
    """
    added = _added([each[name] for each in measured], None)
    ends = (change.low, change.high)
    replaced = [None if end is change.removed else end.values for end in ends]
    values, unknown = base.ordered(name), int(change.unknown.sum())
    today = _Today(name, len(values), base.quantiles(name), lambda: values)
    return _times(today, change.removed.values, replaced, added, unknown)


def compare_groups(
    base: Baseline, change: Change, measured: Sequence[Mapping[str, Others]]
) -> list[Times]:
    """Quantiles of durations by modality, as the baseline numbers them."""
    name, found, size = "duration_ms", [], len(base.totals.groups)
    removed, ends = _split(change.removed, size), (change.low, change.high)
    replaced = [None if end is change.removed else _split(end, size) for end in ends]
    for group in range(size):
        added = _added([each[name] for each in measured], group)
        own = [None if end is None else end[group] for end in replaced]
        today = _Today(name, *base.group_quantiles(group), partial(base.durations, group))
        found.append(_times(today, removed[group], own, added, int(change.unknown[group])))
    return found


def _split(dealt: Dealt, size: int) -> list[Values]:
    """The values of each modality."""
    ends = np.cumsum(np.bincount(dealt.group, minlength=size))[:-1]
    return np.split(dealt.values[np.argsort(dealt.group, kind="stable")], ends)


def _added(measured: Sequence[Others], group: int | None) -> _Added:
    if group is not None:
        measured = [_of(each, group) for each in measured]
    return _Added(
        np.concatenate([NOTHING, *(each.values for each in measured)]),
        np.concatenate([NOTHING, *(each.weights for each in measured)]),
        sum(float(each.width.sum()) for each in measured),
    )


def _of(others: Others, group: int) -> Others:
    places = np.flatnonzero(others.group == group)
    width = others.width[group : group + 1]
    return Others(others.values[places], others.weights[places], others.group[places], width)


def _times(
    today: _Today,
    removed: Values,
    replaced: Sequence[Values | None],
    added: _Added,
    unknown: int,
) -> Times:
    ends, n, removed = [], today.n, np.sort(removed)
    for own, sign in zip(replaced, (-1, 1), strict=True):
        if not added.width and (own is None or not len(removed)):
            ends.append(today.quantiles)
            continue
        after = _mixture(today.values(), removed, removed if own is None else own, added)
        n, off = after.n, sign * added.width / max(after.n, 1)
        ends.append(after.quantiles([q + off for q in QUANTILES.values()]))
    return Times(
        metric=METRICS[today.name],
        n_before=today.n,
        n_after=n,
        quantiles=[
            Quantile(
                label,
                today.quantiles[i] if today.n >= LEAST[label] else None,
                Bounds(ends[0][i], ends[1][i]) if n >= LEAST[label] else Bounds(None, None),
            )
            for i, label in enumerate(QUANTILES)
        ],
        unknown=unknown,
    )


def _mixture(values: Values, removed: Values, replaced: Values, added: _Added) -> Mixture:
    if not len(added.values):
        return Mixture(values, removed, replaced)
    return Mixture(
        values,
        removed,
        np.concatenate((np.sort(replaced), added.values)),
        np.concatenate((np.ones(len(replaced)), added.weights)),
    )
