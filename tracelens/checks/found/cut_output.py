"""Did the model finish its answer, and do its tool arguments parse?"""

from __future__ import annotations

import polars as pl

from tracelens.checks.finding import Check, findings
from tracelens.checks.shared import deciding_runs, quoted
from tracelens.requests import Facts

#: Finish reasons of the dialects, lower case, and the cause that each stands for. The OpenTelemetry
#: GenAI conventions name stop, length, content_filter, tool_call, error; the AI SDK writes hyphens
#: and `other` where a stream ended without saying why.
REASONS = {
    "length": "llm_truncated",
    "max_tokens": "llm_truncated",
    "content_filter": "llm_filtered",
    "max_output_tokens": "llm_truncated",
    "model_length": "llm_truncated",
    "content-filter": "llm_filtered",
    "content_filtered": "llm_filtered",
    "guardrail_intervened": "llm_filtered",
    "safety": "llm_filtered",
    "prohibited_content": "llm_filtered",
    "blocklist": "llm_filtered",
    "spii": "llm_filtered",
    "recitation": "llm_filtered",
    "refusal": "llm_filtered",
    "malformed_function_call": "schema_invalid",
    "error": "llm_error",
    "other": "llm_error",
}
SENTENCES = {
    "llm_truncated": "the model's answer was cut at the token limit",
    "llm_filtered": "a content filter withheld the model's answer",
    "schema_invalid": "the model's tool call does not parse",
    "llm_error": "the model's answer ended without a proper finish",
}


def run(facts: Facts) -> pl.DataFrame:
    """One row per answer that ended for a bad reason, and per tool call that cannot be read."""
    runs = deciding_runs(facts).filter(
        (pl.col("stage") == "reasoning")
        & ~pl.col("is_error")
        & ~pl.col("is_cancel")
        & ~pl.col("excused")
        # Realtime models end what the user talks over with `error` or a reason of their own.
        & ~pl.col("speech_to_speech")
    )
    return pl.concat([_reasons(runs), _arguments(facts)])


def _reasons(runs: pl.DataFrame) -> pl.DataFrame:
    cause = (
        pl.col("finish_reason")
        .str.to_lowercase()
        .replace_strict(REASONS, default=None, return_dtype=pl.String)
    )
    ended = runs.with_columns(cause=cause).filter(pl.col("cause").is_not_null())
    return findings(
        ended,
        check="cut_output",
        result="fails",
        at="reasoning",
        weight=pl.when(pl.col("cause") == "llm_filtered")
        .then(pl.lit("hard"))
        .otherwise(pl.lit("soft")),
        score=0.8,
        time=pl.col("end"),
        attribute="finish_reason",
        value=pl.col("finish_reason"),
        needed="stop or tool_call",
        sentence=pl.col("cause").replace_strict(SENTENCES, return_dtype=pl.String),
    )


def _arguments(facts: Facts) -> pl.DataFrame:
    """Tool calls that cannot be read, unless a tool then ran: the model had corrected itself."""
    worked = facts.runs.filter((pl.col("stage") == "tool") & ~pl.col("is_error")).select(
        "request", "exchange", worked="start"
    )
    calls = facts.runs.filter(
        pl.col("bad_tool_arguments").is_not_null() & (pl.col("stage") == "reasoning")
    )
    bad = (
        calls.join(worked, on=["request", "exchange"], how="left")
        .filter(~(pl.col("worked") >= pl.col("end")).fill_null(False))
        .unique(["request", "exchange", "run"], keep="first", maintain_order=True)
    )
    return findings(
        bad,
        check="cut_output",
        result="fails",
        at="reasoning",
        cause="schema_invalid",
        weight="hard",
        score=0.85,
        time=pl.col("end"),
        attribute="tool_call.arguments",
        value=pl.col("bad_tool_arguments"),
        needed="arguments that are JSON",
        sentence=pl.format(
            "the model called a tool with arguments that do not parse: {}",
            quoted(pl.col("bad_tool_arguments")),
        ),
    )


CHECK = Check(
    "cut_output", "Did the model finish its answer, and do its tool arguments parse?", run
)
