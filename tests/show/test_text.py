"""What is drawn for people: narrow and wide, hostile and huge."""

from __future__ import annotations

import io
import time
from dataclasses import replace
from typing import Any

import pytest
from rich.console import Console, RenderableType

from tracelens.analyse import Explanation
from tracelens.show.text import (
    explanation_text,
    frame_table,
    load_sentence,
    load_table,
    requests_table,
)
from tracelens.show.ticket import explanation_markdown

HOSTILE = "[red]x[/red] :smile: [/] \\[b] \x1b[31m"
SHOWN = "[red]x[/red] :smile: [/] \\[b] \\x1b[31m"


COUNTED = ("spans_read", "spans_stored", "spans_duplicate", "spans_rejected")


def draw(value: RenderableType, width: int = 160) -> str:
    console = Console(file=io.StringIO(), width=width, highlight=False)
    console.print(value)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def flat(text: str) -> str:
    return " ".join(text.split())


def span(number: int, parent: int | None = None, **more: Any) -> dict[str, Any]:
    return {
        "id": f"{number:016x}",
        "parent": None if parent is None else f"{parent:016x}",
        "name": f"span {number}",
        "stage": None,
        "duration_ms": 1.0,
        "status": "unset",
        "error": None,
    } | more


def explained(*spans: dict[str, Any], **more: Any) -> Explanation:
    request = {
        "request_id": "r" * 32,
        "trace_id": "t" * 32,
        "start_unix_nano": 0,
        "duration_ms": 5.0,
        "service": HOSTILE,
        "emitter": None,
        "session_id": HOSTILE,
        "verdict": HOSTILE,
        "confidence": None,
        "stale": True,
        "failed": True,
        "outcomes": [{"at": "transcription", "outcome": "failed"}],
        "evidence": [
            {
                "check": "stage_error",
                "result": "fails",
                "sentence": HOSTILE,
                "span_id": "5" * 16,
                "attribute": HOSTILE,
            }
        ],
    } | more
    return Explanation(request=request, spans=list(spans))


@pytest.mark.parametrize("width", [60, 160])
def test_hostile_texts_are_drawn_as_they_are(width: int) -> None:
    broken = span(1, name=HOSTILE, status="error", error=HOSTILE)
    shown = flat(draw(explanation_text(explained(broken)), width))
    assert shown.count(SHOWN) == 7
    unknown = ("started_at", "stage", "boundary", "cause", "confidence", "duration_ms")
    record = {"request_id": "r", "failed": True, "verdict": HOSTILE, **dict.fromkeys(unknown)}
    assert SHOWN in flat(draw(requests_table([record]), width))
    assert SHOWN in flat(draw(frame_table([HOSTILE], [[HOSTILE]]), width))


def test_how_it_stands_and_what_went_over_budget() -> None:
    stands = {"metric": "latency", "value": 5.0, "inputs": HOSTILE, "n": 100, "lower": 0.97}
    over = {"metric": "latency", "stage": "reasoning", "value": 9000.0, "limit": 8000.0}
    given = replace(explained(span(1), breaches=[over], cause=None), percentiles=[stands])
    text = draw(explanation_text(given))
    assert "Slower than 97 % of 100 " in text
    assert "Over budget: reasoning took 9 s of 8 s." in text
    assert "\x1b" not in text
    ticket = explanation_markdown(given)
    assert "- compared: Slower than 97 % of 100 " in ticket
    assert "- over budget: reasoning took 9 s of 8 s" in ticket
    assert "<b>" not in ticket


def test_spans_stand_below_their_parents() -> None:
    shown = draw(explanation_text(explained(span(2, 1), span(1), span(3, 2), span(4, 9))))
    tree = [line for line in shown.split("\n") if "span " in line and "ms" in line]
    before = [line.partition("span ")[0] for line in tree]
    assert before == ["├── ", "│   └── ", "│       └── ", "└── "]


