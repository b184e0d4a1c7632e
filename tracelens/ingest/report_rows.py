"""Bug reports from rows of text: what a form, a CSV file or JSON lines say."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from difflib import get_close_matches
from typing import Any, Final

from tracelens.errors import UsageError
from tracelens.store import BugReport

NAMES: Final = (
    *("report_id", "id", "session_id", "at"),
    *("said", "corrected_text", "expected_text", "status"),
)
TEXT_LIMIT: Final = 20_000


def read_reports(text: str) -> tuple[list[BugReport], list[tuple[str, str]]]:
    """The reports of a CSV table or of JSON lines, and of the other rows where and why not.

    Columns are `NAMES`: `report_id`, and `id` (of any kind) or `session_id` and `at`.
    """
    reports, refused = [], []
    for place, row in _rows(text.removeprefix("\ufeff")):
        try:
            reports.append(make_report(row))
        except UsageError as error:
            refused.append((place, str(error)))
    return reports, refused


def _rows(text: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Where each row stands, and its columns."""
    if text.lstrip()[:1] == "{":
        lines = enumerate(text.split("\n"), 1)
        yield from ((f"line {at}", _object(line)) for at, line in lines if line.strip())
    else:
        yield from _table(text)


def _table(text: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    table = enumerate(csv.DictReader(io.StringIO(text, newline="")), 1)
    at = 0
    while True:
        try:
            at, row = next(table)
        except StopIteration:
            return
        except csv.Error as error:
            # Nothing tells where the next row begins.
            yield f"row {at + 1} and all after it", {f"no CSV ({error})": None}
            return
        yield f"row {at}", row


def _object(line: str) -> Mapping[str, Any]:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def make_report(row: Mapping[str, Any]) -> BugReport:
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
