"""Confidence as people read it."""

from __future__ import annotations

import pytest

from tracelens.show.confidence import percent, sureness

FIRST = {"stage": "reasoning", "boundary": "reasoning>synthesis", "cause": "handoff_loss"}


@pytest.mark.parametrize(
    ("confidence", "shown"),
    [
        (0.999, "over 99 %"),
        (0.99, "99 %"),
        (0.943, "94 %"),
        (0.5, "50 %"),
        (0.01, "1 %"),
        (0.001, "under 1 %"),
    ],
)
def test_per_cent(confidence: float, shown: str) -> None:
    assert percent(confidence) == shown


@pytest.mark.parametrize(
    ("stage", "confidence", "said"),
    [
        ("reasoning", 0.99, "Confidence: almost certain (99 %)"),
        ("reasoning", 0.9, "Confidence: very likely (90 %)"),
        ("reasoning", 0.75, "Confidence: likely (75 %)"),
        ("reasoning", 0.5, "Confidence: more likely than not (50 %)"),
        ("reasoning", 0.3, "Confidence: unlikely (30 %)"),
        ("undetermined", 0.3, "Suspected: reasoning>synthesis (handoff_loss), 30 %"),
        ("undetermined", None, None),
        (None, None, None),
    ],
)
def test_in_words(stage: str | None, confidence: float | None, said: str | None) -> None:
    row = {"stage": stage, "confidence": confidence, "candidates": [FIRST]}
    assert sureness(row) == said
