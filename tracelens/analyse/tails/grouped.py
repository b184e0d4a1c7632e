"""Figures of requests by what they have in common: a modality, a stage, a model, a user."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
import polars as pl

from tracelens.analyse.tails.choose import Question, Window
from tracelens.analyse.tails.ordered import (
    Codes,
    Floats,
    Ints,
    Rows,
    Split,
    counts,
    gini,
    interval,
    quantile,
    smallest,
    sums,
    top_count,
    top_share,
)
from tracelens.analyse.tails.values import METRICS, PARTS, QUANTILES, TOPS, Cut, Group

#: Column of each grouping that tells requests apart.
COLUMNS: Final = {
    "modality": "inputs",
    "model": "model.reasoning",
    "service": "service",
    "emitter": "emitter",
    "user": "user_id",
}
#: Groups that are listed; there may be as many users as requests.
GROUPS: Final = 50
#: By how much a share that is 1 may differ from it.
ROUNDING: Final = 1e-12


@dataclass(frozen=True)
class Chosen:
    """The requests with a known value of the metric, in ascending order of it."""

    window: Window
    column: str
    rows: Rows
    values: Floats
    tail_rows: Rows  # the highest first, of equal ones the smallest id

    @cached_property
    def total(self) -> float:
        """Sum of all values."""
        return float(self.values.sum())

    @cached_property
    def tail_values(self) -> Floats:
        """Values of the tail, the highest first."""
        return self.values[len(self.values) - len(self.tail_rows) :][::-1]

    @cached_property
    def tail_total(self) -> float:
        """Sum of the values of the tail."""
        return float(self.tail_values.sum())

    @cached_property
    def weights(self) -> Floats:
        """The value of each request of the store, 0 where it does not count."""
        filled, mask = self.window.requests.filled(self.column), self.window.mask
        return filled if mask is None else filled * mask


def choose(window: Window, question: Question) -> Chosen:
    """The requests of a window with a known value, in order, and the tail."""
    column, _ = METRICS[question.metric]
    rows, values = window.ordered(column)
    tail = highest(window, rows, values, top_count(len(rows), question.top))
    return Chosen(window, column, rows, values, tail)


def highest(window: Window, rows: Rows, values: Floats, count: int) -> Rows:
    """The `count` rows with the highest values, the highest first, of equal ones by id."""
    if not count:
        return np.empty(0, np.intp)
    # Only those that are as high as the last one need an order; the others are all in.
    least = values[len(values) - count]
    first = int(np.searchsorted(values, least, side="left"))
    found, own = rows[first:], values[first:]
    equal = own[1:] == own[:-1]
    if not equal.any():
        return found[::-1]
    tied = np.append(equal, False) | np.append(False, equal)
    ranks = np.zeros(len(found))
    ids = window.requests.frame["request_id"].gather(found[tied])
    ranks[tied] = ids.rank("ordinal").to_numpy()
    return found[np.lexsort((ranks, -own))][:count]


def cut_of(chosen: Chosen, question: Question) -> Cut:
    """What the tail is."""
    if not len(chosen.tail_rows):
        return Cut(0, None, None, None)
    return Cut(
        len(chosen.tail_rows),
        float(chosen.tail_values[-1]),
        chosen.tail_total,
        top_share(chosen.values, question.top, chosen.total),
    )


class Largest:
    """The values of a column with the largest totals, as codes; `count` stands for all others.

    Args:
        chosen: the requests that count.
        column: of text.
        most: how many values are wanted.
    """

    def __init__(self, chosen: Chosen, column: str, most: int) -> None:
        coded = chosen.window.requests.coded(column)
        size = len(coded.names)
        totals, sizes = _totals(chosen, column)
        # The largest total first, then the most requests, then by name: names ascend with codes.
        order = np.lexsort((np.arange(size), -sizes, -totals))
        present = order[sizes[order] > 0]
        kept = present[:most]
        self.count, self.left = len(kept), len(present) - len(kept)
        self.names = [coded.names[code] for code in kept]
        self.totals, self.sizes = totals[kept], sizes[kept]
        self._lookup = np.full(size, self.count, smallest(self.count + 1))
        self._lookup[kept] = np.arange(self.count)
        self._coded, self._chosen = coded, chosen

    def codes(self, rows: Rows) -> Codes:
        """Codes of these requests of the store."""
        return self._lookup[self._coded.codes[rows]]

    @cached_property
    def split(self) -> Split:
        """The chosen values by code."""
        return Split(self._chosen.values, self.codes(self._chosen.rows), self.count + 1)


def _totals(chosen: Chosen, column: str) -> tuple[Floats, Ints]:
    """Sum and number of the requests with each value of a column of text."""
    requests, window = chosen.window.requests, chosen.window

    def make() -> tuple[Floats, Ints]:
        coded, known = requests.coded(column), window.known(chosen.column)
        own = coded.codes if known is None else np.compress(known, coded.codes)
        size = len(coded.names)
        return sums(coded.codes, chosen.weights, size), counts(own, size)

    if window.mask is not None:
        return make()
    return requests.once(("totals", chosen.column, column), make)


def group_all(chosen: Chosen, question: Question) -> Group:
    """Figures of all requests together."""
    window = chosen.window
    over = f"over.{question.metric}"
    return Group(
        by="all",
        n=len(chosen.values),
        n_unknown=window.n - len(chosen.values),
        quantiles=_quantiles(chosen.values),
        intervals=_intervals(chosen.values),
        total=chosen.total if len(chosen.values) else None,
        share=share_of(chosen.total, chosen.total),
        traffic=share_of(len(chosen.values), len(chosen.values)),
        top_share=_top_shares(chosen.values, chosen.total),
        gini=gini(chosen.values, chosen.total),
        over_budget=None if window.requests.is_empty(over) else len(window.true(over)),
        n_lower_bound=len(window.true("cost_is_lower_bound")),
        unpriced_spans=int(unpriced_spans(window)[1].sum()),
        in_tail=len(chosen.tail_rows),
        tail_share=share_of(chosen.tail_total, chosen.tail_total),
    )


def group_by(
    chosen: Chosen, question: Question, modality: Largest
) -> tuple[tuple[Group, ...], int]:
    """Figures of each group, the largest total first, and how many more there are."""
    if question.by == "none":
        return (group_all(chosen, question),), 0
    if question.by in ("stage", "content"):
        return tuple(_parts(chosen, question)), 0
    is_modality = question.by == "modality"
    largest = modality if is_modality else Largest(chosen, COLUMNS[question.by], GROUPS)
    counted = _count(chosen, largest, question)
    groups = [
        _group(name, largest.split.part(code), chosen, counted, code)
        for code, name in enumerate(largest.names)
    ]
    return tuple(groups), largest.left


@dataclass(frozen=True)
class _Counts:
    """Counts of each code, over the requests of the window."""

    unknown: Ints
    lower_bound: Ints
    unpriced: Floats
    over: Ints | None
    in_tail: Ints
    tail_total: Floats


def _count(chosen: Chosen, largest: Largest, question: Question) -> _Counts:
    window, codes, count = chosen.window, largest.codes, largest.count
    over = f"over.{question.metric}"
    rows, spans = unpriced_spans(window)
    tail = codes(chosen.tail_rows)
    return _Counts(
        unknown=counts(codes(window.unknown(chosen.column)), count),
        lower_bound=counts(codes(window.true("cost_is_lower_bound")), count),
        unpriced=sums(codes(rows), spans, count),
        over=None if window.requests.is_empty(over) else counts(codes(window.true(over)), count),
        in_tail=counts(tail, count),
        tail_total=sums(tail, chosen.tail_values, count),
    )


def unpriced_spans(window: Window) -> tuple[Rows, Floats]:
    """Requests with spans that have no price, and how many each has."""
    rows = window.true("cost_unpriced_spans")
    spans = window.requests.frame["cost_unpriced_spans"].gather(rows)
    return rows, spans.cast(pl.Float64).to_numpy()


def _group(name: str | None, values: Floats, chosen: Chosen, counted: _Counts, code: int) -> Group:
    n, total = len(values), float(values.sum())
    return Group(
        by=name,
        n=n,
        n_unknown=int(counted.unknown[code]),
        quantiles=_quantiles(values),
        intervals=_intervals(values),
        total=total if n else None,
        share=share_of(total, chosen.total),
        traffic=share_of(n, len(chosen.values)),
        top_share=_top_shares(values, total),
        gini=gini(values, total),
        over_budget=None if counted.over is None else int(counted.over[code]),
        n_lower_bound=int(counted.lower_bound[code]),
        unpriced_spans=int(counted.unpriced[code]),
        in_tail=int(counted.in_tail[code]),
        tail_share=share_of(float(counted.tail_total[code]), chosen.tail_total),
    )


def _parts(chosen: Chosen, question: Question) -> list[Group]:
    """Figures of each part of the requests: what a stage or a content has of their metric."""
    window = chosen.window
    columns = PARTS[question.metric][question.by]
    found = []
    for name, column in columns.items():
        values = np.empty(0) if window.requests.is_empty(column) else window.values(column)
        if not len(values):
            continue
        total, tail = float(values.sum()), window.requests.taken(column, chosen.tail_rows)
        found.append(
            Group(
                by=name,
                n=len(values),
                n_unknown=window.n - len(values),
                quantiles=_quantiles(values),
                intervals=_intervals(values),
                total=total,
                share=share_of(total, chosen.total),
                traffic=share_of(len(values), len(chosen.values)),
                top_share=_top_shares(values, total),
                gini=gini(values, total),
                over_budget=None,
                n_lower_bound=0,
                unpriced_spans=0,
                in_tail=int(np.count_nonzero(tail)),
                tail_share=share_of(float(tail.sum()), chosen.tail_total),
            )
        )
    return sorted(found, key=lambda group: (-(group.total or 0), group.by or ""))


def _quantiles(values: Floats) -> dict[str, float | None]:
    return {name: quantile(values, p) for name, p in QUANTILES.items()}


def _intervals(values: Floats) -> dict[str, tuple[float | None, float | None]]:
    return {name: interval(values, p) for name, p in QUANTILES.items()}


def _top_shares(values: Floats, total: float) -> dict[str, float | None]:
    return {name: top_share(values, top, total) for name, top in TOPS.items()}


def share_of(part: float, whole: float) -> float | None:
    """A part of a whole, None where the whole is nothing."""
    if whole <= 0:
        return None
    # Sums that were added up in another order differ in the last digits.
    found = part / whole
    return 1.0 if abs(found - 1) < ROUNDING else found
