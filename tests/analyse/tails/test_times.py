"""Buckets of time: how long, where they begin, and who is in them."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracelens.analyse.tails.times import (
    QUARTER,
    bucket_edges,
    bucket_name,
    bucket_of,
    find_zone,
)
from tracelens.errors import UsageError

BERLIN = ZoneInfo("Europe/Berlin")
DAY = 86_400 * 10**9


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 10**9


def edges_of(first: str, last: str, zone: ZoneInfo, most: int = 60) -> list[str]:
    edges = bucket_edges(at(first), at(last), most, zone)
    return [f"{datetime.fromtimestamp(each // 10**9, zone):%Y-%m-%d %H:%M}" for each in edges]


def test_days_begin_at_midnight_where_the_reader_is() -> None:
    found = edges_of("2026-10-01T12:00", "2026-11-10T12:00", BERLIN)
    assert (found[0], found[1], found[-1]) == (
        "2026-10-01 00:00",
        "2026-10-02 00:00",
        "2026-11-11 00:00",
    )
    # Summer time ends on the 25th: still midnight, after a day of 25 hours.
    assert all(each.endswith("00:00") for each in found)


def test_the_length_suits_the_period() -> None:
    zone = ZoneInfo("UTC")
    names = {
        last: bucket_name(bucket_edges(at("2026-01-01T00:00"), at(last), 60, zone))
        for last in ("2026-01-01T00:30", "2026-01-02T00:00", "2026-02-01T00:00", "2026-09-01T00:00")
    }
    assert list(names.values()) == ["1 minute", "1 hour", "1 day", "7 days"]
    assert edges_of("2026-01-01T00:00", "2026-09-01T00:00", zone)[0] == "2025-12-29 00:00"  # Monday


@given(st.integers(0, 2**62), st.integers(0, 2**61), st.sampled_from(["UTC", "Asia/Kathmandu"]))
def test_buckets_hold_both_ends_and_are_few(first: int, length: int, zone: str) -> None:
    edges = bucket_edges(first, first + length, 40, ZoneInfo(zone))
    assert edges[0] <= first
    assert edges[-2] <= first + length < edges[-1]
    assert len(edges) - 1 <= 40


@pytest.mark.parametrize("zone", ["UTC", "America/St_Johns"])
@pytest.mark.parametrize("length", [DAY // 24, 9 * DAY, 400 * DAY])
def test_the_bucket_of_a_moment(zone: str, length: int) -> None:
    first = at("2026-03-01T10:07")
    edges = bucket_edges(first, first + length, 40, ZoneInfo(zone))
    starts = np.random.default_rng(1).integers(edges[0] - DAY, edges[-1] + DAY, 500)
    starts[:3] = edges[0], edges[1], edges[-1]
    found = bucket_of(starts, starts // QUARTER, edges)
    expected = [
        next(
            (at for at, low in enumerate(edges[:-1]) if low <= each < edges[at + 1]), len(edges) - 1
        )
        for each in starts.tolist()
    ]
    assert found.tolist() == expected


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("Berlin", "did you mean 'Europe/Berlin'?"),
        ("europe/berln", "did you mean 'Europe/Berlin'?"),
        ("new york", "did you mean 'America/New_York'?"),
        ("../etc/passwd", "there is no time zone"),
        ("", "write an IANA name"),
    ],
)
def test_an_unknown_time_zone(name: str, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        find_zone(name)
    assert hint in str(caught.value)
