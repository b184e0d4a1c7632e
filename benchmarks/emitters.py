"""Judges the verdicts on labelled spans of real emitters, beside five trivial baselines.

usage: python -m benchmarks.emitters LABELLED_FOLDER [--misses]

The folder holds one folder per emitter with OTLP/JSON lines, and `labels.csv` with one row per
request (`request_span_id`, `true_stage`, `boundary`, `failed`, `evidence_visible`, …). Every
emitter gets a store of its own. A stage named on a request that did not fail, or on a failure that
nothing in the spans shows, counts as wrong. The baselines are told which requests failed and only
have to name the stage, which is more than tracelens is told.

Intervals are Wilson score intervals at 95 % (Wilson 1927; Brown, Cai and DasGupta 2001).
"""

from __future__ import annotations

import argparse
import csv
import math
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from tracelens import Filters, TraceLens

Row = Mapping[str, Any]
Z = 1.959964  # two-sided 95 %


@dataclass
class Label:
    """What the injector knows of one request."""

    emitter: str
    file: str
    trace_id: str
    span_ids: set[str]
    fault: str
    failed: bool
    visible: bool
    stages: set[str]  # any of these is right: a lost hand-over may be laid at either side
    boundary: str | None


@dataclass
class Answer:
    """What was said about one labelled request, and the spans that it was said from."""

    label: Label
    found: bool
    failed: bool
    stage: str | None
    boundary: str | None
    verdict: str
    spans: Sequence[Row] = ()

    def named(self) -> bool:
        """Whether a stage was named for a failure."""
        return self.failed and self.stage not in (None, "undetermined")

    def right(self) -> bool:
        """Whether the stage is right."""
        return self.named() and self.stage in self.label.stages


@dataclass
class Count:
    """Hits out of tries."""

    hits: int = 0
    tries: int = 0

    def add(self, hit: bool) -> None:
        """Count one try."""
        self.hits += hit
        self.tries += 1

    def __str__(self) -> str:
        if not self.tries:
            return "-"
        low, high = wilson(self.hits, self.tries)
        return f"{self.hits}/{self.tries} [{low:.2f} {high:.2f}]"


@dataclass
class Score:
    """The counts of one emitter or one fault class."""

    found: Count = field(default_factory=Count)
    stage: Count = field(default_factory=Count)
    boundary: Count = field(default_factory=Count)
    alarm: Count = field(default_factory=Count)
    hidden: Count = field(default_factory=Count)
    baselines: dict[str, Count] = field(default_factory=lambda: defaultdict(Count))


def wilson(hits: int, tries: int) -> tuple[float, float]:
    """The Wilson score interval of a proportion at 95 %."""
    p, n = hits / tries, tries
    centre = (p + Z * Z / (2 * n)) / (1 + Z * Z / n)
    half = Z / (1 + Z * Z / n) * math.sqrt(p * (1 - p) / n + Z * Z / (4 * n * n))
    return max(0.0, centre - half), min(1.0, centre + half)


def read_labels(folder: Path) -> list[Label]:
    """The rows of labels.csv."""
    with (folder / "labels.csv").open(encoding="utf-8", newline="") as file:
        return [_label(row) for row in csv.DictReader(file)]


def _label(row: Mapping[str, str]) -> Label:
    tool = row["true_stage"] == "tool"
    stages = {"reasoning" if tool else row["true_stage"]}
    edge = row["boundary"].replace("audio->", "input->").replace("image->", "input->")
    if edge:
        sides = edge.replace("input->transcription", "transcription->transcription").split("->")
        stages |= set(sides)
    return Label(
        emitter=row["emitter"],
        file=row["file"],
        trace_id=row["trace_id"],
        span_ids={row["request_span_id"], *row["related_span_ids"].replace(";", " ").split()},
        fault=row["injected_fault"],
        failed=row["failed"] == "1",
        visible=row["evidence_visible"] == "1",
        stages=stages,
        boundary="reasoning>tool" if tool else edge.replace("->", ">") or None,
    )


def ask(folder: Path, labels: Sequence[Label]) -> list[Answer]:
    """Load one emitter's files into a store of its own and look each labelled request up."""
    with tempfile.TemporaryDirectory() as temporary, TraceLens(Path(temporary) / "s") as lens:
        lens.ingest(sorted(folder.glob("*.jsonl")))
        requests = lens.requests(Filters(limit=0)).rows(named=True)
        spans = lens.sql("select * from spans", rows=1_000_000).rows(named=True)
    return [_answer(label, requests, spans) for label in labels]


