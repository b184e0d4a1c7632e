"""Rewrites a text as tokens in one spelling: lower case, digits, no layout, no fillers.

Unlike recognition benchmarks' normalisers it keeps what is in brackets, the sign of a number and
the two numbers of a time of day, because these carry meaning. Most words of a text have been seen
before, so a word is rewritten once and looked up afterwards; only what reaches over white space
(markup, written numbers, spelled numbers) is worked on in the whole text.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from itertools import chain

from tracelens.checks.compare.lexicon import (
    FILLERS,
    MONTHS,
    SPELLINGS,
    SYMBOLS,
)
from tracelens.checks.compare.numbers import NUMBER_WORDS, german_number, join_numbers

#: Of an emitted text this many characters are looked at; of a received one, in which a prompt may
#: stand before the copy, ten times as many.
TEXT_LIMIT = 20_000
RECEIVED_LIMIT = 10 * TEXT_LIMIT

#: Tokens are kept of texts up to this many characters, and of so many of them.
KEPT_LENGTH = 2_000
KEPT_TEXTS = 2_048
#: Rewritten words that are kept, and the length above which a word is not worth keeping.
KEPT_WORDS = 50_000
WORD_LENGTH = 30

_THOUGHT = re.compile(r"<think(?:ing)?>.*?</think(?:ing)?>", re.S)
_HIDDEN = re.compile(r"```[a-z]*|\[\d+\]")
_LINK = re.compile(r"!?\[([^\]]{0,2000})\]\((?:[^)]{0,2000})\)")
_TAG = re.compile(r"</?[a-z][^<>]{0,200}>")

# Zero-width characters, marks of direction, the byte order mark, soft hyphens, emoji selectors.
_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufe0f\ufeff]")
_QUOTES = str.maketrans({"’": "'", "‘": "'", "ʼ": "'", "`": "'", "´": "'", "−": "-", "⁄": "/"})
_SPACED_GROUPS = re.compile("(?<=\\d)[\u00a0\u202f\u2009'’](?=\\d{3}(?!\\d))")
_VULGAR = re.compile(r"(\d?)([¼½¾])")
_VULGARS = {"¼": ".25", "½": ".5", "¾": ".75"}
_FOREIGN_DIGIT = re.compile(r"[^\D0-9]")

#: Whatever is written with digits, tried where it may begin; `_number` says what it becomes.
_WRITTEN = re.compile(
    r"(?<![\w.-])(?P<year>\d{4})-(?P<month>\d\d)-(?P<day>\d\d)(?![\d-])t?"
    r"|(?<![\w./-])(?P<one>\d{1,2})(?P<dot>[./])(?P<two>\d{1,2})(?P=dot)(?P<late>\d{4})(?![\w/])"
    r"|(?<![\w.:])(?P<hour>[01]?\d|2[0-4])(?::|\s?uhr\s?|h)(?P<minute>[0-5]\d)(?::[0-5]\d)?(?![\d:])"
    r"(?:\s?uhr\b)?(?:\s?(?P<half>[ap])\.?\s?m\b\.?)?"
    r"|(?:(?<![\w.,/])(?P<whole>\d{1,3})\s)?(?<![\w.,/])(?P<part>[13])/(?P<of>[24])(?![\w/])"
    r"|(?P<sign>(?<![\w.)\]-])-)?(?:(?P<before>[$€£¥])\s?(?P<minus>-)?)?"
    r"(?P<number>\d{1,3}(?:,\d{3})+(?:\.\d+)?(?!\d)|\d{1,3}(?:\.\d{3}){2,}(?:,\d+)?(?!\d)"
    r"|\d{1,3}\.\d{3},\d{1,2}(?!\d)|(?<![\d,])\d+,\d{1,2}(?![\d,])|\d+(?:\.\d+)?|(?<![\w.])\.\d+)"
    r"(?:(?:st|nd|rd|th)\b|(?P<kilo>k)\b)?"
    r"(?P<scale>\s(?:hundred|thousand|million|billion)\b)?"
    r"(?:\s?(?P<noon>[ap])\.?\s?m\b\.?|\s?(?P<after>[%€£$¥])|\s?°\s?(?P<degree>[cf]\b)?)?"
)
#: The usual case: digits alone, with nothing before or behind them that they go together with.
_ALONE = re.compile(
    r"\d+(?=[.,?!]?(?:$|\s(?![ap]\.?\s?m\b|uhr\b|h\b|hundred|thousand|million|billion|[13]/|[%€£$¥°])))"
)
_SIGNS = frozenset("-.$€£¥")
_BEFORE = _SIGNS | {" "}
_LIST_MARK = re.compile(r"^[ \t]*\d{1,2}[.)][ \t]+", re.M)
_DIGIT = re.compile(r"[0-9]")

_ACRONYM = re.compile(r"(?:[^\W\d_]\.){1,8}[^\W\d_]?\W*")
_SHORTCODE = re.compile(r":[a-z][a-z_+-]{0,30}:")
_EDGES = (
    "".join(c for c in map(chr, range(33, 127)) if not c.isalnum() and c not in "&") + "…“”„«»—–¡¿"
)
_NOT = re.compile(r"(ca|wo|sha|ai)?n't\b")
_NOTS = {"ca": "can", "wo": "will", "sha": "shall", "ai": "is"}
_SHORTENED = re.compile(r"'(m|re|ll|ve|d|s)\b")
_EXPANDED = {"m": " am", "re": " are", "ll": " will", "ve": " have", "d": " would", "s": " s"}
_ELISION = re.compile(r"\b(qu|[cdjlmnst])'(?=[^\W\d_]{2})")
#: Scripts that put no space between words are compared by their characters.
_UNSPACED = "\u0e00-\u0e7f\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_TOKEN = re.compile(rf"\d+(?:\.\d+)?|[{_UNSPACED}]|(?:(?![{_UNSPACED}])[^\W\d_])+(?:'[^\W\d_]+)?")


def tokens(text: str) -> tuple[str, ...]:
    """Words and numbers of a text in one spelling: lower case, digits, no layout, no fillers."""
    return _kept(text) if len(text) <= KEPT_LENGTH else _tokens(text)


def _tokens(text: str) -> tuple[str, ...]:
    plain = (text if text.isascii() else _plain_unicode(text)).casefold()
    if "<" in plain or "[" in plain or "`" in plain:
        plain = _without_markup(plain)
    if _DIGIT.search(plain):
        if "\n" in plain or plain.lstrip()[:1].isdigit():
            plain = _LIST_MARK.sub(" ", plain)
        plain = _with_plain_numbers(plain)
    words = list(chain.from_iterable(map(_WORDS.__getitem__, plain.split())))
    if not NUMBER_WORDS.isdisjoint(words):
        words = join_numbers(words)
    return tuple(words)


def _without_markup(plain: str) -> str:
    # No thought ends behind the last closing tag: nothing is searched for in vain from there.
    last = max(plain.rfind("</think>"), plain.rfind("</thinking>"))
    if last >= 0:
        end = plain.index(">", last) + 1
        plain = _THOUGHT.sub(" ", plain[:end]) + plain[end:]
    return _TAG.sub(" ", _LINK.sub(r"\1", _HIDDEN.sub(" ", plain)))


_kept = lru_cache(maxsize=KEPT_TEXTS)(_tokens)


def _plain_unicode(text: str) -> str:
    """One form for what looks or sounds alike: widths, quotes, digits, invisible characters."""
    text = _VULGAR.sub(lambda m: f"{m[1] or '0'}{_VULGARS[m[2]]}", _SPACED_GROUPS.sub("", text))
    text = unicodedata.normalize("NFKC", _INVISIBLE.sub("", text)).translate(_QUOTES)
    return _FOREIGN_DIGIT.sub(lambda m: str(unicodedata.digit(m[0], "")), text)


def _with_plain_numbers(plain: str) -> str:
    """The text with what is written with digits as `_number` has it."""
    pieces: list[str] = []
    done = 0
    while digit := _DIGIT.search(plain, done):
        at = begin = digit.start()
        if at and plain[at - 1] in _BEFORE:
            begin = _begin(plain, at, done)
        if begin == at and (alone := _ALONE.match(plain, at)):
            pieces += (plain[done:at], " ", alone[0], " ")
            done = alone.end()
            continue
        # A sign that does not belong to the number stays where it is.
        match = _WRITTEN.match(plain, begin) or _WRITTEN.match(plain, at)
        if match:
            pieces += (plain[done : match.start()], _number(match))
            done = match.end()
        else:
            pieces.append(plain[done : digit.end()])
            done = digit.end()
    pieces.append(plain[done:])
    return "".join(pieces)


def _begin(plain: str, at: int, done: int) -> int:
    """Where a number begins whose first digit is at a place: its sign and currency are before."""
    while at > done and plain[at - 1] in _SIGNS:
        at -= 1
    if at - done > 1 and plain[at - 1] == " " and plain[at - 2] in SYMBOLS:
        at -= 2
        at -= at > done and plain[at - 1] == "-"
    return at


def _number(match: re.Match[str]) -> str:
    """What a written number, time or date becomes: words and plain digits, spaced."""
    number = match["number"]
    if number is None:
        if match["year"]:
            return _date(match[0], match["year"], match["month"], match["day"])
        if match["late"]:
            return _day_and_month(match)
        if match["part"]:
            return f" {int(match['whole'] or 0) + int(match['part']) / int(match['of'])} "
        return _clock(int(match["hour"]), match["minute"], match["half"])
    if not number.isdigit():
        number = _plain_number(number)
    if len(match[0]) == len(number):
        return f" {number} "
    if match["noon"] and len(number) in (3, 4) and number.isdigit() and number[-2:] < "60":
        return f" {int(number[:-2])} {number[-2:]} {match['noon']}m "
    if match["kilo"]:
        number = _scaled(number, 1_000)
    sign = "minus " if match["sign"] or match["minus"] else ""
    degree = {"c": " degree celsius", "f": " degree fahrenheit"}.get(match["degree"] or "", "")
    if not degree and "°" in match[0]:
        degree = " degree"
    symbol = SYMBOLS.get(match["before"] or match["after"] or "", "")
    half = f" {match['noon']}m" if match["noon"] else ""
    return f" {sign}{number}{match['scale'] or ''} {symbol}{degree}{half} "


def _date(whole: str, year: str, month: str, day: str) -> str:
    if not (1 <= int(month) <= 12 and 1 <= int(day) <= 31):
        return f" {whole} "
    return f" {MONTHS[int(month) - 1]} {int(day)} {year} "


def _day_and_month(match: re.Match[str]) -> str:
    """A date whose order is plain: one of the two is no month, or dots make it day first."""
    one, two, year = int(match["one"]), int(match["two"]), match["late"]
    if one > 12 or match["dot"] == ".":
        one, two = two, one
    elif two <= 12 and one != two:
        return f" {one} {two} {year} "
    return _date(match[0].replace(".", " "), year, str(one), str(two))


def _clock(hour: int, minute: str, half: str | None) -> str:
    """A time of day; hours that only a 24-hour clock has are said by a 12-hour one."""
    if half is None and 13 <= hour <= 23:
        hour, half = hour - 12, "p"
    elif half is None and hour in (0, 24):
        hour, half = 12, "a"
    minutes = "" if minute == "00" else f" {minute}"
    return f" {hour}{minutes} {half}m " if half else f" {hour}{minutes} "


def _plain_number(number: str) -> str:
    """Digits with a point, without grouping and trailing zeros, from either style of writing."""
    comma, point = number.rfind(","), number.rfind(".")
    if comma > point and (point >= 0 or len(number) - comma <= 3):
        number = number.replace(".", "").replace(",", ".")
    elif number.count(".") > 1:
        number = number.replace(".", "")
    number = number.replace(",", "")
    if "." in number:
        number = number.rstrip("0").rstrip(".")
        number = number if number[:1].isdigit() else f"0{number}"
    return number


def _scaled(number: str, scale: int) -> str:
    return f"{float(number) * scale:.6f}".rstrip("0").rstrip(".") if len(number) < 12 else number


class _Words(dict[str, tuple[str, ...]]):
    """What each run of characters between white space becomes; filled as words come up."""

    def __missing__(self, chunk: str) -> tuple[str, ...]:
        if chunk.isdigit():
            return (chunk,)
        found = _rewritten(chunk)
        if len(chunk) <= WORD_LENGTH:
            if len(self) >= KEPT_WORDS:
                self.clear()
            self[chunk] = found
        return found


_WORDS = _Words()


def _rewritten(chunk: str) -> tuple[str, ...]:
    if _SHORTCODE.fullmatch(chunk):
        return ()
    bare = chunk.strip(_EDGES)
    for each in (chunk, bare):
        if each in SPELLINGS:
            return tuple(SPELLINGS[each].split())
    if bare.isascii() and bare.isalpha():
        return () if bare in FILLERS else (german_number(bare) or bare,)
    if _ACRONYM.fullmatch(chunk):
        joined = "".join(c for c in chunk if c.isalpha())
        return tuple(SPELLINGS.get(joined, joined).split())
    plain = chunk.replace("&", " and ").replace("%", " percent ").replace("°", " degree ")
    if "'" in plain:
        plain = _NOT.sub(lambda m: f" {_NOTS.get(m[1] or '', '')} not", plain)
        plain = _ELISION.sub(r"\1 ", _SHORTENED.sub(lambda m: _EXPANDED[m[1]], plain))
    found: list[str] = []
    for word in _TOKEN.findall(plain):
        if word not in FILLERS:
            found += SPELLINGS.get(word, german_number(word) or word).split()
    return tuple(found)
