"""Rules as rows of the policy: in words, as plain values, and as TOML to keep."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import tomli_w

from tracelens.analyse.what_if.rules import Rule
from tracelens.policy import Budget, Cap, Condition, Route

HOWS: Final = {
    "reject": "larger requests rejected",
    "truncate": "what is beyond it left out",
    "downscale": "larger pictures downscaled",
}


def rule_row(rule: Rule) -> dict[str, Any]:
    """A rule as the policy writes it."""
    if isinstance(rule, Route):
        when = {each.column: _condition(each) for each in rule.when}
        return {"stage": rule.stage, "to": rule.to, **({"when": when} if when else {})}
    found = ((each, getattr(rule, each.name)) for each in dataclasses.fields(rule))
    return {each.name: _plain(value) for each, value in found if value not in (None, each.default)}


def rule_text(rule: Rule) -> str:
    """A rule in a few words."""
    if isinstance(rule, Cap):
        meant = [(name, getattr(rule, name)) for name in ("modality", "service", "model")]
        text = f"{rule.size} at most {_number(rule.max)}, {HOWS[rule.how]}"
        return text + _meant(f"{name} {value}" for name, value in meant if value is not None)
    if isinstance(rule, Route):
        return f"{rule.stage} by {rule.to}" + _meant(_words(each) for each in rule.when)
    meant = [(name, getattr(rule, name)) for name in ("modality", "service")]
    text = f"{rule.stage or 'request'} stopped after {_number(rule.ms)} ms"
    return text + _meant(f"{name} {value}" for name, value in meant if value is not None)


def rules_toml(rules: Iterable[Rule]) -> str:
    """Rules as rows of a policy file, to append to one that has no such rows."""
    names = {Cap: "cap", Route: "route", Budget: "budget"}
    rows = ["".join((f"[[{names[type(rule)]}]]\n", *_lines(rule_row(rule), ""))) for rule in rules]
    return "\n".join(rows)


def _lines(row: Mapping[str, Any], prefix: str) -> Iterator[str]:
    """Keys with dots in place of tables, which would end the row."""
    for name, value in row.items():
        if isinstance(value, Mapping):
            yield from _lines(value, f"{prefix}{name}.")
        else:
            yield prefix + tomli_w.dumps({name: value})


def _condition(condition: Condition) -> Any:
    if condition.globs:
        return condition.globs[0] if len(condition.globs) == 1 else list(condition.globs)
    if condition.min is not None and condition.min == condition.max:
        return _plain(condition.min)
    bounds = {"min": condition.min, "max": condition.max}
    return {name: _plain(value) for name, value in bounds.items() if value is not None}


def _plain(value: Any) -> Any:
    """A number as people write it: whole where it is."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _words(condition: Condition) -> str:
    if condition.globs:
        return f"{condition.column} {' or '.join(condition.globs)}"
    low, high = condition.min, condition.max
    if low is not None and low == high:
        return f"{condition.column} {_number(low)}"
    parts = [f"from {_number(low)}"] if low is not None else []
    parts += [f"to {_number(high)}"] if high is not None else []
    return " ".join((condition.column, *parts))


def _meant(parts: Iterable[str]) -> str:
    found = ", ".join(parts)
    return f" ({found})" if found else ""


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:g}" if abs(value) < 1e6 else f"{value:,.0f}"
