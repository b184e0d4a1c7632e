"""Rows of caps and routes: what cannot work in them, and their types."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from tracelens.policy.problems import bad_modality, is_number, unknown
from tracelens.policy.rules import CAPPED, ROUTE_TEXTS, Cap, Condition, Route

Row = Mapping[str, Any]

#: What says which requests a cap is for.
MEANT: Final = ("modality", "service", "model")
#: Stages whose model a route can replace: the others differ in more than price and quality.
ROUTED: Final = ("reasoning",)


def bad_caps(rows: Sequence[Row]) -> Iterator[str]:
    """What cannot work in the rows of `[[cap]]`, one sentence each."""
    for row in rows:
        yield from _bad_cap(row)
    for number, row in enumerate(rows):
        for earlier in rows[:number]:
            alike = all(_text(row, name) == _text(earlier, name) for name in ("size", "how"))
            if alike and _covers(earlier, row, MEANT):
                yield (
                    f"[[cap]] {_named(row, ('size', 'max', *MEANT))} never counts: it overlaps"
                    f" {_named(earlier, ('size', 'max', *MEANT))}, which stands before it and takes"
                    " all of its requests"
                )
                break


def bad_routes(rows: Sequence[Row]) -> Iterator[str]:
    """What cannot work in the rows of `[[route]]`, one sentence each."""
    for row in rows:
        yield from _bad_route(row)
    for number, row in enumerate(rows):
        for earlier in rows[:number]:
            if _when_covers(_when(earlier), _when(row)):
                yield (
                    f"[[route]] to {row.get('to')!r} when {dict(_when(row))!r} never counts: it"
                    f" overlaps the one to {earlier.get('to')!r}, which stands before it and takes"
                    " all of its requests"
                )
                break


def caps(rows: Iterable[Row]) -> tuple[Cap, ...]:
    """Rows without problems as their type."""
    return tuple(Cap(**{**row, "max": float(row["max"])}) for row in rows)


def routes(rows: Iterable[Row]) -> tuple[Route, ...]:
    """Rows without problems as their type."""
    return tuple(
        Route(
            row["to"],
            tuple(_condition(name, value) for name, value in _when(row).items()),
            row.get("stage", "reasoning"),
        )
        for row in rows
    )


def _condition(name: str, value: Any) -> Condition:
    if isinstance(value, Mapping):
        low, high = (None if value.get(b) is None else float(value[b]) for b in ("min", "max"))
        return Condition(name, min=low, max=high)
    if isinstance(value, str):
        return Condition(name, (value,))
    if isinstance(value, list):
        return Condition(name, tuple(value))
    return Condition(name, min=float(value), max=float(value))


def _bad_cap(row: Row) -> Iterator[str]:
    fields = {field.name: field for field in dataclasses.fields(Cap)}
    yield from unknown(row, fields, "key of [[cap]]")
    for name, field in fields.items():
        if name not in row and field.default is dataclasses.MISSING:
            yield f"[[cap]] has no {name}"
    if "size" in row:
        yield from unknown([str(row["size"])], CAPPED, "size in [[cap]]")
    if "how" in row:
        yield from _bad_how(row)
    if "max" in row and not is_number(row["max"]):
        yield f"[[cap]] max = {row['max']!r} is not a number from 0"
    for name in MEANT:
        if not isinstance(row.get(name, ""), str):
            yield f"[[cap]] {name} = {row[name]!r} is not text"
        elif name == "modality" and name in row:
            yield from bad_modality(row[name], "cap")


def _bad_how(row: Row) -> Iterator[str]:
    how, size = str(row["how"]), str(row.get("size"))
    hows = sorted({how for hows in CAPPED.values() for how in hows})
    problems = list(unknown([how], hows, "value of `how` in [[cap]]"))
    yield from problems
    if not problems and size in CAPPED and how not in CAPPED[size]:
        yield f"[[cap]] {how} is nothing to do with {size}: choose {' or '.join(CAPPED[size])}"


def _bad_route(row: Row) -> Iterator[str]:
    yield from unknown(row, ("stage", "to", "when"), "key of [[route]]")
    if not isinstance(row.get("to"), str) or not row["to"]:
        yield f"[[route]] to = {row.get('to')!r} is not the name of a model"
    yield from unknown([str(row.get("stage", "reasoning"))], ROUTED, "stage in [[route]]")
    if not isinstance(row.get("when", {}), Mapping):
        yield f"[[route]] when = {row['when']!r} is not a table of conditions"
        return
    yield from unknown(_when(row), (*ROUTE_TEXTS, *CAPPED), "condition of [[route]]")
    for name, value in _when(row).items():
        if name in ROUTE_TEXTS and not _texts(value):
            yield f"[[route]] when {name} = {value!r} is not a text, or a list of texts"
        elif name == "modality":
            for glob in _list(value):
                yield from bad_modality(glob, "route")
        elif name in CAPPED and not is_number(value):
            yield from _bad_bounds(name, value)


def _bad_bounds(name: str, value: Any) -> Iterator[str]:
    if not isinstance(value, Mapping) or not value:
        yield f"[[route]] when {name} = {value!r} is neither a number nor {{min = …, max = …}}"
        return
    yield from unknown(value, ("min", "max"), f"bound of {name} in [[route]]")
    for bound, number in value.items():
        if not is_number(number):
            yield f"[[route]] when {name} {bound} = {number!r} is not a number from 0"
            return
    if value.get("min", 0) > value.get("max", math.inf):
        yield f"[[route]] when {name}: nothing is from {value['min']} to {value['max']}"


def _when_covers(earlier: Row, later: Row) -> bool:
    """Whether whatever meets the later conditions surely meets the earlier ones."""
    return all(name in later and _holds(value, later[name]) for name, value in earlier.items())


def _holds(outer: Any, inner: Any) -> bool:
    if _texts(outer) and _texts(inner):
        return all(any(_glob_holds(o, i) for o in _list(outer)) for i in _list(inner))
    low, high = _bounds(outer)
    inner_low, inner_high = _bounds(inner)
    return low <= inner_low and inner_high <= high


def _covers(earlier: Row, later: Row, names: Sequence[str]) -> bool:
    return all(
        name not in earlier
        or (name in later and _glob_holds(_text(earlier, name), _text(later, name)))
        for name in names
    )


def _glob_holds(outer: str, inner: str) -> bool:
    """Whether what fits the inner glob surely fits the outer one."""
    return outer.lower() in (inner.lower(), "*")


def _bounds(value: Any) -> tuple[float, float]:
    if isinstance(value, Mapping):
        low, high = value.get("min", 0), value.get("max", math.inf)
    else:
        low = high = value
    known = is_number(low) and is_number(high)
    return (float(low), float(high)) if known else (math.nan, math.nan)


def _when(row: Row) -> Row:
    when = row.get("when", {})
    return when if isinstance(when, Mapping) else {}


def _list(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value)


def _texts(value: Any) -> bool:
    if isinstance(value, list):
        return bool(value) and all(isinstance(each, str) for each in value)
    return isinstance(value, str)


def _text(row: Row, name: str) -> str:
    return str(row.get(name))


def _named(row: Row, names: Sequence[str]) -> str:
    return ", ".join(f"{name} {row[name]!r}" for name in names if name in row)
