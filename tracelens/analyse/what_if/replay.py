"""Replays requests under caps, routes and latency budgets: what each would cost and take."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl

from tracelens.analyse.what_if.baseline import TIMES, Baseline
from tracelens.analyse.what_if.budgets import blind, budget_masks, time_stopped
from tracelens.analyse.what_if.caps import cap_masks, money_saved, refused, time_saved
from tracelens.analyse.what_if.routes import Moved, move
from tracelens.analyse.what_if.rules import Rules
from tracelens.analyse.what_if.sizes import SIZE_EFFECTS, TOKENS
from tracelens.model import PATH_STAGES, STAGES

#: Columns of the baseline that every replay needs.
ALWAYS: Final = (
    *("group", "failed", "cost_usd", "cost_by_content.other", *TIMES),
    *(f"path_ms.{stage}" for stage in PATH_STAGES),
    *(f"shape.took_ms.{stage}" for stage in STAGES),
)


SIZE: Final = "sizes."


@dataclass(frozen=True)
class Replayed:
    """Requests that rules touch, in order of their `row` in the baseline.

    `touched` has `group, failed, cost_usd, duration_ms, ttfa_ms` as they are today, the sizes and
    costs that caps are about, a column per rule that says whether it acts, `refused, routed`, what
    is saved of the cost (`saved_low, saved_high`, US dollars) and of each time `NAME_low,
    NAME_high` (null once the request is refused, or others stand for it) and `NAME_unknown`
    (nothing tells what is saved of it). `unknown` counts, by rule, requests that it is for and
    whose size or time is not recorded.
    """

    touched: pl.DataFrame
    moved: dict[str, Moved]
    unknown: dict[str, int]


def replay(base: Baseline, rules: Rules) -> Replayed:
    """Let rules act: caps first, then routes on what no cap touches, then budgets.

    Budgets stop stages of requests that are neither refused nor routed.
    """
    acts, unknown = _masks(base, rules)
    moved = _move(base, rules, acts)
    for name, each in moved.items():
        acts[name] = _mask(base.n, each.rows["row"])
        unknown[name] = each.unknown
    gone = _any(base.n, [acts[name] for name, cap in rules.named_caps() if cap.how == "reject"])
    gone |= _any(base.n, [acts[name] for name in moved])
    for name, _ in rules.named_budgets():
        acts[name] &= ~gone
    touched = _repriced(_touched(base, rules, acts), base, rules, moved)
    return Replayed(_retimed(touched, rules), moved, unknown)


def _masks(base: Baseline, rules: Rules) -> tuple[dict[str, pl.Series], dict[str, int]]:
    """Of caps and budgets, whom each acts on, and for how many it is not known."""
    names = [name for name, _ in (*rules.named_caps(), *rules.named_budgets())]
    pairs = [*cap_masks(base, rules.caps), *budget_masks(base, rules.budgets)]
    if not pairs:
        return {}, {}
    acts = base.frame.select(mask.alias(name) for name, (mask, _) in zip(names, pairs, strict=True))
    unknown = base.frame.select(
        doubt.fill_null(False).sum().alias(name)
        for name, (_, doubt) in zip(names, pairs, strict=True)
    )
    return {each.name: each for each in acts}, unknown.row(0, named=True)


def _move(base: Baseline, rules: Rules, acts: Mapping[str, pl.Series]) -> dict[str, Moved]:
    free = ~_any(base.n, [acts[name] for name, _ in rules.named_caps()])
    found = {}
    for name, route in rules.named_routes():
        found[name] = move(base, route, free, rules.comparable)
        free &= ~_mask(base.n, found[name].rows["row"])
    return found


def _touched(base: Baseline, rules: Rules, acts: Mapping[str, pl.Series]) -> pl.DataFrame:
    rows = _any(base.n, list(acts.values())).arg_true()
    needed = _needed(rules)
    return base.frame.select(*needed, "inputs#")[rows].with_columns(
        *(base.size(each.removeprefix(SIZE)) for each in needed if each.startswith(SIZE)),
        rows.cast(pl.UInt32).alias("row"),
        *(mask.gather(rows).alias(name) for name, mask in acts.items()),
    )


def _needed(rules: Rules) -> list[str]:
    names = list(ALWAYS)
    for cap in rules.caps:
        effect = SIZE_EFFECTS[cap.size]
        contents = (*effect.contents, *effect.derived)
        names += [f"sizes.{cap.size}", *(f"cost_by_content.{each}" for each in contents)]
        if cap.size == "input_tokens":
            names += [each for pair in TOKENS.items() for each in pair]
    return list(dict.fromkeys(names))


def _repriced(
    frame: pl.DataFrame, base: Baseline, rules: Rules, moved: Mapping[str, Moved]
) -> pl.DataFrame:
    caps = rules.named_caps()
    low, high = money_saved(caps)
    frame = frame.with_columns(
        refused=refused(caps),
        routed=pl.lit(False),
        saved_low=low,
        saved_high=high,
        **{f"{name}_away": refused(caps) for name in TIMES},
    )
    for name, each in moved.items():
        frame = _rerouted(frame, base, name, each)
    return frame


def _rerouted(frame: pl.DataFrame, base: Baseline, name: str, moved: Moved) -> pl.DataFrame:
    """Replace what the stage cost, and the times, by those of comparable requests."""
    rows, cost = moved.rows, moved.rows["cost"]
    new = {"saved_low": cost - rows["stage_high"], "saved_high": cost - rows["stage_low"]}
    spread = {key: _spread(base.n, rows["row"], values) for key, values in new.items()}
    for each in TIMES:
        spread[f"{each}_away"] = _spread(base.n, rows["row"], (rows[f"{each}_n"] > 0).cast(float))
    here, own = pl.col(name), frame["row"]
    values = {key: pl.lit(each.gather(own)) for key, each in spread.items()}
    return frame.with_columns(
        routed=pl.col("routed") | here,
        **{key: pl.when(here).then(values[key]).otherwise(pl.col(key)) for key in new},
        **{f"{t}_away": pl.col(f"{t}_away") | (here & (values[f"{t}_away"] > 0)) for t in TIMES},
    )


def _retimed(frame: pl.DataFrame, rules: Rules) -> pl.DataFrame:
    """Add what times can come to.

    The most that is saved: each stage is shortened as far as some rule shortens it, one after the
    other. The least: the largest saving of one rule alone.
    """
    caps = time_saved(rules.named_caps())
    most: dict[str | None, list[pl.Expr]] = {stage: [saved] for stage, saved in caps.items()}
    least = [pl.lit(0.0)]
    for name, budget in rules.named_budgets():
        saved = time_stopped(frame, budget)
        high, low = (
            pl.when(name).then(pl.lit(saved[end])).otherwise(0.0) for end in ("high", "low")
        )
        most.setdefault(budget.stage, []).append(high)
        least.append(low)
    longest = pl.sum_horizontal(pl.lit(0.0), *(pl.max_horizontal(each) for each in most.values()))
    return frame.with_columns(
        *_bounds("duration_ms", longest, pl.max_horizontal(least)),
        *_bounds("ttfa_ms", longest, pl.lit(0.0)),
    )


def _bounds(name: str, most: pl.Expr, least: pl.Expr) -> list[pl.Expr]:
    time, here = pl.col(name), ~pl.col(f"{name}_away")
    # A routed request whose times nobody measured elsewhere is known as it is today.
    unknown = blind() | pl.col("routed")
    low, high = (pl.when(unknown).then(time).otherwise(time - each) for each in (most, least))
    return [
        pl.when(here).then(low.clip(lower_bound=0)).alias(f"{name}_low"),
        pl.when(here).then(high).alias(f"{name}_high"),
        (here & time.is_not_null() & unknown).alias(f"{name}_unknown"),
    ]


def _any(n: int, masks: list[pl.Series]) -> pl.Series:
    found = pl.repeat(False, n, eager=True)
    for mask in masks:
        found |= mask
    return found


def _mask(n: int, rows: pl.Series) -> pl.Series:
    mask = np.zeros(n, dtype=bool)
    mask[rows.to_numpy()] = True
    return pl.Series(mask)


def _spread(n: int, rows: pl.Series, values: pl.Series) -> pl.Series:
    spread = np.zeros(n)
    spread[rows.to_numpy()] = values.to_numpy()
    return pl.Series(spread)
