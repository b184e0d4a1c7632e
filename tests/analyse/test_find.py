"""Filters over requests: each alone, all together, and in what order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from tests.store.frames import load, new_store, request, requests, span, spans
from tracelens.analyse import Filters, count_unknown, find_requests
from tracelens.errors import QueryError, UsageError
from tracelens.store import Store

MODELS = {"transcription": ["whisper"], "reasoning": ["gpt", "claude"], "synthesis": []}
#: Names, and what sets each apart; they start at 1, 2, 3 and 4 s.
ROWS: dict[str, dict[str, Any]] = {
    "lost": {
        "failed": True,
        "stage": "transcription",
        "boundary": "transcription>reasoning",
        "cause": "handoff_loss",
        "session_id": "s1",
        "service": "desk",
        "models": MODELS,
        "input_modalities": ["audio"],
        "duration_ms": 30.0,
    },
    "error": {
        "failed": True,
        "stage": "reasoning",
        "cause": "llm_error",
        "service": "desk",
        "output_modalities": ["audio", "text"],
        "duration_ms": 10.0,
    },
    "fine": {"failed": False, "session_id": "s1", "service": "phone", "emitter": "pipecat"},
    "unknown": {"failed": None, "service": "desk", "duration_ms": 20.0},
}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    store = new_store(tmp_path_factory.mktemp("find"))
    batch = spans(*(span(name, at=at) for at, name in enumerate(ROWS, 1)))
    judged = [
        request(name, at=at, verdict=name, **columns)
        for at, (name, columns) in enumerate(ROWS.items(), 1)
    ]
    load(store, batch, requests(*judged))
    yield store
    store.close()


def found(store: Store, filters: Filters) -> list[str]:
    return list(find_requests(store, filters)["verdict"])


def at(seconds: float) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        (Filters(), ["unknown", "fine", "error", "lost"]),
        (Filters(stage="reasoning"), ["error"]),
        (Filters(boundary="transcription>reasoning"), ["lost"]),
        (Filters(cause="llm_error"), ["error"]),
        (Filters(service="desk"), ["unknown", "error", "lost"]),
        (Filters(session="s1"), ["fine", "lost"]),
        (Filters(modality="audio"), ["error", "lost"]),
        (Filters(modality="text"), ["error"]),
        (Filters(model="claude"), ["lost"]),
        (Filters(model="whisper"), ["lost"]),
        (Filters(model="gp"), []),
        (Filters(since=at(2)), ["unknown", "fine", "error"]),
        (Filters(until=at(2)), ["lost"]),
        (Filters(since=at(2), until=at(3)), ["error"]),
        (Filters(since=at(2.000001)), ["unknown", "fine"]),
        (Filters(since=datetime(1970, 1, 1, 0, 0, 3)), ["unknown", "fine"]),
        (Filters(since=at(3).astimezone(timezone(timedelta(hours=5)))), ["unknown", "fine"]),
        (Filters(since=datetime.min, until=datetime.max), ["unknown", "fine", "error", "lost"]),
        (Filters(failed=True), ["error", "lost"]),
        (Filters(failed=False), ["fine"]),
        (Filters(failed=True, include_unknown=True), ["unknown", "error", "lost"]),
        (Filters(where="duration_ms > 15"), ["unknown", "lost"]),
        (Filters(where="failed or duration_ms = 20"), ["unknown", "error", "lost"]),
        (Filters(failed=True, where="service = 'desk' or true"), ["error", "lost"]),
        (Filters(stage="' or true --"), []),
        (Filters(boundary="none"), ["unknown", "fine", "error"]),
        (Filters(boundary="none", stage="reasoning"), ["error"]),
        (Filters(inputs="audio"), ["lost"]),
        (Filters(inputs="none"), ["unknown", "fine", "error"]),
        (Filters(inputs="image+text"), []),
        (Filters(inputs="Text + audio"), []),
        (Filters(emitter="pipecat"), ["fine"]),
        (Filters(text="ERR"), ["error"]),
        (Filters(text="%"), []),
        (Filters(limit=2, offset=1), ["fine", "error"]),
        (Filters(limit=2), ["unknown", "fine"]),
        (Filters(limit=0), ["unknown", "fine", "error", "lost"]),
        (Filters(sort="started_at"), ["lost", "error", "fine", "unknown"]),
        (Filters(sort="duration_ms"), ["error", "unknown", "lost", "fine"]),
        (Filters(sort="-duration_ms"), ["lost", "unknown", "error", "fine"]),
        (Filters(sort="-duration_ms", limit=1, service="desk"), ["lost"]),
    ],
)
def test_filters(store: Store, filters: Filters, expected: list[str]) -> None:
    assert found(store, filters) == expected


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        (Filters(), 1),
        (Filters(service="desk"), 1),
        (Filters(service="phone"), 0),
        (Filters(where="duration_ms = 20"), 1),
        (Filters(where="duration_ms > 20"), 0),
        (Filters(limit=0, until=at(2)), 0),
    ],
)
def test_unknown_ones_pass_the_same_filters(store: Store, filters: Filters, expected: int) -> None:
    assert count_unknown(store, filters) == expected
    assert count_unknown(store, replace(filters, failed=True)) == expected


@pytest.mark.parametrize("where", ["true) or (true", "1", "nothing", "true; select 1", ""])
def test_where_is_one_condition(store: Store, where: str) -> None:
    with pytest.raises(QueryError):
        find_requests(store, Filters(where=where))
    with pytest.raises(QueryError):
        count_unknown(store, Filters(where=where))


def test_sort_takes_known_columns(store: Store) -> None:
    with pytest.raises(UsageError, match="cannot sort by 'request_id'"):
        find_requests(store, Filters(sort="request_id"))


def test_only_the_columns_that_are_wanted(store: Store) -> None:
    found = find_requests(store, Filters(sort="duration_ms"), ["cause", "started_at"])
    assert found.columns == ["cause", "started_at"]
    assert found["cause"].to_list() == ["llm_error", None, "handoff_loss", None]
    every = find_requests(store, Filters())
    assert find_requests(store, Filters(), every.columns).equals(every)
    with pytest.raises(UsageError, match="no column 'colour; drop'"):
        find_requests(store, Filters(), ["cause", "colour; drop"])
