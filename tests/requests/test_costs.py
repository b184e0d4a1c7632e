"""What requests cost: published examples by unit, and mistakes that other totals are known for."""

from __future__ import annotations

import math
from random import Random
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conftest import EPOCH, Span, default_policy, span, spans, trace
from tracelens.locate import locate_requests
from tracelens.model import UNITS
from tracelens.policy import Policy
from tracelens.requests.usage import MEASURES

#: Milliseconds from the epoch of the tests (2023-11-14) to 2026-11-20.
NOW = (1_795_132_800_000_000_000 - EPOCH) / 1e6


def costs(*stages: Span, policy: Policy | None = None, at: float = NOW) -> dict[str, Any]:
    """The row of a request that has these stages."""
    rows = trace("t", span("root", *stages), at=at)
    return locate_requests(spans(rows), policy or default_policy()).row(0, named=True)


def call(model: str, *below: Span, stage: str = "reasoning", **columns: Any) -> Span:
    return span(stage, *below, stage=stage, model=model, **columns)


def lines(row: dict[str, Any]) -> list[tuple[Any, ...]]:
    """Unit, quantity and cost of each item."""
    return [(item["unit"], item["quantity"], item["cost_usd"]) for item in row["cost_items"]]


def told(row: dict[str, Any]) -> tuple[Any, ...]:
    return row["cost_usd"], row["cost_is_lower_bound"], row["cost_unpriced_spans"]


def policy_with(tmp_path, text: str) -> Policy:
    from tracelens.policy import load

    path = tmp_path / "mine.toml"
    path.write_text(text)
    return load(path)


# --- published examples, one per kind of unit


def test_tokens_with_a_cache():
    """Claude Sonnet 4.5, $3 a million tokens in, $3.75 written to a cache, $0.30 read, $15 out:
    https://platform.claude.com/docs/en/build-with-claude/prompt-caching (pricing table)."""
    row = costs(
        call(
            "claude-sonnet-4-5",
            provider="anthropic",
            input_tokens=10_000,
            cached_input_tokens=6_000,
            cache_write_tokens=3_000,
            output_tokens=1_000,
        )
    )
    assert lines(row) == [
        ("input_tokens", 1_000, 0.003),
        ("cached_input_tokens", 6_000, 0.0018),
        ("cache_write_tokens", 3_000, 0.01125),
        ("output_tokens", 1_000, 0.015),
    ]
    assert told(row) == (0.03105, False, 0)


def test_audio_tokens_with_a_cache():
    """A usage block of the Realtime API as it is asked about at
    https://community.openai.com/t/help-me-understand-the-realtime-usage-block/1060242, at the
    prices of gpt-realtime: $4, $0.40 cached, $32 of sound, $0.40 cached, $16 and $64 out
    (https://developers.openai.com/api/docs/models/gpt-realtime)."""
    row = costs(
        call(
            "gpt-realtime",
            provider="openai",
            input_tokens=789,
            audio_input_tokens=476,
            cached_input_tokens=640,
            cached_audio_input_tokens=384,
            output_tokens=32,
            audio_output_tokens=23,
        )
    )
    assert lines(row) == [
        ("input_tokens", 57, pytest.approx(57 * 4e-6)),
        ("cached_input_tokens", 256, pytest.approx(256 * 0.4e-6)),
        ("audio_input_tokens", 92, pytest.approx(92 * 32e-6)),
        ("cached_audio_input_tokens", 384, pytest.approx(384 * 0.4e-6)),
        ("output_tokens", 9, pytest.approx(9 * 16e-6)),
        ("audio_output_tokens", 23, pytest.approx(23 * 64e-6)),
    ]
    assert row["cost_by_content"]["audio_in"] == pytest.approx(92 * 32e-6 + 384 * 0.4e-6)
    assert row["cost_by_content"]["text_out"] == pytest.approx(9 * 16e-6)


def test_seconds_of_audio():
    """26 s of a model at $0.0125 a minute cost $0.00542:
    https://github.com/orgs/deepgram/discussions/249 (an answer by Deepgram), with our price."""
    row = costs(call("nova-3", provider="deepgram", stage="transcription", audio_seconds=26.0))
    assert lines(row) == [("audio_seconds", 26.0, pytest.approx(0.0048 * 26 / 60))]
    assert row["cost_items"][0]["source"] == "tracelens"


