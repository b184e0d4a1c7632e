"""Replays requests under caps, routes and latency budgets: what each would cost and take."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass
from functools import reduce
from typing import Any

import numpy as np
import polars as pl

from tracelens.analyse.tails.choose import Mask
from tracelens.analyse.tails.ordered import Codes, Floats, Rows
from tracelens.analyse.what_if.baseline import TIMES, Baseline
from tracelens.analyse.what_if.budgets import time_stopped
from tracelens.analyse.what_if.caps import NamedCap, money_saved, refused, time_saved, unsplit
from tracelens.analyse.what_if.needed import KNOWN_PATH, columns_of
from tracelens.analyse.what_if.part import Part, parts
from tracelens.analyse.what_if.routes import Moved, move
from tracelens.analyse.what_if.rules import Rule, Rules
from tracelens.analyse.what_if.whom import whom_budgets, whom_caps
from tracelens.policy import Cap, Route

#: The least and the most.
Ends = tuple[Floats, Floats]


@dataclass(frozen=True)
class Retimed:
    """A time of requests in ms: today, and what it can come to.

    NaN where it is not known, and once the request is refused, or others stand for it. `unknown`
    says that nothing tells what is saved of it.
    """

    today: Floats
    low: Floats
    high: Floats
    unknown: Mask

    def of(self, places: Rows | slice) -> Retimed:
        """That of some of the requests."""
        today, low = self.today[places], self.low[places]
        # Most rules make nothing longer, and then the two are one.
        high = today if self.high is self.today else self.high[places]
        return Retimed(today, low, high, self.unknown[places])


@dataclass(frozen=True)
class Effect:
    """What one rule does by itself, added up over the requests it acts on.

    `priced` have a known cost, `unsplit` costs (`left`, US dollars) that nobody split; the rest is
    as in `Replayed`.
    """

    touched: int = 0
    priced: int = 0
    unsplit: int = 0
    saved_low: float = 0.0
    saved_high: float = 0.0
    left: float = 0.0
    failed: int = 0
    judged: int = 0

    def __add__(self, other: Effect) -> Effect:
        """Of both together."""
        pairs = zip(astuple(self), astuple(other), strict=True)
        return Effect(*(one + more for one, more in pairs))


@dataclass(frozen=True)
class Replayed:
    """Requests that rules touch, in order of their `rows` in the baseline.

    `group` is their modality as the baseline numbers them, `acts` says by rule on whom it acts,
    `failed` and `judged` how they fared. `cost` is today's in US dollars, and `saved_low` and
    `saved_high` what is saved of it, all NaN where it is not known. `unknown` counts, by rule,
    requests that it is for and whose size or time is not recorded.
    """

    rows: Rows
    group: Codes
    acts: dict[str, Mask]
    refused: Mask
    failed: Mask
    judged: Mask
    cost: Floats
    saved_low: Floats
    saved_high: Floats
    times: dict[str, Retimed]
    effects: dict[str, Effect]
    moved: dict[str, Moved]
    unknown: dict[str, int]


def replay(base: Baseline, rules: Rules) -> Replayed:
    """Let rules act: caps first, then routes on what no cap touches, then budgets.

    Budgets stop stages of requests that are neither refused nor routed. Raises MovedError where
    the store has other requests by now.
    """
    base.hold(columns_of(rules))
    acts, unknown = _whom(base, rules)
    moved = _move(base, rules, acts)
    for name, each in moved.items():
        acts[name] = _mask(base.height, each.rows["row"])
        unknown[name] = each.unknown
    gone = [acts[name] for name, cap in rules.named_caps() if cap.how == "reject"]
    gone += [acts[name] for name in moved]
    for name, _ in rules.named_budgets():
        for mask in gone:
            acts[name] = acts[name] & ~mask
    return _replayed(base, rules, acts, moved, unknown)


def _whom(base: Baseline, rules: Rules) -> tuple[dict[str, Mask], dict[str, int]]:
    """Of caps and budgets, whom each acts on, and for how many it is not known."""
    names = [name for name, _ in (*rules.named_caps(), *rules.named_budgets())]
    found = [*whom_caps(base, rules.caps), *whom_budgets(base, rules.budgets)]
    return (
        {name: mask for name, (mask, _) in zip(names, found, strict=True)},
        {name: doubt for name, (_, doubt) in zip(names, found, strict=True)},
    )


def _move(base: Baseline, rules: Rules, acts: Mapping[str, Mask]) -> dict[str, Moved]:
    found: dict[str, Moved] = {}
    if not rules.routes:
        return found
    free = ~_any(base.height, [acts[name] for name, _ in rules.named_caps()])
    free = free if base.mask is None else free & base.mask
    for name, route in rules.named_routes():
        found[name] = move(base, route, free, rules.comparable)
        free = free & ~_mask(base.height, found[name].rows["row"])
    return found


def _replayed(
    base: Baseline,
    rules: Rules,
    acts: dict[str, Mask],
    moved: dict[str, Moved],
    unknown: dict[str, int],
) -> Replayed:
    rows = np.flatnonzero(_any(base.height, list(acts.values())))
    done = [_done(part, rules, moved) for part in parts(base, rows, acts)]
    return Replayed(
        rows=rows,
        group=base.group[rows],
        acts={name: _joined([each.acts[name] for each in done], bool) for name in acts},
        refused=_joined([each.refused for each in done], bool),
        failed=_joined([each.failed > 0 for each in done], bool),
        judged=_joined([~np.isnan(each.failed) for each in done], bool),
        cost=_joined([each.cost for each in done]),
        saved_low=_joined([each.saved[0] for each in done]),
        saved_high=_joined([each.saved[1] for each in done]),
        times={name: _all_of([each.times[name] for each in done]) for name in TIMES},
        effects={
            name: reduce(Effect.__add__, (each.effects[name] for each in done), Effect())
            for name in acts
        },
        moved=moved,
        unknown=unknown,
    )


@dataclass(frozen=True)
class _Done:
    """A part of the touched requests, replayed."""

    acts: dict[str, Mask]
    refused: Mask
    failed: Floats
    cost: Floats
    saved: Ends
    times: dict[str, Retimed]
    effects: dict[str, Effect]


def _done(part: Part, rules: Rules, moved: Mapping[str, Moved]) -> _Done:
    caps = rules.named_caps()
    gone = refused(part, caps)
    saved = money_saved(part, caps)
    away, routed = dict.fromkeys(TIMES, gone), np.zeros(part.n, dtype=bool)
    for name, each in moved.items():
        here = part.acts[name]
        at = np.searchsorted(each.places, part.rows[here])
        routed = routed | here
        saved = tuple(_put(own, here, end[at]) for own, end in zip(saved, each.saved, strict=True))
        away = {t: gone | _put(gone, here, each.measured[t][at]) for t, gone in away.items()}
    return _Done(
        acts=part.acts,
        refused=gone,
        failed=part["failed"],
        cost=part["cost_usd"],
        saved=saved,
        times=_retimed(part, rules, away, routed),
        effects={name: _effect(part, name, rule, caps, saved) for name, rule in rules.named()},
    )


def _effect(part: Part, name: str, rule: Rule, caps: Sequence[NamedCap], saved: Ends) -> Effect:
    here, left = part.acts[name], None
    if isinstance(rule, Cap):
        # Alone it saves as much as all caps do.
        saved = saved if len(caps) == 1 else money_saved(part, [(name, rule)])
        left = unsplit(part, rule) if rule.how != "reject" else None
    elif not isinstance(rule, Route):
        nothing = part["cost_usd"] * 0
        saved = nothing, nothing
    return Effect(
        touched=int(np.count_nonzero(here)),
        priced=_known(saved[0], here),
        unsplit=0 if left is None else _known(left, here),
        saved_low=_sum(saved[0], here),
        saved_high=_sum(saved[1], here),
        left=0.0 if left is None else _sum(left, here),
        failed=int(np.count_nonzero((part["failed"] > 0) & here)),
        judged=_known(part["failed"], here),
    )


def _retimed(
    part: Part, rules: Rules, away: Mapping[str, Mask], routed: Mask
) -> dict[str, Retimed]:
    """What times can come to.

    The most that is saved: each stage is shortened as far as some rule shortens it, one after the
    other. The least: the largest saving of one rule alone.
    """
    stages: dict[str | None, Floats] = dict(time_saved(part, rules.named_caps()).items())
    least: Floats | None = None
    for name, budget in rules.named_budgets():
        low, high = time_stopped(part, name, budget)
        stages[budget.stage] = np.maximum(stages.get(budget.stage, high), high)
        least = low if least is None else np.maximum(least, low)
    longest = sum(stages.values(), np.zeros(part.n))
    # A routed request whose times nobody measured elsewhere is known as it is today.
    unknown = routed | np.isnan(part[KNOWN_PATH]) if stages else routed
    return {
        "duration_ms": _bounds(part["duration_ms"], away["duration_ms"], unknown, longest, least),
        "ttfa_ms": _bounds(part["ttfa_ms"], away["ttfa_ms"], unknown, longest, None),
    }


def _bounds(
    today: Floats, away: Mask, unknown: Mask, most: Floats, least: Floats | None
) -> Retimed:
    low = np.maximum(np.where(unknown, today, today - most), 0)
    high = today if least is None else np.where(unknown, today, today - least)
    if away.any():
        low, high = np.where(away, np.nan, low), np.where(away, np.nan, high)
    return Retimed(today, low, high, unknown & ~away & ~np.isnan(today))


def _all_of(found: Sequence[Retimed]) -> Retimed:
    today = _joined([each.today for each in found])
    same = all(each.high is each.today for each in found)
    return Retimed(
        today,
        _joined([each.low for each in found]),
        today if same else _joined([each.high for each in found]),
        _joined([each.unknown for each in found], bool),
    )


def _put(values: Any, here: Mask, others: Any) -> Any:
    """Values, some of them replaced."""
    found = values.copy()
    found[here] = others
    return found


def _known(values: Floats, here: Mask) -> int:
    return int(np.count_nonzero(~np.isnan(values) & here))


def _sum(values: Floats, here: Mask) -> float:
    return float(np.sum(values, where=here & ~np.isnan(values)))


def _joined(found: Sequence[Any], dtype: Any = np.float64) -> Any:
    return np.concatenate(found) if found else np.empty(0, dtype)


def _any(n: int, masks: Sequence[Mask]) -> Mask:
    return reduce(np.logical_or, masks) if masks else np.zeros(n, dtype=bool)


def _mask(n: int, rows: pl.Series) -> Mask:
    mask = np.zeros(n, dtype=bool)
    mask[rows.to_numpy()] = True
    return mask
