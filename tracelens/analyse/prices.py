"""Prices in force for the models of a store, and what was used of which none is known."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from tracelens.prices import PriceTable
from tracelens.prices.table import Rate, known_names
from tracelens.store import Store

#: Of how many of a unit a price is told, where no row says it.
PER: Final = {"audio_seconds": 60, "output_audio_seconds": 60, "pages": 1_000}
MILLION: Final = 1_000_000

#: The end of an address: a server on this machine has another port every day.
PORT: Final = re.compile(r":\d+$")

#: Fields of a price.
FIELDS: Final = (
    *("provider", "model", "unit", "usd", "per", "above_tokens", "source", "from", "published_at"),
    *("checked", "servers"),
)
#: Fields of what has no price.
UNPRICED: Final = (
    *("model", "stage", "unit", "spans", "requests", "quantity", "first_seen", "last_seen"),
    *("providers", "row"),
)

_SEEN: Final = """
select provider, model, max(start_unix_nano) as last from spans where model is not null
group by provider, model order by model, provider nulls first
"""
_UNPRICED: Final = """
with unpriced as (select request_id, trace_id, start_unix_nano, unnest(cost_items) as item
    from requests where cost_unpriced_spans > 0),
items as (select unpriced.*, spans.provider from unpriced left join spans
    on spans.trace_id = unpriced.trace_id and spans.span_id = unpriced.item.span_id
    where unpriced.item.cost_usd is null)
select item.model, item.stage, item.unit, count(distinct item.span_id) as spans,
    count(distinct request_id) as requests, sum(item.quantity) as quantity,
    min(start_unix_nano) as first, max(start_unix_nano) as last,
    list_sort(list_distinct(list(provider))) as providers
from items
group by item.model, item.stage, item.unit
order by spans desc, item.model nulls last, item.unit nulls last, item.stage
"""


def prices_seen(store: Store, table: PriceTable) -> list[dict[str, Any]]:
    """The prices of every model in the store, on the day on which it was last used.

    Servers of one address that charge the same on different ports are told once.
    """
    alike: dict[tuple[str, str | None], list[tuple[str | None, int | None]]] = {}
    for provider, model, last in store.query(_SEEN).rows():
        alike.setdefault((model, _any_port(provider)), []).append((provider, last))
    return [
        price
        for (model, glob), servers in alike.items()
        for price in _prices_at(table, model, glob, servers)
    ]


def _prices_at(
    table: PriceTable,
    model: str,
    glob: str | None,
    servers: Sequence[tuple[str | None, int | None]],
) -> list[dict[str, Any]]:
    """The prices of a model at servers that differ in their port, of each where they differ."""
    told = [prices_of(table, name, model, _moment(last)) for name, last in servers]
    apart = [[{**price, "provider": glob} for price in prices] for prices in told]
    if len(servers) > 1 and all(prices == apart[0] for prices in apart):
        return [{**price, "servers": len(servers)} for price in apart[0]]
    return [price for prices in told for price in prices]


def _any_port(provider: str | None) -> str | None:
    """The glob of a server on any port, and every other provider as it is."""
    found = provider and PORT.search(provider)
    return PORT.sub(":*", provider.lower()) if provider and found else provider


def all_prices(table: PriceTable) -> list[dict[str, Any]]:
    """The prices of today of every model that a price is known for by its name."""
    now = datetime.now(UTC)
    return [price for name in known_names() for price in prices_of(table, *name, now)]


def prices_of(
    table: PriceTable, provider: str | None, model: str, moment: datetime | None = None
) -> list[dict[str, Any]]:
    """The prices of one model at some time, by unit; of today without a time."""
    rates = table.lookup((provider, model), moment or datetime.now(UTC))
    return [price for unit, rate in rates.items() for price in _told(provider, model, unit, rate)]


def _told(provider: str | None, model: str, unit: str, rate: Rate) -> list[dict[str, Any]]:
    tiers, source, row = rate
    per = row.per if row and row.usd is not None else PER.get(unit, MILLION)
    per = 1 if unit in ("images", "output_images") and row is None else per
    return [
        {
            "provider": provider,
            "model": model,
            "unit": unit,
            "usd": round(usd * per, 9),
            "per": per,
            "above_tokens": above - 1 if above else None,
            "source": source,
            "from": row.since if row else None,
            "published_at": row.source or None if row else None,
            "checked": row.checked if row else None,
            "servers": 1,
        }
        for above, usd in tiers
    ]


def unpriced(store: Store, table: PriceTable) -> list[dict[str, Any]]:
    """What was used without a price, by model, stage and unit: the fields `UNPRICED`.

    `unit` is None for calls of which no usage is recorded: no price would help there. `row` has
    rows of `[[price]]` as TOML to start from; their price has to be filled in.
    """
    return [
        {
            **{name: found[name] for name in UNPRICED[:6]},
            "first_seen": found["first"],
            "last_seen": found["last"],
            "providers": found["providers"],
            "row": None if None in (found["model"], found["unit"]) else _start(found, table),
        }
        for found in store.query(_UNPRICED).rows(named=True)
    ]


def _start(found: Mapping[str, Any], table: PriceTable) -> str:
    """Rows to start from. Where the model has a price elsewhere they mean these providers alone:
    a row without a provider would replace that price too."""
    model, unit = str(found["model"]), str(found["unit"])
    per = 1 if unit in ("images", "output_images") else PER.get(unit, MILLION)
    row = {"match": escaped(model), "unit": unit, "usd": "?", "per": per}
    elsewhere = unit in table.lookup((None, model), _moment(found["last"]) or datetime.now(UTC))
    providers = found["providers"] if elsewhere else []
    globs = dict.fromkeys(str(_any_port(provider)).lower() for provider in providers)
    named = [price_toml({**row, "provider": glob}) for glob in globs]
    return "\n".join(named or [price_toml(row)])


def escaped(name: str) -> str:
    """A regular expression that matches a name and nothing else."""
    return "".join(f"\\{c}" if c in ".^$*+?{}[]\\|()" else c for c in name)


def price_rows(prices: Sequence[Mapping[str, Any]]) -> str:
    """Prices as rows of a policy file; tiers by the size of the prompt cannot be written there.

    A row means the provider whose price it is, and comes before the rows that mean all: of several
    that mean a span the first one counts.
    """
    told = sorted(prices, key=lambda price: price["provider"] is None)
    rows = [price_toml(_row(price)) for price in told if price["above_tokens"] is None]
    return "\n".join(dict.fromkeys(rows))


def _row(price: Mapping[str, Any]) -> dict[str, Any]:
    provider = price["provider"]
    return {
        "match": escaped(price["model"]),
        **({"provider": provider.lower()} if provider else {}),
        "unit": price["unit"],
        "usd": price["usd"],
        "per": price["per"],
        "source": price["published_at"] or price["source"],
    }


def price_toml(row: Mapping[str, Any]) -> str:
    """One row of `[[price]]`."""
    import tomli_w

    return f"[[price]]\n{tomli_w.dumps(row)}"


def _moment(nanos: int | None) -> datetime | None:
    return None if nanos is None else datetime.fromtimestamp(nanos // 10**9, UTC)
