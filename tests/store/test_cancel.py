"""A query that nobody waits for can be stopped from another thread, and takes no other with it."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from tests.traces import load, sample
from tracelens.api import Cancellation, TraceLens
from tracelens.errors import Cancelled

#: Takes hours.
ENDLESS = "select count(*) from range(1000000000) a, range(1000000000) b"


@pytest.fixture
def lens(tmp_path: Path) -> TraceLens:
    return load(tmp_path / "store", sample("pipecat_healthy"))


@pytest.mark.parametrize("ask", ["own", "user"])
def test_what_runs_is_stopped(lens: TraceLens, ask: str) -> None:
    cancellation = Cancellation()
    ended: list[BaseException] = []

    def run() -> None:
        try:
            with cancellation:
                if ask == "own":
                    lens.store().query(ENDLESS)
                else:
                    lens.sql(ENDLESS)
        except Cancelled as error:
            ended.append(error)

    worker = threading.Thread(target=run)
    worker.start()
    while worker.is_alive() and not cancellation._cursors:
        pass
    cancellation.cancel()
    worker.join(30)
    assert [str(error) for error in ended] == ["the query was stopped"]
    assert lens.sql("select 1 as one")["one"].to_list() == [1]


def test_nothing_starts_after_it(lens: TraceLens) -> None:
    cancellation = Cancellation()
    cancellation.cancel()
    with cancellation, pytest.raises(Cancelled):
        lens.requests()
    assert lens.requests().height
