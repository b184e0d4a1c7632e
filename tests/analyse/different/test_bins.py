"""Bins of numbers: round edges that stay, no empty tail, names that people say."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tracelens.analyse.different.bins import CUTS, _quantiles, bin_numbers
from tracelens.analyse.different.population import condition_words


def labels(values: list[float], unit: str = "", *, whole: bool = False) -> list[str]:
    numbers = np.array(values, np.int64 if whole else np.float64)
    return [each.label for each in bin_numbers(numbers, unit)[1]]


def test_seconds_are_cut_as_people_say_them() -> None:
    seconds = [float(at) for at in range(1, 201)]
    assert labels(seconds, "s") == ["< 30 s", "30–60 s", "60–120 s", "≥ 120 s"]


def test_counts_are_told_without_their_upper_bound() -> None:
    turns = [float(1 + at % 40) for at in range(400)]
    assert labels(turns, whole=True) == ["< 10", "10–19", "20–29", "≥ 30"]


def test_few_values_are_told_one_by_one() -> None:
    assert labels([0, 1, 1, 2, 0.5]) == ["0", "0.5", "1", "2"]


def test_nothing_is_a_value_of_its_own() -> None:
    codes, bins = bin_numbers(np.array([0.0] * 5 + [float(at) for at in range(1, 100)]))
    assert [each.label for each in bins][:2] == ["0", "> 0, < 25"]
    assert np.count_nonzero(codes == 0) == 5


def test_a_narrow_spread_has_finer_edges() -> None:
    narrow = [1_000.0 + at for at in range(400)]
    assert labels(narrow)[:3] == ["< 1,100", "1,100–1,200", "1,200–1,300"]


def test_more_of_the_same_moves_no_edge() -> None:
    rng = np.random.default_rng(1)
    first = rng.lognormal(4, 1, 10_000)
    more = np.concatenate([first, rng.lognormal(4, 1, 500)])
    assert bin_numbers(first)[1] == bin_numbers(more)[1]


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.floats(allow_nan=True, allow_infinity=True), max_size=60),
    st.sampled_from(["", "s"]),
)
def test_every_number_lies_in_its_bin(values: list[float], unit: str) -> None:
    codes, bins = bin_numbers(np.array(values, np.float64), unit)
    assert len(codes) == len(values)
    assert len({each.label for each in bins}) == len(bins) or max(map(abs, values)) > 1e5
    for value, code in zip(values, codes, strict=True):
        if not math.isfinite(value):
            assert code == len(bins)
            continue
        own = bins[code]
        if own.low is not None and own.low == own.high:
            assert value == own.low
        else:
            assert own.low is None or value >= own.low
            assert own.high is None or value < own.high


@pytest.mark.parametrize("size", [13, 100, 10_000])
def test_the_last_bin_is_not_empty(size: int) -> None:
    values = np.random.default_rng(size).lognormal(3, 2, size)
    codes, bins = bin_numbers(values)
    assert codes.max() == len(bins) - 1


def test_unknown_numbers_may_be_any() -> None:
    """What lies beneath nulls is whatever was there before."""
    values = np.array([5.0, 1e9, 7.0, -3.0, np.inf])
    codes, bins = bin_numbers(values, known=np.array([True, False, True, False, True]))
    assert [each.label for each in bins] == ["5", "7"]
    assert codes.tolist() == [0, 2, 1, 2, 2]


def test_a_rare_value_counts_among_few() -> None:
    """It is none of those that are looked at first."""
    values = np.ones(50_000)
    values[40_000], values[45_000] = 3.0, 2.0
    codes, bins = bin_numbers(values)
    assert [each.label for each in bins] == ["1", "2", "3"]
    assert (codes[40_000], codes[45_000], codes.sum()) == (2, 1, 3)


@pytest.mark.parametrize(
    "kind", ["spread", "one value mostly", "whole", "wide", "tiny and huge", "below zero"]
)
def test_quantiles_of_many_are_those_of_sorting(kind: str) -> None:
    rng = np.random.default_rng(3)
    values = rng.lognormal(0, 2, 200_000)
    if kind == "one value mostly":
        values[rng.random(200_000) < 0.7] = 0.3
    elif kind == "whole":
        values = np.floor(values * 1_000).astype(np.int64) + 1
    elif kind == "wide":
        values = rng.integers(0, 10**12, 200_000)
    elif kind == "below zero":
        values -= 1
    elif kind == "tiny and huge":
        values = np.exp(rng.uniform(-300, 300, 200_000))
    counted = rng.random(200_000) < 0.8
    for own in (None, counted):
        known = values if own is None else values[own]
        wanted = np.unique(np.quantile(known, CUTS, method="lower"))
        least, cuts = _quantiles(values, own, np.empty(200_000, np.intp))
        assert (least, cuts) == (known.min(), wanted.tolist())


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("≥ 120 s", "length ≥ 120 s"),
        ("< 30 s", "length < 30 s"),
        ("30–60 s", "length = 30–60 s"),
        (None, "length = not recorded"),
    ],
)
def test_an_open_bin_brings_its_own_sign(value: str | None, said: str) -> None:
    assert condition_words("length", value) == said
