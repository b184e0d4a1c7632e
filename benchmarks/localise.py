"""Breaks simulated assistants in known places and scores the verdicts of the command line on them.

usage: python -m benchmarks.localise [--seed N] [--cases 2000] [--split dev|held] [--misses]

Requests that work are simulated, one fault (now and then two) is put in, the stages after it run
again, and the case is kept only if the user then goes without. The spans are written in the
dialects of several emitters, loaded with `tracelens ingest` and read back with `tracelens
requests`. Handled errors, harmless changes of text, missing content and users who interrupt lie
about as they do in production. The five trivial baselines are told which requests failed and which
stage each span belongs to, fall back to the most frequent class, and may name either side of a lost
hand-over; tracelens is told nothing and has to name the side that the contract names.

Impact validation and distractors follow "Rethinking the Evaluation of Microservice RCA"
(arXiv 2510.04711); intervals are Wilson's; ECE has ten bins of equal mass.
"""

from __future__ import annotations

import argparse
import csv
import json
import math
import random
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.emitters import Count
from benchmarks.inject.cases import Case, Offer, benign_differences, deal, settle
from benchmarks.inject.dialects import all_dialects
from benchmarks.inject.spans import Mark, Pen, export_lines

PLACES = (
    "transcription",
    "hand-over in",
    "reasoning",
    "tool",
    "hand-over out",
    "synthesis",
    "external",
)
STAGES = ("transcription", "reasoning", "synthesis", "external")
EITHER_SIDE = {
    "hand-over in": ("transcription", "reasoning"),
    "hand-over out": ("reasoning", "synthesis"),
}
BASELINES = ("first error", "deepest error", "last error", "longest span", "majority")
BINS = 10


@dataclass
class Bench:
    """Generated cases, the spans of each, and where the files lie."""

    cases: list[Case]
    marks: dict[str, list[Mark]]
    files: dict[str, Path]


@dataclass
class Answer:
    """What tracelens said about a case."""

    case: Case
    row: Mapping[str, Any] | None
    baselines: Mapping[str, str] = field(default_factory=dict)

    @property
    def failed(self) -> bool:
        """Whether the request was called failed."""
        return bool(self.row and self.row["failed"])

    @property
    def stage(self) -> str | None:
        """The stage that was named, None where none was."""
        stage = self.row["stage"] if self.row else None
        return stage if self.failed and stage in STAGES else None

    @property
    def right(self) -> bool:
        """Whether the stage is right."""
        return self.case.truth is not None and self.stage in self.case.truth.stages

    @property
    def score(self) -> float:
        """How sure the verdict is: its confidence, else the score of its first candidate."""
        if self.row is None:
            return 0.0
        if self.row.get("confidence") is not None:
            return float(self.row["confidence"])
        ranked = self.row.get("candidates") or [{}]
        return float(ranked[0].get("score") or 0.0)


# -- generation


def generate(
    folder: Path, seed: int, count: int, split: str, dialects: Mapping[str, ModuleType]
) -> Bench:
    """Write one file of OTLP/JSON lines for each dialect; the same seed writes the same bytes."""
    offers = {name: Offer(m.KINDS, m.SERVED, m.TURNS) for name, m in dialects.items()}
    bench = Bench([], {}, {name: folder / f"{name}.jsonl" for name in dialects})
    lines: dict[str, list[str]] = {name: [] for name in dialects}
    rng = random.Random(f"spans {split} {seed}")
    for name, talk, cases in deal(seed, split, count, offers):
        pen = Pen(talk, rng)
        dialects[name].write(pen)
        for case in cases:
            settle(case, dialects[name].SHOWS, dialects[name].TURNS)
            bench.marks[case.ident] = [mark for mark in pen.marks if mark.case == case.ident]
        bench.cases += cases
        lines[name] += export_lines(pen)
    folder.mkdir(parents=True, exist_ok=True)
    for name, file in bench.files.items():
        file.write_text("".join(f"{line}\n" for line in lines[name]), encoding="utf-8")
    return bench


# -- the command line under test


