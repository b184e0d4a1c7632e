"""Every page, in both themes: whole, quiet, readable for all, and deaf to what traces say."""

from __future__ import annotations

from contextlib import suppress

import pytest
from playwright.sync_api import TimeoutError as TooLate

from tests.dashboards.browser.places import Place, all_places
from tests.dashboards.browser.visits import PHONE, Visit
from tests.dashboards.stores import Made

#: Markup of a hostile text that became an element, or code of it that ran.
TAKEN = """
() => [
  ...(window.broken ? ["its code ran"] : []),
  ...[...document.querySelectorAll("img[src=x], a[href^='javascript:']")].map(e => e.outerHTML),
  ...[...document.querySelectorAll("[data-testid=stMain] b, [data-testid=stMain] strong")]
    .filter(e => ["bold", "b"].includes(e.textContent)).map(e => e.outerHTML),
]
"""


#: What reaches beyond the right edge and is not in a box of its own that scrolls.
BEYOND = """
() => [...document.querySelectorAll("[data-testid=stMain] *")]
  .filter(e => e.getBoundingClientRect().right > innerWidth + 1)
  .filter(e => !e.closest(".tl-scroll, .tl-raw, .tl-track, .tl-only-read"))
  .filter(e => !e.closest("[data-testid=stDataFrame], [data-testid=stCode]"))
  .filter(e => !e.closest("[data-testid=stSlider] [role=group]") && e.type !== "range")
  .map(e => e.outerHTML.slice(0, 160))
"""


@pytest.mark.parametrize("place", all_places(), ids=str)
def test_a_page_is_whole(visit: Visit, made: Made, place: Place) -> None:
    """One visit: as it opens, when the theme turns dark, and on the width of a phone."""
    known = {"id": made.ids[place.state]} if place.state else {}
    visit.open(place.page, **known, **place.parameters)
    shown = visit.page.inner_text("[data-testid=stMain]")
    assert "Something went wrong" not in shown
    assert len(shown) > 40
    assert visit.page.title().endswith(f"{place.page.replace('_', ' ').capitalize()} · tracelens")
    assert visit.page.evaluate(TAKEN) == []
    assert visit.violations() == []
    visit.turn("dark")
    assert visit.violations() == []
    visit.page.set_viewport_size({"width": PHONE, "height": 900})
    # Charts follow a moment later.
    beyond = f"() => ({BEYOND.strip()})().length === 0"
    with suppress(TooLate):
        visit.page.wait_for_function(beyond, timeout=5_000)
    assert visit.page.evaluate(BEYOND)[:3] == []
    assert visit.outside == []
    assert visit.errors == []
    assert visit.page.evaluate(TAKEN) == []


def test_another_machine_cannot_be_reached_and_is_told(visit: Visit) -> None:
    visit.open("explain")
    for address in ("https://example.com/x", "http://192.0.2.1/x"):
        visit.page.evaluate("(a) => fetch(a).catch(() => 0)", address)
    assert visit.outside == ["https://example.com/x", "http://192.0.2.1/x"]
