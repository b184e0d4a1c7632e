"""`loads` tells what was loaded and rejected, `locate` judges it anew."""

from __future__ import annotations

from pathlib import Path

from tests.command import run
from tests.traces import sample, tables

HANDOFF = sample("openinference_handoff_lost_not")


def test_loads_are_listed_newest_first(tmp_path: Path) -> None:
    store = tmp_path / "store"
    run("ingest", HANDOFF, "--store", store)
    run("ingest", sample("pipecat_healthy"), "--store", store)
    rows = run("loads", "--store", store).rows()
    assert [row["spans_stored"] for row in rows] == [13, 4]
    assert [row["status"] for row in rows] == ["loaded", "loaded"]
    cut = run("loads", "--store", store, "--limit", "1")
    assert len(cut.rows()) == 1
    assert "newest 1 of 2 loads" in cut.err


def test_rejects_are_listed_with_place_and_reason(tmp_path: Path) -> None:
    broken = tmp_path / "broken.jsonl"
    broken.write_bytes(HANDOFF.read_bytes() + b'{"resourceSpans":[{]}\n')
    run("ingest", broken, "--store", tmp_path / "store")
    [row] = run("loads", "--rejects", "--store", tmp_path / "store").rows()
    assert row["path"] == str(broken)
    assert row["at"].startswith("line ")
    assert row["excerpt"].startswith('{"resourceSpans":[{]}')


def test_nothing_to_list(tmp_path: Path) -> None:
    store = tmp_path / "store"
    run("ingest", HANDOFF, "--store", store)
    ended = run("loads", "--rejects", "--store", store)
    assert (ended.code, ended.out, ended.err) == (0, "", "no rejects\n")


def test_locate_judges_what_was_stored_without_judging(tmp_path: Path) -> None:
    late, plain = tmp_path / "late", tmp_path / "plain"
    files = [HANDOFF, sample("livekit_healthy"), sample("openinference_pipecat_healthy")]
    run("ingest", *files, "--store", late, "--spans-only")
    assert run("requests", "--store", late).rows() == []
    ended = run("locate", "--store", late)
    assert (ended.code, ended.out) == (0, "")
    assert ended.err.endswith("6 requests judged\n")  # after progress, where it takes long
    run("ingest", *files, "--store", plain)
    assert tables(late) == tables(plain)


def test_locate_judges_by_the_policy_of_today(tmp_path: Path) -> None:
    store, policy = tmp_path / "store", tmp_path / "mine.toml"
    policy.write_text("[verdict]\nfloor = 1.0\n")
    run("ingest", HANDOFF, "--store", store)
    run("locate", "--store", store, "--policy", policy)
    [row] = run("failures", "--store", store).rows()
    assert row["stage"] == "undetermined"
