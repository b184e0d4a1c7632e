"""The whole answer to a what-if: money, times, whom it touches, and how those fare today."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from tracelens.analyse.tails.choose import Mask
from tracelens.analyse.tails.ordered import Floats, Rows
from tracelens.analyse.what_if.baseline import TIMES, Baseline, positions
from tracelens.analyse.what_if.done import Listed
from tracelens.analyse.what_if.notes import general_notes, rule_notes
from tracelens.analyse.what_if.replay import Replayed, replay
from tracelens.analyse.what_if.results import Bounds, Group, Money, RuleEffect, Share, Times, WhatIf
from tracelens.analyse.what_if.rows import rule_row, rule_text
from tracelens.analyse.what_if.rules import Rule, Rules
from tracelens.analyse.what_if.shares import wilson
from tracelens.analyse.what_if.times import compare_groups, compare_times
from tracelens.policy import Cap


def what_if(base: Baseline, rules: Rules, *, limit: int = 100) -> WhatIf:
    """What requests would cost and take under some rules, and how those that they touch fare today.

    A request that a cap touches is not routed, and budgets stop stages of requests that are neither
    refused nor routed. `limit` is how many of the touched requests are listed. Raises MovedError
    where a rule needs what was not read yet, and the store has other requests by now.
    """
    replayed = replay(base, rules, limit)
    done = replayed.done
    measured = [each.times for each in replayed.moved.values()]
    groups, all_ = base.totals.rows(), base.totals.all()
    by_group = vars(done.sums)
    own = {name: values.sum().item() for name, values in by_group.items()}
    latency, ttfa = (compare_times(base, done.times[n], measured, n) for n in TIMES)
    times = compare_groups(base, done.times["duration_ms"], measured)
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
        rules=[_effect(base, replayed, all_, name, rule) for name, rule in rules.named()],
        groups=[
            _group(
                name, total, {key: values[i].item() for key, values in by_group.items()}, times[i]
            )
            for i, (name, total) in enumerate(zip(base.totals.groups, groups, strict=True))
        ],
        requests=_listed(base, done.listed, [name for name, _ in rules.named()]),
        notes=general_notes(base.n, len(rules.named()), all_, latency.unknown),
    )


def _group(name: str, total: Mapping[str, Any], own: Mapping[str, Any], latency: Times) -> Group:
    return Group(
        by=name,
        n=total["n"],
        touched=own["touched"],
        refused=own["refused"],
        cost=_money(total, own),
        latency=latency,
    )


def _effect(
    base: Baseline, replayed: Replayed, total: Mapping[str, Any], name: str, rule: Rule
) -> RuleEffect:
    own, moved = replayed.done.effects[name], replayed.moved.get(name)
    known = own.priced or not own.touched
    return RuleEffect(
        kind=name.split()[0],
        rule=rule_text(rule),
        row=rule_row(rule),
        touched=own.touched,
        share=own.touched / base.n if base.n else None,
        refused=own.touched if isinstance(rule, Cap) and rule.how == "reject" else 0,
        saved=Bounds(own.saved_low, own.saved_high) if known else Bounds(None, None),
        failed_today=wilson(own.failed, own.judged),
        failed_rest=_rest(total, {"failed": own.failed, "judged": own.judged}),
        unknown=replayed.unknown[name],
        unsplit=own.unsplit,
        unsplit_usd=own.left,
        comparable=moved.comparable if moved else None,
        failed_comparable=moved.failed_comparable if moved else None,
        not_moved=moved.not_moved if moved else 0,
        refused_because=moved.refused_because if moved else None,
        notes=rule_notes(rule),
    )


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


def _listed(base: Baseline, listed: Listed, names: Sequence[str]) -> pl.DataFrame:
    """The touched requests whose bill changes most, and of those alike whose time does."""
    rows, cost = listed["row"], listed["cost_usd"]
    failed = _known("failed", listed["failed"])
    return pl.DataFrame(
        [
            base.column("request_id")[positions(rows)],
            *(_texts(base, name, rows) for name in ("inputs", "service")),
            failed.cast(pl.Boolean),
            pl.Series("refused", listed["refused"]),
            _acting([listed[name] for name in names], len(rows)),
            _known("cost_usd", cost),
            _known("cost_low", cost - listed["saved_high"]),
            _known("cost_high", cost - listed["saved_low"]),
            *(
                _known(f"duration_{end}", listed[f"duration_{end}"])
                for end in ("ms", "low", "high")
            ),
        ]
    )


def _acting(acts: Sequence[Mask], n: int) -> pl.Series:
    """The numbers of the rules that act on each of `n` requests."""
    each = [
        pl.when(pl.lit(pl.Series(mask))).then(pl.lit(i, pl.Int64)) for i, mask in enumerate(acts)
    ]
    rules = pl.concat_list(each).list.drop_nulls() if each else pl.lit([], pl.List(pl.Int64))
    return pl.select(pl.int_range(n), rules.alias("rules"))["rules"]


def _texts(base: Baseline, name: str, rows: Rows) -> pl.Series:
    codes, names = base.text(name)
    return pl.Series(name, [names[code] for code in codes[rows]], pl.String)


def _known(name: str, values: Floats) -> pl.Series:
    return pl.Series(name, values, nan_to_null=True)
