"""What each request cost: line items by unit, from what emitters report or the price table."""

from __future__ import annotations

from typing import Final

import polars as pl

from tracelens.model import CONTENTS, COST_ITEM, STAGES, UNITS
from tracelens.prices import PriceTable
from tracelens.requests.tree import nearest, nearest_above
from tracelens.requests.usage import same_call, split_tokens

#: Ways of charging for one call, the usual one first: one way is taken, as the others measure the
#: same thing once more. (A recogniser's audio has a length and tokens; it is paid once.)
WAYS: Final = ("tokens", "characters", "seconds", "pieces")
WAY: Final = {
    unit: "tokens"
    if unit.endswith("_tokens")
    else "seconds"
    if unit.endswith("_seconds")
    else "characters"
    if unit == "characters"
    else "pieces"
    for unit in UNITS
}

#: Measures that describe a call rather than what it is paid by, unless the stage is the one named
#: or the policy has a price.
SIZES: Final = {
    "audio_seconds": "transcription",
    "output_audio_seconds": "synthesis",
    "characters": "synthesis",
}

#: The unit of a cost that cannot be split.
CALL: Final = "call"

#: Costs are rounded to this many decimals of a dollar, so that sums are those of the items.
DECIMALS: Final = 12

COST_STAGES: Final = (*STAGES, "tool")


def request_costs(
    spans: pl.DataFrame, runs: pl.DataFrame, paying: pl.DataFrame, prices: PriceTable
) -> pl.DataFrame:
    """What each request cost, as far as it is known.

    Args:
        spans: the frame of `assign_requests`.
        runs: the frame of `stage_runs` on it.
        paying: the frame of `paying_spans` on it.
        prices: the price table in force.

    Returns:
        `request, cost_usd, cost_is_lower_bound, cost_unpriced_spans, cost_items, cost_by_stage,
        cost_by_content` of the requests that used anything; the items in order of time. A cost is
        null where nothing is priced, and never 0 for that.
    """
    measured = _items(paying, prices)
    items = pl.concat([measured, _unmeasured(spans, runs, measured)]).sort("row", "order")
    items = items.with_columns(cost_usd=_rounded(pl.col("cost_usd")))
    priced = pl.col("cost_usd").is_not_null()
    unpriced = pl.col("span_id").filter(~priced).n_unique().cast(pl.Int64)
    return items.group_by("request", maintain_order=True).agg(
        pl.when(priced.any()).then(_rounded(pl.col("cost_usd").sum())).alias("cost_usd"),
        (priced.any() & ~priced.all()).alias("cost_is_lower_bound"),
        unpriced.alias("cost_unpriced_spans"),
        pl.struct(field.name for field in COST_ITEM.fields).cast(COST_ITEM).alias("cost_items"),
        _sums("stage", COST_STAGES).alias("cost_by_stage"),
        _sums("content", CONTENTS).alias("cost_by_content"),
    )


def _rounded(cost: pl.Expr) -> pl.Expr:
    return pl.when(cost < 1e100).then(cost.round(DECIMALS)).otherwise(cost)


def _sums(column: str, names: tuple[str, ...]) -> pl.Expr:
    """The cost by the values of a column; null where nothing with that value is priced."""
    cost = pl.col("cost_usd")
    each = [cost.filter((pl.col(column) == name) & cost.is_not_null()) for name in names]
    return pl.struct(
        pl.when(some.len() > 0).then(_rounded(some.sum())).alias(name)
        for name, some in zip(names, each, strict=True)
    )


def _items(paying: pl.DataFrame, prices: PriceTable) -> pl.DataFrame:
    """Line items of the spans that say what they used or cost."""
    split = split_tokens(paying)
    keys, rates = prices.rates(split.select("provider", "model", "start_unix_nano"))
    used = _with_rates(_used(split.with_columns(key=keys)), rates)
    chosen = _one_way(_without_mixtures(_without_sizes(used), split.with_columns(key=keys), rates))
    return _with_reported(chosen, split)


def _used(split: pl.DataFrame) -> pl.DataFrame:
    """A row per paying span and unit, with its quantity."""
    keep = ["at", "request", "row", "span_id", "stage", "placed", "model", "key"]
    total = pl.sum_horizontal(
        name for name in UNITS if name.endswith("input_tokens") or name == "cache_write_tokens"
    )
    amounts = split.select(
        *keep, *(pl.col(unit).cast(pl.Float64) for unit in UNITS), total=total.fill_null(0)
    )
    long = amounts.unpivot(
        list(UNITS), index=[*keep, "total"], variable_name="unit", value_name="quantity"
    )
    return long.filter(pl.col("quantity") > 0)