def test_seconds_of_audio_as_the_vendor_adds_them_up(tmp_path):
    """A conversation of 15 minutes costs $1.125 at $0.075 a minute:
    https://aws.amazon.com/transcribe/pricing/ (pricing examples, Transcribe Medical)."""
    policy = policy_with(
        tmp_path,
        '[[price]]\nmatch = "transcribe-medical"\nunit = "audio_seconds"\nusd = 0.075\nper = 60\n',
    )
    spoken = call("transcribe-medical", stage="transcription", audio_seconds=900.0)
    assert told(costs(spoken, policy=policy)) == (1.125, False, 0)


def test_characters():
    """4,096 characters by tts-1 were billed at $0.061425, 4,095 of them at $15 a million:
    https://github.com/sanand0/blog (openai-tts-cost, measured on the bill)."""
    row = costs(call("tts-1", provider="openai", stage="synthesis", characters=4_095))
    assert told(row) == (0.061425, False, 0)
    assert row["cost_by_content"]["audio_out"] == 0.061425


def test_images(tmp_path):
    """Three images at $0.04 each: https://openai.com/api/pricing (DALL·E 3)."""
    policy = policy_with(
        tmp_path, '[[price]]\nmatch = "dall-e-3"\nunit = "output_images"\nusd = 0.04\n'
    )
    drawn = call("dall-e-3", stage="synthesis", output_images=3, output_modalities=["image"])
    assert lines(costs(drawn, policy=policy)) == [("output_images", 3.0, 0.12)]


def test_image_tokens():
    """gpt-image-1: $5 a million tokens of text, $10 of images, $40 out:
    https://developers.openai.com/api/docs/models/gpt-image-1."""
    drawn = call(
        "gpt-image-1",
        provider="openai",
        stage="synthesis",
        input_tokens=373,
        image_input_tokens=323,
        output_tokens=4_160,
        image_output_tokens=4_160,
        output_modalities=["image"],
    )
    assert lines(costs(drawn)) == [
        ("input_tokens", 50, pytest.approx(50 * 5e-6)),
        ("image_input_tokens", 323, pytest.approx(323 * 10e-6)),
        ("image_output_tokens", 4_160, pytest.approx(4_160 * 40e-6)),
    ]


def test_pages():
    """mistral-ocr at $1 for 1,000 pages: https://mistral.ai/pricing#api-pricing."""
    read = call(
        "mistral-ocr-2505",
        provider="mistral",
        stage="transcription",
        pages=30,
        input_modalities=["document"],
    )
    assert lines(costs(read)) == [("pages", 30.0, pytest.approx(0.03))]


@pytest.mark.parametrize(("tokens", "usd"), [(200_000, 0.25), (200_001, 200_001 * 2.5e-6)])
def test_a_tier_is_the_rate_of_the_whole_prompt(tokens, usd):
    """Gemini 2.5 Pro: $1.25 up to 200,000 tokens, $2.50 above, cached ones counted:
    https://ai.google.dev/gemini-api/docs/pricing."""
    row = costs(call("gemini-2.5-pro", provider="google", input_tokens=tokens))
    assert row["cost_usd"] == pytest.approx(usd)


# --- mistakes that totals elsewhere are known for


def test_cached_tokens_are_not_counted_twice():
    asked = call("gpt-4o", provider="openai", input_tokens=1_000, cached_input_tokens=1_000)
    assert told(costs(asked)) == (0.00125, False, 0)


def test_what_has_no_price_is_not_free():
    known = call("gpt-4o", provider="openai", input_tokens=1_000)
    unknown = call("house-model", input_tokens=1_000)
    assert told(costs(unknown)) == (None, False, 1)
    assert told(costs(known, unknown)) == (0.0025, True, 1)
    assert costs(unknown)["cost_by_stage"]["reasoning"] is None


def test_what_is_free_has_a_row_that_says_so(tmp_path):
    policy = policy_with(
        tmp_path, '[[price]]\nmatch = "house-.*"\nunit = "input_tokens"\nusd = 0\n'
    )
    row = costs(call("house-model", input_tokens=1_000), policy=policy)
    assert told(row) == (0.0, False, 0)


def test_a_wrapper_that_repeats_the_usage_is_not_added():
    usage = {"input_tokens": 1_000, "output_tokens": 100, "provider": "openai"}
    inner = call("gpt-4o", **usage)
    assert costs(inner)["cost_usd"] == 0.0035
    assert costs(call("gpt-4o", inner, **usage))["cost_usd"] == 0.0035
    agent = span("agent", inner, role="wrapper", model="gpt-4o", **usage)
    assert costs(agent)["cost_usd"] == 0.0035


