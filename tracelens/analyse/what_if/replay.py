"""Replays requests under caps, routes and latency budgets: what they would cost and take."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import polars as pl

from tracelens.analyse.what_if.baseline import Baseline, Values
from tracelens.analyse.what_if.budgets import budget_masks, retime
from tracelens.analyse.what_if.caps import cap_masks, money_saved, refused, time_saved, unsplit
from tracelens.analyse.what_if.notes import rule_notes
from tracelens.analyse.what_if.quantiles import LEAST, QUANTILES, Mixture
from tracelens.analyse.what_if.results import (
    Bounds,
    Group,
    Money,
    Quantile,
    RuleEffect,
    Share,
    Times,
    WhatIf,
)
from tracelens.analyse.what_if.routes import TIMES, Moved, move
from tracelens.analyse.what_if.rows import Rule, rule_row, rule_text
from tracelens.analyse.what_if.shares import wilson
from tracelens.analyse.what_if.sizes import SIZE_EFFECTS
from tracelens.model import CONTENTS, STAGES
from tracelens.policy import Budget, Cap, Policy, Route

METRICS: Final = {"duration_ms": "latency", "ttfa_ms": "ttfa"}


@dataclass(frozen=True)
class Rules:
    """What is tried: rows as a policy has them, and how many comparable requests a route needs."""

    caps: tuple[Cap, ...] = ()
    routes: tuple[Route, ...] = ()
    budgets: tuple[Budget, ...] = ()
    comparable: int = 30

    @classmethod
    def of(cls, policy: Policy) -> Rules:
        """The rows of a policy. Budgets in dollars or for parts of the way to the first audio are
        checks; nothing can be retimed by them."""
        return cls(
            policy.cap,
            policy.route,
            tuple(each for each in policy.budget if _stops_a_stage(each)),
            policy.what_if.comparable,
        )

    def all(self) -> list[tuple[str, Rule]]:
        """Every row with a column name of its own, in the order in which they act."""
        return [
            *((f"cap {i}", cap) for i, cap in enumerate(self.caps)),
            *((f"route {i}", route) for i, route in enumerate(self.routes)),
            *((f"budget {i}", budget) for i, budget in enumerate(self.budgets)),
        ]


def what_if(base: Baseline, rules: Rules, *, limit: int = 100) -> WhatIf:
    """What requests would cost and take under some rules, and how those that they touch fare today.

    A request that a cap touches is not routed, and budgets stop stages of requests that are neither
    refused nor routed. `limit` is how many of the touched requests are listed.
    """
    after = _Replay(base, rules)
    return WhatIf(
        n=base.n,
        touched=after.touched.height,
        share=after.touched.height / base.n if base.n else None,
        refused=after.count("refused"),
        cost=_money(base.totals, after.touched),
        latency=after.times("duration_ms"),
        ttfa=after.times("ttfa_ms"),
        failed_today=_failed(after.touched),
        failed_rest=_rest(base, after.touched),
        rules=[after.effect(name, rule) for name, rule in rules.all()],
        groups=[after.group(row) for row in base.totals.iter_rows(named=True)],
        requests=_listed(base, after.touched, [name for name, _ in rules.all()], limit),
        notes=_notes(base, after.touched),
    )


class _Replay:
    """Requests that rules touch, one row each, with what they cost and take after.

    `touched` has the columns of the baseline that are needed, a column per rule that says whether
    it acts, and `refused, routed, saved_low, saved_high, cost_low, cost_high` and `NAME_low,
    NAME_high` of times; these are null once a request is routed or refused.
    """

    def __init__(self, base: Baseline, rules: Rules) -> None:
        self._base = base
        self._caps = [(f"cap {i}", cap) for i, cap in enumerate(rules.caps)]
        self._budgets = [(f"budget {i}", each) for i, each in enumerate(rules.budgets)]
        acts, self._unknown = self._masks(rules)
        self._moved = self._move(rules, acts)
        for name, moved in self._moved.items():
            acts[name] = _mask(base.n, moved.rows["row"])
        self.touched = self._change(acts)

    def count(self, name: str) -> int:
        """How many touched requests a column of truth values is true for."""
        return int(self.touched[name].sum() or 0)

    def times(self, name: str, group: str | None = None) -> Times:
        """Quantiles of a time before and after, of all requests or of a modality."""
        base, touched = self._base, self.touched
        before = base.sorted[name] if group is None else base.durations[group]
        if group is not None:
            touched = touched.filter(pl.col("group") == group)
        touched = touched.drop_nulls(name)
        added = [moved.times[name] for moved in self._moved.values()]
        if group is not None:
            added = [each.filter(pl.col("group") == group) for each in added]
        low, high = (_mixture(before, touched, name, bound, added) for bound in ("low", "high"))
        width = sum(float((each["width"]).sum()) for each in added) / max(low.n, 1)
        same = _mixture(before, touched.clear(), name, "low", [])
        return Times(
            METRICS[name],
            n_before=len(before),
            n_after=low.n,
            quantiles=[
                Quantile(
                    label,
                    same.quantile(q) if same.n >= LEAST[label] else None,
                    Bounds(low.quantile(q - width), high.quantile(q + width))
                    if low.n >= LEAST[label]
                    else Bounds(None, None),
                )
                for label, q in QUANTILES.items()
            ],
            unknown=int(touched[f"{name}_unknown"].sum() or 0),
        )

    def group(self, total: Mapping[str, Any]) -> Group:
        """What happens to the requests of a modality, a row of the baseline's totals."""
        own = self.touched.filter(pl.col("group") == total["group"])
        return Group(
            by=total["group"],
            n=total["n"],
            touched=own.height,
            refused=int(own["refused"].sum() or 0),
            cost=_money(pl.DataFrame([total]), own),
            latency=self.times("duration_ms", total["group"]),
        )

    def effect(self, name: str, rule: Rule) -> RuleEffect:
        """What one rule does."""
        own = self.touched.filter(pl.col(name))
        moved = self._moved.get(name)
        low, high = self._saved_by(name, rule)
        priced = own.select(low=low, high=high).drop_nulls()
        left = own.select(usd=unsplit(rule))["usd"].drop_nulls() if isinstance(rule, Cap) else None
        return RuleEffect(
            kind=name.split()[0],
            rule=rule_text(rule),
            row=rule_row(rule),
            touched=own.height,
            share=own.height / self._base.n if self._base.n else None,
            refused=own.height if isinstance(rule, Cap) and rule.how == "reject" else 0,
            saved=Bounds(float(priced["low"].sum()), float(priced["high"].sum()))
            if priced.height
            else Bounds(None, None),
            failed_today=_failed(own),
            failed_rest=_rest(self._base, own),
            unknown=moved.unknown if moved else self._unknown[name],
            unsplit=0 if left is None else len(left),
            unsplit_usd=0.0 if left is None else float(left.sum()),
            comparable=moved.comparable if moved else None,
            failed_comparable=moved.failed_comparable if moved else None,
            not_moved=moved.not_moved if moved else 0,
            refused_because=moved.refused_because if moved else None,
            notes=rule_notes(rule),
        )

    def _saved_by(self, name: str, rule: Rule) -> tuple[pl.Expr, pl.Expr]:
        if isinstance(rule, Cap):
            return money_saved([(name, rule)])
        if isinstance(rule, Route):
            return pl.col("saved_low"), pl.col("saved_high")
        nothing = pl.when(pl.col("cost_usd").is_not_null()).then(0.0)
        return nothing, nothing

    def _masks(self, rules: Rules) -> tuple[dict[str, pl.Series], dict[str, int]]:
        """Of caps and budgets, whom each acts on, and for how many it is not known."""
        base = self._base
        pairs = {
            **dict(zip(_names(self._caps), cap_masks(base, rules.caps), strict=True)),
            **dict(zip(_names(self._budgets), budget_masks(base, rules.budgets), strict=True)),
        }
        if not pairs:
            return {}, {}
        acts = base.frame.select(**{name: mask for name, (mask, _) in pairs.items()})
        unknown = base.frame.select(
            **{name: doubt.fill_null(False).sum() for name, (_, doubt) in pairs.items()}
        )
        return _columns(acts, base.n), unknown.row(0, named=True)

    def _move(self, rules: Rules, acts: Mapping[str, pl.Series]) -> dict[str, Moved]:
        free = pl.repeat(True, self._base.n, eager=True)
        for name in _names(self._caps):
            free &= ~acts[name]
        found = {}
        for number, route in enumerate(rules.routes):
            moved = move(self._base, route, free, rules.comparable)
            found[f"route {number}"] = moved
            free &= ~_mask(self._base.n, moved.rows["row"])
        return found

    def _change(self, acts: Mapping[str, pl.Series]) -> pl.DataFrame:
        base = self._base
        touched = pl.repeat(False, base.n, eager=True)
        for mask in acts.values():
            touched |= mask
        rows = touched.arg_true()
        frame = (
            base.frame.select(_NEEDED)[rows] if len(rows) < base.n else base.frame.select(_NEEDED)
        )
        frame = frame.with_columns(
            rows.cast(pl.UInt32).alias("row"),
            *(mask.gather(rows).alias(name) for name, mask in acts.items()),
        )
        return self._retimed(self._repriced(frame))

    def _repriced(self, frame: pl.DataFrame) -> pl.DataFrame:
        low, high = money_saved(self._caps)
        frame = frame.with_columns(
            refused=refused(self._caps),
            routed=pl.lit(False),
            saved_low=low,
            saved_high=high,
            **{f"{name}_away": refused(self._caps) for name in TIMES},
        )
        for moved in self._moved.values():
            frame = _rerouted(frame, moved)
        for name in _names(self._budgets):
            frame = frame.with_columns(pl.col(name) & ~pl.col("refused") & ~pl.col("routed"))
        if self._budgets:
            frame = frame.filter(pl.any_horizontal(self._acting()))
        return frame.with_columns(
            cost_low=pl.col("cost_usd") - pl.col("saved_high"),
            cost_high=pl.col("cost_usd") - pl.col("saved_low"),
        )

    def _acting(self) -> list[str]:
        return [*_names(self._caps), *self._moved, *_names(self._budgets)]

    def _retimed(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Add what times can come to. A stage is shortened as far as one rule shortens it, and
        stages one after the other; the least saving is that of one rule alone."""
        most = {stage: [saved] for stage, saved in time_saved(self._caps).items()}
        least = [pl.lit(0.0)]
        for name, budget in self._budgets:
            low, high = retime(frame, budget.stage, budget.ms)
            acts = pl.col(name)
            most.setdefault(budget.stage, []).append(
                pl.when(acts).then(pl.col("duration_ms") - low).otherwise(0.0)
            )
            least.append(pl.when(acts).then(pl.col("duration_ms") - high).otherwise(0.0))
        longest = pl.sum_horizontal(
            pl.lit(0.0), *(pl.max_horizontal(each) for each in most.values())
        )
        pathless = pl.all_horizontal(pl.col(f"path_ms.{stage}").is_null() for stage in STAGES)
        saved = {"duration_ms": pl.max_horizontal(least), "ttfa_ms": pl.lit(0.0)}
        return frame.with_columns(
            blind for name in TIMES for blind in _bounds(name, longest, saved[name], pathless)
        )


def _bounds(name: str, most: pl.Expr, least: pl.Expr, pathless: pl.Expr) -> list[pl.Expr]:
    """`NAME_low` and `NAME_high` in ms, and `NAME_unknown` where a saving cannot be told."""
    time, here = pl.col(name), ~pl.col(f"{name}_away")
    # Nobody measured it: what is known of a routed request is how long it takes today.
    most, least = (pl.when(pl.col("routed")).then(0.0).otherwise(each) for each in (most, least))
    return [
        pl.when(here).then((time - most).clip(lower_bound=0)).alias(f"{name}_low"),
        pl.when(here).then(time - least).alias(f"{name}_high"),
        (here & time.is_not_null() & (pathless | pl.col("routed"))).alias(f"{name}_unknown"),
    ]


_NEEDED: Final = (
    *("group", "failed", "duration_ms", "ttfa_ms", "cost_usd"),
    *(f"cost_by_content.{content}" for content in CONTENTS),
    *(f"path_ms.{stage}" for stage in STAGES),
    *(f"sizes.{size}" for size in SIZE_EFFECTS),
)


def _rerouted(frame: pl.DataFrame, moved: Moved) -> pl.DataFrame:
    """Replace what the stage cost by what it costs comparable requests."""
    if moved.rows.is_empty():
        return frame
    rows = moved.rows.select(
        "row",
        new_low=pl.col("cost") - pl.col("stage_high"),
        new_high=pl.col("cost") - pl.col("stage_low"),
        **{f"{name}_measured": pl.col(f"{name}_n") > 0 for name in TIMES},
    )
    return (
        frame.join(rows, on="row", how="left", maintain_order="left")
        .with_columns(
            saved_low=pl.coalesce("new_low", "saved_low"),
            saved_high=pl.coalesce("new_high", "saved_high"),
            routed=pl.col("routed") | pl.col("new_low").is_not_null(),
            **{
                f"{name}_away": pl.col(f"{name}_away") | pl.col(f"{name}_measured").fill_null(False)
                for name in TIMES
            },
        )
        .drop("new_low", "new_high", *(f"{name}_measured" for name in TIMES))
    )


def _stops_a_stage(budget: Budget) -> bool:
    """Whether it limits how long a stage may take."""
    metric = getattr(budget, "metric", "latency") or "latency"
    timed = getattr(budget, "ms", None) is not None and getattr(budget, "part", None) is None
    return metric == "latency" and timed and budget.stage is not None


def _names(rules: Iterable[tuple[str, Any]]) -> list[str]:
    return [name for name, _ in rules]


def _columns(frame: pl.DataFrame, n: int) -> dict[str, pl.Series]:
    # A mask that needs no column is one value for all.
    return {
        each.name: each if len(each) == n else pl.repeat(each[0], n, eager=True)
        for each in frame.get_columns()
    }


def _mask(n: int, rows: pl.Series) -> pl.Series:
    mask = np.zeros(n, dtype=bool)
    mask[rows.to_numpy()] = True
    return pl.Series(mask)


def _mixture(
    before: Values,
    touched: pl.DataFrame,
    name: str,
    bound: str,
    added: Sequence[pl.DataFrame],
) -> Mixture:
    """Times after: of untouched requests, of touched ones, and of those that routes stand for."""
    replaced = touched[f"{name}_{bound}"].drop_nulls()
    values = [replaced, *(each["value"] for each in added)]
    weights = [pl.repeat(1.0, len(replaced), eager=True), *(each["weight"] for each in added)]
    return Mixture(
        before,
        touched[name].to_numpy(),
        pl.concat(values).to_numpy(),
        pl.concat(weights).to_numpy(),
    )


def _money(totals: pl.DataFrame, touched: pl.DataFrame) -> Money:
    n, priced = int(totals["n"].sum()), int(totals["priced"].sum())
    if not priced:
        return Money(None, Bounds(None, None), 0, n, 0)
    before = float(totals["cost"].sum())
    low, high = (float(touched[f"saved_{bound}"].sum() or 0) for bound in ("low", "high"))
    return Money(
        before,
        Bounds(before - high, before - low),
        priced,
        n - priced,
        int(totals["lower_bound"].sum() or 0),
    )


def _failed(rows: pl.DataFrame) -> Share:
    return wilson(int(rows["failed"].sum() or 0), rows["failed"].count())


def _rest(base: Baseline, touched: pl.DataFrame) -> Share:
    """How the requests fare that are not touched."""
    failed, judged = (int(base.totals[name].sum() or 0) for name in ("failed", "judged"))
    own = _failed(touched)
    return wilson(failed - own.k, judged - own.n)


def _listed(
    base: Baseline, touched: pl.DataFrame, names: Sequence[str], limit: int
) -> pl.DataFrame:
    """The touched requests whose bill changes most, and of those alike whose time does."""
    gain = pl.max_horizontal(pl.col("saved_low").abs(), pl.col("saved_high").abs()).fill_null(0)
    time = (pl.col("duration_ms") - pl.col("duration_ms_low")).fill_null(0)
    chosen = touched.with_columns(gain=gain, time=time).top_k(limit, by=["gain", "time"])
    chosen = chosen.sort("gain", "time", "row", descending=[True, True, False])
    who = base.frame.select("request_id", "inputs", "service")[chosen["row"]]
    rules = (
        pl.concat_list(
            pl.when(pl.col(name)).then(pl.lit(number, pl.Int32))
            for number, name in enumerate(names)
        )
        if names
        else pl.lit([], pl.List(pl.Int32))
    )
    return pl.concat(
        [
            who.with_columns(pl.col("inputs", "service").cast(pl.String)),
            chosen.select(
                "failed",
                "refused",
                rules.list.drop_nulls().alias("rules"),
                *("cost_usd", "cost_low", "cost_high", "duration_ms"),
                duration_low=pl.col("duration_ms_low"),
                duration_high=pl.col("duration_ms_high"),
            ),
        ],
        how="horizontal",
    )


def _notes(base: Baseline, touched: pl.DataFrame) -> list[str]:
    """What holds for the answer as a whole."""
    notes = []
    unpriced = base.n - int(base.totals["priced"].sum() or 0)
    if unpriced:
        notes.append(
            f"{unpriced} of {base.n} requests have no known cost and are in no sum of money"
        )
    bound = int(base.totals["lower_bound"].sum() or 0)
    if bound:
        notes.append(f"a part of {bound} requests is unpriced: money reads at least this much")
    blind = int(touched["duration_ms_unknown"].sum() or 0)
    if blind:
        notes.append(
            f"of {blind} touched requests it is not known where time goes: theirs stays as it is"
        )
    return notes
