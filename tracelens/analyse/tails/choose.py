"""Which requests a question about tails is about, in which order: columns in memory, no SQL."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from difflib import get_close_matches
from functools import cached_property
from typing import Any, Final, TypeVar

import numpy as np
import numpy.typing as npt
import polars as pl

from tracelens.analyse.find import NONE, Filters, find_ids, in_nanos
from tracelens.analyse.overview import PERIODS
from tracelens.analyse.tails.ordered import Codes, Floats, Ints, Rows, smallest
from tracelens.analyse.tails.times import QUARTER, find_zone
from tracelens.analyse.tails.values import BY, METRICS, PARTS
from tracelens.errors import UsageError
from tracelens.store import Store

Mask = npt.NDArray[np.bool_]
Made = TypeVar("Made")

#: Before everything: the start of a request without one.
NEVER: Final = int(np.iinfo(np.int64).min)

#: Columns of requests that a filter compares as they are.
EQUAL: Final = ("stage", "cause", "service", "emitter", "inputs")
MODELS: Final = ("model.transcription", "model.reasoning", "model.synthesis")


@dataclass(frozen=True)
class Question:
    """What is asked of the tail of a metric.

    `top` is the share of requests that the tail is, above 0 and at most 0.5; `by` one of `BY`,
    `period` one of `PERIODS`, which end with the last request. `since` and `until` of the filters
    go before the period. Its `sort`, `limit` and `offset` are not looked at.

    Raises UsageError for a metric, grouping, share, period or time zone that there is not.
    """

    metric: str = "cost"
    top: float = 0.01
    by: str = "modality"
    filters: Filters = field(default_factory=Filters)
    period: str = "all"
    timezone: str = "UTC"
    exemplars: int = 20

    def __post_init__(self) -> None:
        for name, given, known in (
            ("metric", self.metric, METRICS),
            ("grouping", self.by, BY),
            ("period", self.period, PERIODS),
        ):
            if given not in known:
                near = get_close_matches(str(given), known, n=1)
                hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(known)}"
                raise UsageError(f"there is no {name} {given!r}: {hint}")
        if not 0 < self.top <= 0.5:
            raise UsageError(
                f"the tail cannot be {self.top:.6g} of the requests: write a share above 0 and at"
                " most 0.5, such as 0.01"
            )
        if self.by in ("stage", "content") and self.by not in PARTS[self.metric]:
            raise UsageError(f"{self.metric} is not split by {self.by}; ask for --by stage")
        find_zone(self.timezone)


@dataclass(frozen=True)
class Coded:
    """A column of text as dense codes: `codes` of each row, the value of each in `names`.

    Names ascend; the last code, of name None, is that of rows without a value.
    """

    codes: Codes
    names: list[str | None]


class Requests:
    """The live requests with the columns that a question needs, as arrays, row for row.

    Args:
        frame: of `Store.request_table`.
        kept: what was made of it before, as long as the store does not change.
        passes: which rows pass the filters, time aside; None for all of them.
    """

    def __init__(self, frame: pl.DataFrame, kept: dict[Any, Any], passes: Mask | None) -> None:
        self.frame = frame
        self.passes = passes
        self._kept = kept

    @property
    def starts(self) -> Ints:
        """When each began, in ns; `NEVER` where it is not known."""
        return self.once(
            "starts", lambda: self.frame["start_unix_nano"].fill_null(NEVER).to_numpy()
        )

    @property
    def quarters(self) -> Ints:
        """Number of the quarter of an hour in which each began, since 1970."""
        return self.once("quarters", lambda: (self.starts // QUARTER).astype(np.int32))

    def filled(self, column: str) -> Floats:
        """A column of numbers, 0 where it is not known."""
        return self.once(("filled", column), lambda: _filled(self.frame[column]))

    def taken(self, column: str, rows: Rows) -> Floats:
        """Some rows of a column of numbers, 0 where it is not known."""
        if ("filled", column) in self._kept:
            return self.filled(column)[rows]
        return _filled(self.frame[column].gather(rows))

    def known(self, column: str) -> Mask | None:
        """Where a column of numbers is known; None where it always is."""

        def make() -> Mask | None:
            values = self.frame[column]
            found: Mask = np.isfinite(values.cast(pl.Float64).to_numpy())
            return None if found.all() else found

        return self.once(("known", column), make)

    def ordered(self, column: str) -> tuple[Rows, Floats]:
        """Rows with a known value of a column in ascending order of it, and the values."""

        def make() -> tuple[Rows, Floats]:
            known, values = self.known(column), self.filled(column)
            rows = None if known is None else np.flatnonzero(known)
            own = values if rows is None else values[rows]
            order = np.argsort(own)
            return order if rows is None else rows[order], own[order]

        return self.once(("ordered", column), make)

    def values(self, column: str) -> Floats:
        """Known values of a column, ascending; with their rows it takes five times as long."""

        def make() -> Floats:
            if self.is_ordered(column):
                return self.ordered(column)[1]
            known, values = self.known(column), self.filled(column)
            return np.sort(values if known is None else np.compress(known, values))

        return self.once(("values", column), make)

    def is_ordered(self, column: str) -> bool:
        """Whether the order by a column is known."""
        return ("ordered", column) in self._kept

    def coded(self, column: str) -> Coded:
        """A column of text as codes."""
        return self.once(("coded", column), lambda: _coded(self.frame[column]))

    def true(self, column: str) -> Rows:
        """Rows where a column is true, or above 0."""

        def make() -> Rows:
            found = self.frame[column].cast(pl.Float64) > 0
            return found.arg_true().to_numpy().astype(np.intp)

        return self.once(("true", column), make)

    def is_empty(self, column: str) -> bool:
        """Whether no row has a value."""
        return self.frame[column].null_count() == self.frame.height

    def window(self, begin: int | None, end: int | None) -> Window:
        """Those that pass the filters and began within these bounds (ns, end exclusive)."""
        mask = self.passes
        lowest = begin if begin is not None else NEVER + 1 if end is not None else None
        if lowest is not None:
            mask = _both(mask, self.starts >= lowest)
        if end is not None:
            mask = _both(mask, self.starts < end)
        return Window(self, mask)

    def once(self, key: Any, make: Callable[[], Made]) -> Made:
        """What was made of all rows under this key, as long as the store does not change."""
        if key not in self._kept:
            self._kept[key] = make()
        found: Made = self._kept[key]
        return found


class Window:
    """The requests of one period that pass the filters."""

    def __init__(self, requests: Requests, mask: Mask | None) -> None:
        self.requests = requests
        self.mask = mask

    @cached_property
    def n(self) -> int:
        """How many there are."""
        return self.requests.frame.height if self.mask is None else int(self.mask.sum())

    def ordered(self, column: str) -> tuple[Rows, Floats]:
        """Rows with a known value of a column in ascending order of it, and the values."""
        rows, values = self.requests.ordered(column)
        if self.mask is None:
            return rows, values
        chosen = self.mask[rows]
        return np.compress(chosen, rows), np.compress(chosen, values)

    def values(self, column: str) -> Floats:
        """Known values of a column, ascending."""
        requests = self.requests
        if self.mask is None:
            return requests.values(column)
        if requests.is_ordered(column):
            return self.ordered(column)[1]
        known = self.known(column)
        assert known is not None
        return np.sort(np.compress(known, requests.filled(column)))

    def known(self, column: str) -> Mask | None:
        """Which rows of the store are in it and have a known value; None for all of them."""
        return _both(self.mask, self.requests.known(column))

    def unknown(self, column: str) -> Rows:
        """Its rows where a column of numbers is not known."""
        known = self.requests.known(column)
        if known is None:
            return np.empty(0, np.intp)
        return np.flatnonzero(~known if self.mask is None else self.mask & ~known)

    def total(self, column: str, known: Mask | None) -> float:
        """Sum of a column over some rows of the store; None for all of them."""
        values = self.requests.frame[column]
        whole = float(values.sum())
        others = 0.0 if known is None else float(values.gather(np.flatnonzero(~known)).sum())
        # Taken from a whole that is mostly theirs, the others would take its digits along.
        is_most = known is None or 2 * others <= whole
        found = whole - others if is_most else float(values.filter(pl.Series(known)).sum())
        if math.isfinite(found):
            return found
        filled = self.requests.filled(column)
        return float(filled.sum() if known is None else filled[known].sum())

    def true(self, column: str) -> Rows:
        """Its rows where a column is true, or above 0."""
        rows = self.requests.true(column)
        return rows if self.mask is None else rows[self.mask[rows]]

    def extent(self) -> tuple[int | None, int | None]:
        """When the first and the last began."""
        starts = self.requests.starts if self.mask is None else self.requests.starts[self.mask]
        if len(starts) and starts.min() == NEVER:
            starts = starts[starts > NEVER]
        return (int(starts.min()), int(starts.max())) if len(starts) else (None, None)


def _both(one: Mask | None, other: Mask | None) -> Mask | None:
    if one is None or other is None:
        return other if one is None else one
    return one & other


def _filled(column: pl.Series) -> Floats:
    numbers = column.cast(pl.Float64)
    if numbers.has_nulls():
        numbers = numbers.fill_null(0.0)
    if not numbers.is_finite().all():
        numbers = pl.select(pl.when(numbers.is_finite()).then(numbers).otherwise(0.0)).to_series()
    return numbers.to_numpy()


def _coded(column: pl.Series) -> Coded:
    if column.null_count() == len(column):
        return Coded(np.zeros(len(column), np.uint8), [None])
    distinct = column.unique().drop_nulls()
    given = distinct.to_physical().to_numpy()
    texts = distinct.cast(pl.String).to_list()
    order = sorted(range(len(texts)), key=texts.__getitem__)
    lookup = np.full(int(given.max()) + 2, len(texts), smallest(len(texts) + 1))
    lookup[given[order]] = np.arange(len(texts))
    codes = lookup[column.to_physical().fill_null(len(lookup) - 1).to_numpy()]
    return Coded(codes, [*(texts[place] for place in order), None])


def filter_columns(filters: Filters) -> list[str]:
    """The columns that filters look at."""
    names = [name for name in EQUAL if getattr(filters, name) is not None]
    names += ["boundary"] if filters.boundary is not None else []
    names += ["session_id"] if filters.session is not None else []
    names += ["inputs", "outputs"] if filters.modality is not None else []
    names += list(MODELS) if filters.model is not None else []
    names += ["failed"] if filters.failed is not None else []
    return [*names, "request_id"] if _asks_sql(filters) else names


def passing(store: Store, frame: pl.DataFrame, filters: Filters) -> Mask | None:
    """Which requests pass the filters, time aside; None for all of them.

    Raises QueryError when `where` is not one read-only boolean expression.
    """
    conditions = _conditions(filters)
    if _asks_sql(filters):
        # Rare conditions are left to the database: there is no second reading of them.
        rest = Filters(
            where=filters.where, text=filters.text, request_ids=filters.request_ids, limit=0
        )
        ids = find_ids(store, rest)["request_id"]
        conditions.append(pl.col("request_id").is_in(ids.implode()))
    if not conditions:
        return None
    passes = frame.select(pl.all_horizontal(conditions).fill_null(False).alias("passes"))
    found: Mask = passes["passes"].to_numpy()
    return found


def bounds(frame: pl.DataFrame, question: Question) -> tuple[int | None, int | None]:
    """The period that is asked for, in ns (end exclusive); None without a bound."""
    since, until = question.filters.since, question.filters.until
    length = PERIODS[question.period]
    if since is None and until is None and length is None:
        return None, None
    last = frame["start_unix_nano"].max()
    end = in_nanos(until) if until is not None else None
    if end is None and isinstance(last, int):
        end = last + 1
    if since is not None:
        return in_nanos(since), end
    if length is None or end is None:
        return None, end
    return max(end - length, 0), end


def _conditions(filters: Filters) -> list[pl.Expr]:
    found = [
        pl.col(name).cast(pl.String) == getattr(filters, name)
        for name in EQUAL
        if getattr(filters, name) is not None
    ]
    if filters.boundary == NONE:
        found.append(pl.col("boundary").is_null())
    elif filters.boundary is not None:
        found.append(pl.col("boundary").cast(pl.String) == filters.boundary)
    if filters.session is not None:
        found.append(pl.col("session_id").cast(pl.String) == filters.session)
    if filters.modality is not None:
        found.append(_has(("inputs", "outputs"), filters.modality))
    if filters.model is not None:
        found.append(_has(MODELS, filters.model))
    if filters.failed is not None:
        wanted = pl.col("failed") == filters.failed
        found.append(wanted.fill_null(filters.include_unknown))
    return found


def _has(columns: Sequence[str], value: str) -> pl.Expr:
    """Whether one of the values that are joined in these columns is this one."""
    return pl.any_horizontal(
        (pl.lit("+") + pl.col(name).cast(pl.String) + "+")
        .str.contains(f"+{value}+", literal=True)
        .fill_null(False)
        for name in columns
    )


def _asks_sql(filters: Filters) -> bool:
    rare = (filters.where, filters.text, filters.request_ids)
    return any(each is not None for each in rare)


def in_zone(moment: datetime | None, zone: str) -> datetime | None:
    """A moment that names no time zone, as one of this zone."""
    if moment is None or moment.tzinfo is not None:
        return moment
    return moment.replace(tzinfo=find_zone(zone))


def with_zone(filters: Filters, zone: str) -> Filters:
    """Filters whose bounds are of this zone where they name none."""
    return replace(filters, since=in_zone(filters.since, zone), until=in_zone(filters.until, zone))
