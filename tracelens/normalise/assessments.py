"""Reads what people or programs say of a span: evaluations, feedback, and what was expected.

Known forms: the event `gen_ai.evaluation.result` and attributes of its names on a span of their own
(OpenTelemetry GenAI conventions; so do judges of livekit-agents), numbered annotations and
evaluations of a span or trace (OpenInference, openinference-semantic-conventions 0.1.42), the
annotation spans of Logfire (`logfire.experimental.annotations`), and attributes that rows of the
policy name.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec
import polars as pl

from tracelens.model import ASSESSMENT, PROMOTED
from tracelens.normalise.emitter import Key, number, text
from tracelens.policy import Policy

EVENT: Final = "gen_ai.evaluation.result"
NAME, LABEL = text("gen_ai.evaluation.name"), text("gen_ai.evaluation.score.label")
SCORE, WHY = number("gen_ai.evaluation.score.value"), text("gen_ai.evaluation.explanation")
FEEDBACK, COMMENT = text("logfire.feedback.name"), text("logfire.feedback.comment")

#: Where OpenInference numbers them, what each key begins with, and what they are about.
NUMBERED: Final = {
    "annotations.": ("annotation.", "span"),
    "evaluations.": ("evaluation.", "span"),
    "trace.annotations.": ("annotation.", "request"),
    "trace.evaluations.": ("evaluation.", "request"),
}
#: A name is required of each, so the first one's tells whether there are any.
FIRST: Final = {text(f"{prefix}0.{inner}name"): prefix for prefix, (inner, _) in NUMBERED.items()}

KEYS: Final = (NAME, LABEL, SCORE, WHY, FEEDBACK, COMMENT, *FIRST)

#: Of one span so many are read, and of each text so many characters.
COUNT_LIMIT: Final = 100
TEXT_LIMIT: Final = 20_000

Assessment = dict[str, Any]


def policy_keys(policy: Policy) -> dict[str, str]:
    """Attribute name → kind of assessment, for every attribute that a row of the policy names."""
    confident = {
        name: "confidence" for row in policy.recogniser_confidence for name in row.attribute
    }
    said = {name: "feedback" for row in policy.feedback for name in row.attribute}
    return confident | said | {name: row.of for row in policy.reference for name in row.attribute}


def assessed(frame: pl.DataFrame, policy: Policy) -> pl.Series:
    """The column `assessments` of raw spans whose promoted columns are all there.

    Args:
        frame: raw spans with the promoted columns of `KEYS` and of the policy's attributes.
        policy: its rows name attributes that hold assessments.
    """
    named = {PROMOTED + name: kind for name, kind in policy_keys(policy).items()}
    marks = [key.column for key in (NAME, FEEDBACK, *FIRST)] + list(named)
    says = pl.any_horizontal(
        pl.col("events").str.contains(f'"{EVENT}"', literal=True).fill_null(False),
        *(pl.col(mark).is_not_null() for mark in marks),
    )
    keys = [key.column for key in KEYS]
    held = list(dict.fromkeys(["events", "attrs", "attrs_big", *keys, *named]))
    rows = frame.select(pl.int_range(pl.len()).alias("_at"), *held).filter(says)
    made: list[list[Assessment] | None] = [None] * frame.height
    for row in rows.iter_rows(named=True):
        made[row["_at"]] = list(_limited(_of(row, named))) or None
    return pl.Series("assessments", made, dtype=pl.List(ASSESSMENT))


def _limited(found: Iterator[Assessment]) -> Iterator[Assessment]:
    for _, each in zip(range(COUNT_LIMIT), found, strict=False):
        if each.get("text") is not None:
            each["text"] = each["text"][:TEXT_LIMIT]
        if each.get("label") is not None:
            each["label"] = each["label"][:TEXT_LIMIT]
        yield each


def _of(row: Mapping[str, Any], named: Mapping[str, str]) -> Iterator[Assessment]:
    yield from _events(row["events"] or "[]")
    if row[NAME.column] is not None:
        values = {key.name: row[key.column] for key in (NAME, LABEL, SCORE, WHY)}
        yield _evaluation(values, "gen_ai.evaluation.", "parent", NAME.name)
    if row[FEEDBACK.column] is not None:
        yield _logfire(row)
    for first, prefix in FIRST.items():
        if row[first.column] is not None:
            yield from _numbered(row, prefix)
    for column, kind in named.items():
        if row[column] is not None:
            yield _named(kind, column.removeprefix(PROMOTED), row[column])


def _events(events: str) -> Iterator[Assessment]:
    """What evaluation events say; an evaluator that failed says nothing of the span."""
    if EVENT not in events:
        return
    for event in _decoded(events, list):
        held = event.get("attributes") if isinstance(event, dict) else None
        if isinstance(held, dict) and event.get("name") == EVENT and not held.get("error.type"):
            nanos = event.get("time_unix_nano")
            fits = isinstance(nanos, int) and abs(nanos) < 2**63
            said = _evaluation(held, "gen_ai.evaluation.", "span", EVENT)
            yield said | {"unix_nano": nanos if fits else None}


def _evaluation(
    held: Mapping[str, Any], prefix: str, about: str, attribute: str, score: str = "score."
) -> Assessment:
    """One evaluation whose keys begin alike; OpenInference does not nest label and score."""
    return {
        "kind": "evaluation",
        "about": about,
        "name": _words(held.get(f"{prefix}name")),
        "label": _label(held.get(f"{prefix}{score}label")),
        "score": _score(held.get(f"{prefix}score.value" if score else f"{prefix}score")),
        "text": _words(held.get(f"{prefix}explanation")),
        "attribute": attribute,
    }


def _numbered(row: Mapping[str, Any], prefix: str) -> Iterator[Assessment]:
    inner, about = NUMBERED[prefix]
    held = _attributes(row) | {key.name: row[key.column] for key in FIRST}
    for place in range(COUNT_LIMIT):
        begin = f"{prefix}{place}.{inner}"
        if held.get(f"{begin}name") is None:
            return
        yield _evaluation(held, begin, about, f"{prefix}{place}", score="")


def _logfire(row: Mapping[str, Any]) -> Assessment:
    """Feedback of Logfire: its value stands in the attribute that has its name."""
    name = row[FEEDBACK.column]
    value = _attributes(row).get(name, row.get(PROMOTED + name))
    is_score = isinstance(value, int | float) and not isinstance(value, bool)
    return {
        "kind": "evaluation",
        "about": "parent",
        "name": name,
        "label": None if is_score else _label(value),
        "score": _score(value) if is_score else None,
        "text": row[COMMENT.column],
        "attribute": name,
    }


def _named(kind: str, attribute: str, value: Any) -> Assessment:
    said = _label(value)
    return {
        "kind": kind,
        "about": "span" if kind == "confidence" else "request",
        "label": said if kind == "feedback" else None,
        "score": _score(value),
        "text": _words(value),
        "attribute": attribute,
    }


def _attributes(row: Mapping[str, Any]) -> dict[str, Any]:
    held: dict[str, Any] = _decoded(row["attrs"] or "{}", dict)
    held.update(_decoded(row["attrs_big"] or "{}", dict))
    return held


def _decoded(value: str, kind: type) -> Any:
    try:
        found = msgspec.json.decode(value)
    except (msgspec.DecodeError, RecursionError, ValueError):
        return kind()
    return found if isinstance(found, kind) else kind()


def _words(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return msgspec.json.encode(value).decode()


def _label(value: Any) -> str | None:
    """A label in one spelling: lower case, words joined by underscores."""
    said = _words(value)
    if said is None or _score(value) is not None:
        return said
    return "_".join(said.casefold().replace("-", " ").split())


def _score(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        score = float(value) if not isinstance(value, str) or len(value) < 32 else math.nan
    except (ValueError, OverflowError):
        return None
    return score if math.isfinite(score) else None


def keys_of(policy: Policy | None) -> tuple[Key, ...]:
    """Every attribute that assessments are read from."""
    return (*KEYS, *(text(name) for name in (policy_keys(policy) if policy else ())))
