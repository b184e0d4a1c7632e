"""Finds where an answer states another value than a tool returned, for typed values only.

Numbers are held against the answer under the name of their key, codes of letters and digits by
their shape. Free text is left alone. What an answer may have computed (sums, differences,
roundings, other units) and what was known from elsewhere is never held against it: a missed
contradiction costs less than an answer that is accused wrongly.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, combinations
from typing import Any, Final

import msgspec

from tracelens.checks.compare.lexicon import DATES, FUNCTION_WORDS, MERIDIEM, UNITS
from tracelens.checks.compare.tokens import TEXT_LIMIT, tokens
from tracelens.policy.rules import Answers

DEPTH_LIMIT: Final = 8
#: Values of one result beyond which its request is left alone.
VALUES_LIMIT: Final = 500
#: So many known numbers explain almost any other one.
NUMBERS_LIMIT: Final = 60

_NUMBER: Final = re.compile(r"-?\d{1,15}(?:\.\d{1,10})?")
_CODE: Final = re.compile(r"(?=[a-z-]*\d)(?=[\d-]*[a-z])[a-z\d]+(?:-[a-z\d]+)*")
_WORD: Final = re.compile(r"[^\W_]+(?:-[^\W_]+)*")
_KEY: Final = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")
CODE_LENGTH: Final = 4
#: A name has no more words.
NAME_WORDS: Final = 4
_YES_OR_NO: Final = frozenset("yes no ok true false sure".split())

#: One unit of time in another: seconds, minutes, hours, days, weeks, months, years.
_TIMES: Final = (60, 3_600, 86_400, 24, 1_440, 7, 168, 30, 12, 365, 52)
#: One measure in another: kilometres in a mile, feet in a metre, centimetres in an inch, pounds in
#: a kilogram, grams in an ounce, litres in a gallon, kilometres and miles in a knot, km/h, mph and
#: knots in a metre a second.
_MEASURES: Final = (
    *(1.609344, 3.28084, 2.54, 2.20462, 28.3495, 3.78541),
    *(1.852, 1.15078, 3.6, 2.23694, 1.94384),
)
#: Hundredths, thousands, millions and their like in bytes.
_STEPS: Final = (100, 1_000, 1_024, 1_000_000)
_TIME_UNITS: Final = frozenset("seconds minute hour day week month year".split())
_DEGREES: Final = frozenset("degree celsius fahrenheit".split())
_MONEY: Final = frozenset("dollar euro pound cent penny yen franc rupee".split())

Value = float | str


@dataclass(frozen=True)
class Contradiction:
    """An answer states `stated` where a tool returned `returned` under `key`."""

    key: str
    returned: str
    stated: str


@dataclass(frozen=True)
class Held:
    """What holding an answer against results showed: keys that agree, and one that does not."""

    agreed: tuple[str, ...] = ()
    contradiction: Contradiction | None = None


def hold_against(answer: str, results: Sequence[str], known: Sequence[str], rules: Answers) -> Held:
    """Hold an answer against what tools returned in the same turn.

    Args:
        answer: what the model said.
        results: texts that tools returned; of those that are JSON the typed values count.
        known: other texts that the answer may take values from: what the user said, the prompt.
        rules: `[answers]` of the policy.
    """
    values = _values(results)
    if not values or len(answer) > TEXT_LIMIT:
        return Held()
    said = _Answer(answer)
    texts = [text[:TEXT_LIMIT] for text in (*results, *known)]
    numbers = {number for text in texts for number in _numbers(tokens(_without_codes(text)))}
    words = {word for text in texts for word in _WORD.findall(text.casefold())}
    agreed: list[str] = []
    for key, value in values.items():
        if said.holds(value, rules.rounding):
            agreed.append(key)
        elif isinstance(value, str):
            other = said.code_like(value)
            if other is not None and other not in words:
                return Held(tuple(agreed), Contradiction(key, value, other))
        else:
            stated, unit = said.number_of(key, rules.key_words)
            if stated is not None and not _explained(stated, unit, numbers, rules.rounding):
                return Held(tuple(agreed), Contradiction(key, f"{value:g}", f"{stated:g}"))
    return Held(tuple(agreed))


def expected_in(expected: str, answer: str, rules: Answers) -> bool | None:
    """Whether an answer states what was expected of it; None when that cannot be told.

    Numbers and codes are what is compared, and a name or date where nothing else was expected:
    an answer may say everything else in words of its own.
    """
    said = _Answer(answer)
    text = expected[:TEXT_LIMIT]
    codes = [word for word in _WORD.findall(text.casefold()) if _begins_code(word)]
    numbers = set(_numbers(tokens(_without_codes(text))))
    wanted: list[Value] = [*codes, *numbers]
    if wanted:
        if all(said.holds(each, rules.rounding) for each in wanted):
            return True
        others = [*_numbers(tokens(_without_codes(answer[:TEXT_LIMIT])))]
        other = any(not any(_near(one, two, rules.rounding) for two in numbers) for one in others)
        code = any(said.code_like(each) for each in codes)
        return False if other or code else None
    return _names_in(text, said)


def _names_in(expected: str, said: _Answer) -> bool | None:
    """The same for an expectation that is a name or a date and nothing else."""
    words = [word for word in _WORD.findall(expected) if word.casefold() not in FUNCTION_WORDS]
    named = all(word[:1].isupper() or word.casefold() in DATES for word in words)
    if not words or len(words) > NAME_WORDS or not named or {*tokens(expected)} & _YES_OR_NO:
        return None
    return {*tokens(expected)} - FUNCTION_WORDS <= {*said.tokens}


def _without_codes(text: str) -> str:
    """The text without its codes, whose digits are no numbers."""
    return _WORD.sub(lambda m: "" if _begins_code(m[0].casefold()) else m[0], text)


def _begins_code(word: str) -> bool:
    # What begins with a digit may be a number with its unit: 10km, 5pm.
    return word[:1].isalpha() and _CODE.fullmatch(word) is not None


def _values(results: Sequence[str]) -> dict[str, Value]:
    """Typed values by key; a key that has several does not say which of them was meant."""
    found: dict[str, set[Value]] = {}
    for result in results:
        if len(result) > TEXT_LIMIT:
            return {}
        for count, (key, value) in enumerate(_leaves(_decoded(result), 0)):
            if count >= VALUES_LIMIT:
                return {}
            found.setdefault(key, set()).add(value)
    return {key: next(iter(held)) for key, held in found.items() if len(held) == 1}


def _decoded(text: str) -> Any:
    """JSON, also when it was encoded twice; None for all else."""
    try:
        decoded = msgspec.json.decode(text)
        return msgspec.json.decode(decoded) if isinstance(decoded, str) else decoded
    except (msgspec.DecodeError, RecursionError, ValueError):
        return None


def _leaves(value: Any, depth: int, key: str = "") -> Iterator[tuple[str, Value]]:
    if depth > DEPTH_LIMIT:
        return
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _leaves(inner, depth + 1, str(name))
    elif isinstance(value, list):
        for inner in value:
            yield from _leaves(inner, depth + 1, key)
    elif key and (typed := _typed(value)) is not None:
        yield key, typed


def _typed(value: Any) -> Value | None:
    """A number, or a code in lower case; None for everything else."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return float(value) if abs(value) < 1e15 else None
    if not isinstance(value, str):
        return None
    bare = value.strip().casefold()
    if _NUMBER.fullmatch(bare):
        return float(bare)
    return bare if len(bare) >= CODE_LENGTH and _CODE.fullmatch(bare) else None


