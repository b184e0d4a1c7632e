"""Places spans that no mapping gives a stage or a role, by the rows of the policy."""

from __future__ import annotations

import polars as pl

from tracelens.normalise.emitter import boolean, integer, text
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


def stage_by_policy(frame: pl.DataFrame, policy: Policy) -> pl.DataFrame:
    """Fill `stage` where a span has neither stage nor role, and the ids that anyone may record."""
    open_span = (
        pl.col("stage").is_null()
        & pl.col("role").is_null()
        & ~pl.col("kind").is_in([SERVER, CONSUMER]).fill_null(False)
    )
    guesses = {kind: _guess(kind, policy) for kind in RULE_KINDS}
    guess = pl.coalesce(*guesses.values(), pl.lit(None, pl.String))
    by = pl.coalesce(
        *(pl.when(found.is_not_null()).then(pl.lit(kind)) for kind, found in guesses.items()),
        pl.lit(None, pl.String),
    )
    return frame.with_columns(
        stage=pl.when(open_span).then(guess).otherwise("stage"),
        stage_by=pl.when(open_span).then(by).otherwise("stage_by"),
        emitter=pl.coalesce(
            "emitter", pl.when(open_span & guess.is_not_null()).then(pl.lit("policy"))
        ),
        model=pl.coalesce("model", *(pl.col(key.column) for key in MODELS)),
        session_id=pl.coalesce("session_id", *(pl.col(key.column) for key in SESSIONS)),
        user_id=pl.coalesce("user_id", *(pl.col(key.column) for key in USERS)),
    )


def _guess(kind: str, policy: Policy) -> pl.Expr:
    seen = _looked_at(kind)
    guess: pl.Expr = pl.lit(None, pl.String)
    for rule in policy.stage:
        if rule.by == kind:
            hit = matches_any(seen, rule.match).fill_null(False)
            guess = pl.when(hit).then(pl.lit(rule.stage)).otherwise(guess)
    return guess


def _looked_at(kind: str) -> pl.Expr:
    """The text that rules of a kind are matched against, in lower case."""
    seen = {
        "operation": pl.coalesce(pl.col(OPERATION.column), "operation"),
        "span_name": pl.col("name"),
        "output_type": pl.col(OUTPUT_TYPE.column),
        "url_path": _url_path(),
        "model": pl.coalesce(*(pl.col(key.column) for key in MODELS)),
        "task_name": pl.col("name").str.replace(r"\.(task|workflow|tool|agent)$", ""),
    }[kind]
    return seen.str.to_lowercase()


def _url_path() -> pl.Expr:
    url = pl.coalesce(*(pl.col(key.column) for key in URLS))
    return url.str.replace(r"^[a-zA-Z][a-zA-Z0-9+.-]*://[^/?#]*", "").str.replace(r"[?#].*$", "")
