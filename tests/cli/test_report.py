"""`report`: bug reports as evidence, found by their id, and undone without a trace."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from tests.command import run
from tests.traces import ALL_SAMPLES, load, sample

HEALTHY = "openinference_healthy_streamed"


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A store with one request that nothing is wrong with."""
    load(tmp_path / "store", sample(HEALTHY)).close()
    return tmp_path / "store"


def only(store: Path) -> dict[str, Any]:
    (row,) = run("requests", "--store", store).rows()
    return row


def heard(store: Path) -> str:
    sql = "select text_out from spans where stage = 'transcription' and text_out is not null"
    return str(run("sql", sql, "--store", store).rows()[0]["text_out"])


def test_a_report_alone_says_that_it_failed_and_not_where(store: Path) -> None:
    before = only(store)
    kept = run(
        "report", "add", "BUG-1", "--id", before["trace_id"], "--said", "no", "--store", store
    )
    assert (kept.code, kept.out) == (0, "")
    assert kept.err == "kept bug report BUG-1; `tracelens explain BUG-1` answers it\n"
    row = only(store)
    assert (row["failed"], row["stage"], row["cause"]) == (True, "undetermined", "user_reported")
    (told,) = run("explain", "BUG-1", "--store", store).rows()
    assert told["request_id"] == row["request_id"]
    assert "a bug report says that it went wrong: “no”" in told["verdict"]
    assert run("report", "remove", "BUG-1", "--store", store).code == 0
    assert only(store) == before
    assert run("explain", "BUG-1", "--store", store).code == 4


def test_what_was_really_said_decides_over_the_transcript(store: Path) -> None:
    row, words = only(store), heard(store)
    ask = ("--id", row["request_id"][:12], "--store", store)
    run("report", "add", "B", *ask, "--correct", "cancel all my bookings for Monday")
    wrong = only(store)
    assert (wrong["stage"], wrong["cause"]) == ("transcription", "stt_wrong")
    assert wrong["evidence"][0]["needed"] == "cancel all my bookings for Monday"
    run("report", "add", "B", *ask, "--correct", words.upper())
    right = only(store)
    assert (right["stage"], right["cause"]) == ("reasoning", "llm_wrong")


def test_a_report_may_come_before_its_spans(tmp_path: Path, store: Path) -> None:
    row = only(store)
    early = tmp_path / "early"
    load(early, sample("pipecat_healthy")).close()
    kept = run("report", "add", "B", "--id", row["trace_id"], "--store", early)
    assert kept.err == "kept bug report B; no request is its yet\n"
    missing = run("explain", "B", "--store", early)
    assert missing.code == 4
    assert "bug report 'B' is known, but no request" in missing.err
    run("ingest", sample(HEALTHY), "--store", early)
    (told,) = run("explain", "B", "--store", early).rows()
    assert (told["request_id"], told["failed"]) == (row["request_id"], True)
    run("report", "add", "B", "--id", row["trace_id"], "--store", store)
    assert only(store)["verdict"] == told["verdict"]


def test_a_session_and_a_time_mean_the_request_before(tmp_path: Path) -> None:
    store = tmp_path / "store"
    load(store, *ALL_SAMPLES).close()
    sql = """
    select session_id, min(start_unix_nano) as first, max(start_unix_nano) as last,
        arg_max(request_id, start_unix_nano) as latest
    from requests where session_id is not null and not failed
    group by session_id having count(*) = 1 order by session_id limit 1
    """
    (row,) = run("sql", sql, "--store", store).rows()
    when = f"{row['last'] // 10**9 + 60}"
    at = run("sql", f"select to_timestamp({when}) as t", "--store", store).rows()[0]["t"]
    run("report", "add", "B", "--session", row["session_id"], "--at", at, "--store", store)
    (told,) = run("explain", "B", "--store", store).rows()
    assert (told["request_id"], told["cause"]) == (row["latest"], "user_reported")


