"""What two different words are to one another: spellings of one word, opposites, sound-alikes."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from rapidfuzz.distance import Levenshtein

from tracelens.checks.compare.lexicon import ABBREVIATIONS, NUMBER_READINGS, are_opposite


@lru_cache(maxsize=16_384)
def relation(one: str, two: str) -> str | None:
    """What two different words are to one another; None when they have nothing in common."""
    if NUMBER_READINGS.get(one) == two or NUMBER_READINGS.get(two) == one:
        return "number format"
    if two in ABBREVIATIONS.get(one, ()) or one in ABBREVIATIONS.get(two, ()):
        return "abbreviation"
    if are_opposite(one, two):
        return "polarity"
    return "spelling" if are_respelled(one, two) else None


_RULES: tuple[tuple[str, str], ...] = (
    (r"(?<=[^aeiou])our(?=$|s$|ed$|ing$|able$|ite|ful|hood)", "or"),
    (r"([iy])s(?=e$|es$|ed$|ing$|er$|ers$|ation)", r"\1z"),
    (r"(?<=[tb])re(?=s?$)", "er"),
    (r"(?<=\w{4})ll(?=ed$|ing$|er$|ers$|ation)", "l"),
    (r"ogue(?=s?$)", "og"),
    (r"ence(?=s?$)", "ense"),
    (r"amme(?=s?$)", "am"),
    (r"ae|oe", "e"),
    (r"^grey", "gray"),
    (r"^cheque", "check"),
)
_RESPELLED = [(re.compile(pattern), other) for pattern, other in _RULES]
_UMLAUTS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue"})


def are_respelled(one: str, two: str) -> bool:
    """Whether two words differ by a rule of spelling: colour, color; café, cafe."""
    if abs(len(one) - len(two)) > 3 or one[:1].isdigit() or two[:1].isdigit():
        return False
    if not (one.isascii() and two.isascii()):
        marked = [one.translate(_UMLAUTS), two.translate(_UMLAUTS)]
        if marked[0] == marked[1] or _without_marks(one) == _without_marks(two):
            return True
    return one[:2] == two[:2] and _respelled(one) == _respelled(two)


def _respelled(word: str) -> str:
    for pattern, other in _RESPELLED:
        word = pattern.sub(other, word)
    return word


def _without_marks(word: str) -> str:
    parts = unicodedata.normalize("NFD", word)
    return "".join(part for part in parts if not unicodedata.combining(part))


_SOUNDS: tuple[tuple[str, str], ...] = (
    (r"ph", "f"),
    (r"^kn", "n"),
    (r"^wr", "r"),
    (r"gh", ""),
    (r"ck|q", "k"),
    (r"c(?=[eiy])", "s"),
    (r"c", "k"),
    (r"x", "ks"),
    (r"z", "s"),
    (r"(?<=.)[aeiouyhw]", ""),
    (r"(.)\1+", r"\1"),
)
_SOUND_RULES: list[tuple[re.Pattern[str], str]] = [(re.compile(p), other) for p, other in _SOUNDS]


def sound_alike(one: str, two: str) -> bool:
    """Whether two words or numbers are taken for one another: fifteen and fifty, whole and hole."""
    if one.isdigit() and two.isdigit():
        small, large = sorted((int(one), int(two)))
        return 13 <= small <= 19 and large == (small - 10) * 10
    return not one[:1].isdigit() and not two[:1].isdigit() and sounds_alike(one, two)


def sounds_alike(one: str, two: str) -> bool:
    """Whether a recogniser may take one word for the other: the same consonants, much the same.

    A reduced key in the manner of Metaphone (Philips 1990), English only.
    """
    if Levenshtein.normalized_similarity(one, two) < 0.5:
        return False
    return _sound(_without_marks(one)) == _sound(_without_marks(two))


def _sound(word: str) -> str:
    for pattern, other in _SOUND_RULES:
        word = pattern.sub(other, word)
    return word


def are_initials(one: tuple[str, ...], two: tuple[str, ...]) -> bool:
    """Whether one side is a word of the initials of the other: `asap`, `as soon as possible`."""
    short, long = sorted((one, two), key=len)
    return (
        len(short) == 1
        and len(long) == len(short[0]) >= 3
        and "".join(word[0] for word in long) == short[0]
    )
