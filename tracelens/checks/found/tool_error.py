"""Did every tool that the model called come back with a result?"""

from __future__ import annotations

import polars as pl

from tracelens.checks.finding import Check, findings
from tracelens.checks.shared import quoted
from tracelens.requests import Facts


def run(facts: Facts) -> pl.DataFrame:
    """One row per tool and exchange that failed at last, by its span or by the model's input."""
    tools = facts.runs.filter(pl.col("stage") == "tool")
    last = (
        tools.sort("start", "end", "run")
        .group_by("request", "exchange", "name", maintain_order=True)
        .last()
    )
    failed = last.filter(pl.col("is_error")).join(
        last.filter(~pl.col("is_error"))
        .group_by("request", "exchange")
        .agg(pl.col("start").max().alias("later")),
        on=["request", "exchange"],
        how="left",
    )
    # Another tool that succeeded afterwards is a fallback: the model had its answer from there.
    alone = failed.filter(~(pl.col("later") > pl.col("start")).fill_null(False))
    spans = _spans(alone)
    told = _unrecovered(facts).join(
        spans.select("request", "exchange"), on=["request", "exchange"], how="anti"
    )
    fine = last.filter(~pl.col("is_error"))
    return pl.concat([spans, _told(told), _passes(fine)])


def _unrecovered(facts: Facts) -> pl.DataFrame:
    """Model calls that were told of a failure, unless the model then tried again and was not.

    A model that answers with words has taken the failure as final; one that says nothing has
    called a tool again, and a later call shows how that ended.
    """
    runs = facts.runs.filter(pl.col("stage") == "reasoning").sort(
        "request", "exchange", "start", "end", "run"
    )
    failure = pl.col("tool_failure").is_not_null()
    silent = pl.col("text_out").fill_null("").str.strip_chars() == ""
    again = silent | (pl.col("tool_calls").fill_null(0) > 0)
    keys = ["request", "exchange"]
    fine_later = (~failure).cast(pl.Int32).reverse().cum_sum().reverse().over(keys) > 0
    return runs.filter(failure & ~(again & fine_later))


def _spans(failed: pl.DataFrame) -> pl.DataFrame:
    said = pl.coalesce("error_message", "sign_sentence", "error_type", pl.lit("no reason given"))
    return findings(
        failed,
        check="tool_error",
        result="fails",
        at="reasoning>tool",
        stage="reasoning",
        boundary="reasoning>tool",
        cause="tool_error",
        weight="hard",
        score=0.9,
        time=pl.col("end"),
        span_id=pl.coalesce("error_span_id", "span_id"),
        attribute=pl.coalesce("sign_attribute", pl.lit("status")),
        value=pl.coalesce("error_type", "sign", pl.lit("error")),
        needed="a result from the tool",
        sentence=pl.format("the tool {} failed: {}", quoted(pl.col("name")), quoted(said, 160)),
    )


def _told(runs: pl.DataFrame) -> pl.DataFrame:
    first = (
        runs.sort("start", "end", "run")
        .group_by("request", "exchange", maintain_order=True)
        .first()
    )
    return findings(
        first,
        check="tool_error",
        result="fails",
        at="reasoning>tool",
        stage="reasoning",
        boundary="reasoning>tool",
        cause="tool_error",
        weight="hard",
        score=0.85,
        time=pl.col("start"),
        attribute=pl.coalesce("text_in_attribute", pl.lit("input")),
        value=pl.col("tool_failure").str.slice(0, 500),
        needed="a result from the tool",
        sentence=pl.format(
            "the model was told that its tool failed: {}", quoted(pl.col("tool_failure"), 160)
        ),
    )


def _passes(runs: pl.DataFrame) -> pl.DataFrame:
    return findings(
        runs.drop("stage"),
        check="tool_error",
        result="passes",
        at="reasoning>tool",
        time=pl.col("end"),
        attribute="status",
        sentence=pl.format("the tool {} returned", quoted(pl.col("name"))),
    )


CHECK = Check("tool_error", "Did every tool that the model called come back with a result?", run)
