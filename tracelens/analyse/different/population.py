"""The requests that selections are made of: values as codes, counted once for all selections."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, cast

import numpy as np
import numpy.typing as npt
import polars as pl

from tracelens.analyse.different.bins import Bin, bin_numbers
from tracelens.analyse.different.taken import Taken

Floats = npt.NDArray[np.float64]
Truths = npt.NDArray[np.bool_]
Counts = npt.NDArray[np.int64]
Codes = npt.NDArray[np.unsignedinteger[Any]]
Array = npt.NDArray[Any]
Labels = Sequence[str] | Sequence[Bin] | pl.Series

#: Pairs of a value and a size of sessions that are counted at once.
MANY: Final = 1 << 18


@dataclass(frozen=True)
class Attribute:
    """A column that may tell what is different, and how to say it.

    `unit` stands after numbers, such as `s`. A `mechanism` takes part in making the metric, so that
    it cannot be news that it is large where the metric is. With `missing`, not being recorded is a
    value too: it is where the lack itself tells something, as of a model (the stage did not run),
    and not where another attribute tells why, as of the length of audio that did not come in.
    """

    name: str
    column: str
    unit: str = ""
    mechanism: bool = False
    missing: bool = True


@dataclass(frozen=True)
class Condition:
    """A value of an attribute; None is that nothing is recorded.

    Of a number, `low` is included and `high` is not, unless they are equal.
    """

    attribute: str
    column: str
    value: str | None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Coded:
    """One attribute of a population: the code of each row; the last code is of those without."""

    attribute: Attribute
    codes: Array
    labels: Labels  # what the other codes stand for
    counts: Counts  # rows of each code
    units: Floats  # the same, where each session counts as one

    def rows(self, code: int) -> Truths:
        """Which rows have a value."""
        return np.asarray(self.codes == code)

    def value(self, code: int) -> Condition:
        """What a code stands for; only of those that are told, as there may be many."""
        own = (self.attribute.name, self.attribute.column)
        if code == len(self.labels):
            return Condition(*own, None)
        label = self.labels[code]
        return Condition(*own, *((label,) if isinstance(label, str) else label.bounds))


@dataclass(frozen=True)
class Population:
    """Requests with a known metric. Made once per frame; any number of selections can be asked.

    `known` tells which rows of the frame they are, `metric` is the column's name and `amounts` its
    values. `weights` is one over the requests of a row's session, None where no session has two;
    `sessions` are their codes.
    """

    metric: str
    known: Truths
    amounts: Floats
    attributes: tuple[Coded, ...]
    weights: Floats | None
    sessions: Array | None

    @classmethod
    def of(
        cls,
        frame: pl.DataFrame,
        metric: str,
        attributes: Sequence[Attribute],
        sessions: str | None = "session_id",
        counted: Truths | None = None,
    ) -> Population:
        """Code and count a frame.

        Args:
            frame: one row per request.
            metric: a numeric column; rows where it is null or not finite are left out, because
                they cannot be in a tail.
            attributes: columns to look at. Text, booleans and categories are values, numbers are
                put in bins. Others, and columns that are not there, are left out.
            sessions: column of what may make requests alike; null is a session of its own. None, or
                a column that is not there, takes all requests for independent.
            counted: which rows are part of it; None for all of them.

        Raises ValueError where `metric` is no numeric column of the frame.
        """
        if metric not in frame.columns or not frame[metric].dtype.is_numeric():
            raise ValueError(f"{metric!r} is no numeric column of the frame")
        amounts = _floats(frame[metric])
        known = np.isfinite(amounts)
        if counted is not None:
            known &= counted
        every = bool(known.all())
        taken = Taken(None if every else np.flatnonzero(known), known)
        codes = _session_codes(frame[sessions], taken) if sessions in frame.columns else None
        shared = None if codes is None else Sizes.of(codes)
        present = [each for each in attributes if each.column in frame.columns]
        # NumPy and Polars let other threads run meanwhile.
        with ThreadPoolExecutor(os.cpu_count()) as threads:
            coded = list(threads.map(lambda each: _coded(frame, each, taken, shared), present))
        return cls(
            metric=metric,
            known=known,
            amounts=amounts if every else amounts[known],
            attributes=tuple(each for each in coded if each is not None),
            weights=None if shared is None else shared.weights,
            sessions=None if shared is None else codes,
        )

    @property
    def size(self) -> int:
        """How many requests there are."""
        return len(self.amounts)

    @cached_property
    def total(self) -> float:
        """The sum of the metric."""
        return float(self.amounts.sum())

    @cached_property
    def sums(self) -> dict[str, Floats]:
        """By column that was asked for so far, the sum of the metric of each code."""
        return {}

    def sums_of(self, coded: Coded) -> Floats:
        """The sum of the metric of each code."""
        column = coded.attribute.column
        if column not in self.sums:
            sums = np.bincount(coded.codes, self.amounts, minlength=len(coded.counts))
            self.sums[column] = sums.astype(np.float64)
        return self.sums[column]

    @cached_property
    def units(self) -> float:
        """How many independent units there are: sessions, or requests where these are alone."""
        return float(self.size if self.weights is None else np.rint(self.weights.sum()))


@dataclass(frozen=True)
class Sizes:
    """How many requests the session of each has: `places` in `sizes`, which are few numbers."""

    places: Array
    sizes: Counts

    @classmethod
    def of(cls, sessions: Array) -> Sizes | None:
        """Of codes of sessions; None where no session has two requests."""
        own = np.bincount(sessions)
        if own.max(initial=0) <= 1:
            return None
        sizes = np.flatnonzero(np.bincount(own))
        sizes = sizes[sizes > 0]
        lookup = np.zeros(sizes[-1] + 1, _narrow(len(sizes)))
        lookup[sizes] = np.arange(len(sizes))
        return cls(lookup[own][sessions], sizes)

    @cached_property
    def weights(self) -> Floats:
        """One over the requests of a row's session."""
        return (1 / self.sizes)[self.places]

    def counted(self, codes: Codes, size: int, scratch: Array) -> tuple[Counts, Floats]:
        """Rows of each code below `size`, and how many sessions these are."""
        width = len(self.sizes)
        if size * width > MANY:
            counts = np.bincount(codes, minlength=size).astype(np.int64)
            return counts, np.bincount(codes, self.weights, minlength=size).astype(np.float64)
        # One pass for both: bincount is fastest where the places are few.
        scratch[:] = codes
        scratch *= width
        scratch += self.places
        found = np.bincount(scratch, minlength=size * width).reshape(size, width)
        return found.sum(axis=1), np.asarray((found / self.sizes).sum(axis=1), np.float64)