class _Answer:
    """An answer as tokens, for numbers, and as words, for codes."""

    def __init__(self, text: str) -> None:
        self.tokens = tokens(text)
        self.words = _WORD.findall(text.casefold())

    def holds(self, value: Value, rounding: float) -> bool:
        """Whether the value stands in the answer, wherever and however it is written."""
        if isinstance(value, str):
            bare = value.replace("-", "")
            return value in self.words or bare in "".join(self.tokens)
        return any(_near(number, value, rounding) for number in _numbers(self.tokens))

    def code_like(self, value: str) -> str | None:
        """The one code in the answer that looks like this one."""
        codes = {word for word in self.words if len(word) >= CODE_LENGTH and _CODE.fullmatch(word)}
        alike = [code for code in codes if _shape(code) == _shape(value)]
        return alike[0] if len(alike) == 1 else None

    def number_of(self, key: str, reach: int) -> tuple[float | None, str]:
        """The one number that the answer states under a key, and its unit or nothing.

        The key's words stand before it; where they are one word, they may stand behind it: 5
        degrees, 3 seats.
        """
        name = _key_words(key)
        found = set()
        for at in range(len(self.tokens) - len(name) + 1):
            if name and self.tokens[at : at + len(name)] == name:
                behind = at - 1 if len(name) == 1 and self._number_at(at - 1) is not None else None
                place = self._after(at + len(name), reach) if behind is None else behind
                found.add((None if place is None else self._number_at(place), self._unit(place)))
        return next(iter(found)) if len(found) == 1 else (None, "")

    def _after(self, at: int, reach: int) -> int | None:
        for place in range(at, min(at + reach + 1, len(self.tokens))):
            if self._number_at(place) is not None:
                return place
            if self.tokens[place] not in FUNCTION_WORDS:
                return None
        return None

    def _unit(self, at: int | None) -> str:
        unit = "" if at is None else "".join(self.tokens[at + 1 : at + 2])
        return unit if unit in UNITS else ""

    def _number_at(self, at: int) -> float | None:
        """The number at a place, if it is no part of a time, a date or a longer number."""
        if not 0 <= at < len(self.tokens) or (number := _as_number(self.tokens[at])) is None:
            return None
        around = (*self.tokens[max(0, at - 1) : at], *self.tokens[at + 1 : at + 2])
        parted = any(
            word in DATES or word in MERIDIEM or _as_number(word) is not None for word in around
        )
        return None if parted else number


