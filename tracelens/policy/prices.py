"""Price rows: what a policy file, and our own list of prices, say of what a unit of usage costs."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from typing import Any, Final

import polars as pl

from tracelens.model import UNITS
from tracelens.policy.problems import is_number, unknown


@dataclasses.dataclass(frozen=True)
class Price:
    """One row of `[[price]]`: what models whose name matches charge for a unit.

    `match` is a regular expression (syntax of the Rust crate regex) over the whole name of a
    model, with or without a vendor before a slash, letter case ignored; `provider` a glob over its
    provider, which then must be recorded. `usd` is the price of `per` of the unit, from the day
    `since` (UTC) on, or from ever. A row with `billed_as` instead of `usd` says that the unit is
    charged at the rate of another one. `source` is where it is published, `checked` the day on
    which it was read there.
    """

    match: str
    unit: str
    usd: float | None = None
    per: float = 1.0
    billed_as: str | None = None
    provider: str | None = None
    since: date | None = None
    source: str = ""
    checked: date | None = None


#: How rows are written where a field's name is a word of Python.
KEYS: Final = {"as": "billed_as", "from": "since"}


def make_price(row: Mapping[str, Any]) -> Price:
    """The row as its type; it must have no problems."""
    values = {KEYS.get(key, key): value for key, value in row.items()}
    if "provider" in values:
        values["provider"] = values["provider"].lower()
    return Price(**values)


def price_problems(row: Mapping[str, Any]) -> Iterator[str]:
    """What cannot work in one row of `[[price]]`."""
    names = {KEYS.get(key, key): key for key in ("as", "from")}
    known = [names.get(field.name, field.name) for field in dataclasses.fields(Price)]
    yield from unknown(row, known, "key of [[price]]")
    yield from _bad_match(row.get("match"))
    yield from unknown([str(row.get("unit"))], UNITS, "unit in [[price]]")
    if ("usd" in row) == ("as" in row):
        yield "[[price]] needs either usd (a price) or as (a unit at whose rate it is charged)"
    if "as" in row:
        yield from unknown([str(row["as"])], UNITS, "value of `as` in [[price]]")
    if not _is_price(row.get("usd", 0)):
        yield f"[[price]] usd = {row['usd']!r} is not a number from 0"
    if not _is_price(row.get("per", 1)) or row.get("per", 1) == 0:
        yield f"[[price]] per = {row['per']!r} is not a number above 0"
    for key in ("from", "checked"):
        if not _day(row.get(key, date.min)):
            yield f"[[price]] {key} = {row[key]!r} is not a day: write 2026-01-31, without quotes"
    for key in ("provider", "source"):
        if not isinstance(row.get(key, ""), str):
            yield f"[[price]] {key} = {row[key]!r} is not text"


def _bad_match(match: Any) -> Iterator[str]:
    if not isinstance(match, str):
        yield f"[[price]] match = {match!r} is not a regular expression over names of models"
        return
    try:
        pl.select(pl.lit("").str.contains(whole(match)))
    except pl.exceptions.PolarsError as error:
        yield f"[[price]] match = {match!r} is no regular expression: {error}"


def whole(match: str) -> str:
    """The regular expression that matches whole texts, whatever their letter case."""
    return f"(?i)^(?:{match})$"


def _is_price(value: Any) -> bool:
    return is_number(value) and math.isfinite(value)


def _day(value: Any) -> bool:
    return isinstance(value, date) and not isinstance(value, datetime)
