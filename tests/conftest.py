"""Builds small traces in view: a tree of spans in, frames for normalise and locate out."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import polars as pl
from hypothesis import settings

from tracelens.locate import locate_requests
from tracelens.model import ATTRIBUTE_DTYPE, CANONICAL_SPAN, PROMOTED, RAW_SPAN
from tracelens.normalise import canonical_spans, promoted_keys
from tracelens.policy import Policy, load

# A slow machine is no defect: tests never fail for the time they take.
settings.register_profile("tracelens", deadline=None)
settings.load_profile("tracelens")

#: All traces begin here; times in traces are milliseconds after it.
EPOCH = 1_700_000_000_000_000_000
MS = 1_000_000
CLIENT, SERVER = 3, 2
OK, ERROR = 1, 2
#: `at` of a span that has no times at all.
NEVER = math.nan


@dataclass
class Span:
    """One span of a test: the columns it sets, its attributes, and the spans below it."""

    name: str
    below: tuple[Span, ...]
    columns: dict[str, Any]
    attributes: dict[str, Any] = field(default_factory=dict)
    span_id: str | None = None
    at: float | None = None
    lasts: float | None = None


def span(
    name: str,
    *below: Span,
    span_id: str | None = None,
    at: float | None = None,
    lasts: float | None = None,
    error: str | None = None,
    says: str | None = None,
    attributes: Mapping[str, Any] | None = None,
    **columns: Any,
) -> Span:
    """A span named `name` above the spans `below`; its id is its name unless given.

    Without `at` (ms after the trace's start) it begins where its sibling before it ended; without
    `lasts` (ms) a leaf lasts 100 ms and a parent as long as what is below it. `error` is the
    exception that ended it, `says` its message. Other keywords set raw or canonical columns.
    """
    if error is not None:
        columns = {
            "status_code": ERROR,
            "exception_type": error,
            "exception_message": says,
            "error_type": error,
            **columns,
        }
    elif says is not None:
        columns = {"status_message": says, **columns}
    return Span(name, below, columns, dict(attributes or {}), span_id, at, lasts)


def trace(name: str, *spans: Span, at: float = 0) -> list[dict[str, Any]]:
    """The rows of one trace whose id is `name`, beginning `at` ms after the epoch."""
    rows: list[dict[str, Any]] = []
    clock = at
    for top in spans:
        clock = _lay(top, name, None, clock, rows)
    return rows


def _new_id(name: str, rows: list[dict[str, Any]]) -> str:
    """The name, numbered from its second use in the trace on."""
    used = sum(row["name"] == name for row in rows)
    return f"{name}{used + 1}" if used else name


def _lay(
    each: Span, trace_id: str, above: str | None, clock: float, rows: list[dict[str, Any]]
) -> float:
    start = each.at if each.at is not None else clock
    row = {
        "trace_id": trace_id,
        "span_id": each.span_id or _new_id(each.name, rows),
        "parent_span_id": above,
        "name": each.name,
        "kind": 1,
        "status_code": 0,
        "service": "desk",
        "content_hash": len(rows),
        "notes": [],
        "_attributes": each.attributes,
    }
    rows.append(row)
    end = start
    for below in each.below:
        end = max(end, _lay(below, trace_id, row["span_id"], end, rows))
    if not each.below:
        end = start + 100
    if each.lasts is not None:
        end = start + each.lasts
    if not math.isnan(start):
        row["start_unix_nano"] = EPOCH + int(start * MS)
        row["end_unix_nano"] = EPOCH + int(end * MS)
    if each.columns.get("stage"):
        row |= {"stage_by": "mapping", "emitter": "test"}
    row.update(each.columns)
    return end if not math.isnan(end) else clock


def spans(*traces: list[dict[str, Any]]) -> pl.DataFrame:
    """Canonical spans as the rows say them, without any mapping: what locate takes."""
    schema = {**RAW_SPAN, **CANONICAL_SPAN}
    rows = [{name: row.get(name) for name in schema} for each in traces for row in each]
    turn_based = {
        row["trace_id"]
        for row in rows
        if row["role"] in ("session", "turn", "user_turn", "agent_turn")
    }
    for row in rows:
        if row["turn_based"] is None:
            row["turn_based"] = row["trace_id"] in turn_based
        if row["speech_to_speech"] is None:
            row["speech_to_speech"] = False
    return pl.DataFrame(rows, schema=schema)


def raw_spans(*traces: list[dict[str, Any]]) -> pl.DataFrame:
    """Raw spans with promoted columns, as a reader makes them out of the spans' attributes."""
    keys = promoted_keys(default_policy())
    schema = {**RAW_SPAN, **{PROMOTED + key: ATTRIBUTE_DTYPE[kind] for key, kind in keys.items()}}
    rows = []
    for each in traces:
        for row in each:
            attributes = row["_attributes"]
            promoted = {
                PROMOTED + key: _typed(attributes[key], kind)
                for key, kind in keys.items()
                if key in attributes
            }
            full = {**row, "attrs": json.dumps(attributes), **promoted}
            rows.append({name: full.get(name) for name in schema})
    return pl.DataFrame(rows, schema=schema)


def _typed(value: Any, kind: str) -> Any:
    if kind == "text":
        return value if isinstance(value, str) else json.dumps(value)
    if isinstance(value, bool) != (kind == "bool") or isinstance(value, str):
        return None
    return float(value) if kind == "float" else value


@cache
def default_policy() -> Policy:
    """The built-in policy."""
    return load()


def canonical(*traces: list[dict[str, Any]]) -> pl.DataFrame:
    """What the mappings make of raw spans with attributes."""
    return canonical_spans(raw_spans(*traces), default_policy())


def by_id(frame: pl.DataFrame) -> dict[str, dict[str, Any]]:
    """Rows of a span frame by span id."""
    return {row["span_id"]: row for row in frame.iter_rows(named=True)}


def judge(frame: pl.DataFrame) -> list[dict[str, Any]]:
    """One row per request of canonical spans, in order of start."""
    return locate_requests(frame, default_policy()).to_dicts()


def verdict(row: Mapping[str, Any]) -> tuple[bool | None, str | None, str | None, str | None]:
    """What a request row says: failed, stage, boundary, cause."""
    return row["failed"], row["stage"], row["boundary"], row["cause"]


def verdicts(*traces: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    """The verdict on every request of traces whose spans say canonical columns, by start."""
    return [verdict(row) for row in judge(spans(*traces))]


#: What a request that did not fail says.
FINE = (False, None, None, None)


def heard(text: str | None = "book a table for two", name: str = "stt", **columns: Any) -> Span:
    """A transcription that put out `text`."""
    return span(name, stage="transcription", text_out=text, **columns)


def answered(
    text: str | None = "your table is booked",
    given: str | None = "book a table for two",
    name: str = "llm",
    *below: Span,
    **columns: Any,
) -> Span:
    """A model call that was given `given` and answered `text`."""
    return span(name, *below, stage="reasoning", text_in=given, text_out=text, **columns)


def spoke(text: str | None = "your table is booked", name: str = "tts", **columns: Any) -> Span:
    """A synthesis that was given `text`."""
    return span(name, stage="synthesis", text_in=text, **columns)
