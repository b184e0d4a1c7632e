"""How large what came in and went out of each request was, and which kinds tokens prove."""

from __future__ import annotations

from typing import Final

import polars as pl

from tracelens.model import SIZES
from tracelens.requests.tree import nearest_above

TOKENS: Final = ("input_tokens", "output_tokens", "audio_input_tokens", "image_input_tokens")

#: Token counts that prove a modality, beside those that are sizes.
PROOFS: Final = ("video_input_tokens", "audio_output_tokens", "image_output_tokens")

#: Span columns that are looked at.
MEASURES: Final = (
    *(*TOKENS, *PROOFS, "audio_seconds", "output_audio_seconds", "characters"),
    *("images", "megapixels", "pages", "output_images"),
)

#: Columns that one and the same record tells: where a span inside another tells one, it tells all.
SIDES: Final = (
    (*TOKENS, *PROOFS),
    ("audio_seconds",),
    ("output_audio_seconds",),
    ("characters",),
    ("images", "megapixels"),
    ("pages",),
    ("output_images",),
)

#: Sums beyond this are no sizes: from here on a double cannot tell two counts apart.
MOST: Final = 2**53


def request_sizes(spans: pl.DataFrame) -> pl.DataFrame:
    """Sizes of each request.

    Tokens, characters and seconds of speech add up over the calls. Images and pages do not: every
    call of a request carries the conversation so far, and with it the same images again, so the
    call that was given most of them tells how many came in. So it is with sound that a model hears
    for itself; where a recogniser tells how long it listened, that counts alone.

    Args:
        spans: the frame of `assign_requests`, with the columns `MEASURES`.

    Returns:
        `request`, `sizes` (`SIZES`), and `counted_in` and `counted_out`: the modalities that token
        counts prove.
    """
    leaves = leaf_usage(spans)
    made = {
        "audio_seconds": pl.coalesce(
            _sum("audio_seconds", pl.col("stage") == "transcription"), _most("audio_seconds")
        ),
        "output_audio_seconds": _sum("output_audio_seconds"),
        "characters": _sum("characters"),
        **{name: _most(name) for name in ("images", "megapixels", "pages")},
        **{name: _sum(name) for name in TOKENS},
    }
    sizes = pl.struct(expr.alias(name) for name, expr in made.items()).cast(SIZES)
    return leaves.group_by("request", maintain_order=True).agg(
        sizes.alias("sizes"),
        _proved(
            {
                "audio": "audio_input_tokens",
                "image": "image_input_tokens",
                "video": "video_input_tokens",
            }
        ).alias("counted_in"),
        _proved({"audio": "audio_output_tokens", "image": "image_output_tokens"}).alias(
            "counted_out"
        ),
    )


def leaf_usage(spans: pl.DataFrame) -> pl.DataFrame:
    """Staged spans of requests, with `MEASURES` only where no span of the same call inside tells.

    A wrapper repeats what the call inside it used. Spans of one stage that contain one another,
    with no other stage between them, are of one call.
    """
    parent, stage = spans.get_column("parent_row"), spans.get_column("stage")
    above = nearest_above(parent, stage.is_not_null())
    same = (stage.gather(above) == stage).fill_null(False)
    holder = pl.select(pl.when(same).then(above)).to_series()
    kept = []
    for side in SIDES:
        told = spans.select(pl.any_horizontal(pl.col(name).is_not_null() for name in side))
        tells = told.to_series() & stage.is_not_null()
        outer = nearest_above(holder, tells).filter(tells).drop_nulls().unique()
        repeats = spans.get_column("row").is_in(outer.implode())
        kept += [pl.when(~repeats).then(pl.col(name)).alias(name) for name in side]
    return spans.select("request", "stage", *kept).filter(
        pl.col("request").is_not_null() & pl.col("stage").is_not_null()
    )


def _sum(name: str, where: pl.Expr | None = None) -> pl.Expr:
    told = pl.col(name) if where is None else pl.col(name).filter(where)
    total = told.cast(pl.Float64).sum()
    return pl.when((told.count() > 0) & (total <= MOST)).then(total)


def _most(name: str) -> pl.Expr:
    return pl.col(name).max().cast(pl.Float64)


def _proved(tokens: dict[str, str]) -> pl.Expr:
    proved = (
        pl.when((pl.col(name) > 0).any()).then(pl.lit(modality))
        for modality, name in tokens.items()
    )
    return pl.concat_list(proved).list.drop_nulls()
