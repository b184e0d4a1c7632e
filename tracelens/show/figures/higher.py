"""By modality: the share of requests that are slower or more expensive than a value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from tracelens.analyse.tails.values import Budgets, Tail
from tracelens.show.figures.look import (
    Chart,
    draw,
    log,
    log_axis,
    plain,
    series_of,
)
from tracelens.show.palette import Palette
from tracelens.show.web.html import amount, percent
from tracelens.show.web.parts import inputs_name
from tracelens.show.web.tails import limit_of

#: Points of each curve: every panel shows all of them.
POINTS, SHOWN, PANEL_TICKS = 48, 6, 4


def higher_charts(tail: Tail, palette: Palette, budgets: Budgets = ()) -> list[tuple[str, Chart]]:
    """A panel per modality with the same axes, the largest total first; others are ghosts.

    `budgets` are in the unit of the metric.
    """
    found = series_of(tail.higher.filter(pl.col("value") > 0), POINTS)
    names = [str(group.by) for group in tail.groups if str(group.by) in found][:SHOWN]
    names = names or [name for name in found if name != "all"][:SHOWN] or list(found)[:1]
    curves = {name: _curve(found[name]) for name in names}
    if not any(curves.values()):
        return []
    return [(name, _panel(tail, name, curves, palette, limit_of(budgets, name))) for name in names]


def _curve(frame: pl.DataFrame) -> list[tuple[float, float]]:
    return [(log(x), log(y)) for x, y in frame.select("value", "share").rows() if y > 0]


def _panel(
    tail: Tail,
    name: str,
    curves: Mapping[str, Sequence[tuple[float, float]]],
    palette: Palette,
    budget: float | None,
) -> Chart:
    points = [each for curve in curves.values() for each in curve]
    left, right = min(x for x, _ in points), max(x for x, _ in points)
    bottom = min(y for _, y in points)
    ghosts: list[tuple[float | None, float | None]] = []
    for other, curve in curves.items():
        ghosts += [*curve, (None, None)] if other != name else []
    own = curves[name]
    shapes = [] if budget is None else [_limit(budget, palette)]
    figure = draw(
        palette,
        [
            _line(ghosts, {"color": palette.line, "width": 1.5}, ""),
            _line(own, {"color": palette.accent, "width": 2.6}, tail.unit),
        ],
        height=230,
        shapes=shapes,
        xaxis={
            **log_axis(tail.unit, 10**left, 10**right, PANEL_TICKS),
            "range": [left - 0.03, right + 0.03],
            "fixedrange": True,
            "nticks": 5,
        },
        yaxis={
            **log_axis("share", 10**bottom, 1),
            "range": [bottom - 0.05, 0.06],
            "fixedrange": True,
        },
        hovermode="closest",
    )
    return Chart(f"higher-{name}".replace("+", "-"), figure, _alt(tail, name, budget))


def _line(
    points: Sequence[tuple[float | None, float | None]], line: dict[str, Any], unit: str
) -> dict[str, Any]:
    made: dict[str, Any] = {
        "type": "scatter",
        "mode": "lines",
        "x": [x for x, _ in points],
        "y": [y for _, y in points],
        "line": line,
        "hoverinfo": "skip",
    }
    if unit:
        known = [(x, y) for x, y in points if x is not None and y is not None]
        made["customdata"] = [[amount(unit, 10**x), percent(10**y)] for x, y in known]
        made["hovertemplate"] = "<b>%{customdata[1]}</b> over %{customdata[0]}<extra></extra>"
        del made["hoverinfo"]
    return made


def _limit(budget: float, palette: Palette) -> dict[str, Any]:
    return {
        "type": "line",
        "x0": log(budget),
        "x1": log(budget),
        "yref": "paper",
        "y0": 0,
        "y1": 1,
        "line": {"color": palette.fail, "width": 1.5, "dash": "dash"},
    }


def said_of(tail: Tail, name: str, budget: float | None) -> str:
    """`12 % over 9.00 s`, the budget; without one the value that one in a hundred is over."""
    group = next((each for each in tail.groups if str(each.by) == name), None)
    if budget is not None and group is not None and group.over_budget is not None and group.n:
        return f"{percent(group.over_budget / group.n)} over {amount(tail.unit, budget)}"
    for label, part in (("p99", "1 %"), ("p95", "5 %"), ("p50", "half")):
        value = group.quantiles.get(label) if group is not None else None
        if value is not None:
            return f"{part} over {amount(tail.unit, value)}"
    return "too few to say"


def _alt(tail: Tail, name: str, budget: float | None) -> str:
    return f"Of {plain(inputs_name(name))} requests {said_of(tail, name, budget)}."
