"""What would decide a case that cannot be told: the texts to record, by the emitter's own names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tracelens.normalise import text_attributes

#: Checks of what was said of a request: no text of its stages settles them.
OPINIONS = ("recogniser_confidence", "evaluation", "expected", "round_trip")
SIDES = {"text_out": "emitted", "text_in": "received"}


def what_settles(request: Mapping[str, Any], spans: Sequence[Mapping[str, Any]]) -> list[str]:
    """Sentences on what to record so that the next such request can be told; none when it can.

    Args:
        request: the row of the contract.
        spans: its spans, with `stage, emitter, text_in, text_out`.
    """
    if request["failed"] is False or request["stage"] not in (None, "undetermined"):
        return []
    unseen = [
        row["at"]
        for row in request["evidence"]
        if row["result"] == "no_data" and row.get("check") not in OPINIONS
    ]
    return list(dict.fromkeys(_wanted(unseen, spans)))


def _wanted(unseen: Sequence[str], spans: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for at in unseen:
        giver, _, taker = str(at).partition(">")
        if not taker:
            yield f"record a span for {giver}: none is there, though a later stage ran"
            continue
        for stage, column in ((giver, "text_out"), (taker, "text_in")):
            mine = [span for span in spans if span["stage"] == stage]
            if mine and all(span[column] is None for span in mine):
                yield _record(stage, column, mine[0]["emitter"])


def _record(stage: str, column: str, emitter: str | None) -> str:
    names = text_attributes(emitter, stage, column)
    what = f"what {stage} {SIDES[column]}"
    if names is None:
        return f"{emitter} never records {what}: write it on a span of your own to decide"
    if not names:
        return f"record {what} to decide"
    return f"record {what}, in `{names[0]}` of its span, to decide"