def test_what_should_have_been_answered(store: Path) -> None:
    ask = ("--id", only(store)["request_id"][:12], "--store", store)
    run("report", "add", "B", *ask, "--expected", "something friendlier")
    vague = only(store)
    assert (vague["stage"], vague["cause"]) == ("undetermined", "user_reported")
    held = [each["result"] for each in vague["evidence"] if each["check"] == "expected"]
    assert held == ["no_data"]
    sql = "select text_out from spans where stage = 'reasoning' and text_out is not null"
    answer = run("sql", sql, "--store", store).rows()[0]["text_out"]
    run("report", "add", "B", *ask, "--expected", "Atlantis")
    row = only(store)
    assert "Atlantis" not in answer
    assert row["cause"] == "unexpected_answer"
    assert "and “Atlantis” was expected" in row["verdict"]
    assert run("report", "list", "--store", store).rows()[0]["expected_text"] == "Atlantis"


def test_a_log_from_before_a_column_is_read_and_extended(store: Path) -> None:
    ask = ("--id", only(store)["trace_id"], "--store", store)
    run("report", "add", "OLD", *ask, "--said", "no")
    with sqlite3.connect(store / "log.sqlite") as log:
        log.execute("alter table bug_reports drop column expected_text")
    log.close()
    (old,) = run("report", "list", "--store", store).rows()
    assert (old["said"], old["expected_text"]) == ("no", None)
    assert run("report", "add", "NEW", *ask, "--expected", "Atlantis").code == 0
    rows = run("report", "list", "--store", store).rows()
    assert [(row["report_id"], row["expected_text"]) for row in rows] == [
        ("NEW", "Atlantis"),
        ("OLD", None),
    ]


TABLE = """report_id,id,said,corrected_text
A,{id},"it, as I
said",
,{id},x,
C,,no id,
D,feed,waits,
"""


def test_a_table_of_reports(tmp_path: Path, store: Path) -> None:
    file = tmp_path / "reports.csv"
    file.write_text("\ufeff" + TABLE.format(id=only(store)["trace_id"]))
    ended = run("report", "import", file, "--store", store)
    assert ended.code == 3
    assert f"{file}: row 2 is left out: it has no report_id\n" in ended.err
    assert "row 3 is left out: 'C' names no request: an id, or a session and a time" in ended.err
    assert ended.err.endswith("kept 2 bug reports; 1 mean a stored request\n")
    rows = run("report", "list", "--store", store).rows()
    assert [(row["report_id"], row["said"], row["status"]) for row in rows] == [
        ("A", "it, as I\nsaid", "open"),
        ("D", "waits", "open"),
    ]
    assert [row["request_id"] for row in rows] == [only(store)["request_id"], None]
    sql = "select report_id, target from bug_reports order by 1"
    assert [row["report_id"] for row in run("sql", sql, "--store", store).rows()] == ["A", "D"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('{"report_id": "A", "id": "x", "sad": 1}', "unknown column 'sad': did you mean 'said'?"),
        ('{"report_id": "A", "id": "x", "at": "noon"}', "'noon' is no time"),
        ("{not json", "it has no report_id"),
        ("", "holds no bug report that can be kept"),
    ],
)
def test_what_cannot_be_kept_is_told(tmp_path: Path, store: Path, text: str, says: str) -> None:
    file = tmp_path / "reports.jsonl"
    file.write_text(text)
    ended = run("report", "import", file, "--store", store)
    assert (ended.code, ended.out) == (2, "")
    assert says in ended.err
    assert run("report", "list", "--store", store).err == "no bug reports\n"


def test_a_report_needs_to_say_what_it_means(store: Path) -> None:
    for extra in ([], ["--session", "s"], ["--at", "2026-01-01"]):
        ended = run("report", "add", "B", *extra, "--store", store)
        assert ended.code == 2
        assert "names no request" in ended.err
    assert run("report", "remove", "B", "--store", store).code == 4
