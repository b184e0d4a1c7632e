"""Tells in what some requests differ from the rest, so that chance alone hardly ever does."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from functools import cached_property
from itertools import combinations
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt
import polars as pl

from tracelens.analyse.different.population import Array, Coded, Condition, Floats, Population
from tracelens.policy import TailRules

Kind = Literal["cause", "mechanism"]
State = Literal["found", "nothing", "too_few"]
Truths = npt.NDArray[np.bool_]

#: Sums of shares of sessions are whole numbers but for rounding.
ALMOST: Final = 1e-9


@dataclass(frozen=True)
class Difference:
    """A value, or two together, that the selected requests have more often than the rest.

    `in_tail` and `in_rest` are shares of requests, 0 to 1. `risk_ratio` is how much likelier a
    request with it is selected than one without; None where none without it is. `q` is the false
    discovery rate at which it is told. `excess` is what requests with it have beyond as many
    average ones without it, in the metric's unit; None where that is no number. `n` counts requests
    with it, `n_tail` the selected ones, `n_sessions` the sessions of these (None where each request
    is its own). `same_rows` are other values that nearly the same requests have. Of a pair, `parts`
    are its halves that tell nothing without each other.
    """

    attribute: str
    value: str | None
    conditions: tuple[Condition, ...]
    kind: Kind
    in_tail: float
    in_rest: float
    risk_ratio: float | None
    q: float
    excess: float | None
    n: int
    n_tail: int
    n_sessions: int | None = None
    same_rows: tuple[tuple[Condition, ...], ...] = ()
    parts: tuple[Condition, ...] = ()


@dataclass(frozen=True)
class Differences:
    """What is different about a selection, causes first, the largest excess first in each kind.

    `state` is `found`; `nothing` when what was tested does not differ; or `too_few` when there are
    too few requests to say. `tested` counts values and pairs. `clustered` tells whether sessions
    were tested, because some have several requests; `unknown` counts rows without a metric.
    """

    state: State
    findings: tuple[Difference, ...]
    tested: int
    n: int
    n_tail: int
    unknown: int
    clustered: bool


def different(population: Population, selected: pl.Series, rules: TailRules) -> Differences:
    """In which values and pairs of values the selected requests differ from the rest.

    Every value is tested, one-sided, by the hypergeometric distribution (Fisher's exact test), and
    all p-values are corrected together by Benjamini and Hochberg's method (J. R. Stat. Soc. B 57,
    1995); on top, a difference must be large enough to matter: the floors on support and risk ratio
    are those of MacroBase's and DIFF's explanations (Bailis et al., SIGMOD 2017; Abuzaid et al.,
    VLDB 2018). Only what could pass the floors at all is tested, which depends on how many requests
    have it and not on how many of them are selected (Tarone, Biometrics 46, 1990).

    Requests of one session are alike, so a session counts as one: each of its requests as one over
    their number, and a test takes the sums of these shares, the hits rounded down and all else up,
    as counts. A sum of independent shares between 0 and 1 varies at most as much as a count with
    the same mean (Hoeffding, J. Am. Stat. Assoc. 58, 1963): the test errs on the safe side. Without
    sessions it is Fisher's.

    Pairs are made of values that differ by themselves, and tested within each half: a pair is told
    only where it is more than both.

    Args:
        population: what the selection is part of.
        selected: boolean, one per row of the frame that the population was made of; null is false.
        rules: floors, from the policy.

    Raises ValueError where `selected` has another length than the frame.
    """
    if len(selected) != len(population.known):
        raise ValueError(f"{len(selected)} rows are selected from, of {len(population.known)}")
    chosen = selected.fill_null(False).to_numpy()
    question = _Question(population, np.flatnonzero(chosen[population.known]), rules)
    enough = min(question.tail, population.size - question.tail) >= rules.requests
    told, tested = _told(question) if enough else ([], 0)
    return Differences(
        state=_state(question, enough=enough, tested=tested, found=bool(told)),
        findings=tuple(_difference(question, each) for each in told),
        tested=tested,
        n=population.size,
        n_tail=question.tail,
        unknown=len(population.known) - population.size,
        clustered=population.weights is not None,
    )


def _state(question: _Question, *, enough: bool, tested: int, found: bool) -> State:
    if found:
        return "found"
    # Where all requests have the same values there is nothing that more of them could tell.
    return "nothing" if enough and (tested or not question.varies()) else "too_few"


@dataclass(frozen=True)
class _Tests:
    """The values that are tested, as columns: the attribute's place, the code, counts and p."""

    place: Array
    code: Array
    n: Array
    hits: Array
    units: Array
    hit_units: Array
    p: Array

    def of(self, own: Truths) -> _Tests:
        """Some of them."""
        return _Tests(*(getattr(self, each.name)[own] for each in fields(self)))


