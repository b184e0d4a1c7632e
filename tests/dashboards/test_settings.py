"""The page Settings: rules, emitters, and the files of the store."""

from __future__ import annotations

import re
import time
import tomllib
from pathlib import Path

import pytest

from tests.dashboards.conftest import Open, html_of
from tests.dashboards.hostile import SAID, is_escaped, make_hostile_store
from tests.store.frames import load as load_frames
from tests.store.frames import new_store, request, requests, span, spans
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


def test_prices_in_force(open_page: Open, samples: Path) -> None:
    app = open_page(samples, "settings")
    shown = html_of(app)
    with TraceLens(samples) as lens:
        prices, unpriced = lens.prices(), lens.unpriced()
    assert "Prices" in [each.value for each in app.header]
    assert any(each.label.startswith(f"{len(prices)} prices of ") for each in app.expander)
    names = [row["model"] for row in prices]
    assert "gpt-4.1" in names
    assert "<b>gpt-4.1</b>" in shown
    assert "$2.00 per million" in shown
    assert unpriced
    assert shown.index("Used without a price") < shown.index("$2.00 per million")


ITEM = {"span_id": "s", "stage": "transcription", "unit": "audio_seconds", "quantity": 90.0}


def test_what_is_unpriced_has_rows_to_paste(open_page: Open, tmp_path: Path) -> None:
    store = new_store(tmp_path)
    rows = [
        {"cost_unpriced_spans": 1, "cost_items": [ITEM | {"model": "asr-large.4"}]},
        {"cost_unpriced_spans": 1, "cost_items": [ITEM | {"model": f"{SAID}\u202e"}]},
        {
            "cost_unpriced_spans": 1,
            "cost_items": [ITEM | {"model": "silent", "unit": None, "quantity": None}],
        },
    ]
    batch = spans(*(span(f"r{at}", at=at) for at in range(len(rows))))
    judged = (request(f"r{at}", at=86_400 * at, **row) for at, row in enumerate(rows))
    load_frames(store, batch, requests(*judged))
    store.close()
    app = open_page(store.path, "settings")
    shown = html_of(app)
    assert "2 units of 2 models: what was used of them costs an unknown sum" in shown
    labels = [each.label for each in app.expander]
    assert "1 span without any usage recorded: no price can tell what they cost" in labels
    assert "<b>asr-large.4</b>" in shown
    assert "1 Jan 1970</td>" in shown
    assert "no usage recorded</td>" in shown
    assert is_escaped(shown)
    (code,) = (each.value for each in app.code if each.value.startswith("[[price]]"))
    assert "\u202e" not in code
    found = tomllib.loads(code.replace('"?"', "0.006"))["price"]
    assert {re.sub(r"\\(.)", r"\1", row["match"]) for row in found} == {
        "asr-large.4",
        f"{SAID}\u202e",
    }
    assert {(row["unit"], row["usd"], row["per"]) for row in found} == {
        ("audio_seconds", 0.006, 60)
    }
    assert "No price is known for any model in this store." in [each.value for each in app.caption]


RULES = """
[[cap]]
size = "audio_seconds"
max = 60
how = "truncate"
modality = "audio*"

[[budget]]
metric = "ttfa"
part = "first_token"
ms = 1500
fails = true

[[route]]
to = "<b>small</b>"

[route.when]
input_tokens = { max = 1_000_000 }
service = ["desk-*"]
images = 0
"""


def test_caps_routes_and_budgets(
    open_page: Open, samples: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy = tmp_path / "mine.toml"
    policy.write_text(RULES)
    monkeypatch.setenv("TRACELENS_POLICY", str(policy))
    app = open_page(samples, "settings")
    shown = html_of(app)
    assert "audio seconds at most 60, else truncate" in shown
    assert "modality audio*" in shown
    assert "time to first audio of first token at most 1.50 s, beyond it a request has" in shown
    assert "input tokens at most 1,000,000 and service desk-* and images exactly 0" in shown
    assert "reasoning by <b>&lt;b&gt;small&lt;/b&gt;</b>" in shown


def test_no_caps_routes_or_budgets(open_page: Open, samples: Path) -> None:
    captions = [each.value for each in open_page(samples, "settings").caption]
    assert any("no caps, routes or budgets" in each for each in captions)


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
