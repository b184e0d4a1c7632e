"""Several processes on one store: the tables of one, whole commits only, also under kill -9."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.command import ROOT, process, run
from tests.traces import copies, lines, load, sample, single_spans, tables

KILLS = 5
#: The command line with commits after few bytes.
SLOW = """
import functools, tracelens.ingest.run as ingest
ingest.PART_BYTES = 150_000
ingest.read_spans = functools.partial(ingest.read_spans, batch_rows=100)
from tracelens.cli import main
main()
"""

#: What a reader sees must fit together whenever it looks: all from one commit.
READER = """
import sys, time
from tracelens import Filters, TraceLens
until, looks, seen = time.monotonic() + float(sys.argv[2]), 0, 0
while time.monotonic() < until:
    with TraceLens(sys.argv[1]) as lens:
        row = lens.sql('''
            select (select count(*) from spans) as spans,
                (select max(spans_stored) from loads) as logged,
                (select count(distinct trace_id) from spans) as traces,
                (select count(distinct trace_id) from requests) as judged
        ''').row(0, named=True)
        assert row["spans"] >= (row["logged"] or 0), row
        assert row["traces"] == row["judged"], row
        assert row["spans"] >= seen, (row, seen)
        seen = row["spans"]
        for request_id in lens.requests(Filters(limit=2))["request_id"]:
            explained = lens.explain(request_id)
            assert {span["id"] for span in explained.spans} == set(explained.request["span_ids"])
    looks += 1
print(looks)
"""


def script(text: str, *args: object) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", text, *map(str, args)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def test_two_processes_at_once_give_the_tables_of_one(tmp_path: Path) -> None:
    """Each loads the spans of the same traces that the other lacks, and some that both have."""
    names = ["livekit_tool_raises", "pipecat_number_dropped", "otel_genai_tts_429"]
    singles = [each for name in names for each in single_spans(sample(name))]
    halves = []
    for half in range(2):
        file = tmp_path / f"half{half}.jsonl"
        file.write_bytes(
            lines(each for n, each in enumerate(singles) if n % 2 == half or n % 5 == 0)
        )
        halves.append(file)
    both, quiet = tmp_path / "both", {"stdout": subprocess.DEVNULL}
    children = [process("ingest", each, "--store", both, **quiet) for each in halves]
    assert [child.wait(60) for child in children] == [0, 0]
    load(tmp_path / "one", *(sample(name) for name in names)).close()
    assert tables(both) == tables(tmp_path / "one")


@pytest.mark.slow
def test_readers_see_whole_commits_while_writers_are_killed(tmp_path: Path) -> None:
    store, big = tmp_path / "store", tmp_path / "big.jsonl"
    big.write_bytes(copies(sample("openinference_handoff_lost_not"), 1_200))
    load(store, sample("pipecat_healthy")).close()
    reader = script(READER, store, 12)
    chance, killed = random.Random(5), 0
    for _ in range(KILLS):
        writer = script(SLOW, "ingest", big, "--store", store, "--quiet")
        time.sleep(chance.uniform(0.8, 2.4))
        killed += writer.poll() is None
        writer.kill()
        writer.communicate()
    out, err = reader.communicate(timeout=60)
    assert reader.returncode == 0, err.decode()
    assert int(out) > 3
    assert killed > 1
    ended = run("ingest", big, "--store", store, "--format", "json")
    assert ended.code == 0, ended.err
    load(tmp_path / "clean", sample("pipecat_healthy"), big).close()
    assert tables(store) == tables(tmp_path / "clean")
