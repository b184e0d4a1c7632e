"""By modality: the share of requests that are slower or more expensive than a value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

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
from tracelens.show.web.tails import NAMES, limit_of
from tracelens.show.words import counted

#: Points of each curve: every panel shows all of them.
POINTS, SHOWN, PANEL_TICKS = 48, 6, 4
#: Requests from which on a distribution is drawn: of fewer none reaches one in ten.
NEEDED: Final = 10
#: Characters of a name that traces gave.
LONGEST: Final = 60


def higher_charts(tail: Tail, palette: Palette, budgets: Budgets = ()) -> list[tuple[str, Chart]]:
    """A panel per modality with the same axes, the largest total first; others are ghosts.

    Those of which too little is known to draw are in `not_drawn`. `budgets` are in the unit of the
    metric.
    """
    curves = {name: curve for name, curve in _curves(tail).items() if _is_drawn(tail, name, curve)}
    shown = dict(list(curves.items())[:SHOWN])
    return [(name, _panel(tail, name, shown, palette, limit_of(budgets, name))) for name in shown]


def not_drawn(tail: Tail) -> list[str]:
    """Why modalities have no panel: `image: 3 requests; a distribution takes 10`."""
    return [
        _why_not(tail, name)
        for name, curve in _curves(tail).items()
        if not _is_drawn(tail, name, curve)
    ]


def _curves(tail: Tail) -> dict[str, list[tuple[float, float]]]:
    """The curve of each modality, the largest total first; with no modality, that of all."""
    found = series_of(tail.higher, POINTS)
    names = [str(group.by) for group in tail.groups if str(group.by) in found]
    names = names or [name for name in found if name != "all"] or list(found)
    return {name: _curve(found[name]) for name in names}


def _is_drawn(tail: Tail, name: str, curve: Sequence[tuple[float, float]]) -> bool:
    return len(curve) > 1 and _known(tail, name) >= NEEDED


def _known(tail: Tail, name: str) -> int:
    """How many requests with a known value a modality has."""
    group = next((each for each in (*tail.groups, tail.all) if str(each.by) == name), None)
    return 0 if group is None else group.n


def _why_not(tail: Tail, name: str) -> str:
    known, who = _known(tail, name), inputs_name(name)[:LONGEST]
    if known < NEEDED:
        return f"{who}: {counted(known, 'request')}; a distribution takes {NEEDED}"
    return f"{who}: all {known:,} requests have the same {NAMES[tail.metric]}"


def _curve(frame: pl.DataFrame) -> list[tuple[float, float]]:
    pairs = frame.select("value", "share").rows()
    return [(log(x), log(y)) for x, y in pairs if x > 0 and y > 0]


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
