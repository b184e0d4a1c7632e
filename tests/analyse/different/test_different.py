"""What is different about a selection: planted causes, pairs, the same rows, and saying nothing."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tracelens.analyse.different import Attribute, Condition, Differences, Population, different
from tracelens.analyse.different.different import chance
from tracelens.policy import TailRules

RULES = TailRules()


def asked(
    columns: dict[str, Any],
    selected: list[bool],
    *,
    mechanism: tuple[str, ...] = (),
    sessions: list[str | None] | None = None,
    cost: list[float | None] | None = None,
    rules: TailRules = RULES,
) -> Differences:
    """Asks a frame of these columns; a selected request costs 9, any other 1."""
    paid = cost or [9.0 if each else 1.0 for each in selected]
    frame = pl.DataFrame({"cost": paid, **columns}, strict=False)
    if sessions is not None:
        frame = frame.with_columns(session_id=pl.Series(sessions, dtype=pl.String))
    attributes = [Attribute(name, name, mechanism=name in mechanism) for name in columns]
    return different(Population.of(frame, "cost", attributes), pl.Series(selected), rules)


def told(found: Differences) -> list[tuple[tuple[str, str | None], ...]]:
    return [tuple((c.attribute, c.value) for c in each.conditions) for each in found.findings]


#: 40 of 400 are selected; 30 of these use the large model, and 20 of the others.
TAIL = [True] * 40 + [False] * 360
MODEL = ["large"] * 30 + ["small"] * 10 + ["large"] * 20 + ["small"] * 340


def test_a_value_that_the_tail_has_more_often() -> None:
    found = asked({"model": MODEL, "day": ["mon", "tue"] * 200}, TAIL)
    (only,) = found.findings
    assert (only.attribute, only.value, only.kind) == ("model", "large", "cause")
    assert (only.n, only.n_tail, only.n_sessions) == (50, 30, None)
    assert only.in_tail == 0.75
    assert only.in_rest == pytest.approx(20 / 360)
    assert only.risk_ratio == pytest.approx((30 / 50) / (10 / 350))
    # 30 cost 9 and 20 cost 1; 50 others cost (10 * 9 + 340) / 350 each.
    assert only.excess == pytest.approx(290 - 50 * 430 / 350)
    assert only.q < 1e-9
    assert (found.state, found.tested, found.n, found.n_tail) == ("found", 4, 400, 40)
    assert (found.unknown, found.clustered) == (0, False)


def test_nothing_is_different() -> None:
    found = asked({"day": ["mon", "tue"] * 200}, TAIL)
    assert (found.state, found.findings, found.tested) == ("nothing", (), 2)


def test_one_value_for_all_tells_nothing() -> None:
    found = asked({"service": ["desk"] * 400}, TAIL)
    assert (found.state, found.tested) == ("nothing", 0)


@pytest.mark.parametrize("selected", [0, 29, 371, 400])
def test_too_few_to_say(selected: int) -> None:
    """Of a selection, and of the others that it is held against."""
    found = asked({"model": MODEL}, [at < selected for at in range(400)])
    assert (found.state, found.findings, found.n_tail) == ("too_few", (), selected)


def test_no_value_is_frequent_enough() -> None:
    found = asked({"user": [f"u{at // 4}" for at in range(400)]}, TAIL)
    assert (found.state, found.tested) == ("too_few", 0)


def test_floors_are_policy() -> None:
    columns = {"model": MODEL}
    assert asked(columns, TAIL, rules=TailRules(rows=51)).state == "nothing"
    for rules in (TailRules(hits=31), TailRules(support=0.76), TailRules(risk_ratio=21.1)):
        assert told(asked(columns, TAIL, rules=rules)) == []
    for rules in (TailRules(hits=30), TailRules(support=0.75), TailRules(risk_ratio=20.9)):
        assert told(asked(columns, TAIL, rules=rules)) == [(("model", "large"),)]
    assert asked(columns, TAIL, rules=TailRules(q=1e-40)).state == "nothing"


def test_a_value_that_only_the_tail_has() -> None:
    """No ratio can be told then, and none has to be."""
    found = asked({"model": ["large"] * 40 + ["small"] * 360}, TAIL)
    assert [each.risk_ratio for each in found.findings] == [None]


def test_what_is_not_recorded_is_a_value_only_where_that_tells() -> None:
    column = [None] * 30 + ["known"] * 370
    assert told(asked({"user": column}, TAIL)) == [(("user", None),)]
    frame = pl.DataFrame({"cost": [9.0] * 40 + [1.0] * 360, "user": column})
    silent = Attribute("user", "user", missing=False)
    assert told(different(Population.of(frame, "cost", [silent]), pl.Series(TAIL), RULES)) == []


def test_two_values_together_are_told_as_a_pair() -> None:
    """Voice or images alone are as cheap as anything; with one another they are not."""
    voice = [True] * 36 + [False] * 4 + [True] * 4 + [True] * 56 + [False] * 300
    image = [True] * 36 + [False] * 4 + [True] * 4 + [False] * 56 + [True] * 60 + [False] * 240
    found = asked({"voice": voice, "image": image}, TAIL)
    (only,) = found.findings
    assert sorted(*told(found)) == [("image", "true"), ("voice", "true")]
    assert (only.n, only.n_tail) == (40, 36)
    assert {each.attribute for each in only.parts} == {"voice", "image"}
    # Two values of each, and the pairs of those that differ by themselves.
    assert found.tested > 4


def test_a_half_that_tells_by_itself_stays() -> None:
    """Images make some requests large by themselves, voice does not: selected and all of each."""
    groups = [(True, True, 45, 50), (False, True, 25, 300), (True, False, 5, 150)]
    rows = [
        (voice, image, at < selected)
        for voice, image, selected, n in [*groups, (False, False, 25, 1500)]
        for at in range(n)
    ]
    voice, image, tail = (list(column) for column in zip(*rows, strict=True))
    found = asked({"voice": voice, "image": image}, tail)
    assert told(found) == [(("image", "true"),), (("image", "true"), ("voice", "true"))]
    assert found.findings[1].parts == (Condition("voice", "voice", "true"),)


def test_values_of_the_same_requests_are_one_finding() -> None:
    region = ["eu"] * 50 + ["us"] * 350
    model = ["large"] * 49 + ["small"] * 351
    tail = [True] * 40 + [False] * 360
    (only,) = asked({"region": region, "model": model, "size": region}, tail).findings
    others = {(c.attribute, c.value) for same in only.same_rows for c in same}
    assert {("model", "large"), ("size", "eu"), ("region", "eu")} == others | {
        (only.attribute, only.value)
    }


def test_what_makes_the_metric_is_mechanism_and_comes_last() -> None:
    tokens = [900] * 40 + [10] * 360
    found = asked({"tokens": tokens, "model": MODEL}, TAIL, mechanism=("tokens",))
    kinds = [(each.attribute, each.kind) for each in found.findings]
    assert kinds == [("model", "cause"), ("tokens", "mechanism")]


def test_mechanism_makes_no_room_for_causes() -> None:
    """The causes have the same rates whether much or nothing else differs."""
    many = {f"tokens{at}": [900] * 40 + [10] * 360 for at in range(50)}
    alone = asked({"model": MODEL}, TAIL)
    among = asked({"model": MODEL, **many}, TAIL, mechanism=tuple(many))
    assert among.findings[0].q == alone.findings[0].q


def test_one_long_session_is_one_case() -> None:
    """Forty costly requests of one conversation say nothing of its model."""
    sessions = ["long"] * 50 + [f"s{at}" for at in range(350)]
    model = ["large"] * 50 + ["small"] * 350
    assert asked({"model": model}, TAIL).state == "found"
    found = asked({"model": model}, TAIL, sessions=sessions)
    assert (found.state, found.clustered) == ("nothing", True)


def test_many_sessions_are_many_cases() -> None:
    """Shares stay those of requests."""
    sessions = [f"s{at // 2}" for at in range(400)]
    (only,) = asked({"model": MODEL}, TAIL, sessions=sessions).findings
    assert (only.n, only.n_tail, only.n_sessions, only.in_tail) == (50, 30, 15, 0.75)


def test_requests_without_a_session_are_sessions_of_their_own() -> None:
    alone = asked({"model": MODEL}, TAIL, sessions=[None] * 400)
    assert not alone.clustered
    assert alone.findings == asked({"model": MODEL}, TAIL).findings


def test_requests_without_the_metric_are_left_out() -> None:
    cost = [9.0] * 40 + [1.0] * 360 + [None, math.nan, math.inf] * 10
    found = asked({"model": MODEL + ["large"] * 30}, TAIL + [True] * 30, cost=cost)
    assert (found.unknown, found.n, found.n_tail) == (30, 400, 40)
    assert found.findings == asked({"model": MODEL}, TAIL).findings


def test_a_sum_beyond_all_numbers_is_no_excess() -> None:
    cost = [1e308] * 40 + [1.0] * 360
    (only,) = asked({"model": MODEL}, TAIL, cost=cost).findings
    assert only.excess is None


def test_numbers_are_put_in_bins() -> None:
    seconds = [130.0 + at for at in range(40)] + [1 + at / 10 for at in range(360)]
    frame = pl.DataFrame({"cost": [9.0] * 40 + [1.0] * 360, "seconds": seconds})
    length = Attribute("audio length", "seconds", "s")
    found = different(Population.of(frame, "cost", [length]), pl.Series(TAIL), RULES)
    assert told(found) == [(("audio length", "≥ 120 s"),)]
    assert [(c.low, c.high) for c in found.findings[0].conditions] == [(120.0, None)]


@pytest.mark.parametrize("name", ["nothing", "text", "list"])
def test_a_metric_has_to_be_a_number(name: str) -> None:
    frame = pl.DataFrame({"text": ["a"], "list": [[1]]})
    with pytest.raises(ValueError, match=name):
        Population.of(frame, name, [])


def test_a_selection_is_of_the_frame() -> None:
    population = Population.of(pl.DataFrame({"cost": [1.0, 2.0]}), "cost", [])
    with pytest.raises(ValueError, match="3 rows"):
        different(population, pl.Series([True, False, False]), RULES)


def test_no_requests_at_all() -> None:
    frame = pl.DataFrame(schema={"cost": pl.Float64, "model": pl.String, "size": pl.Float64})
    attributes = [Attribute("model", "model"), Attribute("size", "size")]
    population = Population.of(frame, "cost", attributes)
    found = different(population, pl.Series([], dtype=pl.Boolean), RULES)
    assert (found.state, found.n) == ("too_few", 0)


def test_columns_that_are_no_values_are_not_asked() -> None:
    frame = pl.DataFrame({"cost": [1.0, 2.0], "kinds": [["a"], ["b"]]})
    attributes = [Attribute("kinds", "kinds"), Attribute("absent", "absent")]
    assert Population.of(frame, "cost", attributes).attributes == ()


HOSTILE = ["", "\x00", "'; drop table", "<b>", "null", "not recorded", "é" * 500]


def test_any_text_is_a_value() -> None:
    column = [HOSTILE[at % len(HOSTILE)] for at in range(360)]
    for value in HOSTILE:
        found = asked({"name": [value] * 40 + column}, TAIL)
        assert told(found) == [(("name", value),)]


def test_categories_are_text() -> None:
    frame = pl.DataFrame({"cost": [9.0] * 40 + [1.0] * 360, "model": MODEL})
    attributes = [Attribute("model", "model")]
    text = different(Population.of(frame, "cost", attributes), pl.Series(TAIL), RULES)
    for dtype in (pl.Categorical(), pl.Enum(["unused", "large", "small"])):
        coded = Population.of(frame.cast({"model": dtype}), "cost", attributes)
        assert different(coded, pl.Series(TAIL), RULES) == text


def test_a_condition_of_a_number_has_bounds() -> None:
    frame = pl.DataFrame({"cost": [9.0] * 40 + [1.0] * 360, "images": [3] * 40 + [1] * 360})
    population = Population.of(frame, "cost", [Attribute("images", "images")])
    (only,) = different(population, pl.Series(TAIL), RULES).findings
    assert only.conditions == (Condition("images", "images", "3", 3.0, 3.0),)


@settings(max_examples=200, deadline=None)
@given(st.integers(1, 400), st.data())
def test_the_chance_is_fishers(size: int, data: st.DataObject) -> None:
    """Counted out: the ways to draw as many hits or more, of all ways to draw."""
    selected, n = data.draw(st.integers(0, size)), data.draw(st.integers(0, size))
    hits = data.draw(st.integers(0, min(selected, n)))
    ways = sum(
        math.comb(selected, k) * math.comb(size - selected, n - k)
        for k in range(hits, min(selected, n) + 1)
    )
    expected = ways / math.comb(size, n)
    assert float(chance(hits, size, selected, n)) == pytest.approx(expected, rel=1e-7, abs=1e-300)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_order_and_names_of_values_do_not_matter(seed: int) -> None:
    rng = np.random.default_rng(seed)
    cost = rng.lognormal(0, 1.5, 1_000)
    model = rng.choice(["a", "b", "c"], 1_000, p=[0.1, 0.3, 0.6])
    cost[model == "a"] *= 5
    frame = pl.DataFrame(
        {
            "cost": cost,
            "model": model,
            "size": rng.lognormal(2, 1, 1_000) * np.where(model == "a", 3, 1),
            "session_id": rng.choice([f"s{at}" for at in range(400)], 1_000),
        }
    )
    attributes = [Attribute("model", "model"), Attribute("size", "size", mechanism=True)]

    def ask(rows: pl.DataFrame) -> Differences:
        tail = rows["cost"] > np.quantile(cost, 0.9)
        return different(Population.of(rows, "cost", attributes), tail, RULES)

    def facts(found: Differences) -> list[tuple[Any, ...]]:
        return [
            (each.attribute, each.n, each.n_tail, pytest.approx(each.q, rel=1e-9))
            for each in found.findings
        ]

    first = ask(frame)
    assert facts(ask(frame.sample(fraction=1, shuffle=True, seed=seed % 1_000))) == facts(first)
    renamed = frame.with_columns(pl.col("model").replace_strict({"a": "z", "b": "y", "c": "x"}))
    assert facts(ask(renamed)) == facts(first)


def test_more_tests_need_more_evidence() -> None:
    """What would be told alone is chance among fifty others."""
    model = ["large"] * 13 + ["small"] * 27 + ["large"] * 47 + ["small"] * 313
    rng = np.random.default_rng(1)
    others = {f"other{at}": rng.permutation(["a", "b"] * 200).tolist() for at in range(50)}
    assert told(asked({"model": model}, TAIL)) == [(("model", "large"),)]
    assert told(asked({"model": model, **others}, TAIL)) == []


def test_a_pair_that_tells_little_more_than_a_half_is_none() -> None:
    """Images are selected 29 times as often as others, those with voice 32 times."""
    groups = [(True, True, 45, 50), (False, True, 25, 100), (True, False, 8, 150)]
    rows = [
        (voice, image, at < selected)
        for voice, image, selected, n in [*groups, (False, False, 22, 1700)]
        for at in range(n)
    ]
    voice, image, tail = (list(column) for column in zip(*rows, strict=True))
    columns = {"voice": voice, "image": image}
    assert told(asked(columns, tail)) == [(("image", "true"),), (("voice", "true"),)]
    assert max(map(len, told(asked(columns, tail, rules=TailRules(pair_gain=1.1))))) == 2


def test_four_sessions_are_too_few() -> None:
    """However surely they differ: it may be one customer."""
    sessions = [f"s{at // 10}" for at in range(40)] + [f"t{at}" for at in range(360)]
    model = ["large"] * 40 + ["small"] * 360
    assert asked({"model": model}, TAIL, sessions=sessions).state == "nothing"
    found = asked({"model": model}, TAIL, sessions=sessions, rules=TailRules(hits=4))
    assert [each.n_sessions for each in found.findings] == [4]


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_values_and_sessions_are_counted_as_one_by_one(data: st.DataObject) -> None:
    """Of some rows of a frame: the requests with a value, and the shares of their sessions."""
    rows = data.draw(st.integers(1, 60))

    def column(values: st.SearchStrategy[Any]) -> list[Any]:
        return data.draw(st.lists(st.none() | values, min_size=rows, max_size=rows))

    columns = {
        "cost": column(st.floats(0, 9)),
        "text": column(st.sampled_from("abc")),
        "kind": column(st.sampled_from("xyz")),
        "flag": column(st.booleans()),
        "size": column(st.integers(0, 3)),
        "session_id": column(st.sampled_from(["s1", "s2", "s3"])),
    }
    types = {"cost": pl.Float64, "kind": pl.Categorical, "flag": pl.Boolean, "size": pl.Int64}
    texts = {"text": pl.String, "session_id": pl.String}
    frame = pl.DataFrame(columns, schema={name: {**types, **texts}[name] for name in columns})
    counted = np.array(data.draw(st.lists(st.booleans(), min_size=rows, max_size=rows)))
    names = ("text", "kind", "flag", "size")
    asked = [Attribute(name, name) for name in names]
    population = Population.of(frame, "cost", asked, counted=counted)

    kept = frame.with_row_index().filter(pl.Series(counted) & pl.col("cost").is_not_null())
    alone = pl.concat_str(pl.lit("alone "), pl.col("index"))
    kept = kept.with_columns(pl.col("session_id").fill_null(alone))
    kept = kept.with_columns(share=1 / pl.len().over("session_id"))
    assert population.size == kept.height
    for coded in population.attributes:
        for code, (n, units) in enumerate(zip(coded.counts, coded.units, strict=True)):
            value = coded.value(code).value
            own = kept.filter(_said(coded.attribute.name).eq_missing(pl.lit(value)))
            assert n == own.height == np.count_nonzero(coded.rows(code))
            assert units == pytest.approx(own["share"].sum() if own.height else 0.0)


def _said(name: str) -> pl.Expr:
    """A column as findings say it."""
    return pl.col(name).cast(pl.String)


@pytest.mark.parametrize("values", [3, 2_000])
def test_sessions_of_many_sizes_are_counted(values: int) -> None:
    sizes = range(1, 301)  # more than a byte can tell apart
    session = np.repeat(np.arange(len(sizes)), sizes)
    text = [f"v{at % values}" for at in range(len(session))]
    frame = pl.DataFrame({"cost": 1.0, "text": text, "session_id": session.astype(str)})
    (coded,) = Population.of(frame, "cost", [Attribute("text", "text")]).attributes
    shares = frame.with_columns(share=1 / pl.len().over("session_id"))
    wanted = dict(shares.group_by("text").agg(pl.col("share").sum()).iter_rows())
    told = {coded.value(code).value: units for code, units in enumerate(coded.units[:-1])}
    assert told == pytest.approx(wanted)
    assert coded.counts.sum() == frame.height
