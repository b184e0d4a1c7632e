"""One clear line for what goes wrong: the thing, what it looks like, and what to try."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.command import run
from tests.golden_files import check_golden
from tests.traces import sample


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with inputs that cannot be loaded, which is the current one."""
    trace = sample("pipecat_healthy").read_bytes()
    (tmp_path / "empty.jsonl").write_bytes(b"")
    (tmp_path / "blank.jsonl").write_bytes(b" \n\n")
    (tmp_path / "calls.csv").write_bytes(b"id,when,stage\n1,now,stt\n2,then,llm\n")
    (tmp_path / "screen.png").write_bytes(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes(200))
    (tmp_path / "cut.jsonl").write_bytes(trace[:900])
    (tmp_path / "page.html").write_bytes(b"<!doctype html><html><body>sign in</body></html>")
    (tmp_path / "chat.json").write_bytes(b'{"messages":[{"role":"user","content":"hi"}]}')
    (tmp_path / "logs.jsonl").write_bytes(
        b'{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":{"stringValue":"x"}}]}]}]}\n'
    )
    (tmp_path / "folder").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    "name",
    [
        "missing.jsonl",
        "empty.jsonl",
        "blank.jsonl",
        "calls.csv",
        "screen.png",
        "cut.jsonl",
        "page.html",
        "chat.json",
        "logs.jsonl",
        "folder",
        "*.parquet",
    ],
)
def test_an_input_that_cannot_be_loaded(here: Path, name: str) -> None:
    ended = run("ingest", name)
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith(f"tracelens: {name}: ")
    assert ended.err.count("\n") == 1
    assert not (here / "tracelens-store").exists()
    check_golden(f"errors/{name.replace('*', 'star')}.txt", ended.err)


def test_a_truncated_file_loads_what_it_holds(here: Path) -> None:
    (here / "most.jsonl").write_bytes(sample("pipecat_healthy").read_bytes()[:-100])
    ended = run("ingest", "most.jsonl", "--format", "table")
    assert ended.code == 3
    check_golden("errors/truncated.txt", ended.out)


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["ingest", "x", "--policy", "none.toml"], 2, "none.toml: the policy file cannot be read"),
        (["ingest", "x", "--policy", "calls.csv"], 2, "calls.csv: not a TOML file"),
        (["ingest", "x", "--format", "csv"], 2, "'csv' is not one of 'table', 'json'"),
        (["ingest"], 2, "Missing argument 'PATH…'"),
        (["explain"], 2, "Missing argument 'ID…'"),
        (["requests", "--since", "garbage"], 2, "'garbage' is no time: write 2026-11-25"),
        (["requests", "--limit", "-1"], 2, "-1 is not in the range x>=0"),
        (["schema", "nothing"], 2, "there is no view 'nothing'; there are aliases, boundaries"),
        (["export"], 2, "say what to write: --duckdb FILE"),
    ],
)
def test_wrong_usage(here: Path, arguments: list[str], code: int, says: str) -> None:
    ended = run(*arguments)
    assert (ended.code, ended.out) == (code, "")
    assert says in ended.err


@pytest.mark.parametrize(
    "arguments",
    [
        ["requests"],
        ["failures"],
        ["explain", "4bf92f3577b34da6"],
        ["sql", "select 1"],
        ["export", "--duckdb", "out.duckdb"],
    ],
)
def test_a_store_that_does_not_exist(here: Path, arguments: list[str]) -> None:
    ended = run(*arguments)
    assert (ended.code, ended.out) == (4, "")
    assert ended.err == (
        "tracelens: no store at tracelens-store; make one with"
        " `tracelens ingest PATH… --store tracelens-store`\n"
    )
    assert not (here / "tracelens-store").exists()


def test_the_environment_names_the_store(here: Path, samples: Path) -> None:
    assert run("requests", "--limit", "1", TRACELENS_STORE=str(samples)).code == 0
    ended = run("requests", "--store", "elsewhere", TRACELENS_STORE=str(samples))
    assert ended.code == 4
    assert "no store at elsewhere" in ended.err


@pytest.mark.parametrize("command", ["requests", "failures"])
def test_a_file_is_no_store(here: Path, command: str) -> None:
    ended = run(command, "--store", "calls.csv")
    assert ended.code == 5
    assert ended.err == "tracelens: calls.csv is a file, not a store; a store is a folder\n"


def test_a_damaged_store(here: Path) -> None:
    run("ingest", sample("pipecat_healthy"))
    for segment in Path("tracelens-store/segments").iterdir():
        segment.write_bytes(segment.read_bytes()[:-1])
    ended = run("requests")
    assert (ended.code, ended.out) == (5, "")
    assert ended.err.startswith("tracelens: store tracelens-store is damaged: ")


def test_names_on_the_command_line_cannot_act_on_the_terminal(here: Path) -> None:
    ended = run("ingest", "\x1b[31mred\n.jsonl")
    assert ended.code == 2
    assert "\x1b" not in ended.err
    assert "\\x1b[31mred" in ended.err
