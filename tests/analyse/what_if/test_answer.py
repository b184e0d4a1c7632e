"""The answer as a whole: by modality, the requests that are listed, and a store's requests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tests.analyse.what_if.made_up import baseline
from tests.traces import ALL_SAMPLES, load
from tracelens.analyse.what_if import Bounds, Rules
from tracelens.analyse.what_if.answer import what_if
from tracelens.analyse.what_if.baseline import GROUPS
from tracelens.api import Filters
from tracelens.policy import Budget, Cap


def spoken(characters: float, usd: float | None) -> dict[str, Any]:
    """An answer that was spoken, and nothing else cost anything."""
    return {"sizes.characters": characters, "cost_by_content.audio_out": usd, "cost_usd": usd}


def test_by_modality() -> None:
    rows = [
        {"inputs": "audio", **spoken(100.0, 1.0)},
        {"inputs": "audio", **spoken(10.0, 0.1)},
        {"inputs": "audio", **spoken(100.0, None)},
        {"inputs": "text", **spoken(200.0, 2.0)},
        {"inputs": "none", **spoken(10.0, 0.5)},
    ]
    answer = what_if(baseline(rows), Rules(caps=(Cap("characters", 50, "truncate"),)))
    found = [
        (each.by, each.n, each.touched, each.cost.before, each.cost.after.low)
        for each in answer.groups
    ]
    assert found == [
        ("audio", 3, 2, pytest.approx(1.1), pytest.approx(0.6)),
        ("none", 1, 0, 0.5, 0.5),
        ("text", 1, 1, 2.0, 0.5),
    ]
    assert sum(each.cost.after.high or 0 for each in answer.groups) == pytest.approx(
        answer.cost.after.high
    )
    assert answer.notes == ["the cost of 1 of 5 requests is not known and in no sum"]


def test_what_comes_in_is_text_from_outside() -> None:
    """A hostile store cannot make as many groups as it has requests."""
    rows = [{"inputs": f"kind{i}", "cost_usd": 1.0} for i in range(3 * GROUPS)]
    answer = what_if(baseline([*rows, *rows[:GROUPS]]), Rules())
    assert len(answer.groups) == GROUPS + 1
    (others,) = (each for each in answer.groups if each.by == "others")
    assert (others.n, others.cost.before) == (2 * GROUPS, 2.0 * GROUPS)


def test_the_largest_changes_are_listed_first() -> None:
    sizes = {"a": 100.0, "b": 400.0, "c": 200.0, "d": 10.0}
    rows = [{"request_id": name, **spoken(size, 1.0)} for name, size in sizes.items()]
    answer = what_if(baseline(rows), Rules(caps=(Cap("characters", 50, "truncate"),)), limit=2)
    assert answer.requests["request_id"].to_list() == ["b", "c"]
    assert answer.requests["rules"].to_list() == [[0], [0]]
    assert answer.touched == 3


def test_nothing_at_all() -> None:
    answer = what_if(
        baseline(pl.DataFrame(schema={"inputs": pl.String})),
        Rules(caps=(Cap("characters", 50, "truncate"),), budgets=(Budget("reasoning", 1),)),
    )
    assert (answer.n, answer.touched, answer.share, answer.groups) == (0, 0, None, [])
    assert answer.cost.before is None


def test_requests_of_a_store(tmp_path: Path) -> None:
    with load(tmp_path / "store", *ALL_SAMPLES) as lens:
        rules = Rules(caps=(Cap("audio_seconds", 1, "reject"),), budgets=(Budget("reasoning", 1),))
        everything = lens.what_if(rules)
        rows = lens.requests(Filters(limit=0))
        assert everything.n == rows.height
        judged = rows["failed"].drop_nulls()
        today = (everything.failed_today, everything.failed_rest)
        assert sum(each.n for each in today) == len(judged)
        assert sum(each.k for each in today) == judged.sum()
        assert sum(each.n for each in everything.groups) == rows.height
        (median, *_) = everything.latency.quantiles
        assert median.before == pytest.approx(rows["duration_ms"].median())
        some = lens.what_if(rules, Filters(modality="image"))
        assert some.n == lens.requests(Filters(limit=0, modality="image")).height > 0
        assert {each.by for each in some.groups} == {"image+text"}
        assert lens.what_if(rules).n == everything.n
        assert lens.what_if(rules, Filters(service="nobody")).n == 0


def test_no_rules_change_nothing() -> None:
    answer = what_if(baseline(pl.DataFrame({"inputs": ["text"], "cost_usd": [2.0]})), Rules())
    assert (answer.touched, answer.cost.after) == (0, Bounds(2.0, 2.0))