def _with_rates(used: pl.DataFrame, rates: pl.DataFrame) -> pl.DataFrame:
    """Add `unit_usd` and `source`: the rate of the tier that the whole input reaches.

    Reasoning is part of the output. It has a line of its own where it has a rate of its own.
    """
    joined = used.join(rates, on=["key", "unit"], how="left", maintain_order="left")
    fits = (pl.col("above") <= pl.col("total")).fill_null(True)
    priced = (
        joined.filter(fits)
        .sort("at", "unit", "above")
        .unique(["at", "unit"], keep="last", maintain_order=True)
        .drop("above")
    )
    apart = (pl.col("unit") == "reasoning_tokens") & pl.col("unit_usd").is_not_null()
    reasoning = priced.filter(apart).select("at", reasoned="quantity")
    rest = priced.filter((pl.col("unit") != "reasoning_tokens") | apart)
    output = pl.col("unit") == "output_tokens"
    left = pl.col("quantity") - pl.col("reasoned").fill_null(0)
    return (
        rest.join(reasoning, on="at", how="left", maintain_order="left")
        .with_columns(quantity=pl.when(output).then(left.clip(lower_bound=0)).otherwise("quantity"))
        .drop("reasoned")
    )


def _without_sizes(used: pl.DataFrame) -> pl.DataFrame:
    """Without measures that tell how large something was, where nobody is paid by them."""
    unit, stated = pl.col("unit"), pl.col("source").eq_missing(pl.lit("policy"))
    paid_in = unit.replace_strict(SIZES, default=None, return_dtype=pl.String())
    size = (paid_in != pl.col("placed")).fill_null(False)
    counted = unit.is_in(["images", "pages", "output_images"]) & pl.col("unit_usd").is_null()
    looked_at = counted & (unit != "output_images")
    return used.filter(stated | ~(size | looked_at))


def _without_mixtures(used: pl.DataFrame, split: pl.DataFrame, rates: pl.DataFrame) -> pl.DataFrame:
    """Take the rate from totals that may hold tokens of another kind at another rate.

    Sound that went in and is not counted is somewhere in the input tokens. Only where it costs the
    same does it not matter; and what the tokens are of is not known then.
    """
    sides = {
        "unsplit_in": ("input_tokens", "cached_input_tokens", "cache_write_tokens"),
        "unsplit_out": ("output_tokens",),
    }
    for column, units in sides.items():
        mixed = split.filter(pl.col(column).list.len() > 0)
        if mixed.is_empty():
            continue
        others = mixed.select("at", "key", other=column).explode("other")
        found = others.join(
            rates.filter(pl.col("above") == 0).select("key", other="unit", other_usd="unit_usd"),
            on=["key", "other"],
            how="left",
        ).join(
            rates.filter((pl.col("above") == 0) & (pl.col("unit") == units[0])).select(
                "key", text_usd="unit_usd"
            ),
            on="key",
            how="left",
        )
        alike = (pl.col("other_usd") == pl.col("text_usd")).fill_null(False).all()
        told = found.group_by("at").agg(alike=alike)
        used = used.join(told, on="at", how="left", maintain_order="left")
        here = pl.col("unit").is_in(units) & pl.col("alike").is_not_null()
        differs = here & ~pl.col("alike")
        used = used.with_columns(
            unit_usd=pl.when(~differs.fill_null(False)).then("unit_usd"),
            source=pl.when(~differs.fill_null(False)).then("source"),
            mixed=pl.col("mixed") | here if "mixed" in used.columns else here,
        ).drop("alike")
    return used if "mixed" in used.columns else used.with_columns(mixed=pl.lit(False))


