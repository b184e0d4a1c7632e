"""Routes: measured on comparable requests, or refused."""

from __future__ import annotations

from typing import Any

import pytest

from tests.analyse.what_if.made_up import baseline
from tracelens.analyse.what_if import Bounds, Rules, WhatIf
from tracelens.analyse.what_if.answer import what_if
from tracelens.policy import Cap, Condition, Route


def request(model: str, usd: float, **more: Any) -> dict[str, Any]:
    """A text request of 100 tokens whose reasoning costs so much, beside $1 for the rest."""
    return {
        "inputs": "text",
        "service": "desk",
        "models.reasoning": model,
        "sizes.input_tokens": 100.0,
        "cost_by_stage.reasoning": usd,
        "cost_usd": 1.0 + usd,
        "duration_ms": 1000.0,
        **more,
    }


def small(count: int, **more: Any) -> list[dict[str, Any]]:
    """Requests by the small model: half for $1, half for $3, in 100 and in 300 ms."""
    kinds = ((3.0, 300.0), (1.0, 100.0))
    return [
        request("small", usd, **{"duration_ms": ms, **more})
        for usd, ms in (kinds[i % 2] for i in range(count))
    ]


def routed(rows: list[dict[str, Any]], *when: Condition, **more: Any) -> WhatIf:
    return what_if(baseline(rows), Rules(routes=(Route("small", when),), **more))


def test_costs_are_those_of_comparable_requests() -> None:
    answer = routed([request("big", 10.0), request("big", 20.0), *small(100)])
    (effect,) = answer.rules
    assert (effect.touched, effect.comparable, effect.not_moved) == (2, 100, 0)
    assert effect.refused_because is None
    # Their mean is $2 and its 95 % interval 2 ± t(99) · s / √100, with s = √(100/99).
    half = 1.9842 * (100 / 99) ** 0.5 / 10
    assert effect.saved.low == pytest.approx(30 - 2 * (2 + half), abs=1e-3)
    assert effect.saved.high == pytest.approx(30 - 2 * (2 - half), abs=1e-3)
    assert answer.cost.before == pytest.approx(30 + 200 + 102)
    assert answer.cost.after.low == pytest.approx(332 - 30 + 2 * (2 - half), abs=1e-3)


def test_under_thirty_it_is_refused() -> None:
    answer = routed([request("big", 10.0), *small(29)])
    (effect,) = answer.rules
    assert effect.touched == answer.touched == 0
    assert effect.not_moved == 1
    assert "fewer than 30 comparable requests used small: 29" in str(effect.refused_because)
    assert answer.cost.after == Bounds(answer.cost.before, answer.cost.before)
    assert routed([request("big", 10.0), *small(30)]).touched == 1
    assert routed([request("big", 10.0), *small(5)], comparable=5).touched == 1


def test_a_route_that_is_for_nobody_says_so() -> None:
    (effect,) = routed(small(40)).rules
    assert effect.refused_because == "no request that another model answers meets its conditions"
    unknown = request("big", 1.0, **{"cost_by_stage.reasoning": None})
    (effect,) = routed([unknown, *small(40)]).rules
    assert (effect.unknown, effect.not_moved) == (1, 1)
    assert "no known cost" in str(effect.refused_because)


@pytest.mark.parametrize(
    "unlike",
    [
        {"inputs": "audio"},
        {"sizes.input_tokens": 1000.0},
        {"sizes.input_tokens": None},
        {"models.reasoning": "small\nbig"},
        {"cost_by_stage.reasoning": None},
    ],
)
def test_who_is_not_comparable(unlike: dict[str, Any]) -> None:
    assert routed([request("big", 10.0), *small(40, **unlike)]).touched == 0


def test_other_services_stand_in_where_the_own_has_too_few() -> None:
    others = small(40, service="car")
    assert routed([request("big", 10.0), *others]).rules[0].comparable == 40
    own = [request("small", 0.5) for _ in range(30)]
    effect = routed([request("big", 10.0), *others, *own]).rules[0]
    assert effect.comparable == 30
    assert effect.saved == Bounds(pytest.approx(9.5), pytest.approx(9.5))


