"""Every command says what it does, with an example that works as written."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys

import pytest

from tests.command import ROOT, run
from tests.golden_files import check_golden
from tracelens.cli import COMMANDS


@pytest.mark.parametrize("command", COMMANDS)
def test_help(command: str) -> None:
    ended = run(command, "--help", COLUMNS="100")
    assert (ended.code, ended.err) == (0, "")
    assert f"Examples:\n    tracelens {command}" in ended.out
    check_golden(f"help/{command}.txt", ended.out)


@pytest.mark.parametrize("arguments", [["--help"], ["-h"]])
def test_help_of_all(arguments: list[str]) -> None:
    ended = run(*arguments, COLUMNS="100")
    assert ended.code == 0
    check_golden("help/tracelens.txt", ended.out)


def test_examples_are_understood() -> None:
    """Every option of an example exists; the ids and files that it names need not."""
    for command in COMMANDS:
        example = re.compile(
            rf"^    (?:.* \| )?tracelens {command}(.*?)(?: > \\S+)?$", re.MULTILINE
        )
        found = example.findall(run(command, "--help", COLUMNS="100").out)
        assert found
        for words in found:
            assert run(command, *shlex.split(words), "--help").code == 0, words


def test_no_command_is_wrong_usage_and_shows_the_help() -> None:
    ended = run()
    assert (ended.code, ended.out) == (2, "")
    assert "Commands:" in ended.err


@pytest.mark.parametrize(
    ("typed", "hint"),
    [
        ("expalin", "did you mean 'explain'?"),
        ("failure", "did you mean 'failures'?"),
        ("zzz", "see `tracelens --help`."),
    ],
)
def test_an_unknown_command(typed: str, hint: str) -> None:
    ended = run(typed)
    assert (ended.code, ended.out) == (2, "")
    assert f"there is no command '{typed}': {hint}" in ended.err


def test_an_unknown_option() -> None:
    ended = run("requests", "--stag", "reasoning")
    assert ended.code == 2
    assert "--stage" in ended.err


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts(shell: str) -> None:
    ended = run("completion", shell)
    assert ended.code == 0
    assert "_TRACELENS_COMPLETE" in ended.out
    assert f"{shell}_complete" in ended.out


def test_completion_knows_commands_and_options() -> None:
    """What the bash script asks the program for."""
    settings = {"_TRACELENS_COMPLETE": "bash_complete", "COMP_CWORD": "1"}
    assert "plain,explain\n" in run(COMP_WORDS="tracelens ex", **settings).out
    settings["COMP_CWORD"] = "2"
    assert "plain,--no-text\n" in run(COMP_WORDS="tracelens explain --no", **settings).out


def test_bash_reads_the_completion_script() -> None:
    script = run("completion", "bash").out
    ended = subprocess.run(["bash", "-n"], input=script.encode(), capture_output=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, b"")


def test_completion_of_another_shell_is_refused() -> None:
    assert run("completion", "tcsh").code == 2


def test_version() -> None:
    ended = run("--version")
    assert ended.code == 0
    assert ended.out.startswith("tracelens ")


def test_help_needs_no_database() -> None:
    """Help comes at once, because nothing that takes long is imported for it."""
    text = (
        "import sys, tracelens.cli\nprint(sorted({'polars', 'duckdb', 'rich'} & set(sys.modules)))"
    )
    ended = subprocess.run(
        [sys.executable, "-c", text], cwd=ROOT, capture_output=True, check=True, text=True
    )
    assert ended.stdout == "[]\n"
