"""Pictures and pages of figures, drawn by a Chromium that is installed: PNG, SVG and PDF."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from threading import Lock
from typing import Final

from tracelens.errors import UsageError
from tracelens.show.figures.look import Chart

#: Pixels; what a chart has no height of its own for.
WIDTH, HEIGHT = 900, 400
#: Seconds that a browser may take to print a page.
PATIENCE: Final = 60
#: A browser is large: one draws at a time.
TURN: Final = Lock()


def can_picture() -> bool:
    """Whether there is a Chromium (or Chrome, Edge, Brave) to draw with."""
    return find_browser() is not None


def find_browser() -> str | None:
    """The program of the browser that kaleido would use."""
    from choreographer.browsers.chromium import Chromium  # only exports pay for it

    found = Chromium.find_browser(skip_local=False)
    return str(found) if found else None


def pictures(charts: Sequence[Chart], kind: str = "png", *, scale: float = 2) -> dict[str, bytes]:
    """A file of each chart by its name, all drawn in one go; `kind` is png, svg or pdf.

    Raises UsageError without a browser.
    """
    _browser()
    import kaleido

    with TURN, tempfile.TemporaryDirectory() as folder:
        wanted = [
            {
                "fig": chart.figure,
                "path": Path(folder) / f"{chart.name}.{kind}",
                "opts": {
                    "format": kind,
                    "width": WIDTH,
                    "height": chart.figure.layout.height or HEIGHT,
                    "scale": scale if kind == "png" else 1,
                },
            }
            for chart in charts
        ]
        try:
            kaleido.write_fig_from_object_sync(wanted)
            return {f"{each.name}.{kind}": _read(folder, each.name, kind) for each in charts}
        except (RuntimeError, OSError, ValueError) as error:
            raise UsageError(f"the browser did not draw the charts: {error}") from error


def _read(folder: str, name: str, kind: str) -> bytes:
    return (Path(folder) / f"{name}.{kind}").read_bytes()


def print_page(html: str) -> bytes:
    """A page of HTML as PDF; nothing that it names is fetched.

    Raises UsageError without a browser, or when it fails.
    """
    browser = _browser()
    with TURN, tempfile.TemporaryDirectory() as folder:
        page, target = Path(folder) / "page.html", Path(folder) / "page.pdf"
        page.write_text(html, "utf-8")
        as_root = hasattr(os, "geteuid") and os.geteuid() == 0
        command = [
            browser,
            "--headless",
            "--disable-gpu",
            "--no-first-run",
            "--disable-background-networking",
            "--host-resolver-rules=MAP * ~NOTFOUND",
            "--no-pdf-header-footer",
            f"--user-data-dir={folder}/profile",
            f"--print-to-pdf={target}",
            *(["--no-sandbox"] if as_root else []),
            page.as_uri(),
        ]
        try:
            subprocess.run(command, check=True, capture_output=True, timeout=PATIENCE)
            return target.read_bytes()
        except (OSError, subprocess.SubprocessError) as error:
            raise UsageError(f"the browser {browser} did not print the page: {error}") from error


def _browser() -> str:
    found = find_browser()
    if found is None:
        raise UsageError("pictures need Chromium or Chrome: install one, or save CSV")
    return found
