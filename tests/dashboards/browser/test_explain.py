"""What a reader does on Explain: find, choose, copy, keep; with a mouse and without one."""

from __future__ import annotations

import re
from pathlib import Path

from playwright.sync_api import expect

from tests.dashboards.browser.conftest import Visitor
from tests.dashboards.stores import Made

SPAN = re.compile(r"span=[0-9a-f]{16}")


def test_a_bug_report_is_pasted_and_its_link_opens_the_same_elsewhere(
    visitor: Visitor, made: Made
) -> None:
    here = visitor()
    here.open("overview")
    box = here.page.get_by_role("textbox").first
    box.fill("BUG-7")
    box.press("Enter")
    verdict = here.page.get_by_role("heading", name="Content was lost between")
    expect(verdict).to_be_visible()
    here.settle()
    here.page.get_by_role("button", name="Copy link").click()
    expect(here.page.get_by_role("button", name="Link copied")).to_be_visible()
    link = here.page.evaluate("navigator.clipboard.readText()")
    assert link == f"{here.base}/explain?id=BUG-7"

    there = visitor("dark")
    there.go(link)
    expect(there.page.get_by_role("heading", name="Content was lost between")).to_be_visible()
    expect(there.page.get_by_role("textbox", name="Find a request")).to_have_value("BUG-7")
    assert there.page.inner_text(".tl-card") == here.page.inner_text(".tl-card")


def test_a_span_is_chosen_and_stands_in_the_link(visitor: Visitor, made: Made) -> None:
    here = visitor()
    here.open("explain", id=made.ids["failed"])
    here.page.evaluate("window.same = true")
    here.page.locator(".tl-row.tl-failed a").last.click()
    expect(here.page.get_by_role("region", name="Span")).to_be_visible()
    expect(here.page).to_have_url(SPAN)
    assert here.page.evaluate("window.same")  # it was not loaded anew
    name = here.page.inner_text("section[aria-label=Span] h2")

    there = visitor()
    there.go(here.page.url)
    assert there.page.inner_text("section[aria-label=Span] h2") == name
    assert there.page.locator("[aria-current=true]").count() == 1


def test_the_keyboard_alone_reaches_a_span(visitor: Visitor, made: Made) -> None:
    here = visitor()
    here.open("explain", id=made.ids["lost"])
    here.page.locator(".tl-table a").last.focus()
    for _ in range(30):
        here.page.keyboard.press("Tab")
        if here.page.evaluate("document.activeElement.classList.contains('tl-span')"):
            break
    here.page.keyboard.press("Enter")
    expect(here.page.get_by_role("region", name="Span")).to_be_visible()
    here.page.keyboard.press("Alt+l")
    expect(here.page.get_by_role("button", name="Link copied")).to_be_visible()
    assert SPAN.search(here.page.evaluate("navigator.clipboard.readText()"))


def test_a_similar_failure_is_one_click_away(visitor: Visitor, made: Made) -> None:
    here = visitor()
    here.open("explain", id="BUG-7")
    before = here.page.url
    here.page.locator(".tl-list a").first.click()
    expect(here.page).not_to_have_url(before)
    expect(here.page.get_by_role("textbox", name="Find a request")).not_to_have_value("BUG-7")
    here.page.go_back()
    expect(here.page.get_by_role("textbox", name="Find a request")).to_have_value("BUG-7")


def test_the_evidence_file_opens_by_itself(visitor: Visitor, made: Made, tmp_path: Path) -> None:
    here = visitor()
    here.open("explain", id=made.ids["hostile"])
    with here.page.expect_download() as download:
        here.page.get_by_role("button", name="Evidence file").click()
    assert re.fullmatch(r"tracelens-[0-9a-f]{12}\.html", download.value.suggested_filename)
    download.value.save_as(tmp_path / "evidence.html")

    there = visitor("dark")
    there.page.goto(f"file://{tmp_path / 'evidence.html'}")
    assert there.page.inner_text("h1") == here.page.inner_text(".tl-card h1")
    expect(there.page.get_by_role("list", name="Spans")).to_be_visible()
    assert there.violations() == []
    assert there.outside == []
    assert not there.page.evaluate("window.broken")
