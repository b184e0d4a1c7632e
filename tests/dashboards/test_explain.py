"""The page Explain, in every state that a reader may meet it in."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.dashboards.conftest import Open, html_of
from tests.dashboards.hostile import SAID, is_escaped
from tests.dashboards.stores import Made
from tests.store.frames import load, new_store, number, request, requests, span, spans
from tracelens import Filters, TraceLens
from tracelens.show.web import evidence_page


def test_without_an_id_it_says_what_can_be_pasted(open_page: Open, samples: Path) -> None:
    assert "Which request?" in html_of(open_page(samples, "explain"))


def test_an_unknown_id_says_what_was_looked_for(open_page: Open, samples: Path) -> None:
    shown = html_of(open_page(samples, "explain", id="no-such-<id>"))
    assert "no-such-&lt;id&gt;" in shown
    assert "sessions and bug reports" in shown


def test_a_lost_word_is_told(open_page: Open, samples: Path) -> None:
    with TraceLens(samples) as lens:
        where = "evidence[1].sentence like '%“not” was lost%'"
        row = lens.requests(Filters(boundary="transcription>reasoning", where=where)).row(
            0, named=True
        )
    shown = html_of(open_page(samples, "explain", id=row["request_id"]))
    assert "✕ Transcription → reasoning" in shown
    assert "<h1>Content was lost between transcription and reasoning.</h1>" in shown
    assert 'title="transcription to reasoning: first"' in shown
    assert "“not” was lost" in shown


def test_an_id_of_several_requests_lists_them(open_page: Open, samples: Path) -> None:
    with TraceLens(samples) as lens:
        counted = lens.sql(
            "select session_id, count(*) as n from requests where session_id is not null"
            " group by all having n > 1 order by all limit 1"
        ).row(0, named=True)
    app = open_page(samples, "explain", id=counted["session_id"])
    assert f"means {counted['n']} requests" in html_of(app)
    assert html_of(app).count('class="tl-line-link"') == counted["n"]


#: By state, what a reader must see there.
SEEN = {
    "healthy": ("No failure was found", "✓ the same words", "Same session"),
    "lost": ("✕ 1 dropped · 0 added", "✕ hand-over failed", "✕ transcript handed over"),
    "reported": ("Content was lost between transcription and reasoning", "a bug report says"),
    "failed": ("<h1>Transcription broke this request.</h1>", "✕ failed", "Similar failures"),
    "undetermined": (
        "? Failed, stage unknown",
        "What would decide the next such case",
        "<code>gen_ai.input.messages</code>",
    ),
    "unrecorded": ("– no data", "was not recorded, so the hand-over cannot be compared"),
    "orphans": ("~ Incomplete", "parent not here", "the trace is incomplete", "✕ tool call failed"),
    "huge": ("9,990 more spans are folded away", "+ 9,990 below"),
    "hostile": ("&lt;img src=x onerror=",),
    "missing": ("Not found", "The store holds 99 requests, from 25 Nov 2026", "tl-line-link"),
    "session": ("means 2 requests",),
}


@pytest.mark.parametrize("state", SEEN)
def test_every_state_says_what_it_is(open_page: Open, made: Made, state: str) -> None:
    app = open_page(made.path, "explain", id=made.ids[state])
    assert not app.exception
    shown = html_of(app) + "".join(f" {each.value} " for each in app.header)
    for words in SEEN[state]:
        assert words in shown
    assert "<img" not in shown
    assert "Something went wrong" not in shown


def test_how_it_stands_and_which_budgets_it_went_over(open_page: Open, tmp_path: Path) -> None:
    store = new_store(tmp_path)
    told = {"candidates": [], "evidence": [], "outcomes": [], "stage_runs": [], "notes": []}
    kind = {"input_modalities": [SAID], "stale": False, "cost_is_lower_bound": False}
    over = [{"metric": "latency", "stage": SAID, "value": 9000.0, "limit": 8000.0}]
    rows = {
        at: {"duration_ms": 1.0 * at, "cost_usd": 0.01 * at, "breaches": over} | told | kind
        for at in range(1, 101)
    }
    load(
        store,
        spans(*(span(f"r{at}", at=at) for at in rows)),
        requests(*(request(f"r{at}", at=at, **row) for at, row in rows.items())),
    )
    store.close()
    shown = html_of(open_page(store.path, "explain", id=number("r98root", 32)))
    link = '<small><a href="tails?metric=latency&amp;mod=%3Cimg+src%3Dx+onerror'
    assert f"98 ms{link}" in shown
    assert ">slower than 97 % of 100 &lt;img src=x" in shown
    assert ">costlier than 97 % of 100 &lt;img src=x" in shown
    assert "~ Over budget: &lt;img src=x onerror=" in shown
    assert "took 9 s of 8 s</span>" in shown
    assert is_escaped(shown)
    with TraceLens(store.path) as lens:
        page = evidence_page(lens.explain(number("r98root", 32)))
    assert "slower than 97 % of 100" in page
    assert "tails?" not in page


def test_actions_are_there_once_a_request_is(open_page: Open, made: Made) -> None:
    assert not open_page(made.path, "explain", id=made.ids["missing"]).get("download_button")
    app = open_page(made.path, "explain", id=made.ids["lost"])
    labels = [each.proto.label for each in app.get("download_button")]
    assert labels == ["Evidence file", "Markdown for a ticket", "JSON"]


def test_a_span_in_the_address_is_shown_whole(open_page: Open, made: Made) -> None:
    with TraceLens(made.path) as lens:
        explained = lens.explain(lens.resolve(made.ids["failed"]).request_ids[0])
    (span,) = (each for each in explained.spans if each["stage"] == "transcription")
    shown = html_of(open_page(made.path, "explain", id=made.ids["failed"], span=span["id"]))
    assert '<section class="tl tl-card tl-fail" aria-label="Span">' in shown
    assert "<code>openinference.span.kind</code>" in shown
    assert 'aria-current="true"' in shown
    shown = html_of(open_page(made.path, "explain", id=made.ids["failed"], span="<b>no"))
    assert "has no span &#x27;&lt;b&gt;no&#x27;" in shown


def test_all_spans_of_a_huge_trace_can_be_seen_in_a_table(open_page: Open, made: Made) -> None:
    app = open_page(made.path, "explain", id=made.ids["huge"])
    assert not app.dataframe
    (toggle,) = app.toggle
    assert toggle.label == "All 10,006 spans as a table"
    toggle.set_value(True).run()
    assert app.dataframe[0].value.shape == (10_006, 7)


def test_old_verdicts_and_confidence_are_told(
    open_page: Open, made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    explain = TraceLens.explain

    def older(self: TraceLens, *args: str) -> object:
        explained = explain(self, *args)
        explained.request.update(stale=True, confidence=0.94)
        return explained

    monkeypatch.setattr(TraceLens, "explain", older)
    shown = html_of(open_page(made.path, "explain", id=made.ids["lost"]))
    assert "Confidence: very likely (94 %)" in shown
    assert "~ Judged by older rules" in shown


USUAL = {"stage": "synthesis", "requests": 1200, "ran": 1190, "p95_ms": 800.0, "expected": True}


def test_what_is_usual_and_suspected_is_told(
    open_page: Open, made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    explain = TraceLens.explain

    def suspecting(self: TraceLens, *args: str) -> object:
        explained = explain(self, *args)
        explained.request.update(stage="undetermined", confidence=0.3)
        return replace(explained, usual=[USUAL])

    monkeypatch.setattr(TraceLens, "explain", suspecting)
    shown = html_of(open_page(made.path, "explain", id=made.ids["lost"]))
    assert "Suspected: transcription → reasoning (handoff loss), 30 %" in shown
    usual = "synthesis in 1,190 of 1,200 (expected), 95 % within 800 ms."
    assert f"Usual in this service: {usual}" in shown


def test_nothing_is_said_of_a_confidence_where_no_stage_is_suspected(
    open_page: Open, made: Made
) -> None:
    shown = html_of(open_page(made.path, "explain", id=made.ids["undetermined"]))
    assert "Confidence" not in shown
    assert "Usual in this service" not in shown
