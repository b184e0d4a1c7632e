"""Replays requests under caps, routes and latency budgets: what each would cost and take."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np

from tracelens.analyse.tails.choose import Mask
from tracelens.analyse.tails.ordered import Rows
from tracelens.analyse.what_if.baseline import Baseline
from tracelens.analyse.what_if.done import Done, add_up, done
from tracelens.analyse.what_if.needed import columns_of
from tracelens.analyse.what_if.part import parts
from tracelens.analyse.what_if.routes import Moved, move
from tracelens.analyse.what_if.rules import Rules
from tracelens.analyse.what_if.whom import whom_budgets, whom_caps


@dataclass(frozen=True)
class Replayed:
    """What rules do.

    `unknown` counts, by rule, requests that it is for and whose size or time is not recorded.
    """

    done: Done
    moved: dict[str, Moved]
    unknown: dict[str, int]


def replay(base: Baseline, rules: Rules, limit: int) -> Replayed:
    """Let rules act: caps first, then routes on what no cap touches, then budgets.

    Budgets stop stages of requests that are neither refused nor routed. `limit` is how many of the
    touched requests are listed. Raises MovedError where the store has other requests by now.
    """
    base.hold(columns_of(rules))
    acts, unknown = _whom(base, rules)
    moved = _move(base, rules, acts)
    for name, each in moved.items():
        acts[name] = _mask(base.height, each.rows)
        unknown[name] = each.unknown
    gone = [acts[name] for name, cap in rules.named_caps() if cap.how == "reject"]
    gone += [acts[name] for name in moved]
    for name, _ in rules.named_budgets():
        for mask in gone:
            acts[name] = acts[name] & ~mask
    rows = np.flatnonzero(_any(base.height, list(acts.values())))
    pieces = [done(part, rules, moved, limit) for part in parts(base, rows, acts)]
    return Replayed(add_up(pieces, limit), moved, unknown)


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
        free = free & ~_mask(base.height, found[name].rows)
    return found


def _any(n: int, masks: Sequence[Mask]) -> Mask:
    return reduce(np.logical_or, masks) if masks else np.zeros(n, dtype=bool)


def _mask(n: int, rows: Rows) -> Mask:
    mask = np.zeros(n, dtype=bool)
    mask[rows] = True
    return mask
