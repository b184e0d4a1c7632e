"""The page Ingest: uploads of every kind, what is said of each, and how a load is found again."""

from __future__ import annotations

import gzip
import threading
import time
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from tests.dashboards.conftest import Open, html_of
from tests.dashboards.hostile import SAID, is_escaped
from tests.traces import sample
from tracelens import TraceLens
from tracelens.errors import StoreError
from tracelens.ingest import find_samples
from tracelens.store import Store

GOOD = sample("livekit_healthy").read_bytes()
PATIENCE = 30.0


def upload(app: AppTest, *files: tuple[str, bytes]) -> AppTest:
    """Hand files over and wait until they are loaded."""
    app.file_uploader[0].set_value([(name, data, "") for name, data in files]).run()
    return settled(app)


def settled(app: AppTest) -> AppTest:
    """The page once no load runs."""
    limit = time.monotonic() + PATIENCE
    while any(each.label == "Stop after this file" for each in app.button) or any(
        each.value.startswith("Stopping") for each in app.caption
    ):
        assert time.monotonic() < limit
        time.sleep(0.1)
        app.run()
    app.run()
    assert not app.exception
    return app


def test_a_dump_is_loaded_and_reported(open_page: Open, tmp_path: Path) -> None:
    app = upload(open_page(tmp_path / "store", "ingest"), ("good.jsonl", GOOD))
    shown = html_of(app)
    assert "✓ Loaded</span>" in shown
    assert "<h1>100 % of 34 spans are loaded.</h1>" in shown
    assert "good.jsonl" in shown
    assert app.query_params["load"] in ("1", ["1"])
    again = open_page(tmp_path / "store", "ingest", load="1")
    assert "<h1>100 % of 34 spans are loaded.</h1>" in html_of(again)
    assert "Past loads" in [each.value for each in again.header]


def test_the_same_dump_again_adds_nothing(open_page: Open, tmp_path: Path) -> None:
    app = upload(open_page(tmp_path / "store", "ingest"), ("good.jsonl", GOOD))
    app = upload(app, ("copy.jsonl", GOOD))
    shown = html_of(app)
    assert "✓ Loaded before" in shown
    assert "34 were there already" in shown
    assert "Nothing was added" in shown


def test_what_was_skipped_can_be_looked_at(open_page: Open, tmp_path: Path) -> None:
    broken = GOOD + b"\nno <json>\n"
    app = upload(open_page(tmp_path / "store", "ingest"), ("broken.jsonl", broken))
    shown = html_of(app)
    assert "~ Partly loaded" in shown
    assert "1 record could not be read" in shown
    assert "no &lt;json&gt;" in shown
    labels = [each.label for each in app.download_button]
    assert labels == ["Report as JSON", "Skipped records as CSV"]


def test_what_is_no_dump_is_told(open_page: Open, tmp_path: Path) -> None:
    app = upload(open_page(tmp_path / "store", "ingest"), ("table.csv", b"a,b\n1,2\n"))
    assert "Nothing was loaded" in html_of(app)
    assert "table.csv" in html_of(app)
    assert not (tmp_path / "store").exists()
    app = upload(app, ("good.jsonl", GOOD), ("table.csv", b"a,b\n1,2\n"))
    assert "✕ Refused" in html_of(app)
    assert "~ Partly loaded" in html_of(app)
    assert "100 % of 34 spans are loaded" in html_of(app)


def test_a_cut_gzip_is_loaded_as_far_as_it_goes(open_page: Open, tmp_path: Path) -> None:
    cut = gzip.compress(GOOD)[:3000]
    app = upload(open_page(tmp_path / "store", "ingest"), ("cut.jsonl.gz", cut))
    assert "~ Partly loaded" in html_of(app)
    assert "the gzip stream ends early" in html_of(app)


def test_names_of_uploads_are_text(open_page: Open, tmp_path: Path) -> None:
    names = [f"{SAID}.jsonl", "../../etc/passwd", "-", "a\x1b[31m.jsonl"]
    files = [(name, GOOD + b"\n" * at) for at, name in enumerate(names)]
    app = upload(open_page(tmp_path / "store", "ingest"), *files)
    assert is_escaped(html_of(app))
    assert "&lt;img src=x" in html_of(app)
    with TraceLens(tmp_path / "store") as lens:
        assert [each["path"] for each in reversed(lens.loads())] == names
    assert {each.name for each in tmp_path.iterdir()} == {"store"}


def test_a_busy_store_is_told(
    open_page: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def busy(*_: object, **__: object) -> None:
        raise StoreError("the store is busy: process 17 has been writing to it")

    app = open_page(tmp_path / "store", "ingest")
    monkeypatch.setattr(TraceLens, "ingest", busy)
    shown = html_of(upload(app, ("good.jsonl", GOOD)))
    assert "the store is busy: process 17" in shown


def test_a_load_outlives_its_page_and_can_be_stopped(
    open_page: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reading, going_on = threading.Event(), threading.Event()
    stage = Store.stage

    def slow(store: Store) -> object:
        reading.set()
        assert going_on.wait(PATIENCE)
        return stage(store)

    monkeypatch.setattr(Store, "stage", slow)
    monkeypatch.setattr("tracelens.ingest.run.PART_BYTES", 1)
    app = open_page(tmp_path / "store", "ingest")
    files = [(f"{at}.jsonl", sample(name).read_bytes(), "") for at, name in enumerate(NAMES)]
    app.file_uploader[0].set_value(files).run()
    assert reading.wait(PATIENCE)
    other = AppTest.from_file(app._script_path, default_timeout=60).run()
    other.switch_page("views/50_ingest.py").run()
    (stop,) = [each for each in other.button if each.label == "Stop after this file"]
    assert "3 files" in html_of(other)
    stop.click().run()
    going_on.set()
    shown = html_of(settled(app))
    assert "2 of 3 inputs were not read." in shown
    with TraceLens(tmp_path / "store") as lens:
        assert [each["path"] for each in lens.loads()] == ["0.jsonl"]


NAMES = ("livekit_healthy", "livekit_greeting", "livekit_barge_in")


def test_the_samples_are_one_click_away(open_page: Open, tmp_path: Path) -> None:
    app = open_page(tmp_path / "store", "overview")
    app.button(key="samples").click().run()
    shown = html_of(settled(app))
    assert f"{len(find_samples())} inputs" in shown
    assert "<h1>100 % of 580 spans are loaded.</h1>" in shown
    assert [each.value for each in app.header][:1] == ["What this load lets us tell"]


@pytest.mark.parametrize("load", ["99", "x", "1-x", "-", "²", "9" * 40, "<b>"])
def test_a_load_that_is_none(open_page: Open, samples: Path, load: str) -> None:
    app = open_page(samples, "ingest", load=load)
    assert not app.exception
    assert "No such load" in html_of(app)
    assert is_escaped(html_of(app))
