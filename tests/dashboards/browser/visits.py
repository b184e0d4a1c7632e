"""Runs the dashboard and visits its pages in a browser; used by tests and by the screenshots."""

from __future__ import annotations

import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlencode, urlsplit

from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Browser, BrowserContext, Page

from tests.command import ROOT, process

VIEWS = ROOT / "dashboards" / "views"
Scheme = Literal["light", "dark"]
#: Widths of a desk and of a phone.
WIDE, PHONE = 1440, 390
#: Seconds for a server to start, and for a page to be whole on a busy machine.
START, PATIENCE = 60, 60
TRIES = 4
DONE = "[data-testid=stApp][data-test-script-state=notRunning]"
#: On every page but the first Streamlit looks for its own base path, in vain and without harm.
PROBES = ("_stcore/health", "_stcore/host-config")
#: What axe finds in Streamlit's own elements, by rule; the part that may be at fault.
STREAMLITS = {
    "presentation-role-conflict": "stFileUploader",
    "svg-img-alt": "stMetric",
}


def page_names() -> list[str]:
    """All pages, in the order of the menu."""
    return [each.stem.partition("_")[2] for each in sorted(VIEWS.glob("[0-9]*_*.py"))]


@contextmanager
def serving(store: Path) -> Iterator[str]:
    """The dashboard on a store, in a process of its own; its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    base = f"http://127.0.0.1:{port}"
    options: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    server = process("ui", "--store", store, "--port", str(port), "--headless", **options)
    try:
        _wait(server, base)
        yield base
    finally:
        server.terminate()
        server.wait(START)


def _wait(server: subprocess.Popen[bytes], base: str) -> None:
    deadline = time.monotonic() + START
    while time.monotonic() < deadline:
        if server.poll() is not None:
            raise RuntimeError(f"tracelens ui ended with {server.returncode}")
        try:
            urllib.request.urlopen(f"{base}/_stcore/health", timeout=5).close()
            return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError(f"tracelens ui did not answer within {START} s")


@dataclass
class Visit:
    """A page in a browser, and what went wrong on it so far."""

    page: Page
    base: str
    outside: list[str] = field(default_factory=list)  # addresses asked for on other machines
    errors: list[str] = field(default_factory=list)  # what the browser complained about

    def open(self, name: str, **parameters: str) -> None:
        """Open a page by its name and wait until it is whole."""
        # The first page has no name in its address: Streamlit takes it for an unknown one.
        path = "" if name == page_names()[0] else name
        self.go(f"{self.base}/{path}?{urlencode(parameters)}")

    def go(self, address: str) -> None:
        """Open an address and wait until the page is whole."""
        self.page.goto(address)
        self.settle()

    def settle(self) -> None:
        """Wait until the script has run and what it shows is drawn."""
        self.page.wait_for_selector(DONE, timeout=PATIENCE * 1000)
        self.page.wait_for_selector("[data-testid=stMainBlockContainer] .tl, h1, h2")
        self.page.wait_for_function(
            "() => !document.querySelector('[data-testid=stSkeleton], [data-stale=true]')"
        )
        self.page.wait_for_selector(DONE, timeout=PATIENCE * 1000)

    def turn(self, scheme: Scheme) -> None:
        """Change the theme, as a system does at dusk."""
        self.page.emulate_media(color_scheme=scheme)
        app = "getComputedStyle(document.querySelector('[data-testid=stApp]')).colorScheme"
        self.page.wait_for_function(f"{app} === '{scheme}'")

    def violations(self) -> list[str]:
        """What axe finds that is ours, a line each; not what passes while a page is drawn anew."""
        for _ in range(TRIES):
            found = self._violations()
            if not found:
                break
            self.page.wait_for_timeout(500)
            self.settle()
        return found

    def _violations(self) -> list[str]:
        if not self.page.evaluate("!!window.axe"):
            self.page.evaluate(AXE_SCRIPT)
        found = self.page.evaluate("axe.run({resultTypes: ['violations']})")
        return [
            f"{each['id']} ({each['impact']}): {node['target']} {node['html'][:160]}"
            for each in found["violations"]
            for node in each["nodes"]
            if not self._is_streamlits(each["id"], node)
        ]

    def _is_streamlits(self, rule: str, node: dict[str, Any]) -> bool:
        part = STREAMLITS.get(rule)
        inside = "([target, part]) => !!document.querySelector(target)?.closest(part)"
        where = [str(node["target"][-1]), f"[data-testid={part}]"]
        return part is not None and bool(self.page.evaluate(inside, where))

    def height(self) -> int:
        """Of all that the page shows, in pixels."""
        inner = "document.querySelector('[data-testid=stMain]').scrollHeight"
        return int(self.page.evaluate(inner))


def new_context(browser: Browser, scheme: Scheme = "light", width: int = WIDE) -> BrowserContext:
    """What a visitor who was never here before has: nothing is remembered."""
    context = browser.new_context(
        color_scheme=scheme,
        viewport={"width": width, "height": 900},
        permissions=["clipboard-read", "clipboard-write"],
        reduced_motion="reduce",
    )
    context.set_default_timeout(PATIENCE * 1000)
    return context


def new_visit(context: BrowserContext, base: str) -> Visit:
    """A new page, watched. `start_browser` lets it reach nothing but this machine."""
    visit = Visit(context.new_page(), base)
    here = ("", urlsplit(base).netloc)  # files and data have no place in the network

    def asked(address: str) -> None:
        if urlsplit(address).netloc not in here:
            visit.outside.append(address)

    def answered(address: str, status: int) -> None:
        if status >= 400 and not address.endswith(PROBES):
            visit.errors.append(f"{status} {address}")

    visit.page.on("request", lambda request: asked(request.url))
    visit.page.on("response", lambda answer: answered(answer.url, answer.status))
    visit.page.on("pageerror", lambda error: visit.errors.append(str(error)))
    return visit
