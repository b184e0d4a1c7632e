"""What a what-if answers, for people and for programs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any, Final

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from tracelens.analyse.what_if import Bounds, RuleEffect, Share, Times, WhatIf
from tracelens.show.records import escape_markdown, markdown_table, visible
from tracelens.show.words import counted

NAMES: Final = {"latency": "latency", "ttfa": "time to first audio"}
Row = list[str]


def what_if_record(answer: WhatIf) -> dict[str, Any]:
    """All fields of an answer, `requests` as a list."""
    record = asdict(answer)
    record["requests"] = answer.requests.to_dicts()
    return record


def modality_records(answer: WhatIf) -> list[dict[str, Any]]:
    """One row per modality: counts, money in US dollars, and latency in ms, before and after."""
    return [
        {
            "modality": group.by,
            "requests": group.n,
            "touched": group.touched,
            "refused": group.refused,
            "cost_before": group.cost.before,
            "cost_after_low": group.cost.after.low,
            "cost_after_high": group.cost.after.high,
            **{
                f"{each.name}_{end}": value
                for each in group.latency.quantiles
                for end, value in (
                    ("before", each.before),
                    ("after_low", each.after.low),
                    ("after_high", each.after.high),
                )
            },
        }
        for group in answer.groups
    ]


def what_if_text(answer: WhatIf) -> RenderableType:
    """An answer for a terminal."""
    parts: list[RenderableType] = [Text(what_if_sentence(answer)), Text("")]
    for title, head, rows in _tables(answer):
        table = Table(
            box=None, pad_edge=False, header_style="dim", title=title, title_justify="left"
        )
        for number, name in enumerate(head):
            table.add_column(name, justify="right" if number else "left")
        for row in rows:
            table.add_row(*(Text(visible(cell)) for cell in row))
        parts += [table, Text("")]
    return Group(*parts, *(Text(f"· {visible(line)}") for line in _remarks(answer)))


def what_if_markdown(answer: WhatIf) -> str:
    """An answer to forward."""
    parts = ["## What if", escape_markdown(what_if_sentence(answer))]
    for title, head, rows in _tables(answer):
        parts += [f"### {title}", markdown_table(head, rows)]
    parts.append("\n".join(f"* {escape_markdown(line)}" for line in _remarks(answer)))
    return "\n\n".join(parts) + "\n"


def what_if_sentence(answer: WhatIf) -> str:
    """The answer in a sentence or two."""
    refused = f", {answer.refused:,} of them refused" if answer.refused else ""
    touched = f"{_share(answer.touched, answer.n)} requests touched{refused}"
    money = answer.cost
    if money.before is None:
        bill = "what requests cost is not known"
    else:
        least = "at least " if money.lower_bound or money.unknown else ""
        bill = f"{least}{_usd(money.before)} becomes {_range(money.after, _usd)}"
    return f"{touched}; {bill}; {answer.quality}"


def _tables(answer: WhatIf) -> Iterator[tuple[str, Row, list[Row]]]:
    head = ["rule", "touched", "refused", "saves", "failed today", "of all others"]
    yield "Rules", head, [_rule(effect) for effect in answer.rules]
    head = ["modality", "requests", "touched", "cost", "after", "p95", "after"]
    yield "By modality", head, list(_modalities(answer))
    head = ["time", "quantile", "today", "after"]
    rows = [row for times in (answer.latency, answer.ttfa) for row in _times(times)]
    if rows:
        yield "Times", head, rows


def _rule(effect: RuleEffect) -> Row:
    return [
        effect.rule,
        f"{effect.touched:,}",
        f"{effect.refused:,}",
        _range(effect.saved, _usd),
        _failed(effect.failed_today),
        _failed(effect.failed_rest),
    ]


def _modalities(answer: WhatIf) -> Iterator[Row]:
    for group in answer.groups:
        (p95,) = (each for each in group.latency.quantiles if each.name == "p95")
        yield [
            group.by,
            f"{group.n:,}",
            f"{group.touched:,}",
            _usd(group.cost.before),
            _range(group.cost.after, _usd),
            _ms(p95.before),
            _range(p95.after, _ms),
        ]


def _times(times: Times) -> Iterator[Row]:
    if times.n_before:
        for each in times.quantiles:
            yield [NAMES[times.metric], each.name, _ms(each.before), _range(each.after, _ms)]


def _remarks(answer: WhatIf) -> list[str]:
    facts = [remark for effect in answer.rules for remark in _rule_remarks(effect)]
    notes = [note for effect in answer.rules for note in effect.notes]
    return [*facts, *dict.fromkeys(notes), *answer.notes]


def _rule_remarks(effect: RuleEffect) -> Iterator[str]:
    if effect.refused_because:
        yield f"{effect.rule}: changes nothing, because {effect.refused_because}"
    if effect.comparable and effect.failed_comparable:
        yield (
            f"{effect.rule}: measured on {counted(effect.comparable, 'comparable request')}; of"
            f" all that meet its conditions there {_failed(effect.failed_comparable)} failed"
        )
    if effect.not_moved and not effect.refused_because:
        yield f"{effect.rule}: {effect.not_moved:,} more stay, for want of comparable requests"
    if effect.unknown:
        yield f"{effect.rule}: {effect.unknown:,} more stay, whose {_measure(effect)} is not known"
    if effect.unsplit:
        yield (
            f"{effect.rule}: {_usd(effect.unsplit_usd)} of {counted(effect.unsplit, 'request')}"
            " is in costs that nobody split, which stay as they are"
        )


def _measure(effect: RuleEffect) -> str:
    if effect.kind == "cap":
        return str(effect.row["size"])
    if effect.kind == "budget":
        return f"time in {effect.row['stage']}" if "stage" in effect.row else "duration"
    return "size or cost"


def _failed(share: Share) -> str:
    if share.share is None or share.low is None or share.high is None:
        return "none to tell"
    ends = f"{100 * share.low:.1f}–{100 * share.high:.1f} %"
    return f"{share.k:,} of {share.n:,} ({ends})"


def _share(k: int, n: int) -> str:
    return f"{k:,} of {n:,}" + (f" ({100 * k / n:.1f} %)" if n else "")


def _range(bounds: Bounds, write: Any) -> str:
    if bounds.low is None and bounds.high is None:
        return str(write(None))
    low, high = write(bounds.low), write(bounds.high)
    if bounds.low is None or bounds.high is None:
        return f"at most {high}" if bounds.low is None else f"at least {low}"
    return str(low) if low == high else f"{low} to {high}"


def _usd(value: float | None) -> str:
    """With cents whatever the sum, as what changes of it may be small."""
    if value is None:
        return "not known"
    sign, amount = "-" if value < 0 else "", abs(value)
    digits = 2 if amount >= 1 or amount < 1e-9 else 4 if amount >= 0.01 else 6
    return f"{sign}${amount:,.{digits}f}"


def _ms(value: float | None) -> str:
    return "too few" if value is None else f"{value:,.0f} ms"
