"""Prices and totals in words."""

from __future__ import annotations

import pytest

from tracelens.show.costs import listed_price, total_words


@pytest.mark.parametrize(
    ("usd", "per", "unit", "words"),
    [
        (0.006, 60, "audio_seconds", "$0.006 per minute"),
        (0.0043, 1, "output_audio_seconds", "$0.0043 per second"),
        (0.36, 3600, "audio_seconds", "$0.36 per hour"),
        (2.5, 1_000_000, "input_tokens", "$2.50 per million"),
        (0.0025, 1000, "output_tokens", "$0.0025 per 1,000"),
        (15.0, 1_000_000, "characters", "$15.00 per million"),
        (0.04, 1, "output_images", "$0.04 per image"),
        (1.5, 1000, "pages", "$1.50 per 1,000"),
        (7.0, 10_000_000, "characters", "$7.00 per 10,000,000"),
    ],
)
def test_a_price_as_people_read_it(usd: float, per: float, unit: str, words: str) -> None:
    assert listed_price({"usd": usd, "per": per, "unit": unit}) == words


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (("$889.00", 0), "$889.00"),
        (("$889.00", 1), "≥ $889.00, 1 span unpriced"),
        (("$8,132", 53_077, 9), "≥ $8,132, 53,077 spans unpriced"),
        (("$0.010", 0, 1), "≥ $0.010, 1 request without a cost"),
    ],
)
def test_a_total_says_what_is_missing_from_it(given: tuple[str, int], words: str) -> None:
    assert total_words(*given) == words
