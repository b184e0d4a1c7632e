"""Whom caps and budgets act on: the first row that is meant for a request, if it is beyond it."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence

import numpy as np

from tracelens.analyse.tails.choose import Mask
from tracelens.analyse.what_if.baseline import Baseline
from tracelens.analyse.what_if.needed import KNOWN_PATH, took
from tracelens.policy import Budget, Cap

#: Whom a row acts on, and how many it is meant for of whom that is not known.
Whom = tuple[Mask, int]


def whom_caps(base: Baseline, caps: Sequence[Cap]) -> list[Whom]:
    """Of each cap, which requests are too large.

    A request is only held to the first cap with one size and `how` that is meant for it.
    """
    meant = (((cap.size, cap.how), _meant(base, cap)) for cap in caps)
    return [
        _act(base, own, base.above(f"sizes.{cap.size}", cap.max), base.no_size(cap.size))
        for cap, own in zip(caps, _in_turn(base, meant), strict=True)
    ]


def whom_budgets(base: Baseline, budgets: Sequence[Budget]) -> list[Whom]:
    """Of each budget, which requests have a stage beyond it.

    A request is only held to the first budget for a stage that is meant for it.
    """
    meant = ((budget.stage, _meant(base, budget)) for budget in budgets)
    return [
        _act(
            base,
            own,
            base.above(took(budget.stage) if budget.stage else "duration_ms", budget.limit),
            base.no_value(KNOWN_PATH if budget.stage else "duration_ms"),
        )
        for budget, own in zip(budgets, _in_turn(base, meant), strict=True)
    ]


def _meant(base: Baseline, row: Cap | Budget) -> Mask | None:
    """Which requests the globs of a row mean; None for all."""
    found = None
    if row.modality is not None:
        found = base.fits("inputs", [row.modality])
    if row.service is not None:
        found = _both(found, base.fits("service", [row.service]))
    if isinstance(row, Cap) and row.model is not None:
        found = _both(found, base.fits_model([row.model]))
    return found


def _in_turn(base: Baseline, meant: Iterable[tuple[Hashable, Mask | None]]) -> list[Mask | None]:
    """Of each row, whom it is meant for and no earlier one of its kind; None for all."""
    left: dict[Hashable, Mask | None] = {}
    found = []
    for kind, mask in meant:
        free = left.get(kind, base.mask)
        found.append(_both(mask, free))
        left[kind] = np.zeros(base.height, dtype=bool) if mask is None else _both(~mask, free)
    return found


def _act(base: Baseline, own: Mask | None, beyond: Mask, unknown: Mask | None) -> Whom:
    if own is not None:
        beyond, unknown = beyond & own, None if unknown is None else unknown & own
    return beyond, 0 if unknown is None else int(np.count_nonzero(unknown))


def _both(one: Mask | None, other: Mask | None) -> Mask | None:
    if one is None or other is None:
        return other if one is None else one
    return one & other
