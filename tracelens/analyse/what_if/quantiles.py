"""Exact quantiles of values of which some are replaced, without sorting all of them again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]

QUANTILES: Final = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
#: Values that a quantile takes: with fewer none lies beyond it.
LEAST: Final = {"p50": 2, "p95": 20, "p99": 100}
SHARES: Final = tuple(QUANTILES.values())


class Mixture:
    """Sorted values without some of them (`removed`, sorted), and with others added.

    `weights` of the added ones add up to a whole number: how many values they stand for.
    """

    def __init__(
        self, values: Values, removed: Values, added: Values, weights: Values | None = None
    ) -> None:
        self._values, self._removed = values, removed
        if weights is None:
            self._added = np.sort(added)
            self._heavy: Any = None
            more = len(added)
        else:
            order = np.argsort(added)
            self._added = added[order]
            self._heavy = np.concatenate(([0.0], np.cumsum(weights[order])))
            more = round(float(self._heavy[-1]))
        self.n = len(values) - len(removed) + more

    def quantiles(self, shares: Sequence[float] = SHARES) -> list[float | None]:
        """Quantiles with linear interpolation between neighbours (Hyndman and Fan's type 7).

        Shares beyond 0 and 1 have none.
        """
        if not self.n:
            return [None] * len(shares)
        places = (self.n - 1) * np.clip(np.array(shares, dtype=np.float64), 0, 1)
        below = np.floor(places)
        low = self._pick(below)
        high = self._pick(np.minimum(below + 1, self.n - 1))
        found = low + (places - below) * (high - low)
        return [
            float(each) if 0 <= share <= 1 else None
            for each, share in zip(found, shares, strict=True)
        ]

    def _pick(self, ranks: Values) -> Values:
        """The values at ranks, counted from 0."""
        return np.minimum(self._first(self._values, ranks), self._first(self._added, ranks))

    def _first(self, values: Values, ranks: Values) -> Values:
        """The first of some values with more than `ranks` at or below it, infinite without one."""
        low = np.zeros(len(ranks), dtype=np.int64)
        high = np.full(len(ranks), len(values), dtype=np.int64)
        while (open_ := low < high).any():
            middle = np.minimum((low + high) // 2, max(len(values) - 1, 0))
            reached = self._count(values[middle]) >= ranks + 1 - 1e-6
            high = np.where(open_ & reached, middle, high)
            low = np.where(open_ & ~reached, middle + 1, low)
        found = np.full(len(ranks), np.inf)
        inside = low < len(values)
        found[inside] = values[low[inside]]
        return found

    def _count(self, at: Values) -> Any:
        kept = self._values.searchsorted(at, "right") - self._removed.searchsorted(at, "right")
        added = self._added.searchsorted(at, "right")
        return kept + (added if self._heavy is None else self._heavy[added])
