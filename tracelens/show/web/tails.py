"""The tail in words, cards and tables: who pays, what is different, and how it is counted."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any, Final

from tracelens.analyse.different import condition_words
from tracelens.analyse.tails.values import Budgets, Figures, Group, Tail
from tracelens.show.palette import LIGHT, Palette
from tracelens.show.web.html import (
    NOTHING,
    amount,
    duration,
    moment,
    money,
    percent,
    safe,
    stylesheet,
)
from tracelens.show.web.overview import span_of_time
from tracelens.show.web.parts import (
    Column,
    bar,
    cause_words,
    inputs_name,
    link,
    metrics,
    stage_name,
    table,
)
from tracelens.show.words import counted

#: Requests below which a tail of 1 % or less says nothing, and for a selection at all.
FEW, TOO_FEW = 500, 30
NAMES: Final = {"cost": "cost", "latency": "duration", "ttfa": "time to first audio"}
METRIC_NAMES: Final = {"cost": "Cost", "latency": "Latency", "ttfa": "First audio"}
#: Points of a line in a card, its width and height in pixels.
SPARK: Final = (30, 200, 36)

Params = Mapping[str, Any]


def tail_facts(tail: Tail) -> str:
    """Where the tail begins, of how many requests it is, and from when to when."""
    if not tail.n:
        return ""
    name = NAMES[tail.metric]
    said = f"{counted(tail.n, 'request')}, {span_of_time(tail.first, tail.last)}"
    if tail.cut.from_value is not None and tail.cut.share is not None:
        value = amount(tail.unit, tail.cut.from_value)
        said = f"The tail begins at a {name} of {value}. Of {said}"
    if tail.n_unknown:
        said += f"; {tail.n_unknown:,} more have no known {name}"
    return f"{said}."


def tail_metrics_html(tail: Tail, palette: Palette, *, links: bool = True) -> str:
    """Figures in cards: what it comes to, what the tail has of it, and how the ends compare."""
    cost, latency = _range_card(tail, "cost", palette), _range_card(tail, "latency", palette)
    cards = {
        "cost": [_total(tail, palette, links), _share_card(tail, palette), cost, latency],
        "latency": [
            latency,
            _range_card(tail, "ttfa", palette),
            _over(tail),
            _total(tail, palette, links),
        ],
        "ttfa": [
            _range_card(tail, "ttfa", palette),
            latency,
            _over(tail),
            _total(tail, palette, links),
        ],
    }[tail.metric]
    return metrics(*(card for card in [*cards, _in_tail(tail)] if card))


def _card(name: str, value: str, notes: Sequence[str], spark: str = "") -> str:
    lines = "".join(f'<dd class="tl-note-line">{note}</dd>' for note in notes if note)
    return f"<div><dt>{safe(name)}</dt><dd>{value}</dd>{lines}{spark}</div>"


def _total(tail: Tail, palette: Palette, links: bool) -> str:
    now = tail.figures["cost"]
    if not now.n:
        return _card(
            "Total cost",
            NOTHING,
            ["no prices are known" + (f": {link('set them', 'settings')}" if links else "")],
        )
    partly = now.unpriced_spans or now.n_unknown or now.n_lower_bound
    least = '<span class="tl-least">≥</span> ' if partly else ""
    missing = [counted(now.unpriced_spans, "span") + " unpriced"] if now.unpriced_spans else []
    missing += [f"{counted(now.n_unknown, 'request')} without a cost"] if now.n_unknown else []
    notes = [_change_line(tail, "cost", "total"), " · ".join(missing)]
    spark = _spark(tail, "total", palette) if tail.metric == "cost" else ""
    return _card("Total cost", f"{least}{money(now.total)}", notes, spark)


def _share_card(tail: Tail, palette: Palette) -> str:
    name = f"Paid by the top {percent(tail.top)}"
    if tail.cut.share is None:
        return _card(name, NOTHING, ["too few requests"])
    points = _change_line(tail, tail.metric, "top_share")
    value = f"{100 * tail.cut.share:.1f} %"
    return _card(
        name,
        value,
        [points, f"each {amount(tail.unit, tail.cut.from_value)} or more"],
        _spark(tail, "top_share", palette),
    )


def _range_card(tail: Tail, metric: str, palette: Palette) -> str:
    now = tail.figures.get(metric)
    unit = "USD" if metric == "cost" else "ms"
    if now is None or not now.n:
        return ""
    value = (
        f'<span class="tl-two">{amount(unit, now.median)} <small>/</small>'
        f" {amount(unit, now.p99)}</span>"
    )
    apart = ""
    if now.median and now.p99:
        apart = f"{now.p99 / now.median:,.{0 if now.p99 / now.median >= 10 else 1}f}× apart"
    elif now.p99 is None:
        apart = f"{counted(now.n, 'request')}: too few for a p99"
    notes = [_change_line(tail, metric, "p99", "p99 "), apart]
    spark = _spark(tail, "median", palette) if metric == tail.metric else ""
    return _card(f"Median / p99 {METRIC_NAMES[metric].lower()}", value, notes, spark)


def _over(tail: Tail) -> str:
    over = tail.all.over_budget
    if over is None:
        return ""
    return _card("Over budget", f"{over:,}", [f"{percent(over / max(tail.n, 1))} of requests"])


def _in_tail(tail: Tail) -> str:
    return _card("Requests in the tail", f"{tail.cut.n:,}", [f"of {tail.n:,}"])


def _change_line(tail: Tail, metric: str, name: str, prefix: str = "") -> str:
    """How a figure changed against the period before; worse and better have a sign too."""
    if tail.before is None or tail.before_in_part:
        return ""
    now, before = getattr(tail.figures[metric], name), getattr(tail.before[metric], name)
    if now is None or not before:
        return "none to compare in the period before" if name == "total" else ""
    difference = 100 * (now - before if name == "top_share" else now / before - 1)
    unit = "points" if name == "top_share" else "%"
    if abs(difference) < 0.05:
        return f"{prefix}as in the period before"
    sign, tone = ("▲", "tl-worse") if difference > 0 else ("▼", "tl-better")
    digits = 1 if abs(difference) < 10 else 0
    return (
        f'<span class="tl-note-line {tone}">{prefix}<b>{sign} {difference:+,.{digits}f} {unit}'
        "</b></span> against the period before"
    )


def _spark(tail: Tail, column: str, palette: Palette) -> str:
    """A figure over time as a small line; the page shows it large further below."""
    values = [value for value in tail.trend[column].to_list() if value is not None]
    points, width, height = SPARK
    values = values[:: max(1, len(values) // points)]
    if len(values) < 3:
        return ""
    low, high = min(values), max(values)
    step, span = width / (len(values) - 1), (high - low) or 1.0
    line = " ".join(
        f"{at * step:.1f},{2 + (height - 4) * (1 - (value - low) / span):.1f}"
        for at, value in enumerate(values)
    )
    drawn = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}"'
        f' preserveAspectRatio="none"><polygon points="0,{height} {line} {width},{height}"'
        f' fill="{palette.panel}"/><polyline points="{line}" fill="none" stroke="{palette.accent}"'
        ' stroke-width="1.6" vector-effect="non-scaling-stroke"/></svg>'
    )
    data = base64.b64encode(drawn.encode()).decode()
    return f'<dd class="tl-spark"><img alt="" src="data:image/svg+xml;base64,{data}"></dd>'


def exemplars_html(rows: Sequence[Mapping[str, Any]], metric: str, *, links: bool = True) -> str:
    """The highest requests, each a link to its answer; `rows` are those of `EXEMPLARS`."""
    most = max((_bar_value(row, metric) for row in rows), default=1.0) or 1.0
    columns = (
        Column("Request", "short"),
        Column("Came in", "came"),
        Column("Cost" if metric == "cost" else "Took", "number"),
        Column("Took" if metric == "cost" else "Cost", "number"),
        Column("Failed", "short"),
    )
    return table(
        "The highest requests", columns, (list(_exemplar(r, metric, most, links)) for r in rows)
    )


def _bar_value(row: Mapping[str, Any], metric: str) -> float:
    return float(row["value"] or 0.0)


def _exemplar(row: Mapping[str, Any], metric: str, most: float, links: bool) -> Iterator[str]:
    request = row["request_id"]
    shown = f"<code>{safe(request[:8])}</code>"
    title = f"Explain request {request}"
    yield link(shown, "explain", title=title, id=request) if links else shown
    size = _size(row)
    yield safe(inputs_name(row["inputs"] or "none"), limit=60) + (
        f"<small>{safe(size)}</small>" if size else ""
    )
    unit = "USD" if metric == "cost" else "ms"
    least = "≥ " if metric == "cost" and row["cost_is_lower_bound"] else ""
    yield bar(_bar_value(row, metric), most, f" {least}{amount(unit, row['value'])}")
    yield duration(row["duration_ms"]) if metric == "cost" else money(row["cost_usd"])
    yield _how_it_fared(row)


def _size(row: Mapping[str, Any]) -> str:
    """What was large about it: `1,705 s audio · 53 MP`."""
    seconds, pixels, pages = row["audio_seconds"], row["megapixels"], row["pages"]
    tokens = row["input_tokens"]
    parts = [f"{seconds:,.{0 if seconds >= 1 else 1}f} s audio"] if seconds else []
    parts += [f"{pixels:,.1f} MP"] if pixels else []
    parts += [counted(pages, "page")] if pages else []
    parts += [counted(tokens, "token")] if tokens and len(parts) < 2 else []
    return " · ".join(parts)


def _how_it_fared(row: Mapping[str, Any]) -> str:
    if row["failed"] is None:
        return "not known"
    if not row["failed"]:
        return "no"
    name = f'<span class="tl-is-fail">✕ {safe(stage_name(row["stage"]))}</span>'
    return name + f"<small>{safe(cause_words(row['cause']))}</small>" if row["cause"] else name


def groups_table_html(tail: Tail, params: Params) -> str:
    """Who pays, as a table: the twin of the curves and of the distributions."""
    unit = tail.unit
    columns = (
        Column("Came in"),
        Column("Requests", "number"),
        Column("Of traffic", "number"),
        Column("Of the tail", "number"),
        *((Column("Total", "number"), Column("Of the bill", "number")) if unit == "USD" else ()),
        Column("Its top 1 % has", "number"),
        Column("Median", "number"),
        Column("p95", "number"),
        Column("p99", "number"),
        Column("Gini", "number"),
    )
    rows = (_group_row(tail, group, params) for group in (*tail.groups, tail.all))
    return table("By what came in", columns, rows)


def _group_row(tail: Tail, group: Group, params: Params) -> list[str]:
    unit = tail.unit
    everyone = group is tail.all
    name = "none" if group.by is None else str(group.by)
    head = "<b>all together</b>" if everyone else safe(inputs_name(name), limit=60)
    if not everyone and tail.by == "modality":
        given: dict[str, Any] = {**params, "mod": name}
        title = f"Only requests with {inputs_name(name)}"
        head = link(head, "tails", title=title, **given)
    least = "≥ " if group.n_lower_bound else ""
    money_cells = [f"{least}{amount(unit, group.total)}", percent(group.share)]
    return [
        head,
        f"{group.n:,}",
        percent(group.traffic),
        percent(group.in_tail / tail.cut.n if tail.cut.n else None),
        *(money_cells if unit == "USD" else ()),
        percent(group.top_share.get("0.01")),
        *(amount(unit, group.quantiles.get(name)) for name in ("p50", "p95", "p99")),
        NOTHING if group.gini is None else f"{group.gini:.2f}",
    ]


def times_table_html(tail: Tail, params: Params) -> str:
    """The heat map as a table of its times, each a link to what is different about it."""
    columns = (
        Column("From, UTC", "when"),
        Column("Requests", "number"),
        Column("Highest", "number"),
        Column("Its request", "short"),
        Column("What is different", "short"),
    )
    counts: dict[int, int] = {}
    for begin, n in tail.heat.cells.select("begin_unix_nano", "n").rows():
        counts[begin] = counts.get(begin, 0) + n
    ends = dict(zip(tail.heat.times[:-1], tail.heat.times[1:], strict=True))
    rows = []
    for row in tail.heat.highest.iter_rows(named=True):
        begin, request = row["begin_unix_nano"], row["request_id"]
        box = box_text((begin, ends[begin], tail.heat.values[0], tail.heat.values[-1]))
        rows.append(
            [
                moment(begin).removesuffix(" UTC"),
                f"{counts.get(begin, 0):,}",
                amount(tail.unit, row["value"]),
                link(
                    f"<code>{safe(request[:8])}</code>",
                    "explain",
                    id=request,
                    title=f"Explain request {request}",
                ),
                link(
                    "Select",
                    "tails",
                    title=f"Select requests from {moment(begin)} on",
                    **{**params, "sel": box},
                ),
            ]
        )
    return table("Requests by time", columns, rows)


def box_text(box: tuple[int, int, float, float]) -> str:
    """A part of the heat map for an address: times in whole seconds, values with five digits.

    Bounds are rounded outwards, so that no request at an edge is lost.
    """
    begin, end, low, high = box
    second = 10**9
    return f"{begin // second},{-(-end // second)},{_rounded(low, -1)},{_rounded(high, 1)}"


def _rounded(value: float, way: int) -> str:
    return f"{value * (1 + way * 1e-5):.6g}"


def parse_box(text: str) -> tuple[int, int, float, float] | None:
    """The part of the heat map that an address names; None for what names none."""
    parts = text.split(",")
    try:
        begin, end = (int(part) for part in parts[:2])
        low, high = (float(part) for part in parts[2:])
    except ValueError:
        return None
    if not (0 <= begin < end < 9 * 10**9 and 0 <= low <= high < float("inf")):
        return None
    return begin * 10**9, end * 10**9, low, high


def box_sentence(box: tuple[int, int, float, float], unit: str, n: int | None) -> str:
    """What is selected, in words."""
    begin, end, low, high = box
    count = f"{counted(n, 'request')} of " if n is not None else ""
    return (
        f"{count}{amount(unit, low)} to {amount(unit, high)}, begun from {moment(begin)}"
        f" to {moment(end)}"
    )


def different_table_html(rows: Sequence[Mapping[str, Any]], unit: str) -> str:
    """What is different, as a table with the figures that the order rests on."""
    columns = (
        Column("What"),
        Column("In the selection", "number"),
        Column("Elsewhere", "number"),
        Column("Likelier", "number"),
        Column("Excess", "number"),
        Column("Requests", "number"),
        Column("q", "number"),
        Column("Kind", "short"),
    )
    return table("What is different", columns, (_different_row(row, unit) for row in rows))


def _different_row(row: Mapping[str, Any], unit: str) -> list[str]:
    same = row.get("same_rows") or ()
    more = (
        f"<small>nearly the same requests: {safe(_same(same), limit=160)}</small>" if same else ""
    )
    ratio = row.get("risk_ratio")
    excess = row.get("excess")
    q = row.get("q")
    return [
        safe(condition_words(row["attribute"], row["value"]), limit=120) + more,
        percent(row["in_tail"]),
        percent(row["in_rest"]),
        NOTHING if ratio is None else f"{ratio:,.1f}×",
        amount(unit, excess),
        f"{row['n_tail']:,}" if row.get("n_tail") is not None else NOTHING,
        NOTHING if q is None else ("< 0.0001" if q < 1e-4 else f"{q:.4f}"),
        "part of the measure" if row.get("kind") == "mechanism" else "",
    ]


def _same(same: Sequence[Any]) -> str:
    return "; ".join(str(each) for each in same)


def trend_table_html(tail: Tail) -> str:
    """The trend as a table."""
    is_cost = tail.unit == "USD"
    columns = (
        Column("From, UTC", "when"),
        Column("Requests", "number"),
        *((Column("Total", "number"),) if is_cost else ()),
        Column("Median", "number"),
        Column("p99", "number"),
        Column(f"Share of its top {percent(tail.top)}", "number"),
        Column("In the tail", "number"),
    )
    rows = [
        [
            moment(row["begin_unix_nano"]).removesuffix(" UTC"),
            f"{row['n']:,}",
            *((money(row["total"]),) if is_cost else ()),
            amount(tail.unit, row["median"]),
            amount(tail.unit, row["p99"]),
            percent(row["top_share"]),
            f"{row['in_tail']:,}",
        ]
        for row in tail.trend.iter_rows(named=True)
    ]
    return table(f"Per {tail.bucket}", columns, rows)


def limit_of(budgets: Budgets, inputs: str | None) -> float | None:
    """The budget of requests with these inputs, the first that means them; None for none.

    Of all requests (None) it is the one that means every input.
    """
    return next(
        (
            limit
            for glob, limit in budgets
            if glob == "*" or (inputs is not None and fnmatchcase(inputs.lower(), glob.lower()))
        ),
        None,
    )


def method_html(tail: Tail, *, links: bool = True) -> str:
    """How the figures were counted, and what they leave out."""
    figures: Figures = tail.figures["cost"]
    said = [
        "All figures are of requests that were observed, each counted; nothing is sampled or"
        " extrapolated. Quantiles are shown only where at least one request is expected beyond.",
        "A cost that the emitter reported goes before one from a price list; a span that contains"
        " priced spans is not counted again. A unit without a price is left out, not free.",
    ]
    if figures.unpriced_spans:
        said.append(
            f"{counted(figures.unpriced_spans, 'span')} without a price: what their requests cost"
            " is a lower bound, or not known."
        )
    said.append(
        "What is different is tested against everything else, with a correction for how much was"
        " tried (false discovery rate); it says what goes together, not what causes what."
    )
    more = f" {link('Prices and policy', 'settings')}." if links else ""
    return f'<p class="tl tl-quiet tl-method">{safe(" ".join(said))}{more}</p>'


PAGE_LOOK: Final = """
@page { size: A4 portrait; margin: 10mm 12mm; }
:root { color-scheme: light; }
body { margin: 0; font-size: 11px; line-height: 1.35; color: #0E1622; background: #FFFFFF;
  font-family: Inter, system-ui, "Segoe UI", Roboto, sans-serif; }
