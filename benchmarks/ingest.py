"""Times loading beside what a user would write by hand, each in a process of its own.

usage: python -m benchmarks.ingest [--megabytes 100] [--format jsonl|u32be]
                                   [--compress gzip|zstd] [--rounds 1] [FILE]

Prints CPU seconds, wall seconds, peak memory and bytes stored, and each as a ratio to DuckDB's
`read_json` with `unnest`, the shortest way from OTLP/JSON lines to a table. Contenders:

* spans-only: `tracelens ingest --spans-only`
* whole: `tracelens ingest`, verdicts included
* duckdb: `read_json_auto` and `unnest` into a DuckDB file
* orjson: a loop over `orjson.loads` into a list of tuples, then a Parquet file
* protobuf: for that format, and the baseline there, a loop over messages into a Parquet file
* chdb: ClickHouse in the process, JSON lines into a MergeTree table, when it is installed
"""

from __future__ import annotations

import argparse
import gzip
import importlib.util
import io
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from rich.console import Console
from rich.table import Table

from benchmarks.generate import write


@dataclass(frozen=True)
class Cost:
    """What one run used: CPU and wall seconds, peak resident bytes, bytes on disk."""

    cpu: float
    wall: float
    memory: int
    stored: int


def load_spans(file: Path, out: Path) -> None:
    """`tracelens ingest --spans-only`."""
    from tracelens import TraceLens

    with TraceLens(out) as lens:
        lens.ingest([file], spans_only=True)


def load_whole(file: Path, out: Path) -> None:
    """`tracelens ingest`."""
    from tracelens import TraceLens

    with TraceLens(out) as lens:
        lens.ingest([file])


def load_duckdb(file: Path, out: Path) -> None:
    """By hand: one row per span, attributes as they come."""
    import duckdb

    with duckdb.connect(str(out)) as connection:
        connection.execute(
            """
            create table spans as
            with scopes as (
                select rs.resource, unnest(rs."scopeSpans") as ss
                from (
                    select unnest("resourceSpans") as rs
                    from read_json_auto(?, maximum_object_size = 268435456)
                )
            ), raw as (select resource, ss.scope as scope, unnest(ss.spans) as span from scopes)
            select span."traceId" as trace_id, span."spanId" as span_id,
                span."parentSpanId" as parent_span_id, span.name as name, span.kind as kind,
                span."startTimeUnixNano"::bigint as start_unix_nano,
                span."endTimeUnixNano"::bigint as end_unix_nano, span.status as status,
                span.attributes as attributes, resource, scope
            from raw
            """,
            [str(file)],
        )


def load_orjson(file: Path, out: Path) -> None:
    """By hand: a loop in Python."""
    import orjson
    import polars as pl

    rows = []
    with opened(file) as lines:
        for line in lines:
            for resource_spans in orjson.loads(line)["resourceSpans"]:
                for scope_spans in resource_spans["scopeSpans"]:
                    for span in scope_spans["spans"]:
                        attributes = {a["key"]: a["value"] for a in span["attributes"]}
                        keys = ("traceId", "spanId", "parentSpanId", "name", "startTimeUnixNano")
                        rows.append(
                            (*(span[key] for key in keys), orjson.dumps(attributes).decode())
                        )
    names = ["trace_id", "span_id", "parent_span_id", "name", "start", "attributes"]
    pl.DataFrame(rows, schema=names, orient="row").write_parquet(out)


def load_protobuf(file: Path, out: Path) -> None:
    """By hand: a loop over length-prefixed messages."""
    import polars as pl
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    rows = []
    with opened(file) as stream:
        while size := stream.read(4):
            message = stream.read(int.from_bytes(size, "big"))
            for resource_spans in ExportTraceServiceRequest.FromString(message).resource_spans:
                for scope_spans in resource_spans.scope_spans:
                    for span in scope_spans.spans:
                        values = [(a.key, a.value) for a in span.attributes]
                        pairs = {key: getattr(v, v.WhichOneof("value")) for key, v in values}
                        ids = (span.trace_id.hex(), span.span_id.hex(), span.parent_span_id.hex())
                        rows.append((*ids, span.name, span.start_time_unix_nano, str(pairs)))
    names = ["trace_id", "span_id", "parent_span_id", "name", "start", "attributes"]
    pl.DataFrame(rows, schema=names, orient="row").write_parquet(out)


def opened(file: Path) -> IO[bytes]:
    """The lines of a file that may be compressed."""
    import zstandard

    if file.suffix == ".gz":
        return gzip.open(file)
    if file.suffix == ".zst":
        return io.BufferedReader(zstandard.open(file))
    return file.open("rb")


def load_chdb(file: Path, out: Path) -> None:
    """By hand: ClickHouse in the process."""
    from chdb import session

    database = session.Session(str(out))
    database.query("create database if not exists b")
    database.query(
        "create table b.spans (trace_id String, span_id String, name String, start UInt64,"
        " attributes String) engine = MergeTree order by (trace_id, start)"
    )
    database.query(
        "insert into b.spans select span.traceId, span.spanId, span.name,"
        " toUInt64(span.startTimeUnixNano), toString(span.attributes) from (select arrayJoin("
        f"arrayJoin(arrayJoin(resourceSpans).scopeSpans).spans) as span from file('{file}',"
        " JSONEachRow))"
    )


