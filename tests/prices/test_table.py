"""The price table: which source wins, whose models a row means, and from when on."""

from __future__ import annotations

import tomllib
from datetime import UTC, date, datetime

import polars as pl
import pytest

from tracelens.model import UNITS
from tracelens.policy import Price
from tracelens.policy.prices import price_problems
from tracelens.prices import PriceTable, price_table, prices_version
from tracelens.prices.library import KEYS, snapshot
from tracelens.prices.table import _own_text, own_rows

TODAY = datetime(2026, 11, 20, tzinfo=UTC)


def usd(table: PriceTable, model: str, unit: str, provider: str | None = None, at=TODAY):
    """The price of one of the unit and its source, or None."""
    rate = table.lookup((provider, model), at).get(unit)
    return None if rate is None else (rate[0][0][1], rate[1])


def test_the_first_source_that_has_the_unit_wins():
    own = Price("gpt-4o", "input_tokens", 7.0, 1e6)
    mine = Price("gpt-4o", "input_tokens", 9.0, 1e6)
    assert usd(PriceTable([], []), "gpt-4o", "input_tokens") == (2.5e-6, "genai-prices")
    assert usd(PriceTable([], [own]), "gpt-4o", "input_tokens") == (7e-6, "tracelens")
    table = PriceTable([mine], [own])
    assert usd(table, "gpt-4o", "input_tokens") == (9e-6, "policy")
    assert usd(table, "gpt-4o", "output_tokens") == (1e-5, "genai-prices")


def test_a_row_counts_from_its_day_on():
    rows = [
        Price("m", "characters", 1.0),
        Price("m", "characters", 3.0, since=date(2026, 3, 1)),
        Price("m", "characters", 2.0, since=date(2026, 2, 1)),
    ]
    table = PriceTable(rows, [])
    days = [datetime(2026, month, day, tzinfo=UTC) for month, day in ((1, 31), (2, 1), (3, 1))]
    assert [usd(table, "m", "characters", at=day)[0] for day in days] == [1.0, 2.0, 3.0]


@pytest.mark.parametrize(
    ("provider", "model", "fits"),
    [
        (None, "nova-3", True),
        ("x", "Nova-3", True),
        (None, "deepgram/nova-3", True),
        (None, "nova-30", False),
        (None, "my-nova-3", False),
        (None, "", False),
        (None, "nova-3" * 100, False),
    ],
)
def test_a_row_means_whole_names(provider, model, fits):
    table = PriceTable([Price("nova-3", "audio_seconds", 1.0)], [])
    assert (usd(table, model, "audio_seconds", provider) is not None) == fits


def test_a_row_with_a_provider_needs_one():
    table = PriceTable([Price("enhanced", "audio_seconds", 1.0, provider="speech*")], [])
    found = [usd(table, "enhanced", "audio_seconds", each) for each in (None, "x", "Speechmatics")]
    assert found == [None, None, (1.0, "policy")]


def test_a_stated_provider_that_is_unknown_has_no_prices():
    """What somebody else charges for a model of the same name is not its price."""
    table = price_table(())
    assert usd(table, "gpt-4o", "input_tokens", "ollama") is None
    assert usd(table, "gpt-4o", "input_tokens", "api.openai.com") is not None
    assert usd(table, "openai/gpt-4o", "input_tokens", "livekit") is not None


def test_sound_has_no_price_where_only_text_has():
    """genai-prices falls back to the rate of text for gpt-4o-audio-preview."""
    table = price_table(())
    assert usd(table, "gpt-4o-audio-preview", "input_tokens") == (2.5e-6, "genai-prices")
    assert usd(table, "gpt-4o-audio-preview", "audio_input_tokens") is None
    assert usd(table, "gpt-4o-audio-preview", "audio_output_tokens") is None


