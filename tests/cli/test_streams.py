"""Data on stdout, narration on stderr; what changes on a terminal, and outputs that end early."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.command import ROOT, on_terminal, process, run
from tests.traces import copies, load, sample

PIPES = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}


def test_in_a_pipe_rows_are_json_lines_and_the_load_report_is_json(tmp_path: Path) -> None:
    ended = run("ingest", sample("pipecat_healthy"), "--store", tmp_path / "store")
    report = json.loads(ended.out)
    assert report.keys() == {"sources", "totals", "seconds", "store"}
    assert ended.err == f"next: tracelens failures --store {tmp_path / 'store'}\n"
    assert run("requests", "--store", tmp_path / "store").rows()
    quiet = run("ingest", sample("pipecat_healthy"), "--store", tmp_path / "store", "--quiet")
    assert quiet.err == ""


REPORT = {
    *("path", "sha256", "format", "bytes", "status", "other_signals", "warnings", "rejects"),
    *("spans_read", "spans_stored", "spans_duplicate", "spans_merged", "spans_rejected"),
    *("records_rejected", "requests_touched", "traces_touched"),
}


def test_the_load_report_has_the_fields_of_the_contract(tmp_path: Path) -> None:
    (tmp_path / "bad.jsonl").write_bytes(sample("pipecat_healthy").read_bytes()[:-9])
    ended = run("ingest", tmp_path / "bad.jsonl", "--store", tmp_path / "store")
    (source,) = ended.json()["sources"]
    assert source.keys() >= REPORT
    (reject,) = source["rejects"]
    assert reject.keys() == {"at", "reason", "excerpt"}
    assert source["bytes"] == (tmp_path / "bad.jsonl").stat().st_size
    assert source["requests_touched"] > 0
    assert source["traces_touched"] > 0


def test_a_terminal_gets_tables(samples: Path) -> None:
    code, shown = on_terminal("failures", "--store", samples, "--limit", "2", columns=160)
    assert code == 0
    assert "verdict" in shown
    assert '{"request_id"' not in shown
    assert "the first 2; --limit 0 lists all" in shown


@pytest.mark.parametrize(
    ("command", "columns"),
    [("failures", 40), ("failures", 80), ("explain", 60), ("sql", 60), ("ingest", 60)],
)
def test_narrow_terminals_show_whole_words(
    samples: Path, tmp_path: Path, command: str, columns: int
) -> None:
    """Nothing is wider than the terminal, and what matters is there."""
    lost = run("failures", "--store", samples, "--cause", "handoff_loss", "--limit", "1").rows()
    arguments, wanted = {
        "failures": (["--limit", "2", "--cause", "handoff_loss"], "Content was lost"),
        "explain": ([lost[0]["request_id"]], "hand_over"),
        "sql": (["select * from spans limit 1"], "trace_id: "),
        "ingest": ([str(sample("pipecat_healthy")), "-q"], "13 read, 13 stored"),
    }[command]
    store = tmp_path / "new" if command == "ingest" else samples
    code, shown = on_terminal(command, *arguments, "--store", store, columns=columns, NO_COLOR="1")
    plain = strip(shown)
    assert code == 0
    assert wanted in " ".join(plain.split())
    assert max(len(line) for line in plain.split("\n")) <= columns


def strip(shown: str) -> str:
    """Without the colours and weights of a terminal."""
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown)


def test_no_colour(samples: Path) -> None:
    arguments = ("failures", "--store", samples, "--limit", "2")
    _, coloured = on_terminal(*arguments)
    _, plain = on_terminal(*arguments, NO_COLOR="1")
    _, dumb = on_terminal(*arguments, TERM="dumb")
    assert "\x1b[1;31m" in coloured
    assert "\x1b[1;31m" not in plain
    assert "\x1b" not in dumb


@pytest.mark.parametrize(
    "arguments",
    [
        ["requests", "--limit", "0"],
        ["requests", "--limit", "0", "--format", "table"],
        ["sql", "from range(100000)"],
    ],
)
def test_an_output_that_is_closed_early_is_no_error(samples: Path, arguments: list[str]) -> None:
    settings = {"TRACELENS_STORE": str(samples)}
    child = process(*arguments, environment=settings, **PIPES)
    assert child.stdout is not None
    assert child.stderr is not None
    assert child.stdout.read(10)
    child.stdout.close()
    said = child.stderr.read()
    child.stderr.close()
    assert child.wait(60) == 0
    assert said in (b"", b"the first 100,000 rows; the query gives more (--limit)\n")


def test_a_terminal_without_our_characters(samples: Path) -> None:
    arguments = ("failures", "--limit", "3", "--format", "table", "--store", samples)
    child = process(*arguments, environment={"PYTHONIOENCODING": "ascii"}, **PIPES)
    out, _ = child.communicate(timeout=60)
    assert child.returncode == 0
    assert b"failed" in out
    out.decode("ascii")


def shell(line: str) -> subprocess.CompletedProcess[bytes]:
    """Run `tracelens …` of a line of shell."""
    line = line.replace("tracelens ", f"exec {sys.executable} -m tracelens ", 1)
    settings = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(["bash", "-c", line], env=settings, capture_output=True, check=False)


@pytest.mark.parametrize("redirect", [">&-", "2>&-", "<&-"])
def test_closed_streams(samples: Path, redirect: str) -> None:
    ended = shell(f"tracelens requests --store '{samples}' {redirect}")
    assert (ended.returncode, ended.stderr.count(b"Traceback")) == (0, 0)


def test_standard_input_that_is_closed(tmp_path: Path) -> None:
    ended = shell(f"tracelens ingest - --store '{tmp_path}/store' <&-")
    assert ended.returncode == 2
    assert b"standard input is closed" in ended.stderr


def test_a_full_disk_is_exit_5(tmp_path: Path) -> None:
    """A limit on the size of files stands for the disk."""
    store, big = tmp_path / "store", tmp_path / "big.jsonl"
    load(store, sample("pipecat_greeting")).close()
    big.write_bytes(copies(sample("pipecat_healthy"), 200))
    ended = shell(f"ulimit -f 60; tracelens ingest '{big}' --store '{store}'")
    assert ended.returncode == 5, ended.stderr.decode()
    assert ended.stderr.startswith(b"tracelens: ")
    assert b"Traceback" not in ended.stderr
    load(store, big).close()


@pytest.mark.skipif(os.name != "posix", reason="names of files are bytes there only")
def test_a_file_name_that_is_no_text(tmp_path: Path) -> None:
    name = os.fsdecode(os.fsencode(tmp_path) + b"/bad\xff.jsonl")
    Path(name).write_bytes(sample("pipecat_healthy").read_bytes())
    for shape in ("json", "table"):
        ended = run("ingest", name, "--store", tmp_path / "store", "--format", shape)
        assert ended.code == 0, ended.err
        assert "bad" in ended.out
