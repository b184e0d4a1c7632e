"""Values on their way out: times, numbers that are none, and cells that would do something."""

from __future__ import annotations

import json
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tracelens.show.records import (
    escape_markdown,
    rfc3339,
    to_csv,
    to_json,
    to_markdown,
    visible,
)


@pytest.mark.parametrize(
    ("nanos", "expected"),
    [
        (0, "1970-01-01T00:00:00.000000000Z"),
        (1_700_000_000_123_456_789, "2023-11-14T22:13:20.123456789Z"),
        (-1, "1969-12-31T23:59:59.999999999Z"),
        (2**63 - 1, "2262-04-11T23:47:16.854775807Z"),
        (10**30, None),
        (None, None),
    ],
)
def test_times_keep_their_nanoseconds(nanos: int | None, expected: str | None) -> None:
    assert rfc3339(nanos) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (float("nan"), "null"),
        ([float("inf"), {"x": float("-inf")}], '[null, {"x": null}]'),
        (Decimal("252"), "252"),
        (Decimal("1.50"), "1.5"),
        (Decimal("NaN"), "null"),
        (Decimal(2**90), str(2**90)),
        (datetime(2026, 11, 25, 14, 50), '"2026-11-25T14:50:00Z"'),
        (date(2026, 11, 25), '"2026-11-25"'),
        (b"\x00\xff", '"00ff"'),
        ("é “x”", '"é “x”"'),
        ("\x1b[31m", '"\\u001b[31m"'),
        ("\x9b\x7f\u202e\u2028\ufeff", '"\\u009b\\u007f\\u202e\\u2028\\ufeff"'),
        ((1, 2), "[1, 2]"),
    ],
)
def test_json(value: Any, expected: str) -> None:
    assert to_json(value) == expected


@given(st.recursive(st.text() | st.integers() | st.none(), st.lists, max_leaves=5))
@settings(max_examples=50)
def test_json_says_what_was_there(value: Any) -> None:
    text = to_json(value)
    assert json.loads(text) == value
    assert len(text.splitlines()) == 1


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("=1+1", "'=1+1"),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("@x", "'@x"),
        ("\tx", "'\tx"),
        (-1.5, "-1.5"),
        ("a,b", '"a,b"'),
        ('say "x"', '"say ""x"""'),
        ("two\nlines", '"two\nlines"'),
        ("\x1b[31m", "\\x1b[31m"),
        (None, '""'),
        ([1, "="], '"[1, ""=""]"'),
        (True, "True"),
    ],
)
def test_csv(value: Any, expected: str) -> None:
    assert to_csv([{"a": value}]) == f"a\n{expected}\n"


def test_csv_without_rows() -> None:
    assert to_csv([]) == ""
    assert to_csv([], ["a", "b"]) == "a,b\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a|b", "a\\|b"),
        ("<b>&", "&lt;b&gt;&amp;"),
        ("*x* `y` [z](u) #", "\\*x\\* \\`y\\` \\[z\\](u) \\#"),
        ("llm_error _x_", "llm_error \\_x\\_"),
        ("two\n\nlines", "two lines"),
        ("\x1b[0m", "\\\\x1b\\[0m"),
        ("back\\slash", "back\\\\slash"),
    ],
)
def test_markdown_cells(text: str, expected: str) -> None:
    assert escape_markdown(text) == expected


def test_markdown_table() -> None:
    rows = [{"a|b": 1, "c": None}, {"a|b": "x\ny", "c": [1]}]
    assert to_markdown(rows) == "| a\\|b | c |\n|---|---|\n| 1 |  |\n| x y | \\[1\\] |\n"
    assert to_markdown([]) == ""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain “text” 👍 a\u00a0b", "plain “text” 👍 a\u00a0b"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("a\nb\tc", "a\\nb\\tc"),
        ("\x1b\x07\x9b\u202e\ufeff", "\\x1b\\x07\\x9b\\u202e\\ufeff"),
    ],
)
def test_visible(text: str, expected: str) -> None:
    assert visible(text) == expected


@given(st.text())
def test_nothing_that_is_visible_acts(text: str) -> None:
    shown = visible(text)
    assert len(shown.splitlines()) <= 1
    assert not any(ord(c) < 32 or 127 <= ord(c) < 160 for c in shown)


def test_a_table_has_the_columns_that_are_wanted() -> None:
    assert to_csv([{"a": 1, "b": 2}], ["b"]) == "b\n2\n"
