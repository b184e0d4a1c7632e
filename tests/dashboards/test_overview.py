"""The page Overview: what is wrong now, where, and how to begin."""

from __future__ import annotations

from pathlib import Path

from tests.dashboards.conftest import Open, html_of
from tests.dashboards.hostile import SAID, is_escaped, keep_reports, make_hostile_store
from tests.store.frames import load, new_store, request, requests, span, spans
from tracelens import TraceLens
from tracelens.api import BugReport

HOUR = 3600
FINE = {"input_modalities": ["audio"]}
ERROR = {"failed": True, "stage": "reasoning", "cause": "llm_error", "input_modalities": ["audio"]}
EMPTY = {"failed": True, "stage": "transcription", "cause": "stt_empty"} | FINE


def stored(folder: Path, rows: dict[int, dict[str, object]]) -> Path:
    store = new_store(folder)
    batch = spans(*(span(f"r{at}", at=at * HOUR) for at in rows))
    judged = (request(f"r{at}", at=at * HOUR, **row) for at, row in rows.items())
    load(store, batch, requests(*judged))
    store.close()
    return store.path


def stored_each_minute(folder: Path, rows: dict[int, dict[str, object]]) -> Path:
    store = new_store(folder)
    batch = spans(*(span(f"r{at}", at=at * 60) for at in rows))
    load(
        store, batch, requests(*(request(f"r{at}", at=at * 60, **row) for at, row in rows.items()))
    )
    store.close()
    return store.path


def test_the_samples(open_page: Open, samples: Path) -> None:
    app = open_page(samples)
    shown = html_of(app)
    assert not app.exception
    assert "% of 92 requests failed, most often because" in shown
    with TraceLens(samples) as lens:
        n = lens.sql(
            "select count(*) as n from requests where boundary = 'transcription>reasoning'"
            " and input_modalities = ['audio']"
        )["n"][0]
    link = (
        "failures?view=list&amp;inputs=audio&amp;stage=transcription"
        "&amp;boundary=transcription%3Ereasoning"
    )
    assert f'<a href="{link}" title="{n} failures: audio, transcription to reasoning"' in shown
    assert "nothing can be called new yet" in shown
    assert "67 dumps loaded" in shown
    assert [each.value for each in app.header][:2] == ["Where requests fail", "Open bug reports"]


def test_a_period_is_compared_with_the_one_before(open_page: Open, tmp_path: Path) -> None:
    rows = {0: FINE, 10: FINE, 20: ERROR, 40: EMPTY, 41: ERROR, 44: FINE}
    store = stored(tmp_path, {at + 1: row for at, row in rows.items()})
    app = open_page(store, period="24h")
    shown = html_of(app)
    assert "75.0 %" not in shown
    assert "66.7 % of all · <b>▲ +33.3 points</b>" in shown
    assert "+0 % against the period before" in shown
    assert "the recogniser returned no words</a><small>1 failure, first" in shown
    assert "period=24h" in shown
    assert app.segmented_control(key="switch-period").value == "24h"


def test_choosing_a_period_changes_the_address(open_page: Open, samples: Path) -> None:
    app = open_page(samples)
    app.segmented_control(key="switch-period").set_value("7d").run()
    assert app.query_params["period"] in ("7d", ["7d"])


def test_nothing_failed(open_page: Open, tmp_path: Path) -> None:
    shown = html_of(open_page(stored(tmp_path, {1: FINE, 2: {"failed": None}})))
    assert "<h1>No failure found in 1 request.</h1>" in shown
    assert "Nothing failed" in shown
    assert "Cannot be told</dt><dd>1</dd>" in shown


def test_stale_verdicts_are_told(open_page: Open, tmp_path: Path) -> None:
    shown = html_of(open_page(stored(tmp_path, {1: ERROR | {"inputs_hash": "old"}})))
    assert "1 verdict was made by older rules" in shown
    assert '<a href="settings">' in shown


