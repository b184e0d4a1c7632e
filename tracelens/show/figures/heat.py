"""When it is slow or expensive: requests by time and value, with the highest of each time."""

from __future__ import annotations

from typing import Any, Final

from tracelens.analyse.tails.values import Heat, Tail
from tracelens.show.figures.look import Chart, date_axis, draw, log, log_axis, titled, when
from tracelens.show.palette import Palette
from tracelens.show.web.html import amount, moment

NAMES: Final = {"cost": "cost", "latency": "latency", "ttfa": "time to first audio"}
#: Counts that the bar of colours may show.
COUNTS: Final = tuple(base * 10**power for power in range(9) for base in (1, 3))

#: A part of the map: from and until when (ns), and from and up to which value.
Box = tuple[int, int, float, float]


def heat_chart(
    tail: Tail,
    palette: Palette,
    *,
    budget: float | None = None,
    box: Box | None = None,
    boxes: bool = False,
) -> Chart:
    """The heat map; a cell is clicked through an invisible mark on it, or a `box` is drawn.

    `customdata` of marks on cells are their bounds, of diamonds the id of a request. With `boxes`
    the pointer draws one. `budget` is in the unit of the metric.
    """
    heat = tail.heat
    traces = [_map(tail, palette), _marks(heat, tail.unit), _highest(heat, tail.unit, palette)]
    low, high = (heat.values[0], heat.values[-1]) if heat.values else (1.0, 10.0)
    shapes, notes = [], []
    if budget is not None and low < budget < high:
        shapes.append(_level(budget, palette))
        notes.append(_level_name(budget, tail.unit, palette))
    if box is not None:
        shapes.append(_frame(box, palette))
    figure = draw(
        palette,
        traces,
        height=400,
        notes=notes,
        shapes=shapes,
        xaxis={**date_axis(), "showgrid": False},
        yaxis={
            **log_axis(tail.unit, low, high),
            "title": titled(f"{NAMES[tail.metric]} (log)"),
            "showgrid": False,
            "range": [log(low), log(high) + 0.04 * (log(high) - log(low)) + 0.03],
        },
        dragmode="select" if boxes else False,
        clickmode="event+select",
        newselection={"line": {"color": palette.fail, "width": 2, "dash": "solid"}},
        hovermode="closest",
    )
    return Chart("when", figure, _alt(tail, budget))


def _map(tail: Tail, palette: Palette) -> dict[str, Any]:
    heat = tail.heat
    columns = {begin: at for at, begin in enumerate(heat.times[:-1])}
    levels = {low: at for at, low in enumerate(heat.values[:-1])}
    cells: list[list[float | None]] = [[None] * len(columns) for _ in levels]
    rows = heat.cells.select("begin_unix_nano", "low", "n").rows()
    for begin, low, n in rows:
        cells[levels[low]][columns[begin]] = n ** (1 / 3)
    most = max((n for *_, n in rows), default=1)
    ticks = [each for each in COUNTS if each <= most] or [1]
    ticks = ticks if len(ticks) <= 5 else ticks[:: -(-len(ticks) // 5)]
    steps = palette.sequential[1:]
    return {
        "type": "heatmap",
        "x": [when(each) for each in heat.times],
        "y": [log(each) for each in heat.values],
        "z": cells,
        "zmin": 1,
        "zmax": max(most ** (1 / 3), 1.5),
        "colorscale": [[at / (len(steps) - 1), colour] for at, colour in enumerate(steps)],
        "xgap": 1,
        "ygap": 1,
        "hoverinfo": "skip",
        "colorbar": {
            "title": {"text": "requests", "font": {"size": 12}},
            "thickness": 10,
            "len": 0.9,
            "outlinewidth": 0,
            "tickvals": [each ** (1 / 3) for each in ticks],
            "ticktext": [f"{each:,}" for each in ticks],
            "tickfont": {"size": 12},
        },
    }


def _marks(heat: Heat, unit: str) -> dict[str, Any]:
    rows = heat.cells.select("begin_unix_nano", "end_unix_nano", "low", "high", "n").rows()
    return {
        "type": "scatter",
        "mode": "markers",
        "name": "cells",
        "x": [when((begin + end) // 2) for begin, end, *_ in rows],
        "y": [(log(low) + log(high)) / 2 for _, _, low, high, _ in rows],
        "opacity": 0,
        "marker": {"size": 12},
        "customdata": [[str(b), str(e), low, high] for b, e, low, high, _ in rows],
        "text": [
            f"<b>{n:,}</b> of {amount(unit, low)} to {amount(unit, high)}<br>{moment(begin)}"
            for begin, _, low, high, n in rows
        ],
        "hovertemplate": "%{text}<extra></extra>",
    }


def _highest(heat: Heat, unit: str, palette: Palette) -> dict[str, Any]:
    rows = heat.highest.select("request_id", "start_unix_nano", "value").rows()
    middles = {
        begin: (begin + end) // 2
        for begin, end in zip(heat.times[:-1], heat.times[1:], strict=True)
    }
    begins = heat.highest["begin_unix_nano"].to_list()
    return {
        "type": "scatter",
        "mode": "markers",
        "name": "highest",
        "x": [when(middles.get(begin, begin)) for begin in begins],
        "y": [log(value) for *_, value in rows],
        "marker": {
            "symbol": "diamond",
            "size": 9,
            "color": palette.page,
            "line": {"color": palette.fail, "width": 1.8},
        },
        "customdata": [[request_id] for request_id, *_ in rows],
        "text": [
            f"<b>{amount(unit, value)}</b>, the highest of its time<br>{moment(start)}"
            for _, start, value in rows
        ],
        "hovertemplate": "%{text}<br>click to explain it<extra></extra>",
    }


def _level(value: float, palette: Palette) -> dict[str, Any]:
    return {
        "type": "line",
        "xref": "paper",
        "x0": 0,
        "x1": 1,
        "y0": log(value),
        "y1": log(value),
        "line": {"color": palette.text, "width": 1.5, "dash": "dash"},
    }


def _level_name(value: float, unit: str, palette: Palette) -> dict[str, Any]:
    return {
        "xref": "paper",
        "x": 0.01,
        "xanchor": "left",
        "y": log(value),
        "yshift": 11,
        "text": f"budget {amount(unit, value)}",
        "bgcolor": palette.page,
        "borderpad": 2,
        "font": {"color": palette.text},
    }


def _frame(box: Box, palette: Palette) -> dict[str, Any]:
    begin, end, low, high = box
    return {
        "type": "rect",
        "x0": when(begin),
        "x1": when(end),
        "y0": log(low),
        "y1": log(high),
        "line": {"color": palette.fail, "width": 2},
        "fillcolor": "rgba(0,0,0,0)",
    }


def _alt(tail: Tail, budget: float | None) -> str:
    name = NAMES[tail.metric]
    said = f"Requests by {name} over time"
    highest = tail.heat.highest.sort("value", descending=True, nulls_last=True)
    if highest.height:
        top = highest.row(0, named=True)
        value = amount(tail.unit, top["value"])
        said += f"; the highest, {value}, began {moment(top['start_unix_nano'])}"
    if budget is not None and tail.all.over_budget is not None:
        said += f"; {tail.all.over_budget:,} were over budget"
    return f"{said}."
