"""Options and output that several commands share."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import click
from rich.console import Console, RenderableType

from tracelens.errors import UsageError
from tracelens.show.records import to_csv, to_json, to_markdown

FORMATS = ("table", "json", "jsonl", "csv", "markdown")
DEFAULT_STORE = "tracelens-store"

Command = TypeVar("Command", bound=Callable[..., Any])

store_option = click.option(
    "--store",
    type=click.Path(path_type=Path),
    envvar="TRACELENS_STORE",
    default=DEFAULT_STORE,
    show_default=True,
    help="Folder of the store (or TRACELENS_STORE).",
)
policy_option = click.option(
    "--policy",
    "policy_file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="TOML file laid over the built-in policy.",
)
quiet_option = click.option("--quiet", "-q", is_flag=True, help="No narration on stderr.")


def format_option(*names: str, piped: str = "jsonl") -> Callable[[Command], Command]:
    """`--format`, limited to the names that a command can write."""
    return click.option(
        "--format",
        "shape",
        type=click.Choice(names or FORMATS),
        help=f"Output format. [default: table on a terminal, {piped} in a pipe]",
    )


def chosen_format(shape: str | None, piped: str = "jsonl") -> str:
    """The format asked for, else what suits where the output goes."""
    return shape or ("table" if sys.stdout.isatty() else piped)


class WhenType(click.ParamType[datetime]):
    """A time: RFC 3339 or a date, UTC unless it says otherwise."""

    name = "time"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> datetime:
        """Parse it, or fail with the way to write it."""
        if isinstance(value, datetime):
            return value
        try:
            when = datetime.fromisoformat(str(value))
        except ValueError:
            self.fail(f"{value!r} is no time: write 2026-11-25 or 2026-11-25T14:30:00Z", param, ctx)
        return when if when.tzinfo else when.replace(tzinfo=UTC)


def condition_options(command: Command) -> Command:
    """The conditions that requests may be chosen by."""
    return _with_options(
        command,
        click.option(
            "--stage", help="transcription, reasoning, synthesis, external, undetermined."
        ),
        click.option("--boundary", help="For example transcription>reasoning."),
        click.option("--cause", help="For example handoff_loss."),
        click.option("--modality", help="text, audio, image, video or document, in or out."),
        click.option("--model", help="A model that any stage used."),
        click.option("--service", help="Name of the service."),
        click.option("--session", help="Id of the session or conversation."),
        click.option("--since", type=WhenType(), help="Started at or after this time (UTC)."),
        click.option("--until", type=WhenType(), help="Started before this time (UTC)."),
        click.option("--where", help="SQL condition over the columns of requests."),
    )


def filter_options(command: Command) -> Command:
    """The filters of `requests` and `failures`."""
    listing = _with_options(
        command,
        click.option(
            "--sort", default="-started_at", show_default=True, help="Column; - for descending."
        ),
        click.option(
            "--limit", type=click.IntRange(min=0), default=100, show_default=True, help="0 for all."
        ),
    )
    return condition_options(listing)


def _with_options(command: Command, *options: Callable[[Command], Command]) -> Command:
    for option in reversed(options):
        command = option(command)
    return command


def narrate(text: str, *, quiet: bool = False) -> None:
    """Say something to whoever runs the command, beside the data."""
    if not quiet:
        click.echo(text, err=True)


def print_rich(value: RenderableType) -> None:
    """Print for a person: as wide as the terminal, plain and wide enough in a pipe."""
    wide = None if sys.stdout.isatty() else 160
    Console(file=sys.stdout, width=wide, highlight=False, soft_wrap=False).print(value)


def print_records(
    records: Sequence[Mapping[str, Any]], shape: str, names: Sequence[str] | None = None
) -> None:
    """Print rows in a format other than `table`; `names` are the columns when there is no row."""
    if shape == "json":
        click.echo(to_json(list(records), indent=2))
    elif shape == "jsonl":
        for record in records:
            click.echo(to_json(record))
    elif shape == "csv":
        click.echo(to_csv(records, names), nl=False)
    elif shape == "markdown":
        click.echo(to_markdown(records), nl=False)
    else:
        raise UsageError(f"unknown format {shape!r}")
