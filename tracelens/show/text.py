"""What a person reads on a terminal: tables, the load report, and the answer on one request."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from typing import Any, Final

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.padding import Padding
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from tracelens.analyse import Explanation
from tracelens.show.chain import chain_sentence
from tracelens.show.confidence import percent, sureness
from tracelens.show.costs import (
    cost_name,
    cost_sentence,
    price_name,
    quantity_name,
    source_name,
    unit_name,
)
from tracelens.show.records import rfc3339, to_json, visible
from tracelens.show.standing import over_budget, standing_sentence
from tracelens.show.usual import usual_sentence
from tracelens.show.words import counted

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
COSTS_SHOWN = 40
#: Counts of the load report that people see.
LOADED = ("read", "stored", "duplicate", "rejected")
#: Columns below which a verdict in a table, a table of evidence, or a cell says too little.
VERDICT_WIDTH = 16
EVIDENCE_WIDTH = 100
CELL_WIDTH = 8
LOADS_WIDTH = 90
GROUPS_WIDTH = 120
#: Inputs and reasons that a load report lists on a terminal.
SOURCES_SHOWN = 40
REASONS_SHOWN = 3
#: Columns of requests of which their table is made.
TABLE_COLUMNS = (
    *("request_id", "started_at", "start_unix_nano", "failed", "stage", "boundary", "cause"),
    *("duration_ms", "confidence", "stale", "verdict"),
)


STALE_WAY_OUT: Final = "`tracelens locate` judges anew"


def plain(value: Any) -> str:
    """Text from a trace in one line, safe on a terminal: control characters made visible."""
    return visible(str(value))


@dataclass(frozen=True)
class Adaptive:
    """One rendering for terminals of at least some columns, another for narrower ones."""

    least: int
    wide: RenderableType
    narrow: RenderableType

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield self.wide if options.max_width >= self.least else self.narrow


def requests_table(records: Sequence[Mapping[str, Any]]) -> RenderableType:
    """Requests, one line each: when, id, outcome, place, cause, confidence, duration, verdict."""
    widths = _widths(records)
    fixed = 19 + 12 + 8 + 9 + 5 + sum(width for _, width in widths) + 2 * 9
    lines = Group(*(_request_lines(record) for record in records))
    return Adaptive(fixed + VERDICT_WIDTH, _requests_table(records, widths), lines)


def _requests_table(
    records: Sequence[Mapping[str, Any]], widths: Sequence[tuple[str, int]]
) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim", expand=True)
    for name, least in (("started", 19), ("request", 12), ("failed", 8), *widths):
        table.add_column(name, no_wrap=True, min_width=least)
    table.add_column("sure", justify="right", no_wrap=True, min_width=9)
    table.add_column("ms", justify="right", no_wrap=True, min_width=5)
    table.add_column("verdict", ratio=1, overflow="ellipsis", no_wrap=True)
    for record in records:
        table.add_row(
            _started(record),
            str(record["request_id"])[:12],
            _failed(record["failed"]),
            _stage(record["stage"]),
            plain(record["boundary"] or ""),
            plain(record["cause"] or ""),
            _sure(record),
            _milliseconds(record),
            Text(plain(record["verdict"] or "")),
        )
    return table


def _request_lines(record: Mapping[str, Any]) -> Text:
    """A request where a table does not fit: its facts, and the verdict below."""
    took = _milliseconds(record)
    line = Text(f"{str(record['request_id'])[:12]} ")
    line.append_text(_failed(record["failed"]))
    sure = _sure(record)
    line.append(f"{f' {sure}' if sure else ''} {_started(record)}", style="dim")
    line.append(f"{f' {took} ms' if took else ''}\n", style="dim")
    line.append(f"  {plain(record['verdict'] or '')}")
    return line


def _sure(record: Mapping[str, Any]) -> str:
    """The confidence in the stage that is named."""
    unnamed = record["confidence"] is None or record["stage"] == "undetermined"
    return "" if unnamed else percent(record["confidence"])


def _started(record: Mapping[str, Any]) -> str:
    return str(record["started_at"] or "")[:19].replace("T", " ")


def _milliseconds(record: Mapping[str, Any]) -> str:
    return "" if record["duration_ms"] is None else f"{record['duration_ms']:,.0f}"


def _widths(records: Sequence[Mapping[str, Any]]) -> list[tuple[str, int]]:
    names = ("stage", "boundary", "cause")
    return [(name, max([len(str(r[name] or "")) for r in records], default=0)) for name in names]


def _failed(failed: bool | None) -> Text:
    if failed is None:
        return Text("? cannot tell", style="dim")
    return Text("✗ failed", style="bold red") if failed else Text("✓ no", style="green")


def _stage(stage: str | None) -> Text:
    return Text(stage or "", style=STAGE_COLOURS.get(stage or "", ""))


def groups_table(groups: Sequence[Mapping[str, Any]]) -> RenderableType:
    """Groups of failures, one line each: how many, where, why, since when, and one to look at."""
    table = Table(box=None, pad_edge=False, header_style="dim", expand=True)
    table.add_column("failures", justify="right", no_wrap=True)
    table.add_column("where", no_wrap=True)
    table.add_column("cause", no_wrap=True)
    table.add_column("model and error", ratio=1, overflow="fold")
    for name in ("first seen", "last seen", "example"):
        table.add_column(name, no_wrap=True)
    for group in groups:
        said = " ".join(plain(group[key]) for key in ("model", "signature") if group[key])
        table.add_row(
            f"{group['n']:,} ({_percent(group['share'])})",
            _where(group),
            plain(group["cause"] or ""),
            Text(said),
            *(_minute(group[key]) for key in ("first_seen", "last_seen")),
            group["examples"][0][:12],
        )
    lines = Group(*(_group_lines(group) for group in groups))
    return Adaptive(GROUPS_WIDTH, table, lines)


def _percent(share: float) -> str:
    return f"{share:.0%}".replace("%", " %")


def _group_lines(group: Mapping[str, Any]) -> Text:
    line = Text(f"{group['n']:,} ({_percent(group['share'])}) ")
    line.append_text(_where(group))
    line.append(f" {plain(group['cause'] or '')} {group['examples'][0][:12]}\n")
    said = " ".join(plain(group[key]) for key in ("model", "signature") if group[key])
    seen = " to ".join(_minute(group[key]) for key in ("first_seen", "last_seen"))
    line.append(f"  {said}\n  {seen}" if said else f"  {seen}", style="dim")
    return line


def _where(row: Mapping[str, Any]) -> Text:
    """The boundary where there is one, else the stage, in the colour of the stage."""
    stage = row["stage"]
    return Text(plain(row["boundary"] or stage or ""), style=STAGE_COLOURS.get(stage or "", ""))


def _minute(when: datetime | None) -> str:
    return "" if when is None else f"{when:%Y-%m-%d %H:%M}"


def emitters_list(emitters: Sequence[Mapping[str, Any]]) -> RenderableType:
    """Each emitter with how it is known, what is read from it, and what it cannot show."""
    return Group(*(Padding(_emitter(each), (0, 0, 1, 0)) for each in emitters))


def _emitter(emitter: Mapping[str, Any]) -> Text:
    text = Text(emitter["name"], style="bold")
    text.append(f"  {emitter['title']}\n", style="dim")
    text.append(f"  known by {', '.join(emitter['known_by'])}\n", style="dim")
    for sign, style, key in (("+", "green", "reads"), ("?", "yellow", "blind_to")):
        for sentence in emitter[key]:
            text.append(f"  {sign} ", style=style)
            text.append(f"{sentence}\n", style="none")
    text.rstrip()
    return text


def explanation_text(explained: Explanation) -> RenderableType:
    """The answer on one request: verdict, rail, texts that differ, evidence, spans."""
    parts: list[RenderableType] = [_head(explained), _rail(explained.request)]
    parts += [_difference(row) for row in explained.texts if _differs(row)]
    parts.append(_evidence(explained.request))
    parts += [Text(f"{plain(each)}\n", style="dim") for each in (explained.runner_up,) if each]
    parts += [Text(f"To decide: {plain(each)}.\n", style="yellow") for each in explained.settle]
    usual = usual_sentence(explained.usual)
    parts += [Text(f"{plain(each)}\n", style="dim") for each in (usual,) if each]
    chain = chain_sentence(explained.chain)
    parts += [Text(f"{plain(each)}\n", style="dim") for each in (chain,) if each]
    parts += _costs(explained)
    parts.append(_span_tree(explained.spans))
    if explained.links.get("similar_failures"):
        parts.append(_similar(explained.links["similar_failures"]))
    return Group(*parts)


def _head(explained: Explanation) -> RenderableType:
    request = explained.request
    facts = [
        f"request {request['request_id']}",
        f"trace {request['trace_id']}",
        _moment(request["start_unix_nano"]),
        "duration unknown"
        if request["duration_ms"] is None
        else f"{request['duration_ms']:,.0f} ms",
        *(plain(request[key]) for key in ("service", "emitter", "session_id") if request[key]),
    ]
    verdict = Text(plain(request["verdict"]), style=_verdict_style(request))
    sure = [Text(plain(line)) for line in (sureness(request),) if line]
    old = [Text(f"Judged by older rules: {STALE_WAY_OUT}.", style="yellow")] * request["stale"]
    over = [Text(f"Over budget: {plain(each)}.", style="yellow") for each in over_budget(request)]
    stands = standing_sentence(explained.percentiles)
    told = [Text(f"{plain(stands)}.", style="dim")] if stands else []
    facts_line = Text(" · ".join(facts), style="dim")
    return Group(verdict, *sure, facts_line, *told, *over, *old, Text(""))


def stale_sentence(count: int) -> str:
    """How many verdicts are stale, and what to do."""
    were = "1 verdict is" if count == 1 else f"{count:,} verdicts are"
    return f"{were} by older rules (stale); {STALE_WAY_OUT}"


def profile_sentences(changes: Sequence[Mapping[str, Any]]) -> list[str]:
    """What profiles expect otherwise than before, a sentence per kind of request."""
    kinds = groupby(changes, key=itemgetter("service", "role", "emitter", "heard"))
    return [plain(f"{_kind(kind)}: {_changes([*rows])}") for kind, rows in kinds]


def brief_sentences(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Stages that hardly any request ran, where that may be an outage, and what to do."""
    return [plain(_brief(row)) for row in rows]


