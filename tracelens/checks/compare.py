"""Compares a text that one stage emitted with the text that the next stage received.

A hand-over is a copy: everything said on one side should arrive on the other, whatever is added
around it. Spelling, layout and the way numbers are written do not matter; words that were lost or
changed do, and of those negations and numbers most (word error rate does not tell them apart).
The edits come from a token alignment by Levenshtein distance (rapidfuzz).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import msgspec
from rapidfuzz.distance import Indel, Levenshtein

#: Texts longer than this many characters are compared on their beginnings.
TEXT_LIMIT = 20_000

FILLERS = frozenset("uh um uhm er erm hmm hm mm mhm ah eh".split())
NEGATIONS = frozenset(
    "not no never none nobody nothing nowhere neither nor without"
    " nicht kein keine nie ohne ne pas".split()
)
FUNCTION_WORDS = frozenset(
    "a an the this that these those to of in on at by for with from and or but so if then than as"
    " is are was were be been being am do does did have has had will would can could shall should"
    " may might must i you he she it we they me him her us them my your his its our their there"
    " here please just also too very".split()
)
UNITS = {"dollars": "dollar", "euros": "euro", "pounds": "pound", "percents": "percent"}
SYMBOLS = {"$": "dollar", "€": "euro", "£": "pound", "%": "percent"}
ONES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen"
    " fifteen sixteen seventeen eighteen nineteen"
).split()
TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
VALUES = {word: i for i, word in enumerate(ONES)} | {
    word: 10 * (i + 2) for i, word in enumerate(TENS)
}
SCALES = {"hundred": 100, "thousand": 1_000, "million": 1_000_000}

_HIDDEN = re.compile(r"<think(?:ing)?>.*?</think(?:ing)?>|```[a-z]*|\[\d+\]", re.S | re.I)
_LINK = re.compile(r"!?\[([^\]]*)\]\((?:[^)]*)\)")
_TAG = re.compile(r"</?[a-zA-Z][^<>]{0,200}>")
_MONEY = re.compile(r"([$€£])\s?(\d[\d,.]*)")
_CONTRACTED = re.compile(r"\b(ca|wo|sha)n't\b|n't\b|\bcannot\b|'(m|re|ll|ve|d)\b")
_EXPANDED = {"m": " am", "re": " are", "ll": " will", "ve": " have", "d": " would"}
_MINUS = re.compile(r"(?<![\w.)])[-−](?=\d)")
_GROUPED = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
_TOKEN = re.compile(r"\d+(?:\.\d+)?|[^\W\d_]+(?:'[^\W\d_]+)?")


@dataclass(frozen=True)
class Difference:
    """What became of an emitted text: `lost` is whether its meaning did not arrive.

    `dropped` and `added` hold the words in their order; `share` is the part of its content words
    that are missing, 0 to 1; `critical` names the kind of word that decides (number, negation).
    """

    lost: bool
    total: bool
    dropped: tuple[str, ...]
    added: tuple[str, ...]
    share: float
    critical: str | None


SAME = Difference(False, False, (), (), 0.0, None)


def compare_texts(emitted: str, received: str, content_loss: float) -> Difference:
    """Say what of `emitted` did not arrive in `received`.

    Args:
        emitted: text that a stage put out; when it is JSON, the value nearest to what was
            received counts.
        received: text that the next stage was given; what surrounds the copy is ignored.
        content_loss: share of content words above which missing words are a loss.
    """
    said = tokens(_spoken_value(emitted, received))
    got = tokens(received)
    if not said or _within(said, got):
        return SAME
    if not got:
        return Difference(True, True, said, (), 1.0, None)
    dropped, added = _edits(said, got)
    return _judge(said, dropped, added, content_loss)


def similarity(one: str, two: str) -> float:
    """How alike two texts are by their tokens, 0 to 1 (normalised Indel similarity)."""
    return Indel.normalized_similarity(tokens(one), tokens(two))


@lru_cache(maxsize=65_536)
def tokens(text: str) -> tuple[str, ...]:
    """Words and numbers of a text in one spelling: lower case, digits, no layout, no fillers."""
    plain = unicodedata.normalize("NFKC", text[:TEXT_LIMIT]).replace("’", "'").casefold()
    plain = _TAG.sub(" ", _LINK.sub(r"\1", _HIDDEN.sub(" ", plain)))
    plain = _MONEY.sub(lambda m: f"{m[2]} {SYMBOLS[m[1]]} ", plain)
    plain = _GROUPED.sub("", _MINUS.sub(" minus ", _CONTRACTED.sub(_expand, plain)))
    plain = plain.replace("%", " percent ")
    words = [UNITS.get(word, word) for word in _TOKEN.findall(plain) if word not in FILLERS]
    return tuple(_numbers(words))


def _expand(match: re.Match[str]) -> str:
    if match[2]:
        return _EXPANDED[match[2]]
    if match[0] == "cannot":
        return "can not"
    return {"ca": "can", "wo": "will", "sha": "shall"}.get(match[1] or "", "") + " not"


def _numbers(words: list[str]) -> Iterator[str]:
    """Spelled numbers as digits, decimals without trailing zeros; other words as they are."""
    value: int | None = None
    last = 0
    for word in words:
        number = VALUES.get(word)
        if number is not None and (value is None or (20 <= last <= 90 and 0 < number < 10)):
            value, last = (value or 0) + number, number
        elif word in SCALES and value is not None:
            value, last = value * SCALES[word], 0
        else:
            if value is not None:
                yield str(value)
            value, last = (number, number) if number is not None else (None, 0)
            if number is None:
                yield _digits(word)
    if value is not None:
        yield str(value)


def _digits(word: str) -> str:
    if word[0].isdigit() and "." in word:
        return word.rstrip("0").rstrip(".")
    return word


def _within(said: tuple[str, ...], got: tuple[str, ...]) -> bool:
    """Whether the words stand in the other text as they are, one after the other."""
    return f" {' '.join(said)} " in f" {' '.join(got)} " or "".join(said) == "".join(got)


def _edits(said: tuple[str, ...], got: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Words that were dropped, and words that were added inside the copy."""
    dropped: list[str] = []
    added: list[str] = []
    operations = [op for op in Levenshtein.opcodes(said, got) if op.tag != "equal"]
    for op in operations:
        out, new = said[op.src_start : op.src_end], got[op.dest_start : op.dest_end]
        if "".join(out) == "".join(new):
            continue
        dropped += out
        if 0 < op.src_start < len(said):
            added += new
    return tuple(dropped), tuple(added)


