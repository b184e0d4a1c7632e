"""The benchmark of tail explanations plants what it says, and counts what it is told."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks import explain_tail as bench
from tracelens.analyse.different import Condition
from tracelens.policy import TailRules


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(3)


def test_a_tail_is_its_share(rng: np.random.Generator) -> None:
    cost = rng.random(1_000)
    tail = bench.top(cost, 0.01)
    assert tail.sum() == 10
    assert cost[tail].min() > cost[~tail].max()


def test_sessions_make_costs_alike(rng: np.random.Generator) -> None:
    data = bench.in_sessions(rng, 20_000, 0.01)
    logs = np.log(data.frame["cost"].to_numpy())
    same = data.frame["session_id"][1:] == data.frame["session_id"][:-1]
    pairs = np.flatnonzero(same.to_numpy())
    assert np.corrcoef(logs[pairs], logs[pairs + 1])[0, 1] == pytest.approx(0.5, abs=0.05)


def test_a_pair_costs_nothing_by_halves(rng: np.random.Generator) -> None:
    data = bench.with_pair(bench.alone(rng, 50_000, 0.01), rng, 0.01)
    cost, one, two = (data.frame[name].to_numpy() for name in ("cost", "cause", "other"))
    plain = np.median(cost[~one & ~two])
    assert np.median(cost[one & ~two]) == pytest.approx(plain, rel=0.1)
    assert np.median(cost[one & two]) == pytest.approx(8 * plain, rel=0.2)


def test_what_was_planted_is_all_of_it(rng: np.random.Generator) -> None:
    data = bench.with_pair(bench.alone(rng, 100, 0.1), rng, 0.01)
    one, two = Condition("cause", "cause", "true"), Condition("other", "other", "true")
    assert bench.is_cause((two, one), data)
    assert not bench.is_cause((one,), data)
    assert not bench.is_cause((one, Condition("other", "other", "false")), data)


def test_causes_are_counted(rng: np.random.Generator) -> None:
    def make() -> bench.Data:
        return bench.with_decoy(bench.alone(rng, 5_000, 0.01), rng, 0.05)

    count = bench.count_planted("decoy", make, 3, 5_000, TailRules())
    assert (count.runs, count.first, count.same_rows) == (3, 3, 3)


def test_false_findings_are_counted(rng: np.random.Generator) -> None:
    """With floors and a correction that let everything pass."""
    loose = TailRules(q=1.0, risk_ratio=1.1, hits=1, support=0.0)
    found = bench.count_null(bench.alone, rng, 3, 3_000, loose)
    assert found.sets == 3
    assert found.findings >= found.sets_with > 0
    assert found.bound() > found.findings / 3


def test_bounds_of_rates() -> None:
    """Three over n where nothing was found."""
    nothing = bench.Null(sets=2_000)
    assert nothing.bound() == pytest.approx(3 / 2_000, rel=0.01)
    assert nothing.bound_of_sets() == pytest.approx(3 / 2_000, rel=0.01)
