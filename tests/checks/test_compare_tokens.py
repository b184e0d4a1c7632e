"""How texts are written the same way before they are compared, and what must stay different."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracelens.checks.compare import tokens

SAME = {
    "sign": ["it is -5 degrees", "it is minus five degrees", "it is negative 5 °"],
    "sign of money": ["-$5", "minus 5 dollars"],
    "brackets": ["call (Anna) at [home]", "call Anna at home"],
    "time": ["7:30 AM", "7.30 am".replace(".", ":"), "seven thirty am", "730 a.m.", "7 30 a. m."],
    "afternoon": ["7:30 pm", "19:30", "seven thirty p m", "19:30 Uhr", "19h30", "19 Uhr 30"],
    "midnight": ["0:15", "12:15 am"],
    "spoken time": ["half past seven", "7:30"],
    "quarter": ["a quarter to eight", "a 7:45"],
    "cannot": ["I cannot", "I can not", "I can't", "I cant"],
    "is not": ["it ain't so", "it aint so", "it isn't so"],
    "decimal": [".5", "0.5", "0.50", "zero point five", "½", "1/2", "one half"],
    "mixed number": ["2 1/2", "2½", "two and a half", "2.5"],
    "quarters": ["3/4", "three quarters", "¾"],
    "date": ["March 3rd 2026", "3 March 2026", "2026-03-03", "3rd of March, 2026", "3.3.2026"],
    "date with a day above twelve": ["25/12/2026", "12/25/2026", "December 25, 2026"],
    "short month": ["Sept. 4", "4 September", "4 sep"],
    "ordinal": ["the 22nd", "the twenty-second"],
    "grouping": ["1,500,000", "1.500.000", "1\u202f500\u202f000", "1'500'000".replace("'", "’")],
    "both separators": ["1.234,5", "1,234.50"],
    "comma of euros": ["12,50 €", "€12.50", "12.5 euros", "12,5 EUR"],
    "sum": ["$5.20", "five dollars and twenty cents", "5 dollars 20 cents"],
    "thousands": ["10k", "ten thousand"],
    "units": ["5 km", "5km", "five kilometres", "5 kilometers"],
    "currency codes": ["5 USD", "$5", "5$", "$ 5"],
    "seconds": ["30 seconds", "thirty secs", "30 sec"],
    "German numbers": ["zweiundzwanzig", "22", "Zweiundzwanzig"],
    "German thousands": ["zweitausendsechsundzwanzig", "2026"],
    "German decimal": ["zwei Komma fünf", "2,5"],
    "sharp s": ["dreißig", "dreissig", "30"],
    "acronym": ["the U.S.A. market", "the USA market"],
    "quotes": ["it’s ‘late’", "it's 'late'"],
    "invisible": ["ab\u200bc \u200fdef\u00ad", "abc def"],
    "other digits": ["٣٤ １２", "34 12"],
    "markup": ["**Yes** <b>you</b> `can`", "yes you can"],
    "pictures": ["yes :thumbs_up: 👍🏽", "yes :smile:", "yes"],
    "and": ["you & me", "you and me"],
    "phone": ["020 555 0199", "020-555-0199"],
}


@pytest.mark.parametrize("texts", SAME.values(), ids=SAME.keys())
def test_ways_to_write_one_thing(texts):
    assert {tokens(text) for text in texts} == {tokens(texts[0])}
    assert tokens(texts[0])


DIFFERENT = {
    "sign": ("-5", "5"),
    "range is no sign": ("5-10", "5 minus 10"),
    "half of the day": ("7:30 am", "7:30 pm"),
    "decimal point": ("2.5", "25"),
    "ambiguous date": ("3/4/2026", "4/3/2026"),
    "may is no month": ("a table for 3 may be", "a table for may 3 be"),
    "currency": ("$5", "€5"),
    "thousands and decimal": ("1.500", "1500"),
    "second in a row": ("the second", "the seconds"),
    "what is in brackets": ("call (Anna)", "call"),
    "elf": ("an elf", "an 11"),
}


@pytest.mark.parametrize(("one", "two"), DIFFERENT.values(), ids=DIFFERENT.keys())
def test_what_must_stay_different(one, two):
    assert tokens(one) != tokens(two)


def test_scripts_without_spaces_are_compared_by_characters():
    assert tokens("天气不好abc 3") == ("天", "气", "不", "好", "abc", "3")


def test_a_thought_that_is_never_closed_is_kept():
    assert tokens("<think>no</think>yes <think>late") == ("yes", "late")


def test_numbers_longer_than_a_float_stay_as_they_are():
    assert tokens("9" * 400 + " million") == ("9" * 400, "1000000")


def test_any_number_of_currency_signs_before_a_number():
    assert tokens("$ " * 5_000 + "5") == ("5", "dollar")
    assert tokens("-$ 5") == tokens("-$5") == tokens("$ -5") == ("minus", "5", "dollar")


@given(st.lists(st.sampled_from("book table 12 7:30 am -5 $3 and half".split()), max_size=12))
def test_rewriting_twice_changes_nothing(words):
    once = tokens(" ".join(words))
    assert tokens(" ".join(once)) == once or "minus" in once


@given(st.text(max_size=300))
def test_any_text_has_tokens(text):
    assert all(token and not token.isspace() for token in tokens(text))
