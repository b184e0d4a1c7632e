"""Journeys through several pages: from a group of failures to a file, from a dump to its report."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.dashboards.browser.conftest import Visitor
from tests.dashboards.browser.visits import serving
from tests.traces import sample


def test_on_call_goes_from_a_group_to_a_request_and_its_file(
    visitor: Visitor, tmp_path: Path
) -> None:
    here = visitor()
    here.open("failures")
    group = here.page.get_by_role("row").filter(has_text="Transcription → reasoning").first
    group.get_by_role("link").first.click()
    expect(here.page).to_have_url(re.compile("group="))
    # The address changes before the page does: what was there before has links of its own.
    expect(here.page.get_by_role("link", name="Clear all filters")).to_be_visible()
    here.settle()
    here.page.locator("td a[href^='explain?id=']").first.click()
    expect(here.page).to_have_url(re.compile(r"/explain\?id=[0-9a-f]{32}"))
    expect(here.page.get_by_role("heading", name="Content was lost between")).to_be_visible()
    here.settle()
    with here.page.expect_download() as download:
        here.page.get_by_role("button", name="Evidence file").click()
    download.value.save_as(tmp_path / "evidence.html")
    text = (tmp_path / "evidence.html").read_text("utf-8")
    assert "Content was lost between transcription and reasoning" in text
    assert here.errors == []


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[str]:
    """The dashboard where there is no store yet."""
    with serving(tmp_path / "store") as address:
        yield address


def test_an_engineer_uploads_a_dump_and_reads_the_report(
    visitor: Visitor, empty: str, tmp_path: Path
) -> None:
    dump = tmp_path / "dump.jsonl"
    dump.write_bytes(sample("openinference_stt_500").read_bytes() + b"{not json\n")
    here = visitor()
    here.base = empty
    here.open("ingest")
    here.page.locator("input[type=file]").set_input_files(dump)
    expect(here.page.get_by_text("spans are loaded").first).to_be_visible()
    expect(here.page).to_have_url(re.compile("load="))
    here.settle()
    expect(here.page.get_by_text("Partly loaded").first).to_be_visible()
    report = here.page.url
    assert here.errors == []

    there = visitor("dark")
    there.base = empty
    there.go(report)
    expect(there.page.get_by_text("spans are loaded").first).to_be_visible()
    assert there.violations() == []
