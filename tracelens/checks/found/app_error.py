"""Did the application's own code, outside of every stage, end without an error?"""

from __future__ import annotations

import polars as pl

from tracelens.checks.finding import Check, findings, no_findings
from tracelens.checks.shared import PREFIX, deciding_runs, quoted
from tracelens.model import STAGES
from tracelens.policy.globs import matches_any
from tracelens.requests import Facts
from tracelens.requests.budgets import limit_of
from tracelens.requests.modalities import input_modalities, told_in_words
from tracelens.requests.runs import CLIENT, SERVER

TRUNCATED = (
    r"(?i)eof while parsing|unexpected end of (?:json )?input|unterminated string|length limit"
)
NOT_THERE = r"(?i)empty|none|null|undefined|missing|nothing|zero|\bno \w+"
FILTERED = r"(?i)content.?filter"
#: How validators word a rejection where the exception's type is not recorded: Pydantic, Python's
#: json, JSON Schema libraries, JavaScript's JSON.parse.
INVALID = (
    r"(?i)^\d+ validation errors? for |: line \d+ column \d+ \(char \d+\)"
    r"|is a required property|is not valid JSON|unexpected token .* in JSON"
)

#: What a gateway answers by itself (RFC 9110, 15.6): no good answer from behind it, nobody there,
#: no answer in time.
GATEWAY = (502, 503, 504)

#: What `_overran` tells of a request.
OVERRAN = {
    "request": pl.String(),
    "overran": pl.String(),
    "overran_exchange": pl.Int32(),
    "overran_span": pl.String(),
    "overran_ms": pl.Float64(),
    "budget_ms": pl.Float64(),
}

#: What a producer did wrong when a validator rejects its output, and when a value is not there.
FAULT = {"transcription": "stt_empty", "reasoning": "schema_invalid", "synthesis": "tts_empty"}
FLAW = {"transcription": "stt_empty", "reasoning": "llm_unusable", "synthesis": "tts_empty"}


def run(facts: Facts) -> pl.DataFrame:
    """One row per request whose own code failed while no stage did: who produced the value?

    An exception that a validator raises is not the validator's fault: the stage whose output it
    looked at is to blame. A value that is simply not there points to its producer too, with less
    certainty. A gateway that answers in place of an application that ended well is outside of it.
    Anything else the application raised says nothing about a stage.
    """
    failed = facts.requests.filter(
        pl.col("app_span_id").is_not_null()
        & pl.col("assistant")
        & (pl.col("own_error") | _unhandled(facts))
    )
    if failed.is_empty():
        return no_findings()
    names = facts.policy.errors
    # A call to another system that fails is no code that looked at what a stage returned.
    elsewhere = (pl.col("app_kind") == CLIENT) | (pl.col("app_role") == "other")
    kind = pl.col("app_error_type").fill_null("").str.to_lowercase()
    frame = failed.join(_producers(facts), on="request", how="left")
    frame = frame.join(_overran(facts), on="request", how="left").with_columns(
        said=pl.coalesce("app_message", "app_error_type", pl.lit("no reason given")),
        rejected=(matches_any(kind, names.validation).fill_null(False) | _worded(kind))
        & ~elsewhere.fill_null(False),
        missing=matches_any(kind, names.missing_value).fill_null(False)
        & ~elsewhere.fill_null(False)
        & _nothing_usable(),
        external=matches_any(_named(kind), names.external).fill_null(False) | _by_gateway(facts),
    )
    return _rows(frame)


def _named(kind: pl.Expr) -> pl.Expr:
    """What an error is called: its type, or its words where it has none."""
    return pl.when(kind == "").then(pl.col("app_message").str.to_lowercase()).otherwise(kind)


def _worded(kind: pl.Expr) -> pl.Expr:
    """Whether an error without a type is a validator's by its words."""
    return (kind == "") & pl.col("app_message").str.contains(INVALID).fill_null(False)


def _by_gateway(facts: Facts) -> pl.Expr:
    """Whether the request's own server span gave up while every stage behind it ended well."""
    runs = deciding_runs(facts)
    broken = runs.filter(pl.col("is_error") | pl.col("is_cancel")).get_column("request")
    behind = runs.get_column("request").is_in(broken.implode())
    well = runs.get_column("request").filter(~behind).unique()
    own = pl.col("app_span_id") == pl.col("request_span_id")
    gave_up = (pl.col("app_kind") == SERVER) & pl.col("own_http_status").is_in(GATEWAY)
    return (own & gave_up).fill_null(False) & pl.col("request").is_in(well.implode())


