"""The price table in force: which rate each model has for each unit, and where it comes from."""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib import resources
from typing import Any, Final

import polars as pl

from tracelens.policy import Price
from tracelens.policy.prices import make_price
from tracelens.prices.library import (
    Tiers,
    changes_by_hour,
    find_model,
    library_version,
    snapshot,
    unit_prices,
)
from tracelens.prices.rows import Name, in_force, matching

DAY: Final = 86_400_000_000_000
MINUTE: Final = 60_000_000_000

#: What `PriceTable.rates` gives: a row per key, unit and tier.
RATE: Final = pl.Schema(
    {
        "key": pl.UInt32(),
        "unit": pl.String(),
        "above": pl.Int64(),  # from how many input tokens on
        "unit_usd": pl.Float64(),
        "source": pl.String(),  # policy, tracelens, genai-prices
    }
)

#: A rate that applies: tiers, who says so, and the row, None for genai-prices.
Rate = tuple[Tiers, str, Price | None]


def prices_version() -> str:
    """What tells one set of built-in prices from another: our rows, and the library's version."""
    own = hashlib.sha256(_own_text().encode()).hexdigest()[:8]
    return f"{own}-{library_version()}"


@cache
def price_table(policy_rows: tuple[Price, ...]) -> PriceTable:
    """The table for the price rows of a policy; the same rows give the same table."""
    return PriceTable(policy_rows, own_rows())


@cache
def own_rows() -> tuple[Price, ...]:
    """The rows that come with tracelens."""
    return tuple(make_price(row) for row in tomllib.loads(_own_text())["price"])


def _own_text() -> str:
    return resources.files(__package__).joinpath("prices.toml").read_text("utf-8")


class PriceTable:
    """Rates by provider, model and day; the first source that has a price for a unit wins.

    In this order: rows of the policy, our own rows, genai-prices, and last our own rows that say
    at whose rate a unit is charged. What was looked up once is remembered.
    """

    def __init__(self, policy: Sequence[Price], own: Sequence[Price]) -> None:
        self._policy = policy
        self._own = [row for row in own if row.billed_as is None]
        self._as = [row for row in own if row.billed_as is not None]
        self._rows: dict[Name, tuple[list[Price], list[Price], list[Price]]] = {}

    def rates(self, calls: pl.DataFrame) -> tuple[pl.Series, pl.DataFrame]:
        """The rates of calls, set-wise.

        Args:
            calls: `provider, model, start_unix_nano`; a call without a time has the newest price.

        Returns:
            A key per call, and rows of `RATE`; a unit that has no price has no row.
        """
        names = calls.select("provider", "model").unique(maintain_order=True)
        self._learn(names.rows())
        timed = pl.Series("_timed", [self._timed(name) for name in names.rows()], dtype=pl.Boolean)
        step = pl.when("_timed").then(MINUTE).otherwise(DAY)
        start = pl.col("start_unix_nano")
        keyed = calls.join(
            names.with_columns(timed),
            on=["provider", "model"],
            how="left",
            nulls_equal=True,
            maintain_order="left",
        ).with_columns(_moment=start // step * step)
        by = ["provider", "model", "_moment"]
        moments = keyed.select(by).unique(maintain_order=True).with_row_index("key")
        keys = keyed.join(moments, on=by, how="left", nulls_equal=True, maintain_order="left")
        rows = [
            (key, unit, above, usd, source)
            for key, provider, model, moment in moments.iter_rows()
            for unit, (tiers, source, _) in self.lookup((provider, model), _when(moment)).items()
            for above, usd in tiers
        ]
        return keys.get_column("key"), pl.DataFrame(rows, schema=RATE, orient="row")

    def lookup(self, name: Name, moment: datetime) -> dict[str, Rate]:
        """By unit, the rate of a model at some time."""
        self._learn([name])
        policy, own, charged_as = self._rows[name]
        day = moment.date()
        found: dict[str, Rate] = {}
        stated = in_force(policy, day)
        for unit, row in stated.items():
            if row.usd is not None:
                found[unit] = _flat(row, "policy")
        for unit, row in in_force(own, day).items():
            if unit not in stated:
                found[unit] = _flat(row, "tracelens")
        for unit, tiers in unit_prices(_model(name), moment).items():
            if unit not in stated:
                found.setdefault(unit, (tiers, "genai-prices", None))
        borrowed = {**in_force(charged_as, day), **stated}
        return found | _charged_as(borrowed, found)

    def _timed(self, name: Name) -> bool:
        return changes_by_hour(_model(name))

    def _learn(self, names: Sequence[Name]) -> None:
        new = [name for name in names if name not in self._rows]
        sources = [matching(rows, new) for rows in (self._policy, self._own, self._as)]
        for name in new:
            policy, own, charged_as = (source[name] for source in sources)
            self._rows[name] = (policy, own, charged_as)


@cache
def _model(name: Name) -> Any:
    return find_model(name)


def _flat(row: Price, source: str) -> Rate:
    return [(0, (row.usd or 0.0) / row.per)], source, row


def _charged_as(rows: Mapping[str, Price], found: Mapping[str, Rate]) -> dict[str, Rate]:
    return {
        unit: (*found[row.billed_as][:2], row)
        for unit, row in rows.items()
        if row.billed_as is not None and row.billed_as in found and unit not in found
    }


def _when(moment: int | None) -> datetime:
    """A time in ns as the price tables take it; the newest prices where it is not known."""
    if moment is None:
        return datetime.max.replace(tzinfo=UTC)
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=moment // 1000)


def known_names() -> list[tuple[str, str]]:
    """Provider and model of everything that genai-prices knows by a name of its own."""
    return [
        (provider.id, model.id) for provider in snapshot().providers for model in provider.models
    ]
