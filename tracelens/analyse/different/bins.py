"""Numbers as few values with names: bins between quantiles, cut at round numbers."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

import numpy as np
import numpy.typing as npt

#: Where bins are cut, before rounding: finer towards the end where the tail is.
CUTS: Final = (0.25, 0.5, 0.75, 0.9, 0.95, 0.99)
#: A number with at most so many values has no bins: each is a value of its own.
FEW: Final = 12
#: Steps of each power of ten, from coarse to fine; the first that keep the cuts apart are taken.
STEPS: Final = ((1, 2, 3, 5), tuple(range(10, 100)), tuple(range(100, 1_000)))
#: How people say lengths of time in seconds.
SECONDS: Final = (
    *(0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0),
    *(120.0, 300.0, 600.0, 1_200.0, 1_800.0, 3_600.0, 7_200.0),
)
#: Cuts that have to stay apart after rounding, where they were before.
APART: Final = 3

Numbers = npt.NDArray[np.float64]
Codes = npt.NDArray[Any]


@dataclass(frozen=True)
class Bin:
    """One value of a number: from `low` (included) to `high` (excluded, or the same as low)."""

    label: str
    low: float | None
    high: float | None


def bin_numbers(values: Numbers, unit: str = "", *, whole: bool = False) -> tuple[Codes, list[Bin]]:
    """The bin of each number, and the bins in order; what is not finite has the code after them.

    Edges depend on the numbers only through quantiles that are rounded down, so that a few more
    requests rarely move them. An edge never lies above its quantile: the last bin is not empty.
    Where the least number is zero it is a value of its own: nothing is something else than little.

    Args:
        values: the whole population, NaN where unknown.
        unit: what stands after a number, such as `s`.
        whole: whether these are counts, so that `3–4` can be said instead of `3–5`.
    """
    finite = np.isfinite(values)
    known = values if finite.all() else values[finite]
    distinct = _distinct(known)
    if distinct is not None:
        bins = [_value(float(each), unit) for each in distinct]
        codes = np.searchsorted(distinct, values).astype(np.uint8)
    else:
        zero = known.min() == 0
        edges = _edges(known[known > 0] if zero else known, unit)
        bins = _bins(edges, unit, zero=zero, whole=whole)
        codes = (values > 0).astype(np.uint8) if zero else np.zeros(len(values), np.uint8)
        for edge in edges:
            codes += values >= edge
    if len(known) < len(values):
        codes[~finite] = len(bins)
    return codes, bins


def _distinct(known: Numbers) -> Numbers | None:
    """The values, where they are few."""
    # Most numbers show with their first thousand that they are not.
    if len(np.unique(known[:1_000])) > FEW:
        return None
    distinct = np.unique(known)
    return distinct if len(distinct) <= FEW else None


def _edges(known: Numbers, unit: str) -> list[float]:
    """Where bins begin, but the first of them; ascending."""
    cuts = np.unique(np.quantile(known, CUTS, method="lower")).tolist()
    rounded = cuts
    for candidate in _roundings(cuts, unit):
        if len(candidate) >= min(APART, len(cuts)):
            rounded = candidate
            break
    least = known.min()
    return [edge for edge in rounded if edge > least]


def _roundings(cuts: list[float], unit: str) -> list[list[float]]:
    """The cuts rounded down, from coarse to fine."""
    ways = [[_floor(cut, steps) for cut in cuts] for steps in STEPS]
    if unit == "s" and cuts[0] >= SECONDS[0] and cuts[-1] < 2 * SECONDS[-1]:
        ways.insert(0, [max(each for each in SECONDS if each <= cut) for cut in cuts])
    return [sorted(set(way)) for way in ways]


def _floor(cut: float, steps: tuple[int, ...]) -> float:
    """The next number at or below that is one of the steps times a power of ten."""
    if cut == 0:
        return 0.0
    size, power = abs(cut), int(f"{abs(cut):e}".partition("e")[2]) - len(str(steps[0])) + 1
    # One step lower and higher, because of rounding; from text, so that 3 times 0.1 is 0.3.
    grid = [
        *(float(f"{step}e{power - 1}") for step in steps[-1:]),
        *(float(f"{step}e{power}") for step in steps[_around(size, steps)]),
        *(float(f"{step}e{power + 1}") for step in steps[:2]),
    ]
    if cut > 0:
        return max(each for each in grid if each <= size)
    return -min(each for each in grid if each >= size)


def _around(size: float, steps: tuple[int, ...]) -> slice:
    """Where in the steps a number lies that is so many of them."""
    place = bisect_right(steps, float(f"{size:e}".partition("e")[0]) * steps[0])
    return slice(max(place - 2, 0), place + 2)


def _bins(edges: list[float], unit: str, *, zero: bool, whole: bool) -> list[Bin]:
    bounds = [None, *edges, None]
    bins = [_between(low, high, unit, whole=whole) for low, high in pairwise(bounds)]
    if not zero:
        return bins
    first = bins[0]
    label = f"> 0, {first.label}" if edges else _with_unit("> 0", unit)
    return [_value(0.0, unit), Bin(label, None, first.high), *bins[1:]]


def _value(number: float, unit: str) -> Bin:
    return Bin(_with_unit(_said(number), unit), number, number)


def _between(low: float | None, high: float | None, unit: str, *, whole: bool) -> Bin:
    if low is None:
        said = "any" if high is None else f"< {_said(high)}"
    elif high is None:
        said = f"≥ {_said(low)}"
    elif whole and low.is_integer() and high.is_integer():
        said = _said(low) if high - 1 <= low else f"{_said(low)}–{_said(high - 1)}"
    else:
        said = f"{_said(low)}–{_said(high)}"
    return Bin(_with_unit(said, unit), low, high)


def _said(number: float) -> str:
    if number.is_integer() and abs(number) < 1e15:
        return f"{int(number):,}"
    return f"{number:.6g}"


def _with_unit(text: str, unit: str) -> str:
    return f"{text} {unit}" if unit else text
