"""Faults that meet a whole ingest: odd paths, files that change, trace shapes, signals, locales.

Those of reading alone are in `tests/read/test_faults.py`; both are named by the same list.
"""

from __future__ import annotations

import gzip
import io
import json
import os
import signal
import socket
import stat
import subprocess
import sys
import tarfile
import time
import zipfile
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
import zstandard

from tests.command import ROOT, Ended, process, run
from tests.read.dumps import START, dump, proto, request, span, text
from tests.traces import copies, lines, load, sample, single_spans, tables
from tracelens import TraceLens

ONE = dump(request(span()))
HANDOFF = sample("openinference_handoff_lost_not")
FOUR = HANDOFF.read_bytes()


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "store"


def write(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def ingest(store: Path, *paths: Path | str) -> Ended:
    ended = run("ingest", *paths, "--store", store, "--format", "json")
    assert "Traceback" not in ended.err
    return ended


def sources(store: Path, *paths: Path | str) -> list[dict[str, Any]]:
    return list(ingest(store, *paths).json()["sources"])


def warned(report: dict[str, Any]) -> dict[str, int]:
    """Warnings of an input: how many by code."""
    return {each["code"]: each["count"] for each in report["warnings"]}


def ask(store: Path, sql: str) -> list[tuple[Any, ...]]:
    with TraceLens(store) as lens:
        return lens.sql(sql).rows()


def test_row_07_protobuf_without_its_compiled_decoder_is_refused(
    tmp_path: Path, store: Path
) -> None:
    """The slow decoder is named with the way out; what needs no protobuf loads as always."""
    binary = write(tmp_path / "one.binpb", proto(request(span())))
    slow = {"PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION": "python"}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    child = process("ingest", binary, "--store", store, environment=slow, **pipes)
    _, err = child.communicate(timeout=60)
    assert child.returncode == 2
    assert err.count(b"\n") == 1
    assert b"Unset PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION" in err
    plain = write(tmp_path / "one.json", ONE)
    child = process("ingest", plain, "--store", store, environment=slow, **pipes)
    child.communicate(timeout=60)
    assert child.returncode == 0


@pytest.mark.parametrize("kind", ["fifo", "socket", "device", "gone", "old_store"])
def test_row_22_only_regular_files_and_folders_are_read(
    tmp_path: Path, store: Path, kind: str
) -> None:
    """Anything without an end, or without bytes, is refused by name and nothing waits for it."""
    path = tmp_path / kind
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "device":
        path = Path("/dev/zero")
    elif kind == "socket":
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(path))
        listener.close()
    elif kind == "old_store":
        load(path, HANDOFF).close()
    ended = ingest(store, path)
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith(f"tracelens: {path}: ")
    assert not store.exists()