def test_what_is_charged_as_something_else_takes_its_rate_unless_it_has_its_own():
    table = price_table(())
    assert usd(table, "gpt-4o", "image_input_tokens") == usd(table, "gpt-4o", "input_tokens")
    own = usd(table, "gpt-realtime", "image_input_tokens")
    assert own == (5e-6, "genai-prices") != usd(table, "gpt-realtime", "input_tokens")


def test_a_policy_may_say_at_whose_rate_a_unit_is_charged():
    table = PriceTable([Price("gpt-realtime", "image_input_tokens", billed_as="input_tokens")], [])
    assert usd(table, "gpt-realtime", "image_input_tokens") == (4e-6, "genai-prices")


def test_prices_that_depend_on_the_hour():
    """DeepSeek was half as dear from 16:30 to 0:30 UTC (genai-prices, deepseek-chat)."""
    nanos = [int(datetime(2025, 3, 1, hour, tzinfo=UTC).timestamp()) * 10**9 for hour in (12, 20)]
    calls = pl.DataFrame(
        {"provider": ["deepseek"] * 2, "model": ["deepseek-chat"] * 2, "start_unix_nano": nanos}
    )
    keys, rates = price_table(()).rates(calls)
    rate = dict(rates.filter(unit="input_tokens").select("key", "unit_usd").iter_rows())
    assert [rate[key] for key in keys] == [0.27e-6, 0.135e-6]


def test_calls_share_a_key_by_model_and_day():
    day = 86_400 * 10**9
    calls = pl.DataFrame(
        {
            "provider": [None, None, None, "x", None],
            "model": ["m", "m", "m", "m", None],
            "start_unix_nano": [0, day - 1, day, 0, None],
        }
    )
    keys, rates = PriceTable([Price("m", "pages", 1.0)], []).rates(calls)
    assert keys.to_list() == [0, 0, 1, 2, 3]
    assert rates.get_column("key").to_list() == [0, 1, 2]


def test_a_tier_begins_above_its_threshold():
    tiers, _, _ = price_table(()).lookup((None, "gemini-2.5-pro"), TODAY)["input_tokens"]
    assert tiers == [(0, 1.25e-6), (200_001, 2.5e-6)]


def test_our_rows_can_work_and_say_where_they_come_from():
    rows = tomllib.loads(_own_text())["price"]
    assert [problem for row in rows for problem in price_problems(row)] == []
    for row in own_rows():
        assert row.source.startswith("https://"), row
        assert row.checked is not None and row.checked <= date(2026, 11, 25), row
        assert row.since is None or row.since <= row.checked, row


def test_units_are_those_of_the_library():
    known = {
        key
        for provider in snapshot().providers
        for model in provider.models
        for key in _price_keys(model)
    }
    assert KEYS.keys() <= UNITS.keys()
    assert {key for keys in KEYS.values() for key in keys} & known >= {"input_mtok", "input_mchars"}


def _price_keys(model):
    prices = (
        [each.prices for each in model.prices] if isinstance(model.prices, list) else [model.prices]
    )
    return {key for each in prices for key in each.__dict__}


def test_the_version_tells_our_rows_and_the_library():
    own, _, library = prices_version().partition("-")
    assert len(own) == 8
    assert library[0].isdigit()


@pytest.mark.parametrize(
    ("provider", "model"),
    [
        ("x_ai", "grok-3"),  # as OpenTelemetry spells it
        ("api.groq.com", "llama-3.3-70b-versatile"),  # as frameworks do that know the address only
        ("api.mistral.ai:443", "mistral-large-latest"),
        ("https://api.deepseek.com/v1", "deepseek-chat"),
    ],
)
def test_a_provider_is_known_by_other_spellings_and_by_its_address(provider: str, model: str):
    assert usd(PriceTable([], []), model, "input_tokens", provider) is not None


@pytest.mark.parametrize("provider", ["127.0.0.1:8000", "models.house.example", "house"])
def test_who_serves_a_model_under_another_address_charges_what_it_likes(provider: str):
    assert usd(PriceTable([], []), "gpt-4o", "input_tokens", provider) is None
