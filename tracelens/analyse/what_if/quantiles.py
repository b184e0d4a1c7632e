"""Exact quantiles of values of which some are replaced, without sorting all of them again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]

QUANTILES: Final = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
#: Values that a quantile takes: with fewer none lies beyond it.
LEAST: Final = {"p50": 2, "p95": 20, "p99": 100}
SHARES: Final = tuple(QUANTILES.values())


def quantiles_of(values: Values) -> list[float | None]:
    """Quantiles of ascending values."""
    return _interpolated(len(values), SHARES, lambda ranks: values[ranks.astype(np.intp)])


def _interpolated(
    n: int, shares: Sequence[float], pick: Callable[[Values], Values]
) -> list[float | None]:
    """Quantiles of `n` values of which `pick` gives those at ranks, counted from 0."""
    if not n:
        return [None] * len(shares)
    places = (n - 1) * np.clip(np.array(shares, dtype=np.float64), 0, 1)
    below = np.floor(places)
    low, high = np.split(pick(np.concatenate((below, np.minimum(below + 1, n - 1)))), 2)
    found = low + (places - below) * (high - low)
    return [
        float(each) if 0 <= share <= 1 else None for each, share in zip(found, shares, strict=True)
    ]


class Mixture:
    """Sorted values without some of them (`removed`, sorted), and with others added.

    `weights` of the added ones add up to a whole number: how many values they stand for.
    """

    def __init__(
        self,
        values: Values,
        removed: Values,
        added: Values,
        weights: Values | None = None,
    ) -> None:
        self._values, self._removed = values, removed
        if weights is None:
            self._added = np.sort(added)
            self._heavy: Any = None
            more = len(added)
        else:
            # Of a few runs that ascend already, which this way of sorting merges.
            order = np.argsort(added, kind="stable")
            self._added = added[order]
            self._heavy = np.concatenate(([0.0], np.cumsum(weights[order])))
            more = round(float(self._heavy[-1]))
        self._more = more
        self.n = len(values) - len(removed) + more

    def quantiles(self, shares: Sequence[float] = SHARES) -> list[float | None]:
        """Quantiles with linear interpolation between neighbours (Hyndman and Fan's type 7).

        Shares beyond 0 and 1 have none.
        """
        return _interpolated(self.n, shares, self._pick)

    def _pick(self, ranks: Values) -> Values:
        """The values at ranks, counted from 0."""
        # As many values at most lie before it in their own order as were removed, or are missing
        # as were added: only these are looked at.
        first, last = ranks - self._more - 1, ranks + len(self._removed) + 1
        own = self._first(self._values, ranks, first, last)
        return np.minimum(own, self._first(self._added, ranks)) if self._more else own

    def _first(
        self, values: Values, ranks: Values, first: Values | None = None, last: Values | None = None
    ) -> Values:
        """The first of some values with more than `ranks` at or below it, infinite without one.

        It is known to be one of those between `first` and `last`, or equal to the first of these.
        """
        n = len(values)
        low = np.clip(np.zeros(len(ranks)) if first is None else first, 0, n).astype(np.intp)
        high = np.clip(np.full(len(ranks), n) if last is None else last, 0, n).astype(np.intp)
        while (open_ := low < high).any():
            middle = np.minimum((low + high) // 2, max(n - 1, 0))
            reached = self._count(values[middle]) >= ranks + 1 - 1e-6
            high = np.where(open_ & reached, middle, high)
            low = np.where(open_ & ~reached, middle + 1, low)
        found = np.full(len(ranks), np.inf)
        inside = low < n
        found[inside] = values[low[inside]]
        return found

    def _count(self, at: Values) -> Any:
        kept = self._values.searchsorted(at, "right") - self._removed.searchsorted(at, "right")
        added = self._added.searchsorted(at, "right")
        return kept + (added if self._heavy is None else self._heavy[added])
