"""What a person reads on a terminal: tables, the load report, and the answer on one request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from tracelens.analyse import Explanation
from tracelens.show.records import rfc3339

GLYPHS = {
    "ok": ("✓", "green"),
    "failed": ("✗", "bold red"),
    "missing": ("✗", "bold red"),
    "degraded": ("~", "yellow"),
    "inherited": ("↳", "yellow"),
    "cancelled": ("⊘", "cyan"),
    "not_recorded": ("?", "dim"),
    "not_expected": ("·", "dim"),
}
STAGE_COLOURS = {"transcription": "blue", "reasoning": "magenta", "synthesis": "green"}
RAIL = ("transcription", "reasoning", "synthesis")
RESULTS = {"fails": ("✗", "red"), "passes": ("✓", "green"), "no_data": ("?", "dim")}
SPANS_SHOWN = 200


def plain(value: Any) -> str:
    """Text from a trace, safe on a terminal: control characters made visible."""
    text = str(value)
    return "".join(c if c.isprintable() or c == "\n" else repr(c)[1:-1] for c in text)


def requests_table(records: Sequence[Mapping[str, Any]]) -> RenderableType:
    """Requests, one line each: when, id, outcome, stage, boundary, cause, duration, verdict."""
    table = Table(box=None, pad_edge=False, header_style="dim", expand=True)
    for name, least in (("started", 19), ("request", 12), ("failed", 8), *_widths(records)):
        table.add_column(name, no_wrap=True, min_width=least)
    table.add_column("ms", justify="right", no_wrap=True, min_width=5)
    table.add_column("verdict", ratio=1, overflow="ellipsis", no_wrap=True)
    for record in records:
        table.add_row(
            str(record["started_at"] or "")[:19].replace("T", " "),
            str(record["request_id"])[:12],
            _failed(record["failed"]),
            _stage(record["stage"]),
            plain(record["boundary"] or ""),
            plain(record["cause"] or ""),
            "" if record["duration_ms"] is None else f"{record['duration_ms']:,.0f}",
            escape(plain(record["verdict"] or "")),
        )
    return table


def _widths(records: Sequence[Mapping[str, Any]]) -> list[tuple[str, int]]:
    names = ("stage", "boundary", "cause")
    return [(name, max([len(str(r[name] or "")) for r in records], default=0)) for name in names]


def _failed(failed: bool | None) -> Text:
    if failed is None:
        return Text("? cannot tell", style="dim")
    return Text("✗ failed", style="bold red") if failed else Text("✓ no", style="green")


def _stage(stage: str | None) -> Text:
    return Text(stage or "", style=STAGE_COLOURS.get(stage or "", ""))


def explanation_text(explained: Explanation, *, width: int = 100) -> RenderableType:
    """The answer on one request: verdict, rail, texts that differ, evidence, spans."""
    parts: list[RenderableType] = [_head(explained.request), _rail(explained.request)]
    parts += [_difference(row) for row in explained.texts if _differs(row)]
    parts += [_evidence(explained.request), _span_tree(explained.spans, width)]
    if explained.links.get("similar_failures"):
        parts.append(_similar(explained.links["similar_failures"]))
    return Group(*parts)


def _head(request: Mapping[str, Any]) -> RenderableType:
    facts = [
        f"request {request['request_id']}",
        f"trace {request['trace_id']}",
        f"{str(rfc3339(request['start_unix_nano']) or 'no start time')[:23]}Z",
        "duration unknown"
        if request["duration_ms"] is None
        else f"{request['duration_ms']:,.0f} ms",
        *(plain(request[key]) for key in ("service", "emitter", "session_id") if request[key]),
    ]
    verdict = Text(plain(request["verdict"]), style=_verdict_style(request))
    return Group(verdict, Text(" · ".join(facts), style="dim"), Text(""))


def _verdict_style(request: Mapping[str, Any]) -> str:
    if request["failed"] is None:
        return "bold"
    return "bold red" if request["failed"] else "bold green"


def _rail(request: Mapping[str, Any]) -> RenderableType:
    """The pipeline from left to right, what became of each stage and hand-over."""
    outcomes = {row["at"]: row["outcome"] for row in request["outcomes"]}
    rail = Text()
    for i, stage in enumerate(RAIL):
        if i:
            edge = f"{RAIL[i - 1]}>{stage}"
            rail.append(" ──")
            rail.append_text(_mark(outcomes.get(edge)))
            rail.append("── ")
        elif "input>transcription" in outcomes:
            rail.append("input ──")
            rail.append_text(_mark(outcomes["input>transcription"]))
            rail.append("── ")
        outcome = outcomes.get(stage, "not_expected")
        glyph, style = GLYPHS[outcome]
        rail.append(f"{glyph} {stage}", style=style)
        rail.append(f" ({outcome.replace('_', ' ')})", style="dim")
    if "reasoning>tool" in outcomes:
        rail.append("\n")
        rail.append("  tool calls: ", style="dim")
        rail.append_text(_mark(outcomes["reasoning>tool"]))
        rail.append(f" {outcomes['reasoning>tool'].replace('_', ' ')}", style="dim")
    return Padding(rail, (0, 0, 1, 0))


def _mark(outcome: str | None) -> Text:
    glyph, style = GLYPHS.get(outcome or "not_expected", ("·", "dim"))
    return Text("─" if outcome is None else glyph, style="" if outcome is None else style)


def _differs(row: Mapping[str, Any]) -> bool:
    return row.get("result") == "fails"


def _difference(row: Mapping[str, Any]) -> RenderableType:
    """Two texts in one: dropped words struck out between [- -], added ones between {+ +}."""
    emitted, _, received = str(row["boundary"]).partition(">")
    if "diff" not in row:
        return Text(f"{emitted} > {received}: the texts differ ({row['emitted']})\n", style="dim")
    body = Text(f"{emitted} emitted, {received} received", style="dim")
    body.append("\n  ")
    for word in row["diff"]:
        shown = plain(word["text"]).replace("\n", " ")
        if word["op"] == "dropped":
            body.append(f"[-{shown}-]", style="bold red strike")
        elif word["op"] == "added":
            body.append(f"{{+{shown}+}}", style="bold yellow")
        else:
            body.append(shown)
        body.append(" ")
    body.append("\n")
    return body


def _evidence(request: Mapping[str, Any]) -> RenderableType:
    table = Table(
        box=None, pad_edge=False, header_style="dim", title="Evidence", title_justify="left"
    )
    for name in ("", "check", "what was seen", "span", "attribute"):
        table.add_column(name, overflow="fold", ratio=1 if name == "what was seen" else None)
    for row in request["evidence"]:
        glyph, style = RESULTS.get(row["result"], ("·", "dim"))
        table.add_row(
            Text(glyph, style=style),
            row["check"],
            escape(plain(row["sentence"] or "")),
            row["span_id"] or "",
            escape(plain(row["attribute"] or "")),
        )
    return Padding(table, (0, 0, 1, 0))


def _span_tree(spans: Sequence[Mapping[str, Any]], width: int) -> RenderableType:
    """Spans under their parents, in order of time; more than a screen holds are counted."""
    tree = Tree(Text("Spans", style="italic"), guide_style="dim")
    nodes: dict[str, Tree] = {}
    shown = spans[:SPANS_SHOWN]
    known = {span["id"] for span in shown}
    waiting = list(shown)
    while waiting:
        ready = [s for s in waiting if s["parent"] not in known or s["parent"] in nodes]
        for span in ready or waiting[:1]:
            nodes[span["id"]] = nodes.get(span["parent"], tree).add(_span_line(span))
        done = {s["id"] for s in (ready or waiting[:1])}
        waiting = [s for s in waiting if s["id"] not in done]
    if len(spans) > SPANS_SHOWN:
        tree.add(Text(f"… and {len(spans) - SPANS_SHOWN:,} more spans", style="dim"))
    return tree


def _span_line(span: Mapping[str, Any]) -> Text:
    line = Text(plain(span["name"]), style=STAGE_COLOURS.get(span["stage"] or "", ""))
    took = "" if span["duration_ms"] is None else f" {span['duration_ms']:,.1f} ms"
    line.append(f"{took} {span['id']}", style="dim")
    if span["stage"]:
        line.append(f" {span['stage']}", style="dim")
    if span["status"] == "error":
        reason = plain(span["error"] or "no reason given").splitlines()[0][:100]
        line.append(f" ✗ {reason}", style="red")
    return line


def _similar(similar: Sequence[Mapping[str, Any]]) -> RenderableType:
    lines = [Text("\nSimilar failures", style="italic")]
    lines += [Text(f"  {row['request_id']}  {row['started_at']}", style="dim") for row in similar]
    return Group(*lines)


def load_table(report: Mapping[str, Any]) -> RenderableType:
    """The load report: a sentence, a line per input, and what was odd or refused."""
    totals = report["totals"]
    parts: list[RenderableType] = [Text(load_sentence(totals), style="bold")]
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("input", overflow="fold", ratio=1)
    table.add_column("format", no_wrap=True)
    for name in ("read", "stored", "duplicate", "rejected"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("status", no_wrap=True)
    for source in report["sources"]:
        table.add_row(
            escape(plain(source["path"])),
            source["format"] or "",
            *(
                f"{source[f'spans_{name}']:,}"
                for name in ("read", "stored", "duplicate", "rejected")
            ),
            Text(source["status"].replace("_", " "), style=_status_style(source["status"])),
        )
    parts.append(table)
    parts += [line for source in report["sources"] for line in _remarks(source)]
    return Group(*parts)


def load_sentence(totals: Mapping[str, int]) -> str:
    """How much of what was read is in the store, in one sentence."""
    read, rejected = totals["spans_read"], totals["spans_rejected"]
    if not read:
        return "No spans were loaded."
    loaded = 100 * (read - rejected) / read
    share = "100" if not rejected else f"{min(loaded, 99.9):.1f}"
    skipped = f"; {rejected:,} were rejected" if rejected else ""
    known = (
        f" ({totals['spans_duplicate']:,} were there already)" if totals["spans_duplicate"] else ""
    )
    records = totals["records_rejected"]
    lost = f" {records:,} records could not be read." if records else ""
    return f"{share} % of {read:,} spans are loaded{known}{skipped}.{lost}"


def _status_style(status: str) -> str:
    return {"loaded": "green", "loaded_before": "dim", "partly_loaded": "yellow"}.get(status, "red")


def _remarks(source: Mapping[str, Any]) -> list[Text]:
    lines = [
        Text(
            f"  note: {plain(each['message'])} ({each['count']:,}×, first at {each['first_at']})",
            style="dim",
        )
        for each in source["warnings"]
    ]
    for name, count in source["other_signals"].items():
        lines.append(Text(f"  skipped: {count:,} {name} records, which are not spans", style="dim"))
    for each in source["rejects"][:5]:
        where = f" at {each['at']}" if each["at"] else ""
        lines.append(Text(f"  rejected{where}: {plain(each['reason'])}", style="yellow"))
    return lines


def matches_table(kind: str, records: Sequence[Mapping[str, Any]]) -> RenderableType:
    """What to choose from when an id means several requests."""
    head = Text(f"This {kind} id means {len(records)} requests; explain one of them by its id:")
    return Group(head, requests_table(records))


def frame_table(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> RenderableType:
    """Any rows as a table."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in names:
        table.add_column(escape(plain(name)), overflow="fold")
    for row in rows:
        table.add_row(*("" if value is None else escape(plain(value)) for value in row))
    return table