h1 { font-size: 1.35rem; line-height: 1.2; margin: 0; }
p { margin: .3rem 0 0; }
figure { margin: .5rem 0 0; break-inside: avoid; }
figcaption { font-weight: 600; }
figure img { width: 100%; height: 50mm; object-fit: contain; }
dl.tl-metrics { grid-template-columns: repeat(5, minmax(0, 1fr)) !important; gap: .4rem;
  margin-top: .5rem !important; }
.tl-metrics div { padding: .4rem .5rem; }
.tl-metrics dt, .tl-metrics dd.tl-note-line { font-size: .7rem; line-height: 1.25; }
.tl-metrics dd, .tl-metrics .tl-two { font-size: .9rem; white-space: normal; line-height: 1.3; }
.tl-spark img { height: 20px; }
.tl-method { margin-top: .4rem; font-size: .7rem; max-width: none; line-height: 1.3; }
"""


#: Between a number and its unit, and between a sign and its number.
UNITS: Final = re.compile(r"(?<=\d) (?=%|(?:ms|s|min|h|days|points|MP|pages?|tokens?)\b)")
SIGNS: Final = re.compile(r"((?:[≥▲▼]|&[lg]t;)(?:</\w+>)?) (?=[$+−\d-])")


def unbroken(html: str) -> str:
    """HTML whose amounts stay on one line: `24.79 s` with a no-break space."""
    return SIGNS.sub("\\1\u00a0", UNITS.sub("\u00a0", html))


def one_page_html(tail: Tail, headline: str, charts: Sequence[tuple[str, bytes]]) -> str:
    """Its headline, cards, charts (what each says, and SVG) and method, to be printed on A4."""
    drawn = [_figure(said, svg) for said, svg in charts]
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\';'
        " style-src 'unsafe-inline'; img-src data:\">"
        f"<title>{safe(headline)}</title><style>{stylesheet()}{PAGE_LOOK}</style></head><body>"
        f"<h1>{unbroken(safe(headline))}</h1><p>{unbroken(safe(tail_facts(tail)))}</p>"
        f"{unbroken(tail_metrics_html(tail, LIGHT, links=False))}"
        f"{''.join(drawn)}{unbroken(method_html(tail, links=False))}</body></html>"
    )


def _figure(said: str, svg: bytes) -> str:
    data = base64.b64encode(svg).decode()
    return (
        f"<figure><figcaption>{unbroken(safe(said))}</figcaption>"
        f'<img alt="" src="data:image/svg+xml;base64,{data}"></figure>'
    )
