"""`tracelens locate`: judge what is stored anew."""

from __future__ import annotations

import time
from pathlib import Path

import click

from tracelens.api import TraceLens
from tracelens.cli.options import narrate, policy_option, quiet_option, store_option
from tracelens.errors import ExitCode

EPILOG = """\b
Examples:
  tracelens locate
  tracelens locate --policy mine.toml

Needed after `ingest --spans-only`, and to have other rules, or a newer tracelens, judge what was
loaded before. Spans are not read again; readers see old verdicts until new ones are committed.
"""


@click.command("locate", epilog=EPILOG)
@store_option
@policy_option
@quiet_option
def command(store: Path, policy_file: Path | None, quiet: bool) -> int:
    """Judge all requests of the store anew."""
    last = time.monotonic()

    def tell(done: int, of: int) -> None:
        nonlocal last
        if time.monotonic() - last > 2:
            last = time.monotonic()
            narrate(f"{done:,} of {of:,} traces", quiet=quiet)

    with TraceLens(store, policy_file) as lens:
        count = lens.locate(progress=tell)
    narrate(f"{count:,} requests judged", quiet=quiet)
    return ExitCode.DONE
