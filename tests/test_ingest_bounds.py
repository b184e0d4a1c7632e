"""Hostile and huge inputs at their real size: loaded or refused within 1 GiB of memory, and said.

Each runs in a process of its own, whose peak of resident memory the kernel tells.
"""

from __future__ import annotations

import gzip
import io
import json
import os
import re
import struct
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import zstandard

import tracelens.ingest.judge
from tests.command import ROOT, run
from tests.read.dumps import SPAN, START, TRACE, attribute, dump, request, span, text
from tests.traces import ALL_SAMPLES, load, tables
from tracelens import TraceLens
from tracelens.ingest.judge import chunks

GIB = 1024**3
MIB = 1024**2
ONE = dump(request(span()))
OTHER = "00000000000000aa"


@dataclass(frozen=True)
class Bounded:
    """How an ingest ended: exit code, the reports of its inputs, stderr, and peak memory."""

    code: int
    sources: list[dict[str, Any]]
    err: str
    peak: int  # bytes

    @property
    def said(self) -> str:
        """All reasons and warnings."""
        rejects = [each["reason"] for source in self.sources for each in source["rejects"]]
        warnings = [each["message"] for source in self.sources for each in source["warnings"]]
        return "\n".join([self.err, *rejects, *warnings])


def ingest(folder: Path, data: bytes | Path, policy: str = "") -> Bounded:
    """Load data, or a file, into `folder/store`; nothing may pass 1 GiB or end in a traceback."""
    file = data if isinstance(data, Path) else folder / "dump"
    if isinstance(data, bytes):
        file.write_bytes(data)
    (folder / "policy.toml").write_text(policy)
    command = ["ingest", str(file), "--store", str(folder / "store"), "--format", "json", "-q"]
    command += ["--policy", str(folder / "policy.toml")] if policy else []
    with (folder / "out").open("wb") as out, (folder / "err").open("wb") as err:
        child = subprocess.Popen(
            [sys.executable, "-m", "tracelens", *command],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=out,
            stderr=err,
        )
        _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    printed, complaint = (folder / "out").read_text(), (folder / "err").read_text()
    peak = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    assert peak < GIB, f"{peak / MIB:.0f} MiB"
    assert "Traceback" not in complaint
    sources = json.loads(printed)["sources"] if printed else []
    return Bounded(child.returncode, sources, complaint, peak)


def counts(ended: Bounded) -> list[tuple[int, int]]:
    """Spans read and stored by input."""
    return [(each["spans_read"], each["spans_stored"]) for each in ended.sources]


def zstd_zeros(count: int) -> bytes:
    packer = zstandard.ZstdCompressor().compressobj()
    return b"".join(packer.compress(bytes(MIB)) for _ in range(count)) + packer.flush()


def test_a_zstd_bomb_of_32_000_to_1(tmp_path: Path) -> None:
    bomb = zstd_zeros(1024)
    assert GIB / len(bomb) > 32_000
    ended = ingest(tmp_path, bomb)
    assert (ended.code, ended.sources) == (2, [])
    assert "limits.compression_ratio" in ended.err


def test_a_gzip_bomb_of_1_029_to_1(tmp_path: Path) -> None:
    bomb = gzip.compress(bytes(300 * MIB))
    assert round(300 * MIB / len(bomb)) == 1_029
    ended = ingest(tmp_path, bomb)
    assert (ended.code, ended.sources) == (2, [])
    assert "limits.compression_ratio" in ended.err


def test_a_bomb_inside_an_archive(tmp_path: Path) -> None:
    ended = ingest(tmp_path, zipped(("bomb.zst", zstd_zeros(256)), ("one.jsonl", ONE)))
    assert (ended.code, [each["status"] for each in ended.sources]) == (3, ["refused", "loaded"])
    assert "limits.compression_ratio" in ended.said


DEEP = 100_000
VALUE = b'{"arrayValue":{"values":['


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"[" * DEEP, id="lists"),
        pytest.param(b'{"resourceSpans":' * DEEP, id="objects"),
        pytest.param(
            dump(request(span(attributes=[{"key": "deep", "value": "here"}]))).replace(
                b'"here"', VALUE * DEEP + b'{"stringValue":"core"}' + b"]}}" * DEEP
            ),
            id="value",
        ),
    ],
)
def test_json_100_000_deep_costs_its_record(tmp_path: Path, data: bytes) -> None:
    ended = ingest(tmp_path, dump(request(span(spanId=OTHER))) + data + b"\n")
    assert ended.code == 3
    assert ended.sources[0]["spans_stored"] == 1
    assert "limits.depth" in ended.said


