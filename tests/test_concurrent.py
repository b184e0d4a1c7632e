"""Several processes on one store: the tables of one, whole commits only, also under kill -9."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from itertools import cycle
from pathlib import Path

import pytest

from tests.command import ROOT, process, run
from tests.traces import copies, documents, lines, load, sample, single_spans, tables
from tracelens import TraceLens
from tracelens.store.flat import copy_name
from tracelens.store.writer import Writer

SECONDS = 30.0  # that readers and writers work at once
DUMPS, TOGETHER = 160, 2  # dumps in all, and given to one ingest
#: A dump has this many traces, of which it shares some with its neighbours.
TRACES, STEP = 5, 3
WHOLE, SPREAD = "openinference_handoff_lost_not", "livekit_tool_raises"
SPANS = 4  # of a trace that is never in pieces

#: Forks the command line for each order, so that its imports are paid once: one commit per dump,
#: merging early, and a mistake in the protocol if asked.
FORKS = """
import json, os, sys, time, traceback
from tests.store import nursery
from tracelens.cli import ingest_command, main
from tracelens.ingest import run
from tracelens.store import compact, protocol, writer
run.PART_BYTES, compact.SEGMENTS_KEPT, compact.SEGMENTS_MERGED = 1, 8, 6
def wait(part):
    time.sleep(1)
if sys.argv[1] == "order":
    nursery.break_order()
    protocol.STEPS = (*protocol.STEPS[:3], wait, *protocol.STEPS[3:])
if sys.argv[1] == "transaction":
    nursery.break_transaction()
    protocol.STEPS = (*protocol.STEPS[:5], wait, *protocol.STEPS[5:])
if sys.argv[1] == "twice":
    writer._may_overlap = lambda segment, stage: False
for line in sys.stdin:
    out, sys.argv = json.loads(line)
    child = os.fork()
    if not child:
        file = os.open(out, os.O_CREAT | os.O_TRUNC | os.O_WRONLY)
        os.dup2(file, 1), os.dup2(file, 2)
        try:
            main()
        except SystemExit as ended:
            sys.stdout.flush()
            os._exit(ended.code)
        except BaseException:
            traceback.print_exc()
        os._exit(99)
    print(child, flush=True)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""

#: What the readers have in common: they look until the time is over.
LOOK = """
import json, random, subprocess, sys, time
from pathlib import Path
from tracelens import Filters, TraceLens
from tracelens.store import Store
folder, until, spread, spans = sys.argv[1], time.monotonic() + float(sys.argv[2]), *sys.argv[3:]
dice, looks, seen = random.Random(3), 0, 0
def command(*args):
    ended = subprocess.run(
        [sys.executable, "-m", "tracelens", *args, "--store", folder], capture_output=True
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout
"""

READERS = {
    # One store kept open: each answer comes from whole commits, of which none is lost.
    "views": """
store = Store.open(Path(folder))
while time.monotonic() < until:
    partial, double, unjudged, odd, now = store.query('''
        with traces as (
            select trace_id, count(*) as held, count(distinct span_id) as ids from spans group by 1
        ), judged as (select trace_id, count(*) as times from requests group by 1),
        stored as (select load, count(*) as held from spans group by 1),
        logged as (select generation, sum(spans_stored) as said from loads group by 1)
        select
            (select count(*) from traces where ids <> $spans and trace_id <> $spread),
            (select count(*) from traces where held <> ids),
            (select count(*) from traces full join judged using (trace_id)
                where (times is null or held is null or times <> 1) and trace_id <> $spread),
            (select count(*) from stored full join logged on load = generation
                where coalesce(held, 0) <> coalesce(said, 0)),
            (select count(*) from spans)
    ''', {"spread": spread, "spans": int(spans)}).row(0)
    assert partial == double == unjudged == odd == 0, (partial, double, unjudged, odd)
    assert now >= seen, (now, seen)
    seen, looks = now, looks + 1
""",
    "lookups": """
store = Store.open(Path(folder))
while time.monotonic() < until:
    traces = store.query("select distinct trace_id from spans order by 1")["trace_id"]
    for trace in dice.sample(traces.filter(traces != spread).to_list(), 5):
        held = store.spans(["span_id"], traces=[trace])["span_id"]
        assert held.n_unique() == len(held) == int(spans), (trace, held)
        request = store.find("trace", trace).row(0, named=True)
        assert request["request_id"] in store.find("span", held[0])["request_id"]
        assert store.spans_of(request, ["span_id"])["span_id"].sort().equals(held.sort())
    looks += 1
""",
    "answers": """
while time.monotonic() < until:
    with TraceLens(folder) as lens:
        for request in lens.requests(Filters(limit=50))["request_id"].sample(3):
            explained = lens.explain(request)
            assert {span["id"] for span in explained.spans} == set(explained.request["span_ids"])
    rows = [json.loads(line) for line in command("requests", "--limit", "5").splitlines()]
    json.loads(command("explain", rows[-1]["request_id"], "--format", "json"))
    json.loads(command("sql", "select count(*) as n from spans"))
    looks += 1
""",
}


