"""A writer killed at any moment loses nothing that it reported and leaves nothing half done."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.store.frames import load, span, spans, trace
from tracelens.errors import TracelensError
from tracelens.store import Store

HERE = Path(__file__).parent
KILLS = 25  # at least, for each of two seeds, which two workers can share
COMMITS = 5  # that were acknowledged before a kill, at least
#: Of each part; its request for the shared trace lives until the next part.
UNIQUE_TRACES, SPANS_PER_PART = 2, 5

WINDOWS = [
    *(f"before {step}" for step in range(6)),  # each of the five steps, and after the last
    "rename 1",  # no segment has its name
    "rename 2",  # the spans have it, the requests do not
    "rename 3",  # and these, but not their copy
    *(f"insert {call}" for call in range(1, 5)),  # inside the transaction of the log
]


class Nursery:
    """The process that forks writers."""

    def __init__(self) -> None:
        environment = os.environ | {"PYTHONPATH": str(HERE.parents[1])}
        self.process = subprocess.Popen(
            [sys.executable, str(HERE / "nursery.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )

    def start(self, store: Path, *, broken: str = "", kill: dict[str, Any] | None = None) -> int:
        assert self.process.stdin is not None
        order = {"store": str(store), "break": broken, "kill": kill}
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()
        word, pid = self.line()
        assert word == "started"
        return pid

    def line(self) -> tuple[str, int]:
        assert self.process.stdout is not None
        word, _, number = self.process.stdout.readline().partition(" ")
        return word, int(number)

    def finish(self) -> tuple[list[int], int]:
        """The generations that the writer reported, and the signal that ended it."""
        committed = []
        while (line := self.line())[0] == "committed":
            committed.append(line[1])
        assert line[0] == "ended"
        return committed, os.WTERMSIG(line[1])

    def close(self) -> None:
        self.process.communicate()


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    nursery = Nursery()
    yield nursery
    nursery.close()


def find_damage(folder: Path, acknowledged: set[int]) -> list[str]:
    """What is wrong with a store after a kill; nothing when the commit protocol holds."""
    try:
        store = Store.open(folder)
    except TracelensError as error:
        return [str(error)] if acknowledged else []
    try:
        return list(_damage(store, acknowledged))
    except TracelensError as error:
        return [str(error)]
    finally:
        store.close()


def _damage(store: Store, acknowledged: set[int]) -> Iterator[str]:
    reports = {each["generation"]: each for each in store.loads()}
    if lost := acknowledged - reports.keys():
        yield f"reported as committed, but lost: {sorted(lost)}"
    stored = dict(store.query("select load, count(*) from spans group by load").iter_rows())
    judged = dict(
        store.query(
            "select load, count(*) from requests where trace_id != $shared group by load",
            {"shared": trace("shared")},
        ).iter_rows()
    )
    for generation, report in reports.items():
        if {stored.pop(generation, 0), report["spans_stored"]} != {SPANS_PER_PART}:
            yield f"generation {generation}: spans and report differ"
        if judged.pop(generation, 0) != UNIQUE_TRACES or not report["rejects"]:
            yield f"generation {generation}: spans without requests or rejects"
    if stored or judged:
        yield f"rows of no load: {stored}, {judged}"
    newest = store.query("select load from requests where trace_id = $t", {"t": trace("shared")})
    if newest["load"].to_list() != sorted(reports)[-1:]:
        yield f"the shared trace has the requests {newest['load'].to_list()}"


@pytest.mark.parametrize("seed", [20, 21])
def test_random_kills(tmp_path: Path, nursery: Nursery, seed: int) -> None:
    folder, dice = tmp_path / "store", random.Random(seed)
    acknowledged: set[int] = set()
    # Moments are shares of what a writer takes for its first commit, on this machine today.
    nursery.start(tmp_path / "warm", kill={"commit": 1, "at": "before 5"})
    began = time.monotonic()  # after its imports, which only the first one pays
    nursery.finish()
    pace = time.monotonic() - began
    early = kills = 0
    while kills < KILLS or len(acknowledged) < COMMITS:
        assert kills < 10 * KILLS, "the writers never get as far as a commit"
        pid = nursery.start(folder)
        time.sleep(dice.uniform(0, 1.5 * pace))
        os.kill(pid, signal.SIGKILL)
        committed, ended_by = nursery.finish()
        assert ended_by == signal.SIGKILL
        acknowledged.update(committed)
        assert find_damage(folder, acknowledged) == []
        kills += 1
        early += not committed
        # The machine may be slower than it was: later kills let more writers come to a commit.
        pace *= 0.95 if committed else 1.05
    assert early, "some writers must have been killed before their first commit"
    store = Store.open(folder)
    assert load(store, spans(span("after"))) > max(acknowledged)
    assert not list((folder / "segments").glob(".tmp-*"))
    assert not [each for each in (folder / "staging").iterdir() if each.name[0] != "."]
    store.close()


@pytest.mark.parametrize("window", WINDOWS)
def test_kill_in_every_window(tmp_path: Path, nursery: Nursery, window: str) -> None:
    folder = tmp_path / "store"
    nursery.start(folder, kill={"commit": 2, "at": window})
    committed, ended_by = nursery.finish()
    assert (committed, ended_by) == ([1], signal.SIGKILL)
    assert find_damage(folder, {1}) == []
    nursery.start(folder, kill={"commit": 3, "at": "before 0"})
    committed, _ = nursery.finish()
    assert len(committed) == 2
    assert find_damage(folder, {1, *committed}) == []


def test_kill_in_a_compaction(tmp_path: Path, nursery: Nursery) -> None:
    folder = tmp_path / "store"
    nursery.start(folder, kill={"commit": 100, "at": "replace"})
    committed, ended_by = nursery.finish()
    assert (committed, ended_by) == (list(range(1, 9)), signal.SIGKILL)
    assert find_damage(folder, set(range(1, 10))) == []


@pytest.mark.parametrize(
    ("broken", "window", "finding"),
    [
        ("order", "before 3", "is missing"),
        ("transaction", "before 5", "spans without requests"),
    ],
)
def test_the_check_finds_a_broken_protocol(
    tmp_path: Path, nursery: Nursery, broken: str, window: str, finding: str
) -> None:
    # Unkilled, the broken protocol looks fine: it is the kill that shows the damage.
    nursery.start(tmp_path / "whole", broken=broken, kill={"commit": 3, "at": "before 0"})
    assert find_damage(tmp_path / "whole", set(nursery.finish()[0])) == []
    nursery.start(tmp_path / "half", broken=broken, kill={"commit": 2, "at": window})
    damage = find_damage(tmp_path / "half", set(nursery.finish()[0]))
    assert any(finding in each for each in damage), damage
