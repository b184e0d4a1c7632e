"""Columns of live requests in memory: the same rows as the view, version after version."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tests.store.frames import load, new_store, number, request, requests, span, spans
from tracelens.store import Store
from tracelens.store.columns import Columns

COSTS = {"transcription": 0.1, "reasoning": 0.2, "synthesis": None, "tool": None}
ROWS: dict[str, dict[str, Any]] = {
    "a": {
        "cost_usd": 0.3,
        "cost_by_stage": COSTS,
        "service": "desk",
        "input_modalities": ["audio", "image"],
        "models": {"transcription": ["whisper"], "reasoning": ["gpt", "claude"], "synthesis": []},
        "breaches": [{"metric": "cost", "stage": None, "value": 0.3, "limit": 0.2}],
    },
    "b": {"cost_usd": 0.1, "service": "phone", "input_modalities": [], "breaches": []},
    "c": {},
}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = new_store(tmp_path)
    add(store, ROWS)
    yield store
    store.close()


def add(store: Store, rows: dict[str, dict[str, Any]]) -> None:
    """Commit requests by name; one with a name that is stored replaces it."""
    batch = spans(*(span(name, repr(columns)) for name, columns in rows.items()))
    judged = requests(*(request(name, **columns) for name, columns in rows.items()))
    load(store, batch, judged)


def table(store: Store, *names: str) -> dict[str, tuple[Any, ...]]:
    """Columns by the name of the request."""
    rows = store.request_columns(["request_id", *names])
    assert rows["request_id"].is_unique().all()  # a row that was replaced is gone
    known = {number(name + "root", 32): name for name in "abcdef"}
    return {known[row[0]]: row[1:] for row in rows.sort("request_id").iter_rows()}


def test_columns_members_and_what_is_made_of_them(store: Store) -> None:
    names = ["cost_usd", "cost_by_stage.reasoning", "inputs", "model.reasoning", "over.cost"]
    assert table(store, *names, "over.latency") == {
        "a": (0.3, 0.2, "audio+image", "gpt+claude", True, False),
        "b": (0.1, None, "none", None, False, False),
        "c": (None, None, None, None, None, None),
    }
    types = store.request_columns(["service", "inputs", "model.reasoning"]).dtypes
    assert all(isinstance(each, pl.Categorical) for each in types)


@pytest.mark.parametrize("name", ["nothing", "cost_by_stage", "cost_by_stage.x", "evidence"])
def test_unknown_and_nested_columns_are_refused(store: Store, name: str) -> None:
    with pytest.raises(ValueError, match=name):
        store.request_columns([name])


def test_rows_that_were_judged_anew_are_replaced(store: Store) -> None:
    assert table(store, "cost_usd")["a"] == (0.3,)
    add(store, {"a": {"cost_usd": 0.05}, "d": {"cost_usd": 9.0, "service": "desk"}})
    now = {"a": (0.05, None), "b": (0.1, "phone"), "c": (None, None)}
    assert table(store, "cost_usd", "service") == now | {"d": (9.0, "desk")}
    add(store, {"b": {"cost_usd": 0.2}})
    assert table(store, "cost_usd")["b"] == (0.2,)  # the first segment lost one before
    add(store, {"a": {"cost_usd": 7.0}})
    now = {"a": (7.0, None), "b": (0.2, None), "c": (None, None)}
    assert table(store, "cost_usd", "service") == now | {"d": (9.0, "desk")}
    # Whoever comes later reads the same.
    other = Store.open(store.path)
    assert table(other, "cost_usd", "service") == table(store, "cost_usd", "service")
    other.close()


def test_only_new_segments_are_read(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    columns = Columns(store.path)
    read: list[str] = []
    scan = Columns._scan

    def counted(self: Columns, segments: Any, names: Any) -> list[pl.DataFrame]:
        read.extend(each.name for each in segments)
        return scan(self, segments, names)

    monkeypatch.setattr(Columns, "_scan", counted)
    assert columns.frame(["cost_usd"]).height == 3
    assert columns.frame(["cost_usd"]).height == 3
    first = len(read)
    add(store, {"d": {"cost_usd": 1.0}})
    assert columns.frame(["cost_usd"])["cost_usd"].to_list()[-1] == 1.0
    assert (first, len(read)) == (1, 2)
    columns.close()


def test_columns_of_nulls_take_no_memory(store: Store) -> None:
    columns = Columns(store.path)
    columns.frame(["sizes.pages", "ttfa_ms"])
    sizes = columns.sizes()
    assert sizes["sizes.pages"] == sizes["ttfa_ms"] == 0
    columns.close()


def test_segments_from_before_a_column(store: Store) -> None:
    """A segment says in the log which columns it has; what it lacks is null."""
    columns = Columns(store.path)
    columns.frame(["cost_usd"])
    segment = columns._parts[0].segment
    assert columns._scan([segment], ["cost_usd"])[0]["cost_usd"].null_count() == 1
    without = type(segment)(**{**segment.__dict__, "columns": '{"trace_id": "VARCHAR"}'})
    assert columns._scan([without], ["cost_usd", "inputs"])[0].null_count().row(0) == (3, 3)
    columns.close()


def test_an_empty_store(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    names = ["request_id", "cost_usd", "inputs"]
    assert store.request_columns(names).shape == (0, 3)
    store.close()


def test_what_is_kept_lives_as_long_as_the_version(store: Store) -> None:
    _, kept = store.request_table(["cost_usd"])
    kept["order"] = "of all rows"
    assert store.request_table(["service"])[1] is kept
    add(store, {"d": {"cost_usd": 1.0}})
    assert store.request_table(["service"])[1] == {}
