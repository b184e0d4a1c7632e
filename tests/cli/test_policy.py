"""`policy` and `emitters`: the rules and mappings in force, and every problem of a file at once."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from tests.command import run
from tracelens import policy


def test_the_built_in_policy_comes_with_its_reasons() -> None:
    shown = run("policy", "show")
    assert (shown.code, shown.err) == (0, "")
    assert shown.out == policy.policy_text()
    assert "# Which stage a span belongs to" in shown.out


def test_what_is_shown_is_what_is_in_force(tmp_path: Path) -> None:
    mine = tmp_path / "mine.toml"
    mine.write_text('[verdict]\nfloor = 0.9\n[errors]\ntimeout = ["mytimeout"]\n')
    shown = tmp_path / "shown.toml"
    shown.write_text(run("policy", "show", "--policy", mine).out)
    assert tomllib.loads(shown.read_text())["verdict"]["floor"] == 0.9
    assert policy.load(shown) == policy.load(mine)


def test_a_file_is_checked(tmp_path: Path) -> None:
    mine = tmp_path / "mine.toml"
    mine.write_text("[verdict]\nfloor = 0.9\n[limits]\ndepth = 200\n[[expect]]\nstages = []\n")
    ended = run("policy", "check", mine)
    assert ended.code == 0
    rows = len(policy.load().expect)
    assert ended.out == f"expect: 1 row instead of {rows} rows\nverdict.floor: 0.9 instead of 0.5\n"
    assert ended.err == f"{mine} works; it changes 2 keys\n"
    mine.write_text("")
    assert run("policy", "check", mine).err == f"{mine} works; it changes nothing\n"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[verdicts]\nfloor = 1", "unknown table 'verdicts': did you mean 'verdict'?"),
        ("[limits]\ndepht = 1", "did you mean 'depth'?"),
        ("[verdict]\nfloor = 2", "floor = 2 is not a number from 0 to 1"),
        ("[", "not a TOML file"),
    ],
)
def test_every_problem_is_named(tmp_path: Path, text: str, says: str) -> None:
    mine = tmp_path / "mine.toml"
    mine.write_text(text)
    for command in (["policy", "check", mine], ["policy", "show", "--policy", mine]):
        ended = run(*command)
        assert (ended.code, ended.out) == (2, "")
        assert says in ended.err


def test_every_emitter_says_what_it_reads_and_what_not() -> None:
    rows = run("emitters").rows()
    assert {"pipecat", "livekit", "openinference", "otel_genai"} <= {row["name"] for row in rows}
    assert all(row["reads"] and row["blind_to"] and row["known_by"] for row in rows)
    (one,) = run("emitters", "pipecat").rows()
    shown = run("emitters", "pipecat", "--format", "table").out
    assert all(sentence[:30] in shown for sentence in [*one["reads"], *one["blind_to"]])
    unknown = run("emitters", "pipecta")
    assert (unknown.code, unknown.out) == (4, "")
    assert "there is no emitter 'pipecta'; there are" in unknown.err