@pytest.mark.parametrize(
    ("when", "touched"),
    [
        ((), 4),
        ((Condition("input_tokens", max=110),), 3),
        ((Condition("input_tokens", min=110),), 1),
        ((Condition("images", min=0, max=0),), 4),
        ((Condition("images", min=1),), 0),
        ((Condition("service", ("DE*",)),), 3),
        ((Condition("modality", ("audio", "text")),), 4),
        ((Condition("modality", ("audio",)),), 0),
        ((Condition("model", ("bi*",)),), 3),
        ((Condition("model", ("bi*",)), Condition("service", ("car",))), 1),
    ],
)
def test_conditions(when: tuple[Condition, ...], touched: int) -> None:
    large = request("big", 10.0, **{"sizes.input_tokens": 127.0})
    rows = [request("big", 10.0), request("other", 10.0), large]
    rows += [request("big", 10.0, service="car"), *small(60), *small(60, service="car")]
    rows += small(60, **{"sizes.input_tokens": 120.0})
    # Two models leave unknown which one would be replaced.
    rows += [request("big\nother", 10.0)]
    assert routed(rows, *when).touched == touched


def test_times_are_those_of_comparable_requests() -> None:
    big = [request("big", 10.0) for _ in range(500)]
    answer = routed([*big, *small(1000, duration_ms=100.0)])
    _, p95, p99 = answer.latency.quantiles
    assert (p95.before, p95.after) == (1000.0, Bounds(100.0, 100.0))
    assert (p99.before, p99.after) == (1000.0, Bounds(100.0, None))
    assert (answer.latency.n_before, answer.latency.n_after) == (1500, 1500)
    (text,) = answer.groups
    assert text.latency == answer.latency
    listed = answer.requests.to_dicts()[0]
    assert (listed["duration_low"], listed["duration_high"]) == (None, None)


def test_bounds_of_times_widen_with_the_share_that_is_moved() -> None:
    """Few moved requests cannot shift a median, however little is known of the target."""
    few = routed([request("big", 1.0, duration_ms=1.0), *small(1001)])
    assert few.latency.quantiles[1].after == Bounds(300.0, 300.0)
    most = routed([*(request("big", 1.0) for _ in range(1000)), *small(40)])
    p99 = most.latency.quantiles[2]
    assert (p99.before, p99.after.high) == (1000.0, None)


def test_unmeasured_times_stay() -> None:
    answer = routed([request("big", 10.0), *small(40, duration_ms=None)])
    assert answer.touched == 1
    assert answer.latency.unknown == 1
    assert answer.requests["duration_low"].to_list() == [1000.0]


def test_what_a_cap_touches_is_not_routed() -> None:
    rules = Rules(caps=(Cap("input_tokens", 50, "reject", model="big"),), routes=(Route("small"),))
    answer = what_if(baseline([request("big", 10.0), request("other", 5.0), *small(40)]), rules)
    assert [effect.touched for effect in answer.rules] == [1, 1]
    assert (answer.touched, answer.refused) == (2, 1)


def test_the_first_route_that_fits_counts() -> None:
    rows = [request("big", 10.0), *small(40), *(request("tiny", 0.1) for _ in range(40))]
    rules = Rules(routes=(Route("tiny"), Route("small")))
    answer = what_if(baseline(rows), rules)
    assert [effect.touched for effect in answer.rules] == [41, 40]


def test_how_the_target_fares() -> None:
    rows = [request("big", 10.0, failed=True), *small(40, failed=False), request("big", 1.0)]
    (effect,) = routed(rows).rules
    assert (effect.failed_comparable.k, effect.failed_comparable.n) == (0, 40)  # type: ignore[union-attr]
    assert (effect.failed_today.k, effect.failed_today.n) == (1, 1)