@dataclass(frozen=True)
class _Told:
    """A value, or two, that passed, with its counts and which rows have it."""

    parts: tuple[tuple[Coded, int], ...]
    n: int
    hits: int
    units: float
    hit_units: float
    q: float
    excess: float
    rows: Truths
    same_rows: tuple[tuple[Condition, ...], ...] = ()
    halves: tuple[Condition, ...] = ()

    @cached_property
    def index(self) -> Array:
        """The numbers of the rows."""
        return np.flatnonzero(self.rows)

    @property
    def mechanism(self) -> bool:
        """Whether it takes part in the metric."""
        return any(coded.attribute.mechanism for coded, _ in self.parts)

    @property
    def conditions(self) -> tuple[Condition, ...]:
        """Its values."""
        return tuple(coded.value(code) for coded, code in self.parts)


class _Question:
    """One selection of a population: its counts and floors."""

    def __init__(self, population: Population, rows: Array, rules: TailRules) -> None:
        self.population = population
        self.rows = rows
        self.rules = rules
        self.weights = None if population.weights is None else population.weights[rows]
        self.tail = len(rows)
        self.tail_units = float(self.tail if self.weights is None else self.weights.sum())
        self.floor = max(rules.hits, int(np.ceil(rules.support * self.tail - ALMOST)))

    @cached_property
    def selected(self) -> Truths:
        """Which rows are selected."""
        selected = np.zeros(self.population.size, np.bool_)
        selected[self.rows] = True
        return selected

    @cached_property
    def session_places(self) -> Array | None:
        """Of each selected row, the place of its session among those of the selection."""
        if self.population.sessions is None:
            return None
        return np.unique(self.population.sessions[self.rows], return_inverse=True)[1]

    def varies(self) -> bool:
        """Whether any attribute has two values."""
        return any(np.count_nonzero(each.counts) > 1 for each in self.population.attributes)

    def singles(self) -> _Tests:
        """Every value that could be told, tested."""
        parts = [self._values(place) for place in range(len(self.population.attributes))]
        if not parts:
            return _Tests(*(np.zeros(0, np.int64) for _ in fields(_Tests)))
        place, code, n, hits, units, hit_units = map(np.concatenate, zip(*parts, strict=True))
        # No more hits than on average are as likely as not: how likely makes no difference.
        above = hit_units * self.population.units > units * self.tail_units
        p = np.ones(len(code))
        p[above] = chance(hit_units[above], self.population.units, self.tail_units, units[above])
        return _Tests(place, code, n, hits, units, hit_units, p)

    def _values(self, place: int) -> tuple[Array, ...]:
        coded = self.population.attributes[place]
        codes, size = coded.codes[self.rows], len(coded.counts)
        hits = np.bincount(codes, minlength=size)
        units = hits if self.weights is None else np.bincount(codes, self.weights, minlength=size)
        able = self.testable(coded.counts)
        able[-1] &= coded.attribute.missing
        code = np.flatnonzero(able)
        counts = (coded.counts[able], hits[able], coded.units[able], units[able].astype(np.float64))
        return np.full(len(code), place), code, *counts

    def testable(self, counts: Array) -> Truths:
        """What could pass the floors if the selection were as unlike the rest as it can be."""
        reach = np.minimum(counts, self.tail) >= self.floor
        return np.asarray((counts >= self.rules.rows) & (counts < self.population.size) & reach)

    def large(self, n: Array, hits: Array) -> Truths:
        """Which differences are large enough to matter."""
        ratios = risk_ratio(hits, n, self.tail, self.population.size)
        return np.asarray((hits >= self.floor) & (ratios >= self.rules.risk_ratio))

    def units_of(self, index: Array) -> float:
        """How many units these rows, by number, are."""
        weights = self.population.weights
        return float(len(index) if weights is None else weights[index].sum())

    def sessions_of(self, rows: Truths) -> int | None:
        """Of how many sessions the selected ones of these rows are; None without sessions."""
        if self.session_places is None:
            return None
        return int(np.count_nonzero(np.bincount(self.session_places[rows[self.rows]])))

    def wide(self, rows: Truths) -> bool:
        """Whether the selected ones of these rows are of enough sessions."""
        sessions = self.sessions_of(rows)
        return sessions is None or sessions >= self.rules.hits

    def excess(self, own: float, n: int) -> float:
        """What rows of this sum have beyond as many average others; may be no number."""
        with np.errstate(over="ignore", invalid="ignore"):
            return own - n * (self.population.total - own) / (self.population.size - n)


