"""`tracelens policy`: the rules in force, and whether a policy file can work."""

from __future__ import annotations

from pathlib import Path

import click

from tracelens.api import Change, policy_changes, policy_text
from tracelens.cli.options import narrate, policy_option, quiet_option
from tracelens.errors import ExitCode
from tracelens.show.text import plain

EPILOG = """\b
Examples:
  tracelens policy show > mine.toml
  tracelens policy check mine.toml
  tracelens policy show --policy mine.toml
"""
FILE = click.Path(path_type=Path, dir_okay=False)


@click.group("policy", epilog=EPILOG)
def command() -> None:
    """Show the rules that verdicts are made by, or check a file with your own."""


@command.command("show", epilog=EPILOG)
@policy_option
def show(policy_file: Path | None) -> int:
    """Print the policy in force as TOML, every rule with the reason for it."""
    click.echo(policy_text(policy_file), nl=False)
    return ExitCode.DONE


@command.command("check", epilog=EPILOG)
@click.argument("file", type=FILE)
@quiet_option
def check(file: Path, quiet: bool) -> int:
    """Say what a policy file changes; exit 2 and every problem when it cannot work."""
    changes = policy_changes(file)
    for change in changes:
        click.echo(_sentence(change))
    narrate(f"{plain(file)} works; it changes {_counted(len(changes))}", quiet=quiet)
    return ExitCode.DONE


def _counted(number: int) -> str:
    return {0: "nothing", 1: "1 key"}.get(number, f"{number} keys")


def _sentence(change: Change) -> str:
    if isinstance(change.in_force, list) and all(isinstance(row, dict) for row in change.in_force):
        return f"{change.key}: {_rows(change.in_force)} instead of {_rows(change.built_in)}"
    return f"{change.key}: {plain(change.in_force)} instead of {plain(change.built_in)}"


def _rows(rows: list[object] | None) -> str:
    if not rows:
        return "none"
    return "1 row" if len(rows) == 1 else f"{len(rows)} rows"
