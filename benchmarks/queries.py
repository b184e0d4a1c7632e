"""Times every figure of the tail page over a store of made-up requests, cold and warm.

usage: python -m benchmarks.queries [--store FOLDER] [--requests 1000000] [--tries 5] [--figures]

Without a store it makes one (`benchmarks.made_requests`) in a temporary folder. *Cold* is the first
question of a process: it reads the columns from the segments (their pages are in the file cache of
the system, imports are done before). Warm are further questions of the same process about the same
version: the *first* with its filters, and the same *again*, of which the median counts: what is
different and the what-if then know their requests, everything else is made anew. CPU time is of all
threads, and tells more on a busy machine. Beside it stands what plain Polars and DuckDB take that
read the same segments for the same figures (headline, groups, concentration and trend, without
intervals, heat map, curves and exemplars).
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import scipy.stats  # noqa: F401 - imports are not what is timed
from rich.console import Console
from rich.table import Table

from benchmarks.made_requests import fill
from tracelens.analyse import Filters
from tracelens.analyse.tails import grouped, selected, shape, tail
from tracelens.analyse.tails.values import Tail
from tracelens.analyse.what_if import answer, make_rules, source
from tracelens.api import TraceLens
from tracelens.policy import load
from tracelens.store import Store

#: Questions of a warm process: metric, grouping and filters change as a reader changes them.
QUESTIONS: dict[str, dict[str, Any]] = {
    "cost": {},
    "cost, last 7 days": {"period": "7d"},
    "cost of audio": {"filters": Filters(inputs="audio")},
    "cost by service, 5 %": {"by": "service", "top": 0.05},
    "cost by stage": {"by": "stage"},
    "cost by user": {"by": "user"},
    "latency": {"metric": "latency"},
    "latency, last 7 days": {"metric": "latency", "period": "7d"},
}
POLICY = load()
#: What is tried: half a minute of audio at most, the rest cut off.
CAP = make_rules({"cap": [{"size": "audio_seconds", "max": 30, "how": "truncate"}]}, POLICY)
#: Functions that make one figure each, with the module that calls them.
FIGURES = {
    "columns": (tail, "read_requests"),
    "order and tail": (tail, "choose"),
    "all": (tail, "group_all"),
    "groups": (tail, "group_by"),
    "cards": (tail, "_figures"),
    "concentration, CCDF": (tail, "curves"),
    "trend": (tail, "trend"),
    "heat map": (tail, "heat"),
    "contributions": (tail, "contributions"),
    "payers": (tail, "payers"),
    "exemplars": (tail, "exemplars"),
    "comparison": (selected, "Comparison"),
    "what is different": (selected.Comparison, "select"),
    "what-if: requests": (source, "read_baseline"),
    "what-if: a cap": (answer, "what_if"),
}


@dataclass
class Spent:
    """Wall and CPU time in ms."""

    wall: float = 0.0
    cpu: float = 0.0


@contextmanager
def timed(spent: Spent) -> Iterator[None]:
    """Add what passes."""
    wall, cpu = time.perf_counter(), time.process_time()
    try:
        yield
    finally:
        spent.wall += (time.perf_counter() - wall) * 1e3
        spent.cpu += (time.process_time() - cpu) * 1e3


def ask(lens: TraceLens, **question: Any) -> Spent:
    """One question: the tail, what is different about it, and what a cap would change."""
    spent = Spent()
    with timed(spent):
        figures(lens, **question)
    return spent


def figures(lens: TraceLens, **question: Any) -> Tail:
    """Every figure of the page."""
    found = lens.tail(**question)
    filters = question.get("filters") or Filters()
    if found.begin is not None:
        filters = replace(filters, since=datetime.fromtimestamp(found.begin / 1e9, UTC))
    lens.what_if(CAP, filters)
    return found


def median(tries: list[Spent]) -> Spent:
    """The median of each kind of time."""
    return Spent(
        statistics.median(each.wall for each in tries),
        statistics.median(each.cpu for each in tries),
    )


@contextmanager
def watched(parts: dict[str, Spent]) -> Iterator[None]:
    """Time each figure on its own; the sum is a little more than without."""
    kept = {name: getattr(*where) for name, where in FIGURES.items()}

    def watch(name: str, make: Callable[..., Any]) -> Callable[..., Any]:
        def watching(*args: Any, **options: Any) -> Any:
            with timed(parts.setdefault(name, Spent())):
                return make(*args, **options)

        return watching

    for name, (module, function) in FIGURES.items():
        setattr(module, function, watch(name, kept[name]))
    try:
        yield
    finally:
        for name, (module, function) in FIGURES.items():
            setattr(module, function, kept[name])


def plain_polars(files: list[Path]) -> Any:
    """Some of the same figures, as one writes them with Polars."""
    stages = ("transcription", "reasoning", "synthesis")
    rows = (
        pl.scan_parquet(files)
        .select(
            "cost_usd",
            "start_unix_nano",
            pl.col("input_modalities").list.join("+").alias("inputs"),
            *(pl.col("cost_by_stage").struct.field(stage) for stage in stages),
        )
        .drop_nulls("cost_usd")
        .sort("cost_usd", descending=True)
        .collect()
    )
    count = -(-rows.height // 100)
    quantiles = [
        pl.col("cost_usd").quantile(p, "linear").alias(str(p)) for p in grouped.QUANTILES.values()
    ]
    day = pl.col("start_unix_nano") // (86_400 * 10**9)
    return (
        rows["cost_usd"].head(count).sum() / rows["cost_usd"].sum(),
        rows.group_by("inputs").agg(pl.len(), pl.col("cost_usd").sum(), *quantiles),
        rows["cost_usd"].cum_sum().gather_every(max(rows.height // shape.CURVE_POINTS, 1)),
        rows.group_by(day.alias("day")).agg(pl.col("cost_usd", *stages).sum(), *quantiles),
    )


def plain_duckdb(files: list[Path]) -> Any:
    """Some of the same figures, as one writes them in SQL."""
    con = duckdb.connect()
    con.execute(
        "create temp table rows as select cost_usd, start_unix_nano, cost_by_stage,"
        " array_to_string(input_modalities, '+') as inputs"
        f" from read_parquet({[str(each) for each in files]}) where cost_usd is not null"
    )
    p = list(grouped.QUANTILES.values())
    return [
        con.sql(sql).fetchall()
        for sql in (
            f"select inputs, count(*), sum(cost_usd), quantile_cont(cost_usd, {p})"
            " from rows group by 1",
            f"select quantile_cont(cost_usd, {p}) from rows",
            "with ranked as (select cost_usd, row_number() over (order by cost_usd desc) as place,"
            " count(*) over () as n, sum(cost_usd) over (order by cost_usd desc) as running"
            " from rows) select place, running from ranked where place % (n // 200 + 1) = 0",
            "select start_unix_nano // 86400000000000, sum(cost_usd), sum(cost_by_stage.reasoning),"
            " sum(cost_by_stage.synthesis), quantile_cont(cost_usd, [0.5, 0.99])"
            " from rows group by 1",
        )
    ]


def measure(folder: Path, tries: int, console: Console, *, each_figure: bool) -> None:
    """Print a table for a store."""
    lens = TraceLens(folder)
    cold, parts = Spent(), {}
    with timed(cold), watched(parts):
        rows = figures(lens).n
    table = Table(title=f"\n{rows:,} requests with a known cost", title_justify="left", box=None)
    for name in ("", "ms", "CPU ms"):
        table.add_column(name, justify="right" if name else "left")

    def add(name: str, spent: Spent) -> None:
        table.add_row(name, f"{spent.wall:,.0f}", f"{spent.cpu:,.0f}")

    add("cold: cost", cold)
    if each_figure:
        for name, spent in parts.items():
            add(f"   {name}", spent)
    for name, question in QUESTIONS.items():
        add(f"first: {name}", ask(lens, **question))
        add(f"again: {name}", median([ask(lens, **question) for _ in range(tries)]))
        if each_figure:
            parts = {}
            with watched(parts):
                ask(lens, **question)
            for part, spent in parts.items():
                add(f"   {part}", spent)
    files = sorted((folder / "segments").glob("requests-*.parquet"))
    for name, plain in (("Polars", plain_polars), ("DuckDB", plain_duckdb)):
        spent = []
        for _ in range(2):
            spent.append(Spent())
            with timed(spent[-1]):
                plain(files)
        add(f"plain {name}, some figures", spent[-1])
    console.print(table)
    store = lens.store()
    held = store._columns.sizes() if store._columns else {}
    kept = store.request_table([])[1].values() if held else []
    columns, made = sum(held.values()) / max(rows, 1), _bytes(kept) / max(rows, 1)
    console.print(f"\nbytes per request: columns {columns:.0f}, orders and codes {made:.0f}")
    lens.close()


def _bytes(kept: Any) -> int:
    """Bytes of arrays, alone or in what holds them."""
    total = 0
    for each in kept:
        if hasattr(each, "nbytes"):
            total += each.nbytes
        elif isinstance(each, tuple):
            total += _bytes(each)
        elif hasattr(each, "codes"):
            total += each.codes.nbytes
    return total


def main() -> None:
    """Make a store where none is given, and time its figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--store", type=Path)
    parser.add_argument("--requests", type=int, default=1_000_000)
    parser.add_argument("--tries", type=int, default=5)
    parser.add_argument("--figures", action="store_true", help="also each figure on its own")
    options = parser.parse_args()
    console = Console()
    if options.store is not None:
        measure(options.store, options.tries, console, each_figure=options.figures)
        return
    with tempfile.TemporaryDirectory() as folder:
        store = Store.open(Path(folder) / "store", create=True)
        fill(store, options.requests, 10)
        store.close()
        measure(Path(folder) / "store", options.tries, console, each_figure=options.figures)


if __name__ == "__main__":
    main()
