"""What it would cost, and take, to send requests to another model: measured, never modelled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, reduce
from typing import Final

import numpy as np
import polars as pl

from tracelens.analyse.tails.choose import Mask
from tracelens.analyse.tails.ordered import Floats, Rows
from tracelens.analyse.what_if.baseline import TIMES, Baseline, positions
from tracelens.analyse.what_if.results import Share
from tracelens.analyse.what_if.shares import band, half_width, wilson
from tracelens.policy import Condition, Route

#: Kinds of strata, the finest first: see `Baseline.strata`.
STRATA: Final = ("fine", "coarse")


@dataclass(frozen=True)
class Moved:
    """Requests that one route moves.

    `rows`, in order: `row`, what the stage costs in US dollars today (`cost`) and after
    (`stage_low, stage_high`), and on how many requests each time is measured (`duration_ms_n`,
    `ttfa_ms_n`; 0 where they are too few). `times`, by the name of a time: `group, value, weight,
    width` of the comparable requests, where weights of a group add up to how many of its requests
    are replaced, and `width` is the part of a weight by which the count below any value may be
    wrong.
    """

    rows: pl.DataFrame
    times: dict[str, pl.DataFrame]
    comparable: int
    not_moved: int
    unknown: int
    failed_comparable: Share
    refused_because: str | None

    @cached_property
    def places(self) -> Rows:
        """The rows that are moved, ascending."""
        return self.rows["row"].to_numpy()

    @cached_property
    def saved(self) -> tuple[Floats, Floats]:
        """The least and the most that is saved on each, in US dollars."""
        today = self.rows["cost"].to_numpy()
        after = (self.rows[end].to_numpy() for end in ("stage_high", "stage_low"))
        return today - next(after), today - next(after)

    @cached_property
    def measured(self) -> dict[str, Mask]:
        """Of each time, whether it is measured."""
        return {name: (self.rows[f"{name}_n"] > 0).to_numpy() for name in TIMES}


def meets(base: Baseline, conditions: Sequence[Condition]) -> Mask:
    """Whether a request meets all conditions of a route."""
    found = np.ones(base.height, dtype=bool) if base.mask is None else base.mask.copy()
    for each in conditions:
        found &= _meets(base, each)
    return found


def move(base: Baseline, route: Route, free: Mask, least: int) -> Moved:
    """Measure a route for the requests that meet its conditions and are `free` to move.

    Those of a stratum with fewer than `least` comparable requests stay where they are.
    """
    cost = {"cost": f"cost_by_stage.{route.stage}"}
    there = base.uses(route.stage, route.to)
    meant = meets(base, route.when) & base.one_model(route.stage) & ~there & free
    asked = _part(base, meant, cost | {name: name for name in TIMES}).with_columns(
        *(pl.col(name).is_not_null() for name in TIMES)
    )
    known = asked.drop_nulls((*STRATA, "cost"))
    others = [each for each in route.when if each.column != "model"]
    same = _part(base, meets(base, others) & there, cost | {n: n for n in (*TIMES, "failed")})
    alike = same.drop_nulls((*STRATA, "cost"))
    strata = {key: _measured(alike, key, least) for key in STRATA}
    rows = _placed(known, strata)
    return Moved(
        rows=rows,
        times={name: _times(alike, rows, name) for name in TIMES},
        comparable=_overlap(alike, rows),
        not_moved=asked.height - rows.height,
        unknown=asked.height - known.height,
        failed_comparable=wilson(int(alike["failed"].sum() or 0), alike["failed"].count()),
        refused_because=None
        if rows.height
        else _reason(route, asked.height, known.height, alike.height, least),
    )


def _meets(base: Baseline, condition: Condition) -> Mask:
    if condition.column == "model":
        return base.fits_model(condition.globs, ("reasoning",))
    if condition.globs:
        return base.fits(
            "inputs" if condition.column == "modality" else condition.column, condition.globs
        )
    size = base.column(f"sizes.{condition.column}")
    parts = [size.is_not_null()]
    if condition.min is not None:
        parts.append(size >= condition.min)
    if condition.max is not None:
        parts.append(size <= condition.max)
    found: Mask = reduce(pl.Series.__and__, parts).fill_null(False).to_numpy()
    without = base.without(condition.column)
    if without is None or (condition.min or 0) > 0 or not (condition.max or 0) >= 0:
        return found
    # Where nothing of the kind came in the size is 0.
    return found | (without & size.is_null().to_numpy())


def _part(base: Baseline, mask: Mask, columns: Mapping[str, str]) -> pl.DataFrame:
    """Some requests: `row`, `group`, the numbers of their strata, and columns by name."""
    rows = np.flatnonzero(mask)
    places = positions(rows)
    return pl.DataFrame(
        [
            places.alias("row"),
            pl.Series("group", base.group[rows]),
            *base.strata(rows),
            *(base.column(column).gather(places).alias(name) for name, column in columns.items()),
        ]
    )


def _measured(alike: pl.DataFrame, key: str, least: int) -> pl.DataFrame:
    """Of each stratum that is large enough, the interval of the mean cost of the stage."""
    counts = {f"{name}_n": pl.col(name).count() for name in TIMES}
    return (
        alike.group_by(key)
        .agg(n=pl.len(), mean=pl.col("cost").mean(), half=half_width("cost"), **counts)
        .filter(pl.col("n") >= max(least, 2))
        .select(
            key,
            stage_low=(pl.col("mean") - pl.col("half")).clip(lower_bound=0),
            stage_high=pl.col("mean") + pl.col("half"),
            **{n: pl.when(pl.col(n) >= least).then(pl.col(n)).otherwise(0) for n in counts},
        )
    )


def _placed(known: pl.DataFrame, strata: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    """The requests of measured strata: what was measured, and the finest such stratum in `key`."""
    parts, left = [], known
    for key, measured in strata.items():
        found = left.join(measured, on=key, how="left", maintain_order="left")
        there = found["stage_low"].is_not_null()
        parts.append(found.filter(there).with_columns(key=pl.lit(key)))
        left = left.filter(~there)
    return pl.concat(parts).sort("row")


def _times(alike: pl.DataFrame, rows: pl.DataFrame, name: str) -> pl.DataFrame:
    """Times of comparable requests, weighted as the moved ones fall into their strata."""
    used = {
        key: rows.filter((pl.col("key") == key) & (pl.col(f"{name}_n") > 0))
        .group_by("group", key)
        .agg(moved=pl.col(name).sum(), n=pl.col(f"{name}_n").first())
        for key in STRATA
    }
    strata = sum(each.height for each in used.values())
    weight = pl.col("moved") / pl.col("n")
    return pl.concat(
        alike.select(*STRATA, value=name)
        .drop_nulls("value")
        .join(counts, on=key, how="inner")
        .select("group", "value", weight=weight, width=band(pl.col("n"), strata) * weight)
        for key, counts in used.items()
    )


def _overlap(alike: pl.DataFrame, rows: pl.DataFrame) -> int:
    """How many comparable requests the moved ones are measured on."""
    measured = [
        pl.col(key).is_in(rows.filter(pl.col("key") == key)[key].unique().implode())
        for key in STRATA
    ]
    return int(alike.select(pl.any_horizontal(measured).sum()).item())


def _reason(route: Route, asked: int, known: int, alike: int, least: int) -> str:
    if not asked:
        return "no request that another model answers meets its conditions"
    if not known:
        return "its requests have no known input tokens or no known cost of the stage"
    return (
        f"fewer than {least} comparable requests used {route.to}: {alike} meet the conditions,"
        " and none of the groups of like modality and size has enough"
    )