def _unhandled(facts: Facts) -> pl.Expr:
    """An error in the assistant's code below a request span that never says how it ended.

    It was handled when the answer was spoken, or when a stage began after it. A failed call to
    another system (a cache, a lookup that finds nothing) says nothing about the request.
    """
    fine = facts.runs.filter(~pl.col("is_error") & ~pl.col("is_cancel"))
    spoken = fine.filter(pl.col("stage") == "synthesis").get_column("request")
    after = (
        facts.runs.join(facts.requests.select("request", "app_time"), on="request")
        .filter(pl.col("start") >= pl.col("app_time"))
        .get_column("request")
    )
    went_on = pl.col("request").is_in(pl.concat([spoken, after]).unique().implode())
    elsewhere = ((pl.col("app_kind") == CLIENT) | (pl.col("app_role") == "other")).fill_null(False)
    return ~pl.col("own_ok") & ~went_on & ~elsewhere & ~pl.col("own_cancel")


def _nothing_usable() -> pl.Expr:
    """Whether a stage's output can be what the code missed a value in.

    That is so when it is empty or JSON, and when it was not recorded but the error speaks of
    something that is not there.
    """
    output = pl.col("output").str.strip_chars()
    structured = (pl.col("producer") == "reasoning") & output.str.contains(r"^(?:```|[\[{])")
    unseen = output.is_null() & pl.col("app_message").str.contains(NOT_THERE).fill_null(False)
    return unseen | ((output == "") | structured).fill_null(False)


def _producers(facts: Facts) -> pl.DataFrame:
    """The stage that had last ended when the application failed."""
    times = facts.requests.select("request", "app_time")
    ended = (
        facts.runs.filter(pl.col("stage") != "tool")
        .join(times, on="request")
        .filter(pl.col("start") <= pl.col("app_time").fill_null(2**62))
        .sort("request", "start", "end", "run")
        .group_by("request", maintain_order=True)
        .last()
    )
    return ended.select(
        "request",
        "exchange",
        producer="stage",
        producer_span="span_id",
        output="text_out",
        output_attribute="text_out_attribute",
        finish="finish_reason",
    )


def _overran(facts: Facts) -> pl.DataFrame:
    """The stage that used up the time when the application's deadline struck.

    That is the one furthest beyond its budget: the policy's, else what 95 % of the service's
    healthy requests need. Where nothing is known of budgets it is the stage
    that the deadline cut off; as it need not be the slow one, it is only blamed when at least half
    of the request's time is its own.
    """
    late = facts.requests.filter(pl.col("app_timeout").fill_null(False))
    if late.is_empty():
        return pl.DataFrame(schema=OVERRAN)
    over = _over_budget(facts, late)
    cut = _cut_off(facts, late.join(over, on="request", how="anti"))
    unknown = {name: pl.lit(None, pl.Float64) for name in ("overran_ms", "budget_ms")}
    return pl.concat([over, cut.with_columns(**unknown)])


def _over_budget(facts: Facts, late: pl.DataFrame) -> pl.DataFrame:
    """Of requests that timed out, the stage furthest beyond its budget, if one is."""
    given = input_modalities(pl.lit(told_in_words(facts.runs, late)))
    struck = late.select(
        *("request", "service", "role", "emitter", "heard_kind", "app_time"),
        input_modalities=given,
    )
    runs = facts.runs.filter(pl.col("stage") != "tool").drop("input_modalities")
    runs = runs.join(struck, on="request")
    until = pl.min_horizontal("end", pl.col("app_time"))
    # What runs at once counts once: sentences are spoken while others are made.
    covered = pl.max_horizontal(
        "start", pl.col("_until").cum_max().shift(1).over("request", "stage")
    )
    took = (
        runs.with_columns(_until=until)
        .sort("request", "stage", "start", "end", "run")
        .with_columns(_ms=(pl.col("_until") - covered).clip(lower_bound=0) / 1e6)
        .group_by("request", "stage", "service", "role", "emitter", "heard_kind")
        .agg(
            pl.col("input_modalities").first(),
            pl.col("_ms").sum().alias("overran_ms"),
            pl.col("exchange").last().alias("overran_exchange"),
            pl.col("span_id").sort_by("end", "start", "run").last().alias("overran_span"),
        )
    )
    known = facts.profiles.select(
        *("service", "role", "emitter", "stage"), heard_kind="heard", budget_ms="p95_ms"
    )
    keys = ["service", "role", "emitter", "heard_kind", "stage"]
    budgeted = took.join(known, on=keys, how="left", nulls_equal=True).with_columns(
        budget_ms=_budget(facts)
    )
    excess = pl.col("overran_ms") - pl.col("budget_ms")
    return (
        budgeted.filter(excess > 0)
        .sort("request", excess, "stage", descending=[False, True, False])
        .unique("request", keep="first", maintain_order=True)
        .rename({"stage": "overran"})
        .select(list(OVERRAN))
    )


