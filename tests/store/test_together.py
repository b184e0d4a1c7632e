"""Readers and writers at the same time: nobody waits for a reader, nobody sees a half."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.store.frames import load, new_store, request, requests, span, spans, trace
from tracelens.errors import StoreError
from tracelens.store import Store, compact
from tracelens.store.sweep import sweep
from tracelens.store.writer import Writer

TESTS = Path(__file__).parents[1]

HALF = textwrap.dedent(
    """
    import sys
    from pathlib import Path
    from tests.store.frames import load, span, spans
    from tracelens.store import Store
    store = Store.open(Path(sys.argv[1]), create=True)
    for number in range(int(sys.argv[2]), int(sys.argv[2]) + 8):
        load(store, spans(*(span(f"t{number}", str(leaf)) for leaf in range(3))))
    store.close()
    """
)


def start(code: str, *arguments: object) -> subprocess.Popen[str]:
    """Another process that can use the helpers of these tests."""
    environment = os.environ | {"PYTHONPATH": f"{TESTS.parent}:{TESTS}"}
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)


def test_two_processes_that_overlap_give_the_tables_of_one(tmp_path: Path) -> None:
    writers = [start(HALF, tmp_path / "store", first) for first in (0, 4)]
    assert [each.communicate() and each.returncode for each in writers] == [0, 0]
    store = Store.open(tmp_path / "store")
    assert store.query("select count(*) as n from spans")["n"].item() == 12 * 3
    assert store.query("from requests").height == 12
    assert sum(each["spans_stored"] for each in store.loads()) == 12 * 3
    store.close()


def test_a_reader_never_sees_half_of_a_commit(store: Store) -> None:
    done = threading.Event()

    def write() -> None:
        for number in range(12):
            load(store, spans(*(span(f"t{number}", str(leaf)) for leaf in range(5))))
        done.set()

    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(write)
        seen = []
        while not done.is_set():
            sql = "select (select count(*) from spans) as s, (select count(*) from requests) as r"
            seen.append(store.query(sql).row(0))
        writing.result()
    assert all(spans_seen == 5 * requests_seen for spans_seen, requests_seen in seen)
    assert seen == sorted(seen)


def test_a_snapshot_stays_what_it_was(store: Store) -> None:
    load(store, spans(span("a")))
    before = store.snapshot()
    assert store.snapshot() is before
    load(store, spans(span("b")))
    assert before.query("from spans").height == 1
    assert store.query("from spans").height == 2


def test_threads_get_their_own_rows(store: Store) -> None:
    load(store, spans(*(span(f"t{number}") for number in range(50))))

    def ask(number: int) -> bool:
        wanted = trace(f"t{number % 50}")
        found = store.query("select trace_id from spans where trace_id = $t", {"t": wanted})
        return found["trace_id"].to_list() == [wanted]

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(ask, range(200)))


def test_a_busy_store_names_the_process(store: Store) -> None:
    with (
        store.writer(),
        pytest.raises(StoreError, match=rf"busy: process {os.getpid()} .* more than 0\.1 s"),
        store.writer(seconds=0.1),
    ):
        pass
    with store.writer(seconds=0.1):
        pass


def test_a_writer_waits_for_its_turn(store: Store) -> None:
    def hold() -> None:
        with store.writer():
            held.set()
            time.sleep(0.3)

    held = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        holding = pool.submit(hold)
        held.wait()
        assert load(store, spans(span("a"))) == 1
        holding.result()


def test_compaction_changes_no_answer(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compact, "SEGMENTS_KEPT", 4)
    monkeypatch.setattr(compact, "SEGMENTS_MERGED", 4)
    reader = new_store(store.path.parent)
    for number in range(12):
        load(
            store, spans(span(f"t{number}"), span("again", str(number)), span("u", session_id="s"))
        )
        assert reader.query("from spans").height == 2 * (number + 1) + 1
        assert reader.query("from requests").height == number + 3
        live = reader._log.live()
        assert max(len(live.of("spans")), len(live.of("requests"))) <= 5
    assert reader.query("select distinct load from spans").height == 12
    reader.close()


def test_a_process_that_slept_reads_the_new_files(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    load(store, spans(span("a")), requests(request("a")))
    load(store, spans(span("b")), requests(request("b")))
    old = store.snapshot()
    monkeypatch.setattr(compact, "SEGMENTS_KEPT", 1)
    with store.writer():
        pass
    with Writer(store.path, seconds=1, grace=-1):
        pass
    assert kinds(store.path) == ["columns", "requests", "spans"]
    with pytest.raises(StoreError, match="cannot be read"):
        old.query("select count(name), count(attrs) from spans")
    # A store that kept the old snapshot asks again.
    store._snapshot = old
    assert store.query("select count(name) as n from spans")["n"].item() == 2


def test_sweep_keeps_what_is_in_use(store: Store) -> None:
    load(store, spans(span("a")))
    segments, staging = store.path / "segments", store.path / "staging"
    abandoned = staging / "1-dead"
    abandoned.mkdir()
    (abandoned / "owner.lock").touch()
    for stray in (".tmp-1-spans-00000001-x.parquet", "spans-00000001-stray.parquet"):
        (segments / stray).touch()
    with store.stage() as stage:
        stage.add(spans(span("b")))
        with store.writer() as writer:
            left = {each.name for each in segments.iterdir()}
            assert not {each for each in left if each.startswith(".tmp-")}
            assert "spans-00000001-stray.parquet" in left, "younger than the grace period"
            assert not abandoned.exists()
            sweep(store.path, writer._log, grace=-1)
            assert kinds(store.path) == ["columns", "requests", "spans"]
            assert writer.fresh(stage).stored == 1
    assert store.query("from spans").height == 1


def kinds(store: Path) -> list[str]:
    """The kinds of file that a store keeps its rows in, a name for each file."""
    return sorted(each.name.partition("-")[0] for each in (store / "segments").iterdir())
