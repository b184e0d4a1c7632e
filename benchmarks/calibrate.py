"""Counts how often verdicts on injected faults are right, and writes the policy's confidence.

usage: python -m benchmarks.calibrate [--seeds N ...] [--cases 2000] [--write] [--keep FILE]

Requests with known causes come from the fault injector, dev split, with seeds that nobody developed
rules against. Each that tracelens calls failed and for which it has a stage to name is a case; it
is right when that stage is the label, wrong when it is another or when the request had not failed.
What is fitted are counts per group of findings that are alike (`tracelens.locate.confidence`). The
figures are cross-validated: over seeds, and over dialects, each left out once, because a new
emitter is what confidence will be asked about. Bins of ECE are ten of equal mass.
"""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

import numpy as np
import polars as pl
from rich.console import Console

from benchmarks.emitters import Count
from benchmarks.inject.cases import Case
from benchmarks.localise import (
    calibration_of,
    chosen,
    generate,
    grouped_by_policy,
    load,
    match,
    print_reliability,
)
from tracelens import policy as rules
from tracelens.checks import run_checks
from tracelens.locate.confidence import CELL, leading, with_confidence
from tracelens.locate.judge import judge_requests, rank_findings
from tracelens.locate.shape import with_shapes
from tracelens.policy import Cell, Confidence
from tracelens.requests import SPAN_COLUMNS, collect_facts
from tracelens.store import Store

#: Rules were developed against seeds 1 and 2.
SEEDS = (21, 22, 23, 24, 25, 26, 27, 28)
PARENTS = (0.0, 5.0, 10.0, 20.0, 50.0)
FLOORS = (0.5, 0.6, 0.7, 0.8)
POLICY = Path(rules.__file__).with_name("default.toml")
ROWS = re.compile(r"^cells = \[\n.*?^\]\n", re.MULTILINE | re.DOTALL)
KEYS = ("check", "weight", "score", "contested")


@dataclass
class Judged:
    """Leading findings by request id, and the rows that the benchmark matches with cases."""

    leads: pl.DataFrame
    rows: list[dict[str, object]]


def labelled(seed: int, count: int, split: str = "dev") -> pl.DataFrame:
    """Leading findings of failed requests with `right`, `seed` and `dialect`."""
    dialects = chosen(split, [])
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        bench = generate(folder, seed, count, split, dialects)
        stores = [
            judged(load(folder, number, policy, names, bench, "--spans-only"), policy)
            for number, (policy, names) in enumerate(grouped_by_policy(bench, dialects).items())
        ]
    answers = match(bench, [row for store in stores for row in store.rows])
    known = pl.DataFrame(
        [
            {
                "request_id": a.row["request_id"],
                "dialect": a.case.dialect,
                "labels": _labels(a.case),
            }
            for a in answers
            if a.row and a.failed
        ],
        schema={"request_id": pl.String, "dialect": pl.String, "labels": pl.List(pl.String)},
    )
    leads = pl.concat(store.leads for store in stores).join(known, on="request_id")
    return leads.with_columns(
        seed=pl.lit(seed), right=pl.col("labels").list.contains(pl.col("stage")).cast(pl.Int64)
    )


def _labels(case: Case) -> list[str]:
    return list(case.truth.stages) if case.truth and case.failed else []


def judged(path: Path, policy: str | None) -> Judged:
    """The leading findings of all requests of a store, and the requests."""
    store = Store.open(path)
    try:
        traces = store.query("select distinct trace_id from spans")["trace_id"].to_list()
        with store.writer() as writer:
            spans = writer.spans_of(traces, SPAN_COLUMNS)
    finally:
        store.close()
    file = path.with_suffix(".toml") if policy else None
    facts = collect_facts(spans, rules.load(file))
    findings = run_checks(facts)
    leads = leading(rank_findings(findings)).filter(pl.col("stage") != "undetermined")
    wanted = ["request_id", "request_span_id", "span_ids", "failed", "stage", "candidates"]
    shaped = replace(facts, requests=with_shapes(facts, findings))
    rows = judge_requests(shaped, findings, "").select(wanted).to_dicts()
    named = leads.join(facts.requests.select("request", "request_id"), on="request")
    return Judged(named.select("request_id", "stage", *KEYS), rows)


def cells_of(cases: pl.DataFrame) -> tuple[Cell, ...]:
    """The counts of each group of cases that are alike, in order of their names."""
    counts = cases.group_by(KEYS).agg(pl.col("right").sum(), of=pl.len().cast(pl.Int64))
    return tuple(Cell(**row) for row in counts.sort(KEYS).select(list(CELL)).to_dicts())