def _one_way(used: pl.DataFrame) -> pl.DataFrame:
    """Keep one way of charging per span: one that is priced whole, the policy's before the others.

    Of several that are priced in part, or not at all, the usual one is kept.
    """
    way = pl.col("unit").replace_strict(WAY, return_dtype=pl.String())
    priced = pl.col("unit_usd").is_not_null()
    ways = (
        used.with_columns(way=way)
        .group_by("at", "way")
        .agg(
            whole=priced.all(),
            some=priced.any(),
            stated=(priced.all() & (pl.col("source") == "policy").any()).fill_null(False),
        )
        .with_columns(usual=pl.col("way").replace_strict(dict(zip(WAYS, range(4), strict=True))))
        .sort("at", "whole", "stated", "some", "usual", descending=[False, True, True, True, False])
        .unique("at", keep="first", maintain_order=True)
    )
    kept = used.with_columns(way=way).join(ways.select("at", "way"), on=["at", "way"], how="semi")
    content = pl.col("unit").replace_strict(dict(UNITS), return_dtype=pl.String())
    return kept.with_columns(
        content=pl.when("mixed").then(pl.lit("other")).otherwise(content),
        cost_usd=pl.col("quantity") * pl.col("unit_usd"),
        order=pl.col("unit").replace_strict(
            {unit: i for i, unit in enumerate(UNITS)}, return_dtype=pl.Int32()
        ),
    )


def _with_reported(items: pl.DataFrame, paying: pl.DataFrame) -> pl.DataFrame:
    """Let the cost that an emitter reports of a call stand for what the table makes of it.

    It is split over the units of the call as the table would, where that has a price for all.
    """
    at = paying.get_column("at")
    reports = paying.get_column("cost_usd").is_not_null()
    holder = nearest(paying.get_column("above"), reports)
    covered = (holder == at).fill_null(False) | same_call(paying, holder)
    place = paying.select("at", holder=pl.select(pl.when(covered).then(holder)).to_series())
    reported = paying.filter(reports).select(
        *("request", "row", "span_id", "stage", "model"), holder="at", reported="cost_usd"
    )
    items = items.join(place, on="at", how="left", maintain_order="left")
    inside = items.filter(pl.col("holder").is_not_null()).join(
        reported.select("holder", "reported"), on="holder", how="left", maintain_order="left"
    )
    total = pl.col("cost_usd").sum().over("holder")
    whole = pl.col("cost_usd").is_not_null().all().over("holder") & (total > 0)
    split = inside.filter(whole)
    shares = split.with_columns(cost_usd=_rounded(pl.col("reported") * pl.col("cost_usd") / total))
    last = pl.int_range(pl.len()).over("holder") == pl.len().over("holder") - 1
    others = pl.col("cost_usd").sum().over("holder") - pl.col("cost_usd")
    shares = shares.with_columns(
        cost_usd=pl.when(last).then(pl.col("reported") - others).otherwise("cost_usd")
    ).with_columns(unit_usd=pl.col("cost_usd") / pl.col("quantity"), source=pl.lit("emitter"))
    calls = reported.join(split.select("holder").unique(), on="holder", how="anti").with_columns(
        unit=pl.lit(CALL),
        content=pl.lit("other"),
        quantity=pl.lit(1.0),
        unit_usd=pl.col("reported"),
        cost_usd=pl.col("reported"),
        source=pl.lit("emitter"),
        order=pl.lit(-1, pl.Int32),
    )
    parts = (items.filter(pl.col("holder").is_null()), shares, calls)
    return pl.concat([part.select(COLUMNS) for part in parts])


#: Columns of items before they are gathered.
COLUMNS: Final = (
    *("request", "row", "order"),
    *(field.name for field in COST_ITEM.fields),
)


def _unmeasured(spans: pl.DataFrame, runs: pl.DataFrame, items: pl.DataFrame) -> pl.DataFrame:
    """Calls of models of which nothing tells how much they used: items without any quantity.

    An attempt that leaves no usage, beside one of the same call that does, is not counted: it was
    refused, or what it used is in the other. Nor is a call inside a wrapper of no stage that says
    what all of it used.
    """
    calls = runs.filter(pl.col("stage").is_in(STAGES))
    members = calls.select("request", "run", "span_ids").explode("span_ids")
    said = items.select("request", span_ids="span_id")
    told = members.join(said, on=["request", "span_ids"], how="semi").select("run").unique()
    silent = calls.join(told, on="run", how="anti")
    counted = spans.get_column("row").is_in(items.get_column("row").implode())
    around = counted & spans.get_column("stage").is_null()
    inside = nearest_above(spans.get_column("parent_row"), around)
    silent = silent.filter(inside.gather(silent.get_column("run")).is_null())
    nothing = {
        name: pl.lit(None, COST_ITEM.to_schema()[name])
        for name in ("unit", "quantity", "unit_usd", "cost_usd", "source")
    }
    return silent.with_columns(
        row="run", order=pl.lit(0, pl.Int32), content=pl.lit("other"), **nothing
    ).select(COLUMNS)