def _key_words(key: str) -> tuple[str, ...]:
    """The words by which an answer speaks of a key; a unit only where the key is nothing else."""
    words = tuple(
        word for word in tokens(" ".join(_KEY.findall(key))) if word not in FUNCTION_WORDS
    )
    bare = tuple(word for word in words if word not in UNITS)
    return bare or words[:1]


def _shape(code: str) -> str:
    """Letters and runs of digits, whatever they are."""
    return re.sub(r"\d+", "9", re.sub(r"[a-z]", "a", code))


def _as_number(token: str) -> float | None:
    return float(token) if token[:1] < ":" and _NUMBER.fullmatch(token) else None


def _numbers(words: Sequence[str]) -> Iterator[float]:
    for word in words:
        number = _as_number(word)
        if number is not None:
            yield number


def _near(one: float, two: float, rounding: float) -> bool:
    return abs(abs(one) - abs(two)) <= rounding * max(abs(one), abs(two))


def _explained(stated: float, unit: str, numbers: set[float], rounding: float) -> bool:
    """Whether a number is known, or comes out of known ones."""
    if len(numbers) > NUMBERS_LIMIT:
        return True
    made = chain(_made(numbers), _converted(numbers, unit))
    return any(_near(stated, each, rounding) or _is_rounded(stated, each) for each in made)


def _made(numbers: set[float]) -> Iterator[float]:
    """Known numbers, and what sums and shares make of them."""
    yield sum(numbers)
    for one in numbers:
        yield from (one, 100 - one)
    for one, two in combinations(numbers, 2):
        yield from (one + two, one - two, one * two, one * two / 100)
        if one and two:
            yield from (one / two, two / one, 100 * one / two, 100 * two / one)


def _converted(numbers: set[float], unit: str) -> Iterator[float]:
    """Known numbers in other units, as far as the unit that they are stated in allows."""
    factors: tuple[float, ...] = _STEPS
    if unit in _TIME_UNITS:
        factors += _TIMES
    elif unit and unit not in _MONEY and unit not in _DEGREES:
        factors += _MEASURES
    for one in numbers:
        for factor in factors:
            yield from (one * factor, one / factor)
        if unit in _TIME_UNITS:
            for factor in _TIMES:
                yield from (one % factor, one // factor)
        elif not unit or unit in _DEGREES:
            yield from ((one - 32) / 1.8, one * 1.8 + 32)


def _is_rounded(stated: float, exact: float) -> bool:
    """Whether a round number stands for an exact one: 1,200 for 1,234."""
    if stated != int(stated) or abs(exact) < 1:
        return False
    zeros = len(str(int(abs(stated)))) - len(str(int(abs(stated))).rstrip("0")) if stated else 0
    return abs(abs(stated) - abs(exact)) <= 10.0**zeros / 2
