"""Takes the rows that are asked about out of columns, before or after they are coded."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from tracelens.store import column_of

Truths = npt.NDArray[np.bool_]
Rows = npt.NDArray[np.intp]
Codes = npt.NDArray[np.unsignedinteger[Any]]
Array = npt.NDArray[Any]


class Taken(threading.local):
    """The rows of a frame that are asked about, None that all are; `counted` tells which.

    Few of them are taken before they are coded. Most of them are coded with the others and taken
    then: codes are an eighth of the numbers.
    """

    def __init__(self, rows: Rows | None, counted: Truths) -> None:
        self._rows = rows
        self.height = len(counted) if rows is None else len(rows)
        self._most = counted if rows is not None and 2 * len(rows) >= len(counted) else None
        # Each thread's own, for all columns: fresh memory for each would cost more than to count.
        self._scratch = np.empty(len(counted), np.intp)

    def scratch(self, count: int) -> Array:
        """So many whole numbers, to be written over."""
        return self._scratch[:count]

    def numbers(self, column: pl.Series) -> tuple[Array, Truths | None]:
        """Numbers that have the rows among them, and which are known and asked about."""
        held, known = column_of(column)
        if known is None:
            return self._few(held), self._most
        if self._most is not None:
            return held, known & self._most
        return self._few(held), self._few(known)

    def text(self, column: pl.Series) -> pl.Series:
        """Text that has the rows in it."""
        if self._rows is None or self._most is not None:
            return column
        return column.gather(self._rows)

    def codes(self, codes: Codes) -> Codes:
        """The codes of the rows, of those of what has them among it."""
        return codes if self._most is None else codes[self._rows]

    def _few(self, values: Array) -> Array:
        return values if self._rows is None or self._most is not None else values[self._rows]
