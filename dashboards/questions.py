"""Questions of the page Tails as functions of hashable values, so that answers are kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from tracelens.api import Filters, Rules, Selected, Tail, TraceLens, WhatIf
from tracelens.show.figures import Chart, different_chart
from tracelens.show.palette import Palette

Box = tuple[int, int, float, float]
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
#: Requests that are listed as the highest: more than a page shows can be taken along.
EXEMPLARS = 1_000


def tail_of(lens: TraceLens, metric: str, top: float, filters: Filters, period: str) -> Tail:
    """The tail of a metric by modality."""
    return lens.tail(metric, top=top, filters=filters, period=period, compare=False)


def selection_of(
    lens: TraceLens,
    metric: str,
    top: float,
    box: Box | None,
    filters: Filters,
    period: str,
    every: bool = False,
) -> Selected:
    """What is different about the tail, or about a part of the heat map.

    `every` compares attributes of spans too that have no column.
    """
    return lens.tail_selection(
        metric,
        top=top,
        box=box,
        filters=filters,
        period=period,
        exemplars=EXEMPLARS,
        attributes=("*",) if every else (),
    )


def what_if_of(lens: TraceLens, rules: Rules, filters: Filters, period: str) -> WhatIf:
    """What rules would change for the requests of a period."""
    begin, end = lens.period_bounds(period)
    bounded = replace(filters, since=as_time(begin), until=as_time(end))
    return lens.what_if(rules, bounded)


def as_time(nanos: int | None) -> datetime | None:
    """A bound as a time; it is rounded up, since a filter has microseconds."""
    return None if nanos is None else EPOCH + timedelta(microseconds=-(-nanos // 1000))


@lru_cache(maxsize=128)
def drawn(draw: Callable[..., Any], *args: Any, **more: Any) -> Any:
    """What a function draws of an answer, kept: plotly takes longer to check a figure than we to
    make it."""
    return draw(*args, **more)


def findings_chart(selected: Selected, palette: Palette, name: str) -> Chart:
    """What is different about the tail or a selection, which `name` says."""
    return different_chart(selected.different, palette, selection=name)
