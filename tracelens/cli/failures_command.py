"""`tracelens failures`: the requests that failed, most recent first."""

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
from tracelens.cli.requests_command import list_requests, say_unknown
from tracelens.errors import ExitCode
from tracelens.show.text import groups_table

EPILOG = """\b
Examples:
  tracelens failures
  tracelens failures --stage transcription --format jsonl
  tracelens failures --cause handoff_loss --since 2026-11-20
  tracelens failures --group --format markdown
"""


@click.command("failures", epilog=EPILOG)
@store_option
@filter_options
@click.option(
    "--include-unknown", is_flag=True, help="Also list those that cannot be told to have failed."
)
@click.option(
    "--group", is_flag=True, help="Count those that look alike: stage, cause, model, error."
)
@format_option()
@quiet_option
def command(store: Path, group: bool, shape: str | None, quiet: bool, **filters: Any) -> int:
    """List the requests that failed: which stage or boundary, why, in one line each."""
    chosen = Filters(failed=True, **filters)
    if group:
        _list_groups(store, chosen, shape, quiet)
    else:
        list_requests(store, chosen, shape, quiet)
    return ExitCode.DONE


def _list_groups(store: Path, filters: Filters, shape: str | None, quiet: bool) -> None:
    with TraceLens(store) as lens:
        groups = lens.failure_groups(filters)
        unknown = lens.count_unknown(filters)
    shape = chosen_format(shape)
    if shape != "table":
        print_records(groups.to_dicts(), shape, groups.columns)
    elif groups.height:
        print_rich(groups_table(groups.to_dicts()))
    if groups.is_empty():
        narrate("no failures match", quiet=quiet)
    elif filters.limit and groups.height == filters.limit:
        narrate(f"the {filters.limit} largest groups; --limit 0 lists all", quiet=quiet)
    say_unknown(unknown, filters, quiet)
