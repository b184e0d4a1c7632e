"""Profiles: what requests of one kind usually have, in whatever order they are told of."""

from __future__ import annotations

import random
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tracelens.model import PROFILE, SHAPE, STAGES
from tracelens.policy import ProfileRules
from tracelens.requests.profile import (
    DAY_NANOS,
    build_profiles,
    changed,
    signatures,
    too_brief,
)

RULES = ProfileRules(requests=4, expected=0.75, unexpected=0.25, days=2)
LISTENS = ("transcription", "reasoning")
SPEAKS = (*LISTENS, "synthesis")

SCHEMA = {
    "request_id": pl.String(),
    "service": pl.String(),
    "emitter": pl.String(),
    "start_unix_nano": pl.Int64(),
    "shape": SHAPE,
}


def told(
    number: int,
    ran: tuple[str, ...] = LISTENS,
    *,
    due: tuple[str, ...] = SPEAKS,
    day: int = 0,
    service: str | None = "desk",
    role: str = "turn",
    heard: bool | None = None,
    healthy: bool = True,
    ms: float = 100.0,
) -> dict[str, Any]:
    """What a request tells: by default that it listened and answered, and did not speak."""
    shape = {
        "profile": "key",
        "role": role,
        "heard": heard,
        "timed_out": False,
        "healthy": healthy,
        "ran": [*ran],
        "due": sorted({*ran, *(due if healthy else ())}),
        "took_ms": {stage: ms if stage in ran else None for stage in STAGES},
    }
    return {
        "request_id": f"{number}",
        "service": service,
        "emitter": "pipecat",
        "start_unix_nano": day * DAY_NANOS,
        "shape": shape,
    }


def profiles(*rows: dict[str, Any]) -> pl.DataFrame:
    return build_profiles(pl.DataFrame(rows, schema=SCHEMA), RULES)


def expected(*rows: dict[str, Any]) -> dict[str, tuple[int, int, int, bool | None]]:
    """Requests, those that ran it, days, and what follows, by stage."""
    columns = ("stage", "requests", "ran", "days", "expected")
    return {stage: rest for stage, *rest in map(list, profiles(*rows).select(columns).rows())}


def test_a_service_that_never_speaks_is_not_expected_to() -> None:
    rows = [told(number, day=number % 2) for number in range(4)]
    assert expected(*rows) == {
        "transcription": [4, 4, 2, True],
        "reasoning": [4, 4, 2, True],
        "synthesis": [4, 0, 2, False],
    }


def test_a_day_without_speech_teaches_nothing_by_itself() -> None:
    rows = [told(number) for number in range(50)]
    assert expected(*rows)["synthesis"] == [50, 0, 1, None]
    brief = too_brief(profiles(*rows), RULES)
    assert brief.select("service", "stage", "requests", "ran").rows() == [
        ("desk", "synthesis", 50, 0)
    ]


def test_a_share_in_between_leaves_it_to_the_policy() -> None:
    days = [told(number, SPEAKS) for number in range(4)]
    outage = [told(10 + number, day=1) for number in range(4)]
    assert expected(*days, *outage)["synthesis"] == [8, 4, 2, None]


def test_a_failed_request_tells_what_it_ran_and_not_what_it_lacked() -> None:
    failed = [told(number, SPEAKS, healthy=False, day=number) for number in range(4)]
    stopped = [told(10 + number, healthy=False, day=number) for number in range(4)]
    assert expected(*failed, *stopped)["synthesis"] == [4, 4, 4, True]
    assert profiles(*failed)["p95_ms"].to_list() == [None] * 3


@pytest.mark.parametrize("ran", [SPEAKS, LISTENS])
def test_of_a_trace_without_speech_the_policy_decides(ran: tuple[str, ...]) -> None:
    rows = [told(number, ran, role="trace", heard=False, day=number) for number in range(4)]
    assert expected(*rows)["synthesis"] == [4, 4 * (ran == SPEAKS), 4, None]
    rows = [told(number, ran, role="trace", heard=True, day=number) for number in range(4)]
    assert expected(*rows)["synthesis"] == [4, 4 * (ran == SPEAKS), 4, ran == SPEAKS]


def test_few_requests_and_those_without_a_service_tell_nothing() -> None:
    assert profiles(*[told(number) for number in range(3)]).is_empty()
    assert profiles(*[told(number, service=None) for number in range(9)]).is_empty()
    without = pl.DataFrame([{**told(1), "shape": None}], schema=SCHEMA)
    assert build_profiles(without, RULES).schema == PROFILE


def test_quantiles_are_those_of_healthy_requests() -> None:
    rows = [told(number, SPEAKS, ms=float(number)) for number in range(1, 21)]
    slow = [told(100 + number, SPEAKS, ms=9_000.0, healthy=False) for number in range(20)]
    found = profiles(*rows, *slow).filter(stage="reasoning")
    assert found.select("p50_ms", "p95_ms").row(0) == (11.0, 20.0)


def test_kinds_of_requests_are_told_apart() -> None:
    rows = [told(number, role="turn") for number in range(4)]
    rows += [told(10 + number, role="agent_turn") for number in range(4)]
    assert profiles(*rows)["role"].unique().sort().to_list() == ["agent_turn", "turn"]


def test_what_changed_is_told_with_what_was_before() -> None:
    old = profiles(*[told(number, SPEAKS) for number in range(4)])
    new = profiles(*[told(number, day=number) for number in range(4)])
    columns = ("stage", "ran", "expected", "before")
    assert changed(old, new).select(columns).rows() == [("synthesis", 0, False, True)]
    assert changed(new, new).is_empty()
    gone = changed(old, old.clear()).select(columns).rows()
    assert gone == [(stage, 4, None, True) for stage in STAGES]


def test_only_requests_that_timed_out_depend_on_durations() -> None:
    one, two = (
        signatures(profiles(*[told(n, SPEAKS, ms=ms) for n in range(4)])) for ms in (1.0, 2.0)
    )
    assert one.keys() == two.keys()
    assert sorted(one[key] == two[key] for key in one) == [False, True]


def tellings(dice: random.Random) -> list[dict[str, Any]]:
    """Requests of two services and of none, healthy and failed, on some days."""
    return [
        told(
            number,
            dice.choice([(), ("transcription",), LISTENS, SPEAKS]),
            day=dice.randrange(3),
            service=dice.choice(["desk", "phone", None]),
            role=dice.choice(["turn", "trace"]),
            healthy=dice.random() < 0.7,
            ms=dice.uniform(0, 1e6),
        )
        for number in range(dice.randrange(60))
    ]


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**32))
def test_order_and_repetition_change_nothing(seed: int) -> None:
    dice = random.Random(seed)
    rows = tellings(dice)
    again = rows + rows[::3]
    dice.shuffle(again)
    assert profiles(*again).equals(profiles(*rows))
