"""The fault injector: faults that really break requests, and spans that give nothing away."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.inject.cases import UPSTREAM, Case, benign_differences
from benchmarks.inject.dialects import all_dialects
from benchmarks.inject.faults import FAULTS, TRUTHS, no_negation, other_name, other_number
from benchmarks.inject.pipeline import Plan, Run, run
from benchmarks.inject.spans import Pen, Quirks, Talk, Turn, export_lines
from benchmarks.inject.world import DEV, WORLDS, World
from benchmarks.localise import Bench, chosen, command, generate, rates

SPLITS = ("dev", "held")
CASES = 160


@pytest.fixture(scope="module", params=SPLITS)
def bench(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Bench:
    split = request.param
    return generate(tmp_path_factory.mktemp(split), 7, CASES, split, chosen(split, []))


def table(seed: int = 5) -> Plan:
    """A caller who wants a table, as the development split says it."""
    text = "I would like a table for fifteen at Rossini on Friday but do not send me a receipt"
    return Plan("dev", "voice", seed, text, DEV.understand(text))


def test_a_request_that_works() -> None:
    done = run(table())
    assert [call.stage for call in done.calls] == [
        "transcription",
        "reasoning",
        "tool",
        "reasoning",
        "synthesis",
    ]
    code = json.loads(done.calls[2].result or "")["code"]
    assert done.served
    assert done.heard is not None
    assert code in done.heard
    assert "There will be no receipt." in done.heard


@pytest.mark.parametrize(
    ("change", "is_lost", "comes_instead"),
    [
        (other_number, "fifteen", "for fifty at"),
        (other_name, "Rossini", "on Friday"),
        (no_negation, "do not", "but  send me a receipt"),
    ],
)
def test_words_that_are_misheard(change, is_lost: str, comes_instead: str) -> None:  # type: ignore[no-untyped-def]
    said = table().said
    heard = change(random.Random(1), said, Run(table()))
    assert is_lost in said
    assert is_lost not in heard
    assert comes_instead in heard


@pytest.mark.parametrize(
    ("fault", "stages", "heard"),
    [
        ("stt error", ["transcription"], None),
        ("stt missing", [], None),
        ("llm empty", ["transcription", "reasoning", "tool", "reasoning"], None),
        ("tool arguments broken", ["transcription", "reasoning"], None),
        ("tts missing", ["transcription", "reasoning", "tool", "reasoning"], None),
        (
            "heard number",
            ["transcription", "reasoning", "tool", "reasoning", "synthesis"],
            "for fifty at",
        ),
    ],
)
def test_what_follows_a_fault(fault: str, stages: list[str], heard: str | None) -> None:
    done = run(table(seed=4), FAULTS[fault])
    assert [call.stage for call in done.calls] == stages
    assert (heard in done.heard) if heard and done.heard else done.heard is heard
    assert not done.served


def test_the_same_arguments_find_the_same_facts() -> None:
    meaning = table().meaning
    assert meaning is not None
    assert DEV.look_up(meaning) == DEV.look_up(meaning)
    other = DEV.understand(table().said.replace("fifteen", "fifty"))
    assert other is not None
    assert DEV.look_up(meaning) != DEV.look_up(other)


def test_every_fault_has_a_truth() -> None:
    assert FAULTS.keys() == TRUTHS.keys()
    assert {fault.at for fault in FAULTS.values()} <= UPSTREAM.keys()


def _everything_said(world: World) -> set[str]:
    domains = (*world.domains, *world.refusals)
    said = {text for d in domains for text in (*d.says, *d.answers, *d.cues, d.tool or "")}
    values = {value for values in world.values.values() for value in values}
    messages = {text for texts in world.complaints.values() for text in texts}
    return (said | values | messages | {*world.systems, *world.fillers, *world.records}) - {""}


def test_the_splits_share_no_words() -> None:
    assert not _everything_said(WORLDS["dev"]) & _everything_said(WORLDS["held"])


def test_the_same_seed_writes_the_same_bytes(tmp_path: Path) -> None:
    dialects = chosen("dev", ["pipecat", "vercel"])
    one, two, three = (
        generate(tmp_path / name, seed, 30, "dev", dialects)
        for name, seed in (("one", 3), ("two", 3), ("three", 4))
    )
    for name in dialects:
        text = one.files[name].read_bytes()
        assert text
        assert text == two.files[name].read_bytes()
        assert text != three.files[name].read_bytes()


def test_the_order_of_sets_does_not_matter(tmp_path: Path) -> None:
    asked = (
        "import sys, pathlib; from benchmarks.localise import chosen, generate;"
        "generate(pathlib.Path(sys.argv[1]), 3, 60, 'dev', chosen('dev', ['otel_genai']))"
    )
    for seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        words = [sys.executable, "-c", asked, str(tmp_path / seed)]
        subprocess.run(words, env=environment, check=True)
    one, two = ((tmp_path / seed / "otel_genai.jsonl").read_bytes() for seed in ("1", "2"))
    assert one == two


def _expected(case: Case) -> bool:
    return case.run.served != bool(case.faults)


def test_faults_break_requests_that_work_without_them(bench: Bench) -> None:
    broken = [case for case in bench.cases if case.faults]
    assert len(broken) > CASES / 4
    assert all(_expected(case) for case in bench.cases)
    for case in broken:
        assert run(case.run.plan).served, case.name
        assert not run(case.run.plan, *case.faults).served, case.name
        for fault in case.faults:
            assert not run(case.run.plan, fault).served, case.name


def test_labels_are_not_in_the_spans(bench: Bench) -> None:
    text = "".join(file.read_text(encoding="utf-8") for file in bench.files.values())
    told = {*FAULTS, *(truth.place for truth in TRUTHS.values() if " " in truth.place)}
    told |= {case.ident for case in bench.cases} | {"distractor", "handled", "benign", "injected"}
    told |= {cause for truth in TRUTHS.values() for cause in truth.causes} - {"tool_error"}
    assert {word for word in told if word in text} == set()


def test_handled_errors_and_harmless_differences_abound(bench: Bench) -> None:
    handled, benign = rates(bench)
    assert handled.hits / handled.tries >= 0.3
    assert benign.hits / benign.tries >= 0.5
    failed = [case for case in bench.cases if case.failed]
    upstream = [any(mark.handled for mark in bench.marks[case.ident]) for case in failed]
    assert sum(upstream) / len(failed) >= 0.3
    assert sum(benign_differences(case) > 0 for case in failed) / len(failed) >= 0.3


#: Where in the course of a request a stage or a fault stands.
ORDER = {"side": 0, "input": 1, "transcription": 2, "transcription>reasoning": 3, "tool": 4}
ORDER |= {"reasoning": 5, "reasoning>synthesis": 6, "synthesis": 7, "external": 8}


def test_handled_errors_lie_upstream_of_the_fault(bench: Bench) -> None:
    handled = [
        (ORDER[call.stage], min(ORDER[fault.at] for fault in case.faults))
        for case in bench.cases
        if case.faults
        for call in case.run.calls
        if call.handled
    ]
    assert len(handled) > 20
    assert all(error < fault for error, fault in handled)


def test_unrecorded_signs_make_a_failure_invisible(bench: Bench) -> None:
    hidden = [case for case in bench.cases if case.failed and not case.visible]
    shown = [case for case in bench.cases if case.failed and case.visible]
    assert hidden
    assert len(shown) > len(hidden)
    for case in hidden:
        assert case.truth is not None
        signs = all_dialects()[case.dialect].SHOWS - case.quirks.hidden
        silent = not any(call.stage != "side" for call in case.run.calls)
        assert silent or not any(need <= signs for need in case.truth.needs)


def test_every_dump_loads_without_rejects(tmp_path: Path) -> None:
    dumps = [generate(tmp_path / s, 9, 60, s, chosen(s, [])).files.values() for s in SPLITS]
    files = [str(file) for dump in dumps for file in dump]
    said = command("ingest", *files, "--store", str(tmp_path / "s"), "--spans-only", "--quiet")
    report = json.loads(said)
    totals = report["totals"]
    written = sum(
        len(scope["spans"])
        for file in files
        for line in Path(file).read_text(encoding="utf-8").splitlines()
        for resource in json.loads(line)["resourceSpans"]
        for scope in resource["scopeSpans"]
    )
    assert (totals["spans_rejected"], totals["records_rejected"]) == (0, 0)
    assert totals["spans_stored"] == written
    assert [source["warnings"] for source in report["sources"] if source["warnings"]] == []


@pytest.mark.parametrize("name", sorted(all_dialects()))
def test_spans_form_trees_and_belong_to_cases(name: str) -> None:
    module = all_dialects()[name]
    kind = module.KINDS[0]
    plan = table() if kind == "voice" else Plan("dev", "chat", 5, table().said, table().meaning)
    turns = [Turn("first", run(plan), 0.0), Turn("second", run(plan), 9000.0)]
    talk = Talk("s1", "desk", kind, turns, Quirks(), 1_790_000_000_000_000_000)
    pen = Pen(talk, random.Random(1))
    module.write(pen)
    ids = {mark.span["spanId"] for mark in pen.marks}
    assert len(ids) == len(pen.marks)
    assert {mark.span["parentSpanId"] for mark in pen.marks if "parentSpanId" in mark.span} <= ids
    assert {mark.case for mark in pen.marks} - {""} == {"first", "second"}
    stages = {mark.stage for mark in pen.marks if mark.case == "second"}
    assert "reasoning" in stages
    if kind == "voice":
        heard = {mark.stage for mark in pen.marks}  # one dialect files it under the turn before
        assert "synthesis" in stages
        assert "transcription" in heard
    assert all(json.loads(line)["resourceSpans"] for line in export_lines(pen))


def test_unset_statuses_and_coarse_clocks() -> None:
    turn = Turn("case", run(table(), FAULTS["tts error"]), 0.0)
    quirks = Quirks(unset=True, coarse=True)
    pen = Pen(Talk("s1", "desk", "voice", [turn], quirks, 10**18), random.Random(1))
    all_dialects()["openinference"].write(pen)
    assert all(mark.span["status"] == {} for mark in pen.marks)
    assert all(int(mark.span["startTimeUnixNano"]) % 10**6 == 0 for mark in pen.marks)
    assert any(mark.span["events"] for mark in pen.marks)
