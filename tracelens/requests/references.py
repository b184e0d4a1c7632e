"""What people said of a request afterwards: bug reports, and the user's next words."""

from __future__ import annotations

from typing import Final

import polars as pl

from tracelens.policy import Policy
from tracelens.requests.summary import NEXT_TURN_NANOS

#: One row per thing that was said of a request.
REFERENCE: Final = pl.Schema(
    {
        "request": pl.String(),
        "source": pl.String(),  # correction, bug_report
        "told": pl.String(),  # what was said of it, word for word
        "said": pl.String(),  # what the user had said then, as far as it is told; null otherwise
        "expected": pl.String(),  # what should have been answered, as far as it is told
        "quoted": pl.Boolean(),  # `said` repeats words, and is not another way to put it
        "span_id": pl.String(),  # where it stands in the trace, if it does
        "time": pl.Int64(),
    }
)

#: What follows the words that a correction asks for: those that it does not mean.
_INSTEAD: Final = r"(?i)[,;.]?\s+(?:and\s+|,\s*)?(?:not|instead of|nicht|statt|et pas|pas|no)\s.*$"


def corrections(requests: pl.DataFrame, runs: pl.DataFrame, policy: Policy) -> pl.DataFrame:
    """Corrections of a request by the first words of the user's next turn: rows of `REFERENCE`.

    Args:
        requests: the frame of `summarise`.
        runs: the frame of `stage_runs`.
        policy: its rows of `[[correction]]` say how corrections begin.
    """
    opening = (
        runs.filter((pl.col("stage") == "transcription") & (pl.col("exchange") == 0))
        .sort("request", "start", "run")
        .group_by("request", maintain_order=True)
        .agg(told=pl.col("text_out").drop_nulls().first(), span_id=pl.col("span_id").first())
    )
    heard = requests.join(opening, on="request", how="left", maintain_order="left")
    turns = heard.filter(
        pl.col("complete") & ((pl.col("role") != "trace") | pl.col("told").is_not_null())
    ).sort("conversation", "start", "request")
    gap = pl.col("start") - pl.col("start").shift(1).over("conversation")
    spoken = turns.select(
        request=pl.col("request").shift(1).over("conversation"),
        told="told",
        span_id="span_id",
        time="start",
        near=(gap <= NEXT_TURN_NANOS).fill_null(False),
    ).filter("near")
    matched = spoken.with_columns(_matches(policy)).filter(pl.col("rule").is_not_null())
    said = pl.col("said").str.replace(_INSTEAD, "").str.strip_chars(" .,;:!?\"'")
    return matched.select(
        "request",
        source=pl.lit("correction"),
        told="told",
        said=pl.when(said != "").then(said),
        expected=pl.lit(None, pl.String),
        quoted="quoted",
        span_id="span_id",
        time="time",
    ).match_to_schema(REFERENCE)


def reported(requests: pl.DataFrame, reports: pl.DataFrame) -> pl.DataFrame:
    """Bug reports on these requests: rows of `REFERENCE`.

    A report means the request that has its id, or the span that this id stood for; of several, and
    where it tells only a session, the latest that began before its time, within ten minutes.

    Args:
        requests: the frame of `summarise`.
        reports: rows of `BUG_REPORT`.
    """
    keys = requests.select(
        "request",
        "start",
        "session_id",
        id=pl.concat_list(
            pl.concat_list("request_id", "request_trace_id", "external_request_id"), "span_ids"
        ),
    )
    by_id = (
        reports.filter(pl.col("target").is_not_null())
        .with_columns(id=pl.coalesce("span_id", "target"))
        .drop("session_id")
        .join(keys.explode("id").unique(["request", "id"]).drop("session_id"), on="id")
    )
    by_time = reports.filter(pl.col("target").is_null()).join(
        keys.select("request", "start", "session_id"), on="session_id"
    )
    told = ["reported_unix_nano", "said", "corrected_text", "expected_text"]
    columns = ["report_id", "request", "start", *told]
    found = pl.concat([by_id.select(columns), by_time.select(columns)])
    late = pl.col("reported_unix_nano") - pl.col("start")
    only = pl.len().over("report_id") == 1
    near = late.is_between(0, NEXT_TURN_NANOS).fill_null(False)
    chosen = (
        found.filter(only | near)
        .sort("report_id", "start", "request", descending=[False, True, False])
        .unique("report_id", keep="first", maintain_order=True)
    )
    return chosen.select(
        "request",
        source=pl.lit("bug_report"),
        told=pl.coalesce("said", "report_id"),
        said="corrected_text",
        expected="expected_text",
        quoted=pl.lit(True),
        span_id=pl.lit(None, pl.String),
        time="reported_unix_nano",
    ).match_to_schema(REFERENCE)


def _matches(policy: Policy) -> list[pl.Expr]:
    """`rule` (its place), `said` and `quoted` of the first rule that a text fits."""
    text = pl.col("told").str.slice(0, 500)
    rule: pl.Expr = pl.lit(None, pl.Int32)
    said: pl.Expr = pl.lit(None, pl.String)
    quoted: pl.Expr = pl.lit(False)
    for place, row in reversed(list(enumerate(policy.correction))):
        fits = text.str.contains(row.says)
        words = text.str.extract(row.says, 1)
        rule = pl.when(fits).then(pl.lit(place, pl.Int32)).otherwise(rule)
        said = pl.when(fits).then(words).otherwise(said)
        quoted = pl.when(fits).then(pl.lit(row.quotes)).otherwise(quoted)
    return [rule.alias("rule"), said.alias("said"), quoted.alias("quoted")]
