"""Stage runs: the spans of one logical call folded together, attempts and wrappers included."""

from __future__ import annotations

import polars as pl

from tracelens.policy import ErrorNames
from tracelens.policy.globs import matches_any
from tracelens.requests.tree import nearest, nearest_above

SERVER, CLIENT = 2, 3  # OTLP SpanKind
OK, ERROR = 1, 2  # OTLP status codes

#: Where a stage stands in a request.
ORDER = {"transcription": 0, "reasoning": 1, "tool": 2, "synthesis": 3}

#: Words of a status message that tell a timeout from an abort whose type is the same.
TIMED_OUT = r"(?i)\btimed?[ -]?out|deadline"

#: How asyncio, AnyIO and gRPC word a cancellation where only a message is recorded.
CANCELLED = (
    r"(?i)^(?:[\w.]*cancell?ederror\b|cancelled by cancel scope|(?:context|call) cancell?ed)"
)

#: An exception that leaves a span is recorded as the span ends; one that was got over has work
#: after it, and no call to another system fits into this time, in ns.
LEAVING_NANOS = 5_000_000


def with_errors(spans: pl.DataFrame, names: ErrorNames) -> pl.DataFrame:
    """Add `is_error`, `is_cancel`, `is_timeout` and `abandoned` per span.

    Status alone does not decide: an emitter's own sign is an error too, and where the status was
    never set, so is whatever else says that the span failed (`_unset_error`). A client span that
    has neither an HTTP status nor an error never got its answer (OpenTelemetry semantic
    conventions, HTTP: the status code is required once one is received).
    """
    kind = pl.col("error_type").str.to_lowercase()
    message = pl.coalesce("exception_message", "status_message", pl.lit(""))
    status = (pl.col("status_code") == ERROR).fill_null(False)
    signed = pl.col("sign").is_in(["failed", "empty"]).fill_null(False)
    timeout = matches_any(kind, names.timeout).fill_null(False) | message.str.contains(TIMED_OUT)
    named = matches_any(kind, names.cancelled).fill_null(False)
    cancel = (named | (kind.is_null() & message.str.contains(CANCELLED))) & ~timeout
    http = pl.col("stage_by") == "url_path"
    # An emitter may mark what is part of its normal course: its sign says so.
    fine = (pl.col("sign") == "ok").fill_null(False)
    wrong = (status | signed | _unset_error()) & ~fine
    unanswered = pl.col("http_status").is_null() & (pl.col("kind") == CLIENT)
    abandoned = http & unanswered & ~wrong
    return spans.with_columns(
        is_error=wrong & ~cancel,
        is_cancel=(wrong & cancel) | (pl.col("sign") == "cancelled").fill_null(False),
        is_timeout=wrong & timeout,
        abandoned=abandoned.fill_null(False),
    )


def _unset_error() -> pl.Expr:
    """Whether a span failed though its status was never set; OK is the application's own word.

    Source: OpenTelemetry semantic conventions. `error.type` is only set where an operation ended
    with an error; an HTTP client span fails from 400 on, a server span from 500 on. An exception
    event counts where it is the last thing that happened: nothing was put out, and a server did
    not answer all the same.
    """
    code = pl.col("http_status")
    server = pl.col("kind") == SERVER
    refused = ((code >= 400) & (pl.col("kind") == CLIENT)) | ((code >= 500) & server)
    typed = pl.col("error_type").is_not_null() & pl.col("exception_type").is_null()
    left = pl.col("exception_unix_nano") >= pl.col("end_unix_nano") - LEAVING_NANOS
    silent = pl.col("text_out").fill_null("").str.strip_chars() == ""
    answered = (server & (code < 500)).fill_null(False)
    wrong = refused.fill_null(False) | typed | (left.fill_null(False) & silent & ~answered)
    return wrong & (pl.col("status_code") != OK).fill_null(True)


def stage_runs(spans: pl.DataFrame) -> pl.DataFrame:
    """Fold staged spans into runs: one row per logical call of a stage or tool.

    A run is the outermost span of a stage with the spans of the same stage below it: wrappers
    above, attempts and HTTP calls below. Stages inside a tool belong to the tool.

    Args:
        spans: the frame of `assign_requests` with the columns of `with_errors`.

    Returns:
        Rows sorted by request and start, with `exchange` (0-based: a new one begins where speech
        is transcribed after something was answered), `attempts`, the error of the last attempt,
        and the texts that went in and came out.
    """
    runs = _members(spans).group_by("request", "run", maintain_order=True).agg(_folded())
    # Spans of JavaScript begin on whole milliseconds: of two, the earlier stage came first.
    order = pl.col("stage").replace_strict(ORDER, return_dtype=pl.Int32)
    runs = runs.with_columns(is_error=_failed_run(), _order=order)
    return _with_exchanges(runs.sort("request", "start", "_order", "end", "run").drop("_order"))


def _members(spans: pl.DataFrame) -> pl.DataFrame:
    """Staged spans with `run` (row of the outermost), `inner` (steps below it) and `is_leaf`."""
    parent, stage = spans.get_column("parent_row"), spans.get_column("stage")
    staged = stage.is_not_null()
    above = nearest_above(parent, staged)
    outermost = staged & ~(stage.gather(above) == stage).fill_null(False)
    run = nearest(parent, outermost)
    in_tool = nearest_above(parent, (stage == "tool").fill_null(False)).is_not_null()
    inner = spans.get_column("depth") - spans.get_column("depth").gather(run)
    same = (stage.gather(above) == stage).fill_null(False)
    holds = spans.get_column("row").is_in(above.filter(same).unique().implode())
    frame = spans.with_columns(run=run, inner=inner, is_leaf=~holds)
    keep = staged & ~in_tool & spans.get_column("request").is_not_null()
    return frame.filter(keep).sort("request", "run", "inner", "start_unix_nano", "span_id")