CONTENDERS: dict[str, Callable[[Path, Path], None]] = {
    "spans-only": load_spans,
    "whole": load_whole,
    "duckdb": load_duckdb,
    "orjson": load_orjson,
    "chdb": load_chdb,
    "protobuf": load_protobuf,
}
#: What is read by hand, by format; the first is what the others are compared with.
BY_HAND = {"jsonl": ("duckdb", "orjson", "chdb"), "u32be": ("protobuf",)}

#: How the names of generated files end, for tools that go by it.
SUFFIXES = {"jsonl": ".jsonl", "u32be": ".binpb"}


def measure(name: str, file: Path, folder: Path) -> Cost:
    """Run one contender in a process of its own."""
    out = folder / f"{name}.out"
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    command = [sys.executable, "-m", "benchmarks.ingest", "--run", name, str(file), str(out)]
    child = subprocess.Popen(command)
    _, status, used = os.wait4(child.pid, 0)
    if status:
        raise SystemExit(f"{name} failed")
    wall = time.monotonic() - started
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = (after.ru_utime + after.ru_stime) - (before.ru_utime + before.ru_stime)
    stored = size_of(out)
    shutil.rmtree(out, ignore_errors=True)
    out.unlink(missing_ok=True)
    return Cost(cpu, wall, used.ru_maxrss * 1024, stored)


def compressed(file: Path, how: str) -> Path:
    """The file as one gzip or zstd stream instead, as `gzip` and `zstd` write it by default."""
    import zstandard

    suffix, stream = {"gzip": (".gz", gzip.open), "zstd": (".zst", zstandard.open)}[how]
    target = file.with_name(file.name + suffix)
    with file.open("rb") as source, stream(target, "wb") as sink:
        shutil.copyfileobj(source, sink, 1 << 20)
    file.unlink()
    return target


def size_of(path: Path) -> int:
    """Bytes of a file, or of all files below a folder."""
    if path.is_file():
        return path.stat().st_size
    return sum(each.stat().st_size for each in path.rglob("*") if each.is_file())


def best(costs: list[Cost]) -> Cost:
    """The run with the least CPU: other work on the machine only adds."""
    return min(costs, key=lambda cost: cost.cpu)


def print_costs(costs: dict[str, Cost], base: Cost | None, megabytes: float) -> None:
    """One line per contender, with ratios to the baseline."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in ("", "CPU s", "wall s", "MB/CPU s", "peak MB", "stored MB", "CPU ×", "memory ×"):
        table.add_column(name, justify="right" if name else "left")
    for name, cost in costs.items():
        ratios = (cost.cpu / base.cpu, cost.memory / base.memory) if base else (0.0, 0.0)
        cells = (cost.cpu, cost.wall, megabytes / cost.cpu, cost.memory / 1e6, cost.stored / 1e6)
        table.add_row(name, *(f"{cell:,.1f}" for cell in cells), *(f"{r:.2f}" for r in ratios))
    Console(width=110, highlight=False).print(table)


def main() -> None:
    """Generate a file when none is given, and measure every contender that is installed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("file", type=Path, nargs="?")
    parser.add_argument("--megabytes", type=float, default=100)
    parser.add_argument("--format", choices=["jsonl", "u32be"], default="jsonl")
    parser.add_argument("--compress", choices=["gzip", "zstd"])
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--only", nargs="*", choices=list(CONTENDERS))
    parser.add_argument("--run", nargs=3, metavar=("NAME", "FILE", "OUT"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.run:
        CONTENDERS[given.run[0]](Path(given.run[1]), Path(given.run[2]))
        return
    with tempfile.TemporaryDirectory() as temporary:
        file = given.file or Path(temporary) / f"traces{SUFFIXES[given.format]}"
        if given.file is None:
            write(file, given.megabytes, shape=given.format)
        megabytes = file.stat().st_size / 1e6
        if given.compress:
            file = compressed(file, given.compress)
            print(f"{megabytes:,.0f} MB, {file.stat().st_size / 1e6:,.0f} MB compressed")
        names = given.only or [name for name in CONTENDERS if runs_here(name, given.format)]
        rounds = [
            {name: measure(name, file, Path(temporary)) for name in names}
            for _ in range(given.rounds)
        ]
        costs = {name: best([each[name] for each in rounds]) for name in names}
        print_costs(costs, costs.get(BY_HAND[given.format][0]), megabytes)


def runs_here(name: str, shape: str) -> bool:
    """Whether a contender is installed and can read the format."""
    ours = name in ("spans-only", "whole")
    optional = name in ("orjson", "chdb")
    return ours or (
        name in BY_HAND[shape] and (not optional or importlib.util.find_spec(name) is not None)
    )


if __name__ == "__main__":
    main()
