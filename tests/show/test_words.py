"""Numbers of things in words: one of them is told in the singular, wherever it is told."""

from __future__ import annotations

import pytest

from tracelens.show.costs import cost_sentence, total_words
from tracelens.show.standing import standing_words
from tracelens.show.text import load_sentence, unlearned_sentence
from tracelens.show.words import counted


@pytest.mark.parametrize(
    ("number", "said"), [(0, "0 requests"), (1, "1 request"), (1_234, "1,234 requests")]
)
def test_things_are_counted(number: int, said: str) -> None:
    assert counted(number, "request") == said


def test_a_plural_of_its_own() -> None:
    assert counted(2, "query", "queries") == "2 queries"


def test_sentences_about_one() -> None:
    totals = {"spans_read": 1, "spans_rejected": 0, "spans_duplicate": 0, "records_rejected": 1}
    row = {"metric": "cost", "n": 1, "lower": 0.0, "inputs": "audio"}
    said = [
        cost_sentence({"cost_usd": None, "cost_unpriced_spans": 1}),
        total_words("$1.00", 0, 1),
        standing_words(row),
        standing_words({**row, "inputs": "none"}),
        unlearned_sentence({"requests": 1, "service": "desk", "stage": "synthesis"}),
        load_sentence({"totals": totals, "sources": []}),
    ]
    assert said[:4] == [
        "unknown, 1 span unpriced",
        "≥ $1.00, 1 request without a cost",
        "the costliest of 1 audio request",
        "the costliest of 1 request whose input is not recorded",
    ]
    assert str(said[4]).startswith("1 request of desk is said to lack synthesis;")
    assert str(said[5]).startswith("100 % of 1 span is loaded; 1 record could not be read")
