"""The matrix: how often requests of each kind break, and at which stage or boundary first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tracelens.model import BOUNDARIES, STAGES, VERDICT_STAGES
from tracelens.show.web.html import safe
from tracelens.show.web.parts import inputs_name, link, stage_name
from tracelens.show.words import counted

#: Steps of colour above the one that means none.
STEPS = 6
#: Requests below which a rate is shown with its count.
FEW = 1_000

Place = tuple[str, str | None]


def matrix_html(
    inputs: Mapping[str, int], cells: Sequence[Mapping[str, Any]], period: str = "all"
) -> str:
    """Failures per 1,000 requests by what came in (rows) and where it broke first (columns).

    `inputs` counts requests, `cells` failures (`inputs, stage, boundary, n`). Every number is a
    link to its failures, and the table can be read without its colours.
    """
    counts = {(row["inputs"], (row["stage"], row["boundary"])): row["n"] for row in cells}
    places = sorted({place for _, place in counts}, key=_order)
    kinds = sorted(inputs, key=lambda kind: (kind == "none", kind.count("+"), kind))
    rates = [1000 * n / inputs[kind] for (kind, _), n in counts.items()]
    most = max(rates, default=0)
    body = "".join(_row(kind, inputs[kind], places, counts, most, period) for kind in kinds)
    return (
        '<div class="tl tl-scroll" tabindex="0" role="region" aria-label="Where requests fail">'
        '<table class="tl-matrix"><caption class="tl-only-read">Failures per 1,000 requests by what'
        f" came in and where it broke first</caption><thead>{_heads(places)}</thead>"
        f"<tbody>{body}</tbody></table></div>"
    )


def _order(place: Place) -> tuple[int, float]:
    stage, boundary = place
    at = VERDICT_STAGES.index(stage) if stage in VERDICT_STAGES else len(VERDICT_STAGES)
    if boundary is None:
        return at, 0
    side = 1 if boundary.partition(">")[0] == stage else -1
    known = BOUNDARIES.index(boundary) if boundary in BOUNDARIES else len(BOUNDARIES)
    return at, side * (1 + known / 100)


def _heads(places: Sequence[Place]) -> str:
    """Stages above, each in its colour, and below where exactly it broke."""
    stages = list(dict.fromkeys(stage for stage, _ in places))
    upper = "".join(_stage_head(stage, sum(s == stage for s, _ in places)) for stage in stages)
    lower = "".join(f'<th scope="col">{safe(_place_name(place))}</th>' for place in places)
    return (
        f'<tr><th rowspan="2" scope="col">Came in</th>{upper}'
        f'<th rowspan="2" scope="col">All</th></tr><tr>{lower}</tr>'
    )


def _stage_head(stage: str, width: int) -> str:
    kind = stage if stage in STAGES else "other"
    name = safe(stage_name(stage))
    return f'<th scope="colgroup" colspan="{width}" class="tl-stage-head tl-{kind}">{name}</th>'


def _place_name(place: Place) -> str:
    stage, boundary = place
    if boundary is None:
        return "itself" if stage in STAGES else "–"
    giver, _, taker = boundary.partition(">")
    return f"{giver} →" if taker == stage else f"→ {taker}"


def _row(
    kind: str,
    requests: int,
    places: Sequence[Place],
    counts: Mapping[tuple[str, Place], int],
    most: float,
    period: str,
) -> str:
    shown = "".join(
        _cell(kind, requests, place, counts.get((kind, place), 0), most, period) for place in places
    )
    every = sum(n for (row, _), n in counts.items() if row == kind)
    total = _number(every, requests)
    if every:
        title = f"{counted(every, 'failure')} with {inputs_name(kind)}"
        total = link(total, "failures", title=title, view="list", inputs=kind, period=_own(period))
    return (
        f'<tr><th scope="row">{safe(inputs_name(kind))}<small>{counted(requests, "request")}'
        f'</small></th>{shown}<td class="tl-all">{total}</td></tr>'
    )


def _cell(kind: str, requests: int, place: Place, failures: int, most: float, period: str) -> str:
    if not failures:
        return '<td class="tl-heat-0"><span>0</span></td>'
    stage, boundary = place
    step = max(1, round(STEPS * (1000 * failures / requests / most) ** 0.5))
    where = str(boundary).replace(">", " to ") if boundary else f"{stage} itself"
    number = link(
        _number(failures, requests),
        "failures",
        title=f"{counted(failures, 'failure')}: {inputs_name(kind)}, {where}",
        view="list",
        inputs=kind,
        stage=stage,
        boundary=boundary or "none",
        period=_own(period),
    )
    return f'<td class="tl-heat-{step}">{number}</td>'


def _own(period: str) -> str | None:
    return None if period == "all" else period


def _number(failures: int, requests: int) -> str:
    rate = 1000 * failures / requests
    digits = 0 if rate >= 100 or rate == int(rate) else 1
    few = f"<small>{failures:,}</small>" if requests < FEW else ""
    return f"<b>{rate:,.{digits}f}</b>{few}"