def test_sound_is_not_charged_as_text():
    """genai-prices 0.2.3 has rates of text alone for gpt-4o-audio-preview."""
    asked = {"provider": "openai", "input_tokens": 1_000, "output_tokens": 100}
    row = costs(call("gpt-4o-audio-preview", audio_input_tokens=900, **asked))
    assert lines(row) == [
        ("input_tokens", 100, 0.00025),
        ("audio_input_tokens", 900, None),
        ("output_tokens", 100, 0.001),
    ]
    assert told(row) == (0.00125, True, 1)


def test_sound_that_nobody_counted_is_not_charged_as_text_either():
    asked = {"provider": "openai", "input_tokens": 1_000, "output_tokens": 100}
    heard = costs(call("gpt-4o-audio-preview", input_modalities=["audio"], **asked))
    assert lines(heard) == [("input_tokens", 1_000, None), ("output_tokens", 100, 0.001)]


def test_images_at_the_rate_of_text_need_no_count():
    seen = costs(
        call("gpt-4o", provider="openai", input_tokens=1_000, input_modalities=["image", "text"])
    )
    assert lines(seen) == [("input_tokens", 1_000, 0.0025)]
    assert seen["cost_items"][0]["content"] == "other"


# --- which spans count


def test_a_model_that_a_tool_calls_is_paid_beside_the_one_that_calls_the_tool():
    inner = call("gpt-4o-mini", provider="openai", input_tokens=1_000)
    outer = call(
        "gpt-4o", span("look_up", inner, stage="tool"), provider="openai", input_tokens=1_000
    )
    row = costs(outer)
    assert row["cost_usd"] == pytest.approx(0.0025 + 0.00015)
    assert row["cost_by_stage"]["reasoning"] == 0.0025
    assert row["cost_by_stage"]["tool"] == 0.00015


def test_each_attempt_that_used_something_is_paid():
    attempts = [
        call("gpt-4o", provider="openai", input_tokens=1_000, error="APIError"),
        call("gpt-4o", provider="openai", input_tokens=1_000),
        call("gpt-4o", provider="openai", error="APIError"),
    ]
    assert told(costs(call("gpt-4o", *attempts))) == (0.005, False, 0)


def test_a_call_without_usage_is_unpriced():
    row = costs(call("gpt-4o", provider="openai"))
    assert told(row) == (None, False, 1)
    assert lines(row) == [(None, None, None)]


def test_of_two_ways_to_measure_a_call_one_is_paid():
    """gpt-4o-transcribe charges tokens; how long the sound was is in them."""
    heard = costs(
        call(
            "gpt-4o-transcribe",
            provider="openai",
            stage="transcription",
            audio_seconds=60.0,
            input_tokens=600,
            audio_input_tokens=600,
            output_tokens=100,
        )
    )
    assert [line[0] for line in lines(heard)] == ["audio_input_tokens", "output_tokens"]
    told_less = costs(
        call(
            "gpt-4o-transcribe",
            provider="openai",
            stage="transcription",
            audio_seconds=60.0,
            input_tokens=600,
            output_tokens=100,
        )
    )
    assert lines(told_less) == [("audio_seconds", 60.0, 0.006)]


def test_the_same_span_twice_is_paid_once():
    rows = trace("t", span("root", call("gpt-4o", provider="openai", input_tokens=1_000)), at=NOW)
    row = locate_requests(spans(rows, rows), default_policy()).row(0, named=True)
    assert row["cost_usd"] == 0.0025


# --- what emitters report


def test_a_reported_cost_goes_before_the_table_and_is_split_like_it():
    row = costs(
        call("gpt-4o", provider="openai", input_tokens=1_000, output_tokens=250, cost_usd=0.02)
    )
    assert lines(row) == [("input_tokens", 1_000, 0.01), ("output_tokens", 250, 0.01)]
    assert {item["source"] for item in row["cost_items"]} == {"emitter"}
    assert told(row) == (0.02, False, 0)


def test_a_reported_cost_that_cannot_be_split_is_one_line():
    row = costs(call("house-model", input_tokens=1_000, cost_usd=0.02))
    assert lines(row) == [("call", 1.0, 0.02)]
    assert row["cost_by_content"]["other"] == 0.02
    assert told(row) == (0.02, False, 0)


def test_of_two_reported_costs_of_one_call_the_inner_counts():
    inner = call("gpt-4o", cost_usd=0.02)
    assert costs(call("gpt-4o", inner, cost_usd=0.03))["cost_usd"] == 0.02


def test_a_cost_that_only_the_wrapper_reports_stands_for_what_is_inside():
    inner = call("gpt-4o", provider="openai", input_tokens=1_000)
    assert costs(call("gpt-4o", inner, cost_usd=0.03))["cost_usd"] == 0.03
    assert costs(span("agent", inner, inner, role="wrapper", cost_usd=0.03))["cost_usd"] == 0.03


