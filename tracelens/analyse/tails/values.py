"""What a question about tails says, and the finished figures that answer it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

import polars as pl

from tracelens.model import CHAIN, CONTENTS, PATH_STAGES, STAGES

#: Column and unit of each metric that has a tail.
METRICS: Final[dict[str, tuple[str, str]]] = {
    "cost": ("cost_usd", "USD"),
    "latency": ("duration_ms", "ms"),
    "ttfa": ("ttfa_ms", "ms"),
}

#: What requests can be grouped by; stage and content split each request into parts.
BY: Final = ("modality", "stage", "model", "service", "emitter", "user", "content", "none")

#: What one request's metric is made of, by metric: a name of `BY` and the columns of its parts.
PARTS: Final[dict[str, dict[str, dict[str, str]]]] = {
    "cost": {
        "stage": {each: f"cost_by_stage.{each}" for each in (*STAGES, "tool")},
        "content": {each: f"cost_by_content.{each}" for each in CONTENTS},
    },
    "latency": {"stage": {each: f"path_ms.{each}" for each in PATH_STAGES}},
    "ttfa": {"stage": {each: f"chain_ms.{each}" for each in CHAIN}},
}

#: Quantiles by the name that the contract gives them.
QUANTILES: Final = {"p50": 0.5, "p75": 0.75, "p90": 0.9, "p95": 0.95, "p99": 0.99, "p99_9": 0.999}
#: Shares of requests whose share of the total is told, by the name that the contract gives them.
TOPS: Final = {"0.001": 0.001, "0.01": 0.01, "0.05": 0.05, "0.1": 0.1}

#: Share of the total against share of requests, the highest first; `series` is `all` or `inputs`.
CONCENTRATION: Final = pl.Schema(
    {
        "series": pl.String(),
        "n": pl.Int64(),  # so many requests, the highest of the series
        "requests": pl.Float64(),  # n as a share of the requests of the series, 0 to 1
        "share": pl.Float64(),  # of the total of the series that they have, 0 to 1
    }
)

#: Share of requests that are higher than a value; `series` is `all` or `inputs`.
HIGHER: Final = pl.Schema(
    {"series": pl.String(), "value": pl.Float64(), "n": pl.Int64(), "share": pl.Float64()}
)

#: What the tail and the rest are made of; the shares of each `by` sum to 1.
CONTRIBUTIONS: Final = pl.Schema(
    {
        "by": pl.String(),  # stage, content, modality
        "value": pl.String(),  # `unknown` is what nobody split
        "tail": pl.Float64(),  # in the unit of the metric
        "tail_share": pl.Float64(),  # of the total of the tail
        "rest": pl.Float64(),
        "rest_share": pl.Float64(),  # of the total of everything else
    }
)

#: A row per bucket of time, also where nothing began; null is what cannot be told.
TREND: Final = pl.Schema(
    {
        "begin_unix_nano": pl.Int64(),
        "end_unix_nano": pl.Int64(),  # exclusive
        "n": pl.Int64(),  # requests with a known value
        "total": pl.Float64(),
        "median": pl.Float64(),
        "p99": pl.Float64(),
        "top_share": pl.Float64(),  # of the bucket's total, by the bucket's own top
        "in_tail": pl.Int64(),  # requests of the tail of the whole period
    }
)

#: Totals of each stage in each bucket of the trend, in the unit of the metric.
TREND_BY_STAGE: Final = pl.Schema(
    {"begin_unix_nano": pl.Int64(), "stage": pl.String(), "total": pl.Float64()}
)

#: Who has the largest totals.
PAYERS: Final = pl.Schema(
    {
        "by": pl.String(),  # user, service
        "value": pl.String(),  # null where it is not recorded
        "n": pl.Int64(),
        "total": pl.Float64(),
        "share": pl.Float64(),  # of the total of all
        "in_tail": pl.Int64(),
    }
)

#: The highest requests of the tail, the highest first.
EXEMPLARS: Final = pl.Schema(
    {
        "request_id": pl.String(),
        "start_unix_nano": pl.Int64(),
        "inputs": pl.String(),
        "service": pl.String(),
        "model": pl.String(),  # of reasoning
        "value": pl.Float64(),  # of the metric
        "cost_usd": pl.Float64(),
        "cost_is_lower_bound": pl.Boolean(),
        "duration_ms": pl.Float64(),
        "ttfa_ms": pl.Float64(),
        "audio_seconds": pl.Float64(),
        "output_audio_seconds": pl.Float64(),
        "characters": pl.Int64(),
        "images": pl.Int64(),
        "megapixels": pl.Float64(),
        "pages": pl.Int64(),
        "input_tokens": pl.Int64(),
        "output_tokens": pl.Int64(),
        "failed": pl.Boolean(),
        "stage": pl.String(),  # that broke it
        "cause": pl.String(),
    }
)

#: How many requests lie in each cell that has any.
CELLS: Final = pl.Schema(
    {
        "begin_unix_nano": pl.Int64(),
        "end_unix_nano": pl.Int64(),  # exclusive
        "low": pl.Float64(),  # inclusive
        "high": pl.Float64(),  # exclusive, but for the highest row
        "n": pl.Int64(),
    }
)

#: The highest request of each column of the heat map.
HIGHEST: Final = pl.Schema(
    {
        "begin_unix_nano": pl.Int64(),
        "request_id": pl.String(),
        "start_unix_nano": pl.Int64(),
        "value": pl.Float64(),
    }
)

#: From and until when (ns, exclusive), and from and to which value of the metric (inclusive).
Box = tuple[int, int, float, float]

#: Budgets of whole requests, a glob of what came in and the most, in the order in which they count.
Budgets = tuple[tuple[str, float], ...]


@dataclass(frozen=True)
class Group:
    """Observed figures of some requests; `by` names them.

    Values are in the unit of the metric and shares from 0 to 1. `quantiles` are interpolated
    linearly between neighbours (as `quantile_cont` of SQL does), None below the number of requests
    of which one is expected beyond (p95 20, p99 100, p99.9 1,000). `intervals` are two observed
    values that hold the quantile of the population with 95 % (from binomial ranks, whatever the
    distribution); an end is None where all observations together do not bound it. `top_share` is
    the share of the total that the highest 0.1, 1, 5 and 10 % of the requests have (rounded up to
    whole requests), None where that is less than one request.
    """

    by: str | None  # None where it is not recorded
    n: int  # requests with a known value
    n_unknown: int  # requests without one
    quantiles: dict[str, float | None]  # by name of QUANTILES
    intervals: dict[str, tuple[float | None, float | None]]
    total: float | None  # None when nothing is known
    share: float | None  # of the total of all
    traffic: float | None  # of all requests with a known value
    top_share: dict[str, float | None]  # by name of TOPS
    gini: float | None  # 0 all alike, towards 1 one pays all; None without a positive total
    over_budget: int | None  # requests beyond a budget for this metric; None where none is told
    n_lower_bound: int  # requests whose cost is known in part
    unpriced_spans: int
    in_tail: int  # requests of the tail
    tail_share: float | None  # of the total of the tail


@dataclass(frozen=True)
class Figures:
    """The few figures of one metric that two periods are compared by; None where not to be told."""

    n: int
    n_unknown: int
    total: float | None
    median: float | None
    p99: float | None
    top_share: float | None  # of the highest `top` of the requests
    n_lower_bound: int
    unpriced_spans: int


@dataclass(frozen=True)
class Cut:
    """The tail: the highest `top` of the requests with a known value, at least one of them.

    Of equal values those with the smaller request id come first.
    """

    n: int
    from_value: float | None  # its smallest value
    total: float | None
    share: float | None  # of the total of all; None where `top` is less than one request


@dataclass(frozen=True, eq=False)
class Heat:
    """Requests counted by time of their start and by value, on a logarithmic scale.

    `times` (ns) and `values` are edges, one more than there are columns and rows. Values at or
    below 0 lie in the lowest row.
    """

    times: tuple[int, ...] = ()
    values: tuple[float, ...] = ()
    cells: pl.DataFrame = field(default_factory=CELLS.to_frame)
    highest: pl.DataFrame = field(default_factory=HIGHEST.to_frame)


@dataclass(frozen=True)
class Percentile:
    """How one request stands among those with the same inputs."""

    metric: str
    value: float
    inputs: str
    n: int  # requests with the same inputs and a known value, with itself
    lower: float  # share of them with a lower value, 0 to 1


@dataclass(frozen=True, eq=False)
class Tail:
    """Everything that is told of a tail: exact, of the requests that were observed.

    `begin` and `end` (ns, exclusive; None without a bound) are the period asked for; `first` and
    `last` when the first and last of its requests began. `figures` are of every metric,
    `before` the same of the period of equal length before, None where the period has no beginning,
    and `change` how the metric's own figures differ from it: `top_share` in points from -1 to 1,
    the others as now / before - 1. Where the store begins later than the period before
    (`before_in_part`), no change is told: it would compare a period with a part of one. Frames
    have the columns of the schema of their name.
    """

    metric: str
    unit: str
    top: float
    by: str
    timezone: str
    begin: int | None
    end: int | None
    first: int | None
    last: int | None
    n: int  # requests with a known value
    n_unknown: int
    n_lower_bound: int  # of n, those whose cost is known in part: the total is "at least"
    unpriced_spans: int
    all: Group
    cut: Cut
    groups: tuple[Group, ...]  # the largest total first
    groups_left: int  # groups that are not listed, as there are too many
    figures: dict[str, Figures]
    before: dict[str, Figures] | None
    before_in_part: bool
    change: dict[str, float | None]
    concentration: pl.DataFrame
    higher: pl.DataFrame
    contributions: pl.DataFrame
    bucket: str  # length of a bucket of the trend: "1 hour", "1 day", "7 days", ...
    trend: pl.DataFrame
    trend_by_stage: pl.DataFrame
    heat: Heat
    payers: pl.DataFrame
    exemplars: pl.DataFrame
    different: tuple[dict[str, Any], ...] = ()  # findings as in `Selected`
    different_state: str | None = None  # of these: found, nothing or too_few; None when not asked


@dataclass(frozen=True, eq=False)
class Selected:
    """What is different about some requests, and the highest of them.

    `state` is `found`, `nothing` or `too_few`; `different` has a row per finding with the fields of
    `Difference`, its conditions joined; `exemplars` the columns of `EXEMPLARS`. `n` counts the
    selected requests and `n_rest` all others that were asked about.
    """

    n: int
    n_rest: int
    state: str
    tested: int
    clustered: bool
    different: tuple[dict[str, Any], ...]
    exemplars: pl.DataFrame
