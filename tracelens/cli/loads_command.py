"""`tracelens loads`: what was loaded in the past, what was not, and why."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from tracelens.api import TraceLens
from tracelens.cli.options import (
    chosen_format,
    format_option,
    narrate,
    print_records,
    print_rich,
    quiet_option,
    store_option,
)
from tracelens.errors import ExitCode
from tracelens.show.text import frame_table, stale_sentence

EPILOG = """\b
Examples:
  tracelens loads
  tracelens loads --rejects --format csv > rejects.csv
"""

COLUMNS = (
    "committed_at",
    "status",
    "path",
    "format",
    "spans_read",
    "spans_stored",
    "spans_duplicate",
    "spans_merged",
    "spans_rejected",
    "records_rejected",
)
REJECT_COLUMNS = ("committed_at", "path", "at", "reason", "excerpt")


@click.command("loads", epilog=EPILOG)
@store_option
@click.option("--rejects", is_flag=True, help="List every kept reject with place and reason.")
@click.option("--limit", type=click.IntRange(min=0), default=50, show_default=True, help="0: all.")
@format_option()
@quiet_option
def command(store: Path, rejects: bool, limit: int, shape: str | None, quiet: bool) -> int:
    """List past loads, newest first: what was stored, what was not, and why."""
    with TraceLens(store) as lens:
        loads = lens.loads()
        stale = 0 if rejects else lens.count_stale()
    shown = loads[:limit] if limit else loads
    records = _rejects(shown) if rejects else shown
    names = REJECT_COLUMNS if rejects else COLUMNS
    shape = chosen_format(shape)
    if shape == "table":
        print_rich(frame_table(names, [[row.get(name) for name in names] for row in records]))
    else:
        print_records(records, shape, names)
    if not records:
        narrate("no rejects" if rejects else "nothing was loaded yet", quiet=quiet)
    elif len(shown) < len(loads):
        narrate(f"the newest {limit} of {len(loads):,} loads; --limit 0: all", quiet=quiet)
    if stale:
        narrate(stale_sentence(stale), quiet=quiet)
    return ExitCode.DONE


def _rejects(loads: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {"committed_at": load["committed_at"], "path": load.get("path"), **reject}
        for load in loads
        for reject in load["rejects"]
    ]
