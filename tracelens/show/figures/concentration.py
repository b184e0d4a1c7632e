"""Who pays: the share of the total that the most expensive requests have."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import polars as pl

from tracelens.analyse.tails.values import Tail
from tracelens.show.figures.look import (
    DASHES,
    Chart,
    draw,
    log,
    log_axis,
    plain,
    series_of,
    titled,
)
from tracelens.show.palette import Palette
from tracelens.show.web.html import percent
from tracelens.show.web.parts import inputs_name

#: Points of each curve, and curves beside the one of all: the largest.
POINTS, SHOWN = 160, 6
#: The least share of requests on the axis.
LEAST: Final = 0.0005
#: Share of the axis that the label of the tail takes on a phone.
ROOM: Final = 0.38
#: How far apart labels stand, as a share of the axis.
APART: Final = 0.075
#: What the requests of a tail do with their share.
VERBS: Final = {"cost": "pays", "latency": "takes", "ttfa": "takes"}
TOTALS: Final = {"cost": "cost", "latency": "time", "ttfa": "time"}

Points = list[tuple[float, float]]


def concentration_chart(tail: Tail, palette: Palette) -> Chart:
    """Share of the total against share of requests, the highest first; a line per modality."""
    found = series_of(tail.concentration, POINTS)
    names = [str(group.by) for group in tail.groups if str(group.by) in found] or list(found)
    kinds = [name for name in names if name != "all"][:SHOWN]
    # Half of the tail at most: its mark would hang on the axis.
    least = min(max(LEAST, 1 / max(tail.n, 1)), 0.1, tail.top / 2)
    curves = {name: _points(found[name], least) for name in (*kinds, "all") if name in found}
    if len(kinds) == 1:
        curves.pop(kinds[0])  # it is the curve of all
        kinds = []
    traces = [_equal(least, palette)]
    traces += [
        _line(name, points, palette, DASHES[at % len(DASHES)] if name != "all" else "")
        for at, (name, points) in enumerate(curves.items())
    ]
    notes = _labels({name: curves[name] for name in kinds}, palette)
    if "all" in curves and kinds:
        notes.append(_all_label(curves["all"], palette))
    notes += _marker(tail, least, palette, traces)
    figure = draw(
        palette,
        traces,
        height=400,
        notes=notes,
        shapes=[_at_top(_part(tail), palette)] if tail.cut.share is not None else [],
        xaxis={
            **log_axis("share", least, 1),
            "title": titled("share of requests, the highest first (log)"),
            "range": [log(least), 0.02],
            "fixedrange": True,
        },
        yaxis={
            "title": titled(f"share of {TOTALS[tail.metric]}"),
            "range": [0, 1.04],
            "tickvals": [0, 0.2, 0.4, 0.6, 0.8, 1],
            "ticktext": ["0 %", "20 %", "40 %", "60 %", "80 %", "100 %"],
            "fixedrange": True,
        },
    )
    return Chart("who-pays", figure, _alt(tail))


def _points(frame: pl.DataFrame, least: float) -> Points:
    pairs = frame.select("requests", "share").rows()
    return [(log(x), y) for x, y in pairs if x >= least]


def _line(name: str, points: Points, palette: Palette, dash: str) -> dict[str, Any]:
    label = "all together" if name == "all" else inputs_name(name)
    line: dict[str, Any] = {"color": palette.accent, "width": 3}
    if dash:
        line = {"color": palette.muted, "width": 1.4, "dash": dash}
    return {
        "type": "scatter",
        "mode": "lines",
        "name": plain(label),
        "x": [x for x, _ in points],
        "y": [y for _, y in points],
        "line": line,
        "customdata": [[percent(10**x), percent(y)] for x, y in points],
        "hovertemplate": f"<b>{plain(label)}</b><br>top %{{customdata[0]}}: %{{customdata[1]}}"
        "<extra></extra>",
    }


def _equal(least: float, palette: Palette) -> dict[str, Any]:
    """Where the line would be if all were alike."""
    steps = [log(least) * (1 - i / 40) for i in range(41)]
    return {
        "type": "scatter",
        "mode": "lines",
        "name": "all alike",
        "x": steps,
        "y": [10**x for x in steps],
        "line": {"color": palette.line, "width": 1.5},
        "hoverinfo": "skip",
    }


def _labels(curves: Mapping[str, Points], palette: Palette) -> list[dict[str, Any]]:
    """A name on each line, where no other name is."""
    wanted = sorted((_height(points, log(0.1)), name) for name, points in curves.items() if points)
    notes, last = [], 0.05
    for height, name in wanted:
        last = min(max(height, last + APART), 0.97)
        x = _place(curves[name], last)
        notes.append(
            {
                "x": x,
                "y": last,
                "text": plain(inputs_name(name)),
                "bgcolor": palette.page,
                "borderpad": 1,
                "xanchor": "center" if x < -0.35 else "right",
            }
        )
    return notes


def _all_label(points: Points, palette: Palette) -> dict[str, Any]:
    return {
        "x": _place(points, 0.88),
        "y": 0.9,
        "text": "<b>all together</b>",
        "xanchor": "right",
        "xshift": -6,
        "bgcolor": palette.page,
        "font": {"color": palette.accent},
    }


def _height(points: Points, x: float) -> float:
    """The height of a curve at a place."""
    before = points[0]
    for point in points:
        if point[0] >= x:
            width = point[0] - before[0]
            part = (x - before[0]) / width if width > 0 else 0.0
            return before[1] + part * (point[1] - before[1])
        before = point
    return points[-1][1]


def _place(points: Points, y: float) -> float:
    """Where a curve has a height."""
    before = points[0]
    for point in points:
        if point[1] >= y:
            rise = point[1] - before[1]
            part = (y - before[1]) / rise if rise > 0 else 0.0
            return before[0] + max(part, 0.0) * (point[0] - before[0])
        before = point
    return points[-1][0]


def _part(tail: Tail) -> float:
    """The share of requests that the tail is: of few it is more than was asked for."""
    return tail.cut.n / max(tail.n, 1)


def _marker(
    tail: Tail, least: float, palette: Palette, traces: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """The chosen tail: a red point on the curve, and its label where there is room for it."""
    if tail.cut.share is None:
        return []
    x, y = log(_part(tail)), tail.cut.share
    traces.append(
        {
            "type": "scatter",
            "mode": "markers",
            "name": "the tail",
            "x": [x],
            "y": [y],
            "marker": {"color": palette.fail, "size": 10},
            "hoverinfo": "skip",
        }
    )
    left = x > log(least) * (1 - ROOM)
    return [
        {
            "x": x,
            "y": y,
            "text": f"<b>top {percent(tail.top)} {VERBS[tail.metric]} {percent(y)}</b>",
            "xanchor": "right" if left else "left",
            "xshift": -10 if left else 10,
            # The curve rises from the point on: above it is free on the left, below on the right.
            "yshift": 12 if left else -12,
            "bgcolor": palette.page,
            "font": {"color": palette.fail},
        }
    ]


def _at_top(top: float, palette: Palette) -> dict[str, Any]:
    return {
        "type": "line",
        "x0": log(top),
        "x1": log(top),
        "yref": "paper",
        "y0": 0,
        "y1": 1,
        "line": {"color": palette.fail, "width": 1.5, "dash": "dash"},
        "layer": "below",
    }


def _alt(tail: Tail) -> str:
    what = TOTALS[tail.metric]
    if tail.cut.share is None:
        return f"Share of {what} against share of requests; too few requests for this tail."
    said = f"The top {percent(tail.top)} of requests have {percent(tail.cut.share)} of all {what}"
    top = max(tail.groups, key=lambda group: group.share or 0.0, default=None)
    if top is None or len(tail.groups) < 2:
        return f"{said}."
    return f"{said}; most of it is of {inputs_name(str(top.by))} ({percent(top.share)})."
