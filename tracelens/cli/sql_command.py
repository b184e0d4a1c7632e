"""`tracelens sql`: one read-only query over the documented views."""

from __future__ import annotations

from pathlib import Path

import click

from tracelens.api import TraceLens
from tracelens.cli.options import (
    chosen_format,
    format_option,
    narrate,
    policy_option,
    print_records,
    print_rich,
    quiet_option,
    store_option,
)
from tracelens.errors import ExitCode
from tracelens.show.text import frame_table
from tracelens.show.words import counted

EPILOG = """\b
Examples:
  tracelens sql "select stage, cause, count(*) from requests where failed group by all"
  tracelens sql "select name, avg(duration_ms) from spans group by name" --format csv

`tracelens schema` lists the views and their columns. Only reading is possible.
"""


@click.command("sql", epilog=EPILOG)
@click.argument("query")
@store_option
@policy_option
@click.option("--limit", type=click.IntRange(min=1), help="At most this many rows.")
@format_option()
@quiet_option
def command(
    query: str,
    store: Path,
    policy_file: Path | None,
    limit: int | None,
    shape: str | None,
    quiet: bool,
) -> int:
    """Ask one read-only SQL question of the store."""
    with TraceLens(store, policy_file) as lens:
        rows = limit or lens.policy.limits.query_rows
        frame = lens.sql(query, rows=rows)
    cut = frame.height > rows
    frame = frame.head(rows)
    shape = chosen_format(shape)
    if shape == "table":
        print_rich(frame_table(frame.columns, frame.rows()))
    else:
        print_records(frame.rows(named=True), shape, frame.columns)
    if cut:
        narrate(
            f"only the first {counted(rows, 'row')}; the query gives more (--limit)", quiet=quiet
        )
    return ExitCode.DONE
