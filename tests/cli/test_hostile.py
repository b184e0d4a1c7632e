"""What a trace says is shown as text, whatever it says."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.command import run
from tests.traces import documents, lines, load, sample

#: Pieces that some reader of the output would act on.
ESCAPE, CSI, OVERRIDE, BELL = "\x1b[31m", "\x9b31m", "\u202e", "\x07"
MARKUP, EMOJI, HTML, CELL = "[red]x[/red]", ":smile:", "<script>x</script>", "=cmd()"
HOSTILE = f"{CELL}{ESCAPE}{CSI}{OVERRIDE}{BELL}{MARKUP}{EMOJI}{HTML}|`"
ACTING = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def spoilt(value: Any) -> Any:
    """A sample whose names, session and user say hostile things, and whose texts do."""
    if isinstance(value, list):
        return [spoilt(each) for each in value]
    if not isinstance(value, dict):
        return value
    made = {key: spoilt(inner) for key, inner in value.items()}
    if "spanId" in made and "name" in made:
        made["name"] = HOSTILE + made["name"]
    if made.get("key") in ("session.id", "user.id", "service.name"):
        made["value"] = {"stringValue": HOSTILE}
    if isinstance(made.get("stringValue"), str) and "Friday" in made["stringValue"]:
        inside = json.dumps(HOSTILE)[1:-1]
        made["stringValue"] = made["stringValue"].replace("Friday", f"Friday {inside}\\n")
    return made


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hostile")
    dump = lines(spoilt(each) for each in documents(sample("openinference_handoff_lost_not")))
    (folder / "dump.jsonl").write_bytes(dump)
    load(folder / "store", folder / "dump.jsonl").close()
    return folder / "store"


QUERY = "select name, service, session_id, text_out from spans"
COMMANDS = [
    *(["requests", "--format", shape] for shape in ("table", "json", "jsonl", "csv", "markdown")),
    *(
        ["explain", HOSTILE.replace("\x07", ""), "--format", shape]
        for shape in ("table", "json", "markdown")
    ),
    *(["sql", QUERY, "--format", shape] for shape in ("table", "json", "csv", "markdown")),
]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda each: f"{each[0]} {each[-1]}")
def test_nothing_acts_on_the_terminal(hostile: Path, command: list[str]) -> None:
    ended = run(*command, "--store", hostile)
    assert not ACTING.search(ended.out.replace("\t", ""))
    assert not ACTING.search(ended.err)


def request_id(store: Path) -> str:
    return str(run("requests", "--store", store).rows()[0]["request_id"])


def test_markup_is_shown_as_it_is(hostile: Path) -> None:
    told = run("explain", request_id(hostile), "--store", hostile, "--format", "table").out
    flat = "".join(told.split())
    for piece in (MARKUP, EMOJI, HTML, CELL, "\\x1b[31m", "\\x9b31m", "\\u202e"):
        assert piece in flat
    assert "handoff" not in told.split("\n")[0]
    table = run("sql", "select name from spans limit 1", "--store", hostile, "--format", "table")
    assert MARKUP + EMOJI in table.out


def test_json_holds_what_was_recorded(hostile: Path) -> None:
    (row,) = run("requests", "--store", hostile).rows()
    assert row["session_id"] == row["service"] == HOSTILE
    names = run("sql", "select name from spans", "--store", hostile).rows()
    assert all(each["name"].startswith(HOSTILE) for each in names)


def test_csv_cells_do_not_compute(hostile: Path) -> None:
    told = run("requests", "--store", hostile, "--format", "csv").out
    (row,) = csv.DictReader(io.StringIO(told))
    assert row["session_id"].startswith("'=cmd()")
    assert not [cell for cell in row.values() if cell[:1] in ("=", "+", "-", "@", "\t", "\r")]


def test_markdown_is_one_row_of_plain_text(hostile: Path) -> None:
    told = run("requests", "--store", hostile, "--format", "markdown").out
    head, rule, row = told.rstrip("\n").split("\n")
    unescaped = re.compile(r"(?<!\\)\|")
    assert (
        len(unescaped.findall(head)) == len(unescaped.findall(rule)) == len(unescaped.findall(row))
    )
    assert "<script>" not in row
    assert "&lt;script&gt;" in row
    assert "`" not in row.replace("\\`", "")


def test_a_ticket_shows_markup_as_it_is(hostile: Path) -> None:
    told = run("explain", request_id(hostile), "--store", hostile, "--format", "markdown").out
    assert "&lt;script&gt;x&lt;/script&gt;" in told
    assert not re.search(r"<|(?<!\\)`|(?<!\\)\[red", told)


def test_a_line_end_cannot_forge_a_line(tmp_path: Path) -> None:
    """A span whose name has a line end and a sentence of ours."""
    forged = "x\n✓ No failure was found"
    text = lines(documents(sample("openinference_handoff_lost_not"))).decode()
    (tmp_path / "dump.jsonl").write_text(
        text.replace('"name": "Transcription"', f'"name": {json.dumps(forged)}')
    )
    load(tmp_path / "store", tmp_path / "dump.jsonl").close()
    store = tmp_path / "store"
    told = run("explain", request_id(store), "--store", store, "--format", "table")
    assert "x\\n✓ No failure was found" in told.out
    assert not [line for line in told.out.split("\n") if line.startswith("✓ No failure")]
