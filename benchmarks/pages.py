"""Times the scripts of the pages, warm: CPU of one run, and of the library's own answer in it.

usage: python -m benchmarks.pages [--spans 1000000] [--runs 15] [--store FOLDER] [PAGE…]

Makes a store of that many made-up spans, eight to a request (or takes an existing one), and runs
each page through Streamlit's AppTest: once cold, then as often as asked. Medians of CPU time of
this process in milliseconds. The answers of a warm page come from memory, as they do for a reader
while nothing is loaded; `cold` is the first run, with the library's lookup in it.
"""

from __future__ import annotations

import argparse
import logging
import os
import statistics
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from rich.console import Console
from rich.table import Table
from streamlit.testing.v1 import AppTest

from benchmarks.lookups import fill
from tracelens.store import Store

APP = Path(__file__).parent.parent / "dashboards" / "app.py"
PATIENCE = 120
COMMITS = 20


def page_names() -> list[str]:
    """All pages, in the order of the menu."""
    scripts = sorted((APP.parent / "views").glob("[0-9]*_*.py"))
    return [each.stem.partition("_")[2] for each in scripts]


def parameters(store: Path) -> Mapping[str, Mapping[str, str]]:
    """By page, what its address names, where it shows little without."""
    with_failure = "select request_id from requests where failed order by 1 limit 1"
    opened = Store.open(store)
    found = str(opened.query(with_failure)["request_id"][0])
    opened.close()
    return {"explain": {"id": found}}


def time_page(name: str, given: Mapping[str, str], runs: int) -> tuple[float, float, float]:
    """CPU of the first run and the median of later ones, and wall time of those, in ms."""
    app = AppTest.from_file(str(APP), default_timeout=PATIENCE)
    app.run()
    if name != page_names()[0]:
        (script,) = (APP.parent / "views").glob(f"[0-9]*_{name}.py")
        app.switch_page(f"views/{script.name}")
    for key, value in given.items():
        app.query_params[key] = value
    cold = _run(app)[0]
    times = [_run(app) for _ in range(runs)]
    return cold, *(statistics.median(each) for each in zip(*times, strict=True))


def _run(app: AppTest) -> tuple[float, float]:
    cpu, wall = time.process_time(), time.perf_counter()
    app.run()
    took = (time.process_time() - cpu) * 1e3, (time.perf_counter() - wall) * 1e3
    shown = "".join(each.proto.body for each in app.get("html"))
    assert not app.exception and "Something went wrong" not in shown, "the page is not whole"
    return took


def make_store(folder: Path, spans: int, console: Console) -> Path:
    """A store of made-up spans, compacted as far as a load compacts it."""
    store = Store.open(folder, create=True)
    fill(store, COMMITS, spans // COMMITS, console)
    store.close()
    return folder


def main() -> None:
    """Print a line per page."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--spans", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=15)
    parser.add_argument("--store", type=Path)
    parser.add_argument("pages", nargs="*")
    options = parser.parse_args()
    logging.disable(logging.WARNING)  # Streamlit says on every run that there is no browser
    console = Console()
    with tempfile.TemporaryDirectory() as folder:
        store = options.store or make_store(Path(folder) / "store", options.spans, console)
        os.environ["TRACELENS_STORE"] = str(store)
        table = Table("page", "cold, CPU ms", "warm, CPU ms", "warm, wall ms", box=None)
        given = parameters(store)
        for name in options.pages or page_names():
            times = time_page(name, given.get(name, {}), options.runs)
            table.add_row(name, *(f"{each:,.0f}" for each in times))
        console.print(table)


if __name__ == "__main__":
    main()