def _folded() -> list[pl.Expr]:
    outer = pl.col("inner") == 0
    deep = pl.col("is_error") & (pl.col("inner") == pl.col("inner").filter("is_error").max())
    return [
        pl.col("span_id").first(),
        pl.col("stage").first(),
        pl.col("stage_by").first(),
        pl.col("emitter").drop_nulls().first(),
        pl.coalesce(pl.col("tool_name").drop_nulls().first(), pl.col("name").first()).alias("name"),
        pl.col("model").drop_nulls().first(),
        pl.col("start_unix_nano").min().alias("start"),
        pl.col("end_unix_nano").max().alias("end"),
        pl.col("is_leaf").sum().cast(pl.Int32).alias("attempts"),
        pl.col("speech_to_speech").any(),
        pl.col("interrupted").any(),
        (pl.col("is_cancel") | pl.col("abandoned")).last().alias("is_cancel"),
        pl.col("is_error").filter(outer).any().alias("outer_error"),
        (pl.col("status_code").filter(outer) == OK).any().alias("outer_ok"),
        _last_leaf_error(),
        pl.col("is_error").sum().cast(pl.Int32).alias("errors"),
        pl.col("is_timeout").any(),
        pl.col("span_id").filter(deep).last().alias("error_span_id"),
        pl.col("error_type").filter("is_error").drop_nulls().last().alias("error_type"),
        _message().filter(pl.col("is_error")).drop_nulls().last().alias("error_message"),
        pl.col("http_status").filter("is_error").drop_nulls().last().alias("http_status"),
        pl.col("sign").drop_nulls().last(),
        pl.col("sign_cause").drop_nulls().last(),
        pl.col("sign_attribute").drop_nulls().last(),
        pl.col("sign_sentence").drop_nulls().last(),
        _outer_text("text_in"),
        _outer_attribute("text_in"),
        _last_text("text_out"),
        pl.col("text_out_attribute").filter(pl.col("text_out").is_not_null()).last(),
        pl.col("context_in").drop_nulls().last(),
        pl.col("tool_calls").max(),
        pl.col("bad_tool_arguments").drop_nulls().last(),
        pl.col("tool_failure").drop_nulls().last(),
        pl.col("tool_results").drop_nulls().last(),
        pl.col("finish_reason").drop_nulls().last(),
        pl.col("input_modalities").drop_nulls().explode().unique().sort().alias("input_modalities"),
        pl.col("output_modalities")
        .drop_nulls()
        .explode()
        .unique()
        .sort()
        .alias("output_modalities"),
        pl.col("ttft_ms").drop_nulls().first(),
        pl.col("ttfb_ms").drop_nulls().first(),
        pl.col("audio_seconds").max(),
        pl.col("output_audio_seconds").max(),
        pl.col("output_tokens").max(),
        pl.col("span_id").alias("span_ids"),
    ]


def _last_leaf_error() -> pl.Expr:
    leaf_end = pl.when("is_leaf").then(pl.col("end_unix_nano").fill_null(0))
    return pl.col("is_error").gather(leaf_end.arg_max()).first().alias("leaf_error")


def _message() -> pl.Expr:
    said = pl.coalesce("exception_message", "status_message")
    return pl.when(said.str.strip_chars().str.len_chars() > 0).then(said)


def _outer_text(column: str) -> pl.Expr:
    """The text nearest to the outside; sentences side by side are joined, repeats dropped."""
    has = pl.col(column).is_not_null()
    level = pl.col("inner") == pl.col("inner").filter(has).min()
    texts = pl.col(column).filter(has & level).unique(maintain_order=True)
    return pl.when(has.any()).then(texts.str.join(" ")).alias(column)


def _outer_attribute(column: str) -> pl.Expr:
    has = pl.col(column).is_not_null()
    return pl.col(f"{column}_attribute").filter(has).first().alias(f"{column}_attribute")


def _last_text(column: str) -> pl.Expr:
    """What came out: the outermost span that holds words, of several the last."""
    has = pl.col(column).str.strip_chars().str.len_chars() > 0
    level = pl.col("inner") == pl.col("inner").filter(has).min()
    words = pl.col(column).filter(has & level).last()
    return pl.coalesce(words, pl.col(column).drop_nulls().last()).alias(column)


def _failed_run() -> pl.Expr:
    """A run failed when its outermost span did, or when it says nothing and its last attempt did.

    A wrapper whose status is OK has handled what went wrong below it; one that is merely unset
    and has no words has not.
    """
    silent = pl.col("text_out").fill_null("").str.strip_chars() == ""
    return pl.col("outer_error") | (~pl.col("outer_ok") & pl.col("leaf_error") & silent)


def _with_exchanges(runs: pl.DataFrame) -> pl.DataFrame:
    heard = pl.col("stage") == "transcription"
    spoken = pl.col("stage").is_in(["reasoning", "synthesis"]).cast(pl.Int32)
    served = spoken.cum_sum().over("request")
    turns = pl.when(heard).then(served).forward_fill().over("request").fill_null(-1)
    return runs.with_columns(exchange=(turns.rle_id().over("request")).cast(pl.Int32))
