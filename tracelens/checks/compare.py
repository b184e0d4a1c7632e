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
from rapidfuzz.distance import Indel, LCSseq, Levenshtein

#: Of an emitted text this many characters are looked at; of a received one, in which a prompt may
#: stand before the copy, ten times as many.
TEXT_LIMIT = 20_000
RECEIVED_LIMIT = 10 * TEXT_LIMIT

FILLERS = frozenset("uh um uhm er erm hmm hm mm mhm mmm ah eh".split())
NEGATIONS = frozenset(
    "not no never none nobody nothing nowhere neither nor without"
    " nicht kein keine nie ohne ne pas 不 没 沒".split()
)
FUNCTION_WORDS = frozenset(
    "a an the this that these those to of in on at by for with from and or but so if then than as"
    " is are was were be been being am do does did have has had will would can could shall should"
    " may might must i you he she it we they me him her us them my your his its our their there"
    " here please just also too very s o'clock".split()
)
#: Other spellings of a word. Both sides are rewritten, so that none is better than the other.
SPELLINGS = {
    "dollars": "dollar",
    "euros": "euro",
    "pounds": "pound",
    "percents": "percent",
    "cents": "cent",
    "okay": "ok",
    "dr": "doctor",
    "mr": "mister",
    "km": "kilometers",
    "kilometres": "kilometers",
    "kg": "kilograms",
    "cm": "centimeters",
    "mm": "millimeters",
    "ml": "milliliters",
    "kwh": "kilowatt-hours",
    "min": "minutes",
    "hrs": "hours",
    "celsius": "c",
    "fahrenheit": "f",
}
#: Contractions without their apostrophe, as recognisers and text cleaners write them.
BARE = {
    f"{verb}nt": f"{verb} not"
    for verb in "do does did is are was were have has had would should could must need".split()
} | {"cant": "can not", "wont": "will not", "gonna": "going to", "wanna": "want to"}
SYMBOLS = {"$": "dollar", "€": "euro", "£": "pound", "%": "percent"}
ONES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen"
    " fifteen sixteen seventeen eighteen nineteen"
).split()
TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
ORDINALS = (
    "zeroth first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth"
    " thirteenth fourteenth fifteenth sixteenth seventeenth eighteenth nineteenth"
).split()
VALUES = (
    {word: i for i, word in enumerate(ONES)}
    | {word: i for i, word in enumerate(ORDINALS)}
    | {word: 10 * (i + 2) for i, word in enumerate(TENS)}
    | {f"{word[:-1]}ieth": 10 * (i + 2) for i, word in enumerate(TENS)}
)
SCALES = {"hundred": 100, "thousand": 1_000, "million": 1_000_000, "billion": 1_000_000_000}

#: Keys under which a structured answer holds what is meant to be said.
SPOKEN_KEYS = frozenset(
    "answer reply response speech say text message content spoken speak output utterance tts"
    " spoken_text final_answer assistant voice".split()
)
#: A structured answer's value counts as meant to be said from this likeness on.
MEANT = 0.5

#: Attribute limits of exporters: a text of exactly this many characters was cut in the record.
RECORD_LIMITS = frozenset((128, 250, 255, 256, 500, 512, 1000, 1024, 2000, 2048, 4095, 4096, 8192))
_CUT_IN_RECORD = re.compile(r"\W*(?:\(|\[|<)\s*truncated[^)\]>]{0,40}(?:\)|\]|>)\s*$", re.I)

