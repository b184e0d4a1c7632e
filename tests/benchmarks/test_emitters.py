"""The benchmark's arithmetic: intervals against published ones, baselines, and labels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from benchmarks.emitters import Answer, Count, Label, Score, add, baselines, read_labels, wilson


@pytest.mark.parametrize(
    ("hits", "tries", "low", "high"),
    [
        # Newcombe (1998), Statistics in Medicine 17:857-872, table I, method 3.
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0000, 0.1611),
        (1, 29, 0.0061, 0.1718),
        (20, 20, 0.8389, 1.0000),
    ],
)
def test_wilson_intervals(hits: int, tries: int, low: float, high: float) -> None:
    assert wilson(hits, tries) == pytest.approx((low, high), abs=0.00005)


def test_counts_in_words() -> None:
    assert str(Count()) == "-"
    assert str(Count(81, 263)) == "81/263 [0.26 0.37]"


def span(span_id: str, parent: str | None, start: int, ms: float, **more: Any) -> dict[str, Any]:
    return {
        "span_id": span_id,
        "parent_span_id": parent,
        "start_unix_nano": start,
        "duration_ms": ms,
        "status_code": 0,
        "stage": None,
    } | more


#: A turn: a recogniser that is slow, a model whose HTTP call fails, and a voice that fails later.
TURN = [
    span("turn", None, 0, 100.0, status_code=2),
    span("stt", "turn", 1, 70.0, stage="transcription"),
    span("llm", "turn", 71, 9.0, stage="reasoning"),
    span("http", "llm", 72, 8.0, status_code=2),
    span("tool", "turn", 80, 5.0, stage="tool", status_code=2),
    span("tts", "turn", 90, 6.0, stage="synthesis", status_code=2),
]


def test_what_the_baselines_say() -> None:
    assert baselines(TURN, "reasoning") == {
        "first error": "reasoning",
        "deepest error": "reasoning",
        "last error": "synthesis",
        "longest span": "transcription",
        "majority": "reasoning",
    }


def test_baselines_without_anything_to_go_by() -> None:
    assert set(baselines([], "synthesis").values()) == {"", "synthesis"}
    circle = [span("a", "b", 0, 1.0), span("b", "a", 0, 1.0, status_code=2)]
    assert baselines(circle, "")["first error"] == ""


def label(**more: Any) -> Label:
    values = {
        "emitter": "e",
        "file": "f",
        "trace_id": "t",
        "span_ids": {"turn"},
        "fault": "x",
        "failed": True,
        "visible": True,
        "stages": {"reasoning"},
        "boundary": None,
    }
    return Label(**{**values, **more})


@pytest.mark.parametrize(
    ("labelled", "said", "expected"),
    [
        ({}, (True, "reasoning", None), {"stage": "1/1"}),
        ({}, (True, "synthesis", None), {"stage": "0/1"}),
        ({}, (True, "undetermined", None), {"stage": "0/1"}),
        ({}, (False, None, None), {"stage": "0/1"}),
        (
            {"boundary": "reasoning>tool"},
            (True, "reasoning", "reasoning>tool"),
            {"stage": "1/1", "boundary": "1/1"},
        ),
        ({"failed": False}, (True, "reasoning", None), {"alarm": "1/1"}),
        ({"failed": False}, (False, None, None), {"alarm": "0/1"}),
        ({"visible": False}, (True, "reasoning", None), {"hidden": "1/1"}),
        ({"visible": False}, (True, "undetermined", None), {"hidden": "0/1"}),
    ],
)
def test_what_an_answer_counts_as(
    labelled: dict[str, Any], said: tuple[bool, str | None, str | None], expected: dict[str, str]
) -> None:
    score = Score()
    add(score, Answer(label(**labelled), True, *said, "verdict", TURN), "reasoning")
    counts = {name: getattr(score, name) for name in ("stage", "boundary", "alarm", "hidden")}
    got = {name: f"{count.hits}/{count.tries}" for name, count in counts.items() if count.tries}
    assert got == expected


HEADER = (
    "emitter,file,trace_id,request_span_id,related_span_ids,injected_fault,true_stage,boundary,"
    "failed,evidence_visible\n"
)


@pytest.mark.parametrize(
    ("row", "stages", "boundary"),
    [
        ("e,f,t,s,a;b,stt_500,transcription,,1,1", {"transcription"}, None),
        ("e,f,t,s,,tool_500,tool,,1,1", {"reasoning"}, "reasoning>tool"),
        (
            "e,f,t,s,,dropped,transcription,transcription->reasoning,1,1",
            {"transcription", "reasoning"},
            "transcription>reasoning",
        ),
        (
            "e,f,t,s,,x,stt,audio->transcription,1,1",
            {"stt", "transcription"},
            "input>transcription",
        ),
        ("e,f,t,s,,x,reasoning,image->reasoning,1,0", {"reasoning", "input"}, "input>reasoning"),
    ],
)
def test_labels(tmp_path: Path, row: str, stages: set[str], boundary: str | None) -> None:
    (tmp_path / "labels.csv").write_text(f"{HEADER}{row}\n", encoding="utf-8")
    (read,) = read_labels(tmp_path)
    assert (read.stages, read.boundary) == (stages, boundary)
    assert read.failed
    assert read.visible == row.endswith("1")
    assert "s" in read.span_ids
    assert ("a" in read.span_ids) == ("a;b" in row)