def _answer(label: Label, requests: Sequence[Row], spans: Sequence[Row]) -> Answer:
    """The request that best matches the label: the one that stands for it, else by its spans."""
    near = [r for r in requests if r["trace_id"] == label.trace_id and _overlap(r, label)]
    near.sort(key=lambda r: (r["request_span_id"] in label.span_ids, _overlap(r, label)))
    if not near:
        return Answer(label, False, False, None, None, "not found")
    best = next((r for r in reversed(near) if r["failed"]), near[-1])
    ids = set(best["span_ids"])
    own = [s for s in spans if s["trace_id"] == label.trace_id and s["span_id"] in ids]
    said = (bool(best["failed"]), best["stage"], best["boundary"], str(best["verdict"]))
    return Answer(label, True, *said, own)


def _overlap(request: Row, label: Label) -> int:
    return len(label.span_ids & {request["request_span_id"], *request["span_ids"]})


def staged(spans: Sequence[Row]) -> list[tuple[Row, str, int]]:
    """Each span with the stage that it or the nearest span above it has, and its depth."""
    by_id = {span["span_id"]: span for span in spans}
    found = []
    for span in spans:
        above: Row | None = span
        stage, depth = None, 0
        while above is not None and depth < 100:
            stage = stage or above["stage"]
            above = by_id.get(above["parent_span_id"])
            depth += 1
        found.append((span, {"tool": "reasoning"}.get(stage or "", stage or ""), depth))
    return found


def _first(
    spans: Iterable[tuple[Row, str, int]], key: Callable[[tuple[Row, str, int]], Any]
) -> str:
    return min(spans, key=key, default=(None, "", 0))[1]


def baselines(spans: Sequence[Row], majority: str) -> dict[str, str]:
    """The stage that each trivial rule would name; empty when it names none."""
    every = staged(spans)
    errors = [each for each in every if each[0]["status_code"] == 2 and each[1]]
    inner = [each for each in every if each[2] > 1 and each[1]]
    return {
        "first error": _first(errors, lambda e: e[0]["start_unix_nano"]),
        "deepest error": _first(errors, lambda e: -e[2]),
        "last error": _first(errors, lambda e: -e[0]["start_unix_nano"]),
        "longest span": _first(inner, lambda e: -(e[0]["duration_ms"] or 0)),
        "majority": majority,
    }


def add(score: Score, answer: Answer, majority: str) -> None:
    """Count one answer."""
    label = answer.label
    score.found.add(answer.found)
    if not label.failed:
        score.alarm.add(answer.failed)
    elif not label.visible:
        score.hidden.add(answer.named())
    else:
        score.stage.add(answer.right())
        if label.boundary:
            score.boundary.add(answer.boundary == label.boundary)
        for name, stage in baselines(answer.spans, majority).items():
            score.baselines[name].add(stage in label.stages)


def print_scores(title: str, scores: Mapping[str, Score], console: Console) -> None:
    """One line per emitter or fault class, the baselines beside."""
    names = ("first error", "deepest error", "last error", "longest span", "majority")
    table = Table(title=title, title_justify="left", box=None, pad_edge=False, header_style="dim")
    table.add_column("")
    heads = ("found", "stage right", "boundary right", "false alarms", "named, nothing shows")
    for name in (*heads, *names):
        table.add_column(name, justify="right", no_wrap=True)
    for key, score in scores.items():
        cells = (score.found, score.stage, score.boundary, score.alarm, score.hidden)
        table.add_row(key, *map(str, cells), *(str(score.baselines[name]) for name in names))
    console.print(table)


def main() -> None:
    """Score every emitter of a labelled folder."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--misses", action="store_true", help="list what was missed, and why")
    given = parser.parse_args()
    labels = read_labels(given.folder)
    failing = [sorted(each.stages)[0] for each in labels if each.failed and len(each.stages) == 1]
    majority = max(sorted(set(failing)), key=failing.count, default="")
    by_emitter: dict[str, Score] = defaultdict(Score)
    by_fault: dict[str, Score] = defaultdict(Score)
    console = Console(width=240, highlight=False)
    for emitter in sorted({each.emitter for each in labels}):
        mine = [each for each in labels if each.emitter == emitter]
        for answer in ask(given.folder / emitter, mine):
            for score in (by_emitter[emitter], by_emitter["all"], by_fault[answer.label.fault]):
                add(score, answer, majority)
            if given.misses:
                _tell(answer, console)
    ordered = sorted(by_emitter.items(), key=lambda each: (each[0] == "all", each[0]))
    print_scores("By emitter", dict(ordered), console)
    print_scores("\nBy injected fault", dict(sorted(by_fault.items())), console)


def _tell(answer: Answer, console: Console) -> None:
    label = answer.label
    wrong = answer.failed if not label.failed else not answer.right()
    if wrong and (label.visible or answer.named()):
        want = "/".join(sorted(label.stages)) if label.failed else "not failed"
        console.print(f"{label.file} {label.fault}: is {want}; said {answer.verdict}", markup=False)


if __name__ == "__main__":
    main()
