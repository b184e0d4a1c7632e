"""One row for a trace with more spans than are judged: it says how many, and what to do."""

from __future__ import annotations

from typing import Final

import polars as pl

from tracelens.model import REQUEST, STAGES
from tracelens.requests.summary import request_ids

#: What is noted of such a request.
NOTE: Final = "trace_too_large"


def unjudged(traces: pl.DataFrame, limit: int, inputs: str) -> pl.DataFrame:
    """The request rows of traces that are too large, with the columns of `REQUEST`.

    Nothing is said of their outcome, and of their spans only the root is named.

    Args:
        traces: `trace_id, spans, root, service, emitter, session_id, user_id, start, end`, one row
            per trace; times in ns.
        limit: how many spans a trace may have to be judged.
        inputs: hash of policy and mappings, kept with each row.
    """
    verdicts = [_sentence(spans, limit) for spans in traces["spans"]]
    made: dict[str, pl.Expr | pl.Series] = {
        "request_id": request_ids(traces["trace_id"] + traces["root"]),
        "request_span_id": pl.col("root"),
        "span_ids": pl.concat_list("root"),
        "start_unix_nano": pl.col("start"),
        "duration_ms": ((pl.col("end") - pl.col("start")) / 1e6).round(6),
        "models": pl.struct(pl.lit([], pl.List(pl.String)).alias(stage) for stage in STAGES),
        "cost_is_lower_bound": pl.lit(False),
        "cost_unpriced_spans": pl.lit(0),
        "stale": pl.lit(False),
        "verdict": pl.Series(verdicts, dtype=pl.String),
        "notes": pl.lit([NOTE]),
        "inputs_hash": pl.lit(inputs),
    }
    known = ("trace_id", "service", "emitter", "session_id", "user_id")
    return traces.select(
        made.get(name, pl.col(name) if name in known else _nothing(dtype)).cast(dtype).alias(name)
        for name, dtype in REQUEST.items()
    )


def _sentence(spans: int, limit: int) -> str:
    return (
        f"It cannot be told whether this request failed: its trace has {spans:,} spans, more than"
        f" limits.spans_per_trace ({limit:,}). Raise the limit in a policy and run"
        " `tracelens locate --policy FILE`."
    )


def _nothing(dtype: pl.DataType) -> pl.Expr:
    return pl.lit([] if isinstance(dtype, pl.List) else None, dtype)
