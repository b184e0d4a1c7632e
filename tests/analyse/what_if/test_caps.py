"""Caps: what they save, of whom, and what they cannot tell."""

from __future__ import annotations

from math import inf
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.analyse.what_if.made_up import baseline, priced
from tracelens.analyse.what_if import Bounds, Rules, WhatIf
from tracelens.analyse.what_if.answer import what_if
from tracelens.policy import Cap

USED = ("audio_seconds", "text_tokens", "image_tokens", "output_tokens", "characters")
usages = st.lists(
    st.tuples(*(st.integers(0, 5000).map(float) for _ in USED)), min_size=1, max_size=30
).map(lambda rows: pl.DataFrame(rows, schema=dict.fromkeys(USED, pl.Float64), orient="row"))


def capped(frame: pl.DataFrame | list[dict[str, Any]], *caps: Cap) -> WhatIf:
    return what_if(baseline(frame), Rules(caps=caps))


def total(usage: pl.DataFrame) -> float:
    return float(priced(usage)["cost_usd"].sum())


@given(usage=usages, limit=st.floats(0, 5000))
@settings(deadline=None)
def test_as_if_the_audio_had_been_shorter(usage: pl.DataFrame, limit: float) -> None:
    """The bounds are: the same text as today, or text that is shorter in proportion."""
    usage = usage.with_columns(inputs=pl.lit("audio"))
    audio = pl.col("audio_seconds")
    short = usage.with_columns(audio.clip(upper_bound=limit))
    part = pl.when(audio > limit).then(limit / audio).otherwise(1.0)
    shorter = short.with_columns(text_tokens=pl.col("text_tokens") * usage.select(part).to_series())
    after = capped(priced(usage), Cap("audio_seconds", limit, "truncate")).cost.after
    assert after.high == pytest.approx(total(short), rel=1e-3, abs=1e-12)
    assert after.low == pytest.approx(total(shorter), rel=1e-3, abs=1e-12)


@given(usage=usages, limit=st.floats(0, 5000))
@settings(deadline=None)
def test_as_if_pictures_had_been_smaller(usage: pl.DataFrame, limit: float) -> None:
    smaller = usage.with_columns(pl.col("image_tokens").clip(upper_bound=limit))
    cap = Cap("image_input_tokens", limit, "downscale")
    after = capped(priced(usage), cap).cost.after
    assert after.high == after.low == pytest.approx(total(smaller), rel=1e-3, abs=1e-12)


@given(usage=usages, limit=st.floats(0, 5000))
@settings(deadline=None)
def test_as_if_the_input_had_been_cut(usage: pl.DataFrame, limit: float) -> None:
    """Text first, or text and pictures in proportion: one is the least, the other the most."""
    text, image = pl.col("text_tokens"), pl.col("image_tokens")
    gone = (text + image - limit).clip(lower_bound=0)
    first = usage.with_columns(
        (text - gone).clip(lower_bound=0), image - (gone - text).clip(lower_bound=0)
    )
    part = pl.when(gone > 0).then(limit / (text + image)).otherwise(1.0)
    even = usage.with_columns(text * part, image * part)
    both = pl.DataFrame({"a": priced(first)["cost_usd"], "b": priced(even)["cost_usd"]})
    low = both.min_horizontal().sum()
    high = both.max_horizontal().sum()
    after = capped(priced(usage), Cap("input_tokens", limit, "truncate")).cost.after
    assert after.low == pytest.approx(low, rel=1e-3, abs=1e-12)
    assert after.high == pytest.approx(high, rel=1e-3, abs=1e-12)


@given(usage=usages, limit=st.floats(0, 5000))
@settings(deadline=None)
def test_as_if_large_requests_had_been_rejected(usage: pl.DataFrame, limit: float) -> None:
    served = usage.filter(pl.col("characters") <= limit)
    answer = capped(priced(usage), Cap("characters", limit, "reject"))
    assert answer.cost.after.low == answer.cost.after.high
    assert answer.cost.after.low == pytest.approx(total(served), rel=1e-3, abs=1e-12)
    assert answer.refused == answer.touched == usage.height - served.height


