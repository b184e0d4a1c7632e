"""`tracelens schema`: every view and column with its sentence."""

from __future__ import annotations

import tempfile
from pathlib import Path

import click
import polars as pl

from tracelens.api import TraceLens
from tracelens.cli.options import chosen_format, format_option, print_records, print_rich
from tracelens.errors import ExitCode
from tracelens.show.text import frame_table
from tracelens.store import Store

EPILOG = """\b
Examples:
  tracelens schema
  tracelens schema requests
"""


@click.command("schema", epilog=EPILOG)
@click.argument("view", required=False)
@format_option()
def command(view: str | None, shape: str | None) -> int:
    """Describe the views that `tracelens sql` can ask, and their columns."""
    described = describe_views()
    if view is not None:
        names = described["view"].unique().sort().to_list()
        if view not in names:
            raise click.UsageError(f"there is no view {view!r}; there are {', '.join(names)}")
        described = described.filter(pl.col("view") == view)
    shape = chosen_format(shape)
    if shape == "table":
        print_rich(frame_table(described.columns, described.rows()))
    else:
        print_records(described.rows(named=True), shape)
    return ExitCode.DONE


def describe_views() -> pl.DataFrame:
    """`view, column, type, sentence` of every view and column; needs no store of the user's."""
    with tempfile.TemporaryDirectory() as folder:
        Store.open(Path(folder) / "store", create=True).close()
        with TraceLens(Path(folder) / "store") as lens:
            return lens.schema()