def test_spans_in_a_circle_are_drawn_once() -> None:
    shown = draw(explanation_text(explained(span(1, 2), span(2, 1), span(3, 3))))
    assert [shown.count(f"span {number} ") for number in (1, 2, 3)] == [1, 1, 1]


@pytest.mark.parametrize("parent", [lambda n: None, lambda n: n - 1, lambda n: n + 1])
def test_ten_thousand_spans_are_counted_not_drawn(parent: Any) -> None:
    spans = [span(number, parent(number)) for number in range(10_000)]
    begun = time.process_time()
    shown = draw(explanation_text(explained(*spans)))
    assert "… and 9,800 more spans" in shown
    assert time.process_time() - begun < 5


def test_a_table_that_does_not_fit_becomes_lines() -> None:
    names, rows = [f"column{number}" for number in range(20)], [[None, *range(19)]]
    assert draw(frame_table(names, rows), 60).startswith("row 1\n  column1: 0\n  column2: 1\n")
    assert draw(frame_table(["a"], [[1], [None]]), 60) == "a\n1\n \n"


def test_cells_keep_their_lines() -> None:
    assert draw(frame_table(["a"], [["x\ny"]])) == "a\nx\ny\n"


@pytest.mark.parametrize(
    ("counts", "reasons", "expected"),
    [
        ((100, 0, 0, 0), {}, "100 % of 100 spans are loaded."),
        ((100, 30, 0, 0), {}, "100 % of 100 spans are loaded (30 were there already)."),
        (
            (1_000, 0, 10, 0),
            {"it has no id": 10},
            "99.0 % of 1,000 spans are loaded; 10 were skipped: it has no id (10).",
        ),
        (
            (10_000, 0, 1, 9),
            {"a": 1, "b": 2, "c": 2, "d": 5},
            "99.9 % of 10,000 spans are loaded; 1 was skipped, 9 records could not be read:"
            " d (5); b (2); c (2); other reasons (1).",
        ),
        ((0, 0, 0, 0), {}, "No spans were loaded."),
        (
            (0, 0, 0, 1),
            {"it is cut": 1},
            "No spans were loaded; 1 record could not be read: it is cut (1).",
        ),
    ],
)
def test_load_sentence(counts: tuple[int, ...], reasons: dict[str, int], expected: str) -> None:
    names = ("spans_read", "spans_duplicate", "spans_rejected", "records_rejected")
    totals = dict(zip(names, counts, strict=True))
    assert load_sentence({"totals": totals, "sources": [{"reject_reasons": reasons}]}) == expected


def test_a_long_load_report_shows_what_went_wrong_first() -> None:
    counts = dict.fromkeys((*COUNTED, "records_rejected"), 0)
    sources = [
        {"path": f"{n}.json", "format": "x", "status": "refused" if n == 99 else "loaded", **counts}
        | {"warnings": [], "other_signals": {}, "rejects": [], "reject_reasons": {}}
        for n in range(100)
    ]
    shown = draw(load_table({"totals": counts, "sources": sources})).splitlines()
    assert shown[2].startswith("99.json")
    assert shown[3].startswith("0.json")
    assert shown[-1] == "and 60 more inputs (--format json lists all)"


@pytest.mark.parametrize("width", [60, 120])
def test_load_table(width: int) -> None:
    source = {
        "path": f"{HOSTILE}.jsonl",
        "format": "otlp_json_lines",
        "status": "partly_loaded",
        "spans_read": 1_234,
        "spans_stored": 1_000,
        "spans_duplicate": 200,
        "spans_rejected": 34,
        "warnings": [{"message": HOSTILE, "count": 2, "first_at": "line 3"}],
        "other_signals": {"logs": 7},
        "rejects": [{"at": "line 9", "reason": HOSTILE}],
        "reject_reasons": {HOSTILE: 34},
    }
    totals = {**source, "records_rejected": 0}
    shown = flat(draw(load_table({"totals": totals, "sources": [source]}), width))
    assert shown.count(SHOWN) == 4
    for piece in ("1,234", "partly loaded", "(2×, first at line 3)", "7 logs records", "at line 9"):
        assert piece in shown