def script(text: str, *args: object, stdin: int | None = None) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", text, *map(str, args)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=stdin,
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


def spread_trace() -> str:
    """The id of the trace whose spans lie in different dumps."""
    spans = documents(sample(SPREAD))[0]["resourceSpans"][0]["scopeSpans"][0]["spans"]
    return str(spans[0]["traceId"])


def overlapping(folder: Path) -> list[Path]:
    """Dumps of whole traces, some in two dumps, and of one trace in pieces."""
    apart = single_spans(sample(SPREAD))
    rows = copies(sample(WHOLE), DUMPS * STEP + TRACES).splitlines(keepends=True)
    each = len(documents(sample(WHOLE)))  # documents of a trace
    files = []
    for number in range(DUMPS):
        begin = number * STEP * each
        piece = lines([apart[number % len(apart)]])
        file = folder / f"dump{number:03}.jsonl"
        file.write_bytes(b"".join(rows[begin : begin + TRACES * each]) + piece)
        files.append(file)
    return files


class Lane(threading.Thread):
    """Ingests dumps, some at a time, one process after the other, whoever kills them."""

    def __init__(self, store: Path, dumps: Sequence[Path], broken: str) -> None:
        super().__init__()
        self.acknowledged: list[str] = []
        self.kills = 0
        self.said = ""
        begins = range(0, len(dumps), TOGETHER)
        self._groups = [list(dumps[begin : begin + TOGETHER]) for begin in begins]
        self._options = ["--store", store, "--format", "json", "--quiet"]
        self._out = dumps[0].with_suffix(".out")
        self._forks = script(FORKS, broken, stdin=subprocess.PIPE)
        self._child = 0
        self._ends = False

    def run(self) -> None:
        """Take the next dumps when some are in; the same again when their process was killed."""
        groups = cycle(self._groups)
        group = next(groups)
        while not self._ends and not self.said:
            code = self._ingest(group)
            said = self._out.read_text()
            if code == 0:
                self.acknowledged += [each["path"] for each in json.loads(said)["sources"]]
                group = next(groups)
            elif code != -signal.SIGKILL:
                self.said = f"ingest ended with {code}: {said[-500:]}"
        self._forks.communicate()

    def kill(self) -> None:
        """End its process as a power cut would."""
        if child := self._child:
            os.kill(child, signal.SIGKILL)
            self.kills += 1

    def end(self) -> None:
        self._ends = True
        self.kill()
        self.join()

    def _ingest(self, group: Sequence[Path]) -> int:
        assert self._forks.stdin is not None
        assert self._forks.stdout is not None
        order = [
            str(self._out),
            [str(each) for each in ["tracelens", "ingest", *group, *self._options]],
        ]
        self._forks.stdin.write(json.dumps(order).encode() + b"\n")
        self._forks.stdin.flush()
        self._child = int(self._forks.stdout.readline())
        code = int(self._forks.stdout.readline())
        self._child = 0
        return code


