"""Settings for people: what the policy changes, which emitters wrote the store, how it is."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tracelens.show.costs import (
    SOURCES,
    dollars,
    listed_price,
    number_words,
    provider_name,
    unit_name,
)
from tracelens.show.records import ACTING
from tracelens.show.web.html import NOTHING, day_of, duration, safe
from tracelens.show.web.loads import megabytes
from tracelens.show.web.parts import Column, link, metric, metrics, table
from tracelens.show.words import counted

VALUE_SHOWN = 400
DAMAGED_SHOWN = 50
PATHS_SHOWN = 5
#: Prices and units without one that are listed; the command line has all of them.
PRICES_SHOWN = 200
UNPRICED_SHOWN = 50

CHANGES = (Column("Key", "code"), Column("Built in", "code"), Column("In force", "code"))
EMITTERS = (
    Column("Emitter"),
    Column("Spans", "number"),
    Column("Requests", "number"),
    Column("What its spans cannot show", "wide"),
)
SEGMENTS = (
    Column("Kind"),
    Column("Segments", "number"),
    Column("Rows", "number"),
    Column("Size", "number"),
)
RULES = (Column("Rule"), Column("What it says", "wide"), Column("For"))
PRICES = (
    Column("Model"),
    Column("Unit"),
    Column("Price", "number"),
    Column("From"),
    Column("Source"),
)
UNPRICED = (
    Column("Model"),
    Column("Stage"),
    Column("Unit"),
    Column("Used", "number"),
    Column("Spans", "number"),
    Column("Requests", "number"),
    Column("First seen"),
    Column("Last seen"),
)
DAMAGE = (Column("Segment", "code"), Column("What is wrong", "wide"), Column("Holds", "wide"))


def health_sentence(health: Mapping[str, Any], changes: int) -> str:
    """The state of the store and of the policy in one sentence."""
    stale = health["stale"]
    judged = "every verdict is by the rules in force"
    if stale:
        judged = f"{counted(stale, 'verdict')} by older rules"
    rules = "the built-in policy" if not changes else f"a policy with {counted(changes, 'change')}"
    return f"{counted(health['requests'], 'request')} judged by {rules}; {judged}."


def changes_html(changes: Sequence[Any]) -> str:
    """What a policy file changes: `key, built_in, in_force` of each."""
    rows = ([safe(each.key), _value(each.built_in), _value(each.in_force)] for each in changes)
    return table("What the policy changes", CHANGES, rows)


def _value(value: Any) -> str:
    if isinstance(value, list) and all(isinstance(row, dict) for row in value):
        return counted(len(value), "row")
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return safe(text, limit=VALUE_SHOWN)


def rules_html(caps: Sequence[Any], routes: Sequence[Any], budgets: Sequence[Any]) -> str:
    """The rows of `[[cap]]`, `[[route]]` and `[[budget]]`, in the order in which they are tried."""
    rows = [
        *(["Cap", _cap(row), _meant(row)] for row in caps),
        *(["Route", _route(row), _when(row)] for row in routes),
        *(["Budget", _budget(row), _meant(row)] for row in budgets),
    ]
    return table("Caps, routes and budgets", RULES, rows)


def _cap(row: Any) -> str:
    if row.max == float("inf"):
        return f"{unit_name(row.size)} without a limit"
    return f"{unit_name(row.size)} at most {number_words(row.max)}, else {row.how}"


def _route(row: Any) -> str:
    return f"{row.stage} by <b>{safe(row.to, limit=80)}</b>"


def _when(row: Any) -> str:
    return " and ".join(map(_condition, row.when)) or "all requests"


def _condition(row: Any) -> str:
    name = unit_name(row.column)
    if row.globs:
        return f"{name} {safe(' or '.join(row.globs), limit=160)}"
    if row.min is not None and row.min == row.max:
        return f"{name} exactly {number_words(row.min)}"
    least = [] if row.min is None else [f"at least {number_words(row.min)}"]
    most = [] if row.max is None else [f"at most {number_words(row.max)}"]
    return f"{name} {' and '.join([*least, *most]) or 'known'}"


def _budget(row: Any) -> str:
    limit = dollars(row.limit) if row.metric == "cost" else duration(row.limit)
    metric = {"ttfa": "time to first audio"}.get(row.metric, row.metric)
    of = f" of {unit_name(row.of)}" if row.of else ""
    fails = ", beyond it a request has failed" if row.fails else ""
    return f"{metric}{of} at most {limit}{fails}"


def _meant(row: Any) -> str:
    keys = ("modality", "service", "model")
    told = [f"{key} {safe(value, limit=80)}" for key in keys if (value := getattr(row, key, None))]
    return ", ".join(told) or "all requests"


def prices_sentence(prices: Sequence[Mapping[str, Any]]) -> str:
    """How many prices are known, and from whom."""
    if not prices:
        return "No price is known for any model in this store."
    models = len({(row["provider"], row["model"]) for row in prices})
    more = f"; the first {PRICES_SHOWN} are shown" if len(prices) > PRICES_SHOWN else ""
    return (
        f"{counted(len(prices), 'price')} of {counted(models, 'model')}, each of the day on which"
        f" the model was last used{more}."
    )


def prices_html(prices: Sequence[Mapping[str, Any]]) -> str:
    """Prices in force: rows of `TraceLens.prices`."""
    return table("Prices", PRICES, (list(_price(row)) for row in prices[:PRICES_SHOWN]))


def _price(row: Mapping[str, Any]) -> Iterator[str]:
    name = provider_name(row)
    provider = f"<small>{safe(name, limit=80)}</small>" if name else ""
    yield f"<b>{safe(row['model'], limit=80)}</b>{provider}"
    above = row["above_tokens"]
    yield unit_name(row["unit"]) + (
        f"<small>of prompts beyond {above:,} tokens</small>" if above else ""
    )
    yield listed_price(row)
    yield str(row["from"]) if row["from"] else ""
    checked = f", read {row['checked']}" if row["checked"] else ""
    published = f"{safe(row['published_at'], limit=80)}{checked}" if row["published_at"] else ""
    yield SOURCES[row["source"]] + (f"<small>{published}</small>" if published else "")


def unpriced_sentence(rows: Sequence[Mapping[str, Any]]) -> str:
    """What is used without a price, and what follows from that."""
    models = len({row["model"] for row in rows})
    more = f" The first {UNPRICED_SHOWN} are shown." if len(rows) > UNPRICED_SHOWN else ""
    return (
        f"{counted(len(rows), 'unit')} of {counted(models, 'model')}: what was used of them costs"
        f" an unknown sum, and totals with it are lower bounds (≥).{more}"
    )


def unmeasured_sentence(rows: Sequence[Mapping[str, Any]]) -> str:
    """Calls of which no usage is recorded, and that no price helps there."""
    spans = counted(sum(row["spans"] for row in rows), "span")
    return f"{spans} without any usage recorded: no price can tell what they cost"


def unpriced_html(rows: Sequence[Mapping[str, Any]]) -> str:
    """What was used without a price: rows of `TraceLens.unpriced`."""
    return table("Without a price", UNPRICED, (list(_used(row)) for row in rows[:UNPRICED_SHOWN]))


def _used(row: Mapping[str, Any]) -> Iterator[str]:
    yield f"<b>{safe(row['model'], limit=80)}</b>" if row["model"] else "model not recorded"
    yield safe(str(row["stage"] or "").capitalize())
    yield unit_name(row["unit"])
    yield number_words(row["quantity"]) if row["quantity"] is not None else ""
    yield f"{row['spans']:,}"
    yield f"{row['requests']:,}"
    yield day_of(row["first_seen"])
    yield day_of(row["last_seen"])


def price_rows_to_fill(rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows of `[[price]]` for a policy file, whose prices have to be filled in."""
    wanted = dict.fromkeys(row["row"] for row in rows[:UNPRICED_SHOWN] if row["row"])
    # As escapes of TOML: marks that turn the direction of text would show another row.
    return ACTING.sub(lambda found: f"\\u{ord(found[0]):04x}", "\n".join(wanted))


