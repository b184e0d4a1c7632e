"""Small span and request frames for the tests of the store."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from tracelens.model import CANONICAL_SPAN, RAW_SPAN, REQUEST
from tracelens.store import LoadEntry, Store

SECOND = 10**9


def number(text: str, digits: int) -> str:
    """A made-up id: the same text, the same id."""
    return hashlib.sha256(text.encode()).hexdigest()[:digits]


def trace(name: str) -> str:
    """The trace id of a name."""
    return number(name, 32)


def span(trace_name: str, name: str = "root", at: int | None = 1, **columns: Any) -> dict[str, Any]:
    """One span row; `at` is its start in seconds."""
    start = None if at is None else at * SECOND
    row = {
        "trace_id": trace(trace_name),
        "span_id": number(trace_name + name, 16),
        "name": name,
        "start_unix_nano": start,
        "end_unix_nano": None if start is None else start + SECOND,
        "attrs": "{}",
    } | columns
    content = repr(sorted(row.items(), key=lambda item: item[0]))
    return {"content_hash": int(number(content, 15), 16), **row}


def spans(*rows: Mapping[str, Any], **promoted: pl.DataType) -> pl.DataFrame:
    """A batch with all fixed columns; `promoted` gives further `attributes.` columns."""
    schema: dict[str, Any] = {**RAW_SPAN, **CANONICAL_SPAN}
    schema |= {f"attributes.{name}": dtype for name, dtype in promoted.items()}
    return pl.DataFrame([{name: row.get(name) for name in schema} for row in rows], schema=schema)


def request(trace_name: str, name: str = "root", at: int = 1, **columns: Any) -> dict[str, Any]:
    """One request row."""
    return {
        "request_id": number(trace_name + name, 32),
        "trace_id": trace(trace_name),
        "start_unix_nano": at * SECOND,
        "failed": False,
    } | columns


def requests(*rows: Mapping[str, Any]) -> pl.DataFrame:
    """Request rows with all columns."""
    filled = [{name: row.get(name) for name in REQUEST} for row in rows]
    return pl.DataFrame(filled, schema=REQUEST)


def new_store(folder: Path) -> Store:
    """An empty store in a folder."""
    return Store.open(folder / "store", create=True)


def load(
    store: Store,
    batch: pl.DataFrame,
    judged: pl.DataFrame | None = None,
    traces: Sequence[str] | None = None,
    **report: Any,
) -> int:
    """Commit one batch, by default with one request per touched trace; the generation."""
    with store.stage() as stage, store.writer() as writer:
        stage.add(batch)
        fresh = writer.fresh(stage)
        if judged is None:
            rows = [{"request_id": each, "trace_id": each} for each in fresh.traces]
            judged = requests(*rows)
        counts = {
            "spans_read": stage.rows,
            "spans_stored": fresh.stored,
            "spans_duplicate": fresh.duplicate,
        }
        rejects = report.pop("rejects", [])
        final, aliases = report.pop("final", True), report.pop("aliases", {})
        in_force = {"": "now"}  # rows with another `inputs_hash` are stale
        return writer.commit(
            fresh,
            judged,
            fresh.traces if traces is None else traces,
            [LoadEntry(counts | report, rejects, final)],
            aliases=aliases,
            in_force=in_force,
        )
