"""What a what-if answers: finished values for the command line, reports and pages."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

import polars as pl

#: What no replay of recorded traffic can tell; every answer says so.
QUALITY: Final = "quality effect unknown"


@dataclass(frozen=True)
class Bounds:
    """The least and the most that something can be; None where it is not known."""

    low: float | None
    high: float | None


@dataclass(frozen=True)
class Share:
    """`k` of `n`, as a share from 0 to 1 with its 95 % Wilson interval; None where n is 0."""

    k: int
    n: int
    share: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Money:
    """What requests cost today and would cost, in US dollars.

    `before` is the sum over the `n` requests with a known cost and None where there are none;
    `unknown` more have none. Of `lower_bound` requests a part is unpriced, so that money reads at
    least this much.
    """

    before: float | None
    after: Bounds
    n: int
    unknown: int
    lower_bound: int


@dataclass(frozen=True)
class Quantile:
    """A quantile of a time in ms, today and after; None where there are too few requests."""

    name: str  # p50, p95, p99
    before: float | None
    after: Bounds


@dataclass(frozen=True)
class Times:
    """Quantiles of one time: over the requests that have it today, and those still served after.

    `unknown` is how many of the touched requests have the time, but not where it went.
    """

    metric: str  # latency, ttfa
    n_before: int
    n_after: int
    quantiles: list[Quantile]
    unknown: int = 0


@dataclass(frozen=True)
class Group:
    """The requests of one modality (what came in, joined by `+`)."""

    by: str
    n: int
    touched: int
    refused: int
    cost: Money
    latency: Times


@dataclass(frozen=True)
class RuleEffect:
    """What one rule does by itself.

    `saved` is in US dollars, None where no touched request has a known cost. `failed_today` is how
    the touched requests fared, `failed_rest` how all others did. `unknown` counts requests that the
    rule is for and whose size or stage time is not recorded; they stay as they are. `unsplit` and
    `unsplit_usd` are touched requests, and their money, in costs that nobody splits by content.
    `comparable` counts the requests that a route is measured on, `failed_comparable` is how all
    fared that meet its conditions and used its model, and `not_moved` counts those that it is for
    but that stay where they are. A rule with a `refused_because` changes nothing.
    """

    kind: str  # cap, route, budget
    rule: str
    row: dict[str, Any]  # as in the policy
    touched: int
    share: float | None
    refused: int
    saved: Bounds
    failed_today: Share
    failed_rest: Share
    unknown: int = 0
    unsplit: int = 0
    unsplit_usd: float = 0.0
    comparable: int | None = None
    failed_comparable: Share | None = None
    not_moved: int = 0
    refused_because: str | None = None
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class WhatIf:
    """All rules together over some requests.

    `requests` has the touched requests whose bill changes most, one row each: `request_id, inputs,
    service, failed, refused, rules` (numbers of `rules`), `cost_usd, cost_low, cost_high,
    duration_ms, duration_low, duration_high`. After a route the duration of a single request is not
    known.
    """

    n: int
    touched: int
    share: float | None
    refused: int
    cost: Money
    latency: Times
    ttfa: Times
    failed_today: Share
    failed_rest: Share
    rules: list[RuleEffect]
    groups: list[Group]
    requests: pl.DataFrame
    notes: list[str]
    quality: str = QUALITY
