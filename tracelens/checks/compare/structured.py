"""Finds what is meant to be said in an answer that is JSON."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

import msgspec

from tracelens.checks.compare.likeness import similarity, stands_in
from tracelens.checks.compare.tokens import tokens
from tracelens.policy.rules import Handover

DEPTH_LIMIT = 8


def spoken_part(emitted: str, received: str, rules: Handover) -> str | None:
    """The part of an answer that was meant to be said; None when a structured one has no such part.

    A structured answer may name what is to be said, hold it anywhere, or only steer what the
    application says in words of its own. A text that is no JSON is meant as it is.
    """
    bare = emitted.strip()
    if bare.startswith("```"):
        bare = bare.strip("`").removeprefix("json").strip()
    if bare[:1] not in ("[", "{"):
        return emitted
    try:
        decoded = msgspec.json.decode(bare)
    except (msgspec.DecodeError, RecursionError):
        return emitted
    texts = list(_strings(decoded, rules.spoken_keys, 0))
    named = [text for text, spoken in texts if spoken]
    best = max(
        named or [text for text, _ in texts], key=lambda t: similarity(t, received), default=None
    )
    if best is None or named or not tokens(received):
        return best
    likely = similarity(best, received) >= rules.meant or stands_in(tokens(best), tokens(received))
    return best if likely else None


def _strings(
    value: Any, keys: Collection[str], depth: int, spoken: bool = False
) -> Iterator[tuple[str, bool]]:
    """Every text in a decoded value, each with whether its key says that it is to be said."""
    if isinstance(value, str) and value.strip():
        yield value, spoken
    elif isinstance(value, list) and depth < DEPTH_LIMIT:
        for inner in value:
            yield from _strings(inner, keys, depth + 1, spoken)
    elif isinstance(value, dict) and depth < DEPTH_LIMIT:
        for key, inner in value.items():
            yield from _strings(inner, keys, depth + 1, key.lower() in keys)
