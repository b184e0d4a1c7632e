"""One server and one browser for all tests of a session; without a browser they fail."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from playwright.sync_api import Browser, BrowserContext, expect, sync_playwright

from tests.browser import start_browser
from tests.dashboards.browser.visits import (
    PATIENCE,
    WIDE,
    Scheme,
    Visit,
    new_context,
    new_visit,
    serving,
)
from tests.dashboards.stores import Made

Visitor = Callable[..., Visit]

expect.set_options(timeout=PATIENCE * 1000)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A browser; RuntimeError, never a skip, where there is none."""
    with sync_playwright() as playwright:
        started = start_browser(playwright)
        yield started
        started.close()


@pytest.fixture(scope="session")
def base(made: Made) -> Iterator[str]:
    """The address of the dashboard on the store of all states."""
    with serving(made.path) as address:
        yield address


@pytest.fixture
def visitor(browser: Browser, base: str) -> Iterator[Visitor]:
    """A function that lets a new visitor come: `visitor(scheme, width)`."""
    with ExitStack() as stack:

        def come(scheme: Scheme = "light", width: int = WIDE) -> Visit:
            context = new_context(browser, scheme, width)
            stack.callback(context.close)
            return new_visit(context, base)

        yield come


@pytest.fixture(scope="session")
def regular(browser: Browser) -> Iterator[BrowserContext]:
    """The browser of somebody who has been here: it has kept the scripts of the frame."""
    context = new_context(browser)
    yield context
    context.close()


@pytest.fixture
def visit(regular: BrowserContext, base: str) -> Iterator[Visit]:
    """A new page in the browser of a regular."""
    made = new_visit(regular, base)
    yield made
    made.page.close()
