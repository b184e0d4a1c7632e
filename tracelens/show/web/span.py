"""One span as it was recorded: what it is, what it got and gave, its attributes and events."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from tracelens.show.records import to_json
from tracelens.show.web.html import NOTHING, duration, moment, safe

#: Characters of one value, and rows of a table, that a page shows.
VALUE_SHOWN = 4_000
ROWS_SHOWN = 300
RAW_SHOWN = 60_000


def span_html(span: Mapping[str, Any]) -> str:
    """Facts, texts, error, attributes, resource, events and links of `TraceLens.span`."""
    error = span["exception_message"] or span["status_message"]
    kind = "fail" if span["status"] == "error" else "plain"
    parts = [
        f'<dl class="tl-facts">{"".join(_facts(span))}</dl>',
        _quote("✕ Error", " ".join(filter(None, (span["exception_type"], error))), "tl-is-fail")
        if span["status"] == "error"
        else "",
        _quote("Received", span["text_in"]),
        _quote("Emitted", span["text_out"]),
        _table("Attributes", span["attributes"].items()),
        _table("Events", (_event(each) for each in span["events"])),
        _table("Links", ((each.get("trace_id"), each.get("span_id")) for each in span["links"])),
        _table("Resource", span["resource"].items(), folded=True),
        _raw(span),
    ]
    return (
        f'<section class="tl tl-card tl-{kind}" aria-label="Span">'
        f"<h2>{safe(span['name'], limit=160)}</h2>{''.join(parts)}</section>"
    )


def _facts(span: Mapping[str, Any]) -> Iterable[str]:
    stage = span["stage"]
    facts = {
        "Span": span["span_id"],
        "Parent": span["parent_span_id"],
        "Stage": f"{stage} (by {span['stage_by']})" if stage and span["stage_by"] else stage,
        "Role": span["role"],
        "Emitter": span["emitter"],
        "Model": span["model"],
        "Began": moment(span["start_unix_nano"]),
        "Took": duration(span["duration_ms"]),
        "Status": span["status"],
        "Finish reason": span["finish_reason"],
        "Scope": " ".join(filter(None, (span["scope_name"], span["scope_version"]))),
        "Odd": ", ".join(span["notes"] or []),
    }
    for name, value in facts.items():
        if value and value != NOTHING:
            yield f"<div><dt>{name}</dt><dd>{safe(value, limit=120)}</dd></div>"


def _quote(name: str, text: str | None, kind: str = "") -> str:
    if not text:
        return ""
    shown = safe(text, limit=VALUE_SHOWN)
    return f'<div class="tl-side {kind}"><span>{name}</span><p>{shown}</p></div>'


def _event(event: Mapping[str, Any]) -> tuple[Any, Any]:
    return event.get("name"), event.get("attributes") or ""


def _table(name: str, items: Iterable[tuple[Any, Any]], *, folded: bool = False) -> str:
    rows = list(items)
    if not rows:
        return ""
    body = "".join(
        f'<tr><th scope="row"><code>{safe(key, limit=200)}</code></th>'
        f"<td>{safe(_text(value), limit=VALUE_SHOWN)}</td></tr>"
        for key, value in rows[:ROWS_SHOWN]
    )
    more = len(rows) - ROWS_SHOWN
    rest = f'<p class="tl-more">and {more:,} more</p>' if more > 0 else ""
    state = "" if folded else "open"
    return (
        f"<details {state}><summary><b>{name}</b> <span>{len(rows):,}</span></summary>"
        f'<table class="tl-table tl-pairs"><tbody>{body}</tbody></table>{rest}</details>'
    )


def _text(value: Any) -> str:
    return value if isinstance(value, str) else to_json(value)


def _raw(span: Mapping[str, Any]) -> str:
    recorded = {key: value for key, value in span.items() if value not in (None, [], {})}
    text = to_json(recorded, indent=2)
    return (
        '<details><summary><b>As JSON</b></summary><pre class="tl-raw" tabindex="0">'
        f"{safe(text, limit=RAW_SHOWN)}</pre></details>"
    )
