"""`tracelens export`: write the store as a DuckDB file, as Parquet files, or as OTLP."""

from __future__ import annotations

from pathlib import Path

import click

from tracelens.api import TraceLens
from tracelens.cli.options import narrate, quiet_option, store_option
from tracelens.errors import ExitCode, UsageError

EPILOG = """\b
Examples:
  tracelens export --duckdb incident.duckdb
  duckdb incident.duckdb "select stage, count(*) from requests where failed group by stage"
  tracelens export --parquet ./tables --otlp spans.jsonl
"""

FILE = click.Path(path_type=Path, dir_okay=False)


@click.command("export", epilog=EPILOG)
@store_option
@click.option("--duckdb", type=FILE, help="One DuckDB file, with a sentence on every column.")
@click.option(
    "--parquet", type=click.Path(path_type=Path, file_okay=False), help="A folder, a file per view."
)
@click.option("--otlp", type=FILE, help="The spans as OTLP/JSON lines.")
@click.option("--overwrite", is_flag=True, help="Replace what is there.")
@quiet_option
def command(
    store: Path,
    duckdb: Path | None,
    parquet: Path | None,
    otlp: Path | None,
    overwrite: bool,
    quiet: bool,
) -> int:
    """Write everything in the store in a form that other tools open."""
    if not (duckdb or parquet or otlp):
        raise UsageError("say what to write: --duckdb FILE, --parquet FOLDER or --otlp FILE")
    with TraceLens(store) as lens:
        if duckdb:
            lens.export_duckdb(duckdb, overwrite=overwrite)
            narrate(f"wrote {duckdb}", quiet=quiet)
        if parquet:
            lens.export_parquet(parquet, overwrite=overwrite)
            narrate(f"wrote the views to {parquet}", quiet=quiet)
        if otlp:
            count = lens.export_otlp(otlp, overwrite=overwrite)
            narrate(f"wrote {count:,} spans to {otlp}", quiet=quiet)
    return ExitCode.DONE