def ask(folder: Path, bench: Bench, dialects: Mapping[str, ModuleType]) -> list[dict[str, Any]]:
    """Load every file, dialects with a policy into a store of their own, and list all requests."""
    rows: list[dict[str, Any]] = []
    for number, (policy, names) in enumerate(grouped_by_policy(bench, dialects).items()):
        store = load(folder, number, policy, names, bench)
        listed = command("requests", "--store", str(store), "--limit", "0", "--format", "jsonl")
        rows += [json.loads(line) for line in listed.splitlines()]
    return rows


def grouped_by_policy(
    bench: Bench, dialects: Mapping[str, ModuleType]
) -> dict[str | None, list[str]]:
    """The names of dialects by the policy that their users would write."""
    groups: dict[str | None, list[str]] = defaultdict(list)
    for name in bench.files:
        groups[dialects[name].POLICY].append(name)
    return groups


def load(
    folder: Path,
    number: int,
    policy: str | None,
    names: Iterable[str],
    bench: Bench,
    *options: str,
) -> Path:
    """The store into which the files of some dialects were loaded; its policy lies beside it."""
    store = folder / f"store-{number}"
    extra: list[str] = []
    if policy:
        file = store.with_suffix(".toml")
        file.write_text(policy, encoding="utf-8")
        extra = ["--policy", str(file)]
    files = [str(bench.files[name]) for name in names]
    command("ingest", *files, "--store", str(store), "--quiet", *extra, *options)
    return store


def command(*words: str) -> str:
    """The standard output of a tracelens command."""
    done = subprocess.run(
        [sys.executable, "-m", "tracelens", *words], capture_output=True, text=True, check=False
    )
    if done.returncode not in (0, 3):
        raise SystemExit(
            f"tracelens {words[0]} ended with {done.returncode}: {done.stderr[-2000:]}"
        )
    return done.stdout


def match(bench: Bench, rows: Iterable[Mapping[str, Any]]) -> list[Answer]:
    """Each case with the request that shares most spans with it, a failed one before others."""
    by_span: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for row in rows:
        for ident in {row["request_span_id"], *row["span_ids"]}:
            by_span[ident].append(row)
    usual = majority(bench.cases)
    answers = []
    for case in bench.cases:
        marks = bench.marks[case.ident]
        shared: Counter[str] = Counter()
        found: dict[str, Mapping[str, Any]] = {}
        for mark in marks:
            for row in by_span[mark.span["spanId"]]:
                shared[row["request_id"]] += 1
                found[row["request_id"]] = row
        best = max(found, key=lambda i: (bool(found[i]["failed"]), shared[i], i), default=None)
        answers.append(Answer(case, found.get(best or ""), baselines(marks, usual)))
    return answers


# -- trivial baselines, from the spans alone


def majority(cases: Iterable[Case]) -> str:
    """The stage that most visible failures have."""
    stages = Counter(case.truth.stages[0] for case in cases if case.truth and case.visible)
    return stages.most_common(1)[0][0] if stages else "reasoning"


def baselines(marks: Sequence[Mark], usual: str) -> dict[str, str]:
    """The stage that each trivial rule names; `usual` where a rule finds nothing."""
    parents = {mark.span["spanId"]: mark.span.get("parentSpanId", "") for mark in marks}
    staged = [mark for mark in marks if _stage(mark)]
    errors = [mark for mark in staged if mark.error]
    bare = [mark for mark in marks if mark.error and not mark.stage]
    rest = "external" if bare and not errors else usual

    def depth(mark: Mark) -> int:
        ident, steps = mark.span["spanId"], 0
        while ident in parents and steps < 50:
            ident, steps = parents[ident], steps + 1
        return steps

    def pick(among: Sequence[Mark], key: Callable[[Mark], float], fallback: str) -> str:
        return _stage(min(among, key=key)) if among else fallback

    return {
        "first error": pick(errors, _start, rest),
        "deepest error": pick(errors, lambda mark: -depth(mark), rest),
        "last error": pick(errors, lambda mark: -_start(mark), rest),
        "longest span": pick(staged, lambda mark: _start(mark) - _end(mark), usual),
        "majority": usual,
    }


def _stage(mark: Mark) -> str:
    stage = {"tool": "reasoning"}.get(mark.stage, mark.stage)
    return stage if stage in STAGES else ""


def _start(mark: Mark) -> int:
    return int(mark.span["startTimeUnixNano"])


