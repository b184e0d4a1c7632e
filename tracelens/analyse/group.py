"""Groups failures that look alike: same stage, boundary, cause, model and error signature."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

import polars as pl

from tracelens.analyse.find import Filters, find_ids
from tracelens.model import STAGES
from tracelens.store import Store

KEYS = ("stage", "boundary", "cause", "model", "signature")
EXAMPLES = 3
#: How often it is asked again when a writer comes between.
ATTEMPTS: Final = 3
#: Columns of `requests` that groups are made of.
NEEDED: Final = (
    *("stage", "boundary", "cause", "service", "session_id", "started_at", "models", "evidence"),
)
#: Hex digits of the id of a group.
ID_DIGITS: Final = 12
#: Characters of a signature; what tells errors apart stands at their beginning.
SIGNATURE = 120

#: Checks whose evidence is the message of an error; others quote what was said, which differs.
MESSAGES = ("stage_error", "tool_error", "app_error")

#: What differs between two errors of one kind, and the sign that stands for it.
VOLATILE = (
    (r"https?://\S+", "<url>"),
    (r"\b[0-9a-fA-F]{8}-[0-9a-fA-F-]{27}\b|\b(?:0x)?[0-9a-fA-F]{12,}\b", "<id>"),
    (r"\b(?:req|run|call|chatcmpl|resp|msg|item|thread|org|proj)[_-]\w+", "<id>"),
    (r"'[^']*'|\"[^\"]*\"|“[^”]*”", "<text>"),
    # Three digits are left: most are the status code of a response.
    (r"\b\d+(?:[.,:]\d+)+\b|\b\d{1,2}\b|\b\d{4,}\b", "<n>"),
    (r"\s+", " "),
)


def group_failures(store: Store, filters: Filters) -> pl.DataFrame:
    """Groups of failed requests, the largest first and the most recent of equals.

    Columns: `n`, `share` of all that pass the filters (0 to 1), `stage, boundary, cause`, `model`
    (that of the stage to blame, or null), `signature` (the error's message without ids, numbers
    and quoted text, or null), `services`, `sessions`, `first_seen`, `last_seen` (RFC 3339 times,
    UTC, as datetimes), `examples` (ids of the most recent requests), `group` (an id for
    `list_group`, the same for the same five values). `limit` counts groups and `sort` is not
    looked at. Raises QueryError for a bad `where`.
    """
    rows = _failures(store, filters)
    groups = rows.group_by(KEYS, maintain_order=True).agg(
        pl.len().alias("n"),
        services=pl.col("service").drop_nulls().unique().sort(),
        sessions=pl.col("session_id").drop_nulls().n_unique(),
        first_seen=pl.col("started_at").min(),
        last_seen=pl.col("started_at").max(),
        examples=pl.col("request_id").reverse().head(EXAMPLES),
    )
    ordered = groups.sort(
        ["n", "last_seen", *KEYS], descending=[True, True, *[False] * len(KEYS)], nulls_last=True
    ).select(
        "n",
        (pl.col("n") / max(rows.height, 1)).alias("share"),
        *KEYS,
        "services",
        "sessions",
        "first_seen",
        "last_seen",
        "examples",
    )
    shown = ordered.head(filters.limit) if filters.limit else ordered
    ids = [group_id(row) for row in shown.select(KEYS).iter_rows(named=True)]
    return shown.with_columns(group=pl.Series(ids, dtype=pl.String))


def group_id(row: Mapping[str, Any]) -> str:
    """The id of the group with these five values."""
    values = json.dumps([row[key] for key in KEYS])
    return hashlib.sha256(values.encode("utf-8", "replace")).hexdigest()[:ID_DIGITS]


def list_group(store: Store, filters: Filters, group: str) -> tuple[str, ...]:
    """Ids of the requests of a group that pass the filters, the most recent first.

    `limit` and `sort` are not looked at; an unknown group has none. Raises QueryError for a bad
    `where`.
    """
    rows = _failures(store, filters)
    for values in rows.select(KEYS).unique().iter_rows(named=True):
        if group_id(values) == group:
            own = [pl.col(key).eq_missing(pl.lit(values[key], pl.String)) for key in KEYS]
            return tuple(rows.filter(own)["request_id"].reverse())
    return ()


def _failures(store: Store, filters: Filters) -> pl.DataFrame:
    """The failures that pass the filters, oldest first, as `_shaped`."""
    every = replace(filters, failed=True, limit=0, offset=0)
    for _ in range(ATTEMPTS):
        chosen = find_ids(store, every)
        shaped = store.failures(_shaped, NEEDED)
        rows = shaped.join(chosen, on=["request_id", "load"], how="semi")
        # There are fewer when some were judged anew between the two questions.
        if rows.height == chosen.height:
            break
    return rows.sort("started_at", "request_id")


def _shaped(failures: pl.DataFrame) -> pl.DataFrame:
    """What groups are made of, some 300 bytes for each failure."""
    return failures.select(
        *("stage", "boundary", "cause", "service", "session_id", "started_at"),
        model=_model(),
        signature=_signature(),
    )


def _model() -> pl.Expr:
    """The first model of the stage to blame."""
    return pl.coalesce(
        pl.when(pl.col("stage") == stage).then(
            pl.col("models").struct.field(stage).list.get(0, null_on_oob=True)
        )
        for stage in STAGES
    )


def _signature() -> pl.Expr:
    """The type and the message of the leading error, without what differs from case to case."""
    leading = pl.col("evidence").list.get(0, null_on_oob=True)
    name = leading.struct.field("value").str.strip_chars("\"'“” ")
    message = leading.struct.field("sentence").str.extract(r"(?s): “(.*)”$", 1)
    # Some emitters have no type for an error, only its message.
    further = pl.when(
        ~name.str.contains(" ", literal=True).fill_null(False) & message.ne_missing(name)
    )
    said = pl.concat_str([name, further.then(message)], separator=": ", ignore_nulls=True)
    for pattern, sign in VOLATILE:
        said = said.str.replace_all(pattern, sign)
    told = leading.struct.field("check").is_in(MESSAGES)
    return pl.when(told).then(said.str.strip_chars().str.slice(0, SIGNATURE))
