"""The frame: pages are found, errors are shown once and kindly, questions can be stopped."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from tests.dashboards.conftest import APP, Open, html_of
from tracelens.api import TraceLens
from tracelens.errors import StoreError


def test_no_folder_lets_pages_run_without_the_frame() -> None:
    """Streamlit would serve scripts of a folder `pages` by themselves, past the login."""
    assert not (APP.parent / "pages").exists()
    assert sorted((APP.parent / "views").glob("[0-9]*_*.py"))


def test_without_a_store_a_page_says_how_to_make_one(open_page: Open, tmp_path: Path) -> None:
    app = open_page(tmp_path / "none", "explain")
    assert not app.exception
    assert "No traces yet" in html_of(app)
    assert f"tracelens ingest traces.jsonl --store {tmp_path / 'none'}" in html_of(app)
    assert not (tmp_path / "none").exists()


def test_an_error_of_ours_is_shown_in_its_words(
    open_page: Open, samples: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def damaged(*_: object) -> None:
        raise StoreError("the store is <b>damaged</b>")

    monkeypatch.setattr(TraceLens, "overview", damaged)
    shown = html_of(open_page(samples))
    assert "The store is &lt;b&gt;damaged&lt;/b&gt;" in shown


def test_a_mistake_of_ours_shows_no_stack_trace(
    open_page: Open,
    samples: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("secret of the code")

    monkeypatch.setattr(TraceLens, "overview", broken)
    with caplog.at_level(logging.ERROR):
        app = open_page(samples)
    assert not app.exception
    assert "Something went wrong in tracelens itself" in html_of(app)
    assert "secret of the code" not in html_of(app)
    assert "secret of the code" in caplog.text


def test_without_a_login_nothing_is_shown(
    open_page: Open, samples: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRACELENS_LOGIN", "default")
    app = open_page(samples)
    assert [each.value for each in app.title] == ["Log in to tracelens"]
    assert [each.label for each in app.button] == ["Log in"]
    assert not app.header
