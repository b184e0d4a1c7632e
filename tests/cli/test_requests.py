"""`requests` and `failures`: the fields of the contract, filters, formats, and refusals."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import pytest

from tests.command import run
from tests.golden_files import check_golden
from tests.read.dumps import dump, request, span
from tests.traces import load, sample
from tracelens.model import BOUNDARIES, CAUSES, OUTCOMES, VERDICT_STAGES
from tracelens.show.records import rfc3339

TEXT, NUMBER, WHOLE, TRUTH, NONE = str, float, int, bool, type(None)
#: The contract, in its order; what is ours beyond it comes after.
FIELDS: dict[str, tuple[type, ...]] = {
    "request_id": (TEXT,),
    "external_request_id": (TEXT, NONE),
    "trace_id": (TEXT,),
    "request_span_id": (TEXT,),
    "span_ids": (list,),
    "session_id": (TEXT, NONE),
    "user_id": (TEXT, NONE),
    "service": (TEXT, NONE),
    "emitter": (TEXT, NONE),
    "started_at": (TEXT, NONE),
    "start_unix_nano": (WHOLE, NONE),
    "duration_ms": (NUMBER, NONE),
    "ttfa_ms": (NUMBER, NONE),
    "ttft_ms": (NUMBER, NONE),
    "input_modalities": (list,),
    "output_modalities": (list,),
    "models": (dict,),
    "cost_usd": (NUMBER, NONE),
    "cost_is_lower_bound": (TRUTH,),
    "cost_unpriced_spans": (WHOLE,),
    "failed": (TRUTH, NONE),
    "stage": (TEXT, NONE),
    "boundary": (TEXT, NONE),
    "cause": (TEXT, NONE),
    "confidence": (NUMBER, NONE),
    "stale": (TRUTH,),
    "candidates": (list,),
    "evidence": (list,),
    "verdict": (TEXT,),
    "outcomes": (dict,),
}
OURS = {"turn_number", "stage_runs", "notes"}
OURS |= {"cost_items", "cost_by_stage", "cost_by_content", "sizes"}
OURS |= {"path_ms", "chain_ms", "breaches"}
#: No stale verdicts yet: always this value.
NOT_YET = {"stale": False}


def test_rows_have_the_fields_and_types_of_the_contract(samples: Path) -> None:
    rows = run("requests", "--store", samples, "--limit", "0").rows()
    assert len(rows) > 60
    seen: dict[str, set[type]] = {name: set() for name in FIELDS}
    for row in rows:
        assert row.keys() == FIELDS.keys() | OURS
        for name, types in FIELDS.items():
            if name != "models":  # see the test below
                assert type(row[name]) in types, (name, row[name])
            seen[name].add(type(row[name]))
        check_row(row)
    never = {name for name, types in seen.items() if types == {NONE}}
    assert never <= {*NOT_YET, "user_id", "cost_usd"}


def test_models_are_lists_by_stage(samples: Path) -> None:
    stages = {"transcription", "reasoning", "synthesis"}
    for row in run("requests", "--store", samples, "--limit", "0").rows():
        assert row["models"].keys() == stages
        assert all(type(each) is list for each in row["models"].values())


def check_row(row: dict[str, Any]) -> None:
    assert len(row["request_id"]) == len(row["trace_id"]) == 32
    assert row["request_span_id"] in row["span_ids"]
    assert all(len(each) == 16 and int(each, 16) for each in row["span_ids"])
    assert row["started_at"] == rfc3339(row["start_unix_nano"])
    assert row["input_modalities"] == sorted(row["input_modalities"])
    assert {each: row[each] for each in NOT_YET} == NOT_YET
    assert row["stage"] in (*VERDICT_STAGES, None)
    assert row["boundary"] in (*BOUNDARIES, None)
    assert row["cause"] in (*CAUSES, None)
    assert (row["stage"] is not None) == (row["failed"] is True)
    assert set(row["outcomes"].values()) <= set(OUTCOMES)
    for each in row["candidates"]:
        assert each.keys() == {"stage", "boundary", "cause", "score"}
    for each in row["evidence"]:
        keys = {"check", "result", "span_id", "attribute", "value", "needed", "sentence"}
        assert each.keys() == keys | {"at"}
        assert each["result"] in ("fails", "passes", "no_data")


def test_one_row_in_full(tmp_path: Path) -> None:
    load(tmp_path / "store", sample("openinference_handoff_lost_not")).close()
    ended = run("requests", "--store", tmp_path / "store", "--format", "json")
    check_golden("requests.json", ended.out)


def test_failures_are_the_failed_requests_most_recent_first(samples: Path) -> None:
    rows = run("requests", "--store", samples, "--limit", "0").rows()
    failed = run("failures", "--store", samples, "--limit", "0").rows()
    assert failed == [row for row in rows if row["failed"]]
    starts = [row["start_unix_nano"] for row in failed]
    assert starts == sorted(starts, reverse=True)


def test_failures_say_how_many_cannot_be_told(tmp_path: Path) -> None:
    """A request of a service that is no assistant, beside one that failed."""
    store, other = tmp_path / "store", tmp_path / "other.jsonl"
    other.write_bytes(dump(request(span(name="GET /health"))))
    load(store, sample("openinference_handoff_lost_not"), other).close()
    ended = run("failures", "--store", store)
    assert [row["failed"] for row in ended.rows()] == [True]
    assert ended.err == "of 1 more it cannot be told; --include-unknown lists them\n"
    both = run("failures", "--store", store, "--include-unknown")
    assert [row["failed"] for row in both.rows()] == [True, None]
    assert both.err == ""
    nothing = run("failures", "--store", store, "--where", "duration_ms < 0")
    assert nothing.err == "no failures match\n"


@pytest.mark.parametrize(
    ("options", "holds"),
    [
        (["--stage", "synthesis"], lambda row: row["stage"] == "synthesis"),
        (["--boundary", "reasoning>tool"], lambda row: row["boundary"] == "reasoning>tool"),
        (["--cause", "handoff_loss"], lambda row: row["cause"] == "handoff_loss"),
        (["--modality", "image"], lambda row: "image" in row["input_modalities"]),
        (["--service", "phone-agent"], lambda row: row["service"] == "phone-agent"),
        (["--session", "rental-2"], lambda row: row["session_id"] == "rental-2"),
        (["--since", "2026-11-25T14:50:00Z"], lambda row: row["started_at"] >= "2026-11-25T14:50"),
        (["--until", "2026-11-25T14:50:00Z"], lambda row: row["started_at"] < "2026-11-25T14:50"),
        (["--where", "len(span_ids) > 9"], lambda row: len(row["span_ids"]) > 9),
    ],
)
def test_filters(samples: Path, options: list[str], holds: Any) -> None:
    rows = run("requests", "--store", samples, "--limit", "0").rows()
    expected = [row["request_id"] for row in rows if holds(row)]
    found = run("requests", "--store", samples, "--limit", "0", *options).rows()
    assert expected
    assert [row["request_id"] for row in found] == expected


def test_model_filter_looks_at_every_stage(samples: Path) -> None:
    for stage, model in (("synthesis", "tts-1"), ("reasoning", "gpt-4.1-mini")):
        rows = run("requests", "--store", samples, "--limit", "0", "--model", model).rows()
        assert rows
        assert all(model in row["models"][stage] for row in rows)


def test_limits(samples: Path) -> None:
    two = run("requests", "--store", samples, "--limit", "2")
    assert len(two.rows()) == 2
    assert two.err == "the first 2; --limit 0 lists all\n"
    everything = run("requests", "--store", samples, "--limit", "0")
    assert len(everything.rows()) > 60
    assert everything.err == ""


def test_quiet_says_nothing(samples: Path) -> None:
    assert run("requests", "--store", samples, "--limit", "1", "--quiet").err == ""
    assert run("failures", "--store", samples, "--where", "false", "-q").err == ""


@pytest.mark.parametrize("shape", ["table", "json", "jsonl", "csv", "markdown"])
def test_no_match_is_no_error(samples: Path, shape: str) -> None:
    ended = run("requests", "--store", samples, "--session", "nobody", "--format", shape)
    assert (ended.code, ended.err) == (0, "no requests match\n")
    if shape == "json":
        assert ended.json() == []
    if shape == "csv":
        assert set(ended.out.strip().split(",")) == FIELDS.keys() | OURS


def test_csv_has_one_line_per_request(samples: Path) -> None:
    ended = run("requests", "--store", samples, "--limit", "5", "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(ended.out)))
    assert [row["request_id"] for row in rows] == [
        row["request_id"] for row in run("requests", "--store", samples, "--limit", "5").rows()
    ]


def test_our_own_times_can_be_pasted(samples: Path) -> None:
    first = run("requests", "--store", samples, "--limit", "1").rows()[0]
    found = run("requests", "--store", samples, "--since", first["started_at"]).rows()
    assert [row["request_id"] for row in found] == [first["request_id"]]


def files(store: Path) -> dict[str, bytes]:
    return {
        str(each.relative_to(store)): each.read_bytes()
        for each in sorted(store.rglob("*"))
        if each.is_file() and not each.name.endswith(("-shm", "-wal"))
    }


@pytest.mark.parametrize(
    "where",
    [
        "true) or (true",
        "1=1; drop table requests",
        "true order by 1",
        "true limit 1",
        "true union select 1",
        "true) -- ",
        "true /*",
        "exists (copy (select 1) to 'stolen.csv')",
        "exists (from read_csv('/etc/hostname'))",
        "exists (from '/etc/hostname')",
        "request_id = $session",
        "request_id = ?",
        "duration_ms",
        "no_such_column",
        "",
        "'",
    ],
)
def test_where_takes_one_condition_and_nothing_else(
    samples: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    monkeypatch.chdir(tmp_path)
    before = files(samples)
    ended = run("requests", "--store", samples, "--where", where)
    assert (ended.code, ended.out) == (2, ""), where
    assert ended.err.startswith("tracelens: ")
    assert files(samples) == before
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("sort", ["nothing", "request_id; drop table x", "-", ""])
def test_sort_takes_known_columns(samples: Path, sort: str) -> None:
    ended = run("requests", "--store", samples, "--sort", sort)
    assert ended.code == 2
    assert "choose from started_at, duration_ms" in ended.err


def test_groups_count_failures_that_look_alike(samples: Path) -> None:
    failures = run("failures", "--limit", "0", "--store", samples).rows()
    groups = run("failures", "--group", "--store", samples).rows()
    assert sum(group["n"] for group in groups) == len(failures)
    assert sum(group["share"] for group in groups) == pytest.approx(1)
    assert [group["n"] for group in groups] == sorted((g["n"] for g in groups), reverse=True)
    known = {row["request_id"] for row in failures}
    assert all(set(group["examples"]) <= known for group in groups)
    none = run("failures", "--group", "--service", "nobody", "--store", samples)
    assert (none.code, none.out, none.err) == (0, "", "no failures match\n")
    for shape in ("table", "csv", "markdown", "json"):
        shown = run("failures", "--group", "--limit", "1", "--format", shape, "--store", samples)
        assert groups[0]["cause"] in shown.out
