"""What is different about a tail, or about a part of its heat map."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tests.dashboards.tail_stores import BEGIN, tail_store
from tests.store.frames import (
    SECOND,
    load,
    new_store,
    number,
    request,
    requests,
    span,
    spans,
)
from tracelens import Filters, TraceLens
from tracelens.analyse.tails.selected import _placed

HOUR = 3_600 * SECOND
START = BEGIN * SECOND


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """600 requests, ten minutes apart: every tenth of the scanner, for $1, the others for $0.01."""
    return tail_store(tmp_path_factory.mktemp("selected"))


def test_the_tail_against_the_rest(store: Path) -> None:
    with TraceLens(store) as lens:
        found = lens.tail_selection(top=0.1)
        tail = lens.tail(top=0.1)
    assert (found.n, found.n_rest, found.state) == (60, 540, "found")
    first = found.different[0]
    assert (first["attribute"], first["value"], first["kind"]) == ("inputs", "audio+image", "cause")
    assert (first["in_tail"], first["in_rest"]) == (1.0, 0.0)
    assert "service = scanner" in first["same_rows"]
    assert found.exemplars["request_id"].to_list() == tail.exemplars["request_id"].to_list()[:12]


def test_a_part_of_the_map(store: Path) -> None:
    """Of ten hours, what cost at least half a dollar: requests 0, 10, … 50; the end is excluded."""
    with TraceLens(store) as lens:
        found = lens.tail_selection(box=(START, START + 10 * HOUR, 0.5, 2.0))
    assert (found.n, found.n_rest, found.state) == (6, 594, "too_few")
    assert found.different == ()
    costs = found.exemplars["value"].to_list()
    assert costs == sorted(costs, reverse=True)
    assert costs == pytest.approx([1 + at * 1e-6 for at in (50, 40, 30, 20, 10, 0)])


def test_filters_and_periods_hold_for_both_sides(store: Path) -> None:
    with TraceLens(store) as lens:
        desk = lens.tail_selection(top=0.1, filters=Filters(service="desk"))
        day = lens.tail_selection("latency", top=0.5, period="24h")
    assert (desk.n, desk.n_rest) == (54, 486)
    assert (day.n, day.n_rest) == (72, 72)


def test_another_question_is_not_answered_from_the_last(store: Path) -> None:
    with TraceLens(store) as lens:
        one = lens.tail_selection("cost", top=0.1)
        two = lens.tail_selection("latency", top=0.1)
        again = lens.tail_selection("cost", top=0.2)
    assert one.exemplars["value"][0] == pytest.approx(1.00059)
    assert two.exemplars["value"][0] == pytest.approx(9_000.59)
    assert again.n == 120


def test_rows_are_placed_where_they_are_known() -> None:
    """The first request may be one without a cost."""
    rows = pl.DataFrame({"tenant": ["a", "b"]})
    placed = _placed(rows, np.array([False, True, False, True]))
    assert placed["tenant"].to_list() == [None, "a", None, "b"]


def test_attributes_without_a_column_are_read_when_somebody_asks(tmp_path: Path) -> None:
    """400 requests; the 40 of tenant `big`, which only their spans tell, cost 100 times as much."""
    store = new_store(tmp_path)
    names = [f"r{at}" for at in range(400)]
    tenants = ["big" if at % 10 == 0 else f"small-{at % 3}" for at in range(400)]
    batch = [
        span(name, attrs=json.dumps({"tenant": tenant}))
        for name, tenant in zip(names, tenants, strict=True)
    ]
    judged = [
        request(
            name,
            request_span_id=number(f"{name}root", 16),
            cost_usd=1.0 if tenant == "big" else 0.01,
        )
        for name, tenant in zip(names, tenants, strict=True)
    ]
    load(store, spans(*batch), requests(*judged))
    store.close()
    parts: list[tuple[int, int]] = []
    with TraceLens(store.path) as lens:
        without = lens.tail_selection(top=0.1)
        found = lens.tail(
            top=0.1, attributes=("*",), progress=lambda done, of: parts.append((done, of))
        )
        named = lens.tail_selection(top=0.1, attributes=("tenant",))
        other = lens.tail_selection(top=0.1, attributes=("region",))
    assert (without.state, other.state) == ("nothing", "nothing")
    told = [(row["attribute"], row["value"], row["in_tail"]) for row in found.different]
    assert told == [("tenant", "big", 1.0)]
    assert named.different == found.different
    assert parts == [(1, 2), (2, 2)]