def field(number: int, data: bytes) -> bytes:
    """A length-delimited field of protobuf."""
    return bytes([number << 3 | 2]) + varint(len(data)) + data


def varint(number: int) -> bytes:
    head = b""
    while number > 127:
        head += bytes([number & 127 | 128])
        number >>= 7
    return head + bytes([number])


def binary(value: bytes, span_id: str = SPAN) -> bytes:
    """A request of one span with an attribute whose AnyValue is these bytes."""
    times = struct.pack("<BQBQ", 7 << 3 | 1, START, 8 << 3 | 1, START + 1_000)
    pair = field(9, field(1, b"deep") + field(2, value))
    ids = field(1, bytes.fromhex(TRACE)) + field(2, bytes.fromhex(span_id))
    return field(1, field(2, field(2, ids + field(5, b"llm") + times + pair)))


PLAIN = field(1, b"core")


def nested(depth: int) -> bytes:
    """An AnyValue of lists within lists, built from the inside out without copying."""
    parts, size = [PLAIN], len(PLAIN)
    for _ in range(depth):
        for number in (1, 5):  # ArrayValue.values, AnyValue.array_value
            head = bytes([number << 3 | 2]) + varint(size)
            parts.append(head)
            size += len(head)
    return b"".join(reversed(parts))


def framed(*messages: bytes) -> bytes:
    return b"".join(len(each).to_bytes(4, "big") + each for each in messages)


@pytest.mark.parametrize("join", [lambda *parts: b"".join(parts), framed], ids=["raw", "framed"])
def test_protobuf_100_000_deep_costs_its_span(tmp_path: Path, join: Any) -> None:
    ended = ingest(tmp_path, join(binary(PLAIN, OTHER), binary(nested(DEEP))))
    assert (ended.code, counts(ended)) == (3, [(2, 1)])
    assert "nested deeper than protobuf decodes (100 levels)" in ended.said


@pytest.mark.parametrize("length", [lambda size: size.to_bytes(4, "big"), varint])
@pytest.mark.parametrize("before", [0, 1])
def test_a_length_that_claims_2_gib_is_not_believed(
    tmp_path: Path, length: Any, before: int
) -> None:
    message = binary(PLAIN)
    ended = ingest(tmp_path, (length(len(message)) + message) * before + length(2 * GIB) + message)
    assert ended.code == (3 if before else 2)
    assert counts(ended) == [(1, 1)] * before
    assert "a message of 2147483648 bytes is longer than limits.record_bytes" in ended.said


def test_10_000_attributes_are_loaded_and_one_more_is_refused(tmp_path: Path) -> None:
    many = [text(f"k{number}", "v") for number in range(10_000)]
    more = span(spanId=OTHER, attributes=[*many, text("one", "more")])
    ended = ingest(tmp_path, dump(request(span(attributes=many), more)))
    assert (ended.code, counts(ended)) == (3, [(2, 1)])
    assert "limits.attributes_per_span (10000)" in ended.said


def test_a_text_of_10_mb_is_loaded_and_one_beyond_the_limit_is_cut(tmp_path: Path) -> None:
    texts = [text("a", "x" * 10_000_000), text("b", "x" * 20_000_000)]
    ended = ingest(tmp_path, dump(request(span(attributes=texts))))
    assert (ended.code, counts(ended)) == (0, [(1, 1)])
    assert "limit attribute_bytes" in ended.said
    with TraceLens(tmp_path / "store") as lens:
        kept = json.loads(lens.sql("select attrs_big from spans").item())
    assert [len(kept[key]) for key in "ab"] == [10_000_000, 256]


def test_100_000_events_on_a_span_are_loaded(tmp_path: Path) -> None:
    event = {"name": "e", "timeUnixNano": str(START), "attributes": [attribute("a", "intValue", 1)]}
    ended = ingest(tmp_path, dump(request(span(events=[event] * 100_000))))
    assert (ended.code, counts(ended)) == (0, [(1, 1)])
    with TraceLens(tmp_path / "store") as lens:
        assert lens.sql("select json_array_length(events) from spans").item() == 100_000


@pytest.mark.parametrize("begin", ['{"a":"', '{"resourceSpans":[{"x":"'])
def test_a_line_of_1_gib_is_bounded(tmp_path: Path, begin: str) -> None:
    """Limits of 8 MiB keep it quick: those of the built-in policy only differ in size."""
    line = tmp_path / "line"
    line.write_text(begin)
    os.truncate(line, GIB)  # the rest is zeros that take no room on the disk
    limits = f"[limits]\nrecord_bytes = {8 * MIB}\ndocument_bytes = {8 * MIB}\n"
    ended = ingest(tmp_path, line, limits)
    assert (ended.code, ended.sources) == (2, [])
    assert re.search(rf"longer than limits\.(document|record)_bytes \({8 * MIB}\)", ended.err)


