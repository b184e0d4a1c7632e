"""What a hand-over that failed says in its sentence, and the policy rows it goes by."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.conftest import answered, default_policy, heard, span, spans, spoke, trace
from tracelens.checks import run_checks
from tracelens.requests import collect_facts


def failing(*stages, policy=None):
    """The findings of failed hand-overs of one request with these stages."""
    judged = spans(trace("t", span("turn", *stages, role="turn")))
    rows = run_checks(collect_facts(judged, policy or default_policy())).to_dicts()
    return [row for row in rows if row["check"] == "hand_over" and row["result"] == "fails"]


SENTENCES = {
    "number": ("pay fifty euros", "pay fifteen euros", "the number “50” became “15”"),
    "number left out": ("room 12 please", "room please", "the number “12” was lost"),
    "unit": ("add 5 kg of it", "add 5 pounds of it", "the unit “kilogram” became “pound”"),
    "date": ("come on Monday", "come on Friday", "the date “monday” became “friday”"),
    "name": ("please call Anna", "please call Bob", "the name “anna” became “bob”"),
    "negation": ("do not go there", "do go there", "“not” was lost"),
    "put in": ("it is wise to go", "it is not wise to go", "“not” was put in"),
    "tail": ("book a cab and order two teas", "book a cab", "“and order 2 tea”"),
    "only what decides": ("get 5 pears soon", "get 9 plums soon", "the number “5” became “9”"),
    "everything": ("book a cab", "it rains", "nothing of it arrived"),
}


@pytest.mark.parametrize(("said", "got", "what"), SENTENCES.values(), ids=SENTENCES.keys())
def test_the_sentence_names_the_edit_that_decides(said, got, what):
    [row] = failing(heard(said), answered(given=got), spoke())
    happened = row["sentence"].rsplit(": ", 1)[1]
    assert happened.startswith(what.removesuffix(" tea”"))


def test_a_transcript_is_excused_by_another_of_the_same_utterance():
    stages = (heard("look two"), heard("book a table for two", name="last"), answered(), spoke())
    rules = default_policy()
    strict = replace(rules, handover=replace(rules.handover, same_utterance=1.01))
    assert failing(*stages) == []
    assert len(failing(*stages, policy=strict)) == 1
