"""Quantiles of replaced values are those of all values, sorted anew."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracelens.analyse.what_if.quantiles import Mixture

SHARES = (0.0, 0.1, 0.5, 0.95, 0.99, 1.0)
values = st.lists(st.floats(0, 1e6), max_size=40)


@given(kept=values, removed=values, added=values)
def test_as_if_sorted_anew(kept: list[float], removed: list[float], added: list[float]) -> None:
    mixture = Mixture(np.sort(kept + removed), np.sort(removed), np.array(added, dtype=float))
    left = kept + added
    assert mixture.n == len(left)
    expected = np.quantile(left, SHARES) if left else [None] * len(SHARES)
    assert mixture.quantiles(SHARES) == pytest.approx(list(expected))


@given(kept=values, added=st.lists(st.tuples(st.floats(0, 1e6), st.integers(1, 5)), max_size=20))
def test_a_weight_counts_as_often(kept: list[float], added: list[tuple[float, int]]) -> None:
    each, weights = ([pair[i] for pair in added] for i in (0, 1))
    mixture = Mixture(
        np.sort(np.array(kept, dtype=float)),
        np.empty(0),
        np.array(each, dtype=float),
        np.array(weights, dtype=float),
    )
    left = [*kept, *np.repeat(each, np.array(weights, dtype=int))]
    expected = np.quantile(left, SHARES) if left else [None] * len(SHARES)
    assert mixture.quantiles(SHARES) == pytest.approx(list(expected))


def test_beyond_all_values_nothing_is_told() -> None:
    mixture = Mixture(np.array([1.0, 2.0, 3.0]), np.empty(0), np.empty(0))
    assert mixture.quantiles([-0.1, 0.5, 1.1]) == [None, 2.0, None]
