"""All that was recorded on one span, and guesses at an id that means nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.traces import load, sample
from tracelens import TraceLens
from tracelens.errors import NotFoundError


@pytest.fixture
def lens(tmp_path: Path) -> TraceLens:
    return load(tmp_path / "store", sample("otel_genai_tool_raises"))


def test_attributes_of_all_columns_are_together_and_events_are_values(lens: TraceLens) -> None:
    sql = (
        "select r.request_id, s.span_id from requests r, unnest(r.span_ids) as u(id), spans s"
        " where s.span_id = u.id and s.name like 'execute_tool%'"
    )
    request_id, span_id = lens.sql(sql).row(0)
    span = lens.span(request_id, span_id)
    assert span["name"] == "execute_tool book_canoe"
    assert span["status"] == "error"
    attributes = span["attributes"]
    assert attributes["gen_ai.operation.name"] == "execute_tool"  # a column of its own
    assert attributes["gen_ai.tool.type"] == "function"  # one of the rest
    assert span["resource"]["service.name"] == "reception"
    assert span["events"][0]["attributes"]["exception.type"] == "TimeoutError"


def test_a_span_of_another_request_is_not_found(lens: TraceLens) -> None:
    request_id = lens.requests()["request_id"][0]
    with pytest.raises(NotFoundError, match="has no span 'ffff'"):
        lens.span(request_id, "ffff")


def test_a_mistyped_id_is_guessed_at(lens: TraceLens) -> None:
    rows = lens.requests()
    known = rows["request_id"][0]
    assert lens.near(known[:9] + "x") == [known]
    assert lens.near(f"https://there/explain?id={known[:6]}0000000000") == [known]
    assert lens.near("no such thing") == []
    assert lens.near("") == []


def test_what_the_store_reaches_over(lens: TraceLens) -> None:
    rows = lens.requests()
    assert lens.extent() == {
        "requests": rows.height,
        "failed": rows["failed"].sum(),
        "first_unix_nano": rows["start_unix_nano"].min(),
        "last_unix_nano": rows["start_unix_nano"].max(),
    }
