"""Reads a policy file over the built-in one and names everything in it that cannot work."""

from __future__ import annotations

import dataclasses
import fnmatch
import hashlib
import json
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from importlib import resources
from pathlib import Path
from typing import Any

import polars as pl

from tracelens.errors import PolicyError
from tracelens.model import CHAIN, STAGES
from tracelens.policy.limits import Limits
from tracelens.policy.prices import make_price, price_problems
from tracelens.policy.problems import bad_modality, is_number, unknown
from tracelens.policy.rules import (
    METRICS,
    RULE_KINDS,
    Answers,
    Budget,
    Cell,
    Confidence,
    Correction,
    ErrorNames,
    Evaluation,
    Expectation,
    Feedback,
    Handover,
    Policy,
    ProfileRules,
    RecogniserConfidence,
    Reference,
    Speech,
    StageRule,
    TailRules,
    WhatIfRules,
)
from tracelens.policy.what_if_rows import bad_caps, bad_routes, caps, routes

#: Tables of rows.
LISTS = (
    "stage",
    "expect",
    "budget",
    "cap",
    "route",
    "price",
    "correction",
    "evaluation",
    "feedback",
    "reference",
    "recogniser_confidence",
)
#: Tables of plain keys, and the type that holds them.
TABLES = {
    "errors": ErrorNames,
    "handover": Handover,
    "speech": Speech,
    "answers": Answers,
    "tail": TailRules,
    "what_if": WhatIfRules,
    "limits": Limits,
}
#: What only tails and replays read: verdicts by other rows are as good.
REPLAYED = ("cap", "route", "what_if", "tail")
SECTIONS = (*LISTS, *TABLES, "profile", "verdict", "confidence")
#: Rows of which the type says all that there is to check.
PLAIN_ROWS: dict[str, type] = {
    "evaluation": Evaluation,
    "feedback": Feedback,
    "reference": Reference,
    "recogniser_confidence": RecogniserConfidence,
}
#: Keys of such rows with few values.
CHOICES = {"judges": (*STAGES, "request"), "of": ("transcript", "answer", "speech")}
WEIGHTS = ("hard", "soft", "weak")
ROLES = ("turn", "user_turn", "agent_turn", "trace")


def load(path: Path | None = None) -> Policy:
    """Return the built-in policy, with the tables of `path` laid over it.

    A list of rows in the file replaces the built-in list of that name; a table of keys changes
    only the keys it names.

    Raises:
        PolicyError: the file cannot be read, is not TOML, or holds an unknown key, an unknown
            value, or two stage rules that overlap. All problems are named at once.
    """
    return _policy(load_tables(path))


def load_tables(path: Path | None) -> dict[str, Any]:
    """The tables of the policy in force, checked. Raises PolicyError as `load` does."""
    if path is None:
        return _checked({}, "the built-in policy")
    return _checked(_user_tables(path), str(path))


def read_tables(tables: Mapping[str, Any]) -> Policy:
    """The built-in policy with tables laid over it, as `load` lays those of a file.

    Raises PolicyError as `load` does.
    """
    return _policy(_checked(tables, "rules"))


def _checked(user: Mapping[str, Any], where: str) -> dict[str, Any]:
    tables = _merged(tomllib.loads(default_text()), user)
    if problems := list(_problems(tables)):
        raise PolicyError(f"{where}: " + "; ".join(problems))
    return tables


def default_text() -> str:
    """The built-in policy as it is written, with the reason for each rule."""
    return resources.files(__package__).joinpath("default.toml").read_text("utf-8")


