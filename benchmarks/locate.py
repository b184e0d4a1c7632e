"""Times judging stored spans beside reading them, each in a process of its own.

usage: python -m benchmarks.locate [--spans 1000000] [FILE]

Prints CPU seconds, wall seconds and peak memory of `tracelens ingest --spans-only` on generated
OTLP/JSON lines and of `tracelens locate` on what it stored, and the ratio of the CPU seconds: the
verdicts of all requests are to cost less than the spans did.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.generate import lines
from benchmarks.ingest import Cost, size_of


def write_spans(file: Path, spans: int) -> None:
    """Write at least so many generated spans."""
    written = 0
    with file.open("w", encoding="utf-8") as out:
        for text in lines(float("inf"), seed=1):
            out.write(text + "\n")
            written += text.count('"traceId"')
            if written >= spans:
                return


def run(*command: str) -> Cost:
    """Run a command of tracelens in a process of its own."""
    started = time.monotonic()
    child = subprocess.Popen([sys.executable, "-m", "tracelens", *command], stdout=sys.stderr)
    _, status, used = os.wait4(child.pid, 0)
    if status:
        raise SystemExit(f"tracelens {command[0]} failed")
    wall = time.monotonic() - started
    return Cost(used.ru_utime + used.ru_stime, wall, used.ru_maxrss * 1024, 0)


def main() -> None:
    """Generate a file when none is given, read it, judge it, and print what both cost."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("file", type=Path, nargs="?")
    parser.add_argument("--spans", type=int, default=1_000_000)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        file = given.file or Path(temporary) / "traces.jsonl"
        if given.file is None:
            write_spans(file, given.spans)
        store = Path(temporary) / "store"
        costs = {
            "ingest --spans-only": run(
                "ingest", "--quiet", "--spans-only", "--store", str(store), str(file)
            ),
            "locate": run("locate", "--quiet", "--store", str(store)),
        }
        stored = size_of(store)
    console = Console(width=100, highlight=False)
    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in ("", "CPU s", "wall s", "peak MB"):
        table.add_column(name, justify="right" if name else "left")
    for name, cost in costs.items():
        cells = (cost.cpu, cost.wall, cost.memory / 1e6)
        table.add_row(name, *(f"{cell:,.1f}" for cell in cells))
    console.print(table)
    read, judged = costs.values()
    console.print(f"\n{stored / 1e6:,.0f} MB stored; locate / ingest: {judged.cpu / read.cpu:.2f}")


if __name__ == "__main__":
    main()