def _brief(row: Mapping[str, Any]) -> str:
    kind = _kind([row[name] for name in ("service", "role", "emitter", "heard")])
    days = counted(row["days"], "day")
    return (
        f"{kind}: {row['ran']:,} of {row['requests']:,} ran {row['stage']}, on {days}; that may be"
        " an outage and changes nothing. Where it is meant so, say it in a policy:"
        f" [[expect]] service = {to_json(row['service'])}, stages = […]"
    )


def unlearned_sentence(row: Mapping[str, Any]) -> str:
    """Many requests of a service lack a stage, and nothing is known of it."""
    are = "is" if row["requests"] == 1 else "are"
    return plain(
        f"{counted(row['requests'], 'request')} of {row['service']} {are} said to lack"
        f" {row['stage']}; if they never have it, `tracelens locate` learns that over some days, or"
        f" say it in a policy: [[expect]] service = {to_json(row['service'])}, stages = […]"
    )


def _kind(kind: Sequence[Any]) -> str:
    service, role, emitter, heard = kind
    speech = {True: "with speech", False: "without speech", None: None}[heard]
    told = ", ".join(str(each) for each in (role, emitter, speech) if each is not None)
    return f"{service} ({told})"


def _changes(rows: Sequence[Mapping[str, Any]]) -> str:
    says = {True: "expected now", False: "no longer expected", None: "left to the policy again"}
    ordered = sorted(rows, key=lambda row: str(row["expected"]))
    return "; ".join(
        f"{', '.join(_counted(row) for row in same)} {says[expected]}"
        for expected, same in groupby(ordered, key=itemgetter("expected"))
    )


