"""Which differences between two texts lose meaning, and which are only another way to write it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conftest import default_policy
from tracelens.checks.compare import SAME, compare_texts, diff_words, tokens, was_spoken

RULES = default_policy().handover

HARMLESS = {
    "case": ("Book A Table", "book a table"),
    "punctuation": ("Yes, please: two!", "yes please two"),
    "white space": ("  book\n\na   table ", "book a table"),
    "curly apostrophe": ("it’s late", "it's late"),
    "contraction": ("I don't know and it isn't here", "I do not know and it is not here"),
    "contraction without apostrophe": ("I don't know", "i dont know"),
    "cannot": ("I cannot", "I can't"),
    "what is": ("what's open", "what is open"),
    "numeral": ("twenty five", "25"),
    "hyphenated numeral": ("twenty-five", "25"),
    "hundreds": ("one hundred and five", "105"),
    "hundreds without and": ("three hundred fifty", "350"),
    "thousands": ("two thousand twenty four", "2024"),
    "grouped thousands": ("1,500 people", "fifteen hundred people"),
    "millions": ("2 million", "two million"),
    "digit by digit": ("555-1234", "five five five one two three four"),
    "year": ("in 1999", "in nineteen ninety nine"),
    "ordinal": ("the 3rd of May", "the third of may"),
    "compound ordinal": ("the 23rd", "the twenty-third"),
    "decimal": ("2.50", "2.5"),
    "spelled decimal": ("0.5", "zero point five"),
    "currency sign": ("$5", "five dollars"),
    "currency with scale": ("$1.5 million", "1.5 million dollars"),
    "percent sign": ("20%", "twenty percent"),
    "degrees": ("20°C", "twenty degrees Celsius"),
    "full hour": ("at 3:00 PM", "at three PM"),
    "dotted pm": ("3 p.m.", "3 pm"),
    "unit": ("5 km", "five kilometers"),
    "okay": ("OK", "okay"),
    "markdown": ("**Yes**, see [the page](http://x.y/z) and `run`", "yes see the page and run"),
    "numbered list": ("1. Eggs\n2. Milk", "Eggs. Milk."),
    "speech markup": ('<speak>hello <break time="1s"/> there</speak>', "hello there"),
    "citation": ("it is late [1]", "it is late"),
    "hidden thoughts": ("<think>say no</think>it is late", "it is late"),
    "fillers": ("uh I um want er two", "I want two"),
    "prompt around it": (
        "book a table",
        "Answer in one line. Do not guess. User: book a table. Go.",
    ),
    "acronym": ("the U.S. market", "the US market"),
    "chinese punctuation": ("今天，天气不好", "请回答：今天天气不好。"),
    "full width": ("１２ ｔａｂｌｅｓ", "12 tables"),
    "wake word": ("hey assistant what is the weather", "what is the weather"),
    "wake word alone": ("Alexa, play some jazz", "play some jazz"),
    "courtesy": ("book a room thanks", "book a room"),
    "masked word": ("fuck this thing", "**** this thing"),
    "masked number": ("my number is 555 0134 now", "User: my number is [PHONE] now"),
    "page address": ("Visit https://x.example/help for details.", "Visit the link for details."),
    "code": ("Run this:\n```sh\nls -l\n```\nThat is all.", "Run this. That is all."),
    "sound": ("(laughs) sure thing", "sure thing"),
    "moved word": ("turn the lights off in the hall", "turn off the lights in the hall"),
    "short for yes": ("yeah go ahead", "yes go ahead"),
    "for example": ("an error, e.g. a timeout", "an error, for example a timeout"),
    "signs for words": ("meet @ 5pm w/ Ann", "meet at 5 pm with Ann"),
    "noon": ("the meeting is at noon", "the meeting is at 12 pm"),
    "size": ("10x20 cm", "10 by 20 centimetres"),
    "is": ("he's here", "he is here"),
    "structured answer": ('{"mood": "calm", "reply": "It is late"}', "it is late"),
    "structured answer of one word": ('{"intent": "confirm", "reply": "Yes"}', "yes"),
    "structured answer in a fence": ('```json\n{"say": "it is late"}\n```', "it is late"),
    "structured answer with an unknown key": (
        '{"a": "x", "b": "it is late now"}',
        "it is late now",
    ),
    "structured answer that steers": ('{"intent": "status", "id": "a b"}', "your train is on time"),
    "label": ("billing", "let me connect you with our accounts team"),
    "british and american": ("the grey colour of the theatre", "the gray color of the theater"),
    "accents": ("a café in Zürich", "a cafe in zurich"),
    "initials": ("send it asap", "send it as soon as possible"),
    "street": ("on Elm St. today", "on Elm Street today"),
    "repeated words": ("I want I want two two seats", "I want two two seats"),
    "spoken French negation": ("je ne sais pas", "je sais pas"),
    "German article and number": ("ein Tisch für elf", "1 Tisch für 11"),
    "identifier": ("flight_status", "your flight leaves at nine as planned"),
    "cut by the record": ("so it goes " * 30, ("so it goes " * 30)[:256]),
    "marked as cut": ("so it goes on and on and on", "so it goes on... [truncated]"),
    "nothing was said": ("", "anything"),
    "only a filler was said": ("um", ""),
    "discourse markers": ("Well, actually I want two seats", "I want two seats"),
}


@pytest.mark.parametrize(("said", "got"), HARMLESS.values(), ids=HARMLESS.keys())
def test_harmless(said, got):
    assert not compare_texts(said, got, RULES).lost


LOSSES = {
    "a wake word within": ("call my assistant anna", "call anna", None),
    "what stands beside a mask": ("pay 50 to 555 0134", "pay 15 to [PHONE]", "number"),
    "all but the page address": (
        "Book now at https://x.example",
        "https://x.example",
        "truncation",
    ),
    "noon for midnight": ("close at noon", "close at midnight", None),
    "negation": ("do not cancel my order", "do cancel my order", "negation"),
    "contracted negation": ("I don't want it", "I do want it", "negation"),
    "added negation": ("it is dangerous", "it is not dangerous", "negation"),
    "never": ("never call me", "call me", "negation"),
    "chinese negation": ("天气不好", "天气好", "negation"),
    "number": ("transfer fifty euros", "transfer fifteen euros", "number"),
    "digit": ("room 12", "room 13", "number"),
    "number left out": ("book 2 tables", "book tables", "number"),
    "percent": ("20% off", "30% off", "number"),
    "decimal": ("take 2.5 pills", "take 25 pills", "number"),
    "digit said twice": ("the code is 5 5 7", "the code is 5 7", "number"),
    "sign": ("it is -5 degrees", "it is 5 degrees", "sign"),
    "tail": ("book a table for us near the river", "book a table for us", "truncation"),
    "head": ("please cancel the order of anna", "the order of anna", None),
    "name": ("call anna", "call bob", None),
    "unit": ("it weighs 5 kg", "it weighs 5 pounds", "unit"),
    "currency": ("pay $5 now", "pay €5 now", "unit"),
    "weekday": ("see you on Monday", "see you on Tuesday", "date"),
    "day of a month": ("due on May 3", "due on May 4", "date"),
    "half of the day": ("at 7:30 am", "at 7:30 pm", "time"),
    "half of the day left out": ("at 7:30 am", "at 7:30", "time"),
    "switch": ("turn the light on", "turn the light off", "polarity"),
    "direction": ("drive from here to there now", "drive to here from there now", "polarity"),
    "prefix": ("unlock the door", "lock the door", "polarity"),
    "minus put in": ("it is 5 degrees", "it is -5 degrees", "sign"),
    "name spelled otherwise": ("please call Catherine", "please call Katherine", "name"),
    "letter of an identifier": ("gate B7 is open", "gate D7 is open", "identifier"),
    "places changed": ("put the cup on the plate", "put the plate on the cup", "swap"),
    "moved negation": (
        "cancel lunch today not dinner",
        "cancel not lunch today dinner",
        "negation",
    ),
    "other negation": ("I will never go there", "I will not go there", None),
    "structured answer": ('{"reply": "it is not late"}', "it is late", "negation"),
    "structured answer, other words": ('{"reply": "it is late"}', "the table is booked", None),
    "cut at no limit of a record": ("so it goes forever", "so it goes", None),
}


@pytest.mark.parametrize(("said", "got", "critical"), LOSSES.values(), ids=LOSSES.keys())
def test_lost(said, got, critical):
    found = compare_texts(said, got, RULES)
    assert (found.lost, found.critical) == (True, critical)


def test_nothing_arrived():
    found = compare_texts("book a table", "", RULES)
    assert (found.lost, found.total, found.share) == (True, True, 1.0)
    assert compare_texts("book a table", "it rains", RULES).total


def test_dropped_and_added_words_are_named():
    found = compare_texts("send it to anna now", "send it to bob now", RULES)
    assert (found.dropped, found.added, found.total) == (("anna",), ("bob",), False)


def test_content_loss_is_the_share_of_content_words():
    said = " ".join(f"word{chr(97 + i)}" for i in range(10))
    got = said.replace("worde ", "")
    assert compare_texts(said, got, replace(RULES, content_loss=0.05)).lost
    assert not compare_texts(said, got, replace(RULES, content_loss=0.15)).lost


def test_spoken_pieces_of_an_answer():
    assert was_spoken("It is late. Go home.", ["it is late", "go home"])
    assert was_spoken("It is late. Go home.", ["Go home!"])
    assert not was_spoken("It is late.", ["one moment please"])
    assert not was_spoken("", ["one moment please"])


def test_words_of_a_difference_keep_their_spelling():
    assert diff_words("Book 2 Tables, not", "book two tables") == [
        ("equal", "book"),
        ("equal", "two"),
        ("equal", "tables"),
        ("dropped", "not"),
    ]


WORDS = st.lists(
    st.sampled_from("book table anna river 12 seven late order quickly blue".split()), min_size=3
)
PLAIN = st.text(st.sampled_from("abcdefgh "), max_size=60)


@given(st.text(max_size=300))
def test_a_text_arrived_where_it_stands(text):
    assert compare_texts(text, text, RULES) == SAME


@given(WORDS, PLAIN, PLAIN)
def test_what_stands_around_a_copy_never_matters(words, before, after):
    said = " ".join(words)
    assert not compare_texts(said, f"{before} {said} {after}", RULES).lost


@given(WORDS, st.integers(0, 20))
def test_a_dropped_negation_is_always_a_loss(words, place):
    place %= len(words) + 1
    said = " ".join([*words[:place], "not", *words[place:]])
    assert compare_texts(said, " ".join(words), RULES).critical == "negation"


@given(WORDS)
def test_case_and_punctuation_never_matter_in_either_direction(words):
    one, other = " ".join(words), ", ".join(words).upper() + "!"
    assert not compare_texts(one, other, RULES).lost
    assert not compare_texts(other, one, RULES).lost


@given(st.integers(0, 999_999))
def test_numbers_in_words_are_numbers(number):
    assert tokens(in_words(number)) == (str(number),)


@settings(max_examples=300)
@given(st.text(max_size=200), st.text(max_size=200))
def test_any_two_texts_can_be_compared(one, other):
    found = compare_texts(one, other, RULES)
    assert 0 <= found.share <= 1
    assert found.lost or not found.total
    diff_words(one, other)


@given(
    st.recursive(
        st.none() | st.text(max_size=9),
        lambda s: st.lists(s) | st.dictionaries(st.text(max_size=5), s),
    )
)
def test_any_structured_answer_can_be_compared(value):
    import json

    compare_texts(json.dumps(value), "it is late", RULES)


@pytest.mark.parametrize(
    "pattern",
    [
        "word{} ",
        "<a",
        "[a](",
        "((((",
        "5,555",
        "don't ",
        "<think>",
        "1. \n",
        "-5",
        "$ -",
        "half a ",
    ],
)
def test_long_hostile_texts_are_compared(pattern):
    # Quadratic work on these would hang the run.
    said = "".join(pattern.replace("{}", str(i)) for i in range(20_000))[:20_000]
    assert not compare_texts(said, f"prompt: {said.upper()}", RULES).lost
    assert compare_texts(f"not {said}", f"{said[:10_000]} x {said[10_000:]}", RULES).lost


def test_a_copy_behind_a_long_prompt_is_found():
    said = "so it goes on and on " * 900
    assert not compare_texts(said, "x" * 5_000 + " " + said, RULES).lost


ONES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen"
    " sixteen seventeen eighteen nineteen"
).split()
TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()


def in_words(number: int) -> str:
    """A number below a million as an English speaker says it."""
    if number < 20:
        return ONES[number]
    if number < 100:
        return TENS[number // 10 - 2] + (f"-{ONES[number % 10]}" if number % 10 else "")
    size, name = (100, "hundred") if number < 1_000 else (1_000, "thousand")
    rest = number % size
    joint = " and " if rest and size == 100 else " "
    return f"{in_words(number // size)} {name}" + (joint + in_words(rest) if rest else "")


def test_what_counts_as_cut_or_as_spoken_is_in_the_policy():
    cut = ("we leave home forever", "we leave home fore")
    assert compare_texts(*cut, RULES).lost
    assert not compare_texts(*cut, replace(RULES, record_limits=(18,))).lost
    keyed = ('{"aloud": "it was dark outside", "b": "it is late now"}', "it is late now")
    assert not compare_texts(*keyed, RULES).lost
    assert compare_texts(*keyed, replace(RULES, spoken_keys=("aloud",))).lost
    likely = ('{"b": "it is late now"}', "it is dark")
    assert compare_texts(*likely, RULES).lost
    assert not compare_texts(*likely, replace(RULES, meant=0.9)).lost
