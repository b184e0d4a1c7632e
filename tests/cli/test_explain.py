"""`explain`: the text a person reads, the fields of the contract, and every form of an id."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from tests.cli.test_requests import FIELDS, OURS
from tests.command import run
from tests.golden_files import check_golden
from tests.traces import ALL_SAMPLES, documents, lines, load, sample

LOST = "openinference_handoff_lost_not"


@pytest.mark.parametrize("name", [LOST, "openinference_stt_500", "pipecat_healthy"])
@pytest.mark.parametrize("extra", [[], ["--no-text"]], ids=["text", "no text"])
def test_what_a_person_reads(tmp_path: Path, name: str, extra: list[str]) -> None:
    store = tmp_path / "store"
    load(store, sample(name)).close()
    ids = [row["request_id"] for row in run("requests", "--store", store).rows()]
    ended = run("explain", *ids, "--store", store, "--format", "table", *extra)
    assert (ended.code, ended.err) == (0, "")
    check_golden(f"explain/{name}{''.join(extra)}.txt", ended.out)
    ticket = run("explain", *ids, "--store", store, "--format", "markdown", *extra)
    check_golden(f"explain/{name}{''.join(extra)}.md", ticket.out)


@pytest.fixture(scope="module")
def lost(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with the one request whose “not” was lost."""
    store = tmp_path_factory.mktemp("lost") / "store"
    load(store, sample(LOST)).close()
    return store


@pytest.fixture(scope="module")
def row(lost: Path) -> dict[str, Any]:
    (only,) = run("requests", "--store", lost).rows()
    return only


WATERFALL = {
    *("id", "parent", "name", "stage", "start_unix_nano", "end_unix_nano", "status"),
    "on_critical_path",
}


def test_json_has_the_fields_of_the_contract(lost: Path, row: dict[str, Any]) -> None:
    ended = run("explain", row["request_id"], "--store", lost, "--format", "json")
    found = ended.json()
    beside = {"spans", "texts", "critical_path", "lane", "cost", "links"}
    beside |= {"runner_up", "settle", "usual", "chain", "percentiles"}
    assert found.keys() == FIELDS.keys() | OURS | beside
    assert {name: found[name] for name in row} == row
    assert {each["id"] for each in found["spans"]} == set(row["span_ids"])
    assert all(each.keys() >= WATERFALL for each in found["spans"])
    assert sum(found["critical_path"].values()) == pytest.approx(row["duration_ms"])
    assert found["links"].keys() == {"same_session", "similar_failures", "page"}
    check_golden("explain/lost.json", ended.out)


def test_the_diff_names_the_lost_word(lost: Path, row: dict[str, Any]) -> None:
    found = run("explain", row["request_id"], "--store", lost).json()
    (broken,) = (each for each in found["texts"] if each.get("result") == "fails")
    assert broken["boundary"] == "transcription>reasoning"
    assert [each["text"] for each in broken["diff"] if each["op"] == "dropped"] == ["not"]
    assert [each["text"] for each in broken["diff"] if each["op"] == "added"] == []


FORMS = {
    "request": lambda row: row["request_id"],
    "upper case": lambda row: row["request_id"].upper(),
    "with spaces around": lambda row: f"  {row['request_id']}\n",
    "trace": lambda row: row["trace_id"],
    "trace, upper case": lambda row: row["trace_id"].upper(),
    "trace, 0x": lambda row: f"0x{row['trace_id']}",
    "trace as uuid": lambda row: str(UUID(row["trace_id"])),
    "traceparent": lambda row: f"00-{row['trace_id']}-{row['request_span_id']}-01",
    "traceparent, foreign span": lambda row: f"00-{row['trace_id']}-{'7' * 16}-00",
    "trace, base64": lambda row: base64.b64encode(bytes.fromhex(row["trace_id"])).decode(),
    "span": lambda row: row["span_ids"][-1],
    "span, base64": lambda row: base64.b64encode(bytes.fromhex(row["span_ids"][0])).decode(),
    "session": lambda row: row["session_id"],
    "request, 8": lambda row: row["request_id"][:8],
    "request, 8, 0X": lambda row: f"0X{row['request_id'][:8].upper()}",
    "trace, 9": lambda row: row["trace_id"][:9],
    "span, 15": lambda row: row["span_ids"][1][:15],
    "Jaeger": lambda row: f"http://localhost:16686/trace/{row['trace_id']}",
    "Jaeger, span": lambda row: f"http://h/trace/{row['trace_id']}?uiFind={row['span_ids'][0]}",
    "parameter": lambda row: f"https://h/x?trace_id={row['trace_id']}&from=1",
    "behind #": lambda row: f"https://h/x#/explain?id={row['request_id']}",
    "our page": lambda row: f"explain?id={row['request_id']}",
    "our page's address": lambda row: f"http://localhost:8501/explain?id={row['request_id'][:12]}",
}  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_an_id(lost: Path, row: dict[str, Any], form: str) -> None:
    ended = run("explain", FORMS[form](row), "--store", lost)
    assert ended.code == 0, ended.err
    assert ended.json()["request_id"] == row["request_id"]


def test_an_external_id(tmp_path: Path) -> None:
    store = tmp_path / "store"
    load(store, sample("livekit_tool_raises")).close()
    rows = [row for row in run("requests", "--store", store).rows() if row["external_request_id"]]
    assert rows
    for each in rows:
        found = run("explain", each["external_request_id"], "--store", store).json()
        assert found["request_id"] == each["request_id"]


