"""`tracelens completion`: the script that makes a shell complete commands and options."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from tracelens.errors import ExitCode

EPILOG = """\b
Examples:
  tracelens completion bash > ~/.local/share/bash-completion/completions/tracelens
  tracelens completion zsh > ~/.zfunc/_tracelens
  tracelens completion fish > ~/.config/fish/completions/tracelens.fish
"""


@click.command("completion", epilog=EPILOG)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def command(shell: str) -> int:
    """Print the completion script for a shell."""
    from tracelens.cli import cli

    kind = get_completion_class(shell)
    if kind is None:
        raise click.UsageError(f"no completion for {shell}")
    click.echo(kind(cli, {}, "tracelens", "_TRACELENS_COMPLETE").source())
    return ExitCode.DONE
