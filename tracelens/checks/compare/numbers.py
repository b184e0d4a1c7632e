"""Turns numbers, times and dates that are spelled in words into digits.

English in full; German and French as far as a word is a number in no other reading.
"""

from __future__ import annotations

from tracelens.checks.compare.lexicon import DOUBTFUL_MONTHS, HUNDREDTHS, MONTH_NAMES

ONES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen"
    " fifteen sixteen seventeen eighteen nineteen"
).split()
TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
ORDINALS = (
    "zeroth first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth"
    " thirteenth fourteenth fifteenth sixteenth seventeenth eighteenth nineteenth"
).split()
FRENCH = (
    "deux trois quatre cinq six sept huit neuf dix onze douze treize quatorze quinze"
    " seize dix-sept dix-huit dix-neuf"
).split()
VALUES = (
    {word: i for i, word in enumerate(ONES)}
    | {word: i for i, word in enumerate(ORDINALS)}
    | {word: 10 * (i + 2) for i, word in enumerate(TENS)}
    | {f"{word[:-1]}ieth": 10 * (i + 2) for i, word in enumerate(TENS)}
    | {word: i + 2 for i, word in enumerate(FRENCH) if word not in ("sept", "seize")}
    | {"vingt": 20, "trente": 30, "quarante": 40, "cinquante": 50, "soixante": 60}
)
SCALES = {"hundred": 100, "thousand": 1_000, "million": 1_000_000, "billion": 1_000_000_000}

GERMAN_ONES = (
    "null ein zwei drei vier fünf sechs sieben acht neun zehn elf zwölf dreizehn vierzehn"
    " fünfzehn sechzehn siebzehn achtzehn neunzehn"
).split()
GERMAN_TENS = "zwanzig dreissig vierzig fünfzig sechzig siebzig achtzig neunzig".split()
#: Words of the lists above that mean something else in another language.
NO_GERMAN = frozenset(("null", "ein", "elf"))

#: Before a second that is a time: a second, one second, per second.
_OF_TIME = frozenset("a per each every split this half".split())
_CLOCK = frozenset(("half", "quarter", "viertel"))
_POINTS = frozenset(("point", "komma", "virgule"))
_PARTS = {"half": 2, "halves": 2, "quarter": 4, "quarters": 4}
_LATER, _SOONER = frozenset(("past", "after", "nach")), frozenset(("to", "of", "till", "vor"))
#: What the second pass looks for; a text without any of it is done after the first.
_CUES = (
    frozenset(MONTH_NAMES)
    | _CLOCK
    | frozenset(_PARTS)
    | _POINTS
    | frozenset(HUNDREDTHS)
    | {"m", "oh", "o", "uhr", "h", "negative"}
)
_SCALE_WORDS = frozenset(SCALES)
_STARTS = frozenset(VALUES) | _SCALE_WORDS
#: Digits of a number that a scale may follow; more than these a float does not hold.
LENGTH_LIMIT = 12
#: Numbers of one word in digits, and the words that a number may go on with.
_ALONE = {word: str(value) for word, value in VALUES.items()}
_CONTINUES = _STARTS | _POINTS | {"and"}
NUMBER_WORDS = _STARTS | _CUES


def _below_hundred() -> dict[str, int]:
    found = {word: i for i, word in enumerate(GERMAN_ONES)} | {"eins": 1}
    for i, ten in enumerate(GERMAN_TENS):
        found[ten] = 10 * (i + 2)
        found |= {f"{one}und{ten}": 10 * (i + 2) + j for j, one in enumerate(GERMAN_ONES[1:10], 1)}
    return found


_GERMAN = _below_hundred()


def german_number(word: str) -> str | None:
    """A German number below a million written as one word, in digits; None when it is none."""
    if word in NO_GERMAN or len(word) < 4:
        return None
    total = 0
    for scale, limit in (("tausend", 1_000), ("hundert", 10)):
        if scale in word:
            head, _, word = word.partition(scale)
            many = 1 if not head else _small(head, limit)
            if many is None:
                return None
            total += many * (1_000 if scale == "tausend" else 100)
            if not word:
                return str(total)
    rest = _GERMAN.get(word.removeprefix("und") if total else word)
    return None if rest is None else str(total + rest)


def _small(word: str, limit: int) -> int | None:
    if limit == 1_000 and "hundert" in word:
        head, _, tail = word.partition("hundert")
        many, rest = _GERMAN.get(head or "ein"), _GERMAN.get(tail) if tail else 0
        return None if many is None or rest is None else many * 100 + rest
    value = _GERMAN.get(word)
    return value if value is not None and value < limit else None


def join_numbers(words: list[str]) -> list[str]:
    """Spelled numbers as digits, times and dates in one order; other words as they are."""
    joined = _spelled(words)
    return joined if _CUES.isdisjoint(joined) else _in_context(joined)


def _spelled(words: list[str]) -> list[str]:
    """Numbers of several words as one; only the words that may begin one are looked at."""
    starts = [at for at, word in enumerate(words) if word in _STARTS]
    if not _SCALE_WORDS.isdisjoint(words):
        starts = [at for at, word in enumerate(words) if _starts(words, at, word)]
    found: list[str] = []
    done = 0
    for at in starts:
        if at < done:
            continue
        found += words[done:at]
        number, used = _spelled_at(words, at)
        found.append(number)
        done = at + used
    return found + words[done:]


def _starts(words: list[str], at: int, word: str) -> bool:
    return word in _STARTS or (word < ":" and len(word) <= LENGTH_LIMIT and _scale(words, at + 1))


