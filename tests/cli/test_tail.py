"""`tail`: the fields of the contract, the headline, a report with hostile names, refusals."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import pytest

from tests.command import run
from tests.golden_files import check_golden
from tests.store.frames import SECOND, new_store, number, requests, trace

DAY = 86_400 * SECOND
HOSTILE = "ann |<script>alert(1)</script>|\n# *Bob* [x](http://e.vil)\x1b[31m"
INPUTS = (["text"], ["audio"], ["audio", "image"])


def row(place: int) -> dict[str, Any]:
    """One of 200 requests over eight days: each costs more than the one before, the last most."""
    kind = 2 if place >= 196 else place % 2
    image = 0.2 * (place - 190) if kind == 2 else None
    text = 0.001 * (place + 1)
    cost = None if place in (3, 7) else text + (image or 0)
    stages = {"transcription": None, "reasoning": cost, "synthesis": None, "tool": None}
    contents = {"text_in": text, "image_in": image} if cost is not None else {}
    return {
        "request_id": number(f"{place}root", 32),
        "trace_id": trace(str(place)),
        "start_unix_nano": 20_000 * DAY + place * DAY // 25,
        "duration_ms": 100.0 + place,
        "failed": place == 199,
        "cause": "llm_error" if place == 199 else None,
        "input_modalities": INPUTS[kind],
        "user_id": HOSTILE if place > 150 else f"user-{place % 3}",
        "service": ["desk", "=cmd()"][place % 2],
        "cost_usd": cost,
        "cost_is_lower_bound": place == 9,
        "cost_unpriced_spans": 2 if cost is None else int(place == 9),
        "cost_by_stage": stages,
        "cost_by_content": contents,
        "path_ms": {"reasoning": 90.0 + place, "residual": 10.0},
        "breaches": [{"metric": "cost", "value": cost, "limit": 0.5}] if place > 195 else [],
    }


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    store = new_store(tmp_path_factory.mktemp("tail"))
    rows = [row(place) for place in range(200)]
    with store.writer() as writer:
        judged = requests(*rows)
        writer.commit(None, judged, judged["trace_id"].to_list(), in_force={"": "now"})
    store.close()
    return store.path


def test_json_has_the_fields_of_the_contract(store: Path) -> None:
    found = run("tail", "--store", store, "--format", "json").json()
    assert list(found)[:7] == [
        *("metric", "unit", "n", "n_unknown", "groups", "different", "exemplars")
    ]
    assert (found["metric"], found["unit"], found["n"], found["n_unknown"]) == (
        "cost",
        "USD",
        198,
        2,
    )
    group = found["groups"][0]
    assert group["by"] == "audio"
    assert list(group["quantiles"]) == ["p50", "p75", "p90", "p95", "p99", "p99_9"]
    assert list(group["top_share"]) == ["0.001", "0.01", "0.05", "0.1"]
    assert {"n", "total", "gini", "over_budget"} <= set(group)
    assert found["exemplars"] == [number(f"{place}root", 32) for place in (199, 198)]
    assert found["different"] == []


def test_the_headline(store: Path) -> None:
    found = run("tail", "--store", store, "--format", "table").out
    # The last two, of 3.799, of 20.088 for texts and 6 for images.
    assert found.startswith("1 % of requests paid 14.6 % of the bill. 100 % of that tail came from")
    assert "audio+image requests, which are 2.0 % of traffic." in found
    assert "≥ $26.09: spans unpriced: 5, requests without a known cost: 2." in found


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--metric", "latency"], "1 % of requests took 1.5 % of all the time that requests took."),
        (["--metric", "ttfa"], "Time to first audio is not known of any request."),
        (["--until", "2024-10-05"], "Cost is known of 23 requests: too few"),
        (["--inputs", "video"], "No requests match."),
        (["--inputs", "image+audio"], "Cost is known of "),
        (["--top", "5%"], "5 % of requests paid"),
        (["--top", "0.05"], "5 % of requests paid"),
    ],
)
def test_headlines(store: Path, options: list[str], sentence: str) -> None:
    ended = run("tail", "--store", store, "--format", "markdown", *options)
    assert ended.code == 0
    assert sentence in ended.out


def test_one_line_in_a_pipe_and_a_row_per_group_in_csv(store: Path) -> None:
    [found] = run("tail", "--store", store).rows()
    assert found["metric"] == "cost"
    table = run("tail", "--store", store, "--by", "service", "--format", "csv").out
    rows = list(csv.DictReader(io.StringIO(table)))
    assert [each["by"] for each in rows] == ["'=cmd()", "desk"]
    assert sum(int(each["n"]) for each in rows) == 198


def test_the_report(store: Path) -> None:
    ended = run(
        *("tail", "--store", store, "--period", "24h", "--timezone", "Europe/Berlin"),
        *("--by", "service", "--limit", "2", "--top", "10%", "--format", "markdown"),
    )
    assert (ended.code, ended.err) == (0, "")
    assert "<script>" not in ended.out
    assert "\x1b" not in ended.out
    check_golden("tail/report.md", ended.out)


def test_the_tables(store: Path) -> None:
    check_golden("tail/tables.txt", run("tail", "--store", store, "--format", "table").out)


@pytest.mark.parametrize(
    ("options", "hint"),
    [
        (["--top", "80%"], "write 1% or 0.01"),
        (["--top", "much"], "write 1% or 0.01"),
        (["--metric", "costs"], "'cost'"),
        (["--timezone", "Berlin"], "did you mean 'Europe/Berlin'?"),
        (["--metric", "latency", "--by", "content"], "not split by content"),
        (["--since", "yesterday"], "write 2026-11-25"),
        (["--where", "nothing > 1"], "nothing"),
    ],
)
def test_refusals(store: Path, options: list[str], hint: str) -> None:
    ended = run("tail", "--store", store, *options)
    assert (ended.code, ended.out) == (2, "")
    assert hint in ended.err


def test_bounds_are_of_the_time_zone(store: Path) -> None:
    def first(*options: str) -> str:
        return str(run("tail", "--store", store, "--since", "2024-10-06", *options).json()["begin"])

    assert first() == "2024-10-06T00:00:00.000000000Z"
    assert first("--timezone", "Asia/Tokyo") == "2024-10-05T15:00:00.000000000Z"


def test_a_period_that_is_stored_in_part_is_no_comparison(store: Path) -> None:
    """The store begins eight days ago: seven days cannot be compared with one."""
    found = run("tail", "--store", store, "--period", "7d", "--format", "json").json()
    assert (found["before"]["cost"]["n"], found["before_in_part"]) == (23, True)
    assert set(found["change"].values()) == {None}
    found = run("tail", "--store", store, "--period", "24h", "--format", "json").json()
    assert (found["before"]["cost"]["n"], found["before_in_part"]) == (25, False)
    assert found["change"]["n"] == 0


def test_no_store(tmp_path: Path) -> None:
    assert run("tail", "--store", tmp_path / "none").code == 4