def _counted(row: Mapping[str, Any]) -> str:
    days = counted(row["days"], "day")
    return (
        f"{row['stage']} (ran in {row['ran']:,} of {counted(row['requests'], 'request')} on {days})"
    )


def _moment(nanos: int | None) -> str:
    """A time to the millisecond."""
    text = rfc3339(nanos)
    return "no start time" if text is None else f"{text[:23]}Z"


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
        return Text(f"{emitted} > {received}: the texts differ\n", style="dim")
    body = Text(f"{emitted} emitted, {received} received", style="dim")
    body.append("\n  ")
    for word in row["diff"]:
        shown = plain(word["text"].replace("\n", " "))
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
    rows = request["evidence"]
    narrow = Group(Text("Evidence", style="italic"), *(_evidence_lines(row) for row in rows))
    return Padding(Adaptive(EVIDENCE_WIDTH, _evidence_table(rows), narrow), (0, 0, 1, 0))


def _evidence_table(rows: Sequence[Mapping[str, Any]]) -> Table:
    table = Table(
        box=None, pad_edge=False, header_style="dim", title="Evidence", title_justify="left"
    )
    for name in ("", "check", "what was seen", "span", "attribute"):
        table.add_column(name, overflow="fold", ratio=1 if name == "what was seen" else None)
    for row in rows:
        table.add_row(
            _result(row),
            row["check"],
            Text(plain(row["sentence"] or "")),
            row["span_id"] or "",
            Text(plain(row["attribute"] or "")),
        )
    return table


