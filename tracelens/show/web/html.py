"""What all HTML of ours is made with: escaping, numbers and times for people, and the styles."""

from __future__ import annotations

import html
from datetime import UTC, datetime
from functools import cache
from math import floor, log10
from pathlib import Path
from typing import Any, Final

from tracelens.show.palette import css_variables
from tracelens.show.records import visible

NOTHING: Final = "–"


def safe(value: Any, *, limit: int | None = None) -> str:
    """Text from a trace as HTML: markup and characters that would act are shown, not obeyed."""
    text = "" if value is None else str(value)
    if limit is not None and len(text) > limit:
        text = f"{text[:limit]}…"
    return html.escape(visible(text, keep="\n"))


@cache
def stylesheet() -> str:
    """The rules of all our HTML; light or dark follows the `color-scheme` of what is around it."""
    rules = sorted(Path(__file__).parent.glob("*.css"), reverse=True)
    return css_variables() + "".join(each.read_text("utf-8") for each in rules)


def duration(ms: float | None) -> str:
    """`0.25 ms`, `96 ms`, `1.84 s`, from 90 s on `1.5 min`."""
    if ms is None:
        return NOTHING
    if ms < 999.5:
        return f"{ms:.0f} ms" if ms >= 10 or ms == round(ms) else f"{max(ms, 0.001):.2g} ms"
    return f"{ms / 1e3:.2f} s" if ms < 90_000 else f"{ms / 6e4:,.1f} min"


def money(usd: float | None) -> str:
    """`$889.00`; from a thousand on without cents, below a dollar and a cent with more digits.

    What cost something never reads as nothing: `$0.000048`.
    """
    if usd is None:
        return NOTHING
    size = abs(usd)
    digits = 0 if size >= 1000 else 2 if size >= 1 else 3 if size >= 0.01 else 4
    if 0 < size < 1e-4:
        digits = min(1 - floor(log10(size)), 12)
    return f"${usd:,.{digits}f}"


def percent(part: float | None) -> str:
    """`35 %`, below ten with a digit more; what is neither none nor all is never rounded to it."""
    if part is None:
        return NOTHING
    shown = 100 * part
    if 0 < shown < 0.1:
        return f"{shown:.1g} %" if shown >= 0.01 else "< 0.01 %"
    if 99.5 <= shown < 100:
        return "> 99 %"
    return f"{shown:.0f} %" if shown >= 10 or shown == round(shown) else f"{shown:.1f} %"


def amount(unit: str, value: float | None) -> str:
    """A value in its unit (`USD`, `ms`, or a share): `$0.112`, `1.84 s`, `35 %`."""
    if unit == "USD":
        return money(value)
    return duration(value) if unit == "ms" else percent(value)


def moment(nanos: int | None) -> str:
    """`6 Mar 2026, 14:02:11 UTC`."""
    if nanos is None:
        return NOTHING
    try:
        when = datetime.fromtimestamp(nanos // 10**9, UTC)
    except (OverflowError, ValueError, OSError):
        return NOTHING
    return f"{when.day} {when:%b %Y, %H:%M:%S} UTC"


def day_of(nanos: int | None) -> str:
    """`6 Mar 2026`, in UTC."""
    return moment(nanos).partition(",")[0]


def short_id(text: str) -> str:
    """A long id cut in its middle; the whole of it belongs into a title."""
    return text if len(text) <= 12 else f"{text[:6]}…{text[-4:]}"
