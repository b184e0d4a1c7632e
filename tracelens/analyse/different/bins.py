"""Numbers as few values with names: bins between quantiles, cut at round numbers."""

from __future__ import annotations

import math
import sys
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

import numpy as np
import numpy.typing as npt

#: Where bins are cut, before rounding: finer towards the end where the tail is.
CUTS: Final = (0.25, 0.5, 0.75, 0.9, 0.95, 0.99)
#: A number with at most so many values has no bins: each is a value of its own.
FEW: Final = 12
#: So many numbers are looked at to see whether their values are few.
FIRST: Final = 4_096
#: From so many numbers on quantiles are searched by their bits.
MANY: Final = 1 << 16
#: As many keys are counted at most.
KEYS: Final = 1 << 22
#: The upper halves of floats, as whole numbers.
HIGH: Final = slice(1, None, 2) if sys.byteorder == "little" else slice(0, None, 2)
#: Steps of each power of ten, from coarse to fine; the first that keep the cuts apart are taken.
STEPS: Final = ((1, 2, 3, 5), tuple(range(10, 100)), tuple(range(100, 1_000)))
#: How people say lengths of time in seconds.
SECONDS: Final = (
    *(0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0),
    *(120.0, 300.0, 600.0, 1_200.0, 1_800.0, 3_600.0, 7_200.0),
)
#: Cuts that have to stay apart after rounding, where they were before.
APART: Final = 3

Numbers = npt.NDArray[Any]
Truths = npt.NDArray[np.bool_]
Codes = npt.NDArray[Any]


@dataclass(frozen=True)
class Bin:
    """One value of a number: from `low` (included) to `high` (excluded, or the same as low)."""

    label: str
    low: float | None
    high: float | None

    @property
    def bounds(self) -> tuple[str, float | None, float | None]:
        """Its name and where it lies."""
        return self.label, self.low, self.high


def bin_numbers(
    values: Numbers, unit: str = "", known: Truths | None = None, scratch: Numbers | None = None
) -> tuple[Codes, list[Bin]]:
    """The bin of each number, and the bins in order; what is not known has the code after them.

    Edges depend on the numbers only through quantiles that are rounded down, so that a few more
    requests rarely move them. An edge never lies above its quantile: the last bin is not empty.
    Where the least number is zero it is a value of its own: nothing is something else than little.
    Whole numbers are counts, so that `3–4` can be said instead of `3–5`.

    Args:
        values: the whole population, whole numbers or others; what is not finite is not known.
        unit: what stands after a number, such as `s`.
        known: which of them count; the others may be any number.
        scratch: whole numbers, one for each value, to be written over.
    """
    whole = values.dtype.kind != "f"
    finite = known if whole else _both(known, np.isfinite(values))
    count = len(values) if finite is None else int(np.count_nonzero(finite))
    few = _few(values, finite, count)
    if few is not None:
        codes, distinct = few
        bins = [_value(float(each), unit) for each in distinct]
    else:
        room = np.empty(len(values), np.intp) if scratch is None else scratch
        codes, bins = _binned(values, finite, unit, room)
    if finite is not None and count < len(values):
        # Comparing is several times as fast as picking the rows.
        codes *= finite
        codes += (~finite).view(np.uint8) * np.uint8(len(bins))
    return codes, bins


def _binned(
    values: Numbers, finite: Truths | None, unit: str, scratch: Numbers
) -> tuple[Codes, list[Bin]]:
    least, cuts = _quantiles(values, finite, scratch)
    zero = least == 0
    if zero:
        _, cuts = _quantiles(values, _both(finite, values > 0), scratch)
    whole = values.dtype.kind != "f"
    edges = [edge for edge in _edges(cuts, unit) if edge > least]
    codes = _steps(values, [math.ceil(edge) for edge in edges] if whole else edges)
    if zero:
        np.add(codes, values > 0, out=codes, casting="unsafe")
    return codes, _bins(edges, unit, zero=zero, whole=whole)


def _steps(values: Numbers, edges: Iterable[float]) -> Codes:
    """How many of the edges each value has reached."""
    codes = np.zeros(len(values), np.uint8)
    for edge in edges:
        np.add(codes, values >= edge, out=codes, casting="unsafe")
    return codes


def _few(values: Numbers, finite: Truths | None, count: int) -> tuple[Codes, Numbers] | None:
    """The place of each value among all that there are, where they are few."""
    if not count:
        return np.zeros(len(values), np.uint8), values[:0]
    begin = 0 if finite is None else int(np.argmax(finite))
    first = slice(begin, begin + FIRST)
    distinct = np.unique(values[first] if finite is None else values[first][finite[first]])
    # Most numbers show with their first that they are many; else it is seen whether any is missing.
    while len(distinct) <= FEW:
        codes = _steps(values, distinct[1:])
        others = _both(finite, distinct[codes] != values)
        if not others.any():
            return codes, distinct
        distinct = np.union1d(distinct, np.compress(others, values)[:FIRST])
    return None


def _both(one: Truths | None, other: Truths) -> Truths:
    return other if one is None else one & other


def _edges(cuts: list[float], unit: str) -> list[float]:
    """Where bins may begin; ascending."""
    for candidate in _roundings(cuts, unit):
        if len(candidate) >= min(APART, len(cuts)):
            return candidate
    return cuts


def _quantiles(
    values: Numbers, counted: Truths | None, scratch: Numbers
) -> tuple[float, list[float]]:
    """The least of the numbers that count, and the distinct ones at `CUTS`, exactly.

    Of many numbers it takes a quarter of the time of a partial sort.
    """
    if counted is not None and 4 * np.count_nonzero(counted) < 3 * len(values):
        values, counted = np.compress(counted, values), None
    keys = None if len(values) <= MANY else _keys(values, counted, scratch[: len(values)])
    if keys is None:
        known = values if counted is None else np.compress(counted, values)
        return float(known.min()), np.unique(np.quantile(known, CUTS, method="lower")).tolist()
    ends = np.bincount(keys)
    ends[0] = 0
    ends = ends.cumsum()
    ranks = np.floor((ends[-1] - 1) * np.array([0, *CUTS])).astype(np.int64)
    places = np.searchsorted(ends, ranks, side="right")
    # Only numbers with the same upper bits as one of those at the ranks have to be sorted.
    wanted = np.zeros(len(ends), np.bool_)
    wanted[places] = True
    rows = np.flatnonzero(wanted[keys])
    near = np.sort(values[rows])
    before = np.where(wanted, np.diff(ends, prepend=0), 0).cumsum()
    found = near[before[places] + ranks - ends[places]]
    return float(found[0]), np.unique(found[1:]).tolist()


def _keys(values: Numbers, counted: Truths | None, scratch: Numbers) -> Numbers | None:
    """Whole numbers from 1 on, not many, in the order of the values; 0 for what does not count.

    None where there are negative numbers or too many keys.
    """
    if values.dtype.kind == "f":
        # Floats of one sign are in the order of their bits: of these, the exponent and 12 others.
        np.right_shift(values.astype(np.float64, copy=False).view(np.int32)[HIGH], 8, out=scratch)
    else:
        scratch[:] = values
    outside = np.empty(0, np.intp) if counted is None else np.flatnonzero(~counted)
    scratch[outside] = np.iinfo(np.intp).max
    least = scratch.min()
    if least < 0:
        return None
    scratch -= least - 1
    scratch[outside] = 0
    return scratch if scratch.max() <= KEYS else None


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
