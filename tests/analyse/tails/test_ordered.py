"""Order statistics: small numbers in view, and laws that hold for any."""

from __future__ import annotations

import duckdb
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from tracelens.analyse.tails.ordered import (
    Split,
    concentration,
    gini,
    higher,
    interval,
    interval_ranks,
    needed,
    quantile,
    spaced,
    top_share,
)

values = st.lists(st.floats(0, 1e6, allow_nan=False), min_size=1, max_size=300).map(
    lambda drawn: np.sort(np.array(drawn))
)
SHARES = (0.5, 0.75, 0.9, 0.95, 0.99, 0.999)


def ascending(n: int) -> np.ndarray:
    return np.arange(1.0, n + 1)


def test_quantiles_are_interpolated() -> None:
    assert quantile(ascending(4), 0.5) == 2.5
    assert quantile(ascending(5), 0.75) == 4.0
    assert quantile(ascending(100), 0.99) == pytest.approx(99.01)


@pytest.mark.parametrize(
    ("p", "least"), [(0.5, 2), (0.75, 4), (0.9, 10), (0.95, 20), (0.99, 100), (0.999, 1000)]
)
def test_no_quantile_below_the_number_that_it_needs(p: float, least: int) -> None:
    assert needed(p) == least
    assert quantile(ascending(least - 1), p) is None
    assert quantile(ascending(least), p) is not None
    assert interval(ascending(least - 1), p) == (None, None)


@given(values, st.sampled_from(SHARES))
def test_quantiles_are_those_of_numpy_and_duckdb(drawn: np.ndarray, p: float) -> None:
    found = quantile(drawn, p)
    if found is not None:
        assert found == pytest.approx(np.quantile(drawn, p), rel=1e-12, abs=1e-12)
        sql = "select quantile_cont(x, $p) from (select unnest($values) as x)"
        [(other,)] = duckdb.sql(sql, params={"p": p, "values": drawn.tolist()}).fetchall()
        assert found == pytest.approx(other, rel=1e-12, abs=1e-12)


def test_an_interval_is_two_observed_values() -> None:
    # Of 100 the median lies between the 40th and the 61st: binom(100, 1/2).
    assert interval_ranks(100, 0.5) == (40, 61)
    assert interval(ascending(100), 0.5) == (40.0, 61.0)
    # 100 requests do not bound their p99 from above: it needs 368.
    assert interval(ascending(100), 0.99) == (97.0, None)
    assert interval(ascending(367), 0.99)[1] is None
    assert interval(ascending(368), 0.99)[1] == 368.0


@given(st.integers(1, 2_000_000), st.sampled_from(SHARES))
def test_ranks_are_quantiles_of_the_binomial(n: int, p: float) -> None:
    low, high = interval_ranks(n, p)
    assert low == binom.ppf(0.025, n, p)
    assert high == binom.ppf(0.975, n, p) + 1


def test_the_highest_and_their_share() -> None:
    costs = np.array([1.0] * 90 + [10.0] * 10)
    assert top_share(costs, 0.1) == pytest.approx(100 / 190)
    assert top_share(costs, 0.01) == pytest.approx(10 / 190)
    assert top_share(costs, 0.011) == pytest.approx(20 / 190)  # rounded up to whole requests
    assert top_share(costs, 0.009) is None  # less than one request
    assert top_share(np.zeros(100), 0.1) is None


def test_gini() -> None:
    assert gini(np.ones(50)) == pytest.approx(0.0)
    assert gini(np.array([0.0] * 99 + [1.0])) == pytest.approx(0.99)
    assert gini(np.array([1.0, 3.0])) == pytest.approx(0.25)
    assert gini(np.zeros(3)) is gini(np.array([])) is gini(np.array([-1.0, 2.0])) is None


def test_concentration_is_exact_at_each_point() -> None:
    places, share = concentration(np.array([1.0, 2.0, 3.0, 4.0]), 200)
    assert places.tolist() == [1, 2, 3, 4]
    assert share.tolist() == pytest.approx([0.4, 0.7, 0.9, 1.0])


@given(values)
def test_curves_are_monotone(drawn: np.ndarray) -> None:
    places, share = concentration(drawn, 50)
    if drawn.sum() > 0:
        assert (np.diff(places) > 0).all()
        assert (np.diff(share) >= 0).all()
        assert share[-1] == pytest.approx(1)
        assert (share >= places / len(drawn) - 1e-9).all()  # the highest have at least their part
    shown, above = higher(drawn, 50)
    assert (np.diff(shown) > 0).all()
    assert (np.diff(above) < 0).all()
    assert above.tolist() == [int((drawn > value).sum()) for value in shown]
    assert above[-1] == 0


@given(values)
def test_the_gini_lies_below_one(drawn: np.ndarray) -> None:
    found = gini(drawn)
    assert found is None or 0 <= found < 1


@given(st.integers(1, 2_000_000), st.integers(2, 200))
def test_points_begin_with_one_and_end_with_all(n: int, points: int) -> None:
    found = spaced(n, points)
    assert (found[0], found[-1]) == (1 if n > 1 else n, n)
    assert len(found) <= points
    assert (np.diff(found) > 0).all()


@pytest.mark.parametrize("count", [3, 20])
def test_parts_stay_ascending(count: int) -> None:
    codes = np.array([2, 0, 1, 0, 2, 1], np.uint8)
    split = Split(ascending(6), codes, count)
    assert [split.part(code).tolist() for code in range(3)] == [[2, 4], [3, 6], [1, 5]]
