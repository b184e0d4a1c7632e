"""How large what came in and went out of each request was, and which kinds tokens prove."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import polars as pl

from tracelens.model import SIZES

TOKENS: Final = ("input_tokens", "output_tokens", "audio_input_tokens", "image_input_tokens")

#: Sums beyond this are no sizes: from here on a double cannot tell two counts apart.
MOST: Final = 2**53


def request_sizes(spans: pl.DataFrame, paying: pl.DataFrame) -> pl.DataFrame:
    """Sizes of each request.

    Tokens, characters and seconds of speech add up over the calls. Images and pages do not: every
    call of a request carries the conversation so far, and with it the same images again, so the
    call that was given most of them tells how many came in. So it is with sound that a model hears
    for itself; where a recogniser tells how long it listened, that counts alone. A size of 0 is one
    of which every call that tells it says 0.

    Args:
        spans: the frame of `assign_requests`.
        paying: the frame of `paying_spans` on it.

    Returns:
        `request`, `sizes` (`SIZES`), and `counted_in` and `counted_out`: the modalities that token
        counts prove.
    """
    made = {
        "audio_seconds": pl.coalesce(
            _sum("audio_seconds", pl.col("placed") == "transcription"), _most("audio_seconds")
        ),
        "output_audio_seconds": _sum("output_audio_seconds"),
        "characters": _sum("characters"),
        **{name: _most(name) for name in ("images", "megapixels", "pages")},
        **{name: _sum(name) for name in TOKENS},
    }
    used = paying.group_by("request").agg(
        *(expr.alias(name) for name, expr in made.items()),
        counted_in=_proved(
            {
                "audio": "audio_input_tokens",
                "image": "image_input_tokens",
                "video": "video_input_tokens",
            }
        ),
        counted_out=_proved({"audio": "audio_output_tokens", "image": "image_output_tokens"}),
    )
    both = _nothing(spans, made).join(used, on="request", how="full", coalesce=True)
    sizes = (pl.coalesce(name, f"_{name}").alias(name) for name in made)
    return both.select("request", "counted_in", "counted_out", sizes=pl.struct(sizes).cast(SIZES))


def _nothing(spans: pl.DataFrame, names: Iterable[str]) -> pl.DataFrame:
    """0 for each size (`_NAME`) of which the stages of a request tell nothing but that."""
    inside = spans.filter(pl.col("request").is_not_null() & pl.col("stage").is_not_null())
    return inside.group_by("request").agg(
        pl.when(pl.col(name).max() == 0).then(0.0).alias(f"_{name}") for name in names
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
