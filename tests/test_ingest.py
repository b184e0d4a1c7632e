"""Loading: nothing is lost, nothing counts twice, and the order of files changes nothing."""

from __future__ import annotations

import gzip
import io
import json
import os
import random
import re
import signal
import subprocess
import sys
import tarfile
import time
import zipfile
from functools import partial
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
import zstandard

import tracelens.ingest.run
from tests.command import ROOT, process, run
from tests.read.dumps import framed, proto
from tests.traces import (
    ALL_SAMPLES,
    copies,
    documents,
    lines,
    load,
    only_span,
    sample,
    single_spans,
    tables,
)
from tracelens import TraceLens
from tracelens.api import Upload
from tracelens.errors import InputError
from tracelens.read import read_spans
from tracelens.store import Store
from tracelens.store.lock import WriterLock

HANDOFF = sample("openinference_handoff_lost_not")
PNG = b"\x89PNG\r\n\x1a\n" + bytes(40)


def sources(*paths: str | Path, store: Path) -> list[dict[str, Any]]:
    """The reports of `ingest --format json`; the load identity holds for each and for the sum."""
    ended = run("ingest", *paths, "--store", store, "--format", "json")
    assert ended.code in (0, 3), ended.err
    report = ended.json()
    for each in [*report["sources"], report["totals"]]:
        assert_identity(each)
    return list(report["sources"])


def assert_identity(counts: dict[str, Any]) -> None:
    parts = ("spans_stored", "spans_duplicate", "spans_merged", "spans_rejected")
    assert counts["spans_read"] == sum(counts[each] for each in parts), counts


def summary(each: dict[str, Any]) -> tuple[Any, ...]:
    """Read, stored, duplicate, status."""
    return each["spans_read"], each["spans_stored"], each["spans_duplicate"], each["status"]


