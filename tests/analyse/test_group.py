"""Groups of failures: what counts as alike, what is told apart, and how many there are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.store.frames import load, new_store, request, requests, span, spans
from tracelens.analyse import Filters, group_failures, list_group
from tracelens.store import Store


def evidence(check: str, name: str | None, message: str) -> list[dict[str, Any]]:
    row = {"check": check, "result": "fails", "value": name, "sentence": f"it failed: “{message}”"}
    return [row]


def failed(check: str, name: str | None, message: str, **more: Any) -> dict[str, Any]:
    return {
        "failed": True,
        "stage": "reasoning",
        "cause": "llm_error",
        "models": {"transcription": ["ears"], "reasoning": ["gpt"], "synthesis": []},
        "evidence": evidence(check, name, message),
        "service": "desk",
    } | more


def stored(folder: Path, *rows: dict[str, Any]) -> Store:
    store = new_store(folder)
    names = [f"r{i}" for i in range(len(rows))]
    batch = spans(*(span(name, at=at) for at, name in enumerate(names, 1)))
    judged = [
        request(name, at=at, **row)
        for at, (name, row) in enumerate(zip(names, rows, strict=True), 1)
    ]
    load(store, batch, requests(*judged))
    return store


def test_failures_that_look_alike_are_one_group(tmp_path: Path) -> None:
    store = stored(
        tmp_path,
        failed("stage_error", "Timeout", "no answer to req_a1 in 30.5 s", session_id="one"),
        {"failed": False},
        failed("stage_error", "Timeout", "no answer to req_zz9 in 12.0 s", service="phone"),
        failed("stage_error", "Timeout", "no answer", cause="llm_timeout"),
        failed("hand_over", "what was said", "x", cause="handoff_loss", stage="transcription"),
    )
    columns = ["n", "share", "cause", "model", "signature", "services", "sessions"]
    groups = group_failures(store, Filters())
    assert groups.select(columns).rows() == [
        (2, 0.5, "llm_error", "gpt", "Timeout: no answer to <id> in <n> s", ["desk", "phone"], 1),
        (1, 0.25, "handoff_loss", "ears", None, ["desk"], 0),
        (1, 0.25, "llm_timeout", "gpt", "Timeout: no answer", ["desk"], 0),
    ]
    first = groups.row(0, named=True)
    assert [first[key].second for key in ("first_seen", "last_seen")] == [1, 3]
    assert first["examples"] == [request("r2")["request_id"], request("r0")["request_id"]]
    assert group_failures(store, Filters(limit=1)).height == 1
    assert group_failures(store, Filters(cause="llm_timeout"))["n"].to_list() == [1]
    store.close()


@pytest.mark.parametrize(
    ("name", "message", "signature"),
    [
        ("E", "E", "E"),
        ("E", "status 503 at line 7, column 41", "E: status 503 at line <n>, column <n>"),
        ("E", "user 12345 at https://h/x?y=1 gone", "E: user <n> at <url> gone"),
        ("E", "trace 4bf92f3577b34da6a3ce929d0e0e4736", "E: trace <id>"),
        ("E", "no key 'total' in \"bill\"", "E: no key <text> in <text>"),
        ("connection lost", "connection lost", "connection lost"),
        (None, "connection  lost\nnow", "connection lost now"),
        ('"the tool gave up"', '"the tool gave up"', "the tool gave up"),
        ("E", "x" * 500, ("E: " + "x" * 500)[:120]),
    ],
)
def test_signatures(tmp_path: Path, name: str | None, message: str, signature: str) -> None:
    store = stored(tmp_path, failed("stage_error", name, message))
    assert group_failures(store, Filters())["signature"].to_list() == [signature]
    store.close()


def test_no_failures(tmp_path: Path) -> None:
    store = stored(tmp_path, {"failed": False})
    assert group_failures(store, Filters()).is_empty()
    store.close()


def test_groups_are_those_of_now_and_of_unknown_ones_when_wanted(tmp_path: Path) -> None:
    lost = failed("stage_error", "Timeout", "no answer")
    store = stored(tmp_path, lost, lost, {"failed": None})
    assert group_failures(store, Filters())["n"].to_list() == [2]
    assert group_failures(store, Filters(include_unknown=True))["n"].to_list() == [2, 1]
    again = request("r0", **lost | {"cause": "llm_timeout"})
    with store.writer() as writer:
        writer.commit(None, requests(again), [again["trace_id"]])
    found = group_failures(store, Filters())
    assert sorted(found.select("n", "cause").rows()) == [(1, "llm_error"), (1, "llm_timeout")]
    store.close()


def test_a_group_lists_its_requests_newest_first(tmp_path: Path) -> None:
    store = stored(
        tmp_path,
        failed("stage_error", "Timeout", "no answer to req_a1"),
        failed("stage_error", "Timeout", "no answer to req_b2", service="phone"),
        failed("stage_error", None, "refused"),
        failed("hand_over", None, "x"),
    )
    groups = {row["signature"]: row["group"] for row in group_failures(store, Filters()).to_dicts()}
    ids = [request(f"r{at}")["request_id"] for at in range(4)]
    timeout = groups["Timeout: no answer to <id>"]
    assert list_group(store, Filters(), timeout) == (ids[1], ids[0])
    assert list_group(store, Filters(service="phone"), timeout) == (ids[1],)
    assert list_group(store, Filters(), groups[None]) == (ids[3],)
    assert list_group(store, Filters(), "0") == ()
    store.close()
