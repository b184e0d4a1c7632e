"""Costs in words: amounts of dollars, lower bounds, units and where a price comes from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from tracelens.show.words import counted

#: What stands for a line whose unit or price is unknown.
UNKNOWN: Final = "—"

SOURCES: Final = {
    "emitter": "recorded by the emitter",
    "policy": "your policy",
    "tracelens": "our price list",
    "genai-prices": "genai-prices",
}
#: Of how many of a unit people read a price.
PER: Final = {"tokens": (1_000_000, "million"), "seconds": (60, "minute")}


def dollars(usd: float) -> str:
    """`$1.25`; below a dollar with as many digits as tell something, never in powers of ten."""
    if usd == 0 or usd >= 1:
        return f"${usd:,.2f}"
    return f"${usd:.12f}".rstrip("0") if usd < 0.0001 else f"${usd:.6f}".rstrip("0").ljust(5, "0")


def cost_sentence(request: Mapping[str, Any]) -> str | None:
    """`$0.0125`, `≥ $0.0125, 2 spans unpriced`, or what is unknown; None where nothing was used."""
    cost, spans = request.get("cost_usd"), request.get("cost_unpriced_spans")
    missing = _spans(spans or 0)
    if cost is None:
        return f"unknown, {missing}" if spans else None
    return f"≥ {dollars(cost)}, {missing}" if spans else dollars(cost)


def total_words(total: str, unpriced_spans: int, n_unknown: int = 0) -> str:
    """A total: `$889.00`, `≥ $889.00, 1,234 spans unpriced`, or how many have no known cost."""
    least = "≥ " if unpriced_spans or n_unknown else ""
    missing = f", {_spans(unpriced_spans)}" if unpriced_spans else ""
    if n_unknown and not unpriced_spans:
        missing = f", {counted(n_unknown, 'request')} without a cost"
    return f"{least}{total}{missing}"


def _spans(number: int) -> str:
    return f"{counted(number, 'span')} unpriced"


def unit_name(unit: str | None) -> str:
    """`cached input tokens`; of calls that say nothing of their usage, that."""
    if unit is None:
        return "no usage recorded"
    return "recorded cost" if unit == "call" else unit.replace("_", " ")


def quantity_name(item: Mapping[str, Any]) -> str:
    """`1,234` or `12.5`."""
    amount = item["quantity"]
    if amount is None or item["unit"] == "call":
        return UNKNOWN
    return f"{amount:,.6g}" if amount % 1 else f"{amount:,.0f}"


def price_name(item: Mapping[str, Any]) -> str:
    """`$2.50 / million`."""
    usd, unit = item["unit_usd"], item["unit"]
    if usd is None or unit in (None, "call"):
        return UNKNOWN
    per, name = PER.get(str(unit).rpartition("_")[2], (1, "one"))
    if unit == "characters":
        per, name = 1_000_000, "million"
    return f"{dollars(usd * per)} / {name}"


def number_words(number: float) -> str:
    """`16,775,071`, `12.5`: never in powers of ten."""
    return f"{number:,.0f}" if number >= 1000 or number % 1 == 0 else f"{number:.4g}"


#: How much of a unit a price is for, by the last word of the unit; other amounts are numbers.
AMOUNTS: Final = {
    **{("seconds", seconds): name for seconds, name in ((60, "minute"), (3_600, "hour"))},
    **{(unit, 1): unit[:-1] for unit in ("seconds", "tokens", "characters", "images", "pages")},
}


def listed_price(price: Mapping[str, Any]) -> str:
    """`$0.006 per minute`, `$2.50 per million`, from a row of `TraceLens.prices`."""
    per = price["per"]
    number = "million" if per == 1_000_000 else number_words(per)
    amount = AMOUNTS.get((str(price["unit"]).rpartition("_")[2], per), number)
    return f"{dollars(price['usd'])} per {amount}"


def provider_name(price: Mapping[str, Any]) -> str | None:
    """Who charges a price: `openai`, or `127.0.0.1:* (3 servers)` for one price on many ports."""
    servers, name = price["servers"], price["provider"]
    return f"{name} ({counted(servers, 'server')})" if servers > 1 else name


def cost_name(item: Mapping[str, Any]) -> str:
    """The cost of a line, or that it has no price."""
    return "unpriced" if item["cost_usd"] is None else dollars(item["cost_usd"])


def source_name(item: Mapping[str, Any]) -> str:
    """Where the price comes from."""
    return SOURCES.get(item["source"] or "", UNKNOWN)
