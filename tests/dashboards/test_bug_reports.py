"""The page Bug reports: added, imported, changed, removed and put back."""

from __future__ import annotations

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from tests.dashboards.conftest import Open, html_of
from tests.dashboards.hostile import EVIL, is_escaped, make_hostile_store
from tests.traces import load, sample
from tracelens import TraceLens


@pytest.fixture
def store(tmp_path: Path) -> Path:
    load(tmp_path / "store", sample("livekit_healthy")).close()
    return tmp_path / "store"


def press(app: AppTest, name: str) -> AppTest:
    (button,) = [each for each in app.button if each.label == name]
    app = button.click().run()
    assert not app.exception
    return app


def reports(store: Path) -> list[tuple[str, str, str | None]]:
    with TraceLens(store) as lens:
        return lens.reports().select("report_id", "status", "said").rows()


def test_there_are_none(open_page: Open, store: Path) -> None:
    app = open_page(store, "bug_reports")
    assert "No bug reports yet." in html_of(app)
    assert "What a bug report is for" in html_of(app)


def test_one_is_added_and_answered(open_page: Open, store: Path) -> None:
    with TraceLens(store) as lens:
        request = lens.requests()["request_id"][0]
    app = open_page(store, "bug_reports")
    app.text_input[1].set_value(" BUG-1 ")
    app.text_input[2].set_value(request)
    app.text_area[0].set_value("wrong day")
    shown = html_of(press(app, "Add"))
    assert "BUG-1 was added." in shown
    assert "1 bug report, 1 open; 1 means a stored request." in shown
    assert 'href="explain?id=BUG-1"' in shown
    assert "Stage unknown" in shown
    assert reports(store) == [("BUG-1", "open", "wrong day")]


def test_what_names_no_request_is_refused(open_page: Open, store: Path) -> None:
    app = open_page(store, "bug_reports")
    app.text_input[1].set_value("BUG-1")
    assert "names no request: an id, or a session and a time" in html_of(press(app, "Add"))
    assert reports(store) == []


def test_many_are_imported(open_page: Open, store: Path) -> None:
    app = open_page(store, "bug_reports")
    table = b"report_id,id,said\nA,x,one\n,y,two\nB,z,three\n"
    app = app.file_uploader[0].set_value(("r.csv", table, "text/csv")).run()
    assert "2 bug reports were kept." in html_of(app)
    assert "row 2 was left out: it has no report_id" in html_of(app)
    assert reports(store) == [("A", "open", "one"), ("B", "open", "three")]
    app = app.file_uploader[0].set_value(("r.csv", b"\xff\x00", "")).run()
    assert "holds no bug report that can be kept" in html_of(app)


def test_status_removal_and_undo(open_page: Open, store: Path) -> None:
    with TraceLens(store) as lens:
        lens.add_reports([made("A"), made("B")])
    app = open_page(store, "bug_reports", report="A")
    app.selectbox[0].set_value("closed")
    app = press(app, "Save status")
    assert "A is now closed." in html_of(app)
    assert reports(store) == [("A", "closed", "s"), ("B", "open", "s")]
    app = open_page(store, "bug_reports", status="open")
    assert "report=B" in html_of(app)
    assert "report=A" not in html_of(app)
    app = press(open_page(store, "bug_reports", report="A"), "Remove")
    assert "A was removed." in html_of(app)
    assert reports(store) == [("B", "open", "s")]
    app = press(app, "Undo")
    assert "A is back." in html_of(app)
    assert reports(store) == [("A", "closed", "s"), ("B", "open", "s")]


def made(name: str) -> object:
    from tracelens.api import make_report

    return make_report({"report_id": name, "id": "nothing", "said": "s"})


def test_an_unknown_report(open_page: Open, store: Path) -> None:
    shown = html_of(open_page(store, "bug_reports", report="<b>"))
    assert "No such bug report" in shown
    assert "&lt;b&gt;" in shown


def test_hostile_text_is_shown_as_text(open_page: Open, tmp_path: Path) -> None:
    app = open_page(make_hostile_store(tmp_path), "bug_reports", report=EVIL)
    assert not app.exception
    assert is_escaped(html_of(app))
    headers = [each.value for each in app.header]
    assert headers[0].startswith("\\<img src\\=x")