def _end(mark: Mark) -> int:
    return int(mark.span["endTimeUnixNano"])


# -- scores


@dataclass
class Score:
    """Counts over the visible failures of one class."""

    right: Count = field(default_factory=Count)
    named: Count = field(default_factory=Count)
    when_named: Count = field(default_factory=Count)
    boundary: Count = field(default_factory=Count)
    cause: Count = field(default_factory=Count)
    second: Count = field(default_factory=Count)
    baselines: dict[str, Count] = field(default_factory=lambda: defaultdict(Count))
    strict: dict[str, Count] = field(default_factory=lambda: defaultdict(Count))

    def add(self, answer: Answer) -> None:
        """Count one answer."""
        truth, row = answer.case.truth, answer.row
        assert truth is not None
        self.right.add(answer.right)
        self.named.add(answer.stage is not None)
        if answer.stage is not None:
            self.when_named.add(answer.right)
        exact = row is not None and answer.right
        self.boundary.add(exact and row is not None and row["boundary"] in truth.boundaries)
        if truth.causes:
            self.cause.add(exact and row is not None and row["cause"] in truth.causes)
        ranked = (row.get("candidates") or []) if row else []
        self.second.add(any(each["stage"] in truth.stages for each in ranked[:2]) or answer.right)
        allowed = EITHER_SIDE.get(truth.place, truth.stages)
        for name, stage in answer.baselines.items():
            self.baselines[name].add(stage in allowed)
            self.strict[name].add(stage in truth.stages)


def scored(answers: Iterable[Answer], key: Callable[[Answer], str]) -> dict[str, Score]:
    """Scores of the visible failures by some class."""
    scores: dict[str, Score] = defaultdict(Score)
    for answer in answers:
        if answer.case.truth and answer.case.visible:
            scores[key(answer)].add(answer)
    return scores


def share(count: Count) -> float:
    """Hits over tries; not a number when there were none."""
    return count.hits / count.tries if count.tries else math.nan


def macro(scores: Mapping[str, Score], pick: Callable[[Score], Count]) -> float:
    """The mean over classes, each counting alike."""
    shares = [share(pick(score)) for score in scores.values()]
    return sum(shares) / len(shares) if shares else math.nan


def at_coverage(answers: Sequence[Answer], levels: Sequence[float]) -> list[tuple[float, Count]]:
    """Accuracy on the surest part of the visible failures, for each size of that part.

    A level that takes in failures where no stage was named counts those as wrong.
    """
    ranked = [a for a in answers if a.case.truth and a.case.visible]
    ranked.sort(key=lambda a: (a.stage is not None, a.score, a.case.ident), reverse=True)
    parts = []
    for level in levels:
        part = ranked[: round(level * len(ranked))]
        parts.append((level, Count(sum(a.right for a in part), len(part))))
    return parts


def calibration(answers: Sequence[Answer]) -> dict[str, float] | None:
    """Brier score and ECE of the confidence of named stages; None when none carries one."""
    pairs = [
        (float(a.row["confidence"]), float(a.right))
        for a in answers
        if a.row and a.stage and a.row.get("confidence") is not None
    ]
    return calibration_of(pairs) if pairs else None


def suspicions(answers: Sequence[Answer]) -> list[tuple[float, float]]:
    """Confidence and whether the first candidate is right, also where it was too unsure to name."""
    pairs = []
    for answer in answers:
        row, truth = answer.row, answer.case.truth
        if row and answer.failed and row.get("confidence") is not None:
            first = row["candidates"][0]["stage"]
            pairs.append(
                (float(row["confidence"]), float(truth is not None and first in truth.stages))
            )
    return pairs


def calibration_of(pairs: Sequence[tuple[float, float]]) -> dict[str, float]:
    """Brier score and ECE of pairs of a confidence and whether it was right."""
    p, hit = np.array(sorted(pairs)).T
    bins = [part for part in np.array_split(np.arange(len(p)), BINS) if len(part)]
    gaps = [len(part) * abs(p[part].mean() - hit[part].mean()) for part in bins]
    return {
        "n": len(pairs),
        "brier": float(((p - hit) ** 2).mean()),
        "ece": float(sum(gaps) / len(p)),
    }