def left_out(cases: pl.DataFrame, by: str, parent: float) -> pl.DataFrame:
    """Cases with the confidence that they get from those of all other seeds, or dialects."""
    parts = []
    for value in cases[by].unique().sort():
        known = Confidence(parent, cells_of(cases.filter(pl.col(by) != value)))
        parts.append(with_confidence(cases.filter(pl.col(by) == value), known))
    return pl.concat(parts)


def pairs_of(cases: pl.DataFrame) -> list[tuple[float, float]]:
    """Confidence and whether it was right, of each case."""
    return list(cases.select("confidence", pl.col("right").cast(pl.Float64)).iter_rows())


def log_loss(pairs: Sequence[tuple[float, float]]) -> float:
    """The mean negative log likelihood, natural logarithm."""
    p, hit = np.array(pairs).T
    return float(-(hit * np.log(p) + (1 - hit) * np.log(1 - p)).mean())


def rows_text(cells: Sequence[Cell]) -> str:
    """The list `cells` as TOML, one line each."""
    lines = [
        f'  {{ check = "{c.check}", weight = "{c.weight}", score = {c.score}, '
        f"contested = {str(c.contested).lower()}, right = {c.right}, of = {c.of} }},\n"
        for c in cells
    ]
    return f"cells = [\n{''.join(lines)}]\n"


def write_rows(file: Path, cells: Sequence[Cell]) -> None:
    """Put the counts into a policy file that has a list `cells`."""
    text, found = ROWS.subn(lambda _: rows_text(cells), file.read_text("utf-8"))
    if found != 1:
        raise SystemExit(f"{file}: no list `cells` to replace")
    file.write_text(text, "utf-8")


def report(cases: pl.DataFrame, console: Console) -> None:
    """Data, cross-validated figures for each weight of the wider group, reliability, floors."""
    right = Count(int(cases["right"].sum()), cases.height)
    console.print(f"{cases.height} cases; the first candidate is right in {right}")
    for seed, part in cases.sort("seed").group_by("seed", maintain_order=True):
        console.print(f"  seed {seed[0]}: {Count(int(part['right'].sum()), part.height)}")
    for by, parent in product(("seed", "dialect"), PARENTS):
        pairs = pairs_of(left_out(cases, by, parent))
        told = calibration_of(pairs)
        console.print(
            f"each {by} left out once, parent = {parent:g}: Brier {told['brier']:.4f}, "
            f"ECE {told['ece']:.4f}, log loss {log_loss(pairs):.4f}"
        )
    parent = rules.load().confidence.parent
    unseen = left_out(cases, "dialect", parent)
    print_reliability(pairs_of(unseen), f"Reliability, each dialect left out, {parent:g}", console)
    for line in _floors(unseen):
        console.print(line)


def _floors(cases: pl.DataFrame) -> Iterator[str]:
    for floor in FLOORS:
        named = cases.filter(pl.col("confidence") >= floor)
        right = Count(int(named["right"].sum()), named.height)
        yield f"floor {floor}: named {named.height / cases.height:.3f}, right when named {right}"


def simulated(seeds: Sequence[int], count: int) -> pl.DataFrame:
    """The labelled cases of some seeds."""
    parts = []
    for seed in seeds:
        print(f"seed {seed}: simulating and judging {count} cases", file=sys.stderr)
        parts.append(labelled(seed, count))
    return pl.concat(parts)


def main(arguments: Sequence[str] | None = None) -> None:
    """Generate, judge, count and report as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seeds", type=int, nargs="+", default=list(SEEDS))
    parser.add_argument("--cases", type=int, default=2000, help="for each seed")
    parser.add_argument("--write", action="store_true", help="put the counts into the policy")
    parser.add_argument(
        "--keep", type=Path, metavar="FILE.parquet", help="keep the cases there, or use those"
    )
    given = parser.parse_args(arguments)
    if given.keep and given.keep.exists():
        cases = pl.read_parquet(given.keep)
    else:
        cases = simulated(given.seeds, given.cases)
    if given.keep:
        cases.write_parquet(given.keep)
    console = Console(width=120, highlight=False)
    report(cases, console)
    if given.write:
        write_rows(POLICY, cells_of(cases))
        console.print(f"wrote {len(cells_of(cases))} rows")
    else:
        console.print(rows_text(cells_of(cases)), markup=False, soft_wrap=True)


if __name__ == "__main__":
    main()
