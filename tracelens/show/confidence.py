"""A confidence in words and as a number of as many digits as anybody can use."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

#: From which confidence on a word fits.
WORDS = (
    (0.99, "almost certain"),
    (0.9, "very likely"),
    (0.7, "likely"),
    (0.5, "more likely than not"),
    (0.0, "unlikely"),
)


def percent(confidence: float) -> str:
    """Whole per cent; never 0 or 100, which no count of cases can show."""
    if confidence > 0.99:
        return "over 99 %"
    return "under 1 %" if confidence < 0.01 else f"{confidence:.0%}".replace("%", " %")


def sureness(request: Mapping[str, Any]) -> str | None:
    """How sure a verdict is, in a sentence: of the stage it names, or of the one it suspects.

    None where no stage is named and none suspected.
    """
    confidence = request["confidence"]
    if confidence is None:
        return None
    if request["stage"] == "undetermined":
        first = request["candidates"][0]
        where = first["boundary"] or first["stage"]
        return f"Suspected: {where} ({first['cause']}), {percent(confidence)}"
    word = next(word for least, word in WORDS if confidence >= least)
    return f"Confidence: {word} ({percent(confidence)})"
