"""The rules that a what-if tries, in the order in which they act."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from tracelens.model import STAGES
from tracelens.policy import Budget, Cap, Policy, Route, read_tables

Rule = Cap | Route | Budget


@dataclass(frozen=True)
class Rules:
    """What is tried: rows as a policy has them, and how many comparable requests a route needs."""

    caps: tuple[Cap, ...] = ()
    routes: tuple[Route, ...] = ()
    budgets: tuple[Budget, ...] = ()
    comparable: int = 30

    @classmethod
    def of(cls, policy: Policy) -> Rules:
        """The rows of a policy that can be replayed.

        Budgets in dollars and for the way to the first audio are for checks: nothing can be
        stopped by them.
        """
        budgets = tuple(each for each in policy.budget if _stops_a_stage(each))
        return cls(policy.cap, policy.route, budgets, policy.what_if.comparable)

    def named(self) -> list[tuple[str, Rule]]:
        """Every row with a name of its own: `cap 0`, `route 0`, `budget 0`."""
        return [*self.named_caps(), *self.named_routes(), *self.named_budgets()]

    def named_caps(self) -> list[tuple[str, Cap]]:
        """The caps by name."""
        return [(f"cap {i}", cap) for i, cap in enumerate(self.caps)]

    def named_routes(self) -> list[tuple[str, Route]]:
        """The routes by name."""
        return [(f"route {i}", route) for i, route in enumerate(self.routes)]

    def named_budgets(self) -> list[tuple[str, Budget]]:
        """The budgets by name."""
        return [(f"budget {i}", budget) for i, budget in enumerate(self.budgets)]


def make_rules(tables: Mapping[str, Sequence[Mapping[str, Any]]], policy: Policy) -> Rules:
    """Rules out of rows as a policy file has them, by `cap`, `route` and `budget`.

    How many comparable requests a route needs is as in `policy`. Raises PolicyError that names all
    that cannot work.
    """
    rows = {name: list(tables.get(name, ())) for name in ("cap", "route", "budget")}
    return replace(Rules.of(read_tables(rows)), comparable=policy.what_if.comparable)


def _stops_a_stage(budget: Budget) -> bool:
    """Whether it limits how long something may take that can be stopped."""
    return budget.metric == "latency" and budget.of in (None, *STAGES)
