"""The whole answer to a what-if: money, times, whom it touches, and how those fare today."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import polars as pl

from tracelens.analyse.what_if.baseline import Baseline
from tracelens.analyse.what_if.caps import money_saved, unsplit
from tracelens.analyse.what_if.notes import general_notes, rule_notes
from tracelens.analyse.what_if.replay import Replayed, replay
from tracelens.analyse.what_if.results import Bounds, Group, Money, RuleEffect, Share, Times, WhatIf
from tracelens.analyse.what_if.rows import rule_row, rule_text
from tracelens.analyse.what_if.rules import Rule, Rules
from tracelens.analyse.what_if.shares import wilson
from tracelens.analyse.what_if.times import compare_groups, compare_times
from tracelens.policy import Cap, Route

#: What a sum over touched requests needs, by name.
SUMS: Final = {
    "touched": pl.len(),
    "refused": pl.col("refused").sum(),
    "saved_low": pl.col("saved_low").sum(),
    "saved_high": pl.col("saved_high").sum(),
    "failed": pl.col("failed").sum(),
    "judged": pl.col("failed").count(),
}


def what_if(base: Baseline, rules: Rules, *, limit: int = 100) -> WhatIf:
    """What requests would cost and take under some rules, and how those that they touch fare today.

    A request that a cap touches is not routed, and budgets stop stages of requests that are neither
    refused nor routed. `limit` is how many of the touched requests are listed.
    """
    done = replay(base, rules)
    touched, measured = done.touched, [each.times for each in done.moved.values()]
    own = touched.select(**SUMS).row(0, named=True)
    all_ = base.totals.select(pl.col(pl.Int64, pl.UInt32, pl.Float64).sum()).row(0, named=True)
    latency, ttfa = (compare_times(base, touched, measured, n) for n in ("duration_ms", "ttfa_ms"))
    return WhatIf(
        n=base.n,
        touched=own["touched"],
        share=own["touched"] / base.n if base.n else None,
        refused=own["refused"],
        cost=_money(all_, own),
        latency=latency,
        ttfa=ttfa,
        failed_today=wilson(own["failed"], own["judged"]),
        failed_rest=_rest(all_, own),
        rules=[_effect(base, done, all_, name, rule) for name, rule in rules.named()],
        groups=_groups(base, touched, compare_groups(base, touched, measured)),
        requests=_listed(base, touched, [name for name, _ in rules.named()], limit),
        notes=general_notes(base.n, len(rules.named()), all_, latency.unknown),
    )


def _groups(base: Baseline, touched: pl.DataFrame, times: Mapping[str, Times]) -> list[Group]:
    sums = touched.group_by("group").agg(**SUMS).with_columns(pl.col("group").cast(pl.String))
    own = {row["group"]: row for row in sums.iter_rows(named=True)}
    none = dict.fromkeys(SUMS, 0)
    return [
        Group(
            by=total["group"],
            n=total["n"],
            touched=own.get(total["group"], none)["touched"],
            refused=own.get(total["group"], none)["refused"],
            cost=_money(total, own.get(total["group"], none)),
            latency=times[total["group"]],
        )
        for total in base.totals.iter_rows(named=True)
    ]


def _effect(
    base: Baseline, done: Replayed, total: Mapping[str, Any], name: str, rule: Rule
) -> RuleEffect:
    low, high = _saved_by(name, rule)
    left = unsplit(rule) if isinstance(rule, Cap) else pl.lit(None, pl.Float64)
    own = (
        done.touched.filter(pl.col(name))
        .select(saved_low=low, saved_high=high, left=left, failed="failed")
        .select(
            pl.len().alias("touched"),
            pl.col("saved_low").count().alias("priced"),
            pl.col("left").count().alias("unsplit"),
            pl.col("saved_low", "saved_high", "left", "failed").sum(),
            pl.col("failed").count().alias("judged"),
        )
        .row(0, named=True)
    )
    moved = done.moved.get(name)
    return RuleEffect(
        kind=name.split()[0],
        rule=rule_text(rule),
        row=rule_row(rule),
        touched=own["touched"],
        share=own["touched"] / base.n if base.n else None,
        refused=own["touched"] if isinstance(rule, Cap) and rule.how == "reject" else 0,
        saved=_saved(own),
        failed_today=wilson(own["failed"], own["judged"]),
        failed_rest=_rest(total, own),
        unknown=done.unknown[name],
        unsplit=own["unsplit"],
        unsplit_usd=own["left"] or 0.0,
        comparable=moved.comparable if moved else None,
        failed_comparable=moved.failed_comparable if moved else None,
        not_moved=moved.not_moved if moved else 0,
        refused_because=moved.refused_because if moved else None,
        notes=rule_notes(rule),
    )


def _saved(own: Mapping[str, Any]) -> Bounds:
    known = own["priced"] or not own["touched"]
    return Bounds(own["saved_low"], own["saved_high"]) if known else Bounds(None, None)


def _saved_by(name: str, rule: Rule) -> tuple[pl.Expr, pl.Expr]:
    if isinstance(rule, Cap):
        return money_saved([(name, rule)])
    if isinstance(rule, Route):
        return pl.col("saved_low"), pl.col("saved_high")
    nothing = pl.when(pl.col("cost_usd").is_not_null()).then(0.0)
    return nothing, nothing


def _money(total: Mapping[str, Any], own: Mapping[str, Any]) -> Money:
    n, priced = int(total["n"]), int(total["priced"])
    if not priced:
        return Money(None, Bounds(None, None), 0, n, 0)
    before = float(total["cost"])
    after = Bounds(before - own["saved_high"], before - own["saved_low"])
    return Money(before, after, priced, n - priced, int(total["lower_bound"] or 0))


def _rest(total: Mapping[str, Any], own: Mapping[str, Any]) -> Share:
    """How the requests fare that are not touched."""
    return wilson(total["failed"] - own["failed"], total["judged"] - own["judged"])


def _listed(
    base: Baseline, touched: pl.DataFrame, names: Sequence[str], limit: int
) -> pl.DataFrame:
    """The touched requests whose bill changes most, and of those alike whose time does."""
    gain = pl.max_horizontal(pl.col("saved_low").abs(), pl.col("saved_high").abs()).fill_null(0)
    time = (pl.col("duration_ms") - pl.col("duration_ms_low")).fill_null(0)
    ranked = touched.select(gain=gain, time=time, place=pl.int_range(pl.len()))
    order = ranked.top_k(limit, by=["gain", "time"]).sort(
        "gain", "time", "place", descending=[True, True, False]
    )
    chosen = touched[order["place"]]
    acting = [
        pl.when(pl.col(name)).then(pl.lit(i, pl.Int64)).otherwise(None)
        for i, name in enumerate(names)
    ]
    rules = pl.concat_list(acting).list.drop_nulls() if acting else pl.lit([], pl.List(pl.Int64))
    who = base.frame.select("request_id", "inputs", "service")[chosen["row"]]
    changes = chosen.select(
        "failed",
        "refused",
        rules.alias("rules"),
        "cost_usd",
        (pl.col("cost_usd") - pl.col("saved_high")).alias("cost_low"),
        (pl.col("cost_usd") - pl.col("saved_low")).alias("cost_high"),
        "duration_ms",
        pl.col("duration_ms_low").alias("duration_low"),
        pl.col("duration_ms_high").alias("duration_high"),
    )
    texts = pl.col("inputs", "service").cast(pl.String)
    return pl.concat([who.with_columns(texts), changes], how="horizontal")
