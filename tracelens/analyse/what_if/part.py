"""Some of the touched requests, a few at a time: what is made of them stays in the processor."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

import numpy as np

from tracelens.analyse.tails.choose import Mask
from tracelens.analyse.tails.ordered import Floats, Rows
from tracelens.analyse.what_if.baseline import Baseline

#: Rows of a part: a column of them takes half a megabyte.
ROWS: Final = 1 << 16


class Part:
    """Some of the touched requests: their rows, and whom of them each rule acts on."""

    def __init__(self, base: Baseline, rows: Rows, acts: Mapping[str, Mask]) -> None:
        self.n = len(rows)
        self.rows = rows
        self.acts = {name: mask[rows] for name, mask in acts.items()}
        self.group = base.group[rows]
        self.groups = len(base.totals.groups)
        self._base = base
        self._read: dict[str, Floats] = {}
        self._filled: dict[str, Floats] = {}

    def __getitem__(self, column: str) -> Floats:
        """A column of numbers, NaN where it is not known."""
        if column not in self._read:
            self._read[column] = self._base.numbers(column, self.rows)
        return self._read[column]

    def filled(self, column: str) -> Floats:
        """A column of numbers, 0 where it is not known."""
        if column not in self._filled:
            values = self[column]
            self._filled[column] = np.where(np.isnan(values), 0.0, values)
        return self._filled[column]


def parts(base: Baseline, rows: Rows, acts: Mapping[str, Mask]) -> Iterator[Part]:
    """Touched requests part by part; one that is empty where nothing is touched."""
    for first in range(0, max(len(rows), 1), ROWS):
        yield Part(base, rows[first : first + ROWS], acts)
