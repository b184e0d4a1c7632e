"""The page Tails: what it says in every state, and that its address alone brings a state back."""

from __future__ import annotations

import csv
import io
import json
import re
import sys
import zipfile
from pathlib import Path
from typing import Any

import kaleido
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from tests.dashboards.conftest import Open, html_of
from tests.dashboards.hostile import EVIL, is_escaped
from tests.dashboards.tail_stores import BEGIN, HOUR, tail_store
from tests.store.frames import new_store
from tracelens import TraceLens
from tracelens.show.figures import export


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """600 requests, a tenth of them with an image and most of the bill. Read it only."""
    return tail_store(tmp_path_factory.mktemp("many"))


def charts(app: AppTest) -> list[dict[str, Any]]:
    return [json.loads(each.proto.spec) for each in app.get("plotly_chart")]


def labels(app: AppTest) -> str:
    return json.dumps([each["layout"].get("annotations") for each in charts(app)])


def test_the_finding_comes_first_and_its_proof_below(open_page: Open, many: Path) -> None:
    app = open_page(many, "tails", tail="10")
    shown = html_of(app)
    assert not app.exception
    with TraceLens(many) as lens:
        tail = lens.tail(top=0.1)
    headline = shown.replace("\u00a0", " ")
    assert "<h1>10 % of requests paid 91.5 % of the bill. 100 % of that tail came from" in headline
    assert "<h1>10\u00a0% of" in shown
    assert f"${tail.all.total:.2f}" in shown
    assert [each.value for each in app.header] == [
        "Who pays",
        "When it is expensive",
        "What is different about them",
        "By modality",
        "Trend",
        "What if",
    ]
    # Two modalities; one chart of every other kind.
    assert len(charts(app)) == 7
    assert "inputs = audio+image" in labels(app)
    assert "top 10 % pays 92 %" in labels(app)
    for request in tail.exemplars["request_id"][:9]:
        assert f'href="explain?id={request}"' in shown


def test_every_chart_says_its_finding(open_page: Open, many: Path) -> None:
    app = open_page(many, "tails", tail="10")
    said = [each.proto.alt for each in app.get("plotly_chart")]
    assert said[0] == (
        "The top 10 % of requests have 92 % of all cost; most of it is of audio + image (92 %)."
    )
    assert all(len(each) > 20 for each in said)


def test_one_modality_alone(open_page: Open, many: Path) -> None:
    app = open_page(many, "tails", mod="audio", tail="10")
    assert app.selectbox(key="choice-mod").value == "audio"
    with TraceLens(many) as lens:
        assert lens.tail(top=0.1).n == 600
    assert "Of 540 requests" in html_of(app)
    assert "Clear all filters" in html_of(app)


@pytest.mark.parametrize(
    ("asked", "n"),
    [({"service": "scanner"}, 60), ({"model": "mind-1"}, 600), ({"period": "24h"}, 144)],
)
def test_filters_of_the_address(open_page: Open, many: Path, asked: dict[str, str], n: int) -> None:
    assert f"Of {n} requests" in html_of(open_page(many, "tails", tail="10", **asked))


def test_choices_go_into_the_address(open_page: Open, many: Path) -> None:
    app = open_page(many, "tails")
    app.segmented_control(key="switch-metric").set_value("latency").run()
    assert app.query_params["metric"] in ("latency", ["latency"])
    assert "Who waits" in [each.value for each in app.header]
    app.select_slider(key="slide-cap_audio").set_value("30").run()
    assert app.query_params["cap_audio"] in ("30", ["30"])


def test_a_part_of_the_map_is_explained(open_page: Open, many: Path) -> None:
    """Four hours hold 24 requests, 40 hold 240."""
    few = f"{BEGIN},{BEGIN + 4 * HOUR},0.001,2"
    app = open_page(many, "tails", sel=few)
    assert "Too few to say" in html_of(app)
    assert "24 requests of $0.0010 to $2.00" in html_of(app)
    app = open_page(many, "tails", sel=f"{BEGIN},{BEGIN + 80 * HOUR},0.5,2")
    assert "48 requests of $0.500 to $2.00" in html_of(app)
    assert "inputs = audio+image" in labels(app)
    assert "Back to the tail" in html_of(app)


def test_what_else_spans_record_is_compared_on_demand(open_page: Open, many: Path) -> None:
    app = open_page(many, "tails", tail="10")
    app.toggle(key="attrs").set_value(True).run()
    assert app.query_params["attrs"] in ("1", ["1"])
    assert "inputs = audio+image" in labels(app)
    app.toggle(key="attrs").set_value(False).run()
    assert "attrs" not in app.query_params


@pytest.mark.parametrize("given", ["", "1,2", "a,b,c,d", "5,1,0,1", "1,2,nan,3", "1,2,3,inf"])
def test_what_names_no_part_selects_the_tail(open_page: Open, many: Path, given: str) -> None:
    app = open_page(many, "tails", sel=given)
    assert not app.exception
    assert "Back to the tail" not in html_of(app)


def test_a_cap_of_the_address_is_tried(open_page: Open, many: Path) -> None:
    app = open_page(many, "tails", cap_audio="30")
    assert app.select_slider(key="slide-cap_audio").value == "30"
    shown = html_of(app)
    assert "60 requests (10 %) are touched" in shown
    assert "Of the touched, 0 % failed today" in shown
    assert "Quality effect unknown." in shown
    code = "".join(each.value for each in app.code)
    assert 'size = "audio_seconds"' in code and "max = 30" in code


