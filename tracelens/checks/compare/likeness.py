"""How far one text stands in another, by their tokens."""

from __future__ import annotations

from rapidfuzz.distance import Indel, LCSseq

from tracelens.checks.compare.tokens import RECEIVED_LIMIT, TEXT_LIMIT, tokens


def stands_in(said: tuple[str, ...], got: tuple[str, ...]) -> bool:
    """Whether the words stand in the other text as they are, one after the other."""
    return f" {' '.join(said)} " in f" {' '.join(got)} " or "".join(said) == "".join(got)


def was_spoken(answer: str, spoken: list[str]) -> bool:
    """Whether what was spoken holds the answer, or one of its pieces comes out of it."""
    said = tokens(answer[:TEXT_LIMIT])
    if not said:
        return False
    pieces = [tokens(piece[:TEXT_LIMIT]) for piece in spoken]
    whole = tuple(word for piece in pieces for word in piece)
    return stands_in(said, whole) or any(piece and stands_in(piece, said) for piece in pieces)


def covers(one: str, other: str) -> float:
    """The part of the words of one text that stand, in their order, in the other, 0 to 1."""
    words = tokens(one[:TEXT_LIMIT])
    return LCSseq.similarity(words, tokens(other[:RECEIVED_LIMIT])) / len(words) if words else 1.0


def similarity(one: str, two: str) -> float:
    """How alike two texts are by their tokens, 0 to 1 (normalised Indel similarity)."""
    return Indel.normalized_similarity(tokens(one), tokens(two))
