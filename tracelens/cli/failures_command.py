"""`tracelens failures`: the requests that failed, most recent first."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from tracelens.api import Filters
from tracelens.cli.options import filter_options, format_option, quiet_option, store_option
from tracelens.cli.requests_command import list_requests
from tracelens.errors import ExitCode

EPILOG = """\b
Examples:
  tracelens failures
  tracelens failures --stage transcription --format jsonl
  tracelens failures --cause handoff_loss --since 2026-11-20
"""


@click.command("failures", epilog=EPILOG)
@store_option
@filter_options
@click.option(
    "--include-unknown", is_flag=True, help="Also list those that cannot be told to have failed."
)
@format_option()
@quiet_option
def command(store: Path, shape: str | None, quiet: bool, **filters: Any) -> int:
    """List the requests that failed: which stage or boundary, why, in one line each."""
    list_requests(store, Filters(failed=True, **filters), shape, quiet)
    return ExitCode.DONE
