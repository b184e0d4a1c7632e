"""Counts how often a tail is explained where nothing explains it, and where something does.

usage: python -m benchmarks.explain_tail [--sets 2000] [--runs 200] [--seed 1] [--rows 5000]

Data sets are made up. Costs are lognormal (σ 1, and 1.8 in half of the null sets), hundreds of
values of categories of all sizes and of numbers have nothing to do with them, and the tail is the
top 1, 5 or 10 %. In the null sets that is all; in half of them requests form sessions of one to
hundreds, half of the variance of their log costs is the session's, and so are half of the
attributes. The others have a cause that makes requests cost eight times as much: a value, two
values together, or a value with a decoy that nearly the same requests have.

Beside it stands the ranking that other tools use: the value with the largest difference of shares
in percentage points first, among those seen at least five times. `naive` are our own tests when
they take the requests of a session for independent.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import polars as pl
from rich.console import Console
from rich.table import Table
from scipy.stats import beta, chi2

from tracelens.analyse.different import Attribute, Condition, Differences, Population, different
from tracelens.policy import TailRules, load

TAILS = (0.01, 0.05, 0.10)
FACTOR = 8.0
#: Costs drawn for one set of attributes: with nothing in common, neither knows of the other.
DRAWS = 10
#: Values of each category: 620 together, and 140 bins of numbers.
SIZES = (2, 2, 3, 4, 5, 6, 8, 10, 12, 15, 18, 20, 25, 30, 40, 50, 60, 80, 100, 130)
NUMBERS = 20
#: Largest-difference rankings leave out what is seen less often.
SEEN = 5

Rng = np.random.Generator
Told = list[tuple[Condition, ...]]


@dataclass
class Data:
    """Requests with their cost, what may explain it, and the part of them that is the tail."""

    frame: pl.DataFrame
    share: float
    redraw: Callable[[], Any]
    sessions: str | None = None
    causes: list[str] = field(default_factory=list)

    def population(self, sessions: str | None) -> Population:
        """All columns but the cost and the session as attributes."""
        names = [name for name in self.frame.columns if name not in ("cost", "session_id")]
        return Population.of(self.frame, "cost", [Attribute(n, n) for n in names], sessions)


def unrelated(rng: Rng, rows: int) -> dict[str, pl.Series]:
    """Categories of which few values are frequent, and numbers of all kinds."""
    columns = {}
    for size in SIZES:
        shares = 1 / np.arange(1, size + 1) ** rng.uniform(0, 1.2)
        codes = rng.choice(size, rows, p=shares / shares.sum())
        columns[f"category {len(columns)}"] = pl.Series(codes).cast(pl.String)
    for _ in range(NUMBERS):
        values = rng.lognormal(rng.uniform(-1, 5), rng.uniform(0.3, 1.5), rows)
        values[rng.random(rows) < rng.choice([0, 0.4])] = np.nan
        columns[f"number {len(columns)}"] = pl.Series(values, nan_to_null=True)
    return columns


def alone(rng: Rng, rows: int, share: float, sigma: float = 1.0) -> Data:
    """Requests that have nothing to do with one another."""

    def draw() -> Any:
        return rng.lognormal(-5, sigma, rows)

    return Data(pl.DataFrame({"cost": draw(), **unrelated(rng, rows)}), share, draw)


def in_sessions(rng: Rng, rows: int, share: float, sigma: float = 1.0) -> Data:
    """Requests in sessions, with half of the variance of log cost and of the attributes.

    Sessions are long for reasons of their own, which two attributes tell.
    """
    lengths = np.ceil(rng.lognormal(1.2, 1.1, rows)).astype(int)
    session = np.repeat(np.arange(rows), lengths)[:rows]
    place = np.arange(rows) - np.searchsorted(session, session)
    columns = {
        name: values if at % 2 else values.gather(pl.Series(session))
        for at, (name, values) in enumerate(unrelated(rng, rows).items())
    }

    def draw() -> Any:
        own, theirs = rng.normal(0, sigma, rows), rng.normal(0, sigma, rows)[session]
        return np.exp(-5 + (own + theirs) / np.sqrt(2))

    frame = pl.DataFrame(
        {
            "cost": draw(),
            "session_id": pl.Series(session).cast(pl.String),
            "session size": np.bincount(session)[session],
            "turn": place + 1,
            **columns,
        }
    )
    return Data(frame, share, draw, "session_id")


def with_cause(data: Data, rng: Rng, prevalence: float) -> Data:
    """A value, of the requests or of their sessions, that makes them cost eight times as much."""
    has = rng.random(data.frame.height) < prevalence
    if data.sessions:
        has = has[data.frame["session_id"].cast(pl.Int64).to_numpy()]
    return planted(data, has, cause=has)


def with_pair(data: Data, rng: Rng, prevalence: float) -> Data:
    """Two values that cost nothing but together."""
    one, two = (rng.random(data.frame.height) < np.sqrt(prevalence) for _ in range(2))
    return planted(data, one & two, cause=one, other=two)


def with_decoy(data: Data, rng: Rng, prevalence: float) -> Data:
    """A cause, and something else that nearly the same requests have."""
    has = rng.random(data.frame.height) < prevalence
    decoy = (has & (rng.random(len(has)) > 0.03)) | (rng.random(len(has)) < 0.03 * prevalence)
    return replace(planted(data, has, cause=has, decoy=decoy), causes=["cause"])


def planted(data: Data, dear: Any, **columns: Any) -> Data:
    """The data, with dear requests and columns that tell which these are."""
    times = np.where(dear, FACTOR, 1.0)

    def draw() -> Any:
        return data.redraw() * times

    frame = data.frame.with_columns(
        pl.Series("cost", draw()), *(pl.Series(name, has) for name, has in columns.items())
    )
    return replace(data, frame=frame, redraw=draw, causes=list(columns))


def largest_of(population: Population, tail: Any) -> tuple[Condition, float]:
    """The value whose shares differ most, and by how many percentage points."""
    best: tuple[Condition | None, float] = (None, -1.0)
    for coded in population.attributes:
        size = len(coded.counts)
        inside = np.bincount(coded.codes[tail], minlength=size)
        outside = coded.counts - inside
        points = 100 * (inside / tail.sum() - outside / (~tail).sum())
        points[coded.counts < SEEN] = -1
        at = int(points.argmax())
        if points[at] > best[1]:
            best = coded.value(at), float(points[at])
    assert best[0] is not None
    return best[0], best[1]


def top(cost: Any, share: float) -> Any:
    """The most expensive ones."""
    chosen = np.zeros(len(cost), np.bool_)
    chosen[np.argsort(-cost)[: int(np.ceil(share * len(cost)))]] = True
    return chosen


def is_cause(conditions: tuple[Condition, ...], data: Data) -> bool:
    """Whether this is what was planted, all of it and nothing else."""
    return sorted(c.attribute for c in conditions) == sorted(data.causes) and all(
        c.value == "true" for c in conditions
    )


@dataclass
class Null:
    """What was told of data sets in which there is nothing to tell."""

    sets: int = 0
    findings: int = 0
    sets_with: int = 0
    naive: int = 0
    tested: int = 0
    points: list[float] = field(default_factory=list)

    def bound(self) -> float:
        """Findings per set: one-sided upper 95 % bound of a Poisson rate (Garwood, 1936)."""
        return float(chi2.ppf(0.95, 2 * (self.findings + 1)) / 2 / self.sets)

    def bound_of_sets(self) -> float:
        """Share of sets with any finding: the same bound by Clopper and Pearson (1934)."""
        return float(beta.ppf(0.95, self.sets_with + 1, self.sets - self.sets_with))


def count_null(
    make: Callable[[Rng, int, float, float], Data], rng: Rng, sets: int, rows: int, rules: TailRules
) -> Null:
    """Asks about data sets without a cause, with ten draws of costs for each of attributes."""
    found = Null()
    for number in range(0, sets, DRAWS):
        data = make(rng, rows, 0.0, (1.0, 1.8)[number // DRAWS % 2])
        population, alone = data.population(data.sessions), data.population(None)
        for at in range(number, min(number + DRAWS, sets)):
            cost = data.redraw()
            tail = top(cost, TAILS[at % len(TAILS)])
            said = different(replace(population, amounts=cost), pl.Series(tail), rules)
            found.sets += 1
            found.findings += len(said.findings)
            found.sets_with += bool(said.findings)
            found.tested += said.tested
            found.points.append(largest_of(population, tail)[1])
            if data.sessions:
                naive = different(replace(alone, amounts=cost), pl.Series(tail), rules)
                found.naive += len(naive.findings)
    return found


@dataclass
class Planted:
    """How often a planted cause was found."""

    name: str
    rows: int
    runs: int = 0
    first: int = 0
    found: int = 0
    same_rows: int = 0
    others: int = 0
    largest: int = 0

    def add(self, said: Differences, largest: Condition, data: Data) -> None:
        """Count what was told of one data set, and what the other ranking puts first."""
        spellings = [(each.conditions, *each.same_rows) for each in said.findings]
        named = [any(is_cause(each, data) for each in parts) for parts in spellings]
        self.runs += 1
        self.first += bool(named and named[0])
        self.found += any(named)
        self.others += len(named) - sum(named)
        self.same_rows += any(
            {"cause", "decoy"} <= {c.attribute for part in parts for c in part}
            for parts in spellings
        )
        self.largest += largest.attribute in data.causes and largest.value == "true"


def count_planted(
    name: str, make: Callable[[], Data], runs: int, rows: int, rules: TailRules
) -> Planted:
    """Asks about data sets with a cause, with ten draws of costs for each of attributes."""
    count = Planted(name, rows)
    for number in range(0, runs, DRAWS):
        data = make()
        population = data.population(data.sessions)
        for _ in range(min(DRAWS, runs - number)):
            cost = data.redraw()
            tail = top(cost, data.share)
            said = different(replace(population, amounts=cost), pl.Series(tail), rules)
            count.add(said, largest_of(population, tail)[0], data)
    return count


def planted_cases(rng: Rng, rows: int) -> Iterator[tuple[str, int, Callable[[], Data]]]:
    """What is planted, in how many requests, and how."""
    tail = TAILS[0]
    yield "3 %", rows, lambda: with_cause(alone(rng, rows, tail), rng, 0.03)
    yield "3 %, σ 1.8", rows, lambda: with_cause(alone(rng, rows, tail, 1.8), rng, 0.03)
    for times in (1, 2, 4):
        n = rows * times
        yield "0.5 %", n, lambda n=n: with_cause(alone(rng, n, tail), rng, 0.005)
    yield "pair, 1 %", rows, lambda: with_pair(alone(rng, rows, tail), rng, 0.01)
    yield "3 % with decoy", rows, lambda: with_decoy(alone(rng, rows, tail), rng, 0.03)
    for times in (1, 2, 4):
        n = rows * times
        yield "3 % of sessions", n, lambda n=n: with_cause(in_sessions(rng, n, tail), rng, 0.03)


def print_null(console: Console, rows: list[tuple[str, Null]], size: int) -> None:
    """A row per kind of null data."""
    table = Table(title=f"no cause: false findings, {size:,} requests per set")
    for name in ("", "sets", "tested", "findings", "per set", "≤ (95 %)", "sets with any ≤"):
        table.add_column(name, justify="right")
    table.add_column("naive, per set", justify="right")
    table.add_column("largest difference", justify="right")
    for name, null in rows:
        table.add_row(
            name,
            f"{null.sets:,}",
            f"{null.tested / null.sets:.0f}",
            str(null.findings),
            f"{null.findings / null.sets:.4f}",
            f"{null.bound():.4f}",
            f"{null.bound_of_sets():.4f}",
            f"{null.naive / null.sets:.2f}" if name == "sessions" else "",
            f"{np.median(null.points):.1f} points",
        )
    console.print(table)


def print_planted(console: Console, counts: list[Planted]) -> None:
    """A row per planted cause."""
    table = Table(title=f"a cause that costs {FACTOR:g} times as much, tail of 1 %")
    columns = ("planted", "requests", "runs", "told first", "told", "others per run", "same rows")
    for name in (*columns, "largest difference first"):
        table.add_column(name, justify="right")
    for each in counts:
        table.add_row(
            each.name,
            f"{each.rows:,}",
            str(each.runs),
            f"{each.first / each.runs:.1%}",
            f"{each.found / each.runs:.1%}",
            f"{each.others / each.runs:.2f}",
            f"{each.same_rows / each.runs:.1%}" if "decoy" in each.name else "",
            f"{each.largest / each.runs:.1%}",
        )
    console.print(table)


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--sets", type=int, default=2_000, help="null data sets of each kind")
    parser.add_argument("--runs", type=int, default=200, help="data sets with each cause")
    parser.add_argument("--rows", type=int, default=5_000, help="requests in each")
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    console, rules, rng = Console(), load().tail, np.random.default_rng(asked.seed)
    begun = time.perf_counter()
    makers = {"requests": alone, "sessions": in_sessions}
    nulls = [
        (name, count_null(make, rng, asked.sets, asked.rows, rules))
        for name, make in makers.items()
    ]
    print_null(console, nulls, asked.rows)
    counts = [
        count_planted(name, make, asked.runs, rows, rules)
        for name, rows, make in planted_cases(rng, asked.rows)
    ]
    print_planted(console, counts)
    console.print(f"{time.perf_counter() - begun:.0f} s, seed {asked.seed}")


if __name__ == "__main__":
    main()