def test_no_cap_changes_nothing(open_page: Open, many: Path) -> None:
    assert "no request is touched" in html_of(open_page(many, "tails"))


@pytest.mark.parametrize("given", ["-1", "x", "0", "nan", "inf", "1e999"])
def test_a_cap_that_is_none(open_page: Open, many: Path, given: str) -> None:
    app = open_page(many, "tails", cap_audio=given)
    assert not app.exception
    assert app.select_slider(key="slide-cap_audio").value == "no cap"


def test_without_costs_it_is_about_latency(open_page: Open, tmp_path: Path) -> None:
    store = tail_store(tmp_path, cost_usd=None, cost_items=[])
    app = open_page(store, "tails")
    shown = html_of(app)
    assert list(app.segmented_control(key="switch-metric").options) == ["Latency"]
    assert "Who waits" in [each.value for each in app.header]
    assert 'no prices are known: <a href="settings"' in shown
    assert "No request has a known cost." in shown


def test_costs_known_in_part_are_at_least(open_page: Open, tmp_path: Path) -> None:
    store = tail_store(tmp_path, cost_is_lower_bound=True, cost_unpriced_spans=2)
    shown = html_of(open_page(store, "tails"))
    assert '<span class="tl-least">≥</span> $65' in shown
    assert "1,200 spans unpriced" in shown


def test_of_few_requests_no_small_tail_is_offered(open_page: Open, tmp_path: Path) -> None:
    app = open_page(tail_store(tmp_path, 100), "tails")
    assert list(app.segmented_control(key="switch-tail").options) == ["5 %", "10 %"]
    assert app.segmented_control(key="switch-tail").value == "10"
    assert any("Stored: 100 requests." in each.value for each in app.caption)
    assert "Too few to say" in html_of(app)


def test_of_two_requests_it_says_what_cannot_be_said(open_page: Open, tmp_path: Path) -> None:
    app = open_page(tail_store(tmp_path, 2), "tails")
    shown = html_of(app)
    assert not app.exception
    assert "1 request is in the tail. From 30 on" in shown
    assert "audio: 1 request; a distribution takes 10" in shown
    assert "audio + image: 1 request; a distribution takes 10" in shown
    said = shown + " ".join(each.value for each in app.caption)
    assert not re.search(r"(?<![\d,.])1 (requests|spans|values|rules)", said)
    assert "higher" not in str([each.key for each in app.get("plotly_chart")])


@pytest.fixture
def offered(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """By the labels of buttons, what makes their files; `drawn` has the charts of each browser."""
    made: dict[str, Any] = {"drawn": []}

    def button(label: str, data: Any, *_: Any, **__: Any) -> None:
        made[label] = data

    def draw(wanted: list[dict[str, Any]]) -> None:
        made["drawn"].append([each["path"].name for each in wanted])
        for each in wanted:
            each["path"].write_bytes(b"picture")

    monkeypatch.setattr(st, "download_button", button)
    monkeypatch.setattr(export, "find_browser", lambda: "browser")
    monkeypatch.setattr(kaleido, "write_fig_from_object_sync", draw)
    return made


def test_all_requests_of_the_tail_can_be_taken_along(
    open_page: Open, many: Path, offered: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = html_of(open_page(many, "tails", tail="10"))
    rows = list(csv.DictReader(io.StringIO(offered["Requests of the tail, CSV"]())))
    assert len(rows) == len({row["request_id"] for row in rows}) == 60
    # The page shows the first of them; the table of times links to others.
    assert [row["request_id"][:8] for row in rows[:9]] == re.findall(CODE, table_of(shown))
    open_page(many, "tails", sel=f"{BEGIN},{BEGIN + 80 * HOUR},0.5,2")
    assert "Requests of the selection, CSV" in offered
    questions = sys.modules["questions"]
    monkeypatch.setattr(questions, "EXEMPLARS", 25)
    open_page(many, "tails", tail="10")
    assert "Highest 25 of 60 requests of the tail, CSV" in offered


CODE = r"<code>([0-9a-f]{8})</code>"


def table_of(html: str) -> str:
    return html.partition('aria-label="The highest requests"')[2].partition("</table>")[0]


def test_one_browser_draws_all_pictures(
    open_page: Open, many: Path, offered: dict[str, Any]
) -> None:
    open_page(many, "tails", tail="10")
    with zipfile.ZipFile(io.BytesIO(offered["Pictures, PNG"]())) as archive:
        names = archive.namelist()
    assert offered["drawn"] == [names]
    assert {"who-pays.png", "higher-audio.png", "higher-audio-image.png"} <= set(names)


def test_nothing_is_stored(open_page: Open, tmp_path: Path) -> None:
    store = new_store(tmp_path)
    store.close()
    assert "No requests are stored." in html_of(open_page(store.path, "tails"))


def test_no_request_passes(open_page: Open, many: Path) -> None:
    app = open_page(many, "tails", mod="video")
    assert not app.exception
    assert "No request matches" in html_of(app)


def test_what_traces_say_does_not_act(open_page: Open, tmp_path: Path) -> None:
    spoilt = {"reasoning": [EVIL], "transcription": [], "synthesis": []}
    store = tail_store(
        tmp_path, service=EVIL, emitter=EVIL, user_id=EVIL, input_modalities=[EVIL], models=spoilt
    )
    app = open_page(store, "tails")
    assert not app.exception
    # The lines in the cards are pictures, of ours.
    assert is_escaped(html_of(app).replace('<img alt="" src="data:image/svg+xml;base64,', ""))
    for chart in charts(app):
        assert is_escaped(json.dumps(chart, ensure_ascii=False))
