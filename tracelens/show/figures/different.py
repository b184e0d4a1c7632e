"""What is different about some requests: how often they have a value, against everything else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from tracelens.analyse.different import condition_words
from tracelens.show.figures.look import Chart, draw, keyed, plain
from tracelens.show.palette import Palette
from tracelens.show.web.html import percent

#: Rows that are shown, and pixels of each.
SHOWN, MECHANISMS, ROW = 9, 3, 46
#: Distances between ticks.
STEPS: Final = (0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.25)
#: Below so many requests the number stands beside the difference.
FEW: Final = 1_000

Row = Mapping[str, Any]


def different_chart(rows: Sequence[Row], palette: Palette, *, selection: str = "tail") -> Chart:
    """A line from the share in the rest to the share in the selection, in the order given.

    Rows of the kind `mechanism` (they are part of what is measured) come last, and hollow.
    """
    causes = [row for row in rows if row.get("kind") != "mechanism"]
    mechanisms = [row for row in rows if row.get("kind") == "mechanism"]
    room = max(SHOWN - len(causes), MECHANISMS)
    shown = [*causes[: SHOWN - min(len(mechanisms), MECHANISMS)], *mechanisms[:room]]
    places = list(range(len(shown), 0, -1))
    most = max((max(row["in_tail"], row["in_rest"]) for row in shown), default=1.0)
    step = next((each for each in STEPS if each * 4 >= most), 0.25)
    right = step * 4
    figure = draw(
        palette,
        [_bars(shown, places, palette), *_ends(shown, places, palette, selection)],
        height=ROW * max(len(shown), 3) + 78,
        notes=[
            *_names(shown, places, palette),
            *_differences(shown, places, palette),
            _key(palette, selection),
        ],
        xaxis={
            "range": [-0.03 * right, right * 1.5],
            "tickvals": [step * part for part in range(5)],
            "ticktext": [percent(step * part) for part in range(5)],
            "fixedrange": True,
        },
        yaxis={
            "showticklabels": False,
            "range": [0.5, len(shown) + 0.8],
            "showgrid": False,
            "fixedrange": True,
        },
        margin={"l": 8, "r": 8, "t": 34, "b": 8},
    )
    return Chart("what-is-different", figure, _alt(shown, selection))


def row_name(row: Row) -> str:
    """`modality = audio+image`, and where it is part of what is measured a sign for it."""
    name = plain(condition_words(row["attribute"], row["value"]), 44)
    return f"<i>{name}</i> *" if row.get("kind") == "mechanism" else name


def _names(rows: Sequence[Row], places: Sequence[int], palette: Palette) -> list[dict[str, Any]]:
    """What each row is, above it: beside it there is no room on a phone."""
    return [
        {
            "xref": "paper",
            "x": 0,
            "y": place,
            "yshift": 15,
            "xanchor": "left",
            "text": row_name(row),
            "font": {"color": palette.text, "size": 13},
        }
        for row, place in zip(rows, places, strict=True)
    ]


def _bars(rows: Sequence[Row], places: Sequence[int], palette: Palette) -> dict[str, Any]:
    x: list[float | None] = []
    y: list[float | None] = []
    for row, place in zip(rows, places, strict=True):
        x += [row["in_rest"], row["in_tail"], None]
        y += [place, place, None]
    line = {"color": palette.line, "width": 5}
    return {"type": "scatter", "mode": "lines", "x": x, "y": y, "line": line, "hoverinfo": "skip"}


def _ends(
    rows: Sequence[Row], places: Sequence[int], palette: Palette, selection: str
) -> list[dict[str, Any]]:
    hollow = {"color": palette.page, "size": 11, "line": {"color": palette.muted, "width": 2}}
    inner = [palette.page if row.get("kind") == "mechanism" else palette.fail for row in rows]
    filled = {"color": inner, "size": 12, "line": {"color": palette.fail, "width": 2}}
    ends = (("in_rest", "everything else", hollow), ("in_tail", selection, filled))
    return [
        {
            "type": "scatter",
            "mode": "markers",
            "name": name,
            "x": [row[key] for row in rows],
            "y": list(places),
            "marker": marker,
            "customdata": [[row_name(row), percent(row[key]), _ratio(row)] for row in rows],
            "hovertemplate": "<b>%{customdata[0]}</b><br>"
            f"{name}: %{{customdata[1]}}, %{{customdata[2]}}<extra></extra>",
        }
        for key, name, marker in ends
    ]


def _ratio(row: Row) -> str:
    ratio = row.get("risk_ratio")
    if ratio is None:
        return "no request without it is among them"
    return f"{ratio:,.1f}× as likely among them"


def _differences(
    rows: Sequence[Row], places: Sequence[int], palette: Palette
) -> list[dict[str, Any]]:
    return [
        {
            "x": max(row["in_tail"], row["in_rest"]),
            "y": place,
            "text": f"<b>{points(row)}</b>{_count(row)}",
            "xanchor": "left",
            "xshift": 12,
            "font": {"color": palette.text},
        }
        for row, place in zip(rows, places, strict=True)
    ]


def points(row: Row) -> str:
    """`+65 points`."""
    difference = 100 * (row["in_tail"] - row["in_rest"])
    return f"{difference:+.0f} points" if abs(difference) >= 10 else f"{difference:+.1f} points"


def _count(row: Row) -> str:
    n = row.get("n_tail")
    return f" · n {n:,}" if isinstance(n, int) and n < FEW else ""


def _key(palette: Palette, selection: str) -> dict[str, Any]:
    return {
        "xref": "paper",
        "yref": "paper",
        "x": 0,
        "y": 1,
        "yshift": 26,
        "xanchor": "left",
        "text": keyed([(selection, palette.fail)], palette).replace("■", "●")
        + "   "
        + keyed([("everything else", palette.muted)], palette).replace("■", "○"),
    }


def _alt(rows: Sequence[Row], selection: str) -> str:
    if not rows:
        return f"Nothing is known to be different about the {selection}."
    top = rows[0]
    return (
        f"Most different: {condition_words(top['attribute'], top['value'])},"
        f" {percent(top['in_tail'])} of the"
        f" {selection} and {percent(top['in_rest'])} of everything else."
    )
