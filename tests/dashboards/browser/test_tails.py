"""A manager's journey: narrow the tail, try a cap, take a picture along, send the link."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.dashboards.browser.conftest import Visitor
from tests.dashboards.browser.visits import PHONE, Visit, serving
from tests.dashboards.tail_stores import tail_store


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The dashboard on 600 requests whose bill a tenth of them pays."""
    with serving(tail_store(tmp_path_factory.mktemp("busy"))) as address:
        yield address


def drawn(visit: Visit) -> None:
    """Wait until the charts are drawn."""
    expect(visit.page.locator(".js-plotly-plot").first).to_be_visible()
    visit.page.wait_for_function(
        "() => [...document.querySelectorAll('.js-plotly-plot')].length >= 6"
    )
    visit.settle()


def test_a_manager_narrows_tries_exports_and_sends(
    visitor: Visitor, busy: str, tmp_path: Path
) -> None:
    here = visitor()
    here.base = busy
    here.open("tails", tail="10")
    expect(here.page.get_by_role("heading", name="10 % of requests paid")).to_be_visible()
    drawn(here)

    here.page.get_by_role("link", name="Only requests with audio + image").last.click()
    expect(here.page).to_have_url(re.compile(r"mod=audio%2Bimage"))
    expect(here.page.get_by_text("Of 60 requests")).to_be_visible()
    here.settle()

    cap = here.page.get_by_role("slider", name="Cap audio length")
    cap.focus()
    for _ in range(4):  # from no cap over 300, 120 and 60 s to 30 s, without waiting
        cap.press("ArrowLeft")
    expect(here.page).to_have_url(re.compile(r"cap_audio=30(&|$)"))
    result = here.page.get_by_text("60 requests (100 %) are touched")
    expect(result).to_be_visible()
    here.settle()

    here.page.get_by_role("button", name="Export").click()
    with here.page.expect_download() as download:
        here.page.get_by_role("button", name="Pictures, PNG").click()
    download.value.save_as(tmp_path / "pictures.zip")
    with zipfile.ZipFile(tmp_path / "pictures.zip") as archive:
        assert "who-pays.png" in archive.namelist()
        assert archive.read("who-pays.png").startswith(b"\x89PNG")
    here.page.keyboard.press("Escape")

    here.page.get_by_role("button", name="Copy link").click()
    expect(here.page.get_by_role("button", name="Link copied")).to_be_visible()
    link = here.page.evaluate("navigator.clipboard.readText()")
    assert "mod=audio%2Bimage" in link and "cap_audio=30" in link
    assert here.errors == []

    there = visitor("dark", PHONE)
    there.go(link)
    expect(there.page.get_by_text("Of 60 requests")).to_be_visible()
    expect(there.page.get_by_text("60 requests (100 %) are touched")).to_be_visible()
    assert there.errors == []


def test_a_cell_and_a_diamond_of_the_map_are_clicked(visitor: Visitor, busy: str) -> None:
    here = visitor()
    here.base = busy
    here.open("tails")
    drawn(here)
    plot = here.page.locator(".js-plotly-plot").nth(1)
    plot.scroll_into_view_if_needed()
    place = plot.evaluate(PLACE, "cells")
    here.page.mouse.move(*place)
    here.page.mouse.click(*place)
    expect(here.page).to_have_url(re.compile("sel="))
    expect(here.page.get_by_role("link", name="Back to the tail")).to_be_visible()
    selected = here.page.url
    here.settle()

    again = visitor()
    again.go(selected)
    expect(again.page.get_by_role("link", name="Back to the tail")).to_be_visible()
    drawn(again)
    plot = again.page.locator(".js-plotly-plot").nth(1)
    plot.scroll_into_view_if_needed()
    place = plot.evaluate(PLACE, "highest")
    again.page.mouse.move(*place)
    again.page.mouse.click(*place)
    expect(again.page).to_have_url(re.compile(r"/explain\?id=[0-9a-f]{32}"))
    assert again.errors == []


def test_filters_stand_in_one_line(visitor: Visitor, busy: str) -> None:
    here = visitor()
    here.base = busy
    here.open("tails")
    drawn(here)
    row = here.page.locator(".st-key-filters")
    tops = row.locator("[data-testid=stWidgetLabel]").evaluate_all(TOPS)
    assert len(tops) == 4 and len(set(tops)) == 1
    heights = row.locator(
        "[data-testid=stButtonGroup] button, [data-testid=stSelectbox] > div"
    ).evaluate_all(HEIGHTS)
    assert len(heights) > 4 and len(set(heights)) == 1


TOPS = "(all) => all.map((each) => each.getBoundingClientRect().top)"
HEIGHTS = "(all) => all.map((each) => each.getBoundingClientRect().height)"

#: Where on the screen the first mark of a trace is.
PLACE = """
(plot, name) => {
  const trace = plot._fullData.find((each) => each.name === name);
  const { xaxis, yaxis, _size: size } = plot._fullLayout;
  const box = plot.getBoundingClientRect();
  return [
    box.left + size.l + xaxis.d2p(trace.x[0]),
    box.top + size.t + yaxis.d2p(trace.y[0]),
  ];
}
"""


def test_what_a_chart_offers_can_be_reached_by_keyboard(visitor: Visitor, busy: str) -> None:
    here = visitor()
    here.base = busy
    here.open("tails")
    drawn(here)
    twin = here.page.locator("summary", has_text="Show as a table").nth(1)
    twin.focus()
    twin.press("Enter")
    pick = here.page.get_by_role("link", name=re.compile("^Select requests from")).first
    expect(pick).to_be_visible()
    pick.focus()
    pick.press("Enter")
    expect(here.page).to_have_url(re.compile("sel="))
    assert here.violations() == []
