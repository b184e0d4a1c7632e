"""What caps on the size of requests save: rejected, truncated or downscaled ones."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import reduce
from typing import Final

import numpy as np

from tracelens.analyse.tails.choose import Mask
from tracelens.analyse.tails.ordered import Floats
from tracelens.analyse.what_if.needed import took
from tracelens.analyse.what_if.part import Part
from tracelens.analyse.what_if.sizes import SIZE_EFFECTS, TOKENS
from tracelens.model import STAGES
from tracelens.policy import Cap

#: A cap and the name under which a part has which requests it changes.
NamedCap = tuple[str, Cap]

Low = Floats
High = Floats

#: How tokens can be cut from an input of several kinds: all in proportion, or its text first.
WAYS: Final = ("even", "text_first")


def refused(part: Part, caps: Iterable[NamedCap]) -> Mask:
    """Whether a cap turns a request away."""
    found = np.zeros(part.n, dtype=bool)
    for name, cap in caps:
        if cap.how == "reject":
            found |= part.acts[name]
    return found


def money_saved(part: Part, caps: Sequence[NamedCap]) -> tuple[Low, High]:
    """The least and the most US dollars of a request that caps save; NaN where it has no cost.

    Each content is cut by the tightest cap on it, in proportion to the size.
    """
    smaller = [each for each in caps if each[1].how != "reject"]
    cost, gone = part["cost_usd"], refused(part, caps)
    if not smaller:
        saved = np.where(gone, cost, np.minimum(cost, 0))
        return saved, saved
    ways = WAYS if any(cap.size == "input_tokens" for _, cap in smaller) else WAYS[:1]
    least = [_saved(part, smaller, way, derived=False) for way in ways]
    derives = any(SIZE_EFFECTS[cap.size].derived for _, cap in smaller)
    most = [_saved(part, smaller, way, derived=True) for way in ways] if derives else least
    low, high = reduce(np.minimum, least), reduce(np.maximum, most)
    within = (np.where(gone, cost, np.minimum(saved, cost)) for saved in (low, high))
    return next(within), next(within)


def time_saved(part: Part, caps: Sequence[NamedCap]) -> dict[str, Floats]:
    """By stage, the most ms of a request that caps save.

    Nobody knows how time depends on size, so the least is nothing, and the most in proportion, with
    all that follows moving up by it.
    """
    kept: dict[str, list[Floats]] = defaultdict(list)
    for name, cap in caps:
        if cap.how != "reject":
            left = _kept(part, name, cap)
            for stage in SIZE_EFFECTS[cap.size].stages:
                kept[stage].append(left)
    return {
        stage: part.filled(took(stage)) * (1 - reduce(np.minimum, kept[stage]))
        for stage in STAGES
        if stage in kept
    }


def unsplit(part: Part, cap: Cap) -> Floats:
    """US dollars of a request in costs that cannot be recomputed for a smaller one, else NaN."""
    if cap.how == "reject":
        return np.full(part.n, np.nan)
    contents = [part[f"cost_by_content.{name}"] for name in SIZE_EFFECTS[cap.size].contents]
    other = part["cost_by_content.other"]
    split = reduce(np.logical_or, (~np.isnan(content) for content in contents))
    return np.where(split, np.where(other > 0, other, np.nan), part["cost_usd"])


def _kept(part: Part, name: str, cap: Cap) -> Floats:
    """The part of a request's content that a cap leaves, 0 to 1."""
    with np.errstate(all="ignore"):
        return np.where(part.acts[name], cap.max / part[f"sizes.{cap.size}"], 1.0)


def _saved(part: Part, caps: Sequence[NamedCap], way: str, *, derived: bool) -> Floats:
    kept: dict[str, list[Floats]] = defaultdict(list)
    for name, cap in caps:
        for content, left in _kept_by_content(part, name, cap, way, derived=derived).items():
            kept[content].append(left)
    saved = np.zeros(part.n)
    for content, each in kept.items():
        saved += part.filled(f"cost_by_content.{content}") * (1 - reduce(np.minimum, each))
    return saved


def _kept_by_content(
    part: Part, name: str, cap: Cap, way: str, *, derived: bool
) -> dict[str, Floats]:
    if cap.size == "input_tokens":
        return _kept_tokens(part, name, cap, way)
    effect = SIZE_EFFECTS[cap.size]
    contents = (*effect.contents, *(effect.derived if derived else ()))
    return dict.fromkeys(contents, _kept(part, name, cap))


def _kept_tokens(part: Part, name: str, cap: Cap, way: str) -> dict[str, Floats]:
    """Of text, audio and pictures the part that is left of an input cut to `max` tokens."""
    here, total = part.acts[name], part["sizes.input_tokens"]
    counts = {
        cost.removeprefix("cost_by_content."): part.filled(size) for cost, size in TOKENS.items()
    }
    gone = total - cap.max
    if way == "even":
        left = _left(gone, total, here)
        kept = {"text_in": left, **dict.fromkeys(counts, left)}
    else:
        others = sum(counts.values(), np.zeros(part.n))
        text = np.maximum(total - others, 0)
        # What is left to cut after the text is cut from the others in proportion.
        rest = np.maximum(gone - text, 0)
        left = _left(rest, others, here)
        kept = {"text_in": _left(gone, text, here), **dict.fromkeys(counts, left)}
    # Audio that is paid for by the second has no tokens to cut.
    paid = {content: np.where(count > 0, kept[content], 1.0) for content, count in counts.items()}
    return {"text_in": kept["text_in"], **paid}


def _left(gone: Floats, whole: Floats, here: Mask) -> Floats:
    """The part that is left of a whole, 0 to 1; all of it elsewhere, and of nothing."""
    with np.errstate(all="ignore"):
        return np.where(here & (whole > 0), 1 - np.clip(gone / whole, 0, 1), 1.0)