def emitters_html(seen: Sequence[Mapping[str, Any]], known: Sequence[Mapping[str, Any]]) -> str:
    """Emitters of this store, and what no reading of their spans can show.

    `seen` has `emitter, spans, requests`, `known` the mappings that there are.
    """
    mappings = {each["name"]: each for each in known}
    rows = (list(_emitter(row, mappings.get(row["emitter"]))) for row in seen)
    return table("Emitters in this store", EMITTERS, rows)


def _emitter(row: Mapping[str, Any], mapping: Mapping[str, Any] | None) -> Iterator[str]:
    name = row["emitter"]
    if name is None:
        yield "<b>none</b><small>claimed by no mapping</small>"
    else:
        title = f"<small>{safe(mapping['title'].replace('`', ''))}</small>" if mapping else ""
        yield f"<b>{safe(name)}</b>{title}"
    yield f"{row['spans']:,}"
    yield f"{row['requests']:,}" if row["requests"] else NOTHING
    if name == "policy" or mapping is None:
        yield "Stages come from the rules of the policy, or the spans are of no stage."
    else:
        yield "".join(f"<p>? {safe(each.replace('`', ''))}</p>" for each in mapping["blind_to"])


def health_html(health: Mapping[str, Any]) -> str:
    """Figures of the store."""
    segments = sum(row["segments"] for row in health["segments"])
    stale = f"{counted(health['stale'], 'stale verdict')}" if health["stale"] else "none is stale"
    return metrics(
        metric("Verdicts", f"{health['requests']:,}", stale),
        metric("Segments", f"{segments:,}", "joined on their own as they become many"),
        metric(
            "Loads", f"{health['commits']:,}", link(counted(health["inputs"], "input"), "ingest")
        ),
        metric(
            "Size", megabytes(health["bytes"]), f"{megabytes(health['log_bytes'])} of it the log"
        ),
    )


def segments_html(sizes: Mapping[str, Any]) -> str:
    """Live segments by kind."""
    rows = (
        [safe(row["kind"]), f"{row['segments']:,}", f"{row['rows']:,}", megabytes(row["bytes"])]
        for row in sizes["segments"]
    )
    return table("Segments", SEGMENTS, rows)


def damage_html(damaged: Sequence[Any]) -> str:
    """Segments that are not as they were written: `segment, reason, loads, requests` of each."""
    return table("Damage", DAMAGE, (list(_damage(each)) for each in damaged[:DAMAGED_SHOWN]))


def _damage(each: Any) -> Iterator[str]:
    yield safe(each.segment.name)
    yield safe(each.reason, limit=VALUE_SHOWN)
    more = len(each.loads) - PATHS_SHOWN
    names = ", ".join(safe(path, limit=80) for path in each.loads[:PATHS_SHOWN])
    rest = f" and {more:,} more" if more > 0 else ""
    yield f"{counted(len(each.requests), 'request')}<small>from {names}{rest}</small>"
