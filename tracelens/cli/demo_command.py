"""`tracelens demo`: the whole way on the sample traces, from dump to verdict."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from pathlib import Path

import click
import polars as pl

from tracelens.api import Filters, TraceLens, find_samples
from tracelens.cli.options import narrate, print_rich, quiet_option
from tracelens.errors import ExitCode, UsageError
from tracelens.show.records import request_records
from tracelens.show.text import explanation_text, frame_table, load_sentence, requests_table

EPILOG = """\b
Examples:
  tracelens demo
  tracelens demo --keep ./demo-store
"""

#: Shown in full, because nothing in its spans is red.
EXPLAINED = "transcription>reasoning"


@click.command("demo", epilog=EPILOG)
@click.option(
    "--keep",
    type=click.Path(path_type=Path, file_okay=False),
    help="Keep the store in this folder.",
)
@quiet_option
def command(keep: Path | None, quiet: bool) -> int:
    """Load the sample traces, show what failed by stage, and explain one request."""
    samples = find_samples()
    with ExitStack() as stack:
        store = keep or Path(stack.enter_context(tempfile.TemporaryDirectory())) / "store"
        if store.exists() and any(store.iterdir()) and not (store / "log.sqlite").exists():
            raise UsageError(f"{store} holds other files: name a new folder for --keep")
        lens = stack.enter_context(TraceLens(store))
        narrate(f"loading the {len(samples)} sample traces …", quiet=quiet)
        report = lens.ingest(samples)
        click.echo(load_sentence(report.as_dict()) + "\n")
        _show_failures(lens)
        _explain_one(lens)
    _say_next(keep, quiet)
    return ExitCode.DONE


def _show_failures(lens: TraceLens) -> None:
    counted = lens.requests(Filters(limit=0))
    by_stage = (
        counted.filter(pl.col("failed"))
        .group_by("stage", "boundary")
        .agg(pl.len().alias("failed"))
        .sort("failed", "stage", "boundary", descending=[True, False, False])
    )
    failed = int(by_stage["failed"].sum())
    click.echo(f"{failed} of {counted.height} requests failed:")
    print_rich(frame_table(by_stage.columns, by_stage.rows()))
    click.echo("\nThe five latest:")
    print_rich(requests_table(request_records(lens.requests(Filters(failed=True, limit=5)))))


def _explain_one(lens: TraceLens) -> None:
    found = lens.requests(Filters(failed=True, boundary=EXPLAINED, limit=1))
    if found.height:
        request_id = found["request_id"][0]
        click.echo(f"\n$ tracelens explain {request_id[:12]}\n")
        print_rich(explanation_text(lens.explain(request_id)))


def _say_next(keep: Path | None, quiet: bool) -> None:
    if keep:
        narrate(f"\nnext: tracelens failures --store {keep}", quiet=quiet)
    else:
        narrate(
            "\nnext: tracelens ingest YOUR-DUMP, then tracelens failures; --keep DIR keeps this"
            " store",
            quiet=quiet,
        )
