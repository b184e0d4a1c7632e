"""What it would cost, and take, to send requests to another model: measured, never modelled."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial, reduce
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tracelens.analyse.tails.choose import Mask
from tracelens.analyse.tails.ordered import Codes, Floats, Ints, Rows, counts, sums
from tracelens.analyse.what_if.baseline import TIMES, Baseline, Strata
from tracelens.analyse.what_if.results import Share
from tracelens.analyse.what_if.shares import band, half_width, wilson
from tracelens.policy import Condition, Route

#: Kinds of strata, the finest first: see `Baseline.strata`.
STRATA: Final = ("fine", "coarse")


@dataclass(frozen=True)
class Others:
    """Times in ms of comparable requests, ascending, that stand for those of moved ones.

    `weights` of a modality (`group`) add up to how many of its requests are replaced, and the count
    below any value may be wrong by `width` of it.
    """

    values: Floats
    weights: Floats
    group: Codes
    width: Floats


@dataclass(frozen=True)
class Moved:
    """Requests that one route moves, in order.

    `saved_low` and `saved_high` are US dollars, `measured` says of each time whether it is measured
    on enough requests, and `times` are those of the comparable requests.
    """

    rows: Rows
    saved_low: Floats
    saved_high: Floats
    measured: dict[str, Mask]
    times: dict[str, Others]
    comparable: int
    not_moved: int
    unknown: int
    failed_comparable: Share
    refused_because: str | None


@dataclass(frozen=True)
class _Some:
    """Requests with known input tokens and a known cost of the stage, and their strata."""

    rows: Rows
    cost: Floats
    strata: dict[str, Strata]
    times: dict[str, Floats]


@dataclass(frozen=True)
class _Measured:
    """Of each stratum the interval of the mean cost, NaN where it has too few requests.

    `n` counts its requests with each time, 0 where these are too few.
    """

    low: Floats
    high: Floats
    n: dict[str, Ints]


def meets(base: Baseline, conditions: Sequence[Condition]) -> Mask:
    """Whether a request meets all conditions of a route."""
    found = np.ones(base.height, dtype=bool) if base.mask is None else base.mask.copy()
    for each in conditions:
        found &= _meets(base, each)
    return found


def move(base: Baseline, route: Route, free: Mask, least: int) -> Moved:
    """Measure a route for the requests that meet its conditions and are `free` to move.

    Those of a stratum with fewer than `least` comparable requests stay where they are.
    """
    there = base.uses(route.stage, route.to)
    asked = np.flatnonzero(meets(base, route.when) & base.one_model(route.stage) & ~there & free)
    others = [each for each in route.when if each.column != "model"]
    same = np.flatnonzero(meets(base, others) & there)
    known, alike = _some(base, route, asked, same)
    measured = {key: _measure(alike, key, least) for key in STRATA}
    is_fine, is_coarse = (~np.isnan(measured[key].low[_in(known, key)]) for key in STRATA)
    # The finest stratum that is measured counts.
    places = {"fine": np.flatnonzero(is_fine), "coarse": np.flatnonzero(is_coarse & ~is_fine)}
    moves = is_fine | is_coarse
    failed = base.numbers("failed", alike.rows)
    return Moved(
        rows=known.rows[moves],
        saved_low=(known.cost - _of(known, measured, places, lambda each: each.high))[moves],
        saved_high=(known.cost - _of(known, measured, places, lambda each: each.low))[moves],
        measured={
            name: _of(known, measured, places, partial(_count_of, name))[moves] > 0
            for name in TIMES
        },
        times={name: _others(base, known, alike, measured, places, name) for name in TIMES},
        comparable=_overlap(known, alike, places),
        not_moved=len(asked) - int(np.count_nonzero(moves)),
        unknown=len(asked) - len(known.rows),
        failed_comparable=wilson(
            int(np.count_nonzero(failed > 0)), int(np.count_nonzero(~np.isnan(failed)))
        ),
        refused_because=None
        if moves.any()
        else _reason(route, len(asked), len(known.rows), len(alike.rows), least),
    )


def _meets(base: Baseline, condition: Condition) -> Mask:
    if condition.column == "model":
        return base.fits_model(condition.globs, ("reasoning",))
    if condition.globs:
        return base.fits(
            "inputs" if condition.column == "modality" else condition.column, condition.globs
        )
    size = base.column(f"sizes.{condition.column}")
    parts = [size.is_not_null()]
    if condition.min is not None:
        parts.append(size >= condition.min)
    if condition.max is not None:
        parts.append(size <= condition.max)
    found: Mask = reduce(pl.Series.__and__, parts).fill_null(False).to_numpy()
    without = base.without(condition.column)
    if without is None or (condition.min or 0) > 0 or not (condition.max or 0) >= 0:
        return found
    # Where nothing of the kind came in the size is 0.
    unknown = base.no_value(f"sizes.{condition.column}")
    return found if unknown is None else found | (without & unknown)


def _some(base: Baseline, route: Route, *asked: Rows) -> list[_Some]:
    """Those of several requests of which enough is known, with strata that they share."""
    found = []
    for rows in asked:
        cost = base.numbers(f"cost_by_stage.{route.stage}", rows)
        known = ~np.isnan(cost + base.numbers("sizes.input_tokens", rows))
        found.append((rows[known], cost[known]))
    strata = base.strata(np.concatenate([rows for rows, _ in found]))
    first, some = 0, []
    for rows, cost in found:
        own = {
            key: Strata(numbers[first : first + len(rows)], count)
            for key, (numbers, count) in strata.items()
        }
        some.append(_Some(rows, cost, own, {name: base.numbers(name, rows) for name in TIMES}))
        first += len(rows)
    return some


def _in(some: _Some, key: str) -> NDArray[Any]:
    return some.strata[key].numbers


def _measure(alike: _Some, key: str, least: int) -> _Measured:
    numbers, count = alike.strata[key]
    n = counts(numbers, count)
    with np.errstate(all="ignore"):
        mean = sums(numbers, alike.cost, count) / n
        variance = sums(numbers, (alike.cost - mean[numbers]) ** 2, count) / (n - 1)
        half = half_width(np.sqrt(variance), n)
    enough = n >= max(least, 2)
    known = {name: counts(numbers[~np.isnan(alike.times[name])], count) for name in TIMES}
    return _Measured(
        low=np.where(enough, np.maximum(mean - half, 0), np.nan),
        high=np.where(enough, mean + half, np.nan),
        n={name: np.where(enough & (each >= least), each, 0) for name, each in known.items()},
    )


def _of(
    known: _Some,
    measured: Mapping[str, _Measured],
    places: Mapping[str, Rows],
    pick: Callable[[_Measured], Any],
) -> Floats:
    """What was measured of the stratum of each request, NaN where nothing was."""
    found = np.full(len(known.rows), np.nan)
    for key in STRATA:
        found[places[key]] = pick(measured[key])[_in(known, key)[places[key]]]
    return found


def _count_of(name: str, measured: _Measured) -> Ints:
    return measured.n[name]


def _others(
    base: Baseline,
    known: _Some,
    alike: _Some,
    measured: Mapping[str, _Measured],
    places: Mapping[str, Rows],
    name: str,
) -> Others:
    """Times of comparable requests, weighted as the moved ones fall into their strata."""
    count = len(base.totals.groups)
    used = {}
    for key in STRATA:
        n = measured[key].n[name]
        own = _in(known, key)[places[key]]
        of_stratum = counts(own, len(n))
        moved = counts(own[~np.isnan(known.times[name][places[key]])], len(n))
        used[key] = (n > 0) & (of_stratum > 0), moved, n
    samples = sum(int(np.count_nonzero(there)) for there, _, _ in used.values())
    values, weights, group, width = [], [], [], np.zeros(count)
    for key, (there, moved, n) in used.items():
        with np.errstate(all="ignore"):
            weight = np.where(there, moved / n, 0.0)
            wrong = np.where(there, band(n, samples) * weight, 0.0)
        chosen = np.flatnonzero((weight > 0)[_in(alike, key)] & ~np.isnan(alike.times[name]))
        own, numbers = base.group[alike.rows[chosen]], _in(alike, key)[chosen]
        values.append(alike.times[name][chosen])
        weights.append(weight[numbers])
        group.append(own)
        width += sums(own, wrong[numbers], count)
    found = np.concatenate(values)
    order = np.argsort(found)
    return Others(found[order], np.concatenate(weights)[order], np.concatenate(group)[order], width)


def _overlap(known: _Some, alike: _Some, places: Mapping[str, Rows]) -> int:
    """How many comparable requests the moved ones are measured on."""
    found = np.zeros(len(alike.rows), dtype=bool)
    for key in STRATA:
        used = np.zeros(alike.strata[key].size, dtype=bool)
        used[_in(known, key)[places[key]]] = True
        found |= used[_in(alike, key)]
    return int(np.count_nonzero(found))


def _reason(route: Route, asked: int, known: int, alike: int, least: int) -> str:
    if not asked:
        return "no request that another model answers meets its conditions"
    if not known:
        return "its requests have no known input tokens or no known cost of the stage"
    return (
        f"fewer than {least} comparable requests used {route.to}: {alike} meet the conditions,"
        " and none of the groups of like modality and size has enough"
    )
