"""Settings for people: what the policy changes, which emitters wrote the store, how it is."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tracelens.show.web.html import NOTHING, safe
from tracelens.show.web.loads import megabytes
from tracelens.show.web.parts import Column, counted, link, metric, metrics, table

VALUE_SHOWN = 400
DAMAGED_SHOWN = 50
PATHS_SHOWN = 5

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
