"""Service profiles: what a service's requests of one kind usually have, learned from them."""

from __future__ import annotations

import hashlib
import json
from typing import Any, Final

import polars as pl

from tracelens.model import PROFILE, STAGES
from tracelens.policy import ProfileRules

#: What tells one kind of request from another: columns of `PROFILE`.
KIND: Final = ["service", "role", "emitter", "heard"]

DAY_NANOS: Final = 86_400_000_000_000

NO_PROFILES: Final = pl.DataFrame(schema=PROFILE)


def build_profiles(rows: pl.DataFrame, rules: ProfileRules) -> pl.DataFrame:
    """What the requests of each service and kind usually have: rows of `PROFILE`.

    The same requests give the same rows, in whatever order and however often each is there.
    A request that failed tells which stages it ran, and nothing of those it lacked; one that only
    lacks a stage tells both, or a service that answers in text could never show that it does.
    Quantiles are those of the nearest rank.

    Args:
        rows: `request_id, service, emitter, start_unix_nano, shape` of requests; those without a
            service or a shape tell nothing.
        rules: how many requests tell something, and which shares mean what.
    """
    told = rows.filter(
        pl.col("service").is_not_null() & pl.col("shape").struct.field("profile").is_not_null()
    ).unique("request_id")
    flat = told.select(
        "service", "emitter", (pl.col("start_unix_nano") // DAY_NANOS).alias("day"), "shape"
    ).unnest("shape")
    long = pl.concat([_of_stage(flat, stage) for stage in STAGES])
    took = pl.col("ms").drop_nulls()
    enough = took.len() >= rules.requests
    grouped = long.group_by(*KIND, "stage").agg(
        pl.len().cast(pl.Int64).alias("requests"),
        pl.col("ran").sum().cast(pl.Int64),
        pl.col("day").n_unique().cast(pl.Int64).alias("days"),
        *(
            pl.when(enough).then(took.quantile(share, "higher").round(3)).alias(name)
            for name, share in (("p50_ms", 0.5), ("p95_ms", 0.95))
        ),
    )
    kept = grouped.filter(pl.col("requests") >= rules.requests)
    decided = kept.with_columns(expected=_expected(rules)).match_to_schema(PROFILE)
    return decided.sort(*KIND, pl.col("stage").cast(pl.Enum(STAGES)), nulls_last=True)


def _of_stage(flat: pl.DataFrame, stage: str) -> pl.DataFrame:
    """The requests in which the turn of a stage came."""
    return flat.filter(pl.col("due").list.contains(stage)).select(
        *KIND,
        "day",
        stage=pl.lit(stage),
        ran=pl.col("ran").list.contains(stage),
        ms=pl.when("healthy").then(pl.col("took_ms").struct.field(stage)),
    )


def _expected(rules: ProfileRules) -> pl.Expr:
    """Whether the stage is expected; null where the policy decides.

    A trace without speech may be anything that calls a model: there the policy decides.
    """
    share = pl.col("ran") / pl.col("requests")
    spoken = (pl.col("role") != "trace") | pl.col("heard").fill_null(False)
    return (
        pl.when(spoken & (share >= rules.expected))
        .then(True)
        .when(spoken & _hardly_any(rules) & (pl.col("days") >= rules.days))
        .then(False)
    )


def _hardly_any(rules: ProfileRules) -> pl.Expr:
    return pl.col("ran") / pl.col("requests") <= rules.unexpected


def too_brief(profiles: pl.DataFrame, rules: ProfileRules) -> pl.DataFrame:
    """Rows of stages that hardly any request ran, on too few days to tell design from outage."""
    spoken = (pl.col("role") != "trace") | pl.col("heard").fill_null(False)
    return profiles.filter(spoken & _hardly_any(rules) & (pl.col("days") < rules.days))


def changed(old: pl.DataFrame, new: pl.DataFrame) -> pl.DataFrame:
    """Rows of the new profiles that expect something else than the old ones, with `before`.

    A kind of request that has no profile any more is there with what the policy decides.
    """
    keys = [*KIND, "stage"]
    counts = ("requests", "ran", "days")
    before = old.select(*keys, before="expected", **{f"_{name}": name for name in counts})
    both = new.join(before, on=keys, how="full", nulls_equal=True, coalesce=True)
    filled = both.with_columns(pl.coalesce(name, f"_{name}").alias(name) for name in counts)
    return (
        filled.filter(pl.col("expected").ne_missing(pl.col("before")))
        .select(*PROFILE.names(), "before")
        .sort(*KIND, pl.col("stage").cast(pl.Enum(STAGES)), nulls_last=True)
    )


def heard_kind() -> pl.Expr:
    """`heard` as profiles tell kinds of request apart, over the frame of `summarise`.

    Only traces: a turn in which nothing was heard is what is to be found out.
    """
    return pl.when(pl.col("role") == "trace").then(pl.col("surely_heard").fill_null(False))


def profile_keys(requests: pl.DataFrame) -> pl.Series:
    """The key of the profile that judges each request; null without a service.

    It tells `service, role, emitter, heard, timed_out`: requests that timed out have a key of their
    own, as they alone depend on the durations.
    """
    columns = [*KIND, "timed_out"]
    kinds = requests.select(columns).unique()
    keyed = kinds.with_columns(
        _key=pl.Series([_key(row) for row in kinds.iter_rows()], dtype=pl.String)
    )
    joined = requests.select(columns).join(
        keyed, on=columns, how="left", nulls_equal=True, maintain_order="left"
    )
    return joined.get_column("_key").alias("profile")


def signatures(profiles: pl.DataFrame) -> dict[str, str]:
    """What a verdict takes from each profile, as 8 hex digits by its key; nothing has no key."""
    found: dict[str, str] = {}
    for kind, rows in profiles.group_by(KIND, maintain_order=True):
        ordered = rows.sort("stage")
        expected = ordered.select("stage", "expected").drop_nulls("expected").rows()
        budgets = ordered.select("stage", "p95_ms").drop_nulls("p95_ms").rows()
        if expected:
            found[str(_key((*kind, False)))] = _digest(expected)
        if expected or budgets:
            found[str(_key((*kind, True)))] = _digest([expected, budgets])
    return found


def _key(kind: tuple[Any, ...]) -> str | None:
    return None if kind[0] is None else _digest(kind, 16)


def _digest(value: Any, length: int = 8) -> str:
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()[:length]
