"""What rules do to a part of the touched requests, and to all parts together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any, NamedTuple, TypeVar

import numpy as np

from tracelens.analyse.tails.choose import Mask
from tracelens.analyse.tails.ordered import Codes, Floats, Ints, Rows, counts, sums
from tracelens.analyse.what_if.baseline import TIMES
from tracelens.analyse.what_if.budgets import time_stopped
from tracelens.analyse.what_if.caps import NamedCap, money_saved, refused, time_saved, unsplit
from tracelens.analyse.what_if.needed import KNOWN_PATH
from tracelens.analyse.what_if.part import Part
from tracelens.analyse.what_if.routes import Moved
from tracelens.analyse.what_if.rules import Rule, Rules
from tracelens.policy import Cap, Route

Sums = TypeVar("Sums", bound="_Sums")
#: The least and the most.
Ends = tuple[Floats, Floats]


class _Sums:
    """Fields that are added up one by one."""

    def __add__(self: Sums, other: Sums) -> Sums:
        """Of both together."""
        return type(self)(**{name: each + vars(other)[name] for name, each in vars(self).items()})


@dataclass(frozen=True)
class Touched(_Sums):
    """What is added up of the touched requests of each modality; `saved` is in US dollars."""

    touched: Ints
    refused: Ints
    failed: Ints
    judged: Ints
    saved_low: Floats
    saved_high: Floats


@dataclass(frozen=True)
class Effect(_Sums):
    """What one rule does by itself, added up over the requests it acts on.

    `saved` is in US dollars. `priced` have a known cost, and `unsplit` costs (`left`, US dollars)
    that nobody split.
    """

    touched: int
    priced: int
    unsplit: int
    saved_low: float
    saved_high: float
    left: float
    failed: int
    judged: int


class Dealt(NamedTuple):
    """Times in ms, each with the modality of its request."""

    values: Floats
    group: Codes


@dataclass(frozen=True)
class Change:
    """How a time of the touched requests changes.

    What is `removed`, and what comes in its place at least (`low`) and at most (`high`): the same
    object where that is the same. Nothing comes of refused requests, and of those that others stand
    for. `unknown` counts, by modality, requests of which nothing tells what is saved.
    """

    removed: Dealt
    low: Dealt
    high: Dealt
    unknown: Ints


#: The requests whose bill changes most, with how they rank, and values by name, NaN where unknown.
Listed = dict[str, Any]


@dataclass(frozen=True)
class Done:
    """Some touched requests, replayed: sums, effects by rule, times, and a few of them listed."""

    sums: Touched
    effects: dict[str, Effect]
    times: dict[str, Change]
    listed: Listed


class _Retimed(NamedTuple):
    """What a time can come to in ms; `away` once the request is refused, or others stand for it.

    Of `unknown` requests nothing tells what is saved of it.
    """

    today: Floats
    low: Floats
    high: Floats
    away: Mask
    unknown: Mask


def done(part: Part, rules: Rules, moved: Mapping[str, Moved], limit: int) -> Done:
    """Replay a part, and list so many of it."""
    caps = rules.named_caps()
    gone = refused(part, caps)
    saved = money_saved(part, caps)
    away, routed = dict.fromkeys(TIMES, gone), np.zeros(part.n, dtype=bool)
    for name, each in moved.items():
        here = part.acts[name]
        at = np.searchsorted(each.rows, part.rows[here])
        routed = routed | here
        saved = _put(saved[0], here, each.saved_low[at]), _put(saved[1], here, each.saved_high[at])
        away = {time: _put(away[time], here, each.measured[time][at]) for time in TIMES}
    times = _retimed(part, rules, away, routed)
    return Done(
        sums=_added_up(part, gone, saved),
        effects={name: _effect(part, name, rule, caps, saved) for name, rule in rules.named()},
        times={name: _change(part, each) for name, each in times.items()},
        listed=_listed(part, gone, saved, times["duration_ms"], limit),
    )


def add_up(found: Sequence[Done], limit: int) -> Done:
    """All parts, of which there is at least one, as one."""
    if len(found) == 1:
        return found[0]
    listed = {
        name: np.concatenate([each.listed[name] for each in found]) for name in found[0].listed
    }
    chosen = highest([listed["gain"], listed["time"]], limit)
    return Done(
        sums=reduce(Touched.__add__, (each.sums for each in found)),
        effects={
            name: reduce(Effect.__add__, (each.effects[name] for each in found))
            for name in found[0].effects
        },
        times={name: _joined([each.times[name] for each in found]) for name in TIMES},
        listed={name: values[chosen] for name, values in listed.items()},
    )


def _added_up(part: Part, gone: Mask, saved: Ends) -> Touched:
    group, size, failed = part.group, part.groups, part["failed"]
    return Touched(
        counts(group, size),
        counts(group[gone], size),
        counts(group[failed > 0], size),
        counts(group[~np.isnan(failed)], size),
        *(sums(group, _filled(each), size) for each in saved),
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
) -> dict[str, _Retimed]:
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
    most = reduce(np.add, stages.values()) if stages else np.zeros(part.n)
    # A routed request whose times nobody measured elsewhere is known as it is today.
    unknown = routed | np.isnan(part[KNOWN_PATH]) if stages else routed
    found = {}
    for name in TIMES:
        today = part[name]
        low = np.maximum(np.where(unknown, today, today - most), 0)
        high = today
        if least is not None and name == "duration_ms":
            high = np.where(unknown, today, today - least)
        doubt = unknown & ~away[name] & ~np.isnan(today)
        found[name] = _Retimed(today, low, high, away[name], doubt)
    return found


def _change(part: Part, time: _Retimed) -> Change:
    known = ~np.isnan(time.today)
    removed = _dealt(part, time.today, known)
    if time.away.any():
        stays = known & ~time.away
        low = _dealt(part, time.low, stays)
        high = low if not len(low.values) else _dealt(part, time.high, stays)
    else:
        low = _dealt(part, time.low, known)
        high = removed if time.high is time.today else _dealt(part, time.high, known)
    return Change(removed, low, high, counts(part.group[time.unknown], part.groups))


def _dealt(part: Part, values: Floats, which: Mask) -> Dealt:
    if which.all():
        return Dealt(values, part.group)
    places = np.flatnonzero(which)
    return Dealt(values[places], part.group[places])


def _joined(found: Sequence[Change]) -> Change:
    removed = _concatenated([each.removed for each in found])
    low, high = [each.low for each in found], [each.high for each in found]
    same = all(each.high is each.removed for each in found)
    return Change(
        removed,
        _concatenated(low),
        removed if same else _concatenated(high),
        reduce(np.add, (each.unknown for each in found)),
    )


def _concatenated(found: Sequence[Dealt]) -> Dealt:
    return Dealt(
        np.concatenate([each.values for each in found]),
        np.concatenate([each.group for each in found]),
    )


def _listed(part: Part, gone: Mask, saved: Ends, time: _Retimed, limit: int) -> Listed:
    """The requests whose bill changes most, and of those alike whose time does."""
    gain = np.fmax(np.abs(saved[0]), np.abs(saved[1]))
    low = np.where(time.away, np.nan, time.low)
    ranks = {
        "gain": _filled(gain),
        "time": _filled(time.today - low),
    }
    chosen = highest(list(ranks.values()), limit)
    columns = {
        **ranks,
        "row": part.rows,
        "failed": part["failed"],
        "refused": gone,
        "cost_usd": part["cost_usd"],
        "saved_low": saved[0],
        "saved_high": saved[1],
        "duration_ms": time.today,
        "duration_low": low,
        "duration_high": np.where(time.away, np.nan, time.high),
        **part.acts,
    }
    return {name: values[chosen] for name, values in columns.items()}


def highest(keys: Sequence[Floats], limit: int) -> Rows:
    """Places of the highest by the first key, of those alike by the next, then the first ones."""
    chosen: list[Rows] = []
    left, room = np.arange(len(keys[0])), max(limit, 0)
    for key in keys:
        if not 0 < room < len(left):
            break
        values = key[left]
        least = np.partition(values, len(values) - room)[len(values) - room]
        chosen.append(left[values > least])
        left, room = left[values == least], room - len(chosen[-1])
    chosen.append(left[:room])
    found = np.concatenate(chosen)
    return found[np.lexsort((found, *(-key[found] for key in reversed(keys))))]


def _filled(values: Floats) -> Floats:
    return np.where(np.isnan(values), 0.0, values)


def _put(values: Any, here: Mask, others: Any) -> Any:
    """Values, some of them replaced."""
    found = values.copy()
    found[here] = others
    return found


def _known(values: Floats, here: Mask) -> int:
    return int(np.count_nonzero(~np.isnan(values) & here))


def _sum(values: Floats, here: Mask) -> float:
    return float(np.sum(np.where(here & ~np.isnan(values), values, 0.0)))
