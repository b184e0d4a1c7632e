"""The scoring of the localisation benchmark: baselines, matching, coverage, calibration."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from benchmarks.inject.cases import Case
from benchmarks.inject.faults import FAULTS, TRUTHS
from benchmarks.inject.pipeline import Plan, run
from benchmarks.inject.spans import Mark, Quirks
from benchmarks.inject.world import DEV
from benchmarks.localise import (
    Answer,
    Bench,
    at_coverage,
    baselines,
    calibration,
    cheater,
    chosen,
    command,
    dump,
    generate,
    is_miss,
    macro,
    main,
    match,
    print_misses,
    print_reliability,
    print_report,
    scored,
    suspicions,
)

SAID = "what is the weather in Lisbon on Friday"


def case(ident: str, fault: str = "", visible: bool = True) -> Case:
    plan = Plan("dev", "voice", 4, SAID, DEV.understand(SAID))
    faults = (FAULTS[fault],) if fault else ()
    truth = TRUTHS[fault] if fault else None
    done = run(plan, *faults)
    return Case(ident, "custom", "dev", done, faults, truth, None, Quirks(), visible)


def row(stage: str | None, **more: Any) -> dict[str, Any]:
    known: dict[str, Any] = {"request_id": f"r-{stage}", "failed": stage is not None}
    known |= {"stage": stage, "boundary": None, "cause": None, "confidence": None}
    known |= {"candidates": [], "verdict": "…", "request_span_id": "", "span_ids": []}
    return known | more


def mark(
    span_id: str, parent: str, start: int, end: int, stage: str = "", error: bool = False
) -> Mark:
    span = {"spanId": span_id, "startTimeUnixNano": str(start), "endTimeUnixNano": str(end)}
    span |= {"name": span_id, "attributes": []} | ({"parentSpanId": parent} if parent else {})
    return Mark(span, "case", stage, "scope", error, False)


#: A slow recogniser, a model call that fails, a voice with an error in an attempt below it, and
#: a second recogniser that fails last.
TURN = [
    mark("root", "", 0, 100, error=True),
    mark("stt", "root", 1, 70, "transcription"),
    mark("llm", "root", 71, 80, "reasoning", error=True),
    mark("tts", "root", 90, 96, "synthesis", error=True),
    mark("try", "tts", 91, 95, "synthesis", error=True),
    mark("late", "root", 97, 98, "transcription", error=True),
]


def test_what_the_baselines_say() -> None:
    assert baselines(TURN, "reasoning") == {
        "first error": "reasoning",
        "deepest error": "synthesis",
        "last error": "transcription",
        "longest span": "transcription",
        "majority": "reasoning",
    }


def test_without_an_error_at_a_stage_baselines_say_external_or_the_usual() -> None:
    assert baselines(TURN[:2], "reasoning")["first error"] == "external"
    assert baselines(TURN[1:2], "reasoning")["first error"] == "reasoning"


@pytest.mark.parametrize(
    ("fault", "visible", "verdict", "right", "miss"),
    [
        ("tts error", True, row("synthesis"), True, False),
        ("tts error", True, row("reasoning"), False, True),
        ("tts error", True, row(None), False, True),
        ("tts error", True, row("undetermined"), False, True),
        ("tts error", True, None, False, True),
        ("prompt cut short", True, row("transcription"), True, False),
        ("prompt cut short", True, row("reasoning"), False, True),
        ("heard name", False, row(None), False, False),
        ("heard name", False, row("undetermined"), False, False),
        ("heard name", False, row("reasoning"), False, True),
        ("", True, row(None), False, False),
        ("", True, row("synthesis"), False, True),
        ("", True, row(None, failed=None), False, False),
    ],
)
def test_what_counts_as_right_and_as_a_miss(
    fault: str, visible: bool, verdict: Mapping[str, Any] | None, right: bool, miss: bool
) -> None:
    answer = Answer(case("c", fault, visible), verdict)
    assert (answer.right, is_miss(answer)) == (right, miss)


def test_scores_of_two_places() -> None:
    either = {"longest span": "synthesis"}
    answers = [
        Answer(case("a", "tts error"), row("synthesis", cause="tts_error"), either),
        Answer(case("b", "tts error"), row("undetermined"), either),
        Answer(
            case("c", "speech cut short"), row("reasoning", boundary="reasoning>output"), either
        ),
        Answer(case("d", "heard name", visible=False), row("reasoning"), either),
        Answer(case("e"), row("reasoning"), either),
    ]
    scores = scored(answers, lambda a: a.case.truth.place if a.case.truth else "")
    assert scores.keys() == {"synthesis", "hand-over out"}
    voice, out = scores["synthesis"], scores["hand-over out"]
    assert (voice.right.hits, voice.right.tries, voice.named.hits) == (1, 2, 1)
    assert (voice.when_named.hits, voice.when_named.tries) == (1, 1)
    assert (voice.cause.hits, voice.boundary.hits) == (1, 1)
    assert (out.right.hits, out.boundary.hits) == (1, 0)
    assert out.baselines["longest span"].hits == 1  # a baseline may name either side
    assert out.strict["longest span"].hits == 0
    assert macro(scores, lambda s: s.right) == 0.75


def test_accuracy_at_coverage_takes_the_surest_first() -> None:
    answers = [
        Answer(case("a", "tts error"), row("reasoning", candidates=[{"score": 0.4}])),
        Answer(case("b", "tts error"), row("synthesis", candidates=[{"score": 0.9}])),
        Answer(case("c", "tts error"), row("synthesis", confidence=0.8)),
        Answer(case("d", "tts error"), row(None, confidence=0.99)),
    ]
    found = [(level, c.hits, c.tries) for level, c in at_coverage(answers, (0.5, 0.75, 1.0))]
    assert found == [(0.5, 2, 2), (0.75, 2, 3), (1.0, 2, 4)]


def test_calibration_by_hand() -> None:
    assert calibration([Answer(case("a", "tts error"), row("synthesis"))]) is None
    answers = [
        Answer(case("a", "tts error"), row("synthesis", confidence=0.9)),
        Answer(case("b", "tts error"), row("reasoning", confidence=0.4)),
        Answer(case("c", "tts error"), row("undetermined", confidence=0.1)),
    ]
    measured = calibration(answers)
    assert measured is not None
    assert measured["n"] == 2
    assert measured["brier"] == pytest.approx((0.01 + 0.16) / 2)
    assert measured["ece"] == pytest.approx((0.1 + 0.4) / 2)


def test_reliability_also_counts_what_was_too_unsure_to_name() -> None:
    said = {"failed": True, "confidence": 0.25, "candidates": [{"stage": "synthesis"}]}
    answers = [
        Answer(case("a", "tts error"), row("undetermined", **said)),
        Answer(case("b", "tts error"), row("reasoning", confidence=0.98, candidates=[REASONING])),
        Answer(case("c", "tts error"), row(None)),
    ]
    pairs = suspicions(answers)
    assert pairs == [(0.25, 1.0), (0.98, 0.0)]
    drawn = Console(file=io.StringIO(), width=100)
    print_reliability(pairs, "Reliability", drawn)
    assert isinstance(drawn.file, io.StringIO)
    lines = [line.split()[:6] for line in drawn.file.getvalue().splitlines()]
    assert ["0.10", "to", "0.30", "1", "0.250", "1/1"] in lines
    assert ["0.96", "to", "0.99", "1", "0.980", "0/1"] in lines


REASONING = {"stage": "reasoning"}


def test_a_case_is_matched_with_the_request_that_shares_its_spans() -> None:
    bench = Bench([case("a", "tts error")], {"a": TURN}, {})
    rows = [
        row(None, request_id="small", span_ids=["stt"]),
        row(None, request_id="large", span_ids=["llm", "try", "tts"]),
        row("synthesis", request_id="elsewhere", span_ids=["other"]),
    ]
    found = match(bench, rows)[0].row
    assert found is not None
    assert found["request_id"] == "large"
    rows[0]["failed"] = True
    found = match(bench, rows)[0].row
    assert found is not None
    assert found["request_id"] == "small"
    assert match(bench, rows[2:])[0].row is None


def test_the_cheater_is_near_the_majority(tmp_path: Path) -> None:
    bench = generate(tmp_path, 11, 300, "dev", chosen("dev", []))
    guess, usual = cheater(bench)
    assert guess <= usual + 0.15


def test_reports_and_files(tmp_path: Path) -> None:
    broken = Answer(case("a", "tts error"), row("reasoning"), baselines(TURN, "reasoning"))
    fine = Answer(case("b"), row("synthesis"))
    console = Console(file=io.StringIO(), width=220)
    bench = Bench([broken.case, fine.case], {"a": TURN, "b": TURN[:2]}, {})
    print_report(bench, [broken, fine], console)
    print_misses([broken, fine], console)
    dump(tmp_path / "d.csv", [broken, fine])
    assert isinstance(console.file, io.StringIO)
    text = console.file.getvalue()
    assert "macro accuracy over places 0.000" in text
    assert "a custom voice | tts error | is synthesis | said reasoning" in text
    assert "b custom voice | plain | is not failed | said synthesis" in text
    rows = list(csv.DictReader(io.StringIO((tmp_path / "d.csv").read_text(encoding="utf-8"))))
    assert [(r["case"], r["stage"], r["said_stage"], r["miss"]) for r in rows] == [
        ("a", "synthesis", "reasoning", "True"),
        ("b", "", "synthesis", "True"),
    ]


def test_the_command_line_end_to_end(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked = ["--cases", "12", "--dialects", "custom", "--keep", str(tmp_path)]
    main([*asked, "--misses", "--dump", str(tmp_path / "cases.csv")])
    said = capsys.readouterr()
    assert "Visible failures by place" in said.out
    assert "simulating 12 cases" in said.err
    with (tmp_path / "cases.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) >= 12
    assert {row["dialect"] for row in rows} == {"custom"}
    assert all(row["request_id"] for row in rows)


def test_unknown_dialects_and_failing_commands_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SystemExit, match="unknown dialect 'carrier pigeon': known are adk"):
        chosen("dev", ["carrier pigeon"])
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(SystemExit, match="tracelens requests ended with 1"):
        command("requests")