def cheater(bench: Bench) -> tuple[float, float]:
    """Accuracy of a nearest centroid on sizes, names and durations alone, and of the majority.

    Trained on every other visible failure, tested on the rest. It knows nothing of errors or
    texts: far above the majority would mean that the generator gives labels away.
    """
    cases = [case for case in bench.cases if case.truth and case.visible]
    if len(cases) < 20:
        return math.nan, math.nan
    x = np.array([_features(bench.marks[case.ident]) for case in cases])
    x = (x - x[::2].mean(axis=0)) / (x[::2].std(axis=0) + 1e-9)
    y = np.array([case.truth.place if case.truth else "" for case in cases])
    labels = sorted(set(y[::2]))
    centres = np.array([x[::2][y[::2] == label].mean(axis=0) for label in labels])
    gaps = ((x[1::2, None, :] - centres[None]) ** 2).sum(axis=2)
    guess = np.array(labels)[gaps.argmin(axis=1)]
    usual = Counter(y[::2].tolist()).most_common(1)[0][0]
    return float((guess == y[1::2]).mean()), float((y[1::2] == usual).mean())


def _features(marks: Sequence[Mark]) -> list[float]:
    spans = [mark.span for mark in marks]
    took = [_end(mark) - _start(mark) for mark in marks]
    names = {span["name"] for span in spans}
    letters = sum(len(name) for name in names) / len(names)
    return [
        float(len(spans)),
        float(len(names)),
        letters,
        math.log1p(sum(took)),
        math.log1p(min(took)),
        float(sum(len(span["attributes"]) for span in spans)),
    ]


# -- reports


def print_report(bench: Bench, answers: Sequence[Answer], console: Console) -> None:
    """All tables."""
    places = scored(answers, lambda a: a.case.truth.place if a.case.truth else "")
    ordered = {place: places[place] for place in PLACES if place in places}
    faults = scored(answers, lambda a: a.case.name)
    _scores("Visible failures by place", ordered, console, baselines_too=True)
    _headline(bench, answers, ordered, faults, console)
    single = {name: score for name, score in faults.items() if " + " not in name}
    pairs = scored(
        [a for a in answers if a.case.second], lambda a: f"two faults: first {_place(a)}"
    )
    _scores("By fault", {**dict(sorted(single.items())), **pairs}, console, baselines_too=False)
    dialects = scored(answers, lambda a: a.case.dialect)
    _scores("By dialect", dict(sorted(dialects.items())), console, baselines_too=True)
    if suspected := suspicions(answers):
        print_reliability(suspected, "Reliability of the first candidate", console)
    recorded = scored(answers, _recorded)
    _scores("By what was recorded", dict(sorted(recorded.items())), console, baselines_too=True)
    _working(answers, console)
    _hidden(answers, console)


def _of_baseline(kind: str, name: str, score: Score) -> Count:
    counts: Mapping[str, Count] = getattr(score, kind)
    return counts[name]


def _recorded(answer: Answer) -> str:
    quirks = answer.case.quirks
    text = "some texts" if 0 < len(quirks.hidden) < 3 else "no texts" if quirks.hidden else "texts"
    return f"{text}, no statuses" if quirks.unset else f"{text}, statuses"


def _place(answer: Answer) -> str:
    return answer.case.truth.place if answer.case.truth else ""


def _table(title: str, heads: Sequence[str]) -> Table:
    table = Table(title=title, title_justify="left", box=None, pad_edge=False, header_style="dim")
    table.add_column("")
    for head in heads:
        table.add_column(head, justify="right", no_wrap=True)
    return table


def _scores(
    title: str, scores: Mapping[str, Score], console: Console, *, baselines_too: bool
) -> None:
    heads = ["stage right", "named", "right when named", "boundary", "cause", "in first two"]
    if baselines_too:
        heads += [*BASELINES, "margin"]
    table = _table(f"\n{title}", heads)
    for key, score in scores.items():
        parts = (score.right, score.named, score.when_named)
        cells = [*map(str, parts), *map(_percent, (score.boundary, score.cause, score.second))]
        if baselines_too:
            shares = [share(score.baselines[name]) for name in BASELINES]
            cells += [f"{each:.2f}" for each in shares]
            cells.append(f"{share(score.right) - max(shares):+.2f}")
        table.add_row(key, *cells)
    console.print(table)


