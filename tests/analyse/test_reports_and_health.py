"""Bug reports beside their verdicts, the emitters of a store, and its sizes."""

from __future__ import annotations

from pathlib import Path

from tests.dashboards.hostile import keep_reports
from tests.store.frames import load, new_store, request, requests, span, spans, trace
from tracelens.analyse import all_reports, emitters_seen, open_reports, store_health
from tracelens.store import BugReport, Store

BROKEN = {"failed": True, "stage": "reasoning", "cause": "llm_error", "verdict": "it broke"}


def stored(folder: Path) -> Store:
    store = new_store(folder)
    batch = spans(
        span("a", emitter="pipecat"),
        span("a", "child", emitter="pipecat"),
        span("b", at=2),
        span("b", "second", at=3),
    )
    rows = requests(
        request("a", emitter="pipecat", inputs_hash="old", **BROKEN),
        request("b", at=2),
        request("b", "second", at=3),
    )
    load(store, batch, rows)
    return store


def report(name: str, at: int | None, target: str, status: str = "open") -> BugReport:
    return BugReport(name, at, None, target, None, None, None, status)


def test_reports_newest_first_with_the_one_request_that_they_mean(tmp_path: Path) -> None:
    store = stored(tmp_path)
    keep_reports(
        store,
        report("none", None, "nothing"),
        report("old", 1, trace("a")),
        report("new", 2, trace("b")),
        report("done", 3, trace("a"), "closed"),
    )
    rows = all_reports(store)
    assert [(row["report_id"], row["matches"], row["verdict"]) for row in rows] == [
        ("done", 1, "it broke"),
        ("new", 2, None),
        ("old", 1, "it broke"),
        ("none", 0, None),
    ]
    assert [row["stage"] for row in rows] == ["reasoning", None, "reasoning", None]
    assert [row["report_id"] for row in open_reports(store, 2)] == ["new", "old"]
    store.close()


def test_emitters_and_spans_of_none(tmp_path: Path) -> None:
    store = stored(tmp_path)
    assert emitters_seen(store) == [
        {"emitter": "pipecat", "spans": 2, "requests": 1},
        {"emitter": None, "spans": 2, "requests": 2},
    ]
    store.close()


def test_health_counts_what_lies_in_the_folder(tmp_path: Path) -> None:
    store = stored(tmp_path)
    found = store_health(store)
    assert (found["requests"], found["stale"], found["commits"]) == (3, 1, 1)
    kinds = {row["kind"]: (row["segments"], row["rows"]) for row in found["segments"]}
    assert kinds == {"requests": (1, 3), "spans": (1, 4)}
    files = sum(file.stat().st_size for file in store.path.rglob("*") if file.is_file())
    assert found["bytes"] == files
    assert 0 < found["log_bytes"] < files
    store.close()
