"""A tail for people and programs: its headline, the fields of the contract, tables, a report."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from rich.console import Group as Lines
from rich.console import RenderableType
from rich.text import Text

from tracelens.analyse.different import condition_words
from tracelens.analyse.tails.values import TOPS, Figures, Group, Tail
from tracelens.show.records import escape_markdown, markdown_table, rfc3339
from tracelens.show.text import frame_table, plain
from tracelens.show.web.html import NOTHING, duration, money
from tracelens.show.web.parts import share as share_of
from tracelens.show.words import counted

#: From how many ms on a total is told in a longer unit.
DAY: Final = 86_400_000
HOUR: Final = 3_600_000
LONG: Final = ((2 * DAY, DAY, "days"), (2 * HOUR, HOUR, "h"))
#: What having the tail is called, and all of it.
WORDS: Final = {
    "cost": ("paid", "the bill", "Cost"),
    "latency": ("took", "all the time that requests took", "Latency"),
    "ttfa": ("waited", "all the time until the first audio", "Time to first audio"),
}
BY_NAMES: Final = {
    "modality": "inputs",
    "stage": "stage",
    "model": "model",
    "service": "service",
    "emitter": "emitter",
    "user": "user",
    "content": "content",
    "none": "",
}
#: Contributions that a report lists of each kind.
LISTED: Final = 8


def headline(tail: Tail) -> str:
    """What the tail is, in one or two sentences."""
    verb, whole, name = WORDS[tail.metric]
    if not tail.n and not tail.n_unknown:
        return "No requests match."
    if not tail.n:
        return f"{name} is not known of any request."
    if tail.cut.share is None:
        return (
            f"{name} is known of {counted(tail.n, 'request')}: too few to speak of the highest"
            f" {top_name(tail)} of them."
        )
    first = f"{top_name(tail)} of requests {verb} {share(tail.cut.share)} of {whole}."
    kind = _leading(tail)
    if kind is None:
        return first
    inputs, part, traffic = kind
    whose = "came from" if tail.metric == "cost" else "is of"
    return (
        f"{first} {share(part)} of that tail {whose} {plain(inputs)} requests,"
        f" which are {share(traffic)} of traffic."
    )


def _leading(tail: Tail) -> tuple[str, float, float] | None:
    """The inputs with the largest share of the tail: name, that share, and share of requests."""
    kinds = tail.contributions.filter(by="modality").drop_nulls("tail_share")
    if kinds.height < 2:
        return None
    first = kinds.row(0, named=True)
    known = tail.concentration.filter(series=first["value"])["n"].max()
    if not isinstance(known, int):
        return None
    return first["value"], first["tail_share"], known / tail.n


def at_least(tail: Tail) -> str | None:
    """What the total leaves out, in a sentence; None when it is whole."""
    if tail.metric != "cost" or not (tail.unpriced_spans or tail.n_unknown):
        return None
    total = amount(tail.all.total, tail.unit)
    said = f"The total is ≥ {total}" if tail.all.total is not None else "There is no total"
    return (
        f"{said}: spans unpriced: {tail.unpriced_spans:,}, requests without a known cost:"
        f" {tail.n_unknown:,}."
    )


def tail_record(tail: Tail) -> dict[str, Any]:
    """The fields of the contract, and beside them everything that the tail has."""
    return {
        "metric": tail.metric,
        "unit": tail.unit,
        "n": tail.n,
        "n_unknown": tail.n_unknown,
        "groups": [asdict(group) for group in tail.groups],
        "different": list(tail.different),
        "exemplars": tail.exemplars["request_id"].to_list(),
        "headline": headline(tail),
        "different_state": tail.different_state,
        "top": tail.top,
        "by": tail.by,
        "timezone": tail.timezone,
        **{name: rfc3339(getattr(tail, name)) for name in ("begin", "end", "first", "last")},
        "n_lower_bound": tail.n_lower_bound,
        "unpriced_spans": tail.unpriced_spans,
        "all": asdict(tail.all),
        "tail": asdict(tail.cut),
        "groups_left": tail.groups_left,
        "figures": {name: asdict(each) for name, each in tail.figures.items()},
        "before": None
        if tail.before is None
        else {name: asdict(each) for name, each in tail.before.items()},
        "before_in_part": tail.before_in_part,
        "change": tail.change,
        "contributions": tail.contributions.to_dicts(),
        "payers": tail.payers.to_dicts(),
        "concentration": tail.concentration.to_dicts(),
        "higher": tail.higher.to_dicts(),
        "bucket": tail.bucket,
        "trend": tail.trend.to_dicts(),
        "trend_by_stage": tail.trend_by_stage.to_dicts(),
        "heat": {
            "times": list(tail.heat.times),
            "values": list(tail.heat.values),
            "cells": tail.heat.cells.to_dicts(),
            "highest": tail.heat.highest.to_dicts(),
        },
        "exemplar_rows": tail.exemplars.to_dicts(),
    }


def group_records(tail: Tail) -> list[dict[str, Any]]:
    """One flat row per group."""
    return [
        {
            "metric": tail.metric,
            "unit": tail.unit,
            "by": group.by,
            "n": group.n,
            "n_unknown": group.n_unknown,
            **group.quantiles,
            "total": group.total,
            "share": group.share,
            "traffic": group.traffic,
            **{f"top_{name}": group.top_share[name] for name in TOPS},
            "gini": group.gini,
            "over_budget": group.over_budget,
            "n_lower_bound": group.n_lower_bound,
            "unpriced_spans": group.unpriced_spans,
            "in_tail": group.in_tail,
            "tail_share": group.tail_share,
        }
        for group in tail.groups
    ]


def tail_tables(tail: Tail) -> RenderableType:
    """The headline, and tables of groups, what the tail is made of, and its highest requests."""
    parts: list[RenderableType] = [Text(headline(tail), style="bold")]
    if note := at_least(tail):
        parts.append(Text(note, style="dim"))
    for title, heads, rows in (_groups(tail), _made_of(tail), _different(tail), _exemplars(tail)):
        if rows:
            parts += [Text(f"\n{title}", style="italic"), frame_table(heads, rows)]
    if none := _no_difference(tail):
        parts.append(Text(f"\n{none}"))
    return Lines(*parts)


def tail_report(tail: Tail) -> str:
    """Markdown that can be forwarded; what traces say is escaped."""
    name = WORDS[tail.metric][2]
    lines = [f"# {name}: the highest {top_name(tail)} of requests"]
    lines += [
        "",
        escape_markdown(headline(tail)),
        "",
        *(f"- {escape_markdown(each)}" for each in _facts(tail)),
    ]
    tables = [_totals(tail), _groups(tail), *_payers(tail), _made_of(tail, LISTED)]
    for title, heads, rows in tables:
        lines += _section(title, heads, rows)
    lines += _section(*_different(tail))
    if none := _no_difference(tail):
        lines += ["", none]
    lines += _section(*_exemplars(tail))
    lines += ["", "## How this was computed", "", *(f"- {each}" for each in _method(tail))]
    return "\n".join(lines) + "\n"


Part = tuple[str, Sequence[str], list[list[str]]]


def _facts(tail: Tail) -> Iterator[str]:
    zone = ZoneInfo(tail.timezone)
    first, last = (
        local_time(tail.begin if tail.begin is not None else tail.first, zone),
        local_time(tail.end if tail.end is not None else tail.last, zone),
    )
    yield f"Period: {first} to {last} ({tail.timezone})"
    if tail.before_in_part:
        yield "The period before is stored in part only: no comparison"
    yield f"Requests: {tail.n:,} with a known value, {tail.n_unknown:,} without"
    if note := at_least(tail):
        yield note


def _totals(tail: Tail) -> Part:
    now = tail.figures[tail.metric]
    told = tail.before is not None and not tail.before_in_part
    before = tail.before[tail.metric] if told and tail.before else None
    rows = []
    for name, title in (
        ("n", "requests"),
        ("total", "total"),
        ("median", "median"),
        ("p99", "p99"),
        ("top_share", f"share of the highest {top_name(tail)}"),
    ):
        cells = [title, _figure(now, name, tail.unit)]
        if before is not None:
            change = tail.change.get(name)
            shown = points(change) if name == "top_share" else relative(change)
            cells += [_figure(before, name, tail.unit), shown]
        rows.append(cells)
    heads = ["", "now", "period before", "change"] if before is not None else ["", "now"]
    return ("Totals", heads, rows)


def _figure(figures: Figures, name: str, unit: str) -> str:
    value = getattr(figures, name)
    if name == "n":
        return f"{value:,}"
    if name == "top_share":
        return share(value)
    shown = amount(value, unit)
    is_least = name == "total" and (figures.unpriced_spans or figures.n_unknown) and unit == "USD"
    return f"≥ {shown}" if is_least and value is not None else shown


def _groups(tail: Tail) -> Part:
    by = BY_NAMES[tail.by]
    heads = [by, "requests", "total", "share", "p50", "p90", "p99", "95 % of p99", "p99.9"]
    heads += ["over budget", "in tail"]
    rows = [_group_cells(group, tail.unit) for group in tail.groups]
    if tail.groups_left:
        rest = f"{tail.groups_left:,} more are not listed"
        rows.append([rest, *[""] * (len(heads) - 1)])
    return ("All requests" if tail.by == "none" else f"By {by}", heads, rows)


def _group_cells(group: Group, unit: str) -> list[str]:
    def of(name: str) -> str:
        return amount(group.quantiles[name], unit)

    over = NOTHING if group.over_budget is None else f"{group.over_budget:,}"
    return [
        NOTHING if group.by is None else group.by,
        f"{group.n:,}",
        amount(group.total, unit),
        share(group.share),
        of("p50"),
        of("p90"),
        of("p99"),
        interval(group.intervals["p99"], unit) if group.quantiles["p99"] is not None else NOTHING,
        of("p99_9"),
        over,
        f"{group.in_tail:,}",
    ]


def _payers(tail: Tail) -> Iterator[Part]:
    verb = "pays" if tail.metric == "cost" else "waits"
    for by in ("user", "service"):
        rows = [
            [
                NOTHING if row["value"] is None else row["value"],
                f"{row['n']:,}",
                amount(row["total"], tail.unit),
                share(row["share"]),
                f"{row['in_tail']:,}",
            ]
            for row in tail.payers.filter(by=by).iter_rows(named=True)
        ]
        yield f"Who {verb}: {by}s", [by, "requests", "total", "share", "in tail"], rows


def _made_of(tail: Tail, most: int | None = None) -> Part:
    rows = []
    for by in ("modality", "stage", "content"):
        found = tail.contributions.filter(by=by)
        rows += [
            [
                BY_NAMES[by],
                row["value"],
                amount(row["tail"], tail.unit),
                share(row["tail_share"]),
                share(row["rest_share"]),
            ]
            for row in found.head(most or found.height).iter_rows(named=True)
        ]
    heads = ["by", "value", "in the tail", "share of the tail", "share of the rest"]
    return ("What the tail is made of", heads, rows)


def _exemplars(tail: Tail) -> Part:
    zone = ZoneInfo(tail.timezone)
    rows = [
        [
            row["request_id"],
            local_time(row["start_unix_nano"], zone),
            row["inputs"] or NOTHING,
            row["service"] or NOTHING,
            amount(row["cost_usd"], "USD"),
            amount(row["duration_ms"], "ms"),
            {True: row["cause"] or "failed", False: "no", None: NOTHING}[row["failed"]],
        ]
        for row in tail.exemplars.iter_rows(named=True)
    ]
    heads = ["request", f"started ({tail.timezone})", "inputs", "service", "cost", "took", "failed"]
    return ("The highest requests", heads, rows)


def _different(tail: Tail) -> Part:
    """What sets the tail apart from the rest, where it was compared; causes before mechanisms."""
    rows = [
        [
            _finding(row),
            share(row["in_tail"]),
            share(row["in_rest"]),
            NOTHING if row["risk_ratio"] is None else f"{row['risk_ratio']:.1f}×",
            amount(row["excess"], tail.unit),
            "part of the metric" if row["kind"] == "mechanism" else "",
            "; ".join(row["same_rows"]),
        ]
        for row in tail.different
    ]
    heads = ["value", "in the tail", "in the rest", "risk ratio", "excess", "", "same rows as"]
    return ("What is different about the tail", heads, rows)


def _finding(row: dict[str, Any]) -> str:
    return condition_words(row["attribute"], row["value"])


def _no_difference(tail: Tail) -> str | None:
    """Why nothing is listed as different; None where something is, or nobody asked."""
    return {
        "too_few": "What is different about the tail: too few requests to say.",
        "nothing": "Nothing that is recorded sets the tail apart from the rest.",
    }.get(tail.different_state or "")


def _method(tail: Tail) -> Iterator[str]:
    yield "Every figure is exact and observed over all requests of the period; none is sampled"
    yield (
        "Requests without a known value count in no figure and are told apart;"
        " unknown is never taken for 0"
    )
    yield (
        "Quantiles are interpolated linearly between neighbours; a quantile is left out where not"
        " one request is expected beyond it (p99 needs 100, p99.9 1,000). Its interval holds the"
        " quantile of like traffic with 95 %, by order statistics; an open end is not bounded"
    )
    yield (
        f"The tail is the highest {top_name(tail)} of the requests, rounded up to whole ones; of"
        " equal values those with the smaller id"
    )
    if tail.metric == "cost":
        yield (
            "Costs are what the emitter reports, else units times prices; `tracelens explain` shows"
            " them for a request. What has no price is left out, so that a total reads as at least"
        )
    else:
        yield "Shares by stage follow the critical path of each request"


def _section(title: str, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    if not rows:
        return []
    return ["", f"## {title}", "", markdown_table(heads, rows)]


def local_time(nanos: int | None, zone: ZoneInfo) -> str:
    """A time to the minute in a time zone."""
    if nanos is None:
        return NOTHING
    moment = datetime.fromtimestamp(nanos // 10**9, UTC)
    return f"{moment.astimezone(zone):%Y-%m-%d %H:%M}"


def amount(value: float | None, unit: str) -> str:
    """Money or time with the digits that matter: `$1,234`, `$0.0021`, `1.84 s`."""
    if value is None:
        return NOTHING
    if value < 0:
        return f"−{amount(-value, unit)}"
    if unit != "USD":
        long = next((each for each in LONG if value >= each[0]), None)
        return f"{value / long[1]:,.1f} {long[2]}" if long else duration(value)
    return money(value) if value else "$0"


def interval(ends: tuple[float | None, float | None], unit: str) -> str:
    """Both ends; one that is not bounded stays open."""
    return f"{amount(ends[0], unit)} to {amount(ends[1], unit)}"


def share(part: float | None) -> str:
    """A share in per cent; what is neither none nor all is never rounded to it."""
    return NOTHING if part is None else share_of(part, 1)


def top_name(tail: Tail) -> str:
    """The size of the tail: `1 %`."""
    return f"{tail.top * 100:g} %"


def relative(change: float | None) -> str:
    """A change in per cent with its sign."""
    return NOTHING if change is None else f"{change * 100:+.1f} %"


def points(change: float | None) -> str:
    """A difference of shares in points with its sign."""
    return NOTHING if change is None else f"{change * 100:+.1f} points"