def print_reliability(pairs: Sequence[tuple[float, float]], title: str, console: Console) -> None:
    """How often each band of confidence was right, with those below any floor."""
    table = _table(f"\n{title}", ["n", "mean confidence", "right"])
    for low, high in pairwise(BANDS):
        part = [pair for pair in pairs if low <= pair[0] < high]
        if part:
            mean = sum(p for p, _ in part) / len(part)
            count = Count(int(sum(hit for _, hit in part)), len(part))
            table.add_row(
                f"{low:.2f} to {min(high, 1):.2f}", str(len(part)), f"{mean:.3f}", str(count)
            )
    console.print(table)
    told = calibration_of(pairs)
    console.print("Brier {brier:.3f}, ECE {ece:.3f} (n = {n:.0f})".format(**told))


def _percent(count: Count) -> str:
    return f"{share(count):.2f}" if count.tries else "-"


def _headline(
    bench: Bench,
    answers: Sequence[Answer],
    places: Mapping[str, Score],
    faults: Mapping[str, Score],
    console: Console,
) -> None:
    mine = macro(places, lambda s: s.right)
    named = macro(places, lambda s: s.when_named)
    console.print(
        f"\nmacro accuracy over places {mine:.3f}, over faults "
        f"{macro(faults, lambda s: s.right):.3f}; right when named {named:.3f}"
    )
    for rule, kind in (("either side of a hand-over", "baselines"), ("the producer", "strict")):
        tops = {name: macro(places, partial(_of_baseline, kind, name)) for name in BASELINES}
        best = max(tops, key=lambda name: tops[name])
        console.print(
            f"best baseline, if {rule} is right: {best} {tops[best]:.3f}, "
            f"margin {mine - tops[best]:+.3f}"
        )
    swept = ", ".join(f"{level:.0%} {count}" for level, count in at_coverage(answers, LEVELS))
    console.print(f"accuracy at coverage: {swept}")
    measured = calibration(answers)
    if measured:
        console.print(
            "calibration: Brier {brier:.3f}, ECE {ece:.3f} (n = {n:.0f})".format(**measured)
        )
    else:
        console.print("calibration: no verdict carries a confidence")
    guess, usual = cheater(bench)
    console.print(f"cheater on sizes, names and durations {guess:.2f}, majority {usual:.2f}")
    handled, benign = rates(bench)
    console.print(f"cases with handled errors {handled}, with harmless differences {benign}")


#: Bounds of the bands of confidence in the table of reliability.
BANDS = (0.0, 0.1, 0.3, 0.5, 0.7, 0.9, 0.96, 0.99, 1.01)
LEVELS = (0.25, 0.5, 0.75, 0.9, 1.0)


def rates(bench: Bench) -> tuple[Count, Count]:
    """How many cases carry an error that was handled, and harmless differences of text."""
    handled, benign = Count(), Count()
    for case in bench.cases:
        handled.add(any(mark.handled for mark in bench.marks[case.ident]))
        benign.add(benign_differences(case) > 0)
    return handled, benign


def _working(answers: Sequence[Answer], console: Console) -> None:
    """False alarms among requests that served the user."""
    table = _table("\nRequests that worked", ["false alarms", "cannot be told", "not found"])
    groups: dict[str, list[Answer]] = defaultdict(list)
    for answer in answers:
        if not answer.case.failed:
            groups[answer.case.name].append(answer)
            groups["all"].append(answer)
    for name in sorted(groups, key=lambda each: (each == "all", each)):
        part = groups[name]
        alarms = Count(sum(a.failed for a in part), len(part))
        unsure = sum(a.row is not None and a.row["failed"] is None for a in part)
        table.add_row(name, str(alarms), str(unsure), str(sum(a.row is None for a in part)))
    console.print(table)


def _hidden(answers: Sequence[Answer], console: Console) -> None:
    """Failures that the spans do not show: silence is right, a wrong stage is not."""
    table = _table(
        "\nFailures that nothing shows", ["n", "named wrong", "named right", "not named"]
    )
    groups: dict[str, list[Answer]] = defaultdict(list)
    for answer in answers:
        if answer.case.truth and not answer.case.visible:
            groups[_place(answer)].append(answer)
            groups["all"].append(answer)
    for name in sorted(groups, key=lambda each: (each == "all", each)):
        part = groups[name]
        wrong = sum(a.stage is not None and not a.right for a in part)
        right = sum(a.right for a in part)
        cells = (len(part), wrong, right, len(part) - wrong - right)
        table.add_row(name, *map(str, cells))
    console.print(table)


