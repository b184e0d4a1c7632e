"""Spans of tests as OTLP, through the reader and the mappings: what a real export goes through."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from typing import Any

import polars as pl

from tests.conftest import by_id, default_policy, span, trace, verdict
from tracelens.locate import locate_requests
from tracelens.normalise import canonical_spans, promoted_keys
from tracelens.read import read_spans
from tracelens.read.source import Source


def otlp_value(value: Any) -> dict[str, Any]:
    """An attribute value in OTLP/JSON."""
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}
    if isinstance(value, float):
        return {"doubleValue": value}
    if isinstance(value, list):
        return {"arrayValue": {"values": [otlp_value(each) for each in value]}}
    if isinstance(value, Mapping):
        return {"kvlistValue": {"values": otlp_attributes(value)}}
    return {} if value is None else {"stringValue": value}


def otlp_attributes(held: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Attributes in OTLP/JSON."""
    return [{"key": key, "value": otlp_value(value)} for key, value in held.items()]


def _id(text: str | None, digits: int) -> str:
    return text.encode().hex()[:digits].rjust(digits, "0") if text else ""


def otlp_span(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row of `tests.conftest.trace` as a span in OTLP/JSON; its id is kept in `test.id`."""
    events = [
        {"name": name, "timeUnixNano": "0", "attributes": otlp_attributes(held)}
        for name, held in row.get("_events", ())
    ]
    if row.get("exception_type"):
        held = {
            "exception.type": row["exception_type"],
            "exception.message": row.get("exception_message") or "",
        }
        events.append(
            {"name": "exception", "timeUnixNano": "0", "attributes": otlp_attributes(held)}
        )
    return {
        "traceId": _id(row["trace_id"], 32),
        "spanId": f"{row['content_hash'] + 1:016x}",
        "parentSpanId": row["_parent"],
        "name": row["name"],
        "kind": row["kind"],
        "startTimeUnixNano": str(row["start_unix_nano"]),
        "endTimeUnixNano": str(row["end_unix_nano"]),
        "status": {"code": row["status_code"], "message": row.get("status_message") or ""},
        "attributes": otlp_attributes({**row["_attributes"], "test.id": row["span_id"]}),
        "events": events,
    }


def otlp(*traces: list[dict[str, Any]]) -> bytes:
    """Traces of `tests.conftest.trace` as one ExportTraceServiceRequest."""
    scopes = []
    for rows in traces:
        ids = {row["span_id"]: f"{row['content_hash'] + 1:016x}" for row in rows}
        for row in rows:
            row["_parent"] = ids.get(row["parent_span_id"], "")
            scopes.append(
                {"scope": {"name": row.get("scope_name") or ""}, "spans": [otlp_span(row)]}
            )
    return json.dumps({"resourceSpans": [{"scopeSpans": scopes}]}).encode()


def through(*traces: list[dict[str, Any]]) -> pl.DataFrame:
    """What reader and mappings make of traces; span ids are those of the test again."""
    data = otlp(*traces)
    source = Source("spans", lambda: io.BytesIO(data), len(data))
    raw = pl.concat(list(read_spans(source, promoted_keys(default_policy()))))
    return canonical_spans(raw, default_policy())


def read(
    name: str,
    attributes: Mapping[str, Any] | None = None,
    scope: str | None = None,
    events: list[tuple[str, dict[str, Any]]] | None = None,
    **columns: Any,
) -> dict[str, Any]:
    """The canonical row of one span; `events` are names and attributes."""
    each = span(
        name, attributes=attributes or {}, scope_name=scope, _events=events or [], **columns
    )
    (row,) = through(trace("t", each)).to_dicts()
    return row


def judged(*spans: Any) -> tuple[Any, ...]:
    """The verdict on a trace that is one request: failed, stage, boundary, cause."""
    (row,) = locate_requests(through(trace("t", *spans)), default_policy()).to_dicts()
    return verdict(row)


def judged_turns(*spans: Any) -> list[tuple[Any, ...]]:
    """The verdicts on the turns of a trace, in order."""
    rows = locate_requests(through(trace("t", *spans)), default_policy()).to_dicts()
    return [verdict(row) for row in sorted(rows, key=lambda row: row["start_unix_nano"])]


__all__ = ["by_id", "judged", "judged_turns", "otlp", "read", "span", "through", "trace"]
