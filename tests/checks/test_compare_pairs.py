"""Columns of texts in, one row for each pair out; what was compared once is not compared again."""

from __future__ import annotations

import polars as pl
import pytest

from tests.conftest import default_policy
from tracelens.checks.compare import PAIR, compare_pairs, compare_texts, judge

RULES = default_policy().handover

TEXTS = [
    ("pay 50 euros to Marta", "pay 15 euros to Marta"),
    ("book a table", "Book a table."),
    ("book a table", "book a table"),
    (None, "book a table"),
    ("book a table", None),
    ("pay 50 euros to Marta", "pay 15 euros to Marta"),
    ("do not go", "do go"),
]


def columns(texts):
    return (pl.Series([pair[at] for pair in texts], dtype=pl.String) for at in (0, 1))


def test_one_row_for_each_pair_in_their_order():
    found = compare_pairs(*columns(TEXTS), RULES)
    assert found.schema == PAIR
    assert found["lost"].to_list() == [True, False, False, None, None, True, True]
    assert found["critical"].to_list() == ["number", None, None, None, None, "number", "negation"]
    assert found["edits"].to_list()[6] == [
        {"kind": "negation", "op": "dropped", "dropped": "not", "added": ""}
    ]
    assert found.row(0) == found.row(5)


@pytest.mark.parametrize("mode", ["copy", "recognised"])
def test_rows_say_what_single_comparisons_say(mode):
    texts = [pair for pair in TEXTS if None not in pair]
    for row, pair in zip(
        compare_pairs(*columns(texts), RULES, mode).to_dicts(), texts, strict=True
    ):
        single = compare_texts(*pair, RULES, mode)
        assert (row["lost"], row["score"]) == (single.lost, single.score)
        assert row["dropped"].split() == list(single.dropped)


def test_no_pairs():
    assert compare_pairs(*columns([]), RULES).schema == PAIR


def test_columns_of_different_length_are_refused():
    with pytest.raises(ValueError, match="argument 2 is longer"):
        compare_pairs(pl.Series(["a"]), pl.Series(["a", "b"]), RULES)


def test_a_pair_is_compared_once_for_each_mode_and_rules(monkeypatch):
    calls = []
    monkeypatch.setattr(judge, "_kept", {})
    real = judge.tokens
    monkeypatch.setattr(judge, "tokens", lambda text: calls.append(text) or real(text))
    pair = ("one two three", "one two four")
    for _ in range(3):
        compare_texts(*pair, RULES)
    assert len(calls) == 2
    compare_texts(*pair, RULES, "recognised")
    assert len(calls) == 4


def test_contents_are_not_mixed_up_at_their_border():
    assert not compare_texts("One two! ", "one two", RULES).lost
    assert compare_texts("One two! one", " two", RULES).lost


def test_no_more_pairs_are_kept_than_allowed(monkeypatch):
    kept = {}
    monkeypatch.setattr(judge, "_kept", kept)
    monkeypatch.setattr(judge, "KEPT_PAIRS", 3)
    for number in range(7):
        compare_texts(f"room {number}", "room 99", RULES)
    assert len(kept) == 1
    compare_texts("long " * 200, "short", RULES)
    assert len(kept) == 1
