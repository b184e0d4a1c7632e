"""Latency budgets: stages that are stopped, and how much earlier that ends a request."""

from __future__ import annotations

from typing import Any

import pytest

from tests.analyse.what_if.made_up import baseline
from tracelens.analyse.what_if import Bounds, Rules
from tracelens.analyse.what_if.answer import what_if
from tracelens.policy import Budget, Cap, Route


def request(reasoning: float | None, **more: Any) -> dict[str, Any]:
    """A request with 1 s beside reasoning."""
    return {
        "inputs": "audio",
        "cost_usd": 1.0,
        "path_ms.transcription": 1000.0,
        "path_ms.reasoning": reasoning,
        "duration_ms": 1000.0 + (reasoning or 0.0),
        "ttfa_ms": 900.0,
        **more,
    }


def test_a_stopped_stage_saves_at_most_what_is_beyond_its_budget() -> None:
    rules = Rules(budgets=(Budget("reasoning", 4000),))
    answer = what_if(
        baseline(
            [request(9000.0), request(4000.0), request(None, **{"path_ms.transcription": None})]
        ),
        rules,
    )
    (effect,) = answer.rules
    assert (effect.touched, effect.unknown) == (1, 1)
    assert effect.saved == Bounds(0.0, 0.0)  # what it had used is billed
    (listed,) = answer.requests.to_dicts()
    assert (listed["duration_ms"], listed["duration_low"]) == (10_000.0, 5000.0)
    assert 5000.0 <= listed["duration_high"] <= 10_000.0
    assert listed["cost_low"] == listed["cost_high"] == 1.0


def test_stages_add_up_and_the_tighter_rule_counts() -> None:
    row = request(9000.0, **{"sizes.audio_seconds": 60.0, "cost_by_content.audio_in": 0.5})
    rules = Rules(
        caps=(Cap("audio_seconds", 6, "truncate"),),
        budgets=(Budget("reasoning", 4000), Budget("transcription", 500)),
    )
    (listed,) = what_if(baseline([row]), rules).requests.to_dicts()
    # Transcription to a tenth by the cap, below its budget; so is reasoning.
    assert listed["duration_low"] == pytest.approx(10_000 - 900 - 8100)


def test_the_first_budget_that_fits_counts() -> None:
    rows = [request(9000.0, service="desk"), request(9000.0, service="car")]
    rules = Rules(budgets=(Budget("reasoning", 9000, service="DESK*"), Budget("reasoning", 1000)))
    assert [each.touched for each in what_if(baseline(rows), rules).rules] == [0, 1]


def test_refused_and_routed_requests_are_not_stopped() -> None:
    known = {"sizes.input_tokens": 100.0, "cost_by_stage.reasoning": 0.5}
    refused = request(9000.0, **{"sizes.audio_seconds": 60.0})
    moved = request(9000.0, **known, **{"models.reasoning": "big"})
    target = request(10.0, **known, **{"models.reasoning": "small"})
    rules = Rules(
        caps=(Cap("audio_seconds", 30, "reject"),),
        routes=(Route("small"),),
        budgets=(Budget("reasoning", 4000),),
    )
    answer = what_if(baseline([refused, moved, request(9000.0), *[target] * 30]), rules)
    assert [each.touched for each in answer.rules] == [1, 1, 1]
    assert answer.touched == 3
