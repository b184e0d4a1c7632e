"""What the costliest requests paid: shares, the period before, and why there is no figure."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from benchmarks.made_requests import fill
from tests.store.frames import load, new_store, request, requests, span, spans
from tracelens.analyse.tails.choose import Question
from tracelens.analyse.tails.tail import tail
from tracelens.analyse.tails.top_cost import Bill, top_cost
from tracelens.errors import UsageError
from tracelens.store import Store

HOUR = 3600


def stored(folder: Path, rows: dict[int, dict[str, Any]]) -> Store:
    """A store of requests that begin at these seconds."""
    store = new_store(folder)
    batch = spans(*(span(f"r{at}", at=at) for at in rows))
    load(store, batch, requests(*(request(f"r{at}", at=at, **row) for at, row in rows.items())))
    return store


def test_a_tenth_of_fifty_and_a_hundredth_of_five_hundred(tmp_path: Path) -> None:
    rows: dict[int, dict[str, Any]] = {at: {"cost_usd": 1.0} for at in range(1, 46)}
    rows |= {at: {"cost_usd": 11.0} for at in range(46, 51)}
    store = stored(tmp_path, rows)
    assert top_cost(store).top == 0.1
    assert top_cost(store).now == Bill(50, 0, 100.0, 0.55, 0, 0)
    more = {at: {"cost_usd": 1.0} for at in range(51, 501)}
    load(
        store,
        spans(*(span(f"r{at}", at=at) for at in more)),
        requests(*(request(f"r{at}", at=at, **row) for at, row in more.items())),
    )
    assert top_cost(store).top == 0.01
    assert top_cost(store).now.share == pytest.approx(55 / 550)
    store.close()


def test_too_few_for_a_tenth(tmp_path: Path) -> None:
    store = stored(tmp_path, {at: {"cost_usd": 1.0} for at in range(1, 50)})
    found = top_cost(store)
    assert (found.top, found.now.total, found.now.share) == (None, 49.0, None)
    store.close()


def test_the_period_before_is_of_the_same_length(tmp_path: Path) -> None:
    now = {30 * HOUR + at: {"cost_usd": 1.0} for at in range(50)}
    before = {10 * HOUR + at: {"cost_usd": 9.0 if at < 5 else 1.0} for at in range(50)}
    long_ago = {at: {"cost_usd": 1000.0} for at in range(1, 9)}
    store = stored(tmp_path, {**long_ago, **before, **now, 54 * HOUR: {"cost_usd": None}})
    found = top_cost(store, "24h")
    assert found.now == Bill(49, 1, 49.0, None, 0, 0)  # the day begins a second after the first
    assert found.before is not None
    assert (found.before.n, found.before.total) == (51, 91.0)
    found = top_cost(store, "7d")
    assert found.before is None
    assert found.now.n == 108
    store.close()


def test_the_change_is_of_the_same_share(tmp_path: Path) -> None:
    now = {40 * HOUR + at: {"cost_usd": 1.0} for at in range(50)}
    before = {10 * HOUR + at: {"cost_usd": 11.0 if at < 5 else 1.0} for at in range(50)}
    store = stored(tmp_path, {**before, **now})
    found = top_cost(store, "24h")
    assert found.before is not None
    assert (found.now.share, found.before.share) == (0.1, 0.55)
    store.close()


def test_what_is_known_in_part_is_counted(tmp_path: Path) -> None:
    partly = {"cost_usd": 2.0, "cost_is_lower_bound": True, "cost_unpriced_spans": 3}
    store = stored(tmp_path, {1: partly, 2: {"cost_usd": 1.0}, 3: {"cost_unpriced_spans": 1}})
    assert top_cost(store).now == Bill(2, 1, 3.0, None, 4, 1)
    assert top_cost(store).unpriced == ()
    store.close()


def item(model: str | None, unit: str | None) -> dict[str, Any]:
    """A line without a price."""
    return {"span_id": "s", "stage": "reasoning", "model": model, "unit": unit, "quantity": 1.0}


def test_without_any_cost_it_names_what_has_no_price(tmp_path: Path) -> None:
    rows = {
        1: {"cost_unpriced_spans": 1, "cost_items": [item("ours", "input_tokens")]},
        2: {"cost_unpriced_spans": 1, "cost_items": [item("asr", "audio_seconds")]},
        3: {"cost_unpriced_spans": 1, "cost_items": [item("asr", "audio_seconds")]},
    }
    store = stored(tmp_path / "a", rows)
    found = top_cost(store)
    assert (found.now.total, found.unpriced, found.unmeasured) == (None, ("asr", "ours"), False)
    store.close()
    calls = {1: {"cost_unpriced_spans": 1, "cost_items": [item("asr", None)]}}
    store = stored(tmp_path / "b", calls)
    assert (top_cost(store).unpriced, top_cost(store).unmeasured) == ((), True)
    store.close()


def test_it_is_the_share_that_the_tail_has(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    fill(store, 2_000, 3)
    for period in ("all", "7d"):
        card, whole = top_cost(store, period), tail(store, Question(period=period))
        now, figures = card.now, whole.figures["cost"]
        if card.top == whole.top:
            assert now.share == pytest.approx(figures.top_share, rel=1e-12)
        assert now.total == pytest.approx(figures.total, rel=1e-12)
        assert (now.n, now.n_unknown) == (figures.n, figures.n_unknown)
        assert now.unpriced_spans == figures.unpriced_spans
    store.close()


def test_an_unknown_period(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no period 'year'"):
        top_cost(new_store(tmp_path), "year")
