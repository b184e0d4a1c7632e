"""What it would cost, and take, to send requests to another model: measured, never modelled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import polars as pl

from tracelens.analyse.what_if.baseline import Baseline
from tracelens.analyse.what_if.results import Share
from tracelens.analyse.what_if.shares import band, half_width, wilson
from tracelens.policy import Condition, Route

#: Requests are alike in what came in, in their service where enough are, and in size.
STRATA: Final = (("inputs", "service", "bin"), ("inputs", "bin"))
TIMES: Final = ("duration_ms", "ttfa_ms")


@dataclass(frozen=True)
class Moved:
    """Requests that one route moves.

    `rows`: `row`, what the stage costs in US dollars today (`cost`) and after (`stage_low,
    stage_high`), and on how many requests each time is measured (`duration_ms_n`, `ttfa_ms_n`; 0
    where they are too few). `times`, by the name of a time: `group, value, weight, width` of the
    comparable requests, where weights of a group add up to how many of its requests are replaced,
    and `width` is the part of a weight by which the count below any value may be wrong.
    """

    rows: pl.DataFrame
    times: dict[str, pl.DataFrame]
    comparable: int
    not_moved: int
    unknown: int
    failed_comparable: Share
    refused_because: str | None


def meets(base: Baseline, conditions: Sequence[Condition]) -> pl.Expr:
    """Whether a request meets all conditions of a route."""
    return pl.all_horizontal(pl.lit(True), *(_meets(base, each) for each in conditions))


def move(base: Baseline, route: Route, free: pl.Series, least: int) -> Moved:
    """Measure a route for the requests that meet its conditions and are `free` to move.

    Those of a stratum with fewer than `least` comparable requests stay where they are.
    """
    cost = f"cost_by_stage.{route.stage}"
    elsewhere = base.one_model(route.stage) & ~base.uses(route.stage, route.to)
    meant = (
        free & base.frame.select((meets(base, route.when) & elsewhere).alias("meant")).to_series()
    )
    asked = base.frame.select(
        *("group", *STRATA[0][:2], *TIMES),
        _bin(),
        cost=pl.col(cost),
        row=pl.int_range(pl.len(), dtype=pl.UInt32),
    ).filter(meant)
    known = asked.drop_nulls(("bin", "cost"))
    alike = _comparable(base, route, cost)
    strata = [_measured(alike, keys, least) for keys in STRATA]
    placed = _placed(known, strata)
    rows = placed.drop_nulls("stratum")
    return Moved(
        rows=rows.select(
            "row", "cost", "stage_low", "stage_high", *(f"{name}_n" for name in TIMES)
        ),
        times={name: _times(alike, rows, strata, name) for name in TIMES},
        comparable=_overlap(alike, rows),
        not_moved=asked.height - rows.height,
        unknown=asked.height - known.height,
        failed_comparable=wilson(int(alike["failed"].sum() or 0), alike["failed"].count()),
        refused_because=None
        if rows.height
        else _reason(route, asked.height, known.height, alike.height, least),
    )


def _meets(base: Baseline, condition: Condition) -> pl.Expr:
    if condition.column == "model":
        return base.fits_model(condition.globs, ("reasoning",))
    if condition.globs:
        return base.fits(
            "inputs" if condition.column == "modality" else condition.column, condition.globs
        )
    size = pl.col(f"sizes.{condition.column}")
    parts = [size.is_not_null()]
    if condition.min is not None:
        parts.append(size >= condition.min)
    if condition.max is not None:
        parts.append(size <= condition.max)
    return pl.all_horizontal(parts).fill_null(False)


def _bin() -> pl.Expr:
    """Which power of two the input tokens reach; null where they are not known."""
    return (
        pl.col("sizes.input_tokens").clip(lower_bound=1).log(2).floor().cast(pl.Int32).alias("bin")
    )


def _comparable(base: Baseline, route: Route, cost: str) -> pl.DataFrame:
    others = [each for each in route.when if each.column != "model"]
    return (
        base.frame.filter(meets(base, others) & base.uses(route.stage, route.to))
        .select(*STRATA[0][:2], _bin(), *TIMES, "failed", cost=pl.col(cost))
        .with_row_index("row")
        .drop_nulls(("bin", "cost"))
    )


def _measured(alike: pl.DataFrame, keys: Sequence[str], least: int) -> pl.DataFrame:
    """Of each stratum that is large enough, the interval of the mean cost of the stage."""
    return (
        alike.group_by(keys)
        .agg(
            n=pl.len(),
            mean=pl.col("cost").mean(),
            half=half_width("cost"),
            **{f"{name}_n": pl.col(name).count() for name in TIMES},
        )
        .filter(pl.col("n") >= max(least, 2))
        .select(
            *keys,
            stage_low=(pl.col("mean") - pl.col("half")).clip(lower_bound=0),
            stage_high=pl.col("mean") + pl.col("half"),
            **{
                f"{name}_n": pl.when(pl.col(f"{name}_n") >= least)
                .then(pl.col(f"{name}_n"))
                .otherwise(0)
                for name in TIMES
            },
        )
    )


def _placed(known: pl.DataFrame, strata: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """Each request with the finest stratum that was measured: its number in `stratum`."""
    parts, left = [], known
    for number, (keys, measured) in enumerate(zip(STRATA, strata, strict=True)):
        parts.append(
            left.join(measured, on=keys, how="inner", nulls_equal=True).with_columns(
                stratum=pl.lit(number)
            )
        )
        left = left.join(measured, on=keys, how="anti", nulls_equal=True)
    return pl.concat([*parts, left.with_columns(stratum=pl.lit(None, pl.Int32))], how="diagonal")


def _times(
    alike: pl.DataFrame, rows: pl.DataFrame, strata: Sequence[pl.DataFrame], name: str
) -> pl.DataFrame:
    """Times of comparable requests, weighted as the moved ones fall into their strata."""
    used = [
        rows.filter((pl.col("stratum") == number) & (pl.col(f"{name}_n") > 0))
        .group_by("group", *keys)
        .agg(moved=pl.col(name).count(), n=pl.col(f"{name}_n").first())
        for number, keys in enumerate(STRATA)
    ]
    bands = sum(each.height for each in used)
    found = []
    for keys, counts in zip(STRATA, used, strict=True):
        weight = pl.col("moved") / pl.col("n")
        found.append(
            alike.drop_nulls(name)
            .join(counts, on=keys, how="inner", nulls_equal=True)
            .select(
                "group",
                value=pl.col(name),
                weight=weight,
                width=band(pl.col("n"), bands) * weight,
            )
        )
    return pl.concat(found)


def _overlap(alike: pl.DataFrame, rows: pl.DataFrame) -> int:
    """How many comparable requests the moved ones are measured on."""
    used = [
        alike.join(rows.filter(pl.col("stratum") == number), on=keys, how="semi", nulls_equal=True)[
            "row"
        ]
        for number, keys in enumerate(STRATA)
    ]
    return pl.concat(used).n_unique()


def _reason(route: Route, asked: int, known: int, alike: int, least: int) -> str:
    if not asked:
        return "no request that another model answers meets its conditions"
    if not known:
        return "its requests have no known input tokens or no known cost of the stage"
    return (
        f"fewer than {least} comparable requests used {route.to}: {alike} meet the conditions,"
        " and none of the groups of like modality and size has enough"
    )
