"""Questions of the page Tails as functions of hashable values, so that `ask` keeps answers."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from tracelens.api import Filters, Rules, Selected, Tail, TraceLens, WhatIf

Box = tuple[int, int, float, float]
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
#: Requests that are listed as the highest.
EXEMPLARS = 12


def tail_of(lens: TraceLens, metric: str, top: float, filters: Filters, period: str) -> Tail:
    """The tail of a metric by modality."""
    return lens.tail(metric, top=top, filters=filters, period=period)


def selection_of(
    lens: TraceLens, metric: str, top: float, box: Box | None, filters: Filters, period: str
) -> Selected:
    """What is different about the tail, or about a part of the heat map."""
    return lens.tail_selection(
        metric, top=top, box=box, filters=filters, period=period, exemplars=EXEMPLARS
    )


def what_if_of(lens: TraceLens, rules: Rules, filters: Filters, period: str) -> WhatIf:
    """What rules would change for the requests of a period."""
    begin, end = lens.period_bounds(period)
    bounded = replace(filters, since=as_time(begin), until=as_time(end))
    return lens.what_if(rules, bounded)


def as_time(nanos: int | None) -> datetime | None:
    """A bound as a time; it is rounded up, since a filter has microseconds."""
    return None if nanos is None else EPOCH + timedelta(microseconds=-(-nanos // 1000))
