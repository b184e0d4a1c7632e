"""Times lookups by every kind of id, before and after compaction, beside a plain scan.

usage: python -m benchmarks.lookups [--commits 500] [--spans 2000] [--tries 25] [--store FOLDER]

Commits that many times that many made-up spans (a million in all, unless told otherwise), eight to
a trace and a request each, with every promoted column there is, without compacting. Then it asks
for ids drawn at random, in a warm process: through the store's lookups, and by a query over the
views, which look into every file; and for the whole answer on failed requests. Medians in
milliseconds; CPU time is of all threads. At last it compacts and asks again, and times commits of
ten spans to the store as it then is.
"""

from __future__ import annotations

import argparse
import hashlib
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import polars as pl
from rich.console import Console
from rich.table import Table

from tracelens.analyse import explain_request, resolve_id
from tracelens.ingest import SourceReport
from tracelens.model import ATTRIBUTE_DTYPE, CANONICAL_SPAN, PROMOTED, RAW_SPAN, REQUEST
from tracelens.normalise import promoted_keys
from tracelens.store import BugReport, LoadEntry, Store, compact

SPANS_PER_TRACE = 8
START = 1_790_000_000_000_000_000
SECOND = 10**9
SPAN_COLUMNS = (
    "trace_id span_id parent_span_id name stage role start_unix_nano end_unix_nano duration_ms"
    " status_code model text_in text_out error_type finish_reason cost_usd"
).split()

REPORTS = 2_000

Row = dict[str, Any]
Ask = Callable[[Row], pl.DataFrame]

#: What somebody has in hand who wants a request explained.
EXPLAINED: dict[str, Callable[[Row], str]] = {
    "request id": lambda row: str(row["request_id"]),
    "span id": lambda row: str(row["span_ids"][2]),
    "trace id": lambda row: str(row["trace_id"]),
    "bug report": lambda row: f"BUG-{row['external_request_id']}",
}


def digits(rng: random.Random, count: int) -> str:
    """A random id in hex."""
    return f"{rng.getrandbits(count * 4):0{count}x}"


def filled(rows: Sequence[Row], schema: dict[str, Any]) -> pl.DataFrame:
    """Rows as a frame of these columns, the others null."""
    found = pl.DataFrame(rows, schema={name: schema[name] for name in rows[0]})
    missing = [
        pl.lit(None, dtype=schema[name]).alias(name) for name in schema if name not in rows[0]
    ]
    return found.with_columns(missing).select(schema.keys())