@pytest.mark.parametrize("change", ["vanishes", "is_cut", "grows", "is_replaced"])
def test_row_22_a_file_that_changes_while_it_is_read(
    tmp_path: Path, store: Path, change: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was read is kept and counted, and a later load of the file brings what is missing."""
    monkeypatch.setattr("tracelens.read.decompress.CHUNK", 4_096)
    monkeypatch.setattr("tracelens.read.window.CHUNK", 4_096)
    monkeypatch.setattr("tracelens.read.sink.BATCH_BYTES", 10_000)
    whole = copies(HANDOFF, 100)
    big = write(tmp_path / "big.jsonl", whole)
    changed: list[str] = []

    def meddle(_: Any) -> None:
        if changed:
            return
        changed.append(change)
        if change == "vanishes":
            big.unlink()
        elif change == "is_cut":
            os.truncate(big, len(whole) // 2)
        elif change == "grows":
            with big.open("ab") as more:
                more.write(FOUR)
        else:
            write(tmp_path / "new", FOUR).replace(big)

    with TraceLens(store) as lens:
        (report,) = lens.ingest([big], progress=meddle).sources
    assert changed
    assert report.spans_read == report.spans_stored + report.spans_rejected
    if change == "is_cut":
        assert 0 < report.spans_stored < 400
        assert report.status in ("loaded", "partly_loaded")
    else:
        assert report.spans_stored >= 400
    write(big, whole)
    (again,) = sources(store, big)
    assert again["spans_stored"] + again["spans_duplicate"] == 400
    load(tmp_path / "plain", big).close()
    theirs = {row["request_id"] for row in tables(tmp_path / "plain")["requests"]}
    assert theirs <= {row["request_id"] for row in tables(store)["requests"]}


def test_row_22_a_file_that_is_gone_when_its_turn_comes(tmp_path: Path, store: Path) -> None:
    """It is refused by name; the files before and after it load."""
    names = [write(tmp_path / f"{n}.jsonl", copies(HANDOFF, n + 1)) for n in range(3)]
    with TraceLens(store) as lens:
        report = lens.ingest(names, progress=lambda _: names[1].unlink(missing_ok=True))
    assert [each.status for each in report.sources] == ["loaded", "refused", "loaded"]
    assert str(names[1]) in report.sources[1].rejects[0]["reason"]


def hostile_zip() -> bytes:
    """Duplicate names, a link, a folder, and a member that claims to be encrypted."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        with pytest.warns(UserWarning, match="Duplicate name"):
            for number in (1, 2):
                archive.writestr("same.jsonl", dump(request(span(spanId=f"{number:016x}"))))
        link = zipfile.ZipInfo("link")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
        archive.writestr("folder/", "")
        archive.writestr("secret.jsonl", ONE)
    packed = bytearray(data.getvalue())
    for mark, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        packed[packed.rindex(mark) + flags] |= 1
    return bytes(packed)


def hostile_tar() -> bytes:
    """Links, devices and a pipe beside one dump."""
    data = io.BytesIO()
    kinds = [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE]
    with tarfile.open(fileobj=data, mode="w") as archive:
        for kind in kinds:
            entry = tarfile.TarInfo("evil" + kind.decode())
            entry.type, entry.linkname = kind, "/etc/passwd"
            archive.addfile(entry)
        entry = tarfile.TarInfo("one.jsonl")
        entry.size = len(ONE)
        archive.addfile(entry, io.BytesIO(ONE))
    return data.getvalue()


def test_row_28_what_is_no_file_in_an_archive_is_left_out(tmp_path: Path, store: Path) -> None:
    """Links, devices and folders are no inputs; encrypted ones are named, equal names are two."""
    found = sources(store, write(tmp_path / "a.zip", hostile_zip()))
    assert [(each["status"], each["spans_stored"]) for each in found if each["spans_read"]] == [
        ("loaded", 1)
    ] * 2
    refused = [each for each in found if not each["spans_read"]]
    assert any("encrypted" in each["rejects"][0]["reason"] for each in refused)
    assert not any("root:" in json.dumps(each) for each in found)
    (only,) = sources(store, write(tmp_path / "a.tar", hostile_tar()))
    assert (only["path"], only["spans_read"]) == (f"{tmp_path}/a.tar!one.jsonl", 1)


@pytest.mark.parametrize(
    "again",
    [
        pytest.param(lambda data: data, id="other name"),
        pytest.param(gzip.compress, id="gzip"),
        pytest.param(zstandard.compress, id="zstd"),
        pytest.param(lambda data: zipped("x.jsonl", data), id="zip"),
    ],
)
def test_row_30_the_same_dump_again_stores_nothing_and_is_known(
    tmp_path: Path, store: Path, again: Any
) -> None:
    """Under whatever name or wrapping it comes, the second load says that it was there before."""
    sources(store, HANDOFF)
    before = tables(store)
    (report,) = sources(store, write(tmp_path / "again", again(FOUR)))
    assert (report["status"], report["spans_stored"]) == ("loaded_before", 0)
    assert tables(store) == before


def zipped(name: str, data: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(name, data)
    return packed.getvalue()


@pytest.mark.parametrize("order", [1, -1])
def test_row_31_one_id_with_two_contents_is_two_rows_and_flagged(
    tmp_path: Path, store: Path, order: int
) -> None:
    """Equal content counts once, other content is kept beside it; the order changes nothing."""
    files = [
        write(tmp_path / f"{number}.json", dump(request(span(name=name))))
        for number, name in enumerate(["client", "server", "client"])
    ]
    stored = [sources(store, file)[0]["spans_stored"] for file in files[::order]]
    assert stored == [1, 1, 0]
    assert ask(store, "select name from spans order by name") == [("client",), ("server",)]
    assert ask(store, "select span_ids, notes from requests") == [
        (["b7ad6b7169203331"], ["duplicate_id"])
    ]
    load(tmp_path / "other", *files[::-order]).close()
    assert tables(store)["requests"] == tables(tmp_path / "other")["requests"]


@pytest.mark.parametrize("order", list(permutations(range(3)))[::2], ids=str)
def test_row_32_a_trace_that_comes_in_pieces(
    tmp_path: Path, store: Path, order: tuple[int, ...]
) -> None:
    """Spread over files and loads in any order, the answer is that of the whole file."""
    spans = single_spans(sample("livekit_tool_raises"))
    for piece in order:
        sources(store, write(tmp_path / f"{piece}.jsonl", lines(spans[piece::3])))
    load(tmp_path / "whole", sample("livekit_tool_raises")).close()
    assert tables(store) == tables(tmp_path / "whole")


A, B, C = ("000000000000000a", "000000000000000b", "000000000000000c")


def tree(**parents: str | None) -> list[dict[str, Any]]:
    """Spans a, b, c …, a millisecond apart, with these parents."""
    made = []
    for at, (name, parent) in enumerate(parents.items()):
        times = {
            "startTimeUnixNano": str(START + at * 10**6),
            "endTimeUnixNano": str(START + 10**9),
        }
        above = {"parentSpanId": parent} if parent else {}
        made.append(span(spanId=f"{name:0>16}", name=name, **times, **above))
    return made


SHAPES: dict[str, tuple[list[dict[str, Any]], list[str]]] = {
    "healthy": (tree(a=None, b=A, c=B), []),
    "no root": (tree(a="00000000000000ff", b=A), ["missing_parent"]),
    "parent missing": (tree(a=None, b="00000000000000ff"), ["missing_parent"]),
    "several roots": (tree(a=None, b=None, c=B), ["several_roots"]),
    "own parent": (tree(a=A), ["cycle"]),
    "cycle of two": (tree(a=B, b=A), ["cycle"]),
    "cycle below a root": (tree(a=None, b=C, c=B), ["cycle"]),
    "child before its parent": (tree(b=A, a=None), ["clock_skew"]),
    "zero duration": (
        [span(), span(spanId=A, parentSpanId=span()["spanId"], endTimeUnixNano=str(START))],
        ["zero_duration"],
    ),
    "ends before it starts": ([span(endTimeUnixNano=str(START - 1))], ["negative_duration"]),
    "unfinished": ([span(endTimeUnixNano="0")], ["unfinished"]),
    "dropped": ([span(droppedAttributesCount=3)], ["dropped"]),
    "duplicate keys": ([span(attributes=[text("k", "1"), text("k", "2")])], ["duplicate_keys"]),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_row_33_odd_trees_and_times_are_kept_and_flagged(
    tmp_path: Path, store: Path, shape: str
) -> None:
    """Every span is stored as it came, one request holds them, and its notes say what is odd."""
    spans, notes = SHAPES[shape]
    (report,) = sources(store, write(tmp_path / "odd.json", dump(request(*spans))))
    assert (report["status"], report["spans_stored"]) == ("loaded", len(spans))
    rows = ask(store, "select len(span_ids), notes from requests")
    assert sorted({note for _, found in rows for note in found}) == notes
    assert sum(count for count, _ in rows) == len(spans)
    kept = ask(store, "select span_id, parent_span_id, start_unix_nano from spans order by 1")
    assert kept == sorted(
        (each["spanId"], each.get("parentSpanId"), int(each["startTimeUnixNano"])) for each in spans
    )
    of_records = {"negative_duration", "unfinished", "dropped", "duplicate_keys"}
    assert set(warned(report)) == of_records & set(notes)


def test_row_34_dropped_counts_and_duplicate_keys_can_be_read(tmp_path: Path, store: Path) -> None:
    """What the emitter dropped is told by field; of two values the first counts, none is lost."""
    odd = span(
        droppedAttributesCount=3,
        droppedEventsCount=2,
        attributes=[text("k", "1"), text("k", "2")],
    )
    (report,) = sources(store, write(tmp_path / "odd.json", dump(request(odd))))
    assert warned(report) == {"dropped": 1, "duplicate_keys": 1}
    ((dropped, attrs),) = ask(store, "select dropped, attrs from spans")
    assert json.loads(dropped) == {"attributes": 3, "events": 2}
    assert json.loads(attrs) == {"k": "1", "$duplicates": [["k", "2"]]}


def test_links_are_kept_both_ways(tmp_path: Path, store: Path) -> None:
    """From a span to what it links to, and from a span to what links to it."""
    link = {"traceId": "c" * 32, "spanId": A, "attributes": [text("why", "retry")]}
    spans = [span(spanId=B, links=[link]), span(traceId="c" * 32, spanId=A)]
    sources(store, write(tmp_path / "two.json", dump(request(*spans))))
    to = "select linked_trace_id, linked_span_id, attributes from links where span_id = '" + B + "'"
    assert ask(store, to) == [("c" * 32, A, '{"why":"retry"}')]
    back = "select span_id from links where linked_span_id = '" + A + "'"
    assert ask(store, back) == [(B,)]


def test_a_copy_of_a_span_that_never_ended_is_flagged(tmp_path: Path, store: Path) -> None:
    """Logfire announces a span before it ends: alone, the announcement is all that is known."""
    pending = span(attributes=[text("logfire.span_type", "pending_span")], parentSpanId=A)
    (report,) = sources(store, write(tmp_path / "open.json", dump(request(pending))))
    assert warned(report) == {"pending": 1}
    assert ask(store, "select notes from spans") == [(["pending"],)]
    (notes,) = ask(store, "select notes from requests")[0]
    assert "pending" in notes


def call(cost: dict[str, Any], span_id: str = A) -> dict[str, Any]:
    """A model call below the root that its instrumentation gives a cost."""
    said = {"openinference.span.kind": "LLM", "input.value": "hello", "output.value": "good day"}
    attributes = [text(key, value) for key, value in said.items()]
    attributes.append({"key": "llm.cost.total", "value": cost})
    return span(spanId=span_id, parentSpanId=C, attributes=attributes)


def root(**fields: Any) -> dict[str, Any]:
    kind = text("openinference.span.kind", "CHAIN")
    end = str(START + 10**9)
    return span(spanId=C, name="request", endTimeUnixNano=end, attributes=[kind], **fields)


@pytest.mark.parametrize(
    ("cost", "total", "notes"),
    [
        pytest.param({"doubleValue": 0.5}, 0.75, [], id="plain"),
        pytest.param({"stringValue": "0.5"}, 0.75, [], id="text"),
        pytest.param({"intValue": "1"}, 1.25, [], id="whole"),
        pytest.param({"stringValue": "0,5"}, 0.25, [], id="comma"),
        pytest.param({"stringValue": "0.5 EUR"}, 0.25, [], id="currency"),
        pytest.param({"doubleValue": -0.5}, 0.25, ["bad_cost"], id="negative"),
        pytest.param({"doubleValue": "NaN"}, 0.25, ["bad_cost"], id="nan"),
        pytest.param({"doubleValue": "Infinity"}, 0.25, ["bad_cost"], id="infinite"),
    ],
)
def test_row_38_a_cost_that_is_none_is_not_added_up(
    tmp_path: Path, store: Path, cost: dict[str, Any], total: float, notes: list[str]
) -> None:
    """It counts as unknown, never as 0, and the total beside it says that it is a lower bound."""
    spans = [root(), call({"doubleValue": 0.25}), call(cost, B)]
    sources(store, write(tmp_path / "two.json", dump(request(*spans))))
    ((found, lower, unpriced, odd),) = ask(
        store, "select cost_usd, cost_is_lower_bound, cost_unpriced_spans, notes from requests"
    )
    assert (found, odd) == (total, notes)
    assert lower == (total == 0.25)
    assert (unpriced > 0) == lower


def test_row_38_nothing_priced_is_unknown(tmp_path: Path, store: Path) -> None:
    """A total of nothing is null."""
    bad = dump(request(root(), call({"stringValue": "0,5"})))
    sources(store, write(tmp_path / "one.json", bad))
    assert ask(store, "select cost_usd from requests") == [(None,)]


def test_row_39_a_failure_without_evidence_is_not_pinned_on_a_stage(
    tmp_path: Path, store: Path
) -> None:
    """The request ended with an error and no stage did: no stage is named."""
    fine = call({"doubleValue": 0.25}) | {"status": {"code": 1}}
    spans = [root(status={"code": 2}), fine]
    sources(store, write(tmp_path / "one.json", dump(request(*spans))))
    assert ask(store, "select failed, stage from requests") == [(True, "undetermined")]


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_row_43_a_signal_leaves_whole_commits(tmp_path: Path, store: Path, sent: int) -> None:
    """It ends without a traceback, what was committed can be read, and a second load completes."""
    big = write(tmp_path / "big.jsonl", copies(HANDOFF, 1_500))
    child = subprocess.Popen(
        [sys.executable, "-c", IN_PARTS, "ingest", str(big), "--store", str(store), "-q"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    wait_for_commit(store, child)
    child.send_signal(sent)
    _, err = child.communicate(timeout=60)
    assert child.returncode == (130 if sent == signal.SIGINT else -sent)
    assert b"Traceback" not in err
    kept = tables(store)
    assert {row["trace_id"] for row in kept["spans"]} == {
        row["trace_id"] for row in kept["requests"]
    }
    (again,) = sources(store, big)
    assert again["spans_duplicate"] == len(kept["spans"])
    assert again["spans_stored"] == 6_000 - len(kept["spans"])


#: The command line with commits after few bytes.
IN_PARTS = """
import functools, tracelens.ingest.run as ingest
ingest.PART_BYTES = 100_000
ingest.read_spans = functools.partial(ingest.read_spans, batch_rows=100)
from tracelens.cli import main
main()
"""


def wait_for_commit(store: Path, child: subprocess.Popen[bytes]) -> None:
    while child.poll() is None:
        if (store / "log.sqlite").exists():
            with TraceLens(store) as lens:
                if lens.loads():
                    return
        time.sleep(0.02)
    raise AssertionError("it ended before it could be interrupted")


@pytest.mark.parametrize("closed", [">&-", "2>&-", "| true"])
def test_row_43_an_output_that_nobody_reads_stops_no_load(
    tmp_path: Path, store: Path, closed: str
) -> None:
    """The spans are stored whether or not the report finds a reader."""
    line = f"{sys.executable} -m tracelens ingest '{HANDOFF}' --store '{store}' {closed}"
    settings = {**os.environ, "PYTHONPATH": str(ROOT)}
    ended = subprocess.run(["bash", "-c", line], env=settings, capture_output=True, check=False)
    assert (ended.returncode, ended.stderr.count(b"Traceback")) == (0, 0)
    assert ask(store, "select count(*) from spans") == [(4,)]


LONG = "/".join(["x" * 80] * 3)


@pytest.mark.parametrize("name", ["größe 日本", "a b", "it's [x]*", LONG])
@pytest.mark.parametrize("locale", ["C", "POSIX", "C.UTF-8"])
def test_row_100_paths_and_locales_change_nothing(tmp_path: Path, name: str, locale: str) -> None:
    """Spaces, letters beyond ASCII and long paths load and answer the same in any locale."""
    folder = tmp_path / name
    folder.mkdir(parents=True)
    dumped = write(folder / "dump é.jsonl", FOUR)
    settings = {"LANG": locale, "LC_ALL": locale, "TZ": "Asia/Kathmandu"}
    command = ("ingest", dumped, "--store", folder / "store ü")
    child = process(*command, environment=settings, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    _, err = child.communicate(timeout=60)
    assert child.returncode == 0, err.decode()
    load(tmp_path / "plain", HANDOFF).close()
    assert tables(folder / "store ü") == tables(tmp_path / "plain")


@pytest.mark.skipif(os.name != "posix", reason="names of files are bytes there only")
def test_row_100_a_store_path_that_is_no_text_is_refused(tmp_path: Path) -> None:
    """Neither DuckDB nor Parquet can be given such a path: said at once, in one line."""
    store = os.fsdecode(os.fsencode(tmp_path) + b"/st\xff")
    ended = ingest(Path(store), HANDOFF)
    assert (ended.code, ended.out) == (5, "")
    assert "the path of a store must be UTF-8" in ended.err
    assert not Path(store).exists()
