"""`tracelens ingest`: load trace dumps into a store."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from tracelens.api import LoadReport, Progress, SourceReport, TraceLens
from tracelens.cli.options import (
    chosen_format,
    format_option,
    narrate,
    policy_option,
    print_rich,
    quiet_option,
    store_option,
)
from tracelens.errors import ExitCode
from tracelens.show.records import to_json
from tracelens.show.text import load_table, plain, unlearned_sentence
from tracelens.show.words import counted

EPILOG = """\b
Examples:
  tracelens ingest traces.jsonl
  tracelens ingest dumps/ more/*.binpb incident.zip --store ./incident
  zcat export.json.gz | tracelens ingest -

Formats are found by looking at the bytes: OTLP as JSON or protobuf in every framing, Jaeger,
Zipkin, Phoenix, Langfuse, and console output of the SDKs; gzip, zstd or zlib around any of them,
and the members of zip and tar archives. Loading the same spans again changes nothing.
"""


@click.command("ingest", epilog=EPILOG)
@click.argument("paths", nargs=-1, required=True, metavar="PATH…")
@store_option
@policy_option
@click.option("--spans-only", is_flag=True, help="Store spans; do not judge requests yet.")
@format_option("table", "json", piped="json")
@quiet_option
def command(
    paths: tuple[str, ...],
    store: Path,
    policy_file: Path | None,
    spans_only: bool,
    shape: str | None,
    quiet: bool,
) -> int:
    """Load trace dumps: files, folders, globs, or - for standard input."""
    with TraceLens(store, policy_file) as lens, _Narrator(quiet) as narrator:
        report = lens.ingest(paths, spans_only=spans_only, progress=narrator.tell)
    _print(report, chosen_format(shape, piped="json"))
    for each in report.unlearned:
        narrate(unlearned_sentence(each), quiet=quiet)
    if any(_lost(each) for each in report.sources):
        return ExitCode.PARTLY_LOADED
    step = "locate" if spans_only else "failures"
    narrate(f"next: tracelens {step} --store {store}", quiet=quiet)
    return ExitCode.DONE


def _lost(source: SourceReport) -> bool:
    """Whether some of an input is not in the store."""
    incomplete = source.status in ("refused", "partly_loaded")
    return incomplete or bool(source.spans_rejected or source.records_rejected)


def _print(report: LoadReport, shape: str) -> None:
    if shape == "json":
        click.echo(to_json(report.as_dict(), indent=2))
    else:
        print_rich(load_table(report.as_dict()))


class _Narrator:
    """Progress on stderr: a bar on a terminal, a plain line now and then elsewhere."""

    def __init__(self, quiet: bool) -> None:
        self.tell: Callable[[Progress], None] | None = None
        self._bar: Bar | None = None
        self._last = time.monotonic()
        if quiet:
            return
        if sys.stderr.isatty():
            self._bar = Bar(
                TextColumn("{task.description}", markup=False),
                BarColumn(),
                DownloadColumn(),
                TextColumn("{task.fields[spans]:,} spans, {task.fields[rate]:,.0f}/s"),
                TimeRemainingColumn(),
                console=Console(stderr=True),
                transient=True,
            )
            self._task = self._bar.add_task("reading", total=None, spans=0, rate=0.0)
            self._begun = time.monotonic()
        self.tell = self._show if self._bar else self._say

    def __enter__(self) -> _Narrator:
        if self._bar:
            self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar:
            self._bar.stop()

    def _show(self, progress: Progress) -> None:
        if self._bar is None:
            return
        seconds = max(time.monotonic() - self._begun, 0.001)
        self._bar.update(
            self._task,
            description=plain(f"{progress.number}/{progress.of} {Path(progress.path).name}")[:40],
            completed=progress.bytes_read,
            total=progress.bytes_total,
            spans=progress.spans,
            rate=progress.spans / seconds,
        )

    def _say(self, progress: Progress) -> None:
        if time.monotonic() - self._last > 5:
            self._last = time.monotonic()
            narrate(
                f"{plain(progress.path)}: {progress.bytes_read:,} bytes,"
                f" {counted(progress.spans, 'span')}"
            )
