"""Rules of a what-if as they are written on the command line, turned into rows of a policy."""

from __future__ import annotations

import re
from typing import Any, Final

from tracelens.errors import UsageError

Row = dict[str, Any]

#: Milliseconds in a unit of time.
UNITS: Final = {"ms": 1, "s": 1_000, "m": 60_000}
TIME: Final = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m)")
CONDITION: Final = re.compile(r"(\w+)\s*(<=|>=|=)\s*(.+)")
BOUNDS: Final = {"<=": "max", ">=": "min"}


def cap_row(text: str) -> Row:
    """A row of `[[cap]]` out of `audio_seconds=30:truncate,modality=audio`.

    Raises UsageError for other texts.
    """
    first, *rest = _parts(text)
    size, sign, limit = first.partition("=")
    number, colon, how = limit.rpartition(":")
    maximum = _number(number)
    if not sign or not colon or maximum is None:
        raise UsageError(f"--cap {text!r}: write SIZE=MAX:HOW, such as audio_seconds=30:truncate")
    return {"size": size.strip(), "max": maximum, "how": how.strip(), **_meant("cap", rest)}


def route_row(text: str) -> Row:
    """A row of `[[route]]` out of `small-model,modality=text,input_tokens<=500,images=0`.

    Raises UsageError for other texts.
    """
    model, *rest = _parts(text)
    when: Row = {}
    for part in rest:
        name, sign, value = _condition("route", part)
        number = _number(value)
        if sign == "=":
            when[name] = value if number is None else number
        elif number is None:
            raise UsageError(f"--route {part!r}: {value!r} is not a number")
        else:
            bounds = when.setdefault(name, {})
            when[name] = {**(bounds if isinstance(bounds, dict) else {}), BOUNDS[sign]: number}
    return {"to": model, "when": when}


def budget_row(text: str) -> Row:
    """A row of `[[budget]]` out of `reasoning=4s,service=desk*`; times are ms, s or m.

    As a stage, `request` means all of it.

    Raises UsageError for other texts.
    """
    first, *rest = _parts(text)
    stage, _, limit = first.partition("=")
    time = TIME.fullmatch(limit.strip())
    if time is None:
        raise UsageError(
            f"--budget {text!r}: write STAGE=TIME, or request=TIME, with a unit: 4s, 800ms, 1m"
        )
    of = {} if stage.strip() == "request" else {"stage": stage.strip()}
    return {**of, "ms": float(time[1]) * UNITS[time[2]], **_meant("budget", rest)}


def _parts(text: str) -> list[str]:
    return [part.strip() for part in text.split(",")]


def _meant(option: str, parts: list[str]) -> Row:
    found: Row = {}
    for part in parts:
        name, sign, value = _condition(option, part)
        if sign != "=":
            raise UsageError(f"--{option} {part!r}: write NAME=GLOB")
        found[name] = value
    return found


def _condition(option: str, part: str) -> tuple[str, str, str]:
    found = CONDITION.fullmatch(part)
    if found is None:
        raise UsageError(f"--{option} {part!r} is no condition: write NAME=VALUE")
    return found[1], found[2], found[3].strip()


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
