"""`tracelens export`: write the store as a DuckDB file, as Parquet files, or as OTLP."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from tracelens.api import Filters, TraceLens
from tracelens.cli.options import condition_options, narrate, quiet_option, store_option
from tracelens.errors import ExitCode, NotFoundError, UsageError
from tracelens.show.words import counted

EPILOG = """\b
Examples:
  tracelens export --duckdb incident.duckdb
  duckdb incident.duckdb "select stage, count(*) from requests where failed group by stage"
  tracelens export --parquet ./tables --otlp spans.jsonl
  tracelens export --otlp failed.jsonl --failed --since 2026-11-20
  tracelens export --otlp one.jsonl --id 0af7651916cd43dd8448eb211c80319c

Filters choose requests; what is written are the traces in which their spans lie.
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
@click.option("--id", "ids", multiple=True, metavar="ID", help="Requests by any id; repeatable.")
@click.option("--failed", is_flag=True, help="Only requests that failed.")
@condition_options
@quiet_option
def command(
    store: Path,
    duckdb: Path | None,
    parquet: Path | None,
    otlp: Path | None,
    overwrite: bool,
    ids: tuple[str, ...],
    failed: bool,
    quiet: bool,
    **conditions: Any,
) -> int:
    """Write the store, or what the filters choose, in a form that other tools open."""
    if not (duckdb or parquet or otlp):
        raise UsageError("say what to write: --duckdb FILE, --parquet FOLDER or --otlp FILE")
    filters = Filters(failed=True if failed else None, limit=0, **conditions)
    with TraceLens(store) as lens:
        traces = _traces(lens, ids, filters)
        if traces is not None:
            verb = "matches" if len(traces) == 1 else "match"
            narrate(f"{counted(len(traces), 'trace')} {verb}", quiet=quiet)
        if duckdb:
            lens.export_duckdb(duckdb, traces=traces, overwrite=overwrite)
            narrate(f"wrote {duckdb}", quiet=quiet)
        if parquet:
            lens.export_parquet(parquet, traces=traces, overwrite=overwrite)
            narrate(f"wrote the views to {parquet}", quiet=quiet)
        if otlp:
            count = lens.export_otlp(otlp, traces=traces, overwrite=overwrite)
            narrate(f"wrote {counted(count, 'span')} to {otlp}", quiet=quiet)
    return ExitCode.DONE


def _traces(lens: TraceLens, ids: tuple[str, ...], filters: Filters) -> list[str] | None:
    """The traces to write; None for all of them. Raises NotFoundError when nothing matches."""
    if ids:
        requests = {request for each in ids for request in _meant(lens, each)}
        filters = replace(filters, request_ids=tuple(requests))
    if filters == Filters(limit=0):
        return None
    traces = lens.traces(filters)
    if not traces:
        raise NotFoundError("no request matches the filters; nothing was written")
    return traces


def _meant(lens: TraceLens, given: str) -> tuple[str, ...]:
    found = lens.resolve(given)
    if found.total > len(found.request_ids):
        raise UsageError(
            f"{given!r} means {found.total:,} requests; name fewer, or use filters like --session"
        )
    return found.request_ids