CAPS = (
    ("audio_seconds", "truncate"),
    ("audio_seconds", "reject"),
    ("image_input_tokens", "downscale"),
    ("input_tokens", "truncate"),
    ("output_tokens", "truncate"),
    ("characters", "truncate"),
)


@given(usage=usages, kind=st.sampled_from(CAPS))
@settings(deadline=None)
def test_a_cap_without_a_limit_changes_nothing(usage: pl.DataFrame, kind: tuple[str, str]) -> None:
    timed = priced(usage).with_columns(duration_ms=pl.int_range(pl.len()) * 1.0)
    answer = capped(timed, Cap(kind[0], inf, kind[1]))
    assert answer.touched == answer.refused == 0
    assert answer.cost.after == Bounds(answer.cost.before, answer.cost.before)
    for each in answer.latency.quantiles:
        assert each.after == Bounds(each.before, each.before)


@given(
    usage=usages,
    caps=st.lists(st.tuples(st.sampled_from(CAPS), st.floats(0, 5000)), min_size=1, max_size=3),
    tighter=st.floats(0, 1),
)
@settings(deadline=None)
def test_tighter_caps_never_cost_more(
    usage: pl.DataFrame, caps: list[tuple[tuple[str, str], float]], tighter: float
) -> None:
    frame = priced(usage).with_columns(inputs=pl.lit("audio+image"))
    loose = capped(frame, *(Cap(size, limit, how) for (size, how), limit in caps))
    tight = capped(frame, *(Cap(size, limit * tighter, how) for (size, how), limit in caps))
    assert None not in (loose.cost.before, loose.cost.after.low, tight.cost.after.high)
    slack = 1e-9
    assert tight.cost.after.low <= loose.cost.after.low + slack  # type: ignore[operator]
    assert tight.cost.after.high <= loose.cost.after.high + slack  # type: ignore[operator]
    assert loose.cost.after.low <= loose.cost.after.high + slack  # type: ignore[operator]
    assert loose.cost.after.high <= loose.cost.before + slack  # type: ignore[operator]
    assert tight.cost.after.low >= -slack  # type: ignore[operator]


def long_audio(**more: Any) -> dict[str, Any]:
    """60 s of audio for $0.60, of a request for $1, in 3 s of which recognition took 1."""
    return {
        "inputs": "audio",
        "sizes.audio_seconds": 60.0,
        "cost_by_content.audio_in": 0.6,
        "cost_by_content.text_out": 0.4,
        "cost_usd": 1.0,
        "duration_ms": 3000.0,
        "path_ms.transcription": 1000.0,
        "path_ms.reasoning": 2000.0,
        **more,
    }


def test_time_shrinks_by_nothing_or_in_proportion() -> None:
    answer = capped([long_audio()], Cap("audio_seconds", 30, "truncate"))
    (row,) = answer.requests.to_dicts()
    assert (row["duration_low"], row["duration_high"]) == (1500.0, 3000.0)
    assert (row["cost_low"], row["cost_high"]) == pytest.approx((0.7, 0.7))
    assert answer.quality == "quality effect unknown"


def test_refused_requests_leave_the_distribution() -> None:
    rows = [
        long_audio(duration_ms=9000.0),
        *(long_audio(**{"sizes.audio_seconds": 1.0}) for _ in range(3)),
    ]
    answer = capped(rows, Cap("audio_seconds", 30, "reject"))
    assert (answer.latency.n_before, answer.latency.n_after) == (4, 3)
    (listed,) = answer.requests.to_dicts()
    assert listed["refused"] and listed["duration_low"] is None and listed["cost_high"] == 0


def test_where_time_goes_is_not_always_known() -> None:
    blind = long_audio(**{"path_ms.transcription": None, "path_ms.reasoning": None})
    answer = capped([blind, long_audio()], Cap("audio_seconds", 30, "truncate"))
    assert answer.latency.unknown == 1
    assert "where the time of 1 touched request goes is not known: it stays" in answer.notes