def _spelled_at(words: list[str], at: int) -> tuple[str, int]:
    """The number that begins at a place, in digits, and how many words it takes."""
    word = words[at]
    if word == "second" and at and _is_of_time(words[at - 1]):
        return "seconds", 1
    if word in _ALONE and (at + 1 == len(words) or words[at + 1] not in _CONTINUES):
        return _ALONE[word], 1
    value, used = _number_at(words, at)
    fraction = _fraction(words, at + used)
    return _plain(value) + "".join(fraction), used + len(fraction)


def _is_of_time(word: str) -> bool:
    return word in _OF_TIME or word in VALUES or word[0].isdigit()


def _scale(words: list[str], at: int) -> bool:
    return at < len(words) and words[at] in SCALES


def _number_at(words: list[str], start: int) -> tuple[float, int]:
    """The number spelled from `start` on, and how many words spell it."""
    total, group, last, used = 0.0, 0.0, -1, 0
    for at in range(start, len(words)):
        word, number = words[at], VALUES.get(words[at])
        if number is not None and (last < 0 or _follows(last, number)):
            group, last = group + number, number
        elif last < 0 and word in SCALES:
            group, last = SCALES[word], SCALES[word]
        elif last < 0 and word < ":" and _scale(words, at + 1):
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
    if at >= len(words) or words[at] not in _POINTS:
        return []
    digits: list[str] = []
    for word in words[at + 1 :]:
        value = word if len(word) == 1 and word.isdigit() else VALUES.get(word)
        if value is None or int(value) > 9:
            break
        digits.append(str(value))
    while digits and digits[-1] == "0" and len(digits) > 1:
        digits.pop()
    return [".", *digits] if digits else []


def _plain(value: float) -> str:
    return str(int(value)) if value == int(value) else str(value)


def _in_context(words: list[str]) -> list[str]:
    """The second pass: words that are part of a time, a date or a sum because of what is beside."""
    found: list[str] = []
    done = 0
    for at in [at for at, word in enumerate(words) if word in _CUES]:
        if at >= done:
            found += words[done:at]
            part, used = _part(words, at, found)
            found += part
            done = at + used
    return found + words[done:]


def _part(words: list[str], at: int, before: list[str]) -> tuple[list[str], int]:
    """What the words from `at` on become, and how many of them; `before` may lose its last."""
    word = words[at]
    one, two, three, *_ = (*words[at + 1 : at + 4], "", "", "")
    after_number = bool(before) and before[-1] < ":"
    if word in MONTH_NAMES:
        return _dated(word, one, before)
    if word in _CLOCK and (one in _LATER or one in _SOONER) and _is_hour(two):
        return _past(word, one in _LATER, int(two)), 3
    if word == "half" and before[-2:] == ["and", "a"] and _is_whole(before[-3:-2]):
        del before[-2:]
        return [f"{before.pop()}.5"], 1
    if word in _PARTS and before and before[-1] in ("1", "2", "3"):
        return [str(int(before.pop()) / _PARTS[word]).removesuffix(".0")], 1
    if word in _POINTS and _is_whole(before[-1:]) and one.isdigit():
        return [f"{before.pop()}.{one}".rstrip("0").rstrip(".")], 2
    if word == "m" and before[-1:] in (["a"], ["p"]) and before[-2:-1] and before[-2] < ":":
        return [f"{before.pop()}m"], 1
    if word in ("oh", "o") and after_number and len(one) == 1 and one.isdigit():
        return ["0"], 1
    if word in ("uhr", "h") and after_number:
        return [], 1
    if word == "negative" and "" < one < ":":
        return ["minus"], 1
    if word in HUNDREDTHS and after_number:
        return _with_cents(word, one, two, three, before)
    return [word], 1


def _is_whole(words: list[str]) -> bool:
    return bool(words) and words[0].isdigit()


def _is_hour(word: str) -> bool:
    return word.isdigit() and len(word) <= 2 and 1 <= int(word) <= 12


def _past(part: str, later: bool, hour: int) -> list[str]:
    """Half past seven is 7 30, a quarter to eight 7 45."""
    minutes = 30 if part == "half" else 15
    if later:
        return [str(hour), str(minutes)]
    return [str(hour - 1 or 12), str(60 - minutes)]


def _with_cents(
    unit: str, one: str, two: str, three: str, before: list[str]
) -> tuple[list[str], int]:
    """Five dollars and twenty cents are 5.2 dollars."""
    skip = 1 if one == "and" else 0
    number, small = (two, three) if skip else (one, two)
    if not (number.isdigit() and len(number) <= 2 and small in HUNDREDTHS[unit]):
        return [unit], 1
    if not before[-1].isdigit():
        return [unit], 1
    before[-1] = f"{before[-1]}.{int(number):02d}".rstrip("0").rstrip(".")
    return [unit], 3 + skip


def _dated(word: str, one: str, before: list[str]) -> tuple[list[str], int]:
    """A month beside a day, as month and day: 3 of march, 3 january, jan 3."""
    month = MONTH_NAMES[word]
    if before[-1:] == ["of"] and len(before) > 1 and _is_day(before[-2]):
        day = before[-2]
        del before[-2:]
        return [month, day], 1
    if _is_day(one):
        return [month, one], 2
    if before and _is_day(before[-1]) and (word not in DOUBTFUL_MONTHS or _is_year(one)):
        return [month, before.pop()], 1
    return [word], 1


def _is_day(word: str) -> bool:
    return word.isdigit() and len(word) <= 2 and 1 <= int(word) <= 31


def _is_year(word: str) -> bool:
    return len(word) == 4 and word.isdigit()
