"""The requests that selections are made of: values as codes, counted once for all selections."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from tracelens.analyse.different.bins import bin_numbers

Floats = npt.NDArray[np.float64]
Truths = npt.NDArray[np.bool_]
Array = npt.NDArray[Any]


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
    """One attribute of a population: the code of each row, and what codes stand for, null last."""

    attribute: Attribute
    codes: Array
    values: tuple[Condition, ...]
    counts: npt.NDArray[np.int64]  # rows of each code
    units: Floats  # the same, where each session counts as one

    def rows(self, code: int) -> Truths:
        """Which rows have a value."""
        return np.asarray(self.codes == code)


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

        Raises ValueError where `metric` is no numeric column of the frame.
        """
        if metric not in frame.columns or not frame[metric].dtype.is_numeric():
            raise ValueError(f"{metric!r} is no numeric column of the frame")
        amounts = _floats(frame[metric])
        known = np.isfinite(amounts)
        kept = frame if known.all() else frame.filter(pl.Series(known))
        codes = None if sessions not in kept.columns else _session_codes(kept[sessions])
        weights = None if codes is None else _weights(codes)
        present = [each for each in attributes if each.column in kept.columns]
        # NumPy lets other threads run meanwhile.
        with ThreadPoolExecutor(os.cpu_count()) as threads:
            coded = list(threads.map(lambda each: _coded(kept, each, weights), present))
        return cls(
            metric=metric,
            known=known,
            amounts=amounts[known],
            attributes=tuple(each for each in coded if each is not None),
            weights=weights,
            sessions=None if weights is None else codes,
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
            sums = np.bincount(coded.codes, self.amounts, minlength=len(coded.values))
            self.sums[column] = sums.astype(np.float64)
        return self.sums[column]

    @cached_property
    def units(self) -> float:
        """How many independent units there are: sessions, or requests where these are alone."""
        return float(self.size if self.weights is None else np.rint(self.weights.sum()))


def _coded(frame: pl.DataFrame, attribute: Attribute, weights: Floats | None) -> Coded | None:
    column = frame[attribute.column]
    null = Condition(attribute.name, attribute.column, None)
    if column.null_count() == len(column) and not column.dtype.is_nested():
        alike = float(len(column) if weights is None else weights.sum())
        nothing = np.zeros(len(column), np.uint8)
        return Coded(attribute, nothing, (null,), np.array([len(column)]), np.array([alike]))
    if column.dtype.is_numeric():
        codes, values = _numbers(column, attribute)
    elif isinstance(column.dtype, pl.String | pl.Boolean | pl.Categorical | pl.Enum):
        codes, values = _texts(column, attribute)
    else:
        return None
    values = (*values, null)
    size = len(values)
    wide = codes.astype(np.intp)  # which bincount would make of them each time
    counts = np.bincount(wide, minlength=size)
    units = counts if weights is None else np.bincount(wide, weights=weights, minlength=size)
    return Coded(attribute, codes, values, counts, units.astype(np.float64))


def _numbers(column: pl.Series, attribute: Attribute) -> tuple[Array, tuple[Condition, ...]]:
    whole, rows = column.dtype.is_integer(), len(column)
    there = column.is_not_null().to_numpy() if column.has_nulls() else None
    # Most sizes are known of few requests: only these are looked at.
    known = column if there is None else column.drop_nulls()
    codes, bins = bin_numbers(_floats(known), attribute.unit, whole=whole)
    if there is not None:
        every = np.full(rows, len(bins), np.uint8)
        every[there] = codes
        codes = every
    return codes, tuple(
        Condition(attribute.name, attribute.column, each.label, each.low, each.high)
        for each in bins
    )


def _texts(column: pl.Series, attribute: Attribute) -> tuple[Array, tuple[Condition, ...]]:
    codes, labels = _factorise(column)
    return codes, tuple(Condition(attribute.name, attribute.column, label) for label in labels)


def _factorise(column: pl.Series) -> tuple[Array, list[str]]:
    """A code for each row, and the text of each code; null has the code after them."""
    if column.dtype == pl.Boolean:
        codes = column.cast(pl.UInt8).fill_null(2).to_numpy()
        return codes, ["false", "true"]
    if isinstance(column.dtype, pl.Categorical | pl.Enum):
        return _of_categories(column)
    encoded = column.to_arrow().dictionary_encode()
    labels = encoded.dictionary.to_pylist()
    codes = encoded.indices.fill_null(len(labels)).to_numpy(zero_copy_only=False)
    return codes.astype(_narrow(len(labels))), labels


def _of_categories(column: pl.Series) -> tuple[Array, list[str]]:
    """As `_factorise`, from the numbers that categories have anyway; few of them may be here."""
    here = column.unique().drop_nulls()
    labels = here.cast(pl.String).to_list()
    numbers = here.to_physical().to_numpy()
    absent = int(numbers.max(initial=0)) + 1
    codes = np.full(absent + 1, len(labels), _narrow(len(labels)))
    codes[numbers] = np.arange(len(labels))
    return codes[column.to_physical().cast(pl.UInt32).fill_null(absent).to_numpy()], labels


def _narrow(largest: int) -> type[np.unsignedinteger[Any]]:
    return next(kind for kind in (np.uint8, np.uint16, np.uint32) if largest <= np.iinfo(kind).max)


def _floats(column: pl.Series) -> Floats:
    return column.cast(pl.Float64).to_numpy()  # null is NaN


def _session_codes(column: pl.Series) -> Array:
    codes: Array
    if isinstance(column.dtype, pl.Categorical | pl.Enum):
        numbers = column.to_physical().cast(pl.Int64).fill_null(-1)
        codes = numbers.to_numpy(writable=True)
        size = int(codes.max(initial=-1)) + 1
    else:
        texts, labels = _factorise(column)
        codes, size = texts.astype(np.int64), len(labels)
        codes[codes == size] = -1
    alone = np.flatnonzero(codes == -1)
    codes[alone] = size + np.arange(len(alone))
    return codes


def _weights(codes: Array) -> Floats | None:
    sizes = np.bincount(codes)
    return None if not len(sizes) or sizes.max() <= 1 else (1 / np.maximum(sizes, 1))[codes]


def condition_words(attribute: str, value: str | None) -> str:
    """`model = gpt-4o`, `input tokens ≥ 10,000`: bins that are open say so by their own sign."""
    if value is None:
        return f"{attribute} = not recorded"
    return f"{attribute} {value}" if value[:1] in ("≥", "<", ">") else f"{attribute} = {value}"
