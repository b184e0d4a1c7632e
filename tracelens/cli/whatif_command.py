"""`tracelens whatif`: caps, routing and latency budgets, replayed over what is stored."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import click

from tracelens.api import Filters, Rules, TraceLens, WhatIf, make_rules, rules_toml
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
from tracelens.cli.rule_words import budget_row, cap_row, route_row
from tracelens.errors import ExitCode, UsageError
from tracelens.show.records import to_json
from tracelens.show.what_if import (
    modality_records,
    what_if_markdown,
    what_if_record,
    what_if_sentence,
    what_if_text,
)

EPILOG = """\b
Examples:
  tracelens whatif --cap audio_seconds=30:truncate
  tracelens whatif --cap megapixels=2:downscale,modality=*image* --budget reasoning=4s
  tracelens whatif --route "small-model,modality=text,input_tokens<=500" --since 2026-11-01
  tracelens whatif --policy mine.toml --format markdown
  tracelens whatif --cap images=3:reject --toml >> mine.toml
"""


@click.command("whatif", epilog=EPILOG)
@store_option
@policy_option
@click.option(
    "--cap", "caps", multiple=True, help="SIZE=MAX:HOW; HOW is reject, truncate or downscale."
)
@click.option(
    "--route", "routes", multiple=True, help="MODEL and conditions: SIZE<=N, SIZE>=N, NAME=GLOB."
)
@click.option(
    "--budget", "budgets", multiple=True, help="STAGE=TIME or request=TIME, such as reasoning=4s."
)
@click.option("--modality", help="text, audio, image, video or document, in or out.")
@click.option("--model", help="A model that any stage used.")
@click.option("--service", help="Name of the service.")
@click.option("--since", type=WhenType(), help="Started at or after this time (UTC).")
@click.option("--until", type=WhenType(), help="Started before this time (UTC).")
@click.option(
    "--limit",
    type=click.IntRange(min=0),
    default=100,
    show_default=True,
    help="Touched requests that json lists.",
)
@click.option("--toml", "as_toml", is_flag=True, help="Print the rules as rows of a policy.")
@format_option("table", "json", "markdown", "csv", piped="json")
@quiet_option
def command(
    store: Path,
    policy_file: Path | None,
    caps: tuple[str, ...],
    routes: tuple[str, ...],
    budgets: tuple[str, ...],
    modality: str | None,
    model: str | None,
    service: str | None,
    since: datetime | None,
    until: datetime | None,
    limit: int,
    as_toml: bool,
    shape: str | None,
    quiet: bool,
) -> int:
    """Say what stored requests would cost and take under caps, routing and latency budgets.

    Ranges are given where recorded traffic does not tell, and what becomes of the answers it never
    does. Without --cap, --route and --budget the rows of the policy are tried. Each takes
    modality=GLOB and service=GLOB after a comma; a cap and a route also model=GLOB.
    """
    filters = Filters(modality=modality, model=model, service=service, since=since, until=until)
    tables = {
        "cap": [cap_row(text) for text in caps],
        "route": [route_row(text) for text in routes],
        "budget": [budget_row(text) for text in budgets],
    }
    with TraceLens(store, policy_file) as lens:
        rules = make_rules(tables, lens.policy) if any(tables.values()) else Rules.of(lens.policy)
        if not rules.named():
            raise UsageError(
                "there is nothing to try: give --cap, --route or --budget, or a policy with such"
                " rows (--policy)"
            )
        answer = lens.what_if(rules, filters, limit=limit)
    if not answer.n:
        narrate("no requests match", quiet=quiet)
    if as_toml:
        narrate(what_if_sentence(answer), quiet=quiet)
        click.echo(rules_toml(rule for _, rule in rules.named()), nl=False)
    else:
        _print(answer, chosen_format(shape, "json"))
        for effect in answer.rules:
            if effect.refused_because:
                narrate(f"{effect.rule}: {effect.refused_because}", quiet=quiet)
    return ExitCode.DONE


def _print(answer: WhatIf, shape: str) -> None:
    if shape == "table":
        print_rich(what_if_text(answer))
    elif shape == "markdown":
        click.echo(what_if_markdown(answer), nl=False)
    elif shape == "csv":
        print_records(modality_records(answer), shape)
    else:
        click.echo(to_json(what_if_record(answer), indent=2))
