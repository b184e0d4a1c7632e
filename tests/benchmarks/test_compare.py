"""The benchmark's arithmetic: slots, sizes of edits, and the area under the curve."""

from __future__ import annotations

import random
from statistics import mean

import pytest

from benchmarks.compare import (
    BREAKS,
    SAME,
    SENTENCES,
    Pair,
    auc,
    breaking,
    fill,
    harmless,
    rate,
    repeat,
    utterances,
)


def test_slots_are_filled_by_their_class():
    sentence = "Wire [number 5|50] [unit euros|yen] at [number format 9|nine]."
    assert fill(sentence) == "Wire 5 euros at 9."
    assert fill(sentence, "number") == "Wire 50 euros at 9."
    assert fill(sentence, "number format") == "Wire 5 euros at nine."


def test_a_slot_without_a_class_is_refused():
    with pytest.raises(ValueError, match=r"slot 'colour red\|blue' has no class"):
        fill("a [colour red|blue] car")


def test_every_class_is_on_some_sentence_and_every_slot_is_read():
    assert not [each for each in SENTENCES if "[" in fill(each) or "|" in fill(each)]
    rng = random.Random(1)
    assert {p.kind for p in breaking(rng)} == {*BREAKS, "truncation", "wrong turn"}
    made = {p.kind for p in harmless(rng, [0.2])}
    assert made == {*SAME, "filler", "emoji", "repeat", "markup", "casing"}


def test_every_pair_differs_and_harmless_edits_are_as_large_as_asked():
    rng = random.Random(1)
    assert all(p.emitted != p.received for p in breaking(rng))
    small, large = ([p for p in harmless(rng, [r]) if p.kind == "emoji"] for r in (0.1, 0.5))
    assert mean(p.error_rate for p in small) == pytest.approx(0.1, abs=0.05)
    assert mean(p.error_rate for p in large) == pytest.approx(0.5, abs=0.1)


def test_word_error_rate():
    assert Pair("", True, "a b c d", "a x c").error_rate == 0.5


def test_numbers_are_not_said_twice():
    assert repeat(["room", "12", "now."], [0, 1, 2]) == "room room 12 now now."


@pytest.mark.parametrize(
    ("scores", "truths", "area"),
    [
        ([1, 2, 3, 4], [False, False, True, True], 1.0),
        ([4, 3, 2, 1], [False, False, True, True], 0.0),
        ([1, 1, 1, 1], [False, True, False, True], 0.5),
        # Of six pairs of a true and a false one three are in order and one is tied.
        ([1, 2, 3, 3, 5], [True, False, True, False, True], 3.5 / 6),
    ],
)
def test_area_under_the_curve(scores, truths, area):
    assert auc(scores, truths) == pytest.approx(area)


def test_shares_in_words():
    assert rate([True, False, False]) == "1/3 0.33"
    assert rate([]) == "-"


def test_pairs_for_speed_are_of_every_sort():
    emitted, received = utterances(random.Random(1), 400)
    same = sum(one == two for one, two in zip(emitted, received, strict=True))
    assert 0.3 < same / 400 < 0.5
    assert len(set(emitted)) > 390
