"""The command line: one file per command, and the table from errors to exit codes."""

from __future__ import annotations

import os
import sys
from importlib import import_module

import click

from tracelens.errors import ExitCode, TracelensError

#: Every command, in the order in which `tracelens --help` lists them: the work first.
COMMANDS = {
    "demo": "Load the sample traces, show what failed, and explain one.",
    "ingest": "Load trace dumps into a store.",
    "failures": "List the requests that failed.",
    "explain": "Say which stage broke a request, with the evidence.",
    "requests": "List requests.",
    "sql": "Ask a read-only SQL question.",
    "schema": "Describe every view and column.",
    "export": "Write the store as a DuckDB file.",
    "completion": "Print the shell completion script.",
}


class Commands(click.Group):
    """Loads a command's module only when it is asked for, so that help comes at once."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of the module with that name."""
        if cmd_name not in COMMANDS:
            return None
        command = import_module(f"tracelens.cli.{cmd_name}_command").command
        return command if isinstance(command, click.Command) else None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does it, with the nearest name when there is no such command."""
        name = args[0] if args else ""
        if name and not name.startswith("-") and name not in COMMANDS:
            from difflib import get_close_matches

            near = get_close_matches(name, COMMANDS, n=1)
            hint = f"did you mean {near[0]!r}?" if near else "see `tracelens --help`."
            raise click.UsageError(f"there is no command {name!r}: {hint}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The table, without loading any command."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


EPILOG = """\b
Examples:
  tracelens demo
  tracelens ingest traces.jsonl
  tracelens failures --since 2026-11-01
  tracelens explain 4bf92f3577b34da6a3ce929d0e0e4736
"""


@click.command(
    cls=Commands,
    epilog=EPILOG,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(package_name="tracelens-otlp", prog_name="tracelens")
def cli() -> None:
    """Tell which stage of a voice or vision assistant broke a request, with evidence."""


def main() -> None:
    """Run the command line and end the process with the exit code of the contract."""
    try:
        code = cli.main(prog_name="tracelens", standalone_mode=False)
    except click.exceptions.Abort:
        code = _interrupted()
    except KeyboardInterrupt:
        code = _interrupted()
    except click.ClickException as error:
        error.show()
        code = ExitCode.USAGE
    except TracelensError as error:
        click.echo(f"tracelens: {error}", err=True)
        code = error.exit_code
    except BrokenPipeError:
        # Whoever read our output has had enough; keep Python quiet about it at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = ExitCode.DONE
    sys.exit(int(code or 0))


def _interrupted() -> ExitCode:
    click.echo("tracelens: interrupted; what was committed stays", err=True)
    return ExitCode.INTERRUPTED
