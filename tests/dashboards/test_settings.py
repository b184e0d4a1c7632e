"""The page Settings: rules, emitters, and the files of the store."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.dashboards.conftest import Open, html_of
from tests.dashboards.hostile import is_escaped, make_hostile_store
from tests.traces import load, sample
from tracelens import TraceLens


def press(app: object, name: str) -> str:
    (button,) = [each for each in app.button if each.label == name]  # type: ignore[attr-defined]
    app = button.click().run()
    assert not app.exception
    return html_of(app)


def test_the_samples(open_page: Open, samples: Path) -> None:
    app = open_page(samples, "settings")
    shown = html_of(app)
    assert not app.exception
    assert "<h1>92 requests judged by the built-in policy; every verdict is by the" in shown
    with TraceLens(samples) as lens:
        seen = {row["emitter"]: row for row in lens.emitters_seen()}
        counted = lens.sql("select count(*) as n from spans where emitter = 'pipecat'")["n"][0]
    assert seen["pipecat"]["spans"] == counted
    assert "<b>pipecat</b>" in shown
    assert "claimed by no mapping" in shown
    assert "[limits]" in app.code[1].value


def test_without_a_store(open_page: Open, tmp_path: Path) -> None:
    app = open_page(tmp_path / "none", "settings")
    assert "No store yet." in html_of(app)
    assert [each.value for each in app.header] == ["Policy"]


def test_what_a_policy_changes(
    open_page: Open, samples: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy = tmp_path / "mine.toml"
    policy.write_text("[limits]\nquery_seconds = 7\n")
    monkeypatch.setenv("TRACELENS_POLICY", str(policy))
    shown = html_of(open_page(samples, "settings"))
    assert "judged by a policy with 1 change" in shown
    assert "limits.query_seconds" in shown


def test_files_are_verified(open_page: Open, tmp_path: Path) -> None:
    store = tmp_path / "store"
    load(store, sample("livekit_healthy")).close()
    assert "Every file is as it was written" in press(open_page(store, "settings"), VERIFY)
    segment = max((store / "segments").iterdir(), key=lambda file: file.stat().st_size)
    data = bytearray(segment.read_bytes())
    data[len(data) // 2] ^= 1
    segment.write_bytes(data)
    shown = press(open_page(store, "settings"), VERIFY)
    assert "Some files are damaged" in shown
    assert segment.name in shown


VERIFY = "Verify every file"


def test_everything_is_judged_anew(open_page: Open, tmp_path: Path) -> None:
    store = tmp_path / "store"
    load(store, sample("livekit_healthy")).close()
    app = open_page(store, "settings")
    shown = press(app, "Judge everything anew")
    limit = time.monotonic() + 30
    while "were judged anew, in" not in shown:
        assert time.monotonic() < limit
        shown = html_of(app.run())
    with TraceLens(store) as lens:
        assert f"{lens.requests().height} requests were judged anew" in shown


def test_hostile_text_is_shown_as_text(open_page: Open, tmp_path: Path) -> None:
    app = open_page(make_hostile_store(tmp_path), "settings")
    assert not app.exception
    assert is_escaped(html_of(app))