def write(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "store"


def test_the_same_file_again_stores_nothing(store: Path) -> None:
    assert summary(*sources(HANDOFF, store=store)) == (4, 4, 0, "loaded")
    before = tables(store)
    assert summary(*sources(HANDOFF, store=store)) == (4, 0, 4, "loaded_before")
    assert tables(store) == before


def listed(store: Path) -> list[tuple[Any, ...]]:
    """Past loads, newest first: commit, file, status, stored and duplicate spans, rejects."""
    with TraceLens(store) as lens:
        return [
            (
                each["generation"],
                Path(each["path"]).parent.name,
                each["status"],
                each["spans_stored"],
                each["spans_duplicate"],
                len(each["rejects"]),
            )
            for each in lens.loads()
        ]


def test_a_known_file_is_listed_again_and_once(store: Path) -> None:
    sources(HANDOFF, store=store)
    first = (1, "openinference_handoff_lost_not", "loaded", 4, 0, 0)
    for generation in (2, 3):
        sources(HANDOFF, store=store)
        again = (generation, "openinference_handoff_lost_not", "loaded_before", 0, 4, 0)
        assert listed(store) == [again, first]


def test_known_files_share_a_commit_that_writes_no_segment(store: Path) -> None:
    sources(*ALL_SAMPLES[:5], store=store)
    segments = sorted((store / "segments").iterdir())
    sources(*ALL_SAMPLES[:5], store=store)
    assert sorted((store / "segments").iterdir()) == segments
    assert [row[0] for row in listed(store)] == [2] * 5 + [1] * 5
    found = sources(*ALL_SAMPLES[:6], store=store)
    assert [each["status"] for each in found] == ["loaded_before"] * 5 + ["loaded"]
    assert [row[0] for row in listed(store)] == [3] * 6 + [1] * 5


def test_rejects_of_a_known_file_are_listed_with_it(store: Path, tmp_path: Path) -> None:
    """The report shows 20 of them, the store keeps all, and the third load knows as many."""
    (tmp_path / "broken").mkdir()
    data = HANDOFF.read_bytes() + b'{"resourceSpans":[{]}\n' * 30
    broken = write(tmp_path / "broken" / "dump.jsonl", data)
    for again in range(3):
        (found,) = sources(broken, store=store)
        assert (len(found["rejects"]), found["records_rejected"]) == (20, 30)
        assert [row[1:] for row in listed(store)] == [
            ("broken", "loaded_before", 0, 4, 30),
            ("broken", "partly_loaded", 4, 0, 30),
        ][-1 - bool(again) :]


@pytest.mark.parametrize(
    "wrap",
    [
        pytest.param(gzip.compress, id="gzip"),
        pytest.param(zstandard.compress, id="zstd"),
        pytest.param(
            lambda data: b"".join(gzip.compress(x) for x in (data[:99], data[99:])), id="members"
        ),
    ],
)
def test_the_same_dump_in_a_wrapping_counts_as_loaded_before(
    store: Path, tmp_path: Path, wrap: Any
) -> None:
    sources(HANDOFF, store=store)
    wrapped = write(tmp_path / "again", wrap(HANDOFF.read_bytes()))
    assert summary(*sources(wrapped, store=store)) == (4, 0, 4, "loaded_before")


@pytest.mark.parametrize(
    "frame",
    [pytest.param(b"".join, id="raw"), pytest.param(lambda parts: framed(*parts), id="framed")],
)
def test_the_same_spans_as_protobuf_store_nothing(store: Path, tmp_path: Path, frame: Any) -> None:
    sources(HANDOFF, store=store)
    binary = write(tmp_path / "again", frame([proto(each) for each in documents(HANDOFF)]))
    (again,) = sources(binary, store=store)
    assert summary(again) == (4, 0, 4, "loaded")
    assert again["format"].startswith("otlp_proto")


def test_a_copy_in_the_same_load_stores_nothing(store: Path, tmp_path: Path) -> None:
    copy = write(tmp_path / "copy.jsonl", HANDOFF.read_bytes())
    found = sources(HANDOFF, copy, store=store)
    assert [summary(each) for each in found] == [(4, 4, 0, "loaded"), (4, 0, 4, "loaded_before")]


def test_every_sample_adds_up(store: Path) -> None:
    found = sources(*ALL_SAMPLES, store=store)
    assert len(found) == len(ALL_SAMPLES)
    assert all(each["status"] == "loaded" and each["spans_stored"] for each in found)
    with TraceLens(store) as lens:
        held = lens.sql("select count(*) as n from spans")["n"][0]
        logged = lens.sql("select sum(spans_stored)::bigint as n from loads where final")["n"][0]
    assert held == logged == sum(each["spans_stored"] for each in found)


def bad_span() -> bytes:
    """A document whose second span is a text."""
    (document,) = documents(HANDOFF)[:1]
    document["resourceSpans"][0]["scopeSpans"][0]["spans"].append("no span")
    return lines([document])


FOUR = HANDOFF.read_bytes()
DAMAGED = {
    "cut": (lines(single_spans(HANDOFF))[:-40], (3, 3, 0, "partly_loaded"), (0, 1)),
    "cut gzip": (gzip.compress(FOUR)[:-12], (3, 3, 0, "partly_loaded"), (0, 2)),
    "corrupt span": (bad_span(), (4, 3, 0, "partly_loaded"), (1, 0)),
    "corrupt line": (b"{oops\n" + FOUR, (4, 4, 0, "partly_loaded"), (0, 1)),
    "twice": (FOUR + FOUR, (8, 4, 4, "loaded"), (0, 0)),
    "mixed with logs": (b'{"resourceLogs":[]}\n' + FOUR, (4, 4, 0, "loaded"), (0, 0)),
}


@pytest.mark.parametrize("damage", DAMAGED)
def test_damaged_files_add_up(store: Path, tmp_path: Path, damage: str) -> None:
    data, expected, lost = DAMAGED[damage]
    (found,) = sources(write(tmp_path / "dump", data), store=store)
    assert summary(found) == expected
    assert (found["spans_rejected"], found["records_rejected"]) == lost
    assert len(found["rejects"]) == sum(lost)


def parts(monkeypatch: pytest.MonkeyPatch, *, rows: int, size: int) -> None:
    """Read few spans at a time and commit after few bytes."""
    monkeypatch.setattr(tracelens.ingest.run, "read_spans", partial(read_spans, batch_rows=rows))
    monkeypatch.setattr(tracelens.ingest.run, "PART_BYTES", size)
    for module in ("decompress", "window"):
        monkeypatch.setattr(f"tracelens.read.{module}.CHUNK", 4_096)


def test_a_file_in_parts_gives_the_tables_of_one_commit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    big = write(tmp_path / "big.jsonl", copies(sample("livekit_tool_raises"), 12))
    (whole,) = sources(big, store=tmp_path / "whole")
    parts(monkeypatch, rows=10, size=60_000)
    (split,) = sources(big, store=tmp_path / "split")
    assert summary(split) == summary(whole)
    with TraceLens(tmp_path / "split") as lens:
        loads = lens.sql("select final, spans_read, spans_stored from loads order by generation")
        for each in lens.loads():
            assert_identity(each)
    assert loads.height > 2
    assert loads["final"].to_list() == [False] * (loads.height - 1) + [True]
    assert loads["spans_stored"].is_sorted()
    assert tables(tmp_path / "split") == tables(tmp_path / "whole")


def test_small_files_share_a_commit(store: Path) -> None:
    sources(*ALL_SAMPLES[:5], store=store)
    with TraceLens(store) as lens:
        assert {each["generation"] for each in lens.loads()} == {1}


def test_a_cut_part_is_no_known_dump(
    tmp_path: Path, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that ends between two parts leaves the rest to the next one."""
    big = write(tmp_path / "big.jsonl", copies(HANDOFF, 60))
    parts(monkeypatch, rows=10, size=80_000)
    commit = tracelens.ingest.run.Run._commit
    calls = []

    def dies(self: Any, *, final: bool) -> None:
        calls.append(final)
        if len(calls) > 2:
            raise KeyboardInterrupt
        commit(self, final=final)

    monkeypatch.setattr(tracelens.ingest.run.Run, "_commit", dies)
    assert run("ingest", big, "--store", store).code == 130
    monkeypatch.setattr(tracelens.ingest.run.Run, "_commit", commit)
    (again,) = sources(big, store=store)
    assert again["status"] == "loaded"
    assert again["spans_read"] == 240
    assert 0 < again["spans_duplicate"] < 240
    load(tmp_path / "clean", big).close()
    assert tables(store) == tables(tmp_path / "clean")


def overlapping(folder: Path, names: list[str]) -> list[Path]:
    """Three dumps of samples; each holds two thirds of the spans, none all, children apart."""
    singles = [each for name in names for each in single_spans(sample(name))]
    return [
        write(
            folder / f"piece{piece}.jsonl",
            lines(each for number, each in enumerate(singles) if number % 3 != piece),
        )
        for piece in range(3)
    ]


MIXED = ["livekit_tool_raises", "openinference_handoff_lost_not", "otel_genai_tts_429"]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    store = tmp_path_factory.mktemp("whole") / "store"
    load(store, *(sample(name) for name in MIXED)).close()
    found = tables(store)
    assert found["requests"]
    assert found["evidence"]
    return found


@pytest.mark.parametrize("order", list(permutations(range(3))), ids=str)
def test_overlapping_dumps_in_any_order_give_the_same_tables(
    tmp_path: Path, whole: dict[str, Any], order: tuple[int, ...]
) -> None:
    pieces = overlapping(tmp_path, MIXED)
    for piece in order:
        load(tmp_path / "apart", pieces[piece]).close()
    assert tables(tmp_path / "apart") == whole


def test_overlapping_dumps_at_once_give_the_same_tables(
    tmp_path: Path, whole: dict[str, Any]
) -> None:
    load(tmp_path / "store", *reversed(overlapping(tmp_path, MIXED))).close()
    assert tables(tmp_path / "store") == whole


def test_children_may_arrive_before_their_parents(tmp_path: Path, whole: dict[str, Any]) -> None:
    singles = [each for name in MIXED for each in single_spans(sample(name))]
    singles.sort(key=lambda each: int(only_span(each)["startTimeUnixNano"]), reverse=True)
    for number in range(4):
        size = -(-len(singles) // 4)
        piece = lines(singles[number * size : (number + 1) * size])
        load(tmp_path / "store", write(tmp_path / f"{number}.jsonl", piece)).close()
    assert tables(tmp_path / "store") == whole


def shared_session(seed: int) -> list[dict[str, Any]]:
    """Spans of some conversations at about one time, all with one session id."""
    dice, found = random.Random(seed), []
    for copy in range(5):
        later = int(dice.uniform(0, 25) * 1e9)
        for document in single_spans(sample(f"openinference_pipecat_{dice.choice(TALKS)}")):
            trace = only_span(document)["traceId"]
            text = json.dumps(document).replace(trace, f"{trace[:31]}{copy}")
            text = re.sub(r'(?<=TimeUnixNano": ")\d+', partial(delayed, later), text)
            text = re.sub(r'(?<="session.id", "value": {"stringValue": ")[^"]+', "default", text)
            found.append(json.loads(text))
    return found


TALKS = ["healthy", "llm_500", "tts_500"]


def delayed(nanos: int, time: re.Match[str]) -> str:
    return str(int(time[0]) + nanos)


@pytest.mark.parametrize("seed", [1, 2])
def test_a_session_id_that_all_share_in_any_order(tmp_path: Path, seed: int) -> None:
    """Turns in other traces follow one another, and some hold what another trace recorded."""
    spans = shared_session(seed)
    load(tmp_path / "whole", write(tmp_path / "whole.jsonl", lines(spans))).close()
    whole = tables(tmp_path / "whole")
    held = {(each["trace_id"], each["span_id"]) for each in whole["spans"]}
    strays = [
        span
        for each in whole["requests"]
        for span in each["span_ids"]
        if (each["trace_id"], span) not in held
    ]
    assert {each["session_id"] for each in whole["requests"]} == {"default"}
    assert strays
    random.Random(seed).shuffle(spans)
    for number in range(6):
        piece = write(tmp_path / "piece.jsonl", lines(spans[number::6]))
        load(tmp_path / "pieces", piece).close()
    assert tables(tmp_path / "pieces") == whole
    with TraceLens(tmp_path / "pieces") as lens:
        lens.locate()
    assert tables(tmp_path / "pieces") == whole


def test_an_id_that_a_late_root_supersedes_still_leads_to_its_request(
    tmp_path: Path, store: Path
) -> None:
    """LiveKit: an agent_turn stands for a request until its user_turn arrives."""
    singles = single_spans(sample("livekit_tool_raises"))
    late = [each for each in singles if only_span(each)["name"] == "user_turn"]
    early = [each for each in singles if each not in late]
    assert late
    load(store, write(tmp_path / "early.jsonl", lines(early))).close()
    with TraceLens(store) as lens:
        old = set(lens.requests()["request_id"])
    load(store, write(tmp_path / "late.jsonl", lines(late))).close()
    with TraceLens(store) as lens:
        new = set(lens.requests()["request_id"])
        gone = sorted(old - new)
        assert gone
        matches = {each: lens.resolve(each) for each in gone}
    for each in gone:
        assert matches[each].kind == "alias"
        explained = run("explain", each, "--store", store, "--format", "json").json()
        assert explained["request_id"] in new
        assert explained["request_id"] == matches[each].request_ids[0]


@pytest.mark.parametrize("order", [1, -1], ids=["bad first", "bad last"])
def test_a_refused_input_among_good_ones_is_kept_in_loads(
    tmp_path: Path, store: Path, order: int
) -> None:
    bad = write(tmp_path / "picture.jsonl", PNG)
    missing = tmp_path / "missing.jsonl"
    ended = run("ingest", *[bad, missing, HANDOFF][::order], "--store", store, "--format", "json")
    assert ended.code == 3
    found = {Path(each["path"]).name: each for each in ended.json()["sources"]}
    assert found["picture.jsonl"]["status"] == found["missing.jsonl"]["status"] == "refused"
    assert "PNG image" in found["picture.jsonl"]["rejects"][0]["reason"]
    assert "No such file" in found["missing.jsonl"]["rejects"][0]["reason"]
    assert summary(found["trace.jsonl"]) == (4, 4, 0, "loaded")
    with TraceLens(store) as lens:
        kept = {Path(each["path"]).name: each for each in lens.loads()}
    assert kept.keys() == found.keys()
    assert "PNG image" in kept["picture.jsonl"]["rejects"][0]["reason"]


@pytest.mark.parametrize(
    ("names", "says"),
    [
        pytest.param(["picture"], "PNG image", id="one"),
        pytest.param(["picture", "void"], "none of the 2 inputs could be loaded", id="two"),
        pytest.param(["nowhere"], "No such file", id="missing"),
        pytest.param(["empty_folder"], "the folder holds no files", id="empty folder"),
        pytest.param(["nothing*"], "the pattern matches no file", id="glob"),
    ],
)
def test_only_bad_inputs_leave_no_store_behind(
    tmp_path: Path, store: Path, names: list[str], says: str
) -> None:
    write(tmp_path / "picture", PNG)
    write(tmp_path / "void", b"")
    (tmp_path / "empty_folder").mkdir()
    ended = run("ingest", *(tmp_path / name for name in names), "--store", store)
    assert (ended.code, ended.out) == (2, "")
    assert says in ended.err
    assert all(str(tmp_path / name) in ended.err for name in names)
    assert not store.exists()


def test_only_bad_inputs_leave_a_store_as_it_was(tmp_path: Path, store: Path) -> None:
    load(store, HANDOFF).close()
    before = tables(store)
    bad = write(tmp_path / "picture", PNG)
    assert run("ingest", bad, "--store", store).code == 2
    assert tables(store) == before
    with TraceLens(store) as lens:
        assert lens.loads()[0]["status"] == "refused"


def test_folders_globs_and_names_load_each_file_once(tmp_path: Path, store: Path) -> None:
    dumps = tmp_path / "dumps"
    folder = dumps / "a dir [é]"
    (folder / "deep").mkdir(parents=True)
    write(folder / "one.jsonl", HANDOFF.read_bytes())
    write(folder / "deep" / "two.jsonl", sample("pipecat_greeting").read_bytes())
    write(folder / ".hidden", PNG)
    (folder / "link.jsonl").symlink_to(folder / "one.jsonl")
    os.mkfifo(folder / "fifo")
    found = sources(folder, folder / "one.jsonl", store=store)
    assert sorted(Path(each["path"]).name for each in found) == ["link.jsonl", "two.jsonl"]
    found = sources(dumps / "a*" / "*.jsonl", dumps / "*", store=tmp_path / "other")
    assert sorted(Path(each["path"]).name for each in found) == ["link.jsonl", "two.jsonl"]


def test_the_store_itself_is_no_input(tmp_path: Path) -> None:
    write(tmp_path / "one.jsonl", HANDOFF.read_bytes())
    store = tmp_path / "tracelens-store"
    sources(tmp_path, store=store)
    (again,) = sources(tmp_path, store=store)
    assert again["status"] == "loaded_before"
    ended = run("ingest", store, "--store", tmp_path / "other")
    assert ended.code == 2
    assert f"tracelens failures --store {store}" in ended.err


def test_rejects_beyond_the_limit_are_counted(tmp_path: Path, store: Path) -> None:
    """The store keeps the first ones with their place, reason and beginning."""
    policy = write(tmp_path / "policy.toml", b"[limits]\nrejects_kept = 3\n")
    bad = [b'{"resourceSpans":[{] %d' % number for number in range(9)]
    dump = write(tmp_path / "dump.jsonl", HANDOFF.read_bytes() + b"\n".join(bad))
    ended = run("ingest", dump, "--store", store, "--policy", policy, "--format", "json")
    (found,) = ended.json()["sources"]
    assert (ended.code, found["records_rejected"], len(found["rejects"])) == (3, 9, 3)
    with TraceLens(store) as lens:
        (kept,) = lens.loads()
        viewed = lens.sql('select "at", reason, excerpt from rejects').rows(named=True)
    assert kept["records_rejected"] == 9
    assert kept["rejects"] == viewed == found["rejects"]
    assert [each["excerpt"] for each in viewed] == [each.decode() for each in bad[:3]]
    assert [each["at"].partition(",")[0] for each in viewed] == ["line 3", "line 4", "line 5"]
    assert all(each["reason"] for each in viewed)


@pytest.mark.parametrize("kind", ["fifo", "null", "loop", "long"])
def test_what_is_no_file_is_named(tmp_path: Path, store: Path, kind: str) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    path = {"null": "/dev/null", "long": "x" * 5_000}.get(kind, str(tmp_path / kind))
    ended = run("ingest", path, "--store", store)
    assert ended.code == 2
    assert ended.err.startswith(f"tracelens: {path}: ")
    assert "Check path" in ended.err or "pipe it to standard input" in ended.err


def test_standard_input(store: Path) -> None:
    ended = run("ingest", "-", "--store", store, "--format", "json", stdin=HANDOFF.read_bytes())
    (found,) = ended.json()["sources"]
    assert (ended.code, found["path"], *summary(found)) == (0, "-", 4, 4, 0, "loaded")
    again = run("ingest", "-", "--store", store, "--format", "json", stdin=HANDOFF.read_bytes())
    assert summary(*again.json()["sources"]) == (4, 0, 4, "loaded_before")


def test_spans_only_judges_nothing(store: Path) -> None:
    ended = run("ingest", HANDOFF, "--spans-only", "--store", store, "--format", "json")
    assert summary(*ended.json()["sources"]) == (4, 4, 0, "loaded")
    found = tables(store)
    assert (len(found["spans"]), found["requests"]) == (4, [])


def test_an_honest_dump_without_spans_is_loaded(tmp_path: Path, store: Path) -> None:
    (found,) = sources(write(tmp_path / "none.jsonl", b'{"resourceSpans":[]}\n'), store=store)
    assert summary(found) == (0, 0, 0, "loaded")


def test_what_came_before_a_limit_stays_loaded(tmp_path: Path, store: Path) -> None:
    """Every line is 4 spans; the policy allows the bytes of two and a half."""
    one = copies(HANDOFF, 1)
    policy = tmp_path / "policy.toml"
    policy.write_text(f"[limits]\ndecompressed_bytes = {len(one) * 5 // 2}\n")
    monkey = write(tmp_path / "big.jsonl", copies(HANDOFF, 300))
    ended = run("ingest", monkey, "--store", store, "--policy", policy, "--format", "json")
    assert ended.code in (2, 3)
    assert "limits.decompressed_bytes" in ended.out + ended.err


def test_what_was_read_before_an_error_is_stored(
    tmp_path: Path, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that fails half way: the spans so far are not called duplicates."""
    big = write(tmp_path / "big.jsonl", copies(HANDOFF, 400))
    from tracelens.read.decompress import Decompressed

    read_raw = Decompressed.read_raw

    def fails(self: Any, file: Any) -> bytes:
        if self.tally.bytes:
            raise InputError("the disk failed")
        return read_raw(self, file)

    monkeypatch.setattr(Decompressed, "read_raw", fails)
    (found,) = sources(big, store=store)
    assert found["status"] == "partly_loaded"
    assert found["rejects"][0]["reason"] == "the disk failed"
    assert found["spans_stored"] == found["spans_read"] > 0
    assert len(tables(store)["spans"]) == found["spans_stored"]
    monkeypatch.undo()
    (again,) = sources(big, store=store)
    assert summary(again)[0::3] == (1_600, "loaded")
    assert again["spans_duplicate"] == found["spans_stored"]


def test_a_busy_store_is_exit_5(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    load(store, HANDOFF).close()
    monkeypatch.setitem(Store.writer.__kwdefaults__, "seconds", 0.1)
    other = sample("pipecat_greeting")
    with WriterLock(store / "writer.lock", seconds=1):
        ended = run("ingest", other, "--store", store)
    assert (ended.code, ended.out) == (5, "")
    assert f"store {store} is busy: process {os.getpid()}" in ended.err
    assert summary(*sources(other, store=store))[3] == "loaded"


@pytest.mark.parametrize("kind", ["file", "other files"])
def test_what_is_no_store_is_exit_5_and_left_alone(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "place"
    if kind == "file":
        place.write_text("mine")
    else:
        place.mkdir()
        (place / "mine.txt").write_text("mine")
    monkeypatch.setattr(tracelens.ingest.run.Run, "load", None)  # nothing is read
    ended = run("ingest", HANDOFF, "--store", place)
    assert ended.code == 5
    assert str(place) in ended.err
    assert [each.read_text() for each in [place, *tmp_path.rglob("*.txt")] if each.is_file()] == [
        "mine"
    ]


def test_an_interrupt_is_exit_130_and_keeps_what_was_committed(tmp_path: Path, store: Path) -> None:
    big = write(tmp_path / "big.jsonl", copies(HANDOFF, 1_500))
    child = subprocess.Popen(
        [sys.executable, "-c", SLOW, "ingest", str(big), "--store", str(store)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    wait_for_commit(store)
    child.send_signal(signal.SIGINT)
    out, err = child.communicate(timeout=60)
    assert (child.returncode, out) == (130, b""), err.decode()
    assert err.strip() == b"tracelens: interrupted; what was committed stays"
    kept = tables(store)
    assert 0 < len(kept["spans"]) < 6_000
    assert {each["trace_id"] for each in kept["spans"]} == {
        each["trace_id"] for each in kept["requests"]
    }


#: The command line with commits after few bytes.
SLOW = """
import functools, tracelens.ingest.run as ingest
ingest.PART_BYTES = 100_000
ingest.read_spans = functools.partial(ingest.read_spans, batch_rows=100)
from tracelens.cli import main
main()
"""


def wait_for_commit(store: Path) -> None:
    limit = time.monotonic() + 60
    while time.monotonic() < limit:
        if (store / "log.sqlite").exists():
            with TraceLens(store) as lens:
                if lens.loads():
                    return
        time.sleep(0.02)
    raise AssertionError("nothing was committed within a minute")


def test_an_interrupt_at_any_moment_is_exit_130(tmp_path: Path) -> None:
    """Whatever is at work, the mappings, the checks or the database: never a traceback."""
    big = write(tmp_path / "big.jsonl", copies(HANDOFF, 1_500))
    for number, moment in enumerate((0.0, 0.2, 0.5)):
        store = tmp_path / str(number)
        child = process("ingest", big, "--store", store, "-q", stderr=subprocess.PIPE)
        while not store.exists() and child.poll() is None:
            time.sleep(0.01)
        time.sleep(moment)
        child.send_signal(signal.SIGINT)
        _, err = child.communicate(timeout=60)
        assert child.returncode in (0, 130), err.decode()
        assert b"Traceback" not in err


def test_members_of_archives_are_inputs(store: Path, tmp_path: Path) -> None:
    """A zip, and a compressed tar of the same files, give what the files give."""
    names = ("openinference_handoff_lost_not", "pipecat_healthy")
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        for name in names:
            archive.write(sample(name), f"{name}/trace.jsonl")
        archive.writestr("notes.txt", "not a trace")
    first, second, notes = sources(tmp_path / "all.zip", store=store)
    assert summary(first) == (4, 4, 0, "loaded")
    assert summary(second) == (13, 13, 0, "loaded")
    assert (notes["path"], notes["status"]) == (f"{tmp_path}/all.zip!notes.txt", "refused")
    with tarfile.open(tmp_path / "all.tar.gz", "w:gz") as archive_:
        for name in names:
            archive_.add(sample(name), f"{name}/trace.jsonl")
    again = sources(tmp_path / "all.tar.gz", store=store)
    assert [each["spans_stored"] for each in again] == [0, 0]


def test_what_was_wrong_with_a_known_file_is_said_again(store: Path, tmp_path: Path) -> None:
    broken = write(tmp_path / "broken.jsonl", HANDOFF.read_bytes() + b'{"resourceSpans":[{]}\n')
    [first] = sources(broken, store=store)
    ended = run("ingest", broken, "--store", store, "--format", "json")
    [again] = ended.json()["sources"]
    assert (first["status"], again["status"]) == ("partly_loaded", "loaded_before")
    assert again["rejects"] == first["rejects"] != []
    assert ended.code == 3


def logfire_type(kind: str) -> dict[str, Any]:
    return {"attributes": [{"key": "logfire.span_type", "value": {"stringValue": kind}}]}


def test_pending_spans_are_merged_and_counted(store: Path, tmp_path: Path) -> None:
    """Logfire announces a span before it ends; the announcement is no second span."""
    real = {"traceId": "a" * 32, "spanId": "b" * 16, "name": "work"} | logfire_type("span")
    pending = real | {"spanId": "c" * 16, "parentSpanId": "b" * 16} | logfire_type("pending_span")
    dump = {"resourceSpans": [{"scopeSpans": [{"spans": [pending, real]}]}]}
    [report] = sources(write(tmp_path / "p.json", json.dumps(dump).encode()), store=store)
    assert (report["spans_read"], report["spans_stored"], report["spans_merged"]) == (2, 1, 1)


def test_uploads_are_inputs_and_their_names_open_nothing(tmp_path: Path) -> None:
    data = HANDOFF.read_bytes()
    members = io.BytesIO()
    with zipfile.ZipFile(members, "w") as archive:
        archive.writestr("inside.jsonl", data)
    uploads = [
        Upload("-", data),
        Upload("/etc/passwd", data + b"\n"),
        Upload("/etc/passwd", b"a,b\n"),
        Upload("dumps.zip", members.getvalue()),
    ]
    with TraceLens(tmp_path / "store") as lens:
        report = lens.ingest(uploads)
    found = [(each.path, each.spans_read, each.status) for each in report.sources]
    assert found == [
        ("-", 4, "loaded"),
        ("/etc/passwd", 4, "loaded"),
        ("/etc/passwd", 0, "refused"),
        ("dumps.zip!inside.jsonl", 4, "loaded_before"),
    ]


def test_a_load_that_is_stopped_keeps_what_was_read(tmp_path: Path) -> None:
    asked = iter([False, True])
    with TraceLens(tmp_path / "store") as lens:
        assert lens.newest_load() == 0
        report = lens.ingest([HANDOFF, sample("livekit_healthy")], stop=lambda: next(asked))
        assert [each.status for each in report.sources] == ["loaded"]
        assert lens.sql("select count(*) as n from spans")["n"][0] == 4
        assert lens.newest_load() == 1
