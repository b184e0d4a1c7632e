"""The cost of one request: a line per span and unit, and what is missing from the sum."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tracelens.analyse import Explanation
from tracelens.show.costs import (
    cost_name,
    cost_sentence,
    price_name,
    quantity_name,
    source_name,
    unit_name,
)
from tracelens.show.web.html import safe
from tracelens.show.web.parts import Column, link, table

COLUMNS = (
    Column("Stage"),
    Column("Model"),
    Column("Unit"),
    Column("Quantity", "number"),
    Column("Price", "number"),
    Column("Cost", "number"),
    Column("Source"),
)
#: More lines than these tell nobody anything.
SHOWN = 100


def cost_html(explained: Explanation, *, links: bool = True) -> str:
    """Line items and their sum; nothing where a request used nothing that is paid for."""
    request, items = explained.request, explained.cost
    said = cost_sentence(request)
    if not items or said is None:
        return ""
    rows = [[*_cells(item, request["request_id"] if links else None)] for item in items[:SHOWN]]
    return f"{table('Cost', COLUMNS, rows)}{_sum(said, request, len(items))}"


def _cells(item: Mapping[str, Any], request_id: str | None) -> Iterator[str]:
    stage = safe(str(item["stage"]).capitalize())
    if request_id and item["span_id"]:
        stage = link(stage, "explain", kind="tl-link", id=request_id, span=item["span_id"])
    yield stage
    yield safe(item["model"], limit=60) if item["model"] else ""
    yield unit_name(item["unit"])
    yield quantity_name(item)
    yield price_name(item)
    yield cost_name(item)
    yield source_name(item)


def _sum(said: str, request: Mapping[str, Any], lines: int) -> str:
    more = f" The first {SHOWN} of {lines:,} lines are shown." if lines > SHOWN else ""
    missing = ""
    if request["cost_unpriced_spans"]:
        missing = " What has no price is not in it: <code>tracelens prices --unpriced</code>."
    return f'<p class="tl tl-more">Together {safe(said)}.{missing}{more}</p>'


def stage_cost(stage: str, items: Sequence[Mapping[str, Any]]) -> float | None:
    """What is known of the cost of a stage; None where nothing is."""
    costs = [
        item["cost_usd"]
        for item in items
        if item["stage"] == stage and item["cost_usd"] is not None
    ]
    return sum(costs) if costs else None
