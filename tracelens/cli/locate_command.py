"""`tracelens locate`: judge what is stored anew."""

from __future__ import annotations

import time
from pathlib import Path

import click

from tracelens.api import TraceLens
from tracelens.cli.options import narrate, policy_option, quiet_option, store_option
from tracelens.errors import ExitCode
from tracelens.show.text import brief_sentences, profile_sentences
from tracelens.show.words import counted

#: Sentences about services on a terminal; the view `profiles` has all.
SENTENCES = 20

EPILOG = """\b
Examples:
  tracelens locate
  tracelens locate --policy mine.toml

  tracelens sql "from profiles"

Needed after `ingest --spans-only`, and to have other rules, or a newer tracelens, judge what was
loaded before. Spans are not read again; readers see old verdicts until new ones are committed.
It also learns which stages the requests of each service usually have, and says what it expects
otherwise than before; `[profile]` in the policy says when, a row of `[[expect]]` that names a
service goes before it.
"""


@click.command("locate", epilog=EPILOG)
@store_option
@policy_option
@quiet_option
def command(store: Path, policy_file: Path | None, quiet: bool) -> int:
    """Judge all requests of the store anew, by the policy and what their services usually do."""
    last = time.monotonic()

    def tell(done: int, of: int) -> None:
        nonlocal last
        if done < of and time.monotonic() - last > 2:
            last = time.monotonic()
            narrate(f"{done:,} of {counted(of, 'trace')}", quiet=quiet)

    with TraceLens(store, policy_file) as lens:
        found = lens.locate(progress=tell)
    narrate(f"{counted(found.requests, 'request')} judged", quiet=quiet)
    told = profile_sentences(found.changes.to_dicts()) + brief_sentences(found.too_brief.to_dicts())
    for sentence in told[:SENTENCES]:
        narrate(sentence, quiet=quiet)
    if len(told) > SENTENCES:
        narrate(f"and {len(told) - SENTENCES:,} more; see the view profiles", quiet=quiet)
    return ExitCode.DONE
