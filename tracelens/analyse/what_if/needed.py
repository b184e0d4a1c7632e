"""Which columns of requests rules need, beside those that every what-if reads."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from tracelens.analyse.what_if.rules import Rules
from tracelens.analyse.what_if.sizes import SIZE_EFFECTS, TOKENS
from tracelens.model import PATH_STAGES, STAGES
from tracelens.policy import Budget, Cap, Route
from tracelens.policy.rules import ROUTE_TEXTS

#: Null where nothing is known of where the time of a request went.
KNOWN_PATH: Final = "path_ms.residual"


def columns_of(rules: Rules) -> list[str]:
    """Columns that some rules need."""
    names: list[str] = []
    for cap in rules.caps:
        names += _of_cap(cap)
    for route in rules.routes:
        names += _of_route(route)
    for budget in rules.budgets:
        names += _of_budget(budget)
    return list(dict.fromkeys(names))


def took(stage: str) -> str:
    """The column that says how long a stage took."""
    return f"shape.took_ms.{stage}"


def _of_cap(cap: Cap) -> Iterator[str]:
    yield f"sizes.{cap.size}"
    if cap.model is not None:
        yield from (f"models.{stage}" for stage in STAGES)
    if cap.how == "reject":
        return
    effect = SIZE_EFFECTS[cap.size]
    contents = (*effect.contents, *effect.derived, "other")
    yield from (f"cost_by_content.{each}" for each in contents)
    yield from (took(stage) for stage in effect.stages)
    yield KNOWN_PATH
    if cap.size == "input_tokens":
        yield from (each for pair in TOKENS.items() for each in pair)


def _of_route(route: Route) -> Iterator[str]:
    yield from ("sizes.input_tokens", f"models.{route.stage}", f"cost_by_stage.{route.stage}")
    for condition in route.when:
        if condition.column == "model":
            yield "models.reasoning"
        elif condition.column not in ROUTE_TEXTS:
            yield f"sizes.{condition.column}"


def _of_budget(budget: Budget) -> Iterator[str]:
    yield KNOWN_PATH
    if budget.stage is not None:
        yield from (took(stage) for stage in STAGES)
        yield from (f"path_ms.{stage}" for stage in PATH_STAGES)
