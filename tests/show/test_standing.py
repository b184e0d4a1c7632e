"""How a request stands, and its budgets, in words that are never more than the truth."""

from __future__ import annotations

from typing import Any

import pytest

from tracelens.show.standing import breach_words, standing_sentence, standing_words


def row(lower: int, n: int, metric: str = "latency", inputs: str = "audio") -> dict[str, Any]:
    """A row of `Explanation.percentiles`."""
    return {"metric": metric, "value": 1.0, "inputs": inputs, "n": n, "lower": lower / n}


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (row(97, 100), "slower than 97 % of 100 audio requests"),
        (row(11_999, 12_345), "slower than 97 % of 12,345 audio requests"),
        (row(12_340, 12_345), "slower than 99.9 % of 12,345 audio requests"),
        (row(12_344, 12_345), "the slowest of 12,345 audio requests"),
        (row(999_997, 1_000_000), "slower than 99.9 % of 1,000,000 audio requests"),
        (row(0, 100), "slower than none of 100 audio requests"),
        (row(5, 1000), "slower than under 1 % of 1,000 audio requests"),
        (row(50, 100, "cost", "audio+image"), "costlier than 50 % of 100 audio + image requests"),
        (row(99, 100, "cost"), "the costliest of 100 audio requests"),
        (
            row(50, 100, inputs="none"),
            "slower than 50 % of 100 requests whose input is not recorded",
        ),
    ],
)
def test_shares_are_rounded_down(given: dict[str, Any], words: str) -> None:
    assert standing_words(given) == words


def test_all_in_one_sentence() -> None:
    assert standing_sentence([]) is None
    said = standing_sentence([row(99, 100, "cost"), row(50, 100)])
    assert said == "The costliest of 100 audio requests; slower than 50 % of 100 audio requests"


@pytest.mark.parametrize(
    ("breach", "words"),
    [
        (("latency", None, 9214.0, 8000.0), "the request took 9.21 s of 8 s"),
        (("latency", "reasoning", 120_000.0, 500.0), "reasoning took 2.0 min of 500 ms"),
        (("ttfa", None, 1800.0, 1500.0), "the first audio came after 1.8 s of 1.5 s"),
        (("ttfa", "first_token", 700.0, 500.0), "first token took 700 ms of 500 ms"),
        (("cost", None, 0.0612, 0.05), "the request cost $0.061 of $0.05"),
        (("cost", "tool", 1234.5, 2.0), "tool cost $1,234.50 of $2.00"),
    ],
)
def test_a_budget_in_words(breach: tuple[Any, ...], words: str) -> None:
    names = ("metric", "stage", "value", "limit")
    assert breach_words(dict(zip(names, breach, strict=True))) == words