def _evidence_lines(row: Mapping[str, Any]) -> Text:
    line = _result(row)
    line.append(f" {plain(row['sentence'] or '')}", style="none")
    where = " ".join(plain(row[key]) for key in ("check", "span_id", "attribute") if row[key])
    line.append(f"\n    {where}", style="dim")
    return line


def _result(row: Mapping[str, Any]) -> Text:
    glyph, style = RESULTS.get(row["result"], ("·", "dim"))
    return Text.assemble((glyph, style))


def _costs(explained: Explanation) -> list[RenderableType]:
    """What the request cost, and its lines where anything tells what was used."""
    said = cost_sentence(explained.request)
    if said is None:
        return []
    measured = [item for item in explained.cost if item["quantity"] is not None]
    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in ("stage", "model", "unit", "quantity", "price", "cost", "source"):
        right = name in ("quantity", "price", "cost")
        table.add_column(name, justify="right" if right else "left", overflow="fold")
    for item in explained.cost[:COSTS_SHOWN]:
        table.add_row(
            item["stage"],
            Text(plain(item["model"] or "")),
            unit_name(item["unit"]),
            quantity_name(item),
            price_name(item),
            cost_name(item),
            source_name(item),
        )
    more = len(explained.cost) - COSTS_SHOWN
    parts: list[RenderableType] = [Text(f"Cost {said}", style="italic")]
    if measured:
        parts.append(table)
    if measured and more > 0:
        parts.append(Text(f"… and {more:,} more lines", style="dim"))
    return [Padding(Group(*parts), (0, 0, 1, 0))]


def _span_tree(spans: Sequence[Mapping[str, Any]]) -> RenderableType:
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
        reason = plain(str(span["error"] or "no reason given").partition("\n")[0][:100])
        line.append(f" ✗ {reason}", style="red")
    return line


def _similar(similar: Sequence[Mapping[str, Any]]) -> RenderableType:
    lines = [Text("\nSimilar failures", style="italic")]
    lines += [
        Text(f"  {row['request_id']}  {_moment(row['start_unix_nano'])}", style="dim")
        for row in similar
    ]
    return Group(*lines)


def load_table(report: Mapping[str, Any]) -> RenderableType:
    """The load report: a sentence, a line per input, and what was odd or refused."""
    sources = _worth_showing(report["sources"])
    lines = Group(*(_load_lines(source) for source in sources))
    more = len(report["sources"]) - len(sources)
    return Group(
        Text(load_sentence(report), style="bold"),
        Adaptive(LOADS_WIDTH, _loads_table(sources), lines),
        *([Text(f"and {more:,} more inputs (--format json lists all)", style="dim")] * bool(more)),
        *(line for source in sources for line in _remarks(source)),
    )