def storm(
    store: Path, dumps: Sequence[Path], seconds: float, broken: str = ""
) -> tuple[list[str], list[Lane]]:
    """Two lanes that overlap, three readers, and a random kill every second or two.

    What readers and writers found wrong, which ends it, and the lanes.
    """
    args = (store, seconds, spread_trace(), SPANS)
    readers = {name: script(LOOK + text + "print(looks)", *args) for name, text in READERS.items()}
    lanes = [Lane(store, dumps, broken), Lane(store, dumps[::-1], broken)]
    dice, began = random.Random(11), time.monotonic()
    for lane in lanes:
        lane.start()
    while _go_on(lanes, readers, began + seconds) and not all(x.acknowledged for x in lanes):
        time.sleep(0.02)
    # A second on a machine at leisure: most processes live to commit, and not all to the end.
    pace = max(1.0, (time.monotonic() - began) / 3)
    while _go_on(lanes, readers, began + seconds):
        time.sleep(pace * dice.uniform(1, 2))
        dice.choice(lanes).kill()
    for lane in lanes:
        lane.end()
    found = [lane.said for lane in lanes if lane.said]
    return found + list(_complaints(readers, hurry=bool(found))), lanes


def _go_on(
    lanes: Sequence[Lane], readers: dict[str, subprocess.Popen[bytes]], until: float
) -> bool:
    """Whether there is time left and nothing wrong yet."""
    wrong = any(each.said for each in lanes) or any(each.poll() for each in readers.values())
    return not wrong and time.monotonic() < until


def _complaints(readers: dict[str, subprocess.Popen[bytes]], *, hurry: bool) -> Iterator[str]:
    for name, reader in readers.items():
        if hurry and reader.poll() is None:
            reader.kill()
        out, err = reader.communicate(timeout=60)
        if reader.returncode > 0:
            hurry = True
            yield f"{name}: {err.decode()[-500:]}"
        elif not hurry and int(out) < 1:
            yield f"{name} never got an answer"


@pytest.fixture(scope="module")
def dumps(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return overlapping(tmp_path_factory.mktemp("dumps"))


@pytest.mark.slow
def test_nothing_is_lost_or_half_there_while_writers_are_killed(
    tmp_path: Path, dumps: list[Path]
) -> None:
    store = tmp_path / "store"
    load(store, dumps[0]).close()
    found, lanes = storm(store, dumps, SECONDS)
    assert found == []
    assert sum(each.kills for each in lanes) > 1
    acknowledged = {dump for each in lanes for dump in each.acknowledged}
    assert acknowledged
    assert spans_of(store) >= {span for dump in acknowledged for span in spans_in(Path(dump))}
    ended = run("ingest", *dumps, "--store", store, "--format", "json")
    assert ended.code == 0, ended.err
    load(tmp_path / "calm", *dumps).close()
    assert tables(store) == tables(tmp_path / "calm")
    with TraceLens(store) as lens:
        stored = sum(each["spans_stored"] for each in lens.loads())
    assert stored == len(spans_of(store)) == len(tables(store)["spans"])
    assert orphans(store) == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("broken", "says"),
    [("order", "is missing"), ("transaction", "AssertionError"), ("twice", "AssertionError")],
)
def test_the_storm_finds_a_broken_protocol(
    tmp_path: Path, dumps: list[Path], broken: str, says: str
) -> None:
    load(tmp_path / "store", dumps[0]).close()
    found, _ = storm(tmp_path / "store", dumps, 2 * SECONDS, broken)
    assert any(says in each for each in found), found


def spans_of(store: Path) -> set[tuple[str, str]]:
    with TraceLens(store) as lens:
        return set(lens.sql("select trace_id, span_id from spans").iter_rows())


def spans_in(dump: Path) -> set[tuple[str, str]]:
    return {
        (span["traceId"], span["spanId"])
        for document in documents(dump)
        for outer in document["resourceSpans"]
        for inner in outer["scopeSpans"]
        for span in inner["spans"]
    }


def orphans(store: Path) -> list[str]:
    """Files that no version of the store needs, after a sweep that waits for nobody."""
    with Writer(store, seconds=1, grace=-1):
        pass
    with Writer(store, seconds=1, grace=-1) as writer:
        live = {each.name for each in writer._log.live().segments}
    live |= {copy_name(name) for name in live}
    files = {each.name for each in (store / "segments").iterdir()}
    stray = [each.name for each in store.iterdir() if each.name.startswith((".tmp-", "spill-"))]
    return sorted(files ^ live) + stray + [each.name for each in (store / "staging").iterdir()]
