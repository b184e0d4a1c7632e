"""Which spans' usage counts, and how it falls into units that do not overlap."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import polars as pl

from tracelens.requests.tree import nearest, nearest_above

#: Columns of spans that measure one side of a call, or how large it was. Where a span repeats what
#: a span inside it says of a side, the inner one counts for the whole side: parts of a total belong
#: to that total.
SIDES: Final[Mapping[str, tuple[str, ...]]] = {
    "tokens_in": (
        *("input_tokens", "cached_input_tokens", "cache_write_tokens", "audio_input_tokens"),
        *("cached_audio_input_tokens", "image_input_tokens", "video_input_tokens"),
    ),
    "tokens_out": (
        *("output_tokens", "reasoning_tokens", "audio_output_tokens", "image_output_tokens"),
    ),
    **{
        name: (name,)
        for name in (
            *("audio_seconds", "output_audio_seconds", "characters"),
            *("pages", "output_images"),
        )
    },
    "images": ("images", "megapixels"),
}
MEASURES: Final = tuple(column for columns in SIDES.values() for column in columns)

#: A side of its own, though not usage: the cost that the emitter reports.
COST: Final = "cost"

#: Costs beyond this are no costs, in US dollars.
MOST: Final = 1e9

#: What a number has to be told of each paying span.
KEPT: Final = (
    *("request", "row", "span_id", "start_unix_nano", "provider", "model"),
    *("input_modalities", "output_modalities"),
)


def is_cost(column: str = "cost_usd") -> pl.Expr:
    """Whether a recorded cost can be one: a number, and nobody is paid for a call."""
    cost = pl.col(column)
    return (cost.is_finite() & (cost >= 0) & (cost <= MOST)).fill_null(False)


def paying_spans(spans: pl.DataFrame) -> pl.DataFrame:
    """Spans of requests that say what was used or paid, with what only they say.

    A wrapper repeats the usage of what is inside it, so of two spans of one call the inner one
    counts, for each side of the call: they are of one call when both are of one stage with no tool
    between them, or when the outer one is of no stage. A span that repeats a cost loses that cost.
    Amounts of 0 are what emitters write where they do not know, so they say nothing; neither do
    negative ones.

    Args:
        spans: the frame of `assign_requests`.

    Returns:
        The columns `KEPT` and `MEASURES`, `cost_usd`, `stage` (inside a tool it is `tool`; of a
        span outside every stage it is `reasoning`), `tool` (row of the tool it is in), and `above`
        (row in this frame of the nearest paying span that holds it, of another call or of the
        same).
    """
    amounts = [pl.when(pl.col(name) > 0).then(pl.col(name)).alias(name) for name in MEASURES]
    cost = pl.when(is_cost() & (pl.col("cost_usd") > 0)).then("cost_usd").alias("cost_usd")
    parent, stage = spans.get_column("parent_row"), spans.get_column("stage")
    placed = spans.select(
        *KEPT,
        *amounts,
        cost,
        own="stage",
        placed=stage.gather(nearest(parent, stage.is_not_null())),
        tool=nearest_above(parent, (stage == "tool").fill_null(False)),
    )
    pays = placed.select(
        pl.any_horizontal(pl.col(name).is_not_null() for name in (*MEASURES, "cost_usd"))
        & pl.col("request").is_not_null()
    ).to_series()
    kept = placed.with_columns(holder=nearest_above(parent, pays)).filter(pays)
    kept = _with_above(kept.with_row_index("at"))
    repeated = {side: _repeats(kept, columns) for side, columns in _sides().items()}
    return kept.with_columns(
        *(
            pl.when(~repeated[side]).then(pl.col(name)).alias(name)
            for side, columns in _sides().items()
            for name in columns
        )
    ).with_columns(
        stage=pl.when(pl.col("tool").is_not_null())
        .then(pl.lit("tool"))
        .otherwise(pl.col("placed").fill_null("reasoning"))
    )


def _sides() -> Mapping[str, tuple[str, ...]]:
    return {**SIDES, COST: ("cost_usd",)}


def _with_above(kept: pl.DataFrame) -> pl.DataFrame:
    """Add `above`: the pointer to the paying span above, within this frame."""
    places = kept.select(holder="row", above="at")
    return kept.join(places, on="holder", how="left", maintain_order="left").drop("holder")


def _repeats(kept: pl.DataFrame, columns: Sequence[str]) -> pl.Series:
    """Which spans say of a side what a span of the same call inside them says."""
    says = kept.select(
        pl.any_horizontal(pl.col(name).is_not_null() for name in columns)
    ).to_series()
    outer = nearest_above(kept.get_column("above"), says)
    inner = kept.select(outer=outer, same=same_call(kept, outer)).filter(says)
    rows = inner.filter(pl.col("same")).get_column("outer").unique()
    return kept.get_column("at").is_in(rows.implode()) & says


def same_call(kept: pl.DataFrame, outer: pl.Series) -> pl.Series:
    """Whether each span is part of the call that the span `outer` (a row of `kept`) stands for."""
    above = kept.select(
        own=pl.col("own").gather(outer),
        placed=pl.col("placed").gather(outer),
        tool=pl.col("tool").gather(outer),
        row=pl.col("row").gather(outer),
    )
    stage, tool = kept.get_column("placed"), kept.get_column("tool")
    together = tool.eq_missing(above.get_column("tool"))
    alike = together & stage.eq_missing(above.get_column("placed"))
    in_tool = (above.get_column("own") == "tool") & (tool == above.get_column("row"))
    around = above.get_column("placed").is_null()
    return (outer.is_not_null() & (alike | in_tool.fill_null(False) | around)).fill_null(False)


def split_tokens(paying: pl.DataFrame) -> pl.DataFrame:
    """Tokens of each span as units that do not overlap and add up to the totals.

    Cached tokens are part of the input and cached sound is part of both sound and cache, so each is
    taken off what holds it, as far as that reaches: parts never exceed their total. Without a total
    the parts are the total. What synthesis puts out is sound, unless something else is recorded.

    Adds `unsplit_in` and `unsplit_out`: other modalities that a total may hold, in unknown parts.
    """
    spoken = pl.col("placed") == "synthesis"
    makes = pl.col("output_modalities").fill_null([])
    only_sound = spoken & ~makes.list.contains("image") & ~makes.list.contains("text")
    paying = paying.with_columns(
        audio_output_tokens=pl.coalesce(
            "audio_output_tokens", pl.when(only_sound).then("output_tokens")
        ),
        unsplit_in=_unsplit("in", ("audio", "image", "video"), "transcription"),
        unsplit_out=_unsplit("out", ("audio", "image"), None),
    )
    audio, cached = pl.col("audio_input_tokens"), pl.col("cached_audio_input_tokens")
    inputs = {
        "cached_audio_input_tokens": cached,
        "cached_input_tokens": pl.col("cached_input_tokens") - cached.fill_null(0),
        "cache_write_tokens": pl.col("cache_write_tokens"),
        "audio_input_tokens": audio - cached.fill_null(0),
        "image_input_tokens": pl.col("image_input_tokens"),
        "video_input_tokens": pl.col("video_input_tokens"),
    }
    outputs = {
        "audio_output_tokens": pl.col("audio_output_tokens"),
        "image_output_tokens": pl.col("image_output_tokens"),
    }
    return paying.with_columns(
        *_disjoint("input_tokens", inputs), *_disjoint("output_tokens", outputs)
    )


def _unsplit(side: str, modalities: Sequence[str], spoken: str | None) -> pl.Expr:
    """Modalities that a total of tokens may hold and of which no count is recorded."""
    known = pl.col("input_modalities" if side == "in" else "output_modalities")
    if spoken is not None:
        known = pl.coalesce(known, pl.when(pl.col("placed") == spoken).then(pl.lit(["audio"])))
    names = [
        pl.when(known.list.contains(each) & pl.col(f"{each}_{side}put_tokens").is_null()).then(
            pl.lit(f"{each}_{side}put_tokens")
        )
        for each in modalities
    ]
    return pl.concat_list(names).list.drop_nulls()


def _disjoint(total: str, parts: Mapping[str, pl.Expr]) -> list[pl.Expr]:
    """Each part as far as the total reaches, in this order, and what is left of the total."""
    sizes = {
        name: part.cast(pl.Float64).fill_null(0).clip(lower_bound=0) for name, part in parts.items()
    }
    whole = pl.coalesce(pl.col(total).cast(pl.Float64), pl.sum_horizontal(*sizes.values()))
    made, taken = [], pl.lit(0.0)
    for name, size in sizes.items():
        reached = pl.min_horizontal(taken + size, whole)
        made.append((reached - pl.min_horizontal(taken, whole)).alias(name))
        taken = taken + size
    return [*made, (whole - pl.min_horizontal(taken, whole)).alias(total)]
