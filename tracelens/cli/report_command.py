"""`tracelens report`: what people report, and the requests that they mean."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import click

from tracelens.api import TraceLens, make_report, read_reports
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
from tracelens.errors import ExitCode, InputError
from tracelens.show.records import rfc3339
from tracelens.show.text import frame_table, plain

EPILOG = """\b
Examples:
  tracelens report add BUG-17 --id 4bf92f3577b34da6a3ce929d0e0e4736 --said "wrong day"
  tracelens report add BUG-18 --session call-7 --at 2026-11-25T14:30:00Z
  tracelens report import reports.csv
  tracelens explain BUG-17
"""
IMPORT_EPILOG = """\b
Examples:
  tracelens report import reports.csv
  tracelens report import reports.jsonl --store ./incident

Columns: report_id, and id (of any kind) or session_id and at; beside them said, corrected_text,
expected_text and status. A row with a known report_id replaces the old report.
"""
LISTED = (
    *("report_id", "status", "at", "request_id", "id", "session_id"),
    *("said", "corrected_text", "expected_text"),
)


@click.group("report", epilog=EPILOG)
def command() -> None:
    """Keep bug reports: each counts as evidence on the request that it means."""


@command.command("add", epilog=EPILOG)
@click.argument("report_id")
@click.option("--id", "target", help="The request: any id that `explain` takes.")
@click.option("--session", help="Its session, with --at, where no id is known.")
@click.option("--at", type=WhenType(), help="When it went wrong (UTC).")
@click.option("--said", help="What the report says.")
@click.option("--correct", "corrected_text", help="What the user had really said.")
@click.option("--expected", "expected_text", help="What should have been answered.")
@click.option("--status", default="open", show_default=True, help="A word of your own.")
@store_option
@policy_option
@quiet_option
def add(
    report_id: str,
    target: str | None,
    session: str | None,
    at: datetime | None,
    said: str | None,
    corrected_text: str | None,
    expected_text: str | None,
    status: str,
    store: Path,
    policy_file: Path | None,
    quiet: bool,
) -> int:
    """Keep one bug report, and judge the request that it means in its light."""
    given = {"report_id": report_id, "id": target, "session_id": session, "said": said}
    row = {**given, "at": at, "corrected_text": corrected_text, "status": status}
    row["expected_text"] = expected_text
    with TraceLens(store, policy_file) as lens:
        met = lens.add_reports([make_report(row)])
    where = f"`tracelens explain {plain(report_id)}` answers it" if met else "no request is its yet"
    narrate(f"kept bug report {plain(report_id)}; {where}", quiet=quiet)
    return ExitCode.DONE


@command.command("import", epilog=IMPORT_EPILOG)
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@store_option
@policy_option
@quiet_option
def import_(file: Path, store: Path, policy_file: Path | None, quiet: bool) -> int:
    """Keep the bug reports of a CSV or JSON lines file."""
    try:
        text = file.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{file} cannot be read: {error}") from error
    reports, refused = read_reports(text)
    for place, why in refused:
        narrate(f"{plain(file)}: {place} is left out: {plain(why)}")
    if not reports:
        raise InputError(f"{file} holds no bug report that can be kept")
    with TraceLens(store, policy_file) as lens:
        met = lens.add_reports(reports)
    narrate(f"kept {len(reports):,} bug reports; {met:,} mean a stored request", quiet=quiet)
    return ExitCode.PARTLY_LOADED if refused else ExitCode.DONE


@command.command("list", epilog=EPILOG)
@store_option
@format_option()
@quiet_option
def list_(store: Path, shape: str | None, quiet: bool) -> int:
    """List all bug reports, each with the request that it means."""
    with TraceLens(store) as lens:
        rows = lens.reports().to_dicts()
    for row in rows:
        row |= {"at": rfc3339(row["reported_unix_nano"]), "id": row["target"]}
    records = [{name: row[name] for name in LISTED} for row in rows]
    shape = chosen_format(shape)
    if shape != "table":
        print_records(records, shape, LISTED)
    elif records:
        print_rich(frame_table(LISTED, [list(each.values()) for each in records]))
    if not records:
        narrate("no bug reports", quiet=quiet)
    return ExitCode.DONE


@command.command("remove", epilog=EPILOG)
@click.argument("ids", nargs=-1, required=True, metavar="REPORT_ID…")
@store_option
@policy_option
@quiet_option
def remove(ids: tuple[str, ...], store: Path, policy_file: Path | None, quiet: bool) -> int:
    """Drop bug reports, and judge what they meant as if they had never been."""
    with TraceLens(store, policy_file) as lens:
        lens.withdraw_reports(ids)
    narrate(f"removed {', '.join(map(plain, ids))}", quiet=quiet)
    return ExitCode.DONE