def is_miss(answer: Answer) -> bool:
    """Whether somebody should look at the answer."""
    if not answer.case.failed:
        return answer.failed
    return (
        not answer.right if answer.case.visible else answer.stage is not None and not answer.right
    )


def record(answer: Answer) -> dict[str, Any]:
    """One case flat, for people and spreadsheets."""
    case, row = answer.case, answer.row or {}
    truth = case.truth
    return {
        "case": case.ident,
        "dialect": case.dialect,
        "kind": case.run.plan.kind,
        "fault": case.name,
        "failed": case.failed,
        "visible": case.visible,
        "stage": "/".join(truth.stages) if truth else "",
        "boundary": "/".join(each or "-" for each in truth.boundaries) if truth else "",
        "hidden": " ".join(sorted(case.quirks.hidden)),
        "unset": case.quirks.unset,
        "distractors": " ".join(sorted(case.run.plan.distractors)),
        "said_failed": row.get("failed"),
        "said_stage": row.get("stage"),
        "said_boundary": row.get("boundary"),
        "said_cause": row.get("cause"),
        "score": answer.score,
        "right": answer.right,
        "miss": is_miss(answer),
        "request_id": row.get("request_id"),
        "verdict": row.get("verdict"),
    }


def print_misses(answers: Sequence[Answer], console: Console) -> None:
    """One line for each miss."""
    for answer in sorted(filter(is_miss, answers), key=lambda a: (a.case.name, a.case.dialect)):
        flat = record(answer)
        want = flat["stage"] or "not failed"
        if flat["boundary"] and not answer.case.visible:
            want = f"undetermined (hidden: {want})"
        console.print(
            "{case} {dialect} {kind} | {fault}".format(**flat)
            + f" | is {want} | said {flat['said_stage']} {flat['said_boundary']}"
            + f" {flat['said_cause']} ({flat['request_id']}): {flat['verdict']}",
            markup=False,
            soft_wrap=True,
        )


def dump(file: Path, answers: Sequence[Answer]) -> None:
    """All cases as CSV."""
    rows = [record(answer) for answer in answers]
    with file.open("w", encoding="utf-8", newline="") as out:
        writer = csv.DictWriter(out, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def chosen(split: str, wanted: Sequence[str]) -> dict[str, ModuleType]:
    """The dialects asked for, or all of a split."""
    known = all_dialects()
    unknown = [name for name in wanted if name not in known]
    if unknown:
        raise SystemExit(f"unknown dialect {unknown[0]!r}: known are {', '.join(known)}")
    names = wanted or [name for name, module in known.items() if split in module.SPLITS]
    return {name: known[name] for name in names}


def main(arguments: Sequence[str] | None = None) -> None:
    """Generate, ask and report as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--cases", type=int, default=2000)
    parser.add_argument("--split", choices=["dev", "held"], default="dev")
    parser.add_argument("--dialects", nargs="*", default=[], metavar="NAME")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="keep spans and stores there")
    parser.add_argument("--misses", action="store_true", help="list what was missed")
    parser.add_argument("--dump", type=Path, metavar="FILE.csv", help="write every case to a file")
    given = parser.parse_args(arguments)
    dialects = chosen(given.split, given.dialects)
    with tempfile.TemporaryDirectory() as temporary:
        folder = given.keep or Path(temporary)
        print(f"simulating {given.cases} cases in {len(dialects)} dialects", file=sys.stderr)
        bench = generate(folder, given.seed, given.cases, given.split, dialects)
        print("loading and judging them", file=sys.stderr)
        answers = match(bench, ask(folder, bench, dialects))
    console = Console(width=220, highlight=False)
    print_report(bench, answers, console)
    if given.misses:
        console.print("\nMisses")
        print_misses(answers, console)
    if given.dump:
        dump(given.dump, answers)


if __name__ == "__main__":
    main()
