"""The words of two texts as they were written, each with what became of it."""

from __future__ import annotations

from rapidfuzz.distance import Levenshtein

from tracelens.checks.compare.tokens import TEXT_LIMIT, tokens


def diff_words(emitted: str, received: str) -> list[tuple[str, str]]:
    """The words of two texts as they were written, each with `equal`, `dropped` or `added`.

    Words that differ only in case, punctuation or the spelling of a number are equal.
    """
    said, got = emitted[:TEXT_LIMIT].split(), received[:TEXT_LIMIT].split()
    keys_said, keys_got = [_word_key(w) for w in said], [_word_key(w) for w in got]
    words: list[tuple[str, str]] = []
    for op in Levenshtein.opcodes(keys_said, keys_got):
        if op.tag == "equal":
            words += [("equal", word) for word in got[op.dest_start : op.dest_end]]
        else:
            words += [("dropped", word) for word in said[op.src_start : op.src_end]]
            words += [("added", word) for word in got[op.dest_start : op.dest_end]]
    return words


def _word_key(word: str) -> str:
    return " ".join(tokens(word)) or word
