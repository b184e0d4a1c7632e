"""The command line: one file per command, and the table from errors to exit codes."""

from __future__ import annotations

import errno
import io
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
    "tail": "Say who has the tail of cost or latency.",
    "whatif": "Replay what is stored under caps, routing and latency budgets.",
    "ui": "Open the dashboard in a browser.",
    "report": "Keep bug reports, and find the requests they mean.",
    "loads": "List past loads and what they rejected.",
    "locate": "Judge what is stored anew.",
    "emitters": "Say what is read from each library's spans.",
    "policy": "Show the rules in force, or check your own.",
    "prices": "Show what models cost, and which have no price.",
    "sql": "Ask a read-only SQL question.",
    "schema": "Describe every view and column.",
    "export": "Write the store as a DuckDB file, Parquet or OTLP.",
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


INTERRUPTED = "interrupted; what was committed stays"

EPILOG = """\b
Examples:
  tracelens demo
  tracelens ingest traces.jsonl
  tracelens failures --since 2026-11-01
  tracelens explain 4bf92f3577b34da6a3ce929d0e0e4736
"""


def _say_version(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        from importlib import metadata

        try:
            version = metadata.version("tracelens-otlp")
        except metadata.PackageNotFoundError:
            version = "unknown: it is not installed, but run from its source"
        click.echo(f"tracelens {version}")
        ctx.exit()


@click.command(
    cls=Commands,
    epilog=EPILOG,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_say_version,
    help="Show the version and exit.",
)
def cli() -> None:
    """Tell which stage of a voice or vision assistant broke a request, with evidence."""


def main() -> None:
    """Run the command line and end the process with the exit code of the contract."""
    _prepare_streams()
    try:
        code = cli.main(prog_name="tracelens", standalone_mode=False)
        sys.stdout.flush()
    except (click.exceptions.Abort, KeyboardInterrupt):
        code = _complain(INTERRUPTED, ExitCode.INTERRUPTED)
    except RuntimeError as error:
        if str(error) != "Query interrupted":  # DuckDB's way of passing on Ctrl-C
            raise
        code = _complain(INTERRUPTED, ExitCode.INTERRUPTED)
    except click.ClickException as error:
        error.show()
        code = ExitCode.USAGE
    except TracelensError as error:
        code = _complain(str(error), error.exit_code)
    except (BrokenPipeError, SystemExit):
        # Whoever read our output has had enough, which is how click and rich end then.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        code = ExitCode.DONE
    except OSError as error:
        code = _complain(_os_error(error), _os_code(error))
    sys.exit(int(code or 0))


def _prepare_streams() -> None:
    """A terminal without our characters, or a file name that is no text, is no reason to die."""
    sys.stdout = sys.stdout or os.fdopen(os.open(os.devnull, os.O_WRONLY), "w")
    sys.stderr = sys.stderr or os.fdopen(os.open(os.devnull, os.O_WRONLY), "w")
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _complain(message: str, code: ExitCode) -> ExitCode:
    from tracelens.show.records import visible

    click.echo(f"tracelens: {visible(message, keep=chr(10))}", err=True)
    return code


def _os_error(error: OSError) -> str:
    where = "" if error.filename is None else f"{str(error.filename)[:200]}: "
    return f"{where}{error.strerror or error}"


def _os_code(error: OSError) -> ExitCode:
    """A disk that is full or broken leaves the store as it was; other errors name a wrong path."""
    full = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS)
    return ExitCode.STORE if error.errno in full else ExitCode.USAGE
