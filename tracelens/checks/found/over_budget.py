"""Did the request keep to the budgets of the policy?"""

from __future__ import annotations

from typing import Final

import polars as pl

from tracelens.checks.finding import Check, findings, no_findings
from tracelens.model import STAGES
from tracelens.requests import Facts
from tracelens.requests.budgets import budgets_of, failing, limit_of, measure
from tracelens.requests.chain import PARTS
from tracelens.requests.modalities import input_modalities, told_in_words

#: What is over its budget, in words.
SUBJECTS: Final[dict[tuple[str, str | None], str]] = {
    ("latency", None): "the request took",
    ("ttfa", None): "the first audio came after",
    ("ttfa", "transcript"): "the transcript took",
    ("ttfa", "first_token"): "the first token took",
    ("ttfa", "first_audio"): "the first audio took",
    ("cost", None): "the request cost",
    **{("latency", stage): f"{stage} took" for stage in STAGES},
    **{("cost", stage): f"{stage} cost" for stage in (*STAGES, "tool")},
}
#: Where what is over its budget stands.
PLACES: Final[dict[str, str]] = {
    **{stage: stage for stage in STAGES},
    **PARTS,
    "tool": "reasoning>tool",
}


def run(facts: Facts) -> pl.DataFrame:
    """One row per budget that means a request; what fails weighs nothing unless the row says so.

    A failure by a budget is a guess beside whatever else broke the request: slow is what was seen,
    and the reason for it may be the other finding.
    """
    if not facts.policy.budget:
        return no_findings()
    frame = _measured(facts)
    return pl.concat([_rows(frame, facts, *each) for each in budgets_of(facts.policy)])


def _measured(facts: Facts) -> pl.DataFrame:
    """The requests with the columns that budgets look at."""
    told = told_in_words(facts.runs, facts.requests)
    return facts.requests.with_columns(
        input_modalities=input_modalities(pl.lit(told)),
        duration_ms=((pl.col("end") - pl.col("start")) / 1e6).round(6),
        shape=pl.struct("took_ms"),
    )


def _rows(frame: pl.DataFrame, facts: Facts, metric: str, of: str | None) -> pl.DataFrame:
    policy = facts.policy
    place = None if of is None else PLACES[of]
    rows = frame.with_columns(
        value=measure(metric, of),
        limit=limit_of(policy, metric, of),
        counts=failing(policy, metric, of),
        worst=_worst(facts, metric),
    ).filter(pl.col("limit").is_not_null() & pl.col("assistant"))
    rows = rows.join(_longest(facts, place), on="request", how="left", maintain_order="left")
    over = (pl.col("value") > pl.col("limit")).fill_null(False)
    fails = over & pl.col("counts")
    stage = pl.lit(place) if place in STAGES else pl.lit("reasoning" if place else None, pl.String)
    blamed = pl.coalesce(stage, "worst", pl.lit("undetermined"))
    known = pl.col("value").is_not_null()
    at = pl.when(fails & pl.lit(place is None) & (blamed != "undetermined")).then(blamed)
    return findings(
        rows.drop("stage", strict=False),
        check="over_budget",
        result=pl.when(over)
        .then(pl.lit("fails"))
        .when(known)
        .then(pl.lit("passes"))
        .otherwise(pl.lit("no_data")),
        at=at.otherwise(pl.lit(place or "request")),
        exchange=pl.col("run_exchange").fill_null(0),
        stage=pl.when(fails).then(blamed),
        boundary=pl.when(fails).then(pl.lit(place if place not in STAGES else None, pl.String)),
        cause=pl.when(fails).then(pl.lit("over_budget")),
        weight=pl.when(fails).then(pl.lit("weak")),
        score=pl.when(fails).then(0.6 if of is None else 0.9),
        time=pl.coalesce("run_end", "end"),
        span_id=pl.coalesce("run_span", "request_span_id"),
        attribute=pl.lit(None, pl.String),
        value=_amount("value", metric),
        needed=pl.format("at most {}", _amount("limit", metric)),
        sentence=_sentence(metric, of, over),
    )


def _worst(facts: Facts, metric: str) -> pl.Expr:
    """The stage that is most beyond its own budget, or takes most where it has none.

    Of time only what is on the critical path counts: nobody waited for the rest. Tools are called
    by reasoning. Where most of a request's time went by in no stage, none is to blame.
    """
    column = "cost_by_stage" if metric == "cost" else "path_ms"
    own = "cost" if metric == "cost" else "latency"
    used = pl.col(column).struct
    excess: list[tuple[pl.Expr, str]] = [
        (used.field(stage) - limit_of(facts.policy, own, stage).fill_null(0), stage)
        for stage in STAGES
    ]
    of_tools = limit_of(facts.policy, "cost", "tool").fill_null(0) if metric == "cost" else 0
    excess.append((used.field("tool") - of_tools, "reasoning"))
    if metric == "latency":
        excess.append((used.field("residual"), "undetermined"))
    most = pl.max_horizontal(each for each, _ in excess)
    return pl.coalesce(
        pl.when((each == most) & (each > 0)).then(pl.lit(blamed)) for each, blamed in excess
    )


def _longest(facts: Facts, place: str | None) -> pl.DataFrame:
    """The longest run of a stage in each request."""
    stage = "tool" if place == "reasoning>tool" else place
    runs = facts.runs.filter(pl.col("stage") == pl.lit(stage, pl.String))
    ordered = runs.sort(pl.col("end") - pl.col("start"), "run", nulls_last=False)
    return ordered.group_by("request", maintain_order=True).agg(
        pl.col("span_id").last().alias("run_span"),
        pl.col("exchange").last().alias("run_exchange"),
        pl.col("end").last().alias("run_end"),
    )


def _amount(column: str, metric: str) -> pl.Expr:
    if metric == "cost":
        return pl.format("${}", pl.col(column).round(6))
    return pl.format("{} ms", pl.col(column).round(0).cast(pl.Int64, strict=False))


def _sentence(metric: str, of: str | None, over: pl.Expr) -> pl.Expr:
    said = SUBJECTS[metric, of]
    value, limit = _amount("value", metric), _amount("limit", metric)
    what = said.rpartition(" ")[0]
    unknown = "what it cost" if metric == "cost" else "the time"
    return (
        pl.when(over)
        .then(pl.format(f"{said} {{}}, over its budget of {{}}", value, limit))
        .when(pl.col("value").is_not_null())
        .then(pl.format(f"{said} {{}}, within its budget of {{}}", value, limit))
        .otherwise(pl.format(f"{what} has a budget of {{}}, and {unknown} is not recorded", limit))
    )


CHECK = Check("over_budget", "Did the request keep to the budgets of the policy?", run)