def zipped(*members: tuple[str, bytes]) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return data.getvalue()


def tarred(*members: tuple[str, bytes]) -> bytes:
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as archive:
        for name, content in members:
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return data.getvalue()


def test_a_zip_of_too_many_members_is_refused(tmp_path: Path) -> None:
    ended = ingest(tmp_path, zipped(*((f"{number}.json", b"") for number in range(10_001))))
    assert (ended.code, ended.sources) == (2, [])
    assert "more than 10000 members. Raise limits.archive_members" in ended.err


@pytest.mark.parametrize("content", [ONE, b""], ids=["dumps", "empty"])
def test_a_tar_of_too_many_members_is_read_up_to_the_limit(tmp_path: Path, content: bytes) -> None:
    """A tar has no directory, so that there are too many shows at the end: 20 stand for 10,000."""
    members = ((f"{number}.json", content) for number in range(21))
    ended = ingest(tmp_path, tarred(*members), "[limits]\narchive_members = 20\n")
    assert (ended.code, len(ended.sources)) == ((3, 21) if content else (2, 0))
    assert "more than 20 members. Raise limits.archive_members" in ended.said


@pytest.mark.parametrize("pack", [zipped, tarred])
def test_names_in_archives_lead_nowhere(tmp_path: Path, pack: Any) -> None:
    """Members are read where they are: no name of theirs becomes a file."""
    aim = tmp_path / "aim"
    names = ["../aim", "../../aim", str(aim), "C:\\aim", "..\\aim"]
    found = [(name, dump(request(span(spanId=f"{at + 1:016x}")))) for at, name in enumerate(names)]
    before = {each.name for each in tmp_path.iterdir()}
    ended = ingest(tmp_path, pack(*found))
    assert (ended.code, counts(ended)) == (0, [(1, 1)] * len(names))
    made = {each.name for each in tmp_path.iterdir()} - before
    assert made == {"dump", "policy.toml", "store", "out", "err"}


def test_an_archive_in_an_archive_is_refused_and_the_rest_loaded(tmp_path: Path) -> None:
    ended = ingest(tmp_path, zipped(("in.zip", zipped(("a", ONE))), ("one.jsonl", ONE)))
    assert (ended.code, counts(ended)) == (3, [(0, 0), (1, 1)])
    assert "looks like a zip archive" in ended.said


def lines_of(shape: str, count: int) -> Iterator[bytes]:
    """One trace of so many spans, 1,000 a line: `tree`, `chain` or `cycle` by their parents."""
    parents = {
        "tree": lambda number: number // 8,
        "chain": lambda number: number - 1,
        "cycle": lambda number: number - 1 or count,
    }
    for first in range(1, count + 1, 1_000):
        found = []
        for number in range(first, min(first + 1_000, count + 1)):
            above = parents[shape](number)
            times = {
                "startTimeUnixNano": str(START + number),
                "endTimeUnixNano": str(START + 10**9),
            }
            parent = {"parentSpanId": f"{above:016x}"} if above else {}
            found.append(span(spanId=f"{number:016x}", name="step", **times, **parent))
        yield dump(request(*found))


def big_trace(file: Path, shape: str, count: int) -> Path:
    with file.open("wb") as out:
        out.writelines(lines_of(shape, count))
    return file


@pytest.mark.slow
@pytest.mark.parametrize("shape", ["chain", "cycle"])
def test_a_trace_100_000_deep_is_judged(tmp_path: Path, shape: str) -> None:
    ended = ingest(tmp_path, big_trace(tmp_path / "big.jsonl", shape, 100_000))
    assert (ended.code, counts(ended)) == (0, [(100_000, 100_000)])
    (row,) = requests_of(tmp_path)
    assert len(row["span_ids"]) == 100_000
    assert ("cycle" in row["notes"]) == (shape == "cycle")


@pytest.mark.slow
def test_a_trace_beyond_the_limit_is_stored_and_not_judged(tmp_path: Path) -> None:
    """The built-in limit; a million spans take half a minute more and no more memory."""
    ended = ingest(tmp_path, big_trace(tmp_path / "big.jsonl", "tree", 250_000))
    assert (ended.code, counts(ended)) == (0, [(250_000, 250_000)])
    assert (
        f"limits.spans_per_trace (200,000); all are stored, none is judged: {TRACE} (250,000"
        in (ended.said)
    )
    (row,) = requests_of(tmp_path)
    assert (row["request_span_id"], row["span_ids"]) == (f"{1:016x}", [f"{1:016x}"])
    assert (row["failed"], row["stage"], row["notes"]) == (None, None, ["trace_too_large"])