def _coded(
    frame: pl.DataFrame, attribute: Attribute, taken: Taken, sizes: Sizes | None
) -> Coded | None:
    column = frame[attribute.column]
    labels: Labels
    if column.null_count() == len(column) and not column.dtype.is_nested():
        return _nothing(attribute, taken, sizes)
    if column.dtype.is_numeric():
        numbers, known = taken.numbers(column)
        codes, labels = bin_numbers(numbers, attribute.unit, known, taken.scratch(len(numbers)))
    elif isinstance(column.dtype, pl.String | pl.Boolean | pl.Categorical | pl.Enum):
        codes, labels = _factorise(column, taken)
    else:
        return None
    own, size = taken.codes(codes), len(labels) + 1
    if sizes is None:
        counts = np.bincount(own, minlength=size)
        return Coded(attribute, own, labels, counts, counts.astype(np.float64))
    scratch = taken.scratch(taken.height)
    return Coded(attribute, own, labels, *sizes.counted(own, size, scratch))


def _nothing(attribute: Attribute, taken: Taken, sizes: Sizes | None) -> Coded:
    """What is recorded of no request."""
    units = float(taken.height if sizes is None else sizes.weights.sum())
    codes = np.zeros(taken.height, np.uint8)
    return Coded(attribute, codes, (), np.array([taken.height]), np.array([units]))


def _factorise(column: pl.Series, taken: Taken) -> tuple[Codes, Labels]:
    """Codes of what has the rows in it, and the text of each; null has the code after them."""
    if isinstance(column.dtype, pl.Boolean | pl.Categorical | pl.Enum):
        return _of_categories(column, taken)
    encoded = taken.text(column).to_arrow().dictionary_encode()
    labels = encoded.dictionary.to_pylist()
    codes = encoded.indices.fill_null(len(labels)).to_numpy(zero_copy_only=False)
    return codes.astype(_narrow(len(labels))), labels


def _of_categories(column: pl.Series, taken: Taken) -> tuple[Codes, Labels]:
    """As `_factorise`, from the numbers that categories have anyway: some may have no rows."""
    if column.dtype == pl.Boolean:
        numbers, labels = column.cast(pl.UInt8), pl.Series(["false", "true"])
    else:
        numbers = column.to_physical()
        every = pl.Series(range(int(cast(int, numbers.max())) + 1), dtype=numbers.dtype)
        labels = every.cat.to(column.dtype).cast(pl.String)
    held, known = taken.numbers(numbers)
    codes = held.astype(_narrow(len(labels)))
    if known is not None:
        codes = np.where(known, codes, codes.dtype.type(len(labels)))
    return codes, labels


def _narrow(largest: int) -> type[np.unsignedinteger[Any]]:
    return next(kind for kind in (np.uint8, np.uint16, np.uint32) if largest <= np.iinfo(kind).max)


def _floats(column: pl.Series) -> Floats:
    numbers = column.cast(pl.Float64)
    return (numbers.fill_null(np.nan) if numbers.has_nulls() else numbers).to_numpy()


def _session_codes(column: pl.Series, taken: Taken) -> Array:
    """A number of the session of each row; a row without one has its own."""
    if column.null_count() == len(column):
        return np.arange(taken.height)
    every, labels = _factorise(column, taken)
    codes = taken.codes(every)
    alone = np.flatnonzero(codes == len(labels))
    if not len(alone):
        return codes
    wide = codes.astype(np.int64)
    wide[alone] = len(labels) + np.arange(len(alone))
    return wide


def condition_words(attribute: str, value: str | None) -> str:
    """`model = gpt-4o`, `input tokens ≥ 10,000`: bins that are open say so by their own sign."""
    if value is None:
        return f"{attribute} = not recorded"
    return f"{attribute} {value}" if value[:1] in ("≥", "<", ">") else f"{attribute} = {value}"
