"""Exact quantiles of values of which some are replaced, without sorting all of them again."""

from __future__ import annotations

from math import floor
from typing import Final

import numpy as np

from tracelens.analyse.what_if.baseline import Values

QUANTILES: Final = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
#: Values that a quantile takes: with fewer none lies beyond it.
LEAST: Final = {"p50": 2, "p95": 20, "p99": 100}


class Mixture:
    """Sorted values, without `removed` ones, and with `added` ones of some weights.

    Weights add up to a whole number: how many values the added ones stand for.
    """

    def __init__(
        self, values: Values, removed: Values, added: Values, weights: Values | None = None
    ) -> None:
        order = np.argsort(added, kind="stable")
        self._values = values
        self._removed = np.sort(removed)
        self._added = added[order]
        each = np.ones(len(added)) if weights is None else weights[order]
        self._heavy = np.concatenate(([0.0], np.cumsum(each)))
        self.n = len(values) - len(removed) + round(float(self._heavy[-1]))

    def quantile(self, share: float) -> float | None:
        """The quantile with linear interpolation between neighbours (Hyndman and Fan's type 7).

        Shares beyond 0 and 1 have none.
        """
        if not self.n or not 0 <= share <= 1:
            return None
        place = (self.n - 1) * share
        below, part = floor(place), place - floor(place)
        low = self._pick(below)
        return low if part == 0 else low + part * (self._pick(below + 1) - low)

    def _pick(self, rank: int) -> float:
        """The value at a rank, counted from 0."""
        found = [self._first(values, rank + 1) for values in (self._values, self._added)]
        return min(each for each in found if each is not None)

    def _first(self, values: Values, count: int) -> float | None:
        """The first of some values with as many at or below it."""
        low, high = 0, len(values)
        while low < high:
            middle = (low + high) // 2
            if self._count(float(values[middle])) >= count - 1e-6:
                high = middle
            else:
                low = middle + 1
        return float(values[low]) if low < len(values) else None

    def _count(self, value: float) -> float:
        kept = np.searchsorted(self._values, value, "right") - np.searchsorted(
            self._removed, value, "right"
        )
        return float(kept + self._heavy[np.searchsorted(self._added, value, "right")])
