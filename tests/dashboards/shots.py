"""Pictures of every page for people to look at: `python -m tests.dashboards.shots FOLDER [PAGE…]`.

Light and dark on a desk, light on a phone; of Explain in every state, of Tails on many made-up
requests too. With `readme` for a page: those of the README, from the samples, and of Tails from
made-up requests (`python -m tests.dashboards.shots docs/images readme`).
"""

from __future__ import annotations

import sys
import tempfile
from contextlib import closing
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from benchmarks.made_requests import fill
from tests.browser import start_browser
from tests.dashboards.browser.places import Place, all_places
from tests.dashboards.browser.visits import PHONE, WIDE, Scheme, new_context, new_visit, serving
from tests.dashboards.stores import Made, make_store, trace_of
from tests.traces import ALL_SAMPLES, load
from tracelens.store import Store

LOOKS: tuple[tuple[str, Scheme, int], ...] = (
    ("light", "light", WIDE),
    ("dark", "dark", WIDE),
    ("phone", "light", PHONE),
)
#: Pages of the README: which, in which theme, and the sample whose request it explains.
README: tuple[tuple[str, Scheme, str], ...] = (
    ("overview", "light", ""),
    ("explain", "light", "openinference_handoff_lost_not"),
    ("failures", "dark", ""),
)
#: Pixels; the README is narrower than a desk.
README_WIDTH = 1200
#: Requests that make a tail: the samples are too few for one.
MANY = 100_000


def main() -> None:
    """Make a store, serve it, and take the pictures."""
    target = Path(sys.argv[1] if len(sys.argv) > 1 else "shots")
    wanted = sys.argv[2:]
    target.mkdir(parents=True, exist_ok=True)
    places = [each for each in all_places() if not wanted or each.page in wanted]
    if wanted == ["readme"]:
        take_for_readme(target)
        return
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        made = make_store(Path(folder))
        browser = start_browser(playwright)
        with serving(made.path) as base:
            for look in LOOKS:
                take(browser, base, made, places, look, target)
        if any(each.page == "tails" for each in places):
            with serving(make_many(Path(folder))) as base:
                for look in LOOKS:
                    take(browser, base, made, [Place("tails", "many", {})], look, target)
        browser.close()


def take_for_readme(target: Path) -> None:
    """What the README shows, as much as a window holds."""
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        load(Path(folder) / "samples", *ALL_SAMPLES).close()
        browser = start_browser(playwright)
        with serving(Path(folder) / "samples") as base:
            for page, scheme, sample_name in README:
                given = {"id": trace_of(sample_name)} if sample_name else {}
                take_window(browser, base, (page, scheme), given, target)
        with serving(make_many(Path(folder))) as base:
            take_window(browser, base, ("tails", "light"), {}, target)
        browser.close()


def make_many(folder: Path) -> Path:
    """A store of made-up requests, without spans behind them."""
    with closing(Store.open(folder / "many", create=True)) as store:
        fill(store, MANY, commits=2)
    return folder / "many"


def take_window(
    browser: Browser,
    base: str,
    look: tuple[str, Scheme],
    given: dict[str, str],
    target: Path,
) -> None:
    """As much of a page as a window holds."""
    page, scheme = look
    visit = new_visit(new_context(browser, scheme, README_WIDTH), base)
    visit.open(page, **given)
    visit.page.wait_for_timeout(1000)
    visit.page.screenshot(path=target / f"{page}-{scheme}.png")


def take(
    browser: Browser,
    base: str,
    made: Made,
    places: list[Place],
    look: tuple[str, Scheme, int],
    target: Path,
) -> None:
    """One picture of each place, whole."""
    name, scheme, width = look
    context = new_context(browser, scheme, width)
    for place in places:
        visit = new_visit(context, base)
        known = {"id": made.ids[place.state]} if place.state in made.ids else {}
        visit.open(place.page, **known)
        # The page scrolls inside of the window, so that the window has to hold it all.
        visit.page.set_viewport_size({"width": width, "height": max(900, visit.height())})
        visit.page.wait_for_timeout(300)
        visit.page.screenshot(path=target / f"{place}_{name}.png")
        print(target / f"{place}_{name}.png", flush=True)
        visit.page.close()
    context.close()


if __name__ == "__main__":
    main()
