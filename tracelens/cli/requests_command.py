"""`tracelens requests`: one row per request."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from tracelens.api import Filters, TraceLens
from tracelens.cli.options import (
    chosen_format,
    filter_options,
    format_option,
    narrate,
    print_records,
    print_rich,
    quiet_option,
    store_option,
)
from tracelens.errors import ExitCode
from tracelens.show.records import record_names, request_records
from tracelens.show.text import TABLE_COLUMNS, requests_table, stale_sentence

EPILOG = """\b
Examples:
  tracelens requests
  tracelens requests --service voice-agent --since 2026-11-01 --format csv > requests.csv
  tracelens requests --where "duration_ms > 5000 and failed is not true" --sort -duration_ms
"""


@click.command("requests", epilog=EPILOG)
@store_option
@filter_options
@format_option()
@quiet_option
def command(store: Path, shape: str | None, quiet: bool, **filters: Any) -> int:
    """List requests, most recent first: what failed, where and why."""
    list_requests(store, Filters(**filters), shape, quiet)
    return ExitCode.DONE


def list_requests(store: Path, filters: Filters, shape: str | None, quiet: bool) -> None:
    """Print the requests that pass the filters, and say so when there are none or more."""
    shape = chosen_format(shape)
    with TraceLens(store) as lens:
        rows = lens.requests(filters, TABLE_COLUMNS if shape == "table" else ())
        unknown = lens.count_unknown(filters) if filters.failed else 0
    records = request_records(rows)
    if shape == "table":
        if records:
            print_rich(requests_table(records))
    else:
        print_records(records, shape, record_names(rows))
    kind = "failures" if filters.failed else "requests"
    if not records:
        narrate(f"no {kind} match", quiet=quiet)
    elif filters.limit and len(records) == filters.limit:
        narrate(f"the first {filters.limit}; --limit 0 lists all", quiet=quiet)
    say_unknown(unknown, filters, quiet)
    if stale := sum(record["stale"] for record in records):
        narrate(stale_sentence(stale), quiet=quiet)


def say_unknown(unknown: int, filters: Filters, quiet: bool) -> None:
    """Say how many requests are not listed because nobody can tell whether they failed."""
    if unknown and not filters.include_unknown:
        narrate(
            f"of {unknown} more it cannot be told; --include-unknown lists them",
            quiet=quiet,
        )
