"""What a reader has to know before believing a what-if."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from tracelens.policy import Budget, Cap, Route

CAP_NOTES: Final = {
    ("truncate", "audio_seconds"): (
        "the least saving is on the audio alone; the most also shortens the text that was made of"
        " it in proportion, assuming that answers stay as long"
    ),
    ("truncate", "images"): "pictures of one request are taken to cost the same",
    ("truncate", "pages"): "pages of one request are taken to cost the same",
    ("truncate", "input_tokens"): (
        "cut in proportion from text, audio and pictures, or from the text first: the bounds are"
        " these two; cached tokens are taken to shrink like the others"
    ),
    ("truncate", "output_tokens"): (
        "the least saving is on the text alone; the most also shortens the speech and pictures that"
        " were made"
    ),
}
TILES: Final = "cost in proportion to the size; providers bill by tiles, in steps"
TIME: Final = "how time depends on size is not recorded: between no change and in proportion"


def rule_notes(rule: Cap | Route | Budget) -> list[str]:
    """What is assumed for one rule."""
    if isinstance(rule, Route):
        return [
            "cost and times as measured on comparable requests: like modality and size, and like"
            " service where enough are; ranges are 95 % intervals",
            "whether the other model answers as well is not known",
        ]
    if isinstance(rule, Budget):
        return [
            "what a stopped stage had used is billed all the same",
            "what users get from a stage that is stopped is not known",
        ]
    if rule.how == "reject":
        return ["a rejected request costs nothing and gets no answer"]
    own = [TILES] if rule.how == "downscale" else []
    own += [CAP_NOTES[key]] if (key := (rule.how, rule.size)) in CAP_NOTES else []
    return [*own, TIME]


def general_notes(n: int, rules: int, total: Mapping[str, Any], blind: int) -> list[str]:
    """What holds for an answer as a whole: `total` are sums over all requests."""
    notes = ["what several rules save on one request does not add up"] if rules > 1 else []
    if unpriced := n - total["priced"]:
        notes.append(f"the cost of {unpriced:,} of {_requests(n)} is not known and in no sum")
    if bound := total["lower_bound"]:
        notes.append(f"a part of {_requests(bound)} is unpriced: money reads at least this much")
    if blind:
        notes.append(
            f"where the time of {_requests(blind, 'touched ')} goes is not known: it stays"
        )
    return notes


def _requests(n: int, kind: str = "") -> str:
    return f"{n:,} {kind}request{'' if n == 1 else 's'}"
