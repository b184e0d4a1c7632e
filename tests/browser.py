"""Finds the Chromium that tests of the pages run in; `python -m tests.browser` installs one."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import Browser, Playwright, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
#: Nothing but the pages is talked to, so that a page which asks another machine is found out.
QUIET = (
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-quic",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
    "--no-first-run",
)


def find_browser() -> str | None:
    """The program of Playwright's own Chromium, else of the system's."""
    with sync_playwright() as playwright:
        return _find(playwright)


def _find(playwright: Playwright) -> str | None:
    own = playwright.chromium.executable_path
    return own if Path(own).exists() else next(filter(None, map(shutil.which, NAMES)), None)


def start_browser(playwright: Playwright) -> Browser:
    """A browser without a window. Raises RuntimeError when there is none: tests must not skip."""
    program = _find(playwright)
    if program is None:
        raise RuntimeError("no Chromium for the tests of the pages: run `python -m tests.browser`")
    as_root = hasattr(os, "geteuid") and os.geteuid() == 0
    flags = [*QUIET, *(["--no-sandbox"] if as_root else [])]
    return playwright.chromium.launch(executable_path=program, args=flags)


def install_browser() -> int:
    """Install Debian's Chromium where we may, else Playwright's own; the exit code of that."""
    if os.geteuid() == 0 and shutil.which("apt-get"):
        quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        subprocess.run(["apt-get", "update", "-qq"], env=quiet, check=False)
        command = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", "chromium"]
        return subprocess.run(command, env=quiet, stdout=subprocess.DEVNULL, check=False).returncode
    command = [sys.executable, "-m", "playwright", "install", "chromium"]
    return subprocess.run(command, check=False).returncode


if __name__ == "__main__":
    if find_browser() is None:
        install_browser()
    found = find_browser()
    print(f"Chromium: {found}" if found else "no Chromium could be installed", file=sys.stderr)
    sys.exit(0 if found else 1)