def requests_of(folder: Path) -> list[dict[str, Any]]:
    with TraceLens(folder / "store") as lens:
        return lens.sql("from requests").to_dicts()


def small(folder: Path, limit: int = 2_000) -> Path:
    file = folder / f"{limit}.toml"
    file.write_text(f"[limits]\nspans_per_trace = {limit}\n")
    return file


def pieces(folder: Path) -> list[Path]:
    """A trace of 3,000 spans in three files, the root in the first."""
    files = []
    for number, line in enumerate(lines_of("tree", 3_000)):
        files.append(folder / f"piece{number}.jsonl")
        files[-1].write_bytes(line)
    return files


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)], ids=str)
def test_the_size_of_a_trace_counts_over_loads_in_any_order(
    tmp_path: Path, order: tuple[int, ...]
) -> None:
    """The third load makes it too large, whichever it is; earlier ids lead to what is there now."""
    files, policy = pieces(tmp_path), small(tmp_path)
    old = set()
    for at, piece in enumerate(order):
        ended = run(
            *("ingest", files[piece], "--store", tmp_path / "store", "--policy", policy),
            *("--format", "json"),
        )
        codes = [each["code"] for each in ended.json()["sources"][0]["warnings"]]
        assert codes == ["trace_too_large"] * (at == 2)
        if at < 2:
            old |= {row["request_id"] for row in requests_of(tmp_path)}
    (row,) = requests_of(tmp_path)
    assert row["failed"] is None
    assert "its trace has 3,000 spans, more than limits.spans_per_trace (2,000)" in row["verdict"]
    for each in [*old, TRACE, f"{2_999:016x}"]:
        found = run("explain", each, "--store", tmp_path / "store", "--format", "json")
        assert found.json()["request_id"] == row["request_id"], each


def test_a_limit_that_is_raised_judges_the_trace_as_if_it_had_always_been(tmp_path: Path) -> None:
    files = pieces(tmp_path)
    run("ingest", *files, "--store", tmp_path / "store", "--policy", small(tmp_path))
    assert [row["notes"] for row in requests_of(tmp_path)] == [["trace_too_large"]]
    assert run("locate", "--store", tmp_path / "store").code == 0
    load(tmp_path / "plain", *files).close()
    assert tables(tmp_path / "store")["requests"] == tables(tmp_path / "plain")["requests"]
    again = run("locate", "--store", tmp_path / "store", "--policy", small(tmp_path))
    assert again.code == 0
    assert [row["notes"] for row in requests_of(tmp_path)] == [["trace_too_large"]]


def test_a_large_trace_leaves_the_others_as_they_are(tmp_path: Path) -> None:
    others = dump(*(request(span(traceId=f"{number:032x}")) for number in range(1, 50)))
    (tmp_path / "others.jsonl").write_bytes(others)
    files = [tmp_path / "others.jsonl", *pieces(tmp_path)]
    run("ingest", *files, "--store", tmp_path / "store", "--policy", small(tmp_path))
    load(
        tmp_path / "plain",
        *files,
    ).close()
    ours, theirs = (
        [row for row in tables(tmp_path / name)["requests"] if row["trace_id"] != TRACE]
        for name in ("store", "plain")
    )
    for row in [*ours, *theirs]:
        del row["inputs_hash"]
    assert ours == theirs
    assert len(ours) == 49


def test_traces_judged_in_chunks_give_the_rows_of_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load(tmp_path / "one", *ALL_SAMPLES).close()
    monkeypatch.setattr("tracelens.ingest.judge.JUDGED_SPANS", 20)
    judged = tracelens.ingest.judge.locate_requests
    calls = []
    monkeypatch.setattr(
        "tracelens.ingest.judge.locate_requests",
        lambda spans, *rest: calls.append(spans.height) or judged(spans, *rest),
    )
    load(tmp_path / "many", *ALL_SAMPLES).close()
    assert tables(tmp_path / "many") == tables(tmp_path / "one")
    assert len(calls) > 5


def test_chunks_hold_so_many_spans_in_order_of_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tracelens.ingest.judge.JUDGED_SPANS", 10)
    rows = [("a", 4, 9), ("b", 4, 1), ("c", 3, 2), ("d", 20, 3), ("e", 7, 4), ("f", 3, 5)]
    sizes = pl.DataFrame(rows, schema=["trace_id", "spans", "start"], orient="row")
    assert list(chunks(sizes)) == [["b", "c"], ["d"], ["e", "f"], ["a"]]
