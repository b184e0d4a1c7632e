"""What the costliest requests paid: the few figures of a card, and why there are none."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

import polars as pl

from tracelens.analyse.overview import PERIODS
from tracelens.errors import UsageError
from tracelens.store import Store

#: Tails that are tried, the smallest first, and so many requests one must have to say something.
TOPS: Final = (0.01, 0.1)
LEAST: Final = 5
#: Requests that are looked through for the names of models without a price.
SAMPLE: Final = 1_000
NAMES: Final = 100


@dataclass(frozen=True)
class Bill:
    """What the requests of a period cost, in US dollars; None where it is not to be told."""

    n: int  # requests with a known cost
    n_unknown: int  # requests without one
    total: float | None
    share: float | None  # of the total that the costliest `TopCost.top` of them paid, 0 to 1
    unpriced_spans: int
    n_lower_bound: int  # requests whose cost is known in part


@dataclass(frozen=True)
class TopCost:
    """What the costliest requests of a period paid, and those of the one of equal length before.

    `top` is the share of requests that they are: 0.01, or 0.1 where that would be fewer than five
    requests; None where a tenth is too. `before` is None where there is nothing before. Where
    nothing has a cost, `unpriced` names models that were used without a price, `unmeasured` is
    whether models were called of which no usage is recorded.
    """

    top: float | None
    now: Bill
    before: Bill | None
    unpriced: tuple[str, ...] = field(default=())
    unmeasured: bool = False


def top_cost(store: Store, period: str = "all") -> TopCost:
    """What the costliest requests of a period (one of `PERIODS`) paid.

    It is less than `tail` tells and takes a part of its time: nothing is put in order.

    Raises UsageError for an unknown period.
    """
    if period not in PERIODS:
        raise UsageError(f"there is no period {period!r}; there are {', '.join(PERIODS)}")
    frame = store.request_columns(
        ["start_unix_nano", "cost_usd", "cost_unpriced_spans", "cost_is_lower_bound"]
    )
    length, last = PERIODS[period], frame["start_unix_nano"].max()
    before = None
    if length is not None and isinstance(last, int):
        end = last + 1
        start = pl.col("start_unix_nano")
        before = frame.filter((start >= end - 2 * length) & (start < end - length))
        frame = frame.filter(start.is_between(end - length, end, closed="left"))
    costs = _costs(frame)
    top = next((each for each in TOPS if round(each * len(costs), 9) >= LEAST), None)
    names, unmeasured = ((), False) if len(costs) else _unpriced(store)
    return TopCost(
        top=top,
        now=_bill(frame, top),
        before=None if before is None or before.is_empty() else _bill(before, top),
        unpriced=names,
        unmeasured=unmeasured,
    )


def _costs(frame: pl.DataFrame) -> pl.Series:
    costs = frame["cost_usd"]
    return costs.filter(costs.is_finite())


def _bill(frame: pl.DataFrame, top: float | None) -> Bill:
    costs = _costs(frame)
    total = float(costs.sum()) if len(costs) else None
    return Bill(
        n=len(costs),
        n_unknown=frame.height - len(costs),
        total=total,
        share=_share(costs, top, total),
        unpriced_spans=int(frame["cost_unpriced_spans"].sum() or 0),
        n_lower_bound=int(frame["cost_is_lower_bound"].sum() or 0),
    )


def _share(costs: pl.Series, top: float | None, total: float | None) -> float | None:
    """Share of the total of the costliest, rounded up to whole requests as `tail` does."""
    if top is None or not total or total <= 0 or round(top * len(costs), 9) < LEAST:
        return None
    count = -int(-round(top * len(costs), 9) // 1)
    return min(float(costs.top_k(count).sum()) / total, 1.0)


def _unpriced(store: Store) -> tuple[tuple[str, ...], bool]:
    """Models without a price, the most used first, and whether the usage of any is not recorded.

    As found in some requests: this only tells what to set a price for first.
    """
    rows: list[tuple[Any, ...]] = store.query(_UNPRICED).rows()
    models = [model for model, unit in rows if None not in (model, unit)]
    return tuple(dict.fromkeys(models)), any(unit is None for _, unit in rows)


_UNPRICED: Final = f"""
with items as (
    select unnest(cost_items) as item
    from (select cost_items from requests where cost_unpriced_spans > 0 limit {SAMPLE})
)
select item.model, item.unit from items where item.cost_usd is null
group by item.model, item.unit order by count(*) desc, item.model, item.unit limit {NAMES}
"""
