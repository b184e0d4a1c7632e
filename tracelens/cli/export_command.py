"""`tracelens export`: write the store as an ordinary DuckDB file."""

from __future__ import annotations

from pathlib import Path

import click

from tracelens.api import TraceLens
from tracelens.cli.options import narrate, quiet_option, store_option
from tracelens.errors import ExitCode

EPILOG = """\b
Examples:
  tracelens export --duckdb incident.duckdb
  duckdb incident.duckdb "select stage, count(*) from requests where failed group by stage"
"""


@click.command("export", epilog=EPILOG)
@store_option
@click.option(
    "--duckdb",
    "file",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    help="File to write.",
)
@click.option("--overwrite", is_flag=True, help="Replace the file when it is there.")
@quiet_option
def command(store: Path, file: Path, overwrite: bool, quiet: bool) -> int:
    """Write everything in the store to one DuckDB file, with a sentence on every column."""
    with TraceLens(store) as lens:
        lens.export_duckdb(file, overwrite=overwrite)
    narrate(f"wrote {file}", quiet=quiet)
    return ExitCode.DONE
