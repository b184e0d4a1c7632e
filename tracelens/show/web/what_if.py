"""What a what-if says: the bill and the waiting after, whom the rules touch, and how those fare."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tracelens.analyse.what_if import Bounds, Money, RuleEffect, Share, WhatIf
from tracelens.show.web.html import NOTHING, duration, money, percent, safe
from tracelens.show.web.parts import Column, table
from tracelens.show.words import counted


def what_if_sentence(found: WhatIf) -> str:
    """What the bill would be, and how many requests are touched."""
    touched = f"{counted(found.touched, 'request')} ({percent(found.share or 0.0)})"
    verb = "is" if found.touched == 1 else "are"
    if found.cost.before is None:
        return f"No request has a known cost. {touched} {verb} touched."
    least = "at least " if found.cost.lower_bound or found.cost.unknown else ""
    before = f"{least}{money(found.cost.before)}"
    if not found.touched:
        return f"The bill stays {before}: no request is touched."
    return f"The bill goes from {before} to {_after(found.cost)}. {touched} {verb} touched."


def _after(cost: Money) -> str:
    low, high, before = cost.after.low, cost.after.high, cost.before
    if low is None or high is None:
        return "what is not known"
    if not before:
        return _between(cost.after, money)
    changes = [100 * (each / before - 1) for each in (low, high)]
    if round(changes[0], 1) == round(changes[1], 1):
        return f"{money(high)} ({changes[1]:+.1f} %)"
    return f"{_between(cost.after, money)} ({changes[0]:+.1f} to {changes[1]:+.1f} %)"


def _between(bounds: Bounds, show: Any) -> str:
    if bounds.low is None or bounds.high is None:
        return NOTHING
    low, high = show(bounds.low), show(bounds.high)
    return str(low) if low == high else f"{low} to {high}"


def what_if_html(found: WhatIf) -> str:
    """How the touched requests fare today, what becomes of waiting, and each rule by itself."""
    lines = [_fare(found.failed_today, found.failed_rest)] if found.touched else []
    lines += [_waiting(found)]
    lines += [counted(found.refused, "request") + " would be refused."] if found.refused else []
    lines += [f"{found.quality[:1].upper()}{found.quality[1:]}."]
    lines += [f"{note[:1].upper()}{note[1:]}." for note in found.notes]
    said = "".join(f"<li>{safe(line)}</li>" for line in lines if line)
    shown = f'<ul class="tl tl-points">{said}</ul>'
    return shown + _effects(found) if found.rules else shown


def _fare(touched: Share, rest: Share) -> str:
    if touched.share is None:
        return ""
    said = f"Of the touched, {percent(touched.share)} failed today"
    if touched.low is not None and touched.high is not None:
        said += f" ({percent(touched.low)} to {percent(touched.high)})"
    return f"{said}; of all others {percent(rest.share)}."


def _waiting(found: WhatIf) -> str:
    parts = []
    for times, name in ((found.latency, "latency"), (found.ttfa, "time to first audio")):
        for quantile in times.quantiles:
            if quantile.name != "p95" or quantile.before is None or quantile.after.low is None:
                continue
            after = _between(quantile.after, duration)
            if after != duration(quantile.before):
                parts.append(f"p95 {name} {duration(quantile.before)} → {after}")
    return f"{'; '.join(parts)[:1].upper()}{'; '.join(parts)[1:]}." if parts else ""


def _effects(found: WhatIf) -> str:
    columns = (
        Column("Rule", "rule"),
        Column("Touched", "number"),
        Column("Saves by itself", "number"),
        Column("Of these fail today", "number"),
        Column("Size not known", "number"),
    )
    return table("What each rule does", columns, (list(_effect(each)) for each in found.rules))


def _effect(rule: RuleEffect) -> Iterator[str]:
    notes = [rule.refused_because] if rule.refused_because else rule.notes
    small = f"<small>{safe('; '.join(notes), limit=400)}</small>" if notes else ""
    yield safe(rule.rule, limit=200) + small
    yield f"{rule.touched:,}"
    yield _between(rule.saved, money)
    yield percent(rule.failed_today.share)
    yield f"{rule.unknown:,}"
