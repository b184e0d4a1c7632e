"""The waterfall: every span as a bar under the stages that the time went to.

It is a list of links, not a chart: each row can be reached with the keyboard and read aloud, it
follows the theme, and it is the same in a file that is passed on.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tracelens.model import STAGES
from tracelens.show.timeline import Bar, HandOver, Row, Timeline
from tracelens.show.web.html import duration, safe
from tracelens.show.web.parts import link

#: Least share of the window that a bar needs for a text inside of it.
ROOM = 0.14
#: Share of the window below which two labels, or a label and an edge, are in each other's way.
CLOSE = 0.2
#: Characters of a name, and levels of depth, that a row has room for.
NAME_SHOWN = 60
DEPTH_SHOWN = 12
WORDS = {"failed": "✕", "missing": "✕", "degraded": "~", "ok": "✓"}


def waterfall_html(
    request: Mapping[str, Any],
    timeline: Timeline,
    *,
    selected: str | None = None,
    links: bool = True,
) -> str:
    """The lane of stages, the hand-overs, and a row per span; `links` lead to each span."""
    if not timeline.rows:
        return '<p class="tl tl-more">No spans of this request are in the store.</p>'
    rows = "".join(_row(request, row, row.span["id"] == selected, links) for row in timeline.rows)
    hidden = (
        f'<p class="tl-more">{timeline.hidden:,} more spans are folded away: those that passed and'
        " took the least time.</p>"
        if timeline.hidden
        else ""
    )
    return (
        f'<div class="tl tl-fall">{_head(timeline)}'
        f'<div class="tl-rows"><div class="tl-over" aria-hidden="true">{_lines(timeline)}</div>'
        f'<ol aria-label="Spans">{rows}</ol></div>{_axis(timeline)}{hidden}</div>'
    )


def _head(timeline: Timeline) -> str:
    """The critical path by stage, and what was handed over when."""
    if timeline.window is None:
        return ""
    total = (timeline.window.end - timeline.window.start) / 1e6
    pieces = "".join(_piece(bar, total) for bar in timeline.lane)
    notes = "".join(_hand_overs(timeline.hand_overs))
    lane = (
        f'<div class="tl-lane"><span class="tl-name">Stage on the critical path</span>'
        f'<div class="tl-track">{pieces}</div></div>'
        if pieces
        else ""
    )
    notes = f'<div class="tl-track">{notes}</div>'
    return f'{lane}<div class="tl-lane tl-notes"><span></span>{notes}</div>'


def _piece(bar: Bar, total: float) -> str:
    name = (bar.stage or "residual").capitalize() if bar.stage != "residual" else "No stage"
    took = duration(bar.width * total)
    inside = f"<b>{name}</b> {took}" if bar.width >= ROOM else ""
    return (
        f'<span class="tl-piece {_colour(bar.stage)}" style="{_place(bar)}"'
        f' title="{name}: {took}">{inside}</span>'
    )


def _hand_overs(rows: Sequence[HandOver]) -> Iterator[str]:
    """A label at each line, turned away from those beside it."""
    for number, each in enumerate(rows):
        left = each.place - (rows[number - 1].place if number else -1)
        right = (rows[number + 1].place if number + 1 < len(rows) else 2) - each.place
        side = "before" if min(right, 1 - each.place) < min(left, each.place, CLOSE) else ""
        side = side or ("after" if min(left, each.place) < CLOSE else "")
        yield _hand_over(each, side)


def _hand_over(each: HandOver, side: str) -> str:
    giver = each.at.partition(">")[0]
    given = {"transcription": "transcript", "reasoning": "answer"}.get(giver, giver)
    glyph = WORDS.get(each.outcome, "?")
    kinds = ["tl-note-at", f"tl-{side}" if side else "", "tl-broken" if _broken(each) else ""]
    return (
        f'<span class="{" ".join(filter(None, kinds))}" style="left:{_percent(each.place)}">'
        f"{glyph} {given} handed over</span>"
    )


def _broken(each: HandOver) -> bool:
    return each.outcome in ("failed", "missing")


def _lines(timeline: Timeline) -> str:
    tints = (
        f'<i class="tl-tint {_colour(bar.stage)}" style="{_place(bar)}"></i>'
        for bar in timeline.lane
        if bar.stage in STAGES
    )
    grid = (f'<i class="tl-grid" style="left:{_percent(at)}"></i>' for at, _ in timeline.ticks)
    lines = (
        f'<i class="tl-line{" tl-broken" if _broken(each) else ""}"'
        f' style="left:{_percent(each.place)}"></i>'
        for each in timeline.hand_overs
    )
    return "".join((*tints, *grid, *lines))


def _row(request: Mapping[str, Any], row: Row, selected: bool, links: bool) -> str:
    span, stage = row.span, row.bar.stage if row.bar else None
    states = [
        "tl-row",
        *(["tl-failed"] if row.failed else []),
        *(["tl-chosen"] if selected else []),
    ]
    depth = min(row.depth, DEPTH_SHOWN)
    inner = f'<span class="tl-name" style="--depth:{depth}">{_name(row)}</span>'
    inner += f'<span class="tl-track">{_bar(row) if row.bar else _untimed()}</span>'
    told = "".join(f", {word}" for word in _told(row, stage))
    inner += f'<span class="tl-only-read">{safe(told)}</span>'
    if not links:
        return f'<li class="{" ".join(states)}"><div>{inner}</div></li>'
    where = {"id": request["request_id"], "span": span["id"]}
    linked = link(inner, "explain", kind="tl-span", current=selected, **where)
    return f'<li class="{" ".join(states)}">{linked}</li>'


def _name(row: Row) -> str:
    name = safe(row.span["name"] or "(no name)", limit=NAME_SHOWN)
    failed = "✕ " if row.failed else ""
    orphan = '<small class="tl-tag">parent not here</small>' if row.orphan else ""
    folded = f'<small class="tl-tag">+ {row.folded:,} below</small>' if row.folded else ""
    title = safe(row.span["name"])
    return f'<span class="tl-said" title="{title}">{failed}{name}</span>{orphan}{folded}'


def _bar(row: Row) -> str:
    bar = row.bar
    assert bar is not None
    took = duration(row.span["duration_ms"])
    wide = bar.width >= ROOM
    colour = _colour(bar.stage) + (" tl-roomy" if wide else "")
    shown = f'<span class="tl-piece {colour}" style="{_place(bar)}">{took if wide else ""}</span>'
    if wide:
        return shown
    beside = (
        f"right:{_percent(1 - bar.left)}" if bar.right > 1 - ROOM else f"left:{_percent(bar.right)}"
    )
    return f'{shown}<span class="tl-took" style="{beside}">{took}</span>'


def _untimed() -> str:
    return '<span class="tl-took" style="left:0">no start time</span>'


def _told(row: Row, stage: str | None) -> Iterator[str]:
    """What a row says by colour and place, for those who cannot see it."""
    if stage is not None:
        yield stage
    if row.failed:
        yield "failed"
    if row.span["on_critical_path"]:
        yield "on the critical path"


def _axis(timeline: Timeline) -> str:
    marks = "".join(
        f'<span style="left:{_percent(at)}">{"0" if not ms else _tick(ms)}</span>'
        for at, ms in timeline.ticks
    )
    return (
        '<div class="tl-lane tl-axis" aria-hidden="true"><span></span>'
        f'<div class="tl-track">{marks}</div></div>'
    )


def _tick(ms: float) -> str:
    """A round time in short: `200 ms`, `1.5 s`."""
    if abs(ms) < 1000:
        return f"{ms:g} ms"
    return f"{ms / 1000:g} s" if abs(ms) < 120_000 else f"{ms / 60_000:g} min"


def _colour(stage: str | None) -> str:
    return f"tl-of-{stage}" if stage in STAGES else "tl-of-other"


def _place(bar: Bar) -> str:
    return f"left:{_percent(bar.left)};width:{_percent(bar.width)}"


def _percent(share: float) -> str:
    return f"{share * 100:.2f}%"