def _worth_showing(sources: Sequence[Mapping[str, Any]]) -> Sequence[Mapping[str, Any]]:
    """As many inputs as somebody reads; those that were not loaded whole come first then."""
    if len(sources) <= SOURCES_SHOWN:
        return sources
    whole = ("loaded", "loaded_before")
    return sorted(sources, key=lambda source: source["status"] in whole)[:SOURCES_SHOWN]


def _loads_table(sources: Sequence[Mapping[str, Any]]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("input", overflow="fold", ratio=1)
    table.add_column("format", no_wrap=True)
    for name in LOADED:
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("status", no_wrap=True)
    for source in sources:
        counts = (f"{source[f'spans_{name}']:,}" for name in LOADED)
        table.add_row(Text(plain(source["path"])), source["format"] or "", *counts, _status(source))
    return table


def _load_lines(source: Mapping[str, Any]) -> Text:
    line = Text(f"{plain(source['path'])}\n  ")
    line.append_text(_status(source))
    counts = ", ".join(f"{source[f'spans_{name}']:,} {name}" for name in LOADED)
    line.append(f": {counts}", style="dim")
    return line


def load_sentence(report: Mapping[str, Any]) -> str:
    """How much of what was read is in the store and why the rest is not, in one sentence."""
    totals = report["totals"]
    read, rejected, known = (totals[f"spans_{name}"] for name in ("read", "rejected", "duplicate"))
    if read:
        share = "100" if not rejected else f"{min(100 * (read - rejected) / read, 99.9):.1f}"
        before = f" ({known:,} were there already)" if known else ""
        verb = "is" if read == 1 else "are"
        loaded = f"{share} % of {counted(read, 'span')} {verb} loaded{before}"
    else:
        loaded = "No spans were loaded"
    lost = _lost(rejected, totals["records_rejected"])
    return f"{loaded}; {lost}{_why(report['sources'])}." if lost else f"{loaded}."


def _lost(spans: int, records: int) -> str:
    parts = [f"{spans:,} {'was' if spans == 1 else 'were'} skipped"] if spans else []
    if records:
        parts.append(f"{counted(records, 'record')} could not be read")
    return ", ".join(parts)


def _why(sources: Sequence[Mapping[str, Any]]) -> str:
    """The commonest reasons for rejects, with how often."""
    reasons: Counter[str] = Counter()
    for source in sources:
        reasons.update(source["reject_reasons"])
    told = [f"{plain(reason)} ({count:,})" for reason, count in reasons.most_common(REASONS_SHOWN)]
    more = sum(reasons.values()) - sum(n for _, n in reasons.most_common(REASONS_SHOWN))
    told += [f"other reasons ({more:,})"] if more else []
    return f": {'; '.join(told)}" if told else ""


def _status(source: Mapping[str, Any]) -> Text:
    status = source["status"]
    colours = {"loaded": "green", "loaded_before": "dim", "partly_loaded": "yellow"}
    return Text.assemble((status.replace("_", " "), colours.get(status, "red")))


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


def matches_sentence(kind: str, total: int, shown: int) -> str:
    """What an id means when it means several requests."""
    first = "" if shown == total else f" (the first {shown:,} are listed)"
    what = "This prefix" if kind == "prefix" else f"This {kind} id"
    return f"{what} means {total:,} requests{first}; explain one of them by its id."


def matches_table(kind: str, total: int, records: Sequence[Mapping[str, Any]]) -> RenderableType:
    """What to choose from when an id means several requests."""
    head = Text(matches_sentence(kind, total, len(records)))
    return Group(head, requests_table(records))


def frame_table(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> RenderableType:
    """Any rows as a table; where their columns do not fit, a line for each value."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in names:
        table.add_column(Text(plain(name)), overflow="fold")
    for row in rows:
        table.add_row(*(Text(_shown(value)) for value in row))
    return Adaptive(CELL_WIDTH * len(names), table, Group(*_records(names, rows)))


def _records(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> Iterator[Text]:
    for number, row in enumerate(rows, 1):
        yield Text(f"row {number:,}", style="dim")
        for name, value in zip(names, row, strict=True):
            if value is not None:
                yield Text.assemble((f"  {plain(name)}: ", "dim"), _shown(value))


def _shown(value: Any) -> str:
    return "" if value is None else visible(str(value), keep="\n")
