"""Figures of requests by what they have in common: a modality, a stage, a model, a user."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl

from tracelens.analyse.tails.choose import Question, Rows, Window
from tracelens.analyse.tails.ordered import (
    Codes,
    Floats,
    Split,
    gini,
    interval,
    quantile,
    sums,
    top_count,
    top_share,
)
from tracelens.analyse.tails.values import (
    METRICS,
    PARTS,
    QUANTILES,
    TOPS,
    Cut,
    Group,
)

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


@dataclass(frozen=True)
class Chosen:
    """The requests with a known value of the metric, in ascending order of it."""

    window: Window
    rows: Rows
    values: Floats
    total: float
    tail: int  # how many of the last are the tail

    @property
    def tail_rows(self) -> Rows:
        """The tail, the highest first."""
        return self.rows[len(self.rows) - self.tail :][::-1]

    @property
    def tail_total(self) -> float:
        """Sum of the values of the tail."""
        return float(self.values[len(self.values) - self.tail :].sum())


def choose(window: Window, question: Question) -> Chosen:
    """The requests of a window with a known value, in order."""
    column, _ = METRICS[question.metric]
    rows = window.order(column)
    values = window.requests.floats(column)[rows]
    count = top_count(len(rows), question.top)
    return Chosen(window, rows, values, float(values.sum()), count)


def cut_of(chosen: Chosen, question: Question) -> Cut:
    """What the tail is."""
    if not chosen.tail:
        return Cut(0, None, None, None)
    return Cut(
        chosen.tail,
        float(chosen.values[-chosen.tail]),
        chosen.tail_total,
        top_share(chosen.values, question.top, chosen.total),
    )


class Coded:
    """Values of a column by small codes: the highest code stands for all that are left out.

    Args:
        column: of all requests.
        rows: those that count, and `weights` by which the largest are found.
        most: how many values get a code.
    """

    def __init__(self, column: pl.Series, rows: Rows, weights: Floats, most: int) -> None:
        codes, self._names = _small_codes(column)
        count = len(self._names)
        own = codes[rows]
        totals = sums(own, weights, count)  # type: ignore[arg-type]
        sizes = np.bincount(own, minlength=count)
        # The largest total first, then the most requests, then by name.
        present = [
            code for code in np.lexsort((-sizes, -totals))[: most + len(self._names)] if sizes[code]
        ]
        present.sort(key=lambda code: (-totals[code], -sizes[code], self._names[code] or ""))
        self.left = max(0, len(present) - most)
        kept = present[:most]
        self.names = [self._names[code] for code in kept]
        lookup = np.full(count, len(kept), np.uint16)
        lookup[kept] = np.arange(len(kept), dtype=np.uint16)
        self.count = len(kept)
        #: Code of each request of the store.
        self.codes: Codes = lookup[codes]

    def of(self, rows: Rows) -> Codes:
        """Codes of these requests."""
        return self.codes[rows]


def _small_codes(
    column: pl.Series,
) -> tuple[np.ndarray[tuple[int], np.dtype[np.uint32]], list[str | None]]:
    """Dense codes of a column of text, and the value of each; the last is null."""
    if column.null_count() == len(column):
        return np.zeros(len(column), np.uint32), [None]
    distinct = column.unique().drop_nulls()
    own = distinct.to_physical().to_numpy()
    names: list[str | None] = [None] * (int(own.max()) + 2)
    for code, name in zip(own, distinct.cast(pl.String), strict=True):
        names[code] = name
    return column.to_physical().fill_null(len(names) - 1).to_numpy(), names


def group_all(chosen: Chosen, question: Question) -> Group:
    """Figures of all requests together."""
    window = chosen.window
    counts = _counted(chosen, np.zeros(window.requests.frame.height, np.uint16), 1, question)
    return _group("all", chosen.values, chosen, counts, 0)


def group_by(chosen: Chosen, question: Question) -> tuple[tuple[Group, ...], int]:
    """Figures of each group, the largest total first, and how many more there are."""
    if question.by == "none":
        return (group_all(chosen, question),), 0
    if question.by in ("stage", "content"):
        return tuple(_parts(chosen, question)), 0
    frame = chosen.window.requests.frame
    coded = Coded(frame[COLUMNS[question.by]], chosen.rows, chosen.values, GROUPS)
    counts = _counted(chosen, coded.codes, coded.count, question)
    split = Split(chosen.values, coded.of(chosen.rows), coded.count + 1)
    groups = [
        _group(coded.names[code], split.part(code), chosen, counts, code)
        for code in range(coded.count)
    ]
    return tuple(groups), coded.left


@dataclass(frozen=True)
class _Counts:
    """Counts of each code, over the requests of the window."""

    n: Floats
    lower_bound: Floats
    unpriced: Floats
    over: Floats | None
    in_tail: Floats
    tail_total: Floats


def _counted(chosen: Chosen, codes: Codes, count: int, question: Question) -> _Counts:
    window = chosen.window
    requests = window.requests
    mask = window.mask
    own = codes if mask is None else codes[mask]

    def weighted(name: str) -> Floats:
        if requests.is_empty(name):
            return np.zeros(count)
        weights = requests.frame[name].cast(pl.Float64).fill_null(0.0).to_numpy()
        return sums(own, weights if mask is None else weights[mask], count)

    over, tail = f"over.{question.metric}", chosen.tail_rows
    own_tail = codes[tail]
    return _Counts(
        np.bincount(own, minlength=count)[:count].astype(np.float64),
        weighted("cost_is_lower_bound"),
        weighted("cost_unpriced_spans"),
        None if requests.is_empty(over) else weighted(over),
        np.bincount(own_tail, minlength=count)[:count].astype(np.float64),
        sums(own_tail, chosen.values[::-1][: len(tail)], count),
    )


def _group(name: str | None, values: Floats, chosen: Chosen, counts: _Counts, code: int) -> Group:
    n, total = len(values), float(values.sum())
    over, tail_total = counts.over, chosen.tail_total
    return Group(
        by=name,
        n=n,
        n_unknown=int(counts.n[code]) - n,
        quantiles=_quantiles(values),
        intervals=_intervals(values),
        top_share=_top_shares(values, total),
        gini=gini(values, total),
        total=total if n else None,
        share=_share(total, chosen.total),
        traffic=_share(n, len(chosen.values)),
        over_budget=None if over is None else int(over[code]),
        n_lower_bound=int(counts.lower_bound[code]),
        unpriced_spans=int(counts.unpriced[code]),
        in_tail=int(counts.in_tail[code]),
        tail_share=_share(float(counts.tail_total[code]), tail_total),
    )


def _parts(chosen: Chosen, question: Question) -> Iterator[Group]:
    """Figures of each part of the requests: what a stage or a content has of their metric."""
    found = []
    requests, mask = chosen.window.requests, chosen.window.mask
    for name, column in PARTS[question.metric][question.by].items():
        if requests.is_empty(column):
            continue
        part = requests.floats(column)
        own = part if mask is None else part[mask]
        values = np.sort(own[np.isfinite(own)])
        if not len(values):
            continue
        tail = part[chosen.tail_rows]
        in_tail = tail[np.isfinite(tail)]
        total = float(values.sum())
        found.append(
            Group(
                by=name,
                n=len(values),
                n_unknown=chosen.window.n - len(values),
                quantiles=_quantiles(values),
                intervals=_intervals(values),
                top_share=_top_shares(values, total),
                gini=gini(values, total),
                total=total,
                share=_share(total, chosen.total),
                traffic=_share(len(values), len(chosen.values)),
                over_budget=None,
                n_lower_bound=0,
                unpriced_spans=0,
                in_tail=len(in_tail),
                tail_share=_share(float(in_tail.sum()), chosen.tail_total),
            )
        )
    yield from sorted(found, key=lambda group: (-(group.total or 0), group.by or ""))


def _quantiles(values: Floats) -> dict[str, float | None]:
    return {name: quantile(values, p) for name, p in QUANTILES.items()}


def _intervals(values: Floats) -> dict[str, tuple[float | None, float | None]]:
    return {name: interval(values, p) for name, p in QUANTILES.items()}


def _top_shares(values: Floats, total: float) -> dict[str, float | None]:
    return {name: top_share(values, top, total) for name, top in TOPS.items()}


def _share(part: float, whole: float) -> float | None:
    # Sums that were added up in another order differ in the last digit.
    return min(part / whole, 1.0) if whole > 0 else None