def make_part(rng: random.Random, number: int, count: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Spans of one commit, and their requests."""
    promoted = {PROMOTED + key: ATTRIBUTE_DTYPE[kind] for key, kind in promoted_keys().items()}
    spans: list[Row] = []
    requests: list[Row] = []
    for place in range(max(1, count // SPANS_PER_TRACE)):
        trace = digits(rng, 32)
        at = START + (number * 60 + place) * SECOND
        ids = [digits(rng, 16) for _ in range(SPANS_PER_TRACE)]
        spans += [make_span(rng, trace, ids, each, at) for each in ids]
        requests.append(make_request(rng, trace, ids, at))
    return (
        filled(spans, {**RAW_SPAN, **CANONICAL_SPAN, **promoted}),
        filled(requests, dict(REQUEST)),
    )


def make_span(rng: random.Random, trace: str, ids: Sequence[str], own: str, at: int) -> Row:
    """One span; its texts do not compress, as those of a real store hardly do."""
    return {
        "trace_id": trace,
        "span_id": own,
        "parent_span_id": None if own == ids[0] else ids[0],
        "name": "chat",
        "kind": 3,
        "start_unix_nano": at + ids.index(own) * SECOND // 10,
        "end_unix_nano": at + SECOND,
        "resource_attrs": '{"service.name":"bot"}',
        "attrs": f'{{"customer.tier":"gold","thread.id":{rng.getrandbits(40)}}}',
        "events": "[]",
        "links": "[]",
        "content_hash": rng.getrandbits(62),
        "session_id": f"call-{trace[:9]}",
        "role": "turn",
        "stage": "reasoning",
        "text_in": digits(rng, 100),
        "text_out": digits(rng, 200),
        PROMOTED + "gen_ai.request.model": "gpt-4.1",
    }


def make_request(rng: random.Random, trace: str, ids: Sequence[str], at: int) -> Row:
    """One request with a few rows in what is nested."""
    evidence = {"check": "hand_over", "at": "reasoning>synthesis", "value": digits(rng, 60)}
    return {
        "request_id": hashlib.sha256(trace.encode()).hexdigest()[:32],
        "external_request_id": f"req_{digits(rng, 20)}",
        "trace_id": trace,
        "request_span_id": ids[0],
        "span_ids": list(ids),
        "session_id": f"call-{trace[:9]}",
        "start_unix_nano": at,
        "duration_ms": 1000.0,
        "failed": rng.random() < 0.05,
        "stage": "reasoning",
        "cause": "llm_error",
        "candidates": [{"stage": "reasoning", "cause": "llm_error", "score": 0.8}],
        "evidence": [evidence] * 3,
        "outcomes": [{"at": "reasoning", "outcome": "ok"}] * 4,
        "stage_runs": [{"exchange": 0, "stage": "reasoning", "span_id": ids[1]}] * 3,
    }


def fill(store: Store, commits: int, count: int, console: Console) -> None:
    """Commit all parts in one writing turn: it is compacted when the turn ends, or then not."""
    rng, began = random.Random(1), time.perf_counter()
    with store.writer() as writer:
        for number in range(commits):
            spans, requests = make_part(rng, number, count)
            report = SourceReport("made up", spans_read=spans.height, spans_stored=spans.height)
            with store.stage() as stage:
                stage.add(spans)
                fresh = writer.fresh(stage)
                writer.commit(fresh, requests, fresh.traces, [LoadEntry(report.as_dict())])
    console.print(f"{commits} commits in {time.perf_counter() - began:.0f} s")


def complain(store: Store, drawn: Sequence[Row]) -> None:
    """A bug report on each of these requests, among others on requests that are not loaded."""
    told = [each["external_request_id"] for each in drawn]
    told += [f"req_{number}" for number in range(REPORTS)]
    reports = [
        BugReport(f"BUG-{each}", None, "it was wrong", each, None, None, None, "open")
        for each in told
    ]
    with store.writer() as writer:
        writer.commit(None, pl.DataFrame(schema=REQUEST), [], reports=reports)


def scan(store: Store, view: str, condition: str, key: Callable[[Row], str]) -> Ask:
    """The same question as a query over a view."""
    columns = ", ".join(SPAN_COLUMNS) if view == "spans" else "*"
    sql = f"select {columns} from {view} where {condition}"
    return lambda row: store.query(sql, {"id": key(row)})


def questions(store: Store) -> dict[str, tuple[Ask, Ask]]:
    """What is asked: as a lookup, and as a plain scan."""

    def found(kind: Any, key: Callable[[Row], str], condition: str) -> tuple[Ask, Ask]:
        return (
            lambda row: store.find(kind, key(row)),
            scan(store, "requests", condition, key),
        )

    begins = (
        "starts_with(request_id, $id) or starts_with(trace_id, $id)"
        " or len(list_filter(span_ids, lambda span: starts_with(span, $id))) > 0"
    )
    return {
        "request": found("request", lambda row: str(row["request_id"]), "request_id = $id"),
        "trace": found("trace", lambda row: str(row["trace_id"]), "trace_id = $id"),
        "span": found("span", lambda r: str(r["span_ids"][3]), "list_contains(span_ids, $id)"),
        "external": found(
            "external", lambda row: str(row["external_request_id"]), "external_request_id = $id"
        ),
        "session": found("session", lambda row: str(row["session_id"]), "session_id = $id"),
        "prefix of 8": found("prefix", lambda row: str(row["span_ids"][4][:8]), begins),
        "spans of a request": (
            lambda row: store.spans_of(row, SPAN_COLUMNS),
            scan(store, "spans", "trace_id = $id", lambda row: str(row["trace_id"])),
        ),
    }


def timed(ask: Ask, rows: Sequence[Row]) -> tuple[float, float, float]:
    """Median and 95th percentile of wall time, median of CPU time, in ms; the first is warm-up."""
    ask(rows[0])
    walls, costs = [], []
    for row in rows[1:]:
        wall, cpu = time.perf_counter(), time.process_time()
        answer = ask(row)
        walls.append((time.perf_counter() - wall) * 1e3)
        costs.append((time.process_time() - cpu) * 1e3)
        assert answer.height, row
    return (
        statistics.median(walls),
        statistics.quantiles(walls, n=20)[-1],
        statistics.median(costs),
    )


def measure(store: Store, tries: int, console: Console) -> None:
    """Print a table for the store as it is."""
    segments = len(store._log.live().of("spans"))
    count = store.query("select count(*) as n from spans")["n"].item()
    columns = "request_id, external_request_id, trace_id, span_ids, session_id"
    drawn = store.query(
        f"select {columns} from requests where external_request_id is not null"
        f" using sample reservoir({tries + 1} rows) repeatable (7)"
    ).rows(named=True)
    table = Table(title=f"\n{count:,} spans in {segments} segments", title_justify="left", box=None)
    table.add_column("lookup")
    for name in ("ms", "p95 ms", "CPU ms", "scan ms", "scan / lookup"):
        table.add_column(name, justify="right")
    for name, (lookup, plain) in questions(store).items():
        wall, late, cost = timed(lookup, drawn)
        # A scan of hundreds of files takes a while and always as long: a few are enough.
        slow, _, _ = timed(plain, drawn[:6])
        cells = (wall, late, cost, slow)
        table.add_row(name, *(f"{each:.1f}" for each in cells), f"{slow / wall:.1f}")
    failed = store.query(
        f"select {columns} from (from requests where failed and external_request_id is not null)"
        f" using sample reservoir({tries + 1} rows) repeatable (7)"
    ).rows(named=True)
    complain(store, failed)
    for name, key in EXPLAINED.items():
        wall, late, cost = timed(lambda row, key=key: explained(store, key(row)), failed)
        table.add_row(f"explain by {name}", f"{wall:.1f}", f"{late:.1f}", f"{cost:.1f}", "", "")
    console.print(table)


def explained(store: Store, any_id: str) -> pl.DataFrame:
    """The spans of the whole answer on a request, similar failures looked for as well."""
    (request_id,) = resolve_id(store, any_id).request_ids
    return pl.DataFrame(explain_request(store, request_id).spans)


def time_commits(store: Store, console: Console) -> None:
    """Print what a tiny commit costs, from an open stage to a committed one."""
    rng, costs, walls = random.Random(2), [], []
    for number in range(9):
        spans, requests = make_part(rng, 10**6 + number, 10)
        wall, cpu = time.perf_counter(), time.process_time()
        with store.stage() as stage, store.writer() as writer:
            stage.add(spans)
            fresh = writer.fresh(stage)
            writer.commit(fresh, requests, fresh.traces, [LoadEntry({})])
        walls.append((time.perf_counter() - wall) * 1e3)
        costs.append((time.process_time() - cpu) * 1e3)
    console.print(
        f"\na commit of eight spans: {statistics.median(walls):.0f} ms,"
        f" {statistics.median(costs):.0f} ms of CPU"
    )


def main() -> None:
    """Build the store, or take one that an earlier run left, and measure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--commits", type=int, default=500)
    parser.add_argument("--spans", type=int, default=2000, help="of one commit")
    parser.add_argument("--tries", type=int, default=25)
    parser.add_argument("--store", type=Path, help="folder to keep the store in")
    given = parser.parse_args()
    console = Console(width=100, highlight=False)
    with tempfile.TemporaryDirectory() as temporary:
        folder = given.store or Path(temporary) / "store"
        kept, is_new = compact.SEGMENTS_KEPT, not folder.exists()
        store = Store.open(folder, create=True)
        compact.SEGMENTS_KEPT = given.commits + 1  # type: ignore[misc]
        if is_new:
            fill(store, given.commits, given.spans, console)
        measure(store, given.tries, console)
        compact.SEGMENTS_KEPT = kept  # type: ignore[misc]
        began = time.perf_counter()
        with store.writer():
            pass
        console.print(f"\ncompacted in {time.perf_counter() - began:.0f} s")
        measure(store, given.tries, console)
        time_commits(store, console)
        store.close()


if __name__ == "__main__":
    main()