def test_a_reported_zero_says_nothing():
    """Emitters write 0 for models that they have no price for."""
    assert (
        costs(call("gpt-4o", provider="openai", input_tokens=1_000, cost_usd=0.0))["cost_usd"]
        == 0.0025
    )
    assert told(costs(call("house-model", input_tokens=1, cost_usd=0.0))) == (None, False, 1)


# --- whatever the numbers

MODELS = ("gpt-4o", "gpt-realtime", "gemini-2.5-pro", "house-model", "nova-3", "tts-1", "x" * 300)
AMOUNTS = (-1, 0, 1, 7, 1_000, 123_456, 250_000, 2**53, 2**62)
REPORTED = (None, None, None, 0.0, 0.1, 1 / 3, -1.0, math.nan, math.inf, 1e300)


def any_call(chance: Random, depth: int = 0) -> Span:
    usage = {name: chance.choice(AMOUNTS) for name in MEASURES if chance.random() < 0.2}
    usage = {k: float(v) if "seconds" in k else v for k, v in usage.items()}
    below = [any_call(chance, depth + 1) for _ in range(chance.randint(0, 2))] if depth < 2 else []
    return span(
        "call",
        *below,
        stage=chance.choice(["transcription", "reasoning", "synthesis", "tool", None]),
        cost_usd=chance.choice(REPORTED),
        model=chance.choice([*MODELS, "", None]),
        provider=chance.choice([None, "openai", "google", "", "x" * 300]),
        input_modalities=chance.choice([None, [], ["audio"], ["image", "text"]]),
        output_modalities=chance.choice([None, ["audio"], ["image"], ["text"]]),
        **usage,
    )


def any_requests(seed: int) -> pl.DataFrame:
    """Many absurd requests at once: a judgement of one costs as much as of hundreds."""
    chance = Random(seed)
    traces = [
        trace(
            f"t{i}", span("root", *(any_call(chance) for _ in range(chance.randint(1, 3)))), at=NOW
        )
        for i in range(150)
    ]
    return locate_requests(spans(*traces), default_policy())


@settings(max_examples=5)
@given(st.integers(0, 2**32))
def test_items_add_up(seed):
    for row in any_requests(seed).iter_rows(named=True):
        items = row["cost_items"]
        priced = [item["cost_usd"] for item in items if item["cost_usd"] is not None]
        unpriced = {item["span_id"] for item in items if item["cost_usd"] is None}
        assert (row["cost_usd"] is None) == (not priced)
        assert all(cost >= 0 and math.isfinite(cost) for cost in priced)
        assert row["cost_unpriced_spans"] == len(unpriced)
        assert row["cost_is_lower_bound"] == bool(priced and unpriced)
        assert {item["unit"] for item in items} <= {*UNITS, "call", None}
        if priced:
            close = {"rel_tol": 1e-14, "abs_tol": 5e-13}  # a millionth of a millionth of a dollar
            assert math.isclose(row["cost_usd"], math.fsum(priced), **close)
            for name in ("cost_by_stage", "cost_by_content"):
                parts = [part for part in row[name].values() if part is not None]
                assert math.isclose(math.fsum(parts), math.fsum(priced), **close)


def test_parts_of_tokens_are_never_more_than_their_total():
    chance = Random(7)
    rows = [
        {name: chance.choice([None, *AMOUNTS]) for name in MEASURES if name.endswith("tokens")}
        for _ in range(500)
    ]
    calls = [call("gpt-4o", **row) for row in rows]
    traces = [trace(f"t{i:03}", span("root", each), at=NOW) for i, each in enumerate(calls)]
    judged = locate_requests(spans(*traces), default_policy()).sort("trace_id")
    for usage, items in zip(rows, judged.get_column("cost_items").to_list(), strict=True):
        for total, told in (("input_tokens", "in"), ("output_tokens", "out")):
            whole = usage[total]
            if whole is not None and whole > 0:
                parts = [
                    item["quantity"]
                    for item in items
                    if item["content"] != "other" and item["content"].endswith(f"_{told}")
                ]
                assert math.isclose(math.fsum(parts), float(whole))


def test_the_order_of_spans_does_not_matter():
    rows = trace(
        "t",
        span("root", call("gpt-4o", input_tokens=10), call("nova-3", stage="transcription")),
        at=NOW,
    )
    frame = spans(rows)
    one, two = (locate_requests(f, default_policy()) for f in (frame, frame.reverse()))
    assert one.equals(two)
    assert isinstance(one, pl.DataFrame)
