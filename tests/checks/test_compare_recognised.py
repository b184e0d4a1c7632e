"""What loses the meaning where one of two texts was heard by a recogniser, and what may differ."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.conftest import default_policy
from tracelens.checks.compare import BENIGN, CRITICAL, Edit, compare_texts

RULES = default_policy().handover


def compare(said, got, rules=RULES):
    return compare_texts(said, got, rules, "recognised")


#: What was said, what was heard, and the classes of what differs.
HARMLESS = {
    "nothing": ("book a table", "Book a table!", []),
    "filler": ("well I want tea", "I want tea", ["filler"]),
    "article": ("give me the red cup", "give me red cup", ["function"]),
    "repeat": ("call call Anna", "call Anna", ["repeat"]),
    "one as an article": ("which one do you want today", "which do you want today", ["function"]),
    "spelling": ("the colour of the house", "the color of the house", ["spelling"]),
    "format": ("an e-mail for the boss", "an email for boss", ["format", "function"]),
    "spelled number": ("for elf people", "for 11 people", ["number format"]),
    "abbreviation": ("on Elm St today", "on Elm Street today", ["abbreviation"]),
    "degrees": ("it is 20 degrees outside", "it is 20 outside", ["function"]),
    "name that sounds alike": (
        "please call Catherine about the lunch menu today",
        "please call Kathryn about the lunch menu today",
        ["content"],
    ),
    "no names where all words are capitals": (
        "Book A Table Near The Red River Bank For Lunch",
        "Book A Cable Near The Red River Bank For Lunch",
        ["content"],
    ),
    "date moved": (
        "on Monday we all meet for lunch in the old town hall at noon as planned",
        "we all meet Monday for lunch in the old town hall at noon as planned",
        ["function", "order", "order"],
    ),
    "word misheard in a long sentence": (
        "please read the long list of things that we wanted to buy",
        "please read the long list of thinks that we wanted to buy",
        ["content"],
    ),
}


@pytest.mark.parametrize(("said", "got", "kinds"), HARMLESS.values(), ids=HARMLESS.keys())
def test_harmless(said, got, kinds):
    found = compare(said, got)
    assert sorted(edit.kind for edit in found.edits) == kinds
    assert not found.lost


LOST = {
    "number": ("wire 50 euros to the landlord", "wire 15 euros to the landlord", "number"),
    "number put in": ("play the song now please", "play the song 7 now please", "number"),
    "negation": ("I do not want it", "I do want it", "negation"),
    "negation put in": ("I do want it", "I do not want it", "negation"),
    "no for know": ("there is no milk left", "there is milk left", "negation"),
    "unit": ("add 3 litres of milk", "add 3 gallons of milk", "unit"),
    "date": ("on Friday in the old town", "on Sunday in the old town", "date"),
    "sign": ("it is minus 5 on the hill", "it is 5 on the hill", "sign"),
    "opposite": ("increased the volume of it", "decreased the volume of it", "polarity"),
    "name": ("wire it to Marta today", "wire it to Oliver today", "name"),
    "tail": ("play the song and call the taxi service", "play the song", "truncation"),
    "swap": ("put cups on plates now", "put plates on cups now", "swap"),
    "all else": ("order a dozen red roses now", "what time is breakfast here", None),
}


@pytest.mark.parametrize(("said", "got", "critical"), LOST.values(), ids=LOST.keys())
def test_lost(said, got, critical):
    found = compare(said, got)
    assert (found.lost, found.critical, found.suspected) == (True, critical, False)


def test_what_is_around_counts_where_it_was_heard():
    said, got = "book a table", "do not book a table"
    assert compare(said, got).critical == "negation"
    assert not compare_texts(said, got, RULES, "copy").lost


def test_a_score_between_same_and_lost_is_suspected():
    said, got = "read the list of red things again now", "read the list of red strings again now"
    found = compare(said, got)
    assert (found.lost, found.suspected) == (False, False)
    low = compare(said, got, replace(RULES, meaning_doubt=0.02))
    assert (low.lost, low.suspected) == (False, True)
    lower = compare(said, got, replace(RULES, meaning_loss=0.02))
    assert (lower.lost, lower.suspected) == (True, False)


def test_the_score_weighs_edits_by_what_they_mean():
    said = "red cars park there"  # three content words and a light one
    assert compare(said, "red cars park").score == pytest.approx(0.2 / 3.2)
    assert compare(said, "red cars there").score == pytest.approx(1 / 3.2)
    assert compare(said, "red cats park there").score == pytest.approx(0.25 / 3.2)
    assert compare(said, "red cars park there there").score == 0


def test_of_a_few_words_characters_decide():
    assert not compare("mute please", "moot please").lost
    assert compare("mute please", "loud please").lost
    assert not compare("mute please", "loud please", replace(RULES, short_text_cer=0.9)).lost


def test_nothing_was_heard():
    found = compare("book a table", "...")
    assert (found.lost, found.total) == (True, True)


def test_edits_hold_their_words():
    assert compare("pay fifty to Marta uh uh now", "pay 15 to Marta now").edits == (
        Edit("number", "changed", ("50",), ("15",)),
    )
    assert compare("pay fifty to Marta", "pay 15 to Marta").deciding.added == ("15",)


def test_classes_are_either_critical_or_benign():
    assert not set(CRITICAL) & set(BENIGN)