def _judge(
    said: tuple[str, ...], dropped: tuple[str, ...], added: tuple[str, ...], content_loss: float
) -> Difference:
    content = [word for word in said if word not in FUNCTION_WORDS]
    missing = [word for word in dropped if word not in FUNCTION_WORDS]
    share = len(missing) / len(content) if content else len(dropped) / len(said)
    critical = _critical(dropped, added)
    lost = critical is not None or share > content_loss
    return Difference(lost, lost and share >= 0.99, dropped, added, share, critical)


def _critical(dropped: tuple[str, ...], added: tuple[str, ...]) -> str | None:
    if _count(dropped, NEGATIONS) != _count(added, NEGATIONS):
        return "negation"
    if any(word[0].isdigit() for word in dropped):
        return "number"
    return None


def _count(words: tuple[str, ...], kind: frozenset[str]) -> int:
    return sum(word in kind for word in words)


def _spoken_value(emitted: str, received: str) -> str:
    """Of a structured answer, the text that was meant to be said."""
    if emitted[:1] not in "[{":
        return emitted
    try:
        decoded = msgspec.json.decode(emitted)
    except (msgspec.DecodeError, RecursionError):
        return emitted
    texts = list(_strings(decoded, 0))
    return max(texts, key=lambda text: similarity(text, received), default=emitted)


def _strings(value: Any, depth: int) -> Iterator[str]:
    if isinstance(value, str) and len(value.split()) > 1:
        yield value
    elif isinstance(value, dict | list) and depth < 8:
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _strings(inner, depth + 1)


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
