"""What if: the bill of each modality today as an outline, and what it would be as a bar in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tracelens.show.figures.look import Chart, draw, plain
from tracelens.show.palette import Palette
from tracelens.show.web.html import money
from tracelens.show.web.parts import inputs_name

SHOWN, ROW = 8, 50


@dataclass(frozen=True)
class Bill:
    """What one modality costs, in US dollars, and the least and the most that it would."""

    name: str
    before: float
    low: float
    high: float


def what_if_chart(bills: Sequence[Bill], palette: Palette) -> Chart:
    """Bars, the largest bill first: to the most that it would be, and a line from the least on."""
    shown = sorted(bills, key=lambda bill: -bill.before)[:SHOWN]
    places = list(range(len(shown), 0, -1))
    most = max((max(bill.before, bill.high) for bill in shown), default=1.0)
    outline = {"color": "rgba(0,0,0,0)", "line": {"color": palette.muted, "width": 1.5}}
    figure = draw(
        palette,
        [
            _bars("after", [bill.high for bill in shown], places, 0.3, {"color": palette.accent}),
            _bars("today", [bill.before for bill in shown], places, 0.42, outline),
            _bounds(shown, places, palette),
        ],
        height=ROW * max(len(shown), 2) + 50,
        notes=[
            {
                # Above it: beside it there is no room on a phone.
                "xref": "paper",
                "x": 0,
                "y": place,
                "xanchor": "left",
                "yshift": 19,
                "text": f"{plain(inputs_name(bill.name))}  <b>{_change(bill)}</b>",
                "font": {"color": palette.text},
            }
            for bill, place in zip(shown, places, strict=True)
        ],
        barmode="overlay",
        xaxis={
            "tickprefix": "$",
            "range": [0, most * 1.04],
            "fixedrange": True,
            "nticks": 5,
            "rangemode": "tozero",
        },
        yaxis={
            "showticklabels": False,
            # One row is as high as one of two: else its bar would lie on its name.
            "range": [0.6 - max(2 - len(shown), 0), len(shown) + 0.8],
            "showgrid": False,
            "fixedrange": True,
        },
    )
    return Chart("what-if", figure, _alt(shown))


def _bars(
    name: str, values: Sequence[float], places: Sequence[int], width: float, marker: dict[str, Any]
) -> dict[str, Any]:
    return {
        "type": "bar",
        "orientation": "h",
        "name": name,
        "x": list(values),
        "y": list(places),
        "width": width,
        "marker": {"cornerradius": 3, **marker},
        "customdata": [money(value) for value in values],
        "hovertemplate": f"{name} <b>%{{customdata}}</b><extra></extra>",
    }


def _bounds(shown: Sequence[Bill], places: Sequence[int], palette: Palette) -> dict[str, Any]:
    x: list[float | None] = []
    y: list[float | None] = []
    for bill, place in zip(shown, places, strict=True):
        if bill.high - bill.low > 1e-12:
            x += [bill.low, bill.high, None]
            y += [place, place, None]
    return {
        "type": "scatter",
        "mode": "lines",
        "name": "least to most",
        "x": x,
        "y": y,
        "line": {"color": palette.fail, "width": 3},
        "hoverinfo": "skip",
    }


def _change(bill: Bill) -> str:
    if bill.high >= bill.before * (1 - 1e-9) and bill.low >= bill.before * (1 - 1e-9):
        return f"{money(bill.before)}, no change" if bill.before else money(0.0)
    least, most = (100 * (value / bill.before - 1) for value in (bill.low, bill.high))
    if abs(most - least) < 0.5:
        return f"{money(bill.before)} → {money(bill.high)} ({most:+.0f} %)"
    return f"{money(bill.before)} → {money(bill.low)} to {money(bill.high)}"


def _alt(shown: Sequence[Bill]) -> str:
    before, low, high = (
        sum(getattr(bill, name) for bill in shown) for name in ("before", "low", "high")
    )
    after = money(high) if high - low < 1e-9 else f"{money(low)} to {money(high)}"
    return f"The bill of {money(before)} would be {after}."
