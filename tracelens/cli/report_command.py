"""`tracelens report`: what people report, and the requests that they mean."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import click

from tracelens.api import BugReport, TraceLens
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
from tracelens.errors import ExitCode, InputError, UsageError
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
NAMES = ("report_id", "id", "session_id", "at", "said", "corrected_text", "expected_text", "status")
LISTED = (
    *("report_id", "status", "at", "request_id", "id", "session_id"),
    *("said", "corrected_text", "expected_text"),
)
TEXT_LIMIT = 20_000


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
        met = lens.add_reports([_report(row)])
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
    reports, refused = [], 0
    for place, row in _rows(file):
        try:
            reports.append(_report(row))
        except UsageError as error:
            narrate(f"{plain(file)}: {place} is left out: {plain(error)}")
            refused += 1
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


def _rows(file: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Where each row stands, and its columns."""
    try:
        text = file.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{file} cannot be read: {error}") from error
    if text.lstrip()[:1] == "{":
        lines = enumerate(text.split("\n"), 1)
        yield from ((f"line {at}", _object(line)) for at, line in lines if line.strip())
    else:
        table = csv.DictReader(io.StringIO(text, newline=""))
        yield from ((f"row {at}", row) for at, row in enumerate(table, 1))


def _object(line: str) -> Mapping[str, Any]:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _report(row: Mapping[str, Any]) -> BugReport:
    """A row as a report. Raises UsageError for one that cannot be."""
    for name in row:
        if name not in NAMES:
            near = get_close_matches(str(name), NAMES, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(NAMES)}"
            raise UsageError(f"unknown column {str(name)[:80]!r}: {hint}")
    text = {name: _text(row.get(name)) for name in NAMES if name != "at"}
    if not text["report_id"]:
        raise UsageError("it has no report_id")
    nanos = _nanos(row.get("at"))
    if text["id"] is None and (text["session_id"] is None or nanos is None):
        raise UsageError(f"{text['report_id']!r} names no request: an id, or a session and a time")
    return BugReport(
        text["report_id"],
        nanos,
        text["said"],
        text["id"],
        None,
        text["session_id"],
        text["corrected_text"],
        text["status"] or "open",
        text["expected_text"],
    )


def _text(value: Any) -> str | None:
    return str(value)[:TEXT_LIMIT].encode("utf-8", "replace").decode() if value else None


def _nanos(value: Any) -> int | None:
    if not value:
        return None
    when = value if isinstance(value, datetime) else _time(str(value))
    return int(when.timestamp()) * 10**9 + when.microsecond * 1_000


def _time(text: str) -> datetime:
    try:
        when = datetime.fromisoformat(text)
    except ValueError as error:
        raise UsageError(f"{text[:80]!r} is no time: write 2026-11-25T14:30:00Z") from error
    return when if when.tzinfo else when.replace(tzinfo=UTC)
