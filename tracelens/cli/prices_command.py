"""`tracelens prices`: what models cost, and what was used of which no price is known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from tracelens.api import PRICE_FIELDS, UNPRICED_FIELDS, TraceLens, price_rows
from tracelens.cli.options import (
    chosen_format,
    format_option,
    narrate,
    policy_option,
    print_records,
    print_rich,
    quiet_option,
    store_option,
)
from tracelens.errors import ExitCode, UsageError
from tracelens.show.costs import provider_name
from tracelens.show.records import rfc3339
from tracelens.show.text import frame_table, plain

EPILOG = """\b
Examples:
  tracelens prices
  tracelens prices --model gpt-4o
  tracelens prices --unpriced
  tracelens prices --unpriced --toml >> mine.toml
  tracelens prices --model nova-3 --toml

Prices come from the rows of [[price]] in a policy, then from our own list (speech), then from
genai-prices (models). Nothing is fetched. A unit without a price of its own has none: its cost is
unknown, and totals read "≥ $x". Fill in the price of a row, and have `tracelens locate --policy
mine.toml` put it into what was judged before.
"""


@click.command("prices", epilog=EPILOG)
@store_option
@policy_option
@click.option("--unpriced", is_flag=True, help="List what was used without a price.")
@click.option("--model", help="The prices of a model, by its name; needs no store.")
@click.option("--all", "everything", is_flag=True, help="All models of genai-prices; no store.")
@click.option("--toml", is_flag=True, help="Print rows for a policy file.")
@format_option()
@quiet_option
def command(
    store: Path,
    policy_file: Path | None,
    unpriced: bool,
    model: str | None,
    everything: bool,
    toml: bool,
    shape: str | None,
    quiet: bool,
) -> int:
    """Show the prices of the models in the store, or what was used that has none."""
    if sum((unpriced, model is not None, everything)) > 1:
        raise UsageError("--unpriced, --model and --all are different questions: ask one of them")
    with TraceLens(store, policy_file) as lens:
        rows = lens.unpriced() if unpriced else lens.prices(model, everything=everything)
    if toml:
        click.echo(_toml(rows, unpriced), nl=False)
    elif unpriced:
        _print_unpriced(rows, chosen_format(shape))
    else:
        _print_prices(rows, chosen_format(shape))
    _narrate(rows, unpriced, model, quiet)
    return ExitCode.DONE


def _toml(rows: Sequence[Mapping[str, Any]], unpriced: bool) -> str:
    if not unpriced:
        return price_rows(rows)
    return "\n".join(dict.fromkeys(row["row"] for row in rows if row["row"]))


def _print_prices(rows: Sequence[Mapping[str, Any]], shape: str) -> None:
    if shape == "table":
        told = [{**row, "provider": provider_name(row)} for row in rows]
        _print(told, PRICE_FIELDS[:-1], shape)
    else:
        _print(rows, PRICE_FIELDS, shape)


def _print_unpriced(rows: Sequence[Mapping[str, Any]], shape: str) -> None:
    times = ("first_seen", "last_seen")
    records = [{**row, **{name: rfc3339(row[name]) for name in times}} for row in rows]
    if shape == "table":  # rows to paste are for --toml: they would fill the screen
        days = [{**row, **{name: (row[name] or "")[:10] for name in times}} for row in records]
        told = [{**row, "unit": row["unit"] or "(no usage recorded)"} for row in days]
        _print(told, UNPRICED_FIELDS[:-2], shape)
    else:
        _print(records, UNPRICED_FIELDS, shape)


def _print(rows: Sequence[Mapping[str, Any]], names: Sequence[str], shape: str) -> None:
    if shape != "table":
        print_records(rows, shape, names)
    elif rows:
        print_rich(frame_table(names, [[_shown(row[name]) for name in names] for row in rows]))


def _shown(value: Any) -> Any:
    return f"{value:,.9g}" if isinstance(value, float) else value


def _narrate(
    rows: Sequence[Mapping[str, Any]], unpriced: bool, model: str | None, quiet: bool
) -> None:
    if unpriced and rows:
        narrate("--toml prints rows to start from; their prices have to be filled in", quiet=quiet)
    elif unpriced:
        narrate("everything that was used has a price", quiet=quiet)
    elif not rows:
        what = "the models in this store" if model is None else plain(model)
        narrate(f"no price is known for {what}", quiet=quiet)