def test_an_unknown_size_is_not_capped_but_counted() -> None:
    unknown = long_audio(**{"sizes.audio_seconds": None})
    text = {"inputs": "text", "cost_usd": 1.0}  # no audio came in: nothing is unknown
    nothing = {"inputs": "none", "cost_usd": 1.0}
    answer = capped([unknown, text, nothing, long_audio()], Cap("audio_seconds", 30, "truncate"))
    (effect,) = answer.rules
    assert (effect.touched, effect.unknown) == (1, 2)


def test_costs_that_nobody_split_stay_and_are_told() -> None:
    whole = long_audio(**{"cost_by_content.audio_in": None, "cost_by_content.other": 1.0})
    partly = long_audio(**{"cost_by_content.other": 0.2, "cost_usd": 1.2})
    answer = capped([whole, partly, long_audio()], Cap("audio_seconds", 30, "truncate"))
    (effect,) = answer.rules
    assert (effect.unsplit, effect.unsplit_usd) == (2, pytest.approx(1.2))
    assert effect.saved == Bounds(pytest.approx(0.6), pytest.approx(0.6))
    rejected = capped([whole], Cap("audio_seconds", 30, "reject"))
    assert (rejected.rules[0].unsplit, rejected.cost.after) == (0, Bounds(0.0, 0.0))


def test_unknown_cost_stays_unknown() -> None:
    unpriced = {key: None if "cost" in key else value for key, value in long_audio().items()}
    cap = Cap("audio_seconds", 30, "truncate")
    alone = capped([unpriced], cap)
    assert (alone.cost.before, alone.cost.after) == (None, Bounds(None, None))
    assert alone.rules[0].saved == Bounds(None, None)
    both = capped([unpriced, long_audio(cost_is_lower_bound=True)], cap).cost
    assert (both.before, both.n, both.unknown, both.lower_bound) == (1.0, 1, 1, 1)


def test_how_the_touched_fare_today() -> None:
    short = {"sizes.audio_seconds": 1.0}
    rows = [
        *(long_audio(failed=failed) for failed in (True, True, False, None)),
        *(long_audio(failed=failed, **short) for failed in (False, False, True)),
    ]
    answer = capped(rows, Cap("audio_seconds", 30, "truncate"))
    assert (answer.failed_today.k, answer.failed_today.n) == (2, 3)
    assert (answer.failed_rest.k, answer.failed_rest.n) == (1, 3)
    # Wilson's interval of 2 in 3, computed by hand.
    assert answer.failed_today.low == pytest.approx(0.2077, abs=1e-4)
    assert answer.failed_today.high == pytest.approx(0.9385, abs=1e-4)


@pytest.mark.parametrize(
    ("meant", "touched"),
    [
        ({}, 4),
        ({"modality": "audio"}, 3),
        ({"modality": "*image*"}, 1),
        ({"service": "DESK-*"}, 1),
        ({"model": "asr-?"}, 0),
        ({"model": "asr-*"}, 2),
    ],
)
def test_whom_a_cap_is_for(meant: dict[str, str], touched: int) -> None:
    rows = [
        long_audio(service="desk-1", **{"models.transcription": "asr-1\nother"}),
        long_audio(service="car", **{"models.reasoning": "asr-2"}),
        long_audio(),
        long_audio(inputs="audio+image"),
    ]
    answer = capped(rows, Cap("audio_seconds", 30, "truncate", **meant))
    assert answer.touched == touched


def test_the_first_cap_that_fits_counts() -> None:
    rows = [long_audio(service="desk"), long_audio(service="car")]
    answer = capped(
        rows,
        Cap("audio_seconds", 60, "truncate", service="desk"),
        Cap("audio_seconds", 30, "truncate"),
        Cap("audio_seconds", 50, "reject", service="car"),
    )
    assert [effect.touched for effect in answer.rules] == [0, 1, 1]
    assert answer.touched == answer.refused == 1