def test_open_reports_lead_to_their_requests(open_page: Open, tmp_path: Path) -> None:
    store = stored(tmp_path, {1: ERROR})
    with TraceLens(store) as lens:
        trace = lens.requests()["trace_id"][0]
        keep_reports(
            lens.store(),
            BugReport("BUG 1&2", None, "wrong", trace, None, None, None, "open"),
            BugReport("OLD", None, "wrong", trace, None, None, None, "closed"),
        )
    shown = html_of(open_page(store))
    assert '<a href="explain?id=BUG+1%262">BUG 1&amp;2</a>' in shown
    assert "OLD" not in shown


AUDIO: dict[str, object] = {"cost_usd": 1.0} | FINE


def test_what_the_costliest_paid(open_page: Open, tmp_path: Path) -> None:
    before: dict[int, dict[str, object]] = {at: dict(AUDIO) for at in range(1, 61)}
    now = {at: AUDIO | {"cost_usd": 11.0 if at >= 896 else 1.0} for at in range(841, 901)}
    partly = AUDIO | {"cost_is_lower_bound": True, "cost_unpriced_spans": 3}
    store = stored_each_minute(tmp_path, before | now | {901: partly})
    shown = html_of(open_page(store))
    assert "<dt>Paid by the top 10 %</dt><dd>" in shown
    link = '<a href="tails?tail=10" title="Who paid it: the tail of ≥ $171.00, 3 spans unpriced"'
    assert link in shown
    assert ">of ≥ $171.00, 3 spans unpriced</a>" in shown
    assert "<b>▲" not in shown


def test_what_the_costliest_paid_is_compared(open_page: Open, tmp_path: Path) -> None:
    now = {at: AUDIO | {"cost_usd": 11.0 if at >= 2896 else 1.0} for at in range(2841, 2901)}
    before: dict[int, dict[str, object]] = {at: dict(AUDIO) for at in range(1441, 1451)}
    before |= {at: dict(AUDIO) for at in range(1400, 1440)}
    store = stored_each_minute(tmp_path, before | now | {1: AUDIO})
    shown = html_of(open_page(store, period="24h"))
    # Six of sixty requests have 5 * 11 + 1 of 110 dollars, and had a tenth of what was before.
    assert "<dd>50.9 %</dd>" in shown
    assert "tails?period=24h&amp;tail=10" in shown
    assert "<b>▲ +40.9 points</b>" in shown


def test_too_few_costs_for_a_share(open_page: Open, tmp_path: Path) -> None:
    shown = html_of(open_page(stored(tmp_path, {1: AUDIO, 2: AUDIO})))
    assert "<dt>Paid by the top 1 %</dt><dd>–</dd>" in shown
    assert "2 requests with a cost: too few, <a href=" in shown
    assert ">of $2.00</a>" in shown


def test_without_prices_it_names_the_models(open_page: Open, tmp_path: Path) -> None:
    rows = {
        at: {
            "cost_unpriced_spans": 1,
            "cost_items": [
                {"span_id": "s", "stage": "reasoning", "model": model, "unit": "input_tokens"}
            ],
        }
        for at, model in enumerate(("ours", SAID, "third"), 1)
    }
    shown = html_of(open_page(stored(tmp_path, rows)))
    assert "no price for &lt;img src=x" in shown
    assert 'ours and 1 other: <a href="settings">set them</a>' in shown
    assert is_escaped(shown)


def test_without_usage_there_is_no_price_to_set(open_page: Open, tmp_path: Path) -> None:
    shown = html_of(open_page(stored(tmp_path, {1: FINE})))
    assert "<dd>–</dd>" in shown
    assert "no cost and no usage is recorded" in shown


def test_an_empty_store_offers_the_samples(open_page: Open, tmp_path: Path) -> None:
    app = open_page(tmp_path / "none")
    assert "No traces yet" in html_of(app)
    assert "tracelens ingest traces.jsonl" in app.code[0].value
    assert [each.label for each in app.button] == ["Load the samples"]
    assert not (tmp_path / "none").exists()


def test_hostile_text_is_shown_as_text(open_page: Open, tmp_path: Path) -> None:
    app = open_page(make_hostile_store(tmp_path))
    assert not app.exception
    assert is_escaped(html_of(app))
    assert SAID in html_of(app).replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", '"')
