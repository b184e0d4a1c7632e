"""What caps on the size of requests save: rejected, truncated or downscaled ones."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Final

import polars as pl

from tracelens.analyse.what_if.baseline import Baseline
from tracelens.analyse.what_if.sizes import SIZE_EFFECTS, TOKENS
from tracelens.model import STAGES
from tracelens.policy import Cap

#: A cap and the name of the column that says which requests it changes.
NamedCap = tuple[str, Cap]

Low = pl.Expr
High = pl.Expr

#: How tokens can be cut from an input of several kinds: all in proportion, or its text first.
WAYS: Final = ("even", "text_first")


def cap_masks(base: Baseline, caps: Sequence[Cap]) -> list[tuple[pl.Expr, pl.Expr]]:
    """Of each cap, which requests are too large, and of which it is not known.

    A request is only held to the first cap with one size and `how` that is meant for it.
    """
    taken: dict[tuple[str, str], pl.Expr] = {}
    masks = []
    for cap in caps:
        meant = fits_row(base, cap.modality, cap.service, cap.model)
        earlier = taken.get((cap.size, cap.how), pl.lit(False))
        own, size = meant & ~earlier, base.size(cap.size)
        masks.append(((own & (size > cap.max)).fill_null(False), own & size.is_null()))
        taken[cap.size, cap.how] = earlier | meant
    return masks


def fits_row(
    base: Baseline, modality: str | None, service: str | None, model: str | None
) -> pl.Expr:
    """Whether a row of the policy with these globs is meant for a request."""
    parts = [pl.lit(True)]
    if modality is not None:
        parts.append(base.fits("inputs", [modality]))
    if service is not None:
        parts.append(base.fits("service", [service]))
    if model is not None:
        parts.append(base.fits_model([model]))
    return pl.all_horizontal(parts)


def refused(caps: Iterable[NamedCap]) -> pl.Expr:
    """Whether a cap turns a request away."""
    return pl.any_horizontal(
        pl.lit(False), *(pl.col(name) for name, cap in caps if cap.how == "reject")
    )


def money_saved(caps: Sequence[NamedCap]) -> tuple[Low, High]:
    """The least and the most US dollars of a request that caps save; null where it has no cost.

    Each content is cut by the tightest cap on it, in proportion to the size.
    """
    smaller = [each for each in caps if each[1].how != "reject"]
    ways = WAYS if any(cap.size == "input_tokens" for _, cap in smaller) else WAYS[:1]
    least = [_saved(smaller, way, derived=False) for way in ways]
    most = [_saved(smaller, way, derived=True) for way in ways]
    cost, gone = pl.col("cost_usd"), refused(caps)
    known = cost.is_not_null()
    return (
        pl.when(known).then(pl.when(gone).then(cost).otherwise(_within(pl.min_horizontal(least)))),
        pl.when(known).then(pl.when(gone).then(cost).otherwise(_within(pl.max_horizontal(most)))),
    )


def time_saved(caps: Sequence[NamedCap]) -> dict[str, pl.Expr]:
    """By stage, the most ms of a request that caps save.

    Nobody knows how time depends on size, so the least is nothing, and the most in proportion, with
    all that follows moving up by it.
    """
    kept: dict[str, list[pl.Expr]] = defaultdict(list)
    for name, cap in caps:
        if cap.how != "reject":
            for stage in SIZE_EFFECTS[cap.size].stages:
                kept[stage].append(_kept(name, cap))
    return {
        stage: pl.col(f"shape.took_ms.{stage}").fill_null(0) * (1 - pl.min_horizontal(kept[stage]))
        for stage in STAGES
        if stage in kept
    }


def unsplit(cap: Cap) -> pl.Expr:
    """US dollars of a request in costs that cannot be recomputed for a smaller one."""
    if cap.how == "reject":
        return pl.lit(None, pl.Float64)
    contents = [pl.col(f"cost_by_content.{name}") for name in SIZE_EFFECTS[cap.size].contents]
    other = pl.col("cost_by_content.other")
    split = pl.any_horizontal(content.is_not_null() for content in contents)
    return pl.when(split).then(pl.when(other > 0).then(other)).otherwise(pl.col("cost_usd"))


def _kept(name: str, cap: Cap) -> pl.Expr:
    """The part of a request's content that a cap leaves, 0 to 1."""
    return pl.when(pl.col(name)).then(cap.max / pl.col(f"sizes.{cap.size}")).otherwise(1.0)


def _saved(caps: Sequence[NamedCap], way: str, *, derived: bool) -> pl.Expr:
    kept: dict[str, list[pl.Expr]] = defaultdict(list)
    for name, cap in caps:
        for content, part in _kept_by_content(name, cap, way, derived=derived).items():
            kept[content].append(part)
    saved = [
        pl.col(f"cost_by_content.{content}").fill_null(0) * (1 - pl.min_horizontal(parts))
        for content, parts in kept.items()
    ]
    return pl.sum_horizontal(saved) if saved else pl.lit(0.0)


def _kept_by_content(name: str, cap: Cap, way: str, *, derived: bool) -> dict[str, pl.Expr]:
    if cap.size == "input_tokens":
        return _kept_tokens(name, cap, way)
    effect = SIZE_EFFECTS[cap.size]
    contents = (*effect.contents, *(effect.derived if derived else ()))
    return dict.fromkeys(contents, _kept(name, cap))


def _kept_tokens(name: str, cap: Cap, way: str) -> dict[str, pl.Expr]:
    """Of text, audio and pictures the part that is left of an input cut to `max` tokens."""
    total = pl.col("sizes.input_tokens")
    counts = {
        cost.removeprefix("cost_by_content."): pl.col(size).fill_null(0)
        for cost, size in TOKENS.items()
    }
    others = pl.sum_horizontal(counts.values())
    text = (total - others).clip(lower_bound=0)
    gone = pl.when(pl.col(name)).then(total - cap.max).otherwise(0.0)
    if way == "even":
        kept = {"text_in": 1 - gone / total, **dict.fromkeys(counts, 1 - gone / total)}
    else:
        # What is left to cut after the text is cut from the others in proportion.
        rest = (gone - text).clip(lower_bound=0)
        kept = {
            "text_in": pl.when(text > 0).then(1 - (gone / text).clip(upper_bound=1)).otherwise(1.0),
            **dict.fromkeys(counts, 1 - rest / others),
        }
    for content, count in counts.items():
        # Audio that is paid for by the second has no tokens to cut.
        kept[content] = pl.when(count > 0).then(kept[content].clip(0, 1)).otherwise(1.0)
    kept["text_in"] = pl.when(gone > 0).then(kept["text_in"]).otherwise(1.0)
    return kept


def _within(saved: pl.Expr) -> pl.Expr:
    return pl.min_horizontal(saved, pl.col("cost_usd"))
