"""`tracelens emitters`: what each mapping reads, and what no reading of its spans can show."""

from __future__ import annotations

from typing import Any

import click

from tracelens.api import list_emitters
from tracelens.cli.options import chosen_format, format_option, print_records, print_rich
from tracelens.errors import ExitCode, NotFoundError
from tracelens.show.text import emitters_list

EPILOG = """\b
Examples:
  tracelens emitters
  tracelens emitters pipecat
  tracelens emitters --format json
"""


@click.command("emitters", epilog=EPILOG)
@click.argument("names", nargs=-1, metavar="[NAME…]")
@format_option()
def command(names: tuple[str, ...], shape: str | None) -> int:
    """Say what is read from the spans of each library, and what they cannot show."""
    records = _chosen(names)
    shape = chosen_format(shape)
    if shape == "table":
        print_rich(emitters_list(records))
    else:
        print_records(records, shape)
    return ExitCode.DONE


def _chosen(names: tuple[str, ...]) -> list[dict[str, Any]]:
    every = {row["name"]: row for row in list_emitters()}
    for name in names:
        if name not in every:
            raise NotFoundError(f"there is no emitter {name!r}; there are {', '.join(every)}")
    return [every[name] for name in names or every]
