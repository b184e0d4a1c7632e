"""What is asked by default: names, marks by metric, and columns made of others."""

from __future__ import annotations

from datetime import UTC, datetime

import polars as pl
import pytest

from tracelens.analyse.different import asked_columns, request_attributes
from tracelens.analyse.different.attributes import ASKED, DERIVED, Metric
from tracelens.model import REQUEST


def nanos(*parts: int) -> int:
    return int(datetime(*parts, tzinfo=UTC).timestamp()) * 10**9  # type: ignore[misc, arg-type]


FRAME = pl.DataFrame(
    {
        "session_id": ["a", "a", None, None, "b"],
        "start_unix_nano": [
            nanos(2026, 11, 1, 23, 45),
            nanos(2026, 11, 2, 9),
            None,
            nanos(2026, 7, 4, 12, 59, 59),
            nanos(1970, 1, 1),
        ],
        "sizes.output_tokens": [1, 2, 3, 4, 5],
        "sizes.audio_seconds": [1.0, 2.0, 3.0, 4.0, None],
        "path_ms.tool": [1.0] * 5,
        "cost_by_stage.tool": [1.0] * 5,
    }
)


def test_columns_made_of_others() -> None:
    made = request_attributes(FRAME, "cost")[0]
    assert made["requests_in_session"].to_list() == [2, 2, None, None, 1]
    assert made["hour"].cast(pl.String).to_list() == ["23:00", "09:00", None, "12:00", "00:00"]
    assert made["weekday"].cast(pl.String).to_list() == [
        *("Sunday", "Monday", None, "Saturday", "Thursday"),
    ]


@pytest.mark.parametrize(
    ("zone", "hours", "day"),
    [
        ("Europe/Berlin", ["00:00", "10:00", None, "14:00", "01:00"], "Monday"),
        ("Asia/Kathmandu", ["05:00", "14:00", None, "18:00", "05:00"], "Monday"),
    ],
)
def test_hours_are_of_the_zone(zone: str, hours: list[str | None], day: str) -> None:
    made, attributes = request_attributes(FRAME, "cost", zone)
    assert made["hour"].cast(pl.String).to_list() == hours
    assert str(made["weekday"][0]) == day
    assert f"hour of the day ({zone})" in {each.name for each in attributes}


def test_no_time_is_known() -> None:
    frame = FRAME.with_columns(start_unix_nano=pl.lit(None, pl.Int64))
    assert request_attributes(frame, "cost")[0]["hour"].null_count() == 5


@pytest.mark.parametrize(
    ("metric", "mechanism", "causes", "absent"),
    [
        ("cost", ["output tokens", "audio length", "tool cost"], [], "time in tool"),
        ("latency", ["output tokens", "time in tool"], ["audio length"], "tool cost"),
        ("ttfa", ["time in tool"], ["audio length", "output tokens"], "tool cost"),
    ],
)
def test_what_makes_the_metric(
    metric: Metric, mechanism: list[str], causes: list[str], absent: str
) -> None:
    marks = {each.name: each.mechanism for each in request_attributes(FRAME, metric)[1]}
    assert [marks[name] for name in mechanism] == [True] * len(mechanism)
    assert [marks[name] for name in causes] == [False] * len(causes)
    assert absent not in marks


def test_every_column_is_one_of_requests() -> None:
    """Or made of one: `inputs`, `outputs` and `model.…` are, by `Store.request_columns`."""
    known = {name for name, dtype in REQUEST.items() if not dtype.is_nested()}
    for name, dtype in REQUEST.items():
        if isinstance(dtype, pl.Struct):
            known |= {f"{name}.{field.name}" for field in dtype.fields}
    made = {"inputs", "outputs", "language", *DERIVED}
    asked = {each.column for each in ASKED}
    assert {name for name in asked - known - made if not name.startswith("model.")} == set()
    assert len(asked) == len(ASKED)


def test_a_metric_is_not_explained_by_itself() -> None:
    assert "ttfa_ms" not in asked_columns("ttfa")
    assert "ttfa_ms" in asked_columns("latency")
    assert {"session_id", "start_unix_nano"} <= set(asked_columns("cost"))
