"""What the tests of the pages share: a store, and the dashboard run on it without a browser."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from tests.command import ROOT
from tests.dashboards.stores import Made, make_store
from tests.traces import ALL_SAMPLES, load

APP = ROOT / "dashboards" / "app.py"
#: Seconds that a page may take in a test; far more than it does.
PATIENCE = 60

Open = Callable[..., AppTest]


@pytest.fixture(scope="session")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with all samples. Read it only."""
    store = tmp_path_factory.mktemp("samples") / "store"
    load(store, *ALL_SAMPLES).close()
    return store


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """A store with requests in every state. Read it only."""
    return make_store(tmp_path_factory.mktemp("made"))


@pytest.fixture
def open_page(monkeypatch: pytest.MonkeyPatch) -> Open:
    """A function that opens a page by its name on a store, with parameters of its address."""

    def opened(store: Path, name: str = "overview", **parameters: str) -> AppTest:
        st.cache_resource.clear()
        monkeypatch.setenv("TRACELENS_STORE", str(store))
        app = AppTest.from_file(str(APP), default_timeout=PATIENCE)
        app.run()
        if name != "overview":
            (script,) = (APP.parent / "views").glob(f"[0-9]*_{name}.py")
            app.switch_page(f"views/{script.name}")
        for key, value in parameters.items():
            app.query_params[key] = value
        return app.run()

    return opened


def html_of(app: AppTest) -> str:
    """All HTML of ours on a page."""
    return "\n".join(each.proto.body for each in app.get("html"))
