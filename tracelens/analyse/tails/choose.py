"""Which requests a question about tails is about, in which order: columns in memory, no SQL."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from difflib import get_close_matches
from functools import cached_property
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from tracelens.analyse.find import NONE, Filters, find_ids, in_nanos
from tracelens.analyse.overview import PERIODS
from tracelens.analyse.tails.ordered import Floats, Ints
from tracelens.analyse.tails.times import find_zone
from tracelens.analyse.tails.values import BY, METRICS, PARTS
from tracelens.errors import UsageError
from tracelens.store import Store

Rows = npt.NDArray[np.intp]
Mask = npt.NDArray[np.bool_]

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


class Requests:
    """The live requests with the columns that a question needs, as arrays, row for row.

    Args:
        frame: of `Store.request_columns`.
        passes: which rows pass the filters, time aside; None for all of them.
    """

    def __init__(self, frame: pl.DataFrame, passes: Mask | None) -> None:
        self.frame = frame
        self.passes = passes
        self._floats: dict[str, Floats] = {}
        self._orders: dict[str, Rows] = {}

    @cached_property
    def starts(self) -> Ints:
        """When each began, in ns; far before everything where it is not known."""
        unknown = np.iinfo(np.int64).min
        return self.frame["start_unix_nano"].fill_null(unknown).to_numpy()

    def floats(self, name: str) -> Floats:
        """A column of numbers; what is null is no number."""
        if name not in self._floats:
            self._floats[name] = self.frame[name].cast(pl.Float64).to_numpy()
        return self._floats[name]

    def is_empty(self, name: str) -> bool:
        """Whether no row has a value."""
        return self.frame[name].null_count() == self.frame.height

    def order(self, column: str) -> Rows:
        """Rows with a known value of a column, in ascending order of it."""
        if column not in self._orders:
            ranks = self.frame[f"rank.{column}"]
            known = len(ranks) - ranks.null_count()
            order = np.empty(known, np.intp)
            if known == len(ranks):
                order[ranks.to_numpy() - 1] = np.arange(known)
            else:
                rows = ranks.is_not_null().arg_true().to_numpy()
                order[ranks.drop_nulls().to_numpy() - 1] = rows
            self._orders[column] = order
        return self._orders[column]

    def window(self, begin: int | None, end: int | None) -> Window:
        """Those that pass the filters and began within these bounds (ns, end exclusive)."""
        mask = self.passes
        for bound, inside in ((begin, np.greater_equal), (end, np.less)):
            if bound is not None:
                found = inside(self.starts, bound)
                mask = found if mask is None else mask & found
        if begin is None and mask is not None and end is not None:
            mask = mask & (self.starts > np.iinfo(np.int64).min)
        return Window(self, mask)


class Window:
    """The requests of one period that pass the filters."""

    def __init__(self, requests: Requests, mask: Mask | None) -> None:
        self.requests = requests
        self.mask = mask
        self._orders: dict[str, Rows] = {}

    @cached_property
    def n(self) -> int:
        """How many there are."""
        return self.requests.frame.height if self.mask is None else int(self.mask.sum())

    def order(self, column: str) -> Rows:
        """Rows with a known value of a column, in ascending order of it."""
        if column not in self._orders:
            order = self.requests.order(column)
            self._orders[column] = order if self.mask is None else order[self.mask[order]]
        return self._orders[column]

    def total(self, column: str) -> float:
        """Sum of the known values of a column."""
        values = self.requests.floats(column)
        chosen = values if self.mask is None else values[self.mask]
        return float(np.nansum(chosen)) if len(chosen) else 0.0

    def extent(self) -> tuple[int | None, int | None]:
        """When the first and the last began."""
        starts = self.requests.starts if self.mask is None else self.requests.starts[self.mask]
        known = starts[starts > np.iinfo(np.int64).min]
        return (int(known.min()), int(known.max())) if len(known) else (None, None)


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