def _user_tables(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise PolicyError(f"{path}: the policy file cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise PolicyError(f"{path}: not a TOML file: {error}") from error


def _merged(default: Mapping[str, Any], user: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(default)
    for name, table in user.items():
        base = merged.get(name)
        both = isinstance(base, dict) and isinstance(table, dict)
        merged[name] = {**base, **table} if both and base is not None else table
    return merged


def _problems(tables: Mapping[str, Any]) -> Iterator[str]:
    yield from unknown(tables, SECTIONS, "table")
    for name, kind in TABLES.items():
        yield from _bad_table(name, tables.get(name, {}), kind)
    yield from _bad_verdict(tables.get("verdict"))
    yield from _bad_confidence(tables.get("confidence"))
    yield from _bad_profile(tables.get("profile", {}))
    yield from _bad_shares("tail", tables.get("tail", {}), ("support", "q", "same_rows"))
    for name in LISTS:
        rows = tables.get(name, [])
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            yield f"[[{name}]] must be a list of tables"
    for row in _rows(tables, "stage"):
        yield from _bad_stage_rule(row)
    for row in _rows(tables, "expect"):
        yield from _bad_expectation(row)
    for row in _rows(tables, "correction"):
        yield from _bad_correction(row)
    for row in _rows(tables, "budget"):
        yield from _bad_budget(row)
    yield from bad_caps(_rows(tables, "cap"))
    yield from bad_routes(_rows(tables, "route"))
    for row in _rows(tables, "price"):
        yield from price_problems(row)
    for name, kind in PLAIN_ROWS.items():
        for row in _rows(tables, name):
            yield from _bad_row(name, row, kind)
    yield from _overlaps(_rows(tables, "stage"))


def _bad_table(name: str, table: Any, kind: type) -> Iterator[str]:
    if not isinstance(table, dict):
        yield f"[{name}] must be a table of keys"
        return
    fields = {f.name: f for f in dataclasses.fields(kind)}
    yield from unknown(table, fields, f"key of [{name}]")
    for key, value in table.items():
        if key in fields and not _fits(value, str(fields[key].type)):
            yield f"[{name}] {key} = {value!r} is not {fields[key].type}"


def _fits(value: Any, annotation: str) -> bool:
    if annotation.startswith("tuple"):
        inner = int if "int" in annotation else str
        return isinstance(value, list) and all(type(v) is inner for v in value)
    return is_number(value) and (annotation == "float" or isinstance(value, int))


def _bad_verdict(table: Any) -> Iterator[str]:
    if not isinstance(table, dict):
        yield "[verdict] must be a table of keys"
        return
    yield from unknown(table, ("floor",), "key of [verdict]")
    floor = table.get("floor")
    if not isinstance(floor, int | float) or isinstance(floor, bool) or not 0 <= floor <= 1:
        yield f"[verdict] floor = {floor!r} is not a number from 0 to 1"


def _bad_confidence(table: Any) -> Iterator[str]:
    if not isinstance(table, dict):
        yield "[confidence] must be a table of keys"
        return
    yield from unknown(table, ("parent", "cells"), "key of [confidence]")
    if not _fits(table.get("parent"), "float"):
        yield f"[confidence] parent = {table.get('parent')!r} is not a number from 0"
    cells = table.get("cells")
    if not isinstance(cells, list) or not all(isinstance(cell, dict) for cell in cells):
        yield "[confidence] cells must be a list of tables"
        return
    seen = set()
    for cell in cells:
        problems = list(_bad_cell(cell))
        yield from problems
        key = () if problems else tuple(cell[k] for k in ("check", "weight", "score", "contested"))
        if key in seen:
            yield f"[confidence] cells has two rows for {', '.join(map(str, key))}"
        seen.update([key] if key else [])


def _bad_cell(cell: Mapping[str, Any]) -> Iterator[str]:
    fields = {f.name: f for f in dataclasses.fields(Cell)}
    yield from unknown(cell, fields, "key of a cell of [confidence]")
    missing = [name for name in fields if name not in cell]
    if missing:
        yield f"a cell of [confidence] lacks {', '.join(missing)}"
        return
    if not isinstance(cell["check"], str):
        yield f"[confidence] check = {cell['check']!r} is not text"
    yield from unknown([str(cell["weight"])], WEIGHTS, "weight in [confidence]")
    if not _fits(cell["score"], "float") or cell["score"] > 1:
        yield f"[confidence] score = {cell['score']!r} is not a number from 0 to 1"
    if not isinstance(cell["contested"], bool):
        yield f"[confidence] contested = {cell['contested']!r} is not true or false"
    counts = [cell["right"], cell["of"]]
    if not all(_fits(count, "int") for count in counts) or counts[0] > counts[1]:
        yield f"[confidence] right = {counts[0]!r} of = {counts[1]!r} are not counts, some of all"


def _bad_stage_rule(row: Mapping[str, Any]) -> Iterator[str]:
    yield from unknown(row, ("by", "stage", "match"), "key of [[stage]]")
    yield from unknown([str(row.get("by"))], RULE_KINDS, "value of `by` in [[stage]]")
    yield from unknown([str(row.get("stage"))], (*STAGES, "tool"), "stage in [[stage]]")
    if not _fits(row.get("match"), "tuple"):
        yield f"[[stage]] match = {row.get('match')!r} is not a list of patterns"


def _bad_expectation(row: Mapping[str, Any]) -> Iterator[str]:
    fields = [f.name for f in dataclasses.fields(Expectation)]
    yield from unknown(row, fields, "key of [[expect]]")
    if not _fits(row.get("stages"), "tuple"):
        yield f"[[expect]] stages = {row.get('stages')!r} is not a list of stages"
    else:
        yield from unknown(row["stages"], STAGES, "stage in [[expect]]")
    if "role" in row:
        yield from unknown([str(row["role"])], ROLES, "role in [[expect]]")
    for key in ("heard", "answered"):
        if not isinstance(row.get(key, True), bool):
            yield f"[[expect]] {key} = {row[key]!r} is not true or false"
    for key in ("service", "emitter"):
        if not isinstance(row.get(key, ""), str):
            yield f"[[expect]] {key} = {row[key]!r} is not text"


def _bad_profile(table: Any) -> Iterator[str]:
    problems = list(_bad_table("profile", table, ProfileRules))
    yield from problems
    if problems:
        return
    low, high = (float(table[name]) for name in ("unexpected", "expected"))
    if not 0 <= low < high <= 1:
        yield f"[profile] unexpected = {low} and expected = {high} are not shares in this order"


def _bad_shares(name: str, table: Any, keys: Iterable[str]) -> Iterator[str]:
    """Keys of a table that are shares and lie above 1; what is no number is told elsewhere."""
    for key in keys:
        value = table.get(key) if isinstance(table, dict) else None
        if isinstance(value, int | float) and value > 1:
            yield f"[{name}] {key} = {value!r} is not a number from 0 to 1"


def _bad_budget(row: Mapping[str, Any]) -> Iterator[str]:
    yield from unknown(row, [f.name for f in dataclasses.fields(Budget)], "key of [[budget]]")
    metric = str(row.get("metric", "latency"))
    yield from unknown([metric], METRICS, "metric in [[budget]]")
    if "stage" in row:
        stages = (*STAGES, "tool") if metric == "cost" else STAGES
        yield from unknown([str(row["stage"])], stages, "stage in [[budget]]")
    if "part" in row:
        yield from unknown([str(row["part"])], CHAIN, "part in [[budget]]")
    wrong = "stage" if metric == "ttfa" else "part"
    if wrong in row:
        parts = f"a part ({', '.join(CHAIN)})" if metric == "ttfa" else "a stage"
        yield f"[[budget]] {wrong} = {row[wrong]!r}: a budget of {metric} names {parts} or none"
    yield from _bad_limit(row, *(("usd", "ms") if metric == "cost" else ("ms", "usd")))
    for key in ("service", "modality"):
        if not isinstance(row.get(key, ""), str):
            yield f"[[budget]] {key} = {row[key]!r} is not text"
    if isinstance(row.get("modality"), str):
        yield from bad_modality(row["modality"], "budget")
    if not isinstance(row.get("fails", False), bool):
        yield f"[[budget]] fails = {row['fails']!r} is not true or false"


def _bad_limit(row: Mapping[str, Any], key: str, other: str) -> Iterator[str]:
    unit = {"ms": "milliseconds", "usd": "US dollars"}
    if not _fits(row.get(key), "float"):
        yield f"[[budget]] {key} = {row.get(key)!r} is not a number of {unit[key]}"
    if other in row:
        metric = row.get("metric", "latency")
        yield f"[[budget]] {other} = {row[other]!r}: a budget of {metric} is in {key}"


def _bad_correction(row: Mapping[str, Any]) -> Iterator[str]:
    yield from unknown(
        row, [f.name for f in dataclasses.fields(Correction)], "key of [[correction]]"
    )
    says = row.get("says")
    try:
        groups = pl.select(pl.lit("").str.extract(says, 1)).height if isinstance(says, str) else 0
    except pl.exceptions.PolarsError as error:
        yield f"[[correction]] says = {says!r} is no regular expression: {error}"
        return
    if not groups or "(" not in str(says):
        yield f"[[correction]] says = {says!r} is not a regular expression with a group"
    if not isinstance(row.get("quotes", True), bool):
        yield f"[[correction]] quotes = {row['quotes']!r} is not true or false"


def _bad_row(name: str, row: Mapping[str, Any], kind: type) -> Iterator[str]:
    fields = {f.name: f for f in dataclasses.fields(kind)}
    yield from unknown(row, fields, f"key of [[{name}]]")
    for key, each in fields.items():
        if key not in row:
            if each.default is dataclasses.MISSING:
                yield f"[[{name}]] has no {key}"
        elif key in CHOICES:
            yield from unknown([str(row[key])], CHOICES[key], f"value of `{key}` in [[{name}]]")
        elif "float" in str(each.type):
            if not isinstance(row[key], int | float) or isinstance(row[key], bool):
                yield f"[[{name}]] {key} = {row[key]!r} is not a number"
        elif not _fits(row[key], str(each.type)):
            yield f"[[{name}]] {key} = {row[key]!r} is not a list of texts"


def _overlaps(rows: list[Mapping[str, Any]]) -> Iterator[str]:
    """Name patterns of one kind that would give one thing two stages."""
    patterns = [
        (row.get("by"), row.get("stage"), str(pattern).lower())
        for row in rows
        if isinstance(row.get("match"), list)
        for pattern in row["match"]
    ]
    for i, (by, stage, pattern) in enumerate(patterns):
        for other_by, other_stage, other in patterns[i + 1 :]:
            if by == other_by and stage != other_stage and _meet(pattern, other):
                yield f"[[stage]] by {by}: {pattern!r} ({stage}) overlaps {other!r} ({other_stage})"


def _meet(one: str, two: str) -> bool:
    """Whether the plain text of one pattern is matched by the other."""
    sample_one, sample_two = one.replace("*", ""), two.replace("*", "")
    return fnmatch.fnmatchcase(sample_one, two) or fnmatch.fnmatchcase(sample_two, one)


def _rows(tables: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    rows = tables.get(name, [])
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []


def _lowered(patterns: Iterable[str]) -> tuple[str, ...]:
    return tuple(pattern.lower() for pattern in patterns)


def _plain_lists(tables: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: tuple(_plain_row(kind, row) for row in tables[name])
        for name, kind in PLAIN_ROWS.items()
    }


def _plain_row(kind: type, row: Mapping[str, Any]) -> Any:
    """A row as its type; names of attributes keep their case, all else is compared without it."""
    values = {
        key: tuple(value) if key == "attribute" else _lowered(value)
        for key, value in row.items()
        if isinstance(value, list)
    }
    return kind(**{**row, **values})


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _policy(tables: Mapping[str, Any]) -> Policy:
    stage = tuple(
        StageRule(row["by"], row["stage"], _lowered(row["match"])) for row in tables["stage"]
    )
    expect = tuple(
        Expectation(**{**row, "stages": tuple(row["stages"])}) for row in tables["expect"]
    )
    correction = tuple(Correction(**row) for row in tables["correction"])
    verdict = {k: v for k, v in tables.items() if k not in REPLAYED}
    # Days have no form of their own in JSON.
    text = json.dumps(verdict, sort_keys=True, default=str)
    return Policy(
        stage=stage,
        expect=expect,
        errors=ErrorNames(**{k: _lowered(v) for k, v in tables["errors"].items()}),
        handover=Handover(**{k: _frozen(v) for k, v in tables["handover"].items()}),
        floor=float(tables["verdict"]["floor"]),
        correction=correction,
        answers=Answers(**tables["answers"]),
        speech=Speech(**tables["speech"]),
        **_plain_lists(tables),
        confidence=_confidence(tables["confidence"]),
        budget=tuple(Budget(**row) for row in tables.get("budget", [])),
        cap=caps(tables.get("cap", [])),
        route=routes(tables.get("route", [])),
        what_if=WhatIfRules(**tables["what_if"]),
        price=tuple(make_price(row) for row in tables.get("price", [])),
        profile=ProfileRules(**tables["profile"]),
        tail=TailRules(**tables["tail"]),
        limits=Limits(**tables["limits"]),
        hash=hashlib.sha256(text.encode()).hexdigest(),
    )


def _confidence(table: Mapping[str, Any]) -> Confidence:
    cells = (Cell(**{**row, "score": float(row["score"])}) for row in table["cells"])
    return Confidence(float(table["parent"]), tuple(cells))
