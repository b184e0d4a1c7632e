"""`tracelens tail`: who has the tail of cost or latency, and what it is made of."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import click

from tracelens.api import BY, METRICS, PERIODS, Filters, TraceLens
from tracelens.cli.options import (
    WhenType,
    chosen_format,
    format_option,
    narrate,
    policy_option,
    print_records,
    print_rich,
    quiet_option,
    store_option,
)
from tracelens.errors import ExitCode
from tracelens.show.records import to_json
from tracelens.show.tail import group_records, headline, tail_record, tail_report, tail_tables

EPILOG = """\b
Examples:
  tracelens tail
  tracelens tail --metric latency --top 5% --by stage
  tracelens tail --inputs audio+image --since 2026-11-01 --timezone Europe/Berlin
  tracelens tail --period 7d --format markdown > tail.md
  tracelens tail --attribute deployment.environment --attribute tenant

A period is compared with the one of equal length before it.
"""


class ShareType(click.ParamType[float]):
    """A share: 1% or 0.01."""

    name = "share"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Parse it, or fail with the way to write it."""
        if isinstance(value, float):
            return value
        text = str(value).strip()
        try:
            number = float(text.removesuffix("%"))
        except ValueError:
            number = -1.0
        found = number / 100 if text.endswith("%") else number
        if not 0 < found <= 0.5:
            self.fail(
                f"{value!r} is no share of requests: write 1% or 0.01, 50% at most", param, ctx
            )
        return found


class LocalWhenType(WhenType):
    """A time of the time zone that was asked for, unless it names its own."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> datetime:
        """As it is written, without a time zone where none is written."""
        super().convert(value, param, ctx)
        return value if isinstance(value, datetime) else datetime.fromisoformat(str(value))


@click.command("tail", epilog=EPILOG)
@store_option
@policy_option
@click.option(
    "--metric", type=click.Choice(list(METRICS)), default="cost", show_default=True,
    help="What has a tail; ttfa is the time to the first audio.",
)  # fmt: skip
@click.option(
    "--top", type=ShareType(), default="1%", show_default=True, help="Share of requests it is."
)
@click.option("--by", type=click.Choice(BY), default="modality", show_default=True, help="Groups.")
@click.option("--inputs", help="Exactly what came in, for example audio+image, or none.")
@click.option("--modality", help="text, audio, image, video or document, in or out.")
@click.option("--model", help="A model that any stage used.")
@click.option("--service", help="Name of the service.")
@click.option("--session", help="Id of the session or conversation.")
@click.option("--since", type=LocalWhenType(), help="Started at or after this time.")
@click.option("--until", type=LocalWhenType(), help="Started before this time.")
@click.option(
    "--period", type=click.Choice(list(PERIODS)), default="all", show_default=True,
    help="The last days, up to the last request.",
)  # fmt: skip
@click.option("--where", help="SQL condition over the columns of requests.")
@click.option("--timezone", default="UTC", show_default=True, help="IANA name, for days and times.")
@click.option(
    "--limit", type=click.IntRange(min=1), default=20, show_default=True, help="Requests listed."
)
@click.option(
    "--attribute", "attributes", multiple=True,
    help="Span attribute to compare as well; * for the most frequent ones.",
)  # fmt: skip
@format_option()
@quiet_option
def command(
    store: Path,
    policy_file: Path | None,
    metric: str,
    top: float,
    by: str,
    period: str,
    timezone: str,
    limit: int,
    attributes: tuple[str, ...],
    shape: str | None,
    quiet: bool,
    **filters: Any,
) -> int:
    """Say who pays: which share the highest requests have, and what they are made of."""
    chosen = Filters(**filters)
    with TraceLens(store, policy_file) as lens:
        tail = lens.tail(
            metric,
            top=top,
            by=by,
            filters=chosen,
            period=period,
            timezone=timezone,
            exemplars=limit,
            attributes=attributes,
            progress=lambda done, of: narrate(f"attributes: part {done} of {of}", quiet=quiet),
        )
    shape = chosen_format(shape)
    if shape == "table":
        print_rich(tail_tables(tail))
    elif shape == "markdown":
        click.echo(tail_report(tail), nl=False)
    elif shape == "csv":
        print_records(group_records(tail), shape)
    else:
        click.echo(to_json(tail_record(tail), indent=2 if shape == "json" else None))
    if not tail.n:
        narrate(headline(tail), quiet=quiet)
    return ExitCode.DONE