_IDENTIFIER = re.compile(r"[a-zA-Z0-9]+(?:[_/:.-][a-zA-Z0-9]+)+")
_HIDDEN = re.compile(r"<think(?:ing)?>.*?</think(?:ing)?>|```[a-z]*|\[\d+\]", re.S | re.I)
_LINK = re.compile(r"!?\[([^\]]{0,2000})\]\((?:[^)]{0,2000})\)")
_LIST_MARK = re.compile(r"^[ \t]*\d{1,2}[.)][ \t]+", re.M)
_TAG = re.compile(r"</?[a-zA-Z][^<>]{0,200}>")
_MONEY = re.compile(r"([$€£])\s?(\d[\d,.]*\d|\d)(\s(?:hundred|thousand|million|billion)\b)?")
_CONTRACTED = re.compile(r"\b(ca|wo|sha)n't\b|n't\b|\bcannot\b|'(m|re|ll|ve|d|s)\b")
_EXPANDED = {"m": " am", "re": " are", "ll": " will", "ve": " have", "d": " would", "s": " s"}
_MINUS = re.compile(r"(?<![\w.)])[-−](?=\d)")
_GROUPED = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
_FULL_HOUR = re.compile(r"(?<=\d):00\b")
_ORDINAL = re.compile(r"(?<=\d)(?:st|nd|rd|th)\b")
#: Scripts that put no space between words are compared by their characters.
_UNSPACED = "\u0e00-\u0e7f\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_TOKEN = re.compile(rf"\d+(?:\.\d+)?|[{_UNSPACED}]|(?:(?![{_UNSPACED}])[^\W\d_])+(?:'[^\W\d_]+)?")


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
    if _copied(emitted.strip(), received):
        return SAME
    meant = _meant(emitted, received)
    if meant is None:
        return SAME
    said, got = tokens(meant[:TEXT_LIMIT]), tokens(received[:RECEIVED_LIMIT])
    if not said or _within(said, got):
        return SAME
    if not got:
        return Difference(True, True, said, (), 1.0, None)
    if _is_label(meant, said, got) or _cut_in_record(said, received):
        return SAME
    dropped, added = _edits(said, got)
    return _judge(said, dropped, added, content_loss)


def _copied(emitted: str, received: str) -> bool:
    """Whether the text stands in the other as it is, between word boundaries: the usual case."""
    begin = received.find(emitted)
    if begin < 0:
        return False
    around = received[begin - 1 : begin] + received[begin + len(emitted) :][:1]
    return not any(character.isalnum() for character in around)


def was_spoken(answer: str, spoken: list[str]) -> bool:
    """Whether what was spoken holds the answer, or one of its pieces comes out of it."""
    said = tokens(answer[:TEXT_LIMIT])
    if not said:
        return False
    pieces = [tokens(piece[:TEXT_LIMIT]) for piece in spoken]
    whole = tuple(word for piece in pieces for word in piece)
    return _within(said, whole) or any(piece and _within(piece, said) for piece in pieces)


def covers(one: str, other: str) -> float:
    """The part of the words of one text that stand, in their order, in the other, 0 to 1."""
    words = tokens(one[:TEXT_LIMIT])
    return LCSseq.similarity(words, tokens(other[:RECEIVED_LIMIT])) / len(words) if words else 1.0


def similarity(one: str, two: str) -> float:
    """How alike two texts are by their tokens, 0 to 1 (normalised Indel similarity)."""
    return Indel.normalized_similarity(tokens(one), tokens(two))


@lru_cache(maxsize=4_096)
def tokens(text: str) -> tuple[str, ...]:
    """Words and numbers of a text in one spelling: lower case, digits, no layout, no fillers."""
    plain = unicodedata.normalize("NFKC", text).replace("’", "'").casefold()
    plain = _LIST_MARK.sub(" ", _TAG.sub(" ", _LINK.sub(r"\1", _HIDDEN.sub(" ", plain))))
    plain = _MONEY.sub(lambda m: f"{m[2]}{m[3] or ''} {SYMBOLS[m[1]]} ", plain)
    plain = _GROUPED.sub("", _MINUS.sub(" minus ", _CONTRACTED.sub(_expand, plain)))
    plain = _ORDINAL.sub("", _FULL_HOUR.sub("", plain)).replace("%", " percent ")
    plain = plain.replace("°", " degrees ")
    return tuple(_numbers(list(_words(plain))))


def _words(plain: str) -> Iterator[str]:
    for word in _TOKEN.findall(plain):
        if word in BARE:
            yield from BARE[word].split()
        elif word not in FILLERS:
            yield SPELLINGS.get(word, word)


def _expand(match: re.Match[str]) -> str:
    if match[2]:
        return _EXPANDED[match[2]]
    if match[0] == "cannot":
        return "can not"
    return {"ca": "can", "wo": "will", "sha": "shall"}.get(match[1] or "", "") + " not"


def _numbers(words: list[str]) -> Iterator[str]:
    """Spelled numbers as digits, decimals without trailing zeros; other words as they are."""
    at = 0
    while at < len(words):
        value, used = _number_at(words, at)
        if used:
            fraction = _fraction(words, at + used)
            yield _plain(value) + "".join(fraction)
            at += used + len(fraction)
        else:
            yield _digits(words[at])
            at += 1


def _number_at(words: list[str], start: int) -> tuple[float, int]:
    """The number spelled from `start` on, and how many words spell it (0: it is none)."""
    total, group, last, used = 0.0, 0.0, -1, 0
    for at in range(start, len(words)):
        word, number = words[at], VALUES.get(words[at])
        if number is not None and (last < 0 or _follows(last, number)):
            group, last = group + number, number
        elif last < 0 and word in SCALES:
            group, last = SCALES[word], SCALES[word]
        elif last < 0 and word[0].isdigit() and words[at + 1 : at + 2] and words[at + 1] in SCALES:
            group, last = float(word), 1
        elif word == "hundred" and 0 < last < 100:
            group, last = group * 100, 100
        elif word in SCALES and word != "hundred" and 0 < last < SCALES[word]:
            total, group, last = total + group * SCALES[word], 0.0, SCALES[word]
        elif word == "and" and last >= 100 and _more(words, at + 1, last):
            continue
        else:
            break
        used = at - start + 1
    return total + group, used


def _follows(last: int, number: int) -> bool:
    """Whether a number word goes on with the number before it: twenty-five, hundred five."""
    return (20 <= last <= 90 and 0 < number < 10) or (last >= 100 and number > 0)


def _more(words: list[str], at: int, scale: int) -> bool:
    """Whether an `and` is inside a number: `hundred and five`, not `hundred and two hundred`."""
    after = words[at + 1] if at + 1 < len(words) else ""
    return at < len(words) and words[at] in VALUES and SCALES.get(after, scale + 1) > scale


def _fraction(words: list[str], at: int) -> list[str]:
    """The words of `point five two` after a number, as `.`, `5`, `2`."""
    if words[at : at + 1] != ["point"]:
        return []
    digits: list[str] = []
    for word in words[at + 1 :]:
        if word not in ONES[:10]:
            break
        digits.append(str(VALUES[word]))
    return [".", *digits] if digits else []


def _plain(value: float) -> str:
    return str(int(value)) if value == int(value) else str(value)


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


def _is_label(text: str, said: tuple[str, ...], got: tuple[str, ...]) -> bool:
    """Whether an answer is a word or two by which the application picks words of its own."""
    longer = len(got) >= 3 * len(said)
    other = len(said) <= 2 and not set(said) & set(got)
    return longer and (other or _IDENTIFIER.fullmatch(text.strip()) is not None)


def _cut_in_record(said: tuple[str, ...], received: str) -> bool:
    """Whether the received text was cut by what recorded it: it is no evidence of a loss then."""
    marked = _CUT_IN_RECORD.search(received)
    if not marked and len(received) not in RECORD_LIMITS:
        return False
    whole = tokens(received[: marked.start()] if marked else received)[:-1]
    return len(whole) > 0 and said[: len(whole)] == whole


def _meant(emitted: str, received: str) -> str | None:
    """The part of an answer that was meant to be said; None when a structured one has no such part.

    A structured answer may name what is to be said, hold it anywhere, or only steer what the
    application says in words of its own.
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
    texts = list(_strings(decoded, 0))
    named = [text for text, spoken in texts if spoken]
    best = max(
        named or [text for text, _ in texts], key=lambda t: similarity(t, received), default=None
    )
    if best is None or named or not tokens(received):
        return best
    likely = similarity(best, received) >= MEANT or _within(tokens(best), tokens(received))
    return best if likely else None


def _strings(value: Any, depth: int, spoken: bool = False) -> Iterator[tuple[str, bool]]:
    """Every text in a decoded value, each with whether its key says that it is to be said."""
    if isinstance(value, str) and value.strip():
        yield value, spoken
    elif isinstance(value, list) and depth < 8:
        for inner in value:
            yield from _strings(inner, depth + 1, spoken)
    elif isinstance(value, dict) and depth < 8:
        for key, inner in value.items():
            yield from _strings(inner, depth + 1, key.lower() in SPOKEN_KEYS)


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