def _budget(facts: Facts) -> pl.Expr:
    """The budget of a stage by the first row of the policy that means it, else its profile's."""
    own = [
        pl.when(pl.col("stage") == stage).then(limit_of(facts.policy, "latency", stage))
        for stage in STAGES
    ]
    return pl.coalesce(*own, "budget_ms")


def _cut_off(facts: Facts, struck: pl.DataFrame) -> pl.DataFrame:
    """The stage that a deadline cut off, where at least half of the request's time is its own."""
    late = struck.select("request", took=pl.col("end") - pl.col("start"))
    cut = facts.runs.filter(pl.col("is_cancel") & (pl.col("stage") != "tool")).join(
        late, on="request"
    )
    slow = cut.filter((pl.col("end") - pl.col("start")) * 2 >= pl.col("took"))
    return (
        slow.sort("request", "start", "end", "run")
        .group_by("request", maintain_order=True)
        .last()
        .select("request", overran="stage", overran_exchange="exchange", overran_span="span_id")
    )


def _rows(frame: pl.DataFrame) -> pl.DataFrame:
    blamed = pl.col("producer").is_not_null() & (pl.col("rejected") | pl.col("missing"))
    overran = pl.col("overran").is_not_null()
    stage = (
        pl.when(overran)
        .then("overran")
        .when("external")
        .then(pl.lit("external"))
        .when(blamed)
        .then("producer")
        .otherwise(pl.lit("undetermined"))
    )
    score = (
        pl.when(overran)
        .then(0.75)
        .when("external")
        .then(0.6)
        .when(blamed & pl.col("rejected"))
        .then(0.9)
        .when(blamed)
        .then(0.55)  # another guess than a gateway's: counted apart where confidence is measured
        .otherwise(0.2)
    )
    return findings(
        frame.with_columns(_stage=stage, _blamed=blamed),
        check="app_error",
        result="fails",
        exchange=pl.coalesce("overran_exchange", "exchange", pl.lit(0)),
        at=pl.when(overran)
        .then("overran")
        .when(blamed)
        .then("producer")
        .otherwise(pl.lit("external")),
        stage=pl.col("_stage"),
        cause=pl.when(overran)
        .then(pl.col("overran").replace_strict(PREFIX, return_dtype=pl.String) + "_timeout")
        .when("_blamed")
        .then(_cause())
        .otherwise(pl.lit("app_error")),
        weight=pl.when(overran | (blamed & pl.col("rejected")))
        .then(pl.lit("hard"))
        .otherwise(pl.lit("weak")),
        score=score,
        time=pl.col("app_time"),
        span_id=pl.coalesce("overran_span", "app_span_id"),
        attribute="exception.type",
        value=pl.coalesce("app_error_type", "said"),
        needed="code that ends without an exception",
        sentence=_sentence(),
    )


def _cause() -> pl.Expr:
    cut = pl.col("said").str.contains(TRUNCATED) | (pl.col("finish") == "length").fill_null(False)
    reasoning = pl.col("producer") == "reasoning"
    return (
        pl.when(reasoning & pl.col("said").str.contains(FILTERED))
        .then(pl.lit("llm_filtered"))
        .when(reasoning & cut & (pl.col("finish") == "length").fill_null(True))
        .then(pl.lit("llm_truncated"))
        .when(pl.col("rejected") | (pl.col("output").fill_null("") != ""))
        .then(pl.col("producer").replace_strict(FAULT, return_dtype=pl.String))
        .otherwise(pl.col("producer").replace_strict(FLAW, return_dtype=pl.String))
    )


def _sentence() -> pl.Expr:
    said = quoted(pl.col("said"), 160)
    producer = pl.col("producer").fill_null("")
    return (
        pl.when(pl.col("budget_ms").is_not_null())
        .then(
            pl.format(
                "the application's deadline struck after {} had taken {} ms of its {}: {}",
                *("overran", _whole("overran_ms"), _whole("budget_ms"), said),
            )
        )
        .when(pl.col("overran").is_not_null())
        .then(pl.format("the application's deadline struck while {} ran: {}", "overran", said))
        .when(pl.col("_blamed") & pl.col("rejected"))
        .then(pl.format("the application rejected what {} returned: {}", producer, said))
        .when("_blamed")
        .then(
            pl.format(
                "the application found nothing usable in what {} returned: {}", producer, said
            )
        )
        .otherwise(pl.format("the application failed outside of every stage: {}", said))
    )


def _whole(column: str) -> pl.Expr:
    return pl.col(column).round(0).cast(pl.Int64)


CHECK = Check("app_error", "Did the application's own code end without an error?", run)
