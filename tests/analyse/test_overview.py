"""The state of a store: counts by what came in and where it broke, what is new, periods."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.store.frames import load, new_store, number, request, requests, span, spans
from tracelens.analyse import Totals, failure_facets, overview, period_bounds
from tracelens.errors import UsageError
from tracelens.store import Store

HOUR = 3600
LOST = {
    "failed": True,
    "stage": "transcription",
    "boundary": "transcription>reasoning",
    "cause": "handoff_loss",
    "service": "desk",
}
ERROR = {"failed": True, "stage": "reasoning", "cause": "llm_error", "emitter": "pipecat"}
OPEN = {"failed": True, "stage": "undetermined", "cause": "user_reported"}
FINE = {"outcomes": [{"at": "reasoning", "outcome": "ok"}], "cost_usd": 0.1}
#: Start in hours, what came in, and the verdict.
ROWS: list[tuple[int, list[str] | None, dict[str, Any]]] = [
    (10, ["audio"], LOST),
    (20, ["audio"], FINE),
    (40, ["audio"], LOST | {"inputs_hash": "old"}),
    (41, ["audio", "image"], ERROR),
    (50, ["audio"], ERROR),
    (51, None, OPEN),
    (52, None, {"failed": None}),
]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    store = new_store(tmp_path_factory.mktemp("overview"))
    batch = spans(*(span(f"r{at}", at=at * HOUR) for at, _, _ in ROWS))
    judged = [
        request(f"r{at}", at=at * HOUR, input_modalities=kinds, **columns)
        for at, kinds, columns in ROWS
    ]
    load(store, batch, requests(*judged))
    yield store
    store.close()


def test_all_of_a_store(store: Store) -> None:
    found = overview(store)
    assert found.now == Totals(requests=7, failed=5, undetermined=1, unknown=1)
    assert found.before is None
    assert found.stale == 1
    assert found.inputs == {"audio": 4, "audio+image": 1, "none": 2}
    cells = {(each["inputs"], each["stage"], each["boundary"]): each["n"] for each in found.cells}
    assert cells == {
        ("audio", "transcription", "transcription>reasoning"): 2,
        ("audio", "reasoning", None): 1,
        ("audio+image", "reasoning", None): 1,
        ("none", "undetermined", None): 1,
    }
    assert found.outcomes == [{"at": "reasoning", "outcome": "ok", "n": 1}]
    assert found.known == {"cost": 1, "duration": 0, "ttfa": 0}
    assert (found.first, found.last) == (10 * HOUR * 10**9, 52 * HOUR * 10**9)


def test_a_period_ends_with_the_last_request(store: Store) -> None:
    assert period_bounds(store, "all") == (None, None)
    begin, end = period_bounds(store, "24h")
    assert (begin, end) == (28 * HOUR * 10**9 + 1, 52 * HOUR * 10**9 + 1)
    found = overview(store, "24h")
    assert found.now == Totals(requests=5, failed=4, undetermined=1, unknown=1)
    assert found.before == Totals(requests=2, failed=1)
    assert found.inputs == {"audio": 2, "audio+image": 1, "none": 2}


def test_a_period_longer_than_the_store_has_none_before(store: Store) -> None:
    assert overview(store, "7d").before is None


def test_new_is_what_was_never_seen_before(store: Store) -> None:
    found = overview(store)
    assert found.new_since == 28 * HOUR * 10**9 + 1
    assert [(each["cause"], each["n"]) for each in found.new] == [
        ("llm_error", 2),
        ("user_reported", 1),
    ]
    assert found.new[0]["example"] == number("r50root", 32)
    assert [each["cause"] for each in overview(store, "24h").new] == ["llm_error", "user_reported"]


def test_nothing_is_new_in_a_store_of_one_day(tmp_path: Any) -> None:
    store = new_store(tmp_path)
    load(store, spans(span("one")), requests(request("one", **ERROR)))
    found = overview(store)
    assert (found.new, found.new_since) == ([], None)
    store.close()


def test_an_empty_store(tmp_path: Any) -> None:
    store = new_store(tmp_path)
    for period in ("all", "24h"):
        found = overview(store, period)
        assert found.now == Totals()
        assert (found.first, found.causes, found.inputs) == (None, [], {})
    store.close()


def test_an_unknown_period(store: Store) -> None:
    with pytest.raises(UsageError, match="no period 'year'; there are all, 30d"):
        overview(store, "year")


def test_facets_count_failures_only(store: Store) -> None:
    assert failure_facets(store) == {
        "stage": {"reasoning": 2, "transcription": 2, "undetermined": 1},
        "boundary": {"none": 3, "transcription>reasoning": 2},
        "cause": {"handoff_loss": 2, "llm_error": 2, "user_reported": 1},
        "inputs": {"audio": 3, "audio+image": 1, "none": 1},
        "service": {"desk": 2},
        "emitter": {"pipecat": 2},
    }
