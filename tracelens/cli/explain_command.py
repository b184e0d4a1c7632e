"""`tracelens explain`: the verdict on one request, by any id."""

from __future__ import annotations

from pathlib import Path

import click

from tracelens.api import Filters, Match, TraceLens
from tracelens.cli.options import (
    chosen_format,
    format_option,
    narrate,
    print_records,
    print_rich,
    quiet_option,
    store_option,
)
from tracelens.errors import ExitCode, NotFoundError
from tracelens.show.records import explanation_record, request_records, to_json
from tracelens.show.text import explanation_text, matches_sentence, matches_table, plain
from tracelens.show.ticket import explanation_markdown

EPILOG = """\b
Examples:
  tracelens explain 2b8f19aa
  tracelens explain 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01
  tracelens explain conv-1234 --no-text --format json
  tracelens explain 2b8f19aa --format markdown | pbcopy

An id may be that of a request, a trace (hex, W3C traceparent or base64), a span or a session, the
emitter's own request id, a unique beginning of 8 characters, or a pasted link.
"""


@click.command("explain", epilog=EPILOG)
@click.argument("ids", nargs=-1, required=True, metavar="ID…")
@store_option
@click.option("--no-text", is_flag=True, help="Leave out what was said.")
@format_option("table", "json", "jsonl", "markdown")
@quiet_option
def command(
    ids: tuple[str, ...], store: Path, no_text: bool, shape: str | None, quiet: bool
) -> int:
    """Say which stage broke a request: verdict, boundaries, texts that differ, spans."""
    shape = chosen_format(shape)
    missing = 0
    with TraceLens(store) as lens:
        for any_id in ids:
            try:
                _explain(lens, any_id, shape, with_text=not no_text, quiet=quiet)
            except NotFoundError as error:
                lens.store()  # a store that does not exist ends the command, not this id alone
                narrate(f"tracelens: {plain(error)} (`tracelens requests` lists what there is)")
                missing += 1
    return ExitCode.NOT_FOUND if missing else ExitCode.DONE


def _explain(lens: TraceLens, any_id: str, shape: str, *, with_text: bool, quiet: bool) -> None:
    match = lens.resolve(any_id)
    if len(match.request_ids) > 1:
        _list(lens, match, shape, quiet)
        return
    explained = lens.explain(match.request_ids[0], with_text=with_text)
    if shape == "table":
        print_rich(explanation_text(explained))
    elif shape == "markdown":
        click.echo(explanation_markdown(explained), nl=False)
    else:
        indent = 2 if shape == "json" else None
        click.echo(to_json(explanation_record(explained), indent=indent))


def _list(lens: TraceLens, match: Match, shape: str, quiet: bool) -> None:
    """An id that means several requests lists them, in order of time."""
    rows = lens.requests(Filters(request_ids=match.request_ids, sort="started_at", limit=0))
    records = request_records(rows)
    if shape == "table":
        print_rich(matches_table(match.kind, match.total, records))
        return
    print_records(records, shape)
    narrate(matches_sentence(match.kind, match.total, len(records)), quiet=quiet)
