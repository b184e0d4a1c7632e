"""How all figures look: fonts, axes and ticks in units that people read, and labels in one batch.

Logarithmic axes hold the base-10 logarithm on a linear axis: annotations, shapes and boxes that are
drawn on them then all have the same coordinates (plotly has three kinds on its own log axes).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import plotly.graph_objects as go
import polars as pl

from tracelens.show.palette import Palette
from tracelens.show.records import visible
from tracelens.show.web.html import amount

#: Distances of ticks in ms, in which plotly counts.
HALF_DAY, FORTNIGHT = 43_200_000, 1_209_600_000
FONT: Final = "Inter, 'Source Sans', 'Segoe UI', sans-serif"
SIZE: Final = 12.5
#: How requests of one kind are told from those of another, since no hue is left for them.
DASHES: Final = ("dash", "dashdot", "dot", "longdash", "longdashdot", "4px 8px")
#: Ticks of logarithmic axes of time, in ms.
TIMES: Final = tuple(
    unit * value
    for unit, values in (
        (1, (0.1, 0.3, 1, 3, 10, 30, 100, 300)),
        (1_000, (1, 3, 10, 30)),
        (60_000, (2, 5, 10, 30)),
        (3_600_000, (1, 3, 10, 24, 72, 240)),
    )
    for value in values
)


@dataclass(frozen=True)
class Chart:
    """A figure, what it shows for those who do not see it, and the name of its files."""

    name: str
    figure: go.Figure
    alt: str


def draw(
    palette: Palette,
    data: Sequence[Mapping[str, Any]],
    *,
    height: int,
    notes: Iterable[Mapping[str, Any]] = (),
    shapes: Iterable[Mapping[str, Any]] = (),
    **layout: Any,
) -> go.Figure:
    """A figure of traces with all its annotations and shapes at once, which is far cheaper."""
    for name, value in layout.items():
        if name.startswith(("xaxis", "yaxis")):
            layout[name] = {**_axis(palette), **value}
    return go.Figure(
        {
            "data": list(data),
            "layout": {
                "height": height,
                "autosize": True,
                "margin": {"l": 8, "r": 12, "t": 10, "b": 8},
                "font": {"family": FONT, "size": SIZE, "color": palette.muted},
                "paper_bgcolor": palette.page,
                "plot_bgcolor": palette.page,
                "showlegend": False,
                "dragmode": False,
                "hoverlabel": {
                    "bgcolor": palette.panel,
                    "bordercolor": palette.line,
                    "font": {"family": FONT, "size": SIZE, "color": palette.text},
                    "align": "left",
                },
                "modebar": {
                    "bgcolor": "rgba(0,0,0,0)",
                    "color": palette.muted,
                    "activecolor": palette.accent,
                },
                "annotations": [_note(palette, each) for each in notes],
                "shapes": list(shapes),
                **layout,
            },
        }
    )


def _axis(palette: Palette) -> dict[str, Any]:
    return {
        "automargin": True,
        "fixedrange": False,
        "gridcolor": palette.line,
        "linecolor": palette.line,
        "zeroline": False,
        "showline": False,
        "ticks": "",
        "tickangle": 0,
        # Never `$600µ`: nobody reads money in thousandths of thousandths.
        "exponentformat": "none",
        "tickfont": {"color": palette.muted, "size": SIZE},
    }


def _note(palette: Palette, given: Mapping[str, Any]) -> dict[str, Any]:
    font = {"family": FONT, "size": SIZE, "color": palette.muted, **given.get("font", {})}
    return {"showarrow": False, **given, "font": font}


def titled(text: str) -> dict[str, Any]:
    """The title of an axis."""
    return {"text": text, "standoff": 10, "font": {"size": SIZE}}


def date_axis() -> dict[str, Any]:
    """An axis of time: few ticks with names so short that they stand apart on a phone."""
    return {
        "type": "date",
        "nticks": 5,
        "tickformatstops": [
            {"dtickrange": [None, HALF_DAY], "value": "%H:%M\n%-d %b"},
            {"dtickrange": [HALF_DAY + 1, FORTNIGHT], "value": "%-d\n%b"},
            {"dtickrange": ["M1", "M6"], "value": "%b\n%Y"},
            {"dtickrange": ["M12", None], "value": "%Y"},
        ],
    }


def log(value: float) -> float:
    """The base-10 logarithm; of nothing and less, that of very little."""
    return math.log10(max(value, 1e-9))


def log_axis(unit: str, low: float, high: float, most: int = 8) -> dict[str, Any]:
    """At most so many ticks for values from `low` to `high`; `unit` is ms, USD or share.

    Where fewer than two round values lie between them, the ticks are the ends.
    """
    for steps in (_ticks(unit, low, high), _finer(unit, low, high)):
        ticks = [each for each in steps if low * 0.999 <= each <= high * 1.001]
        if len(ticks) > 1:
            break
    else:
        ends = {amount(unit, each): each for each in (low, high)}
        return {"tickvals": [log(each) for each in ends.values()], "ticktext": list(ends)}
    # Half of them do where they would stand too close.
    while len(ticks) > most:
        ticks = ticks[::-2][::-1]
    return {"tickvals": [log(each) for each in ticks], "ticktext": [tick(unit, v) for v in ticks]}


def _ticks(unit: str, low: float, high: float) -> list[float]:
    if unit == "ms":
        return list(TIMES)
    decades = _decades(low, high)
    if unit == "USD" and len(decades) <= 4:
        return sorted([*decades, *(3 * each for each in decades)])
    return decades


def _finer(unit: str, low: float, high: float) -> list[float]:
    steps = (1, 2, 3, 5) if unit == "USD" else ()
    return sorted(step * each for each in _decades(low, high) for step in steps)


def _decades(low: float, high: float) -> list[float]:
    return [10.0**power for power in range(math.floor(log(low)), math.ceil(log(high)) + 1)]


def tick(unit: str, value: float) -> str:
    """`300 ms`, `3 s`, `$0.01`, `0.1 %`."""
    if unit == "ms":
        for size, name in ((3.6e6, "h"), (6e4, "min"), (1e3, "s")):
            if value >= size:
                return f"{value / size:g} {name}"
        return f"{value:g} ms"
    if unit == "USD":
        return f"${value:,.0f}" if value >= 1 else f"${value:.10f}".rstrip("0").rstrip(".")
    return f"{100 * value:.10g} %"


def plain(text: object, limit: int = 40) -> str:
    """Text from a trace for a label, which plotly reads as HTML: it shows as written."""
    shown = visible(" ".join(str(text).split()))
    cut = f"{shown[: limit - 1]}…" if len(shown) > limit else shown
    return cut.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def when(nanos: int) -> str:
    """A time as plotly's date axes take it, in UTC."""
    return f"{datetime.fromtimestamp(nanos / 1e9, UTC):%Y-%m-%d %H:%M:%S}"


def thinned(frame: pl.DataFrame, points: int) -> pl.DataFrame:
    """At most so many rows of a curve, evenly spread, with its first and last."""
    if frame.height <= points:
        return frame
    return frame[[round(i * (frame.height - 1) / (points - 1)) for i in range(points)]]


def series_of(frame: pl.DataFrame, points: int) -> dict[str, pl.DataFrame]:
    """The curves of a frame by their name, each thinned."""
    parts = frame.partition_by("series", as_dict=True, maintain_order=True)
    return {str(name[0]): thinned(part, points) for name, part in parts.items()}


def keyed(pairs: Iterable[tuple[str, str]], palette: Palette) -> str:
    """What each colour means, in one line; the words are in the colour of text."""
    return "   ".join(
        f'<span style="color:{colour}">■</span>'
        f' <span style="color:{palette.text}">{plain(name)}</span>'
        for name, colour in pairs
    )
