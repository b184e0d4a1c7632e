"""Attributes that no mapping reads, as further columns: what is kept, what is left out."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tests.store.frames import load, new_store, number, request, requests, span, spans
from tracelens.analyse.different import Population, different, different_attributes, recorded
from tracelens.errors import Cancelled
from tracelens.policy import TailRules
from tracelens.store import Cancellation, Store

COUNT = 60


def attributes(at: int) -> dict[str, Any]:
    """What the span of one request records."""
    return {
        "plan": "gold" if at < 20 else "free",
        "cached": at % 2 == 0,
        "retries": at % 3,
        "took": at + 0.5,
        "mixed": at if at % 2 else str(at % 4),
        "id": f"call-{at}",
        "same": "all",
        "list": [1, 2],
        "long": "x" * 300,
        "nothing": None,
        'it\'s "odd".$[*] --': "a" if at < 30 else "b",
        **({"seldom": "x"} if at < 19 else {}),
        **({"half": "y"} if at < 30 else {}),
    }


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    store = new_store(tmp_path_factory.mktemp("recorded"))
    for part in (range(COUNT // 2), range(COUNT // 2, COUNT)):
        batch = [
            span(
                f"r{at}",
                attrs=json.dumps(attributes(at)),
                resource_attrs=json.dumps({"region": "eu" if at < 45 else "us"}),
            )
            for at in part
        ]
        # Only the span of the request is looked at.
        children = [span(f"r{at}", "child", attrs='{"inner": "x"}') for at in part]
        judged = [request(f"r{at}", request_span_id=number(f"r{at}root", 16)) for at in part]
        load(store, spans(*batch, *children), requests(*judged))
    yield store
    store.close()


IDS = pl.Series([number(f"r{at}root", 32) for at in range(COUNT)])


def test_what_tells_something_is_a_column(store: Store) -> None:
    frame, asked = different_attributes(store, IDS)
    assert set(frame.columns) == {
        *("attribute.plan", "attribute.cached", "attribute.retries", "attribute.took"),
        *("attribute.mixed", 'attribute.it\'s "odd".$[*] --', "attribute.half", "resource.region"),
    }
    assert {each.column for each in asked} == set(frame.columns)
    assert frame["attribute.plan"].to_list() == ["gold"] * 20 + ["free"] * 40
    assert frame["attribute.cached"].to_list()[:2] == ["true", "false"]
    assert frame["attribute.retries"].to_list()[:4] == [0.0, 1.0, 2.0, 0.0]
    assert frame["attribute.mixed"].to_list()[:4] == ["0", "1", "2", "3"]
    assert frame["attribute.half"].to_list() == ["y"] * 30 + [None] * 30
    assert frame["resource.region"].to_list() == ["eu"] * 45 + ["us"] * 15


def test_keys_that_are_named(store: Store) -> None:
    """Also where few requests have them."""
    frame, asked = different_attributes(store, IDS, keys=["seldom", "id", "unknown"])
    assert frame.columns == ["attribute.seldom"]
    assert [(each.name, each.mechanism) for each in asked] == [("seldom", False)]


def test_rows_are_in_the_order_of_the_ids(store: Store) -> None:
    ids = pl.Series([IDS[50], "unknown", IDS[3]])
    frame, _ = different_attributes(store, ids, keys=["plan"])
    assert frame["attribute.plan"].to_list() == ["free", None, "gold"]


def test_parts_are_told_as_they_are_done(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorded, "SPANS", 1)
    told: list[tuple[int, int]] = []
    whole, _ = different_attributes(store, IDS, progress=lambda *at: told.append(at))
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]
    monkeypatch.undo()
    assert different_attributes(store, IDS)[0].to_dicts() == whole.to_dicts()


def test_it_can_be_stopped(store: Store) -> None:
    with Cancellation() as stop, pytest.raises(Cancelled):
        different_attributes(store, IDS, progress=lambda *_: stop.cancel())


def test_many_values_are_an_id(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorded, "VALUES", 3)
    frame, _ = different_attributes(store, IDS, keys=["mixed", "plan"])
    assert frame.columns == ["attribute.plan"]


def test_no_more_keys_than_are_bearable(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorded, "KEYS", 1)
    assert different_attributes(store, IDS)[0].width <= 1


def test_they_can_be_asked(store: Store) -> None:
    frame, asked = different_attributes(store, IDS, keys=["plan", "region"])
    cost = pl.Series("cost", [9.0] * 20 + [1.0] * 40)
    population = Population.of(frame.with_columns(cost), "cost", asked)
    found = different(population, cost > 5, TailRules(requests=10))
    assert [(each.attribute, each.value) for each in found.findings] == [
        ("plan", "gold"),
        ("region", "eu"),
    ]


def test_an_empty_store(tmp_path: Path) -> None:
    empty = new_store(tmp_path)
    assert different_attributes(empty, pl.Series([], dtype=pl.String))[0].is_empty()
    empty.close()
