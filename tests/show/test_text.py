"""What is drawn for people: narrow and wide, hostile and huge."""

from __future__ import annotations

import io
import time
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

HOSTILE = "[red]x[/red] :smile: [/] \\[b] \x1b[31m"
SHOWN = "[red]x[/red] :smile: [/] \\[b] \\x1b[31m"


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
    unknown = ("started_at", "stage", "boundary", "cause", "duration_ms")
    record = {"request_id": "r", "failed": True, "verdict": HOSTILE, **dict.fromkeys(unknown)}
    assert SHOWN in flat(draw(requests_table([record]), width))
    assert SHOWN in flat(draw(frame_table([HOSTILE], [[HOSTILE]]), width))


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
    ("counts", "expected"),
    [
        ((100, 0, 0, 0), "100 % of 100 spans are loaded."),
        ((100, 30, 0, 0), "100 % of 100 spans are loaded (30 were there already)."),
        ((1_000, 0, 10, 0), "99.0 % of 1,000 spans are loaded; 10 were rejected."),
        (
            (10_000, 0, 1, 2),
            "99.9 % of 10,000 spans are loaded; 1 were rejected. 2 records could not be read.",
        ),
        ((0, 0, 0, 0), "No spans were loaded."),
        ((0, 0, 0, 1), "No spans were loaded. 1 record could not be read."),
    ],
)
def test_load_sentence(counts: tuple[int, ...], expected: str) -> None:
    names = ("spans_read", "spans_duplicate", "spans_rejected", "records_rejected")
    assert load_sentence(dict(zip(names, counts, strict=True))) == expected


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
    }
    totals = {**source, "records_rejected": 0}
    shown = flat(draw(load_table({"totals": totals, "sources": [source]}), width))
    assert shown.count(SHOWN) == 3
    for piece in ("1,234", "partly loaded", "(2×, first at line 3)", "7 logs records", "at line 9"):
        assert piece in shown
