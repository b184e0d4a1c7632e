"""Prices of genai-prices, unit by unit: its totals charge audio as text where it has no rate."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from tracelens.prices.rows import LONGEST, Name

if TYPE_CHECKING:
    from genai_prices.data_snapshot import DataSnapshot
    from genai_prices.types import ModelInfo

#: Our units, each with the keys of the library that mean it, the most special first. Prices for
#: sound without a direction are those of whole conversations unless one for input stands beside.
KEYS: Final[Mapping[str, tuple[str, ...]]] = {
    "input_tokens": ("input_text_mtok", "input_mtok"),
    "cached_input_tokens": ("cache_text_read_mtok", "cache_read_mtok"),
    "cache_write_tokens": ("cache_text_write_mtok", "cache_write_mtok"),
    "audio_input_tokens": ("input_audio_mtok",),
    "cached_audio_input_tokens": ("cache_audio_read_mtok",),
    "image_input_tokens": ("input_image_mtok",),
    "video_input_tokens": ("input_video_mtok",),
    "output_tokens": ("output_text_mtok", "output_mtok"),
    "reasoning_tokens": ("output_reasoning_mtok",),
    "audio_output_tokens": ("output_audio_mtok",),
    "image_output_tokens": ("output_image_mtok",),
    "audio_seconds": ("input_audio_hours",),
    "output_audio_seconds": ("output_audio_hours",),
    "characters": ("input_mchars",),
    "pages": ("input_document_kpages",),
}

#: From how many input tokens on, and the price of one in US dollars.
Tiers = list[tuple[int, float]]


def library_version() -> str:
    """The version of genai-prices, which is that of its data."""
    from importlib.metadata import version

    return version("genai-prices")


@cache
def snapshot() -> DataSnapshot:
    """The data that come with the library; it is never asked to fetch newer ones.

    Imported when a price is first asked for: it takes longer than most commands do.
    """
    from genai_prices.data import providers
    from genai_prices.data_snapshot import DataSnapshot

    return DataSnapshot(providers=providers, from_auto_update=False)


def find_model(name: Name) -> ModelInfo | None:
    """What the library knows of a model, by its own rules of matching; None for an unknown one.

    A provider that is stated has to be known: what another one charges for a model of the same
    name is not its price. Gateways write the provider before the name (`openai/gpt-4o`).
    """
    provider, model = name
    if not model or len(model) > LONGEST or len(provider or "") > LONGEST:
        return None
    vendor, slash, bare = model.partition("/")
    ways = [(provider, model), *([(vendor, bare)] if slash else [])]
    for stated, ref in ways:
        if (found := _find(stated, ref)) is not None:
            return found
    return None


def _find(provider: str | None, model: str) -> ModelInfo | None:
    """By the provider's name, or by its address: frameworks that know no better write the host.

    OpenTelemetry spells some names with an underscore (`x_ai`), the library with a hyphen.
    """
    stated = dict.fromkeys((provider, provider and provider.replace("_", "-")))
    ways: list[tuple[str | None, str | None]] = [(each, None) for each in stated]
    if provider and "." in provider:
        host = provider.partition("://")[2] or provider
        ways.append((None, f"https://{host}"))
    for name, address in ways:
        try:
            return snapshot().find_provider_model(model, None, name, address)[1]
        except LookupError:
            continue
    return None


def changes_by_hour(model: ModelInfo | None) -> bool:
    """Whether a model has prices that depend on the time of day."""
    if model is None or not isinstance(model.prices, list):
        return False
    from genai_prices.types import TimeOfDateConstraint

    return any(isinstance(each.constraint, TimeOfDateConstraint) for each in model.prices)


def unit_prices(model: ModelInfo | None, moment: datetime) -> dict[str, Tiers]:
    """By unit, the prices of a model at some time; a unit without one of its own is not there."""
    if model is None:
        return {}
    prices = model.get_prices(moment)
    found = {}
    for unit, keys in KEYS.items():
        for key in keys:
            price = prices.__dict__.get(key)
            if price is not None:
                found[unit] = _tiers(price, _per(key))
                break
    return found


def _tiers(price: Any, per: int) -> Tiers:
    """Prices by the number of input tokens; crossing a threshold moves all tokens, not the rest."""
    if not hasattr(price, "tiers"):
        return [(0, float(price / per))]
    above = [(tier.start + 1, float(tier.price / per)) for tier in price.tiers]
    return [(0, float(price.base / per)), *above]


@cache
def _per(key: str) -> int:
    from genai_prices.data_units import unit_data

    return next(int(unit["per"]) for unit in unit_data.values() if unit["price_key"] == key)
