"""Tails of small stores: the figures of a few requests in view, and laws over made-up ones."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from benchmarks.made_requests import fill
from tests.store.frames import load, new_store, number, request, requests, span, spans
from tracelens.analyse import Filters
from tracelens.analyse.tails.choose import Question
from tracelens.analyse.tails.percentiles import percentiles
from tracelens.analyse.tails.tail import tail
from tracelens.analyse.tails.values import CONTRIBUTIONS, EXEMPLARS, PAYERS, TREND, Tail
from tracelens.errors import UsageError
from tracelens.store import Store


def costs(transcription: float | None, reasoning: float | None) -> dict[str, Any]:
    """A cost and its stages."""
    stages = {"transcription": transcription, "reasoning": reasoning}
    total = (transcription or 0) + (reasoning or 0)
    return {"cost_usd": total, "cost_by_stage": stages | {"synthesis": None, "tool": None}}


#: Names, and what sets each apart; they start at 1, 2, … s.
ROWS: dict[str, dict[str, Any]] = {
    "a": {**costs(1.0, 1.0), "input_modalities": ["audio"], "user_id": "ann", "duration_ms": 10.0},
    "b": {**costs(1.0, 5.0), "input_modalities": ["audio", "image"], "user_id": "bob"},
    "c": {**costs(None, 2.0), "input_modalities": ["text"], "user_id": "ann", "duration_ms": 30.0},
    "d": {"input_modalities": ["audio"], "cost_unpriced_spans": 3},
    "e": {
        **costs(None, 6.0),
        "input_modalities": ["text"],
        "cost_is_lower_bound": True,
        "cost_unpriced_spans": 1,
        "service": "desk",
        "breaches": [{"metric": "cost", "stage": None, "value": 6.0, "limit": 5.0}],
    },
}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    store = new_store(tmp_path_factory.mktemp("tail"))
    batch = spans(*(span(name, at=at) for at, name in enumerate(ROWS, 1)))
    judged = [request(name, at=at, **ROWS[name]) for at, name in enumerate(ROWS, 1)]
    load(store, batch, requests(*judged))
    yield store
    store.close()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """Two thousand made-up requests."""
    store = new_store(tmp_path_factory.mktemp("made"))
    fill(store, 2_000, 3)
    yield store
    store.close()


def ask(store: Store, **question: Any) -> Tail:
    return tail(store, Question(**question))


def name_of(request_id: str) -> str:
    return next(name for name in ROWS if number(name + "root", 32) == request_id)


def test_totals_and_the_tail(store: Store) -> None:
    found = ask(store, top=0.5)
    assert (found.metric, found.unit, found.n, found.n_unknown) == ("cost", "USD", 4, 1)
    assert (found.n_lower_bound, found.unpriced_spans) == (1, 4)
    assert found.all.total == 16.0
    assert (found.cut.n, found.cut.from_value, found.cut.total, found.cut.share) == (2, 6, 12, 0.75)
    assert found.all.quantiles["p50"] == 4.0
    assert found.all.quantiles["p99"] is None
    assert found.all.over_budget == 1
    assert found.figures["latency"].n == 2
    assert found.figures["latency"].total == 40.0
    assert found.figures["ttfa"].total is None
    assert (found.first, found.last) == (10**9, 5 * 10**9)


def test_groups(store: Store) -> None:
    groups = {group.by: group for group in ask(store, top=0.5).groups}
    assert list(groups) == ["text", "audio+image", "audio"]  # the largest total first
    text, audio = groups["text"], groups["audio"]
    assert (text.n, text.total, text.share, text.traffic) == (2, 8.0, 0.5, 0.5)
    assert (text.in_tail, text.tail_share, text.over_budget) == (1, 0.5, 1)
    assert (audio.n, audio.n_unknown, audio.unpriced_spans, audio.in_tail) == (1, 1, 3, 0)


@pytest.mark.parametrize(
    ("by", "expected"),
    [
        ("none", {"all": 16.0}),
        ("user", {"bob": 6.0, None: 6.0, "ann": 4.0}),
        ("service", {None: 10.0, "desk": 6.0}),
        ("model", {None: 16.0}),
        ("stage", {"reasoning": 14.0, "transcription": 2.0}),
        ("content", {}),
    ],
)
def test_groupings(store: Store, by: str, expected: dict[str | None, float]) -> None:
    assert {group.by: group.total for group in ask(store, by=by).groups} == expected


def test_of_equal_costs_the_smallest_ids_are_the_tail(store: Store) -> None:
    first, second = sorted(["b", "e"], key=lambda name: number(name + "root", 32))
    found = ask(store, top=0.25)
    assert [name_of(each) for each in found.exemplars["request_id"]] == [first]
    found = ask(store, top=0.5)
    assert [name_of(each) for each in found.exemplars["request_id"]] == [first, second]


def test_contributions(store: Store) -> None:
    rows = ask(store, top=0.5).contributions.filter(by="stage").to_dicts()
    assert [(row["value"], row["tail"], row["rest"]) for row in rows] == [
        ("reasoning", 11.0, 3.0),
        ("transcription", 1.0, 1.0),
    ]
    assert [row["tail_share"] for row in rows] == pytest.approx([11 / 12, 1 / 12])
    assert [row["rest_share"] for row in rows] == pytest.approx([0.75, 0.25])
    # Nobody split it by content: it is all unknown, not 0 of anything.
    rows = ask(store, top=0.5).contributions.filter(by="content").to_dicts()
    assert [(row["value"], row["tail_share"]) for row in rows] == [("unknown", 1.0)]


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"inputs": "text"}, "ce"),
        ({"modality": "audio"}, "abd"),
        ({"modality": "image"}, "b"),
        ({"service": "desk"}, "e"),
        ({"service": "nobody"}, ""),
        ({"where": "duration_ms > 20"}, "c"),
        ({"request_ids": (number("aroot", 32),)}, "a"),
        ({"since": datetime(1970, 1, 1, 0, 0, 3, tzinfo=UTC)}, "cde"),
        ({"until": datetime(1970, 1, 1, 0, 0, 3, tzinfo=UTC)}, "ab"),
        ({"failed": True}, ""),
    ],
)
def test_filters(store: Store, filters: dict[str, Any], expected: str) -> None:
    found = ask(store, top=0.5, filters=Filters(**filters))
    assert found.n + found.n_unknown == len(expected)
    names = [name for name in expected if "cost_usd" in ROWS[name]]
    assert found.all.total == (sum(ROWS[name]["cost_usd"] for name in names) if names else None)


def test_bounds_without_a_time_zone_are_of_the_one_asked_for(store: Store) -> None:
    late = Filters(since=datetime(1970, 1, 1, 1, 0, 4))
    assert ask(store, filters=late, timezone="Europe/Berlin").all.total == 6.0
    assert ask(store, filters=late).n == 0


def test_a_period_and_the_one_before(store: Store) -> None:
    since = datetime(1970, 1, 1, 0, 0, 4, tzinfo=UTC)
    until = datetime(1970, 1, 1, 0, 0, 6, tzinfo=UTC)
    found = ask(store, filters=Filters(since=since, until=until))
    assert found.before is not None
    assert (found.figures["cost"].total, found.before["cost"].total) == (6.0, 8.0)  # e; b and c
    assert found.change == {
        "n": -0.5,
        "total": -0.25,
        "median": None,
        "p99": None,
        "top_share": None,
    }
    assert ask(store).before is None


def test_the_trend_by_stage_counts_what_passes(store: Store) -> None:
    found = ask(store, filters=Filters(inputs="text"))
    assert dict(found.trend_by_stage.group_by("stage").agg(pl.col("total").sum()).iter_rows()) == {
        "transcription": 0.0,
        "reasoning": 8.0,
    }


def test_the_highest_of_equal_ones_has_the_smallest_id(store: Store) -> None:
    [row] = ask(store).heat.highest.to_dicts()
    assert row["request_id"] == min(number(f"{name}root", 32) for name in "be")
    assert row["value"] == 6.0


def test_requests_without_a_start_are_in_no_period(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    rows = [request("a", cost_usd=1.0), request("b", cost_usd=2.0, start_unix_nano=None)]
    load(store, spans(span("a"), span("b")), requests(*rows))
    assert ask(store).all.total == 3.0
    late = datetime(2030, 1, 1, tzinfo=UTC)
    assert ask(store, filters=Filters(until=late)).all.total == 1.0
    assert ask(store).trend["total"].sum() == 1.0
    store.close()


def test_an_empty_store(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    for metric in ("cost", "latency", "ttfa"):
        found = ask(store, metric=metric, period="7d")
        assert (found.n, found.n_unknown, found.cut.n, found.groups) == (0, 0, 0, ())
        assert found.exemplars.schema == EXEMPLARS
        assert found.all.total is None
    store.close()


@pytest.mark.parametrize(
    ("question", "hint"),
    [
        ({"metric": "costs"}, "did you mean 'cost'?"),
        ({"by": "modalty"}, "did you mean 'modality'?"),
        ({"period": "1y"}, "there are all, 30d, 7d, 24h"),
        ({"top": 0.0}, "a share above 0"),
        ({"top": 0.6}, "at most 0.5"),
        ({"top": float("nan")}, "a share above 0"),
        ({"metric": "latency", "by": "content"}, "latency is not split by content"),
        ({"timezone": "Nowhere"}, "no time zone 'Nowhere'"),
    ],
)
def test_what_cannot_be_asked(question: dict[str, Any], hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        Question(**question)
    assert hint in str(caught.value)


@pytest.mark.parametrize("metric", ["cost", "latency", "ttfa"])
@pytest.mark.parametrize("period", ["all", "7d"])
def test_figures_agree_with_one_another_and_with_sql(made: Store, metric: str, period: str) -> None:
    found = ask(made, metric=metric, period=period, top=0.05)
    column = {"cost": "cost_usd", "latency": "duration_ms", "ttfa": "ttfa_ms"}[metric]
    sql = f"""
    with chosen as (
        select {column} as x, row_number() over (order by {column} desc) as place
        from requests where {column} is not null
        and ($begin is null or start_unix_nano >= $begin)
    ), counted as (select count(*) as n from chosen)
    select n, sum(x), quantile_cont(x, 0.5), quantile_cont(x, 0.99),
        sum(x) filter (place <= ceil(0.05 * n)) / sum(x)
    from chosen, counted group by n
    """
    n, total, median, p99, top = made.query(sql, {"begin": found.begin}).row(0)
    mine = found.figures[metric]
    assert mine.n == found.n == n
    got = (mine.total, mine.median, mine.p99, mine.top_share)
    assert got == pytest.approx((total, median, p99, top))
    assert found.all.total == mine.total
    assert found.cut.share == mine.top_share
    shares = found.contributions.group_by("by").agg(pl.col("tail_share", "rest_share").sum())
    assert shares.select("tail_share", "rest_share").to_numpy() == pytest.approx(1)
    for by in found.contributions["by"].unique():
        sides = found.contributions.filter(by=by)
        assert sides["tail"].sum() == pytest.approx(found.cut.total)
        assert sides["rest"].sum() == pytest.approx(found.all.total - found.cut.total)
    for by in ("modality", "service"):
        groups = ask(made, metric=metric, period=period, by=by, top=0.05).groups
        assert sum(group.n for group in groups) == n
        assert sum(group.total or 0 for group in groups) == pytest.approx(total)
        assert sum(group.share or 0 for group in groups) == pytest.approx(1)
        assert sum(group.in_tail for group in groups) == found.cut.n
        assert sum(group.tail_share or 0 for group in groups) == pytest.approx(1)
    assert found.trend["n"].sum() == found.heat.cells["n"].sum() == n
    assert found.trend["total"].sum() == pytest.approx(total)
    assert found.trend["in_tail"].sum() == found.cut.n
    if metric != "ttfa":
        assert found.trend_by_stage["total"].sum() == pytest.approx(total)
    assert found.heat.highest["value"].max() == found.exemplars["value"][0]
    assert found.exemplars["value"].is_sorted(descending=True)


def test_groups_by_sql(made: Store) -> None:
    sql = """
    select service, count(cost_usd), sum(cost_usd), quantile_cont(cost_usd, 0.9),
        count(*) filter (cost_usd is null), sum(cost_unpriced_spans),
        count(*) filter (cost_is_lower_bound),
        count(*) filter (list_contains(list_transform(breaches, lambda b: b.metric), 'cost'))
    from requests group by all
    """
    expected = {row[0]: row[1:] for row in made.query(sql).iter_rows()}
    for group in ask(made, by="service").groups:
        found = (group.n, group.total, group.quantiles["p90"], group.n_unknown)
        counts = (group.unpriced_spans, group.n_lower_bound, group.over_budget)
        assert (*found, *counts) == pytest.approx(expected[str(group.by)])


def test_what_is_kept_changes_nothing(made: Store) -> None:
    """Orders are kept between questions: a second one, and one of a new process, say the same."""
    first, again = ask(made, period="7d"), ask(made, period="7d")
    other = Store.open(made.path)
    fresh = ask(other, period="7d")
    other.close()
    for found in (again, fresh):
        assert found.all == first.all
        assert found.groups == first.groups
        for name in ("contributions", "trend", "payers", "exemplars", "concentration", "higher"):
            assert getattr(found, name).equals(getattr(first, name)), name


def test_frames_have_their_schemas(made: Store) -> None:
    found = ask(made)
    assert found.contributions.schema == CONTRIBUTIONS
    assert found.trend.schema == TREND
    assert found.payers.schema == PAYERS
    assert found.exemplars.schema == EXEMPLARS
    sizes = found.concentration.group_by("series").len()["len"]
    assert sizes.max() <= 200
    assert found.higher.group_by("series").len()["len"].max() <= 100
    assert len(found.heat.times) <= 41
    assert len(found.heat.values) == 25


def test_the_percentiles_of_a_request(store: Store) -> None:
    found = {each.metric: each for each in percentiles(store, number("aroot", 32))}
    assert (found["cost"].inputs, found["cost"].n, found["cost"].lower) == ("audio", 1, 0.0)
    assert found["latency"].value == 10.0
    [cost] = percentiles(store, number("eroot", 32))
    assert (cost.metric, cost.n, cost.lower) == ("cost", 2, 0.5)
    assert percentiles(store, "0" * 32) == ()
    assert percentiles(store, number("droot", 32)) == ()
