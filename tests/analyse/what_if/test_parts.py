"""How touched requests are cut into parts, and strata numbered, changes no answer."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from tests.analyse.what_if.made_up import baseline
from tracelens.analyse.what_if import Rules, WhatIf
from tracelens.analyse.what_if import baseline as baseline_module
from tracelens.analyse.what_if import part as part_module
from tracelens.analyse.what_if.answer import what_if
from tracelens.analyse.what_if.done import highest
from tracelens.policy import Budget, Cap, Route

RULES = Rules(
    caps=(Cap("audio_seconds", 30, "truncate"), Cap("audio_seconds", 40, "reject")),
    routes=(Route("small"),),
    budgets=(Budget("reasoning", 1500), Budget(None, 2500)),
    comparable=5,
)


def request(number: int) -> dict[str, Any]:
    """Every third is spoken, the others are written to a large or a small model."""
    slow = {"duration_ms": 1000.0 + 16 * number, "path_ms.reasoning": 1000.0 + 16 * number}
    cost = 0.25 * (1 + number % 4)
    common = {"service": "desk", "cost_usd": cost, "failed": number % 5 == 0, **slow}
    if number % 3 == 0:
        audio = {"sizes.audio_seconds": float(number % 64), "cost_by_content.audio_in": cost}
        return {**common, "inputs": "audio", **audio}
    model = {"models.reasoning": "small" if number % 3 == 1 else "big"}
    return {
        **common,
        "inputs": "text",
        **model,
        "sizes.input_tokens": 100.0,
        "cost_by_stage.reasoning": cost,
    }


def asked() -> WhatIf:
    return what_if(baseline([request(number) for number in range(120)]), RULES, limit=10)


def rounded(answer: WhatIf) -> Any:
    """All of an answer but the list; sums in another order differ in the last digits."""

    def walk(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: walk(each) for key, each in value.items()}
        if isinstance(value, list | tuple):
            return [walk(each) for each in value]
        return round(value, 9) if isinstance(value, float) else value

    found = asdict(replace(answer, requests=pl.DataFrame()))
    return walk({name: value for name, value in found.items() if name != "requests"})


def test_parts_add_up(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = asked()
    assert all(effect.touched > 7 for effect in whole.rules)
    monkeypatch.setattr(part_module, "ROWS", 7)
    monkeypatch.setattr(baseline_module, "MANY", 1)
    in_parts = asked()
    assert_frame_equal(in_parts.requests, whole.requests)
    assert rounded(in_parts) == rounded(whole)


def test_highest_first_then_the_next_key_then_the_first() -> None:
    one, other = np.array([1.0, 2.0, 1.0, 1.0, 0.0]), np.array([0.0, 0.0, 5.0, 0.0, 9.0])
    orders = [[], [1], [1, 2], [1, 2, 0], [1, 2, 0, 3], [1, 2, 0, 3, 4], [1, 2, 0, 3, 4]]
    for limit, order in enumerate(orders):
        assert highest([one, other], limit).tolist() == order
