"""The page Failures: groups, lists, filters in the address, and what it says when none match."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.dashboards.conftest import Open, html_of
from tests.dashboards.hostile import is_escaped, make_hostile_store
from tests.store.frames import load, new_store, request, requests, span, spans
from tracelens import Filters, TraceLens

LOST = "transcription>reasoning"


def test_groups_come_first(open_page: Open, samples: Path) -> None:
    app = open_page(samples, "failures")
    shown = html_of(app)
    assert not app.exception
    with TraceLens(samples) as lens:
        groups = lens.failure_groups(Filters(limit=0))
    total = groups["n"].sum()
    assert f"<h1>{total} failures of {groups.height} kinds.</h1>" in shown
    first = groups.row(0, named=True)
    assert f"view=list&amp;group={first['group']}" in shown
    assert f'href="explain?id={first["examples"][0]}"' in shown
    assert "Clear all filters" not in shown


def test_every_filter_stands_in_the_address(open_page: Open, samples: Path) -> None:
    asked = {"stage": "transcription", "boundary": LOST, "cause": "handoff_loss"}
    asked |= {"inputs": "audio", "service": "phone-agent", "emitter": "pipecat", "text": "“NOT”"}
    app = open_page(samples, "failures", view="list", **asked)
    given = {key: value for key, value in asked.items() if key != "text"}
    for name, value in given.items():
        assert app.selectbox(key=f"choice-{name}").value == value
    with TraceLens(samples) as lens:
        found = lens.requests(Filters(failed=True, limit=0, **asked))
        total = lens.requests(Filters(failed=True, limit=0)).height
    assert 0 < found.height < total
    shown = html_of(app)
    assert f"<h1>{found.height} of {total} failures match" in shown
    for request_id in found["request_id"]:
        assert f'href="explain?id={request_id}"' in shown
    assert shown.count('href="explain?id=') == found.height


def test_choosing_writes_the_address_and_clears_it(open_page: Open, samples: Path) -> None:
    app = open_page(samples, "failures", page="2")
    app.selectbox(key="choice-stage").set_value("synthesis").run()
    assert app.query_params["stage"] in ("synthesis", ["synthesis"])
    assert "page" not in app.query_params
    assert "failures match" in html_of(app)
    app.selectbox(key="choice-stage").set_value(None).run()
    assert "stage" not in app.query_params
    app.text_input(key="words").set_value("nothing says this").run()
    assert "No failure matches" in html_of(app)
    assert "None of 47 failures matches." in html_of(app)


def test_a_group_lists_its_requests(open_page: Open, samples: Path) -> None:
    with TraceLens(samples) as lens:
        group = lens.failure_groups(Filters(limit=1)).row(0, named=True)
        ids = lens.list_group(group["group"])
    assert len(ids) == group["n"]
    shown = html_of(open_page(samples, "failures", view="list", group=group["group"]))
    assert f"{group['n']} of 47 failures match, of 1 kind." in shown
    assert [shown.count(f'href="explain?id={each}"') for each in ids] == [1] * len(ids)


def test_an_unknown_value_matches_nothing(open_page: Open, samples: Path) -> None:
    app = open_page(samples, "failures", service="no <such>", group="0")
    assert not app.exception
    assert "No failure matches" in html_of(app)
    assert app.selectbox(key="choice-service").value == "no <such>"


@pytest.mark.parametrize("page", ["0", "-1", "two", "²", "9" * 30])
def test_a_page_that_is_none(open_page: Open, samples: Path, page: str) -> None:
    app = open_page(samples, "failures", view="list", page=page)
    assert not app.exception
    assert "Something went wrong" not in html_of(app)


def test_a_long_list_has_pages(open_page: Open, tmp_path: Path) -> None:
    store = new_store(tmp_path)
    rows = [
        request(f"r{at}", at=at, failed=True, stage="reasoning", cause="llm_error")
        for at in range(1, 121)
    ]
    load(store, spans(*(span(f"r{at}", at=at) for at in range(1, 121))), requests(*rows))
    store.close()
    app = open_page(store.path, "failures", view="list")
    first = html_of(app)
    assert first.count('href="explain?id=') == 50
    app.pagination[0].set_value(3).run()
    last = html_of(app)
    assert last.count('href="explain?id=') == 20
    assert app.query_params["page"] in ("3", ["3"])
    assert rows[0]["request_id"] in last
    assert rows[0]["request_id"] not in first


def test_nothing_failed(open_page: Open, tmp_path: Path) -> None:
    store = new_store(tmp_path)
    load(store, spans(span("one")), requests(request("one")))
    store.close()
    assert "<h1>Nothing failed.</h1>" in html_of(open_page(store.path, "failures"))


@pytest.mark.parametrize("view", ["groups", "list"])
def test_hostile_text_is_shown_as_text(open_page: Open, tmp_path: Path, view: str) -> None:
    app = open_page(make_hostile_store(tmp_path), "failures", view=view)
    assert not app.exception
    assert is_escaped(html_of(app))
    assert "&lt;img src=x" in html_of(app)
