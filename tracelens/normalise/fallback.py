"""Places spans that no mapping gives a stage or a role, by the rows of the policy."""

from __future__ import annotations

from collections.abc import Iterable

import polars as pl

from tracelens.normalise.emitter import Key, boolean, integer, text
from tracelens.policy import RULE_KINDS, Policy
from tracelens.policy.globs import matches_any

OPERATION = text("gen_ai.operation.name")
OUTPUT_TYPE = text("gen_ai.output.type")
URLS = (text("url.full"), text("http.url"), text("url.path"), text("http.target"))
MODELS = (text("gen_ai.request.model"), text("gen_ai.response.model"), text("llm.model_name"))
SESSIONS = (text("session.id"), text("gen_ai.conversation.id"), text("conversation.id"))
USERS = (text("user.id"), text("enduser.id"))

FALLBACK_KEYS = (
    OPERATION,
    OUTPUT_TYPE,
    *URLS,
    *MODELS,
    *SESSIONS,
    *USERS,
    text("error.type"),
    integer("http.response.status_code"),
    integer("http.status_code"),
    boolean("error"),
)

#: OTLP SpanKind numbers: a server or consumer span wraps the work, it is never one stage of it.
SERVER, CONSUMER = 2, 5


def stage_by_policy(frame: pl.DataFrame, policy: Policy, models: Iterable[Key]) -> pl.DataFrame:
    """Fill `stage` where a span has neither stage nor role; `models` also hold a model's name."""
    spans = frame.filter(is_open()).with_columns(_model=_first((*MODELS, *models)))
    placed = _placed(spans, policy)
    return (
        frame.join(placed, on="_row", how="left", maintain_order="left")
        .with_columns(
            stage=pl.coalesce("stage", "_guess"),
            stage_by=pl.coalesce("stage_by", "_by"),
            emitter=pl.coalesce(
                "emitter", pl.when(pl.col("_guess").is_not_null()).then(pl.lit("policy"))
            ),
        )
        .drop("_guess", "_by")
    )


def ids_of_anyone() -> dict[str, pl.Expr]:
    """Model, session and user under the names that anyone may record them, where none is known."""
    return {
        "model": pl.coalesce("model", _first(MODELS)),
        "session_id": pl.coalesce("session_id", _first(SESSIONS)),
        "user_id": pl.coalesce("user_id", _first(USERS)),
    }


def _first(keys: Iterable[Key]) -> pl.Expr:
    return pl.coalesce(*(pl.col(key.column) for key in keys))


def is_open() -> pl.Expr:
    """Whether nothing is known yet of what a span is, and it may be a stage."""
    return (
        pl.col("stage").is_null()
        & pl.col("role").is_null()
        & ~pl.col("kind").is_in([SERVER, CONSUMER]).fill_null(False)
    )


def _placed(spans: pl.DataFrame, policy: Policy) -> pl.DataFrame:
    """`_row`, `_guess` and `_by` of spans that a rule places; each distinct text is asked once."""
    seen = spans.select("_row", **{kind: _looked_at(kind) for kind in RULE_KINDS})
    for kind in RULE_KINDS:
        texts = seen.select(kind).drop_nulls().unique()
        guesses = texts.with_columns(_guess(kind, policy).alias(f"_{kind}"))
        seen = seen.join(guesses, on=kind, how="left", maintain_order="left")
    guess = pl.coalesce(f"_{kind}" for kind in RULE_KINDS)
    by = pl.coalesce(
        pl.when(pl.col(f"_{kind}").is_not_null()).then(pl.lit(kind)) for kind in RULE_KINDS
    )
    return seen.select("_row", _guess=guess, _by=by).drop_nulls("_guess")


def _guess(kind: str, policy: Policy) -> pl.Expr:
    guess: pl.Expr = pl.lit(None, pl.String)
    for rule in policy.stage:
        if rule.by == kind:
            hit = matches_any(pl.col(kind), rule.match).fill_null(False)
            guess = pl.when(hit).then(pl.lit(rule.stage)).otherwise(guess)
    return guess


def _looked_at(kind: str) -> pl.Expr:
    """The text that rules of a kind are matched against, in lower case."""
    seen = {
        "operation": pl.coalesce(pl.col(OPERATION.column), "operation"),
        "span_name": pl.col("name"),
        "output_type": pl.col(OUTPUT_TYPE.column),
        "url_path": _url_path(),
        "model": pl.col("_model"),
        "task_name": pl.col("name").str.replace(r"\.(task|workflow|tool|agent)$", ""),
    }[kind]
    return seen.str.to_lowercase()


def _url_path() -> pl.Expr:
    url = pl.coalesce(*(pl.col(key.column) for key in URLS))
    return url.str.replace(r"^[a-zA-Z][a-zA-Z0-9+.-]*://[^/?#]*", "").str.replace(r"[?#].*$", "")