def test_a_span_of_no_request_means_those_of_its_trace(samples: Path) -> None:
    """The span of a whole pipecat conversation."""
    query = (
        "select trace_id, min(span_id) as span from spans where span_id not in"
        " (select unnest(span_ids) from requests) group by trace_id"
    )
    loose = run("sql", query, "--store", samples).rows()
    assert loose
    for each in loose[:5]:
        ended = run("explain", each["span"], "--store", samples)
        assert ended.code == 0, ended.err
        assert {row["trace_id"] for row in ended.rows()} == {each["trace_id"]}


@pytest.mark.parametrize(
    "given",
    [
        "ffffffffffffffff",
        "1234567",
        "x" * 100_000,
        "http://[oops",
        "://",
        "%",
        "",
        " ",
        "' or 1=1 --",
        "00-00-00-00",
        "\x1b[31m",
    ],
)
def test_an_unknown_id_is_exit_4(lost: Path, given: str) -> None:
    ended = run("explain", "--store", lost, "--", given)
    assert (ended.code, ended.out) == (4, "")
    assert ended.err.startswith("tracelens: nothing in the store has the id ")
    assert "`tracelens requests`" in ended.err
    assert len(ended.err) < 400
    assert "\x1b" not in ended.err


def test_the_others_are_explained_all_the_same(lost: Path, row: dict[str, Any]) -> None:
    ended = run("explain", "ffffffffffffffff", row["request_id"], "--store", lost)
    assert ended.code == 4
    assert [each["request_id"] for each in ended.rows()] == [row["request_id"]]
    assert ended.err.count("\n") == 1


@pytest.fixture(scope="module")
def crowded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A session of 300 requests."""
    folder = tmp_path_factory.mktemp("crowded")
    made = []
    for number in range(300):
        for document in documents(sample(LOST)):
            text = json.dumps(document)
            for old in re.findall(r'"traceId": "(\w+)"', text)[:1]:
                text = text.replace(old, f"{number + 1:032x}")
            made.append(json.loads(text))
    (folder / "dump.jsonl").write_bytes(lines(made))
    load(folder / "store", folder / "dump.jsonl").close()
    return folder / "store"


def test_a_session_lists_its_requests(crowded: Path) -> None:
    ended = run("explain", "rental-2", "--store", crowded)
    rows = ended.rows()
    assert len(rows) == 200
    assert rows[0].keys() == FIELDS.keys() | OURS
    assert [each["started_at"] for each in rows] == sorted(each["started_at"] for each in rows)
    assert ended.err == (
        "This session id means 300 requests (the first 200 are listed); explain one of them by its"
        " id.\n"
    )
    assert run("explain", "rental-2", "--store", crowded, "--quiet").err == ""
    table = run("explain", "rental-2", "--store", crowded, "--format", "table").out
    assert table.startswith("This session id means 300 requests (the first 200 are listed)")


def test_a_prefix_that_is_not_unique_lists_what_it_means(crowded: Path) -> None:
    ended = run("explain", "00000000000000000000000000000001", "--store", crowded)
    assert ended.json()["trace_id"] == "1".zfill(32)
    ended = run("explain", "000000000000000000000000000000", "--store", crowded)
    assert len(ended.rows()) == 200
    assert "This prefix means 255 requests" in ended.err


SECRET = "xyzzysecret"


def with_secret(value: Any) -> Any:
    """Every text of a trace with a secret word between two of its words; names stay."""
    if isinstance(value, list):
        return [with_secret(each) for each in value]
    if isinstance(value, dict):
        return {
            key: with_words(inner) if key in ("stringValue", "message") else with_secret(inner)
            for key, inner in value.items()
        }
    return value


def with_words(text: Any) -> Any:
    return re.sub(r"(\w{2,}) (?=\w{2,})", rf"\1 {SECRET} ", text, count=1)


@pytest.fixture(scope="module")
def secrets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("secrets")
    for number, file in enumerate(ALL_SAMPLES):
        if file.suffix == ".jsonl":
            told = lines(with_secret(each) for each in documents(file))
            (folder / f"{number}.jsonl").write_bytes(told)
    load(folder / "store", *folder.glob("*.jsonl")).close()
    return folder / "store"


@pytest.mark.parametrize("shape", ["json", "table", "markdown"])
def test_no_text_leaves_out_everything_that_was_said(secrets: Path, shape: str) -> None:
    query = "select min(request_id) as id from requests group by emitter, cause, boundary"
    ids = [each["id"] for each in run("sql", query, "--store", secrets).rows()]
    assert len(ids) > 30
    told = run("explain", *ids[:5], "--store", secrets, "--format", shape).out
    assert told.count(SECRET) > 5
    hidden = run("explain", *ids, "--store", secrets, "--format", shape, "--no-text")
    assert hidden.code == 0
    assert SECRET not in hidden.out
    assert hidden.out.count("transcription") > len(ids)


def test_no_text_of_one_request_word_by_word(lost: Path, row: dict[str, Any]) -> None:
    told = run("explain", row["request_id"], "--store", lost).json()
    said = " ".join(each["text"] for each in told["texts"] if "text" in each)
    words = set(re.findall(r"\w{4,}", said.lower())) - {"rental", "text"}
    assert {"please", "cancel", "friday"} <= words
    for shape in ("json", "table", "markdown"):
        hidden = run("explain", row["request_id"], "--store", lost, "--no-text", "--format", shape)
        left = set(re.findall(r"\w{4,}", hidden.out.lower()))
        assert not words & left
