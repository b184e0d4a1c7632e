"""Order statistics: quantiles with intervals, concentration, and curves of ascending values."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any, Final

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Codes = npt.NDArray[np.unsignedinteger[Any]]
Rows = npt.NDArray[np.intp]

#: Confidence of the intervals around quantiles.
CONFIDENCE: Final = 0.95
#: Up to so many codes it is faster to pick the values of each than to sort by code.
FEW: Final = 12


def needed(p: float) -> int:
    """From how many values on one is expected on either side of a quantile: 100 for p99."""
    return math.ceil(round(1 / min(p, 1 - p), 6))


def quantile(values: Floats, p: float) -> float | None:
    """A quantile of ascending values, interpolated linearly as `quantile_cont` of SQL does.

    None below the number of values that it needs.
    """
    if len(values) < needed(p):
        return None
    place = (len(values) - 1) * p
    low = int(place)
    high = min(low + 1, len(values) - 1)
    return float(values[low] + (values[high] - values[low]) * (place - low))


@lru_cache(maxsize=4_096)
def interval_ranks(n: int, p: float) -> tuple[int, int]:
    """Ranks (from 1) of the two order statistics that hold a quantile with 95 %.

    The number of values below a quantile is binomial whatever the distribution, so that ranks are
    quantiles of that (David and Nagaraja, Order Statistics, 2003, 7.1). Rank 0 or n + 1 means that
    n values do not bound it on that side.
    """
    tail = (1 - CONFIDENCE) / 2
    return _binomial(tail, n, p), _binomial(1 - tail, n, p) + 1


def _binomial(q: float, n: int, p: float) -> int:
    """The smallest k with a chance of at least q that at most k of n succeed."""
    from scipy.special import bdtr, bdtrik  # a fifth of a second that only tails pay

    guess = float(bdtrik(q, n, p))
    k = 0 if math.isnan(guess) else max(math.ceil(guess), 0)
    while k > 0 and bdtr(k - 1, n, p) >= q:
        k -= 1
    while k < n and bdtr(k, n, p) < q:
        k += 1
    return k


def interval(values: Floats, p: float) -> tuple[float | None, float | None]:
    """Two observed values that hold a quantile of the population with 95 %; None: not bounded."""
    n = len(values)
    if n < needed(p):
        return None, None
    low, high = interval_ranks(n, p)
    return (
        float(values[low - 1]) if low >= 1 else None,
        float(values[high - 1]) if high <= n else None,
    )


def top_count(n: int, top: float) -> int:
    """How many requests the highest `top` of n are, rounded up; 0 of none."""
    return min(n, math.ceil(round(top * n, 9)))


def top_share(values: Floats, top: float, total: float | None = None) -> float | None:
    """Share of the total that the highest have; None where `top` is less than one of them.

    SCIENCE: S(q), the sum of the highest ceil(q n) over the sum of all.
    """
    total = float(values.sum()) if total is None else total
    if round(top * len(values), 9) < 1 or total <= 0:
        return None
    return float(values[len(values) - top_count(len(values), top) :].sum()) / total


def gini(values: Floats, total: float | None = None) -> float | None:
    """Gini coefficient of ascending values: 0 all alike, towards 1 one has all.

    2 sum(i x_i) / (n sum(x)) - (n + 1) / n, with i from 1 on. None without a positive total, or
    where a value is below 0.
    """
    n = len(values)
    total = float(values.sum()) if total is None else total
    if n == 0 or total <= 0 or values[0] < 0:
        return None
    # Not `dot`, whose threads may add up in another order each time.
    weighted = float(np.einsum("i,i->", np.arange(1, n + 1, dtype=np.float64), values))
    return max(0.0, 2 * weighted / (n * total) - (n + 1) / n)


def concentration(values: Floats, points: int) -> tuple[Ints, Floats]:
    """So many of the highest, and the share of the total that they have; none without a total.

    At most so many points, spaced logarithmically from 1 to all, each exact.
    """
    total = float(values.sum())
    if total <= 0:
        return np.empty(0, np.int64), np.empty(0)
    places = spaced(len(values), points)
    # Sums between the points, so that no long running sum loses digits.
    edges = len(values) - places[::-1]
    running = np.add.reduceat(values, edges)[::-1].cumsum()
    return places, np.minimum(running / total, 1.0)


def higher(values: Floats, points: int) -> tuple[Floats, Ints]:
    """Values, and how many are higher than each: ascending, at most so many points, exact."""
    if len(values) == 0:
        return np.empty(0), np.empty(0, np.int64)
    shown = np.unique(values[len(values) - spaced(len(values), points)])
    return shown, len(values) - np.searchsorted(values, shown, side="right").astype(np.int64)


def spaced(n: int, points: int) -> Ints:
    """Whole numbers from 1 to n, spaced logarithmically, at most so many."""
    found = np.unique(np.round(np.geomspace(1, n, points)).astype(np.int64))
    found[-1] = n
    return found


class Split:
    """Ascending values by code: those of each code, ascending.

    Args:
        values: ascending.
        codes: of the same length, below `count`.
    """

    def __init__(self, values: Floats, codes: Codes, count: int) -> None:
        if count <= FEW:
            self._parts = [np.compress(codes == code, values) for code in range(count)]
            return
        # Stable, so that each part stays ascending; of 8 or 16 bits it is a radix sort.
        ordered = values[np.argsort(codes, kind="stable")]
        self._parts = np.split(ordered, np.cumsum(np.bincount(codes, minlength=count))[:-1])

    def part(self, code: int) -> Floats:
        """The values of one code, ascending."""
        return self._parts[code]


def sums(codes: Codes | Rows, weights: Floats, count: int) -> Floats:
    """Sum of the weights of each code below `count`, always added in the same order."""
    return np.bincount(codes, weights=weights, minlength=count)[:count].astype(np.float64)


def counts(codes: Codes, count: int) -> Ints:
    """How often each code below `count` occurs."""
    return np.bincount(codes, minlength=count)[:count].astype(np.int64)


def smallest(count: int) -> type[np.unsignedinteger[Any]]:
    """The smallest type of codes below `count`."""
    return np.uint8 if count <= 1 << 8 else np.uint16 if count <= 1 << 16 else np.uint32
