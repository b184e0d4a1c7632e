"""Rows in the shapes of the contract: plain values that JSON, CSV and tables can carry."""

from __future__ import annotations

import csv
import io
import json
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Final

import polars as pl

from tracelens.analyse import Explanation

#: Columns of the requests view that are ours, not the contract's.
INTERNAL = ("shape", "inputs_hash", "load")

#: Characters that JSON allows as they are and that a terminal or an editor would act on: delete,
#: the C1 controls, line separators, and marks that turn the direction of text.
ACTING: Final = re.compile("[\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]")


def request_record(row: Mapping[str, Any]) -> dict[str, Any]:
    """One request as the contract names its fields: `outcomes` an object, times RFC 3339."""
    record = {key: value for key, value in row.items() if key not in INTERNAL}
    if "outcomes" in row:
        record["outcomes"] = {each["at"]: each["outcome"] for each in row["outcomes"]}
    record["started_at"] = rfc3339(row["start_unix_nano"])
    return record


def request_records(rows: pl.DataFrame) -> list[dict[str, Any]]:
    """Requests as the contract names their fields."""
    return [request_record(row) for row in rows.iter_rows(named=True)]


def record_names(rows: pl.DataFrame) -> list[str]:
    """The names of the fields of `request_records`, also when there are no rows."""
    return [name for name in rows.columns if name not in INTERNAL]


def explanation_record(explained: Explanation) -> dict[str, Any]:
    """The request's fields, and beside them spans, texts, critical_path, cost and links."""
    return {
        **request_record(explained.request),
        "spans": explained.spans,
        "texts": explained.texts,
        "critical_path": explained.critical_path,
        "lane": explained.lane,
        "chain": explained.chain,
        "cost": explained.cost,
        "runner_up": explained.runner_up,
        "settle": explained.settle,
        "usual": explained.usual,
        "percentiles": explained.percentiles,
        "links": {
            name: [_neighbour(row) for row in value] if isinstance(value, list) else value
            for name, value in explained.links.items()
        },
    }


def spans_frame(explained: Explanation) -> pl.DataFrame:
    """The spans of a request as a table of plain text and numbers, in order of time."""
    start = explained.request["start_unix_nano"]
    rows = [
        {
            "name": visible(str(span["name"])),
            "stage": span["stage"],
            "status": span["status"],
            "starts_ms": None
            if None in (start, span["start_unix_nano"])
            else (span["start_unix_nano"] - start) / 1e6,
            "duration_ms": span["duration_ms"],
            "span": span["id"],
            "parent": span["parent"],
        }
        for span in explained.spans
    ]
    schema = {
        **dict.fromkeys(("name", "stage", "status"), pl.String),
        **dict.fromkeys(("starts_ms", "duration_ms"), pl.Float64),
        **dict.fromkeys(("span", "parent"), pl.String),
    }
    return pl.DataFrame(rows, schema=schema)


def _neighbour(row: Mapping[str, Any]) -> dict[str, Any]:
    return {**row, "started_at": rfc3339(row["start_unix_nano"])}


def rfc3339(nanos: int | None) -> str | None:
    """A time in UTC with all nine digits of its nanoseconds."""
    if nanos is None:
        return None
    seconds, rest = divmod(nanos, 1_000_000_000)
    try:
        whole = datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, ValueError, OSError):
        return None
    return f"{whole:%Y-%m-%dT%H:%M:%S}.{rest:09d}Z"


def to_json(value: Any, *, indent: int | None = None) -> str:
    """JSON text; times as RFC 3339, bytes as hex, numbers that are none as null."""
    text = json.dumps(_finite(value), indent=indent, ensure_ascii=False, default=_plain)
    return ACTING.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def visible(text: str, *, keep: str = "") -> str:
    """Text from a trace, safe on a terminal: control characters as escapes, but those to keep."""
    if text.isprintable():
        return text
    return "".join(c if _harmless(c) or c in keep else repr(c)[1:-1] for c in text)


def _harmless(c: str) -> bool:
    # Spaces of any width, and the joiners that many scripts cannot be written without.
    return c.isprintable() or c in "\u200c\u200d" or unicodedata.category(c) == "Zs"


def to_csv(records: Iterable[Mapping[str, Any]], names: Sequence[str] | None = None) -> str:
    """CSV with a header; nested values as JSON, and no cell that a spreadsheet would run.

    `names` are the columns that are wanted; without them, all those of the first record.
    """
    rows = [{key: _csv_cell(value) for key, value in record.items()} for record in records]
    out = io.StringIO()
    names = names or (list(rows[0]) if rows else [])
    if not names:
        return ""
    writer = csv.DictWriter(out, names, lineterminator="\n", extrasaction="ignore")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def to_markdown(records: Iterable[Mapping[str, Any]]) -> str:
    """A markdown table; pipes, line ends and markup in the cells are escaped."""
    rows = [{key: _cell(value) for key, value in record.items()} for record in records]
    if not rows:
        return ""
    names = list(rows[0])
    return markdown_table(names, ([str(row[name]) for name in names] for row in rows)) + "\n"


def markdown_table(names: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Cells of text as a markdown table; what they say is escaped."""
    lines = [f"| {' | '.join(map(escape_markdown, cells))} |" for cells in (names, *rows)]
    return "\n".join([lines[0], f"|{'---|' * len(names)}", *lines[1:]])


def escape_markdown(text: str) -> str:
    """Text that shows as it is in markdown: no markup, no table cell, no HTML, no line end."""
    flat = visible(" ".join(text.split()))
    for sign in "\\`*[]|#~":
        flat = flat.replace(sign, f"\\{sign}")
    flat = re.sub(r"(?<!\w)_|_(?!\w)", r"\\_", flat)  # inside a word it is no markup
    return flat.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _cell(value: Any) -> Any:
    if value is None:
        return ""
    if isinstance(value, list | dict):
        return to_json(value)
    return _plain(value) if isinstance(value, datetime | date | bytes) else value


def _csv_cell(value: Any) -> Any:
    cell = _cell(value)
    if not isinstance(cell, str):
        return cell
    risky = cell[:1] in ("=", "+", "-", "@", "\t", "\r")
    shown = visible(cell, keep="\n\t")
    return f"'{shown}" if risky else shown


def _plain(value: Any) -> str:
    if isinstance(value, datetime):
        return f"{value.isoformat()}Z" if value.tzinfo is None else value.isoformat()
    return value.hex() if isinstance(value, bytes) else str(value)


def _finite(value: Any) -> Any:
    if isinstance(value, Decimal):
        value = int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return None
    if isinstance(value, Mapping):
        return {key: _finite(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(inner) for inner in value]
    return value