def chance(hits: Any, size: Any, selected: Any, n: Any) -> Floats:
    """The chance of as many hits or more when `n` of `size` are drawn and `selected` count.

    Numbers, or arrays of them, which need not be whole: hits are rounded down and all else up.
    """
    # Half a second to import, which whoever lists failures does not pay.
    from scipy.stats import hypergeom

    least = np.floor(np.asarray(hits) + ALMOST)
    whole = np.ceil(np.asarray(size) - ALMOST)
    drawn = np.ceil(np.asarray(n) - ALMOST)
    counted = np.ceil(np.asarray(selected) - ALMOST)
    return np.asarray(hypergeom.sf(least - 1, whole, counted, drawn), np.float64)


def risk_ratio(hits: Any, n: Any, tail: int, size: int) -> Floats:
    """Share of selected ones among those with a value, over that among those without it.

    Infinite where none without it is selected.
    """
    hits, n = np.asarray(hits, np.float64), np.asarray(n, np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray((hits / n) / ((tail - hits) / (size - n)), np.float64)


def adjusted(p: Floats) -> Floats:
    """The false discovery rate at which each would be told (Benjamini and Hochberg, 1995)."""
    from scipy.stats import false_discovery_control

    return np.asarray(false_discovery_control(p, method="bh"), np.float64) if len(p) else p


def _told(question: _Question) -> tuple[list[_Told], int]:
    """What passed, in the order of `Differences`, and how much was tested."""
    tests = question.singles()
    attributes = question.population.attributes
    mechanism = np.array([each.attribute.mechanism for each in attributes], np.bool_)[tests.place]
    # What takes part in the metric always differs. Corrected together with the others, it would
    # make room for false findings among them.
    told, pairs = _causes(question, tests.of(~mechanism))
    own = tests.of(mechanism)
    told += _passing(question, own, adjusted(own.p))
    return _ranked(_collapsed(question, _ranked(told, pairs_last=True))), len(tests.p) + pairs


def _causes(question: _Question, tests: _Tests) -> tuple[list[_Told], int]:
    """Values and pairs that passed, and how many pairs were tested."""
    singles = _ranked(_passing(question, tests, adjusted(tests.p)))
    distinct = _collapsed(question, singles)[: question.rules.paired]
    pairs = [
        pair for one, two in combinations(distinct, 2) if (pair := _Pair.of(question, one, two))
    ]
    if not pairs:
        return singles, 0
    q = adjusted(np.concatenate([tests.p, [pair.p for pair in pairs]]))
    single_q, pair_q = q[: len(tests.p)], q[len(tests.p) :]
    told = [
        pair.told(question, float(own))
        for pair, own in zip(pairs, pair_q, strict=True)
        if own <= question.rules.q and pair.adds(question)
    ]
    return _without_halves(question, _passing(question, tests, single_q), told), len(pairs)


def _passing(question: _Question, tests: _Tests, q: Floats) -> list[_Told]:
    """The values that are different enough, and surely so."""
    large = question.large(tests.n, tests.hits) & (q <= question.rules.q)
    found = [_single(question, tests, at, float(q[at])) for at in np.flatnonzero(large).tolist()]
    return [each for each in found if question.wide(each.rows)]


def _single(question: _Question, tests: _Tests, at: int, q: float) -> _Told:
    coded, code = question.population.attributes[tests.place[at]], int(tests.code[at])
    own = float(question.population.sums_of(coded)[code])
    return _Told(
        parts=((coded, code),),
        n=int(tests.n[at]),
        hits=int(tests.hits[at]),
        units=float(tests.units[at]),
        hit_units=float(tests.hit_units[at]),
        q=q,
        excess=question.excess(own, int(tests.n[at])),
        rows=coded.rows(code),
    )


@dataclass(frozen=True)
class _Pair:
    """Two values together; `p` is that of the half within the other that surprises less."""

    one: _Told
    two: _Told
    index: Array
    hits: int
    units: float
    hit_units: float
    p: float

    @classmethod
    def of(cls, question: _Question, one: _Told, two: _Told) -> _Pair | None:
        """The pair, or None where it cannot be told."""
        less, more = sorted((one, two), key=lambda each: each.n)
        index = less.index[more.rows[less.index]]
        n = len(index)
        if n in (one.n, two.n) or not question.testable(np.array([n]))[0]:
            return None
        chosen = index[question.selected[index]]
        units, hit_units = question.units_of(index), question.units_of(chosen)
        within = chance(
            hit_units, [one.units, two.units], [one.hit_units, two.hit_units], units
        ).max()
        return cls(one, two, index, len(chosen), units, hit_units, float(within))

    @property
    def n(self) -> int:
        """How many rows have both."""
        return len(self.index)

    @cached_property
    def rows(self) -> Truths:
        """Which rows have both."""
        rows = np.zeros(len(self.one.rows), np.bool_)
        rows[self.index] = True
        return rows

    def adds(self, question: _Question) -> bool:
        """Whether it is large enough, and tells clearly more than the better half."""
        whole = question.tail, question.population.size
        halves = [float(risk_ratio(each.hits, each.n, *whole)) for each in (self.one, self.two)]
        own = float(risk_ratio(self.hits, self.n, *whole))
        enough = bool(question.large(np.array([self.n]), np.array([self.hits]))[0])
        return enough and own >= question.rules.pair_gain * max(halves) and question.wide(self.rows)

    def told(self, question: _Question, q: float) -> _Told:
        """The pair as a finding, with its spellings by values that the same requests have."""
        (one,), (two,) = self.one.conditions, self.two.conditions
        others = (
            *((other, two) for (other,) in self.one.same_rows),
            *((one, other) for (other,) in self.two.same_rows),
        )
        own = float(question.population.amounts[self.index].sum())
        return _Told(
            parts=(*self.one.parts, *self.two.parts),
            n=self.n,
            hits=self.hits,
            units=self.units,
            hit_units=self.hit_units,
            q=q,
            excess=question.excess(own, self.n),
            rows=self.rows,
            same_rows=others,
        )


def _without_halves(question: _Question, singles: list[_Told], pairs: list[_Told]) -> list[_Told]:
    """Singles and pairs, but no single that is only told because of its pairs."""
    kept, halves = [], {number: list[Condition]() for number in range(len(pairs))}
    for single in singles:
        (own,) = single.conditions
        mine = [n for n, pair in enumerate(pairs) if own in _spellings(pair)]
        if mine and not _tells_alone(question, single, [pairs[n] for n in mine]):
            for number in mine:
                halves[number].append(own)
        else:
            kept.append(single)
    return kept + [replace(pair, halves=tuple(halves[n])) for n, pair in enumerate(pairs)]


def _spellings(pair: _Told) -> set[Condition]:
    return {*pair.conditions, *(each for other in pair.same_rows for each in other)}


def _tells_alone(question: _Question, single: _Told, pairs: list[_Told]) -> bool:
    """Whether a value differs in the requests that have none of its pairs."""
    theirs = np.logical_or.reduce([pair.rows for pair in pairs])
    gone, own = np.flatnonzero(theirs), single.index[theirs[single.index]]
    gone_hits, own_hits = (each[question.selected[each]] for each in (gone, own))
    n, hits = single.n - len(own), single.hits - len(own_hits)
    if n < question.rules.rows or hits < question.rules.hits:
        return False
    p = chance(
        single.hit_units - question.units_of(own_hits),
        question.population.units - question.units_of(gone),
        question.tail_units - question.units_of(gone_hits),
        single.units - question.units_of(own),
    )
    ratio = risk_ratio(
        hits, n, question.tail - len(gone_hits), question.population.size - len(gone)
    )
    return bool(p <= question.rules.q and ratio >= question.rules.risk_ratio)


def _ranked(told: list[_Told], *, pairs_last: bool = False) -> list[_Told]:
    """Causes first, then by excess; of equals the surer, then the one asked for first."""
    return sorted(
        told,
        key=lambda each: (
            each.mechanism,
            pairs_last and len(each.parts),
            -each.excess if np.isfinite(each.excess) else np.inf,
            each.q,
            [(condition.attribute, condition.value or "") for condition in each.conditions],
        ),
    )


def _collapsed(question: _Question, told: list[_Told]) -> list[_Told]:
    """Of those that nearly the same requests have, the first, which lists the others."""
    kept: list[_Told] = []
    for each in told:
        for place, first in enumerate(kept):
            if _alike(first, each) >= question.rules.same_rows:
                kept[place] = replace(
                    first, same_rows=(*first.same_rows, each.conditions, *each.same_rows)
                )
                break
        else:
            kept.append(each)
    return kept


def _alike(one: _Told, two: _Told) -> float:
    """Jaccard similarity of two sets of rows."""
    least, most = sorted((one.n, two.n))
    # It is no larger than the ratio of the sizes, which costs nothing.
    if least < 0.5 * most:
        return 0.0
    both = int(np.count_nonzero(one.rows & two.rows))
    return both / (one.n + two.n - both)


def _difference(question: _Question, told: _Told) -> Difference:
    first = told.conditions[0]
    size = question.population.size
    ratio = float(risk_ratio(told.hits, told.n, question.tail, size))
    return Difference(
        attribute=first.attribute,
        value=first.value,
        conditions=told.conditions,
        kind="mechanism" if told.mechanism else "cause",
        in_tail=told.hits / question.tail,
        in_rest=(told.n - told.hits) / (size - question.tail),
        risk_ratio=ratio if np.isfinite(ratio) else None,
        q=told.q,
        excess=told.excess if np.isfinite(told.excess) else None,
        n=told.n,
        n_tail=told.hits,
        n_sessions=question.sessions_of(told.rows),
        same_rows=told.same_rows,
        parts=told.halves,
    )
