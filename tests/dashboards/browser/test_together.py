"""Two people look while a third process loads: nobody sees an error, all see what is new."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.command import process
from tests.dashboards.browser.conftest import Visitor
from tests.dashboards.browser.visits import PATIENCE, Visit, serving
from tests.dashboards.stores import trace_of
from tests.traces import copies, load, sample
from tracelens import TraceLens

FAILED = "openinference_stt_500"
#: Requests enough that pages are read while the load goes on.
COPIES = 400


@pytest.fixture
def store(tmp_path: Path) -> Path:
    load(tmp_path / "store", sample(FAILED)).close()
    return tmp_path / "store"


@pytest.fixture
def base(store: Path) -> Iterator[str]:
    """The dashboard on a store of this test alone: it grows."""
    with serving(store) as address:
        yield address


def failed_requests(store: Path) -> int:
    with TraceLens(store) as lens:
        return int(lens.sql("select count(*) as n from requests where failed")["n"][0])


def assert_calm(visit: Visit) -> None:
    """No error of ours, of Streamlit or of the browser."""
    shown = visit.page.inner_text("[data-testid=stMain]")
    assert "Something went wrong" not in shown
    assert visit.page.locator("[data-testid=stException], [data-testid=stAlert]").count() == 0
    assert visit.errors == []


def test_two_browsers_and_an_ingest_at_once(visitor: Visitor, store: Path, tmp_path: Path) -> None:
    before = failed_requests(store)
    dump = tmp_path / "more.jsonl"
    dump.write_bytes(copies(sample(FAILED), COPIES))
    first, second = visitor(), visitor("dark")
    second.open("failures")
    expect(second.page.get_by_role("heading", name=f"{before} failure")).to_be_visible()

    ingest = process("ingest", dump, "--store", store, stdout=subprocess.DEVNULL)
    looked = 0
    while looked == 0 or ingest.poll() is None:
        first.open("explain", id=trace_of(FAILED))
        assert_calm(first)
        second.open("failures")
        assert_calm(second)
        looked += 1
    assert ingest.wait(PATIENCE) == 0

    after = failed_requests(store)
    assert after > before
    second.page.reload()
    second.settle()
    expect(second.page.get_by_role("heading", name=f"{after:,} failures")).to_be_visible()
    assert_calm(second)
    first.page.reload()
    first.settle()
    expect(first.page.get_by_role("heading", name="Transcription broke")).to_be_visible()
    assert_calm(first)
