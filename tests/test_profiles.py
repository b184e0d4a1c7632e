"""Profiles in a store: learned by locate, in force at ingest, and verdicts that they make stale."""

from __future__ import annotations

import importlib
import json
import random
import re
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.command import run
from tests.traces import lines, only_span, sample, single_spans, tables
from tracelens import TraceLens

DAY = 86_400 * 10**9
POLICY = "[profile]\nrequests = 4\n"
SINGLES = single_spans(sample("openinference_healthy_voice"))
VOICE = "HttpxBinaryResponseContent"

MISSING = {("synthesis", "tts_missing")}
FINE = {(None, None)}


def days(first: int = 0, count: int = 4, *, voice: bool = False) -> list[dict[str, Any]]:
    """Two voice requests on each of some days, a span in each document.

    Without `voice` their synthesis is left out: a service that listens and answers in text.
    """
    kept = [each for each in SINGLES if voice or only_span(each)["name"] != VOICE]
    return [on_day(each, day) for day in range(first, first + count) for each in kept]


def on_day(document: dict[str, Any], day: int) -> dict[str, Any]:
    trace = only_span(document)["traceId"]
    text = json.dumps(document).replace(trace, f"{trace[:28]}{day:04x}")
    return dict(json.loads(re.sub(r'(?<=TimeUnixNano": ")\d+', partial(later, day), text)))


def later(day: int, time: re.Match[str]) -> str:
    return str(int(time[0]) + day * DAY)


class Desk:
    """A store, the policy that it is used with, and what the commands say of it."""

    def __init__(self, folder: Path, policy: str = POLICY) -> None:
        self.store = folder / "store"
        self.policy = folder / "policy.toml"
        self.policy.write_text(policy, encoding="utf-8")
        self._dump = folder / "dump.jsonl"

    def ingest(self, documents: list[dict[str, Any]]) -> str:
        """Load spans; what is said beside the report."""
        self._dump.write_bytes(lines(documents))
        ended = run("ingest", self._dump, "--store", self.store, "--policy", self.policy)
        assert ended.code == 0, ended.err
        return ended.err

    def locate(self) -> str:
        """Judge all anew; what is said."""
        ended = run("locate", "--store", self.store, "--policy", self.policy)
        assert ended.code == 0, ended.err
        return ended.err

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        with TraceLens(self.store) as lens:
            return lens.sql(sql).rows()

    def verdicts(self) -> set[tuple[Any, ...]]:
        """Stage and cause of all requests that are not stale."""
        return set(self.ask("select stage, cause from requests where not stale"))

    def stale(self) -> int:
        return len(self.ask("from requests where stale"))


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_a_service_that_answers_in_text_teaches_that_it_does(desk: Desk) -> None:
    said = desk.ingest(days())
    assert desk.verdicts() == MISSING
    assert "8 requests of assistant-desk are said to lack synthesis" in said
    said = desk.locate()
    assert "assistant-desk (trace, openinference, with speech)" in said
    assert "synthesis (ran in 0 of 8 requests on 4 days) no longer expected" in said
    assert (desk.verdicts(), desk.stale()) == (FINE, 0)
    said = desk.ingest(days(first=4, count=3))
    assert (desk.verdicts(), desk.stale()) == (FINE, 0)
    assert "lack synthesis" not in said
    assert desk.locate() == "14 requests judged\n"


def test_an_outage_of_a_day_is_not_taken_for_the_design(desk: Desk) -> None:
    """Neither by itself nor after days on which it worked."""
    desk.ingest(days(count=1) + days(first=1, count=1))
    said = desk.locate()
    assert desk.verdicts() == MISSING
    assert "0 of 4 ran synthesis, on 2 days; that may be an outage and changes nothing" in said
    assert '[[expect]] service = "assistant-desk"' in said
    desk.ingest(days(first=2, count=6, voice=True))
    desk.locate()
    assert desk.verdicts() == MISSING | FINE
    (share,) = desk.ask("select ran, requests, expected from profiles where stage = 'synthesis'")
    assert share == (12, 16, None)


def test_a_row_for_the_service_wins(tmp_path: Path) -> None:
    stages = '["transcription", "reasoning", "synthesis"]'
    row = f'[[expect]]\nservice = "assistant-*"\nstages = {stages}\n'
    desk = Desk(tmp_path, POLICY + row)
    desk.ingest(days())
    desk.locate()
    assert desk.verdicts() == MISSING


def test_explain_tells_what_is_usual(desk: Desk) -> None:
    desk.ingest(days())
    desk.locate()
    (first, *_) = desk.ask("select request_id from requests order by 1")
    shown = run("explain", *first, "--store", desk.store, "--format", "table").out
    shown = " ".join(shown.split())
    assert "reasoning in 8 of 8 (expected), 95 % within" in shown
    assert "synthesis in 0 of 8 (not expected)" in shown
    assert "synthesis did not run, and requests of this service do without it" in shown
    told = run("explain", *first, "--store", desk.store, "--format", "json").json()
    usual = {each["stage"]: (each["share"], each["expected"]) for each in told["usual"]}
    assert usual == {
        "transcription": (1.0, True),
        "reasoning": (1.0, True),
        "synthesis": (0.0, False),
    }


def test_verdicts_by_another_policy_are_stale_until_located(desk: Desk) -> None:
    desk.ingest(days(count=2))
    assert desk.stale() == 0
    desk.policy.write_text("[verdict]\nfloor = 0.9\n", encoding="utf-8")
    desk.ingest(days(first=2, count=1))
    assert desk.ask("select count(*), stale from requests group by 2 order by 2") == [
        (2, False),
        (4, True),
    ]
    (old,) = desk.ask("select request_id from requests where stale order by 1 limit 1")
    told = run("explain", *old, "--store", desk.store, "--format", "json").json()
    assert told["stale"] is True
    shown = run("explain", *old, "--store", desk.store, "--format", "table").out
    assert "Judged by older rules: `tracelens locate` judges anew." in shown
    pasted = run("explain", *old, "--store", desk.store, "--format", "markdown").out
    assert "stale: judged by older rules" in pasted
    for command in ("requests", "loads"):
        said = run(command, "--store", desk.store).err
        assert "4 verdicts are by older rules (stale)" in said
    desk.locate()
    assert desk.stale() == 0


def test_a_lookup_and_the_view_agree_on_what_is_stale(desk: Desk) -> None:
    desk.ingest(days(count=2))
    desk.locate()
    desk.policy.write_text(POLICY + "[verdict]\nfloor = 0.9\n", encoding="utf-8")
    desk.ingest(days(first=2, count=2))
    with TraceLens(desk.store) as lens:
        rows = lens.sql("select request_id, stale from requests").rows()
        found = [lens.store().find("request", each, ["stale"]).item() for each, _ in rows]
    assert found == [stale for _, stale in rows]
    assert set(found) == {True, False}


class StoppedError(Exception):
    """An interruption."""


def interrupt(monkeypatch: pytest.MonkeyPatch, after: int) -> None:
    """Judge two traces at a time, and stop after some commits."""
    # The function of that name hides the module.
    relocate = importlib.import_module("tracelens.ingest.relocate")
    judge, calls = relocate.judge, []

    def some(*args: Any) -> Any:
        calls.append(args)
        if len(calls) > after:
            raise StoppedError
        return judge(*args)

    monkeypatch.setattr(relocate, "TRACES", 2)
    monkeypatch.setattr(relocate, "judge", some)


@pytest.mark.parametrize(
    ("after", "stale"),
    [
        pytest.param(1, 0, id="before anything was learned"),
        pytest.param(5, 6, id="after it was learned"),
    ],
)
def test_an_interrupted_locate_leaves_the_rest_stale(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, after: int, stale: int
) -> None:
    desk.ingest(days())
    with monkeypatch.context() as patched, TraceLens(desk.store, desk.policy) as lens:
        interrupt(patched, after)
        with pytest.raises(StoppedError):
            lens.locate()
    assert desk.stale() == stale
    assert desk.verdicts() == (FINE if stale else MISSING)
    desk.locate()
    assert (desk.verdicts(), desk.stale()) == (FINE, 0)


def test_an_interrupted_locate_by_another_policy_leaves_the_rest_stale(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.ingest(days())
    desk.policy.write_text("[verdict]\nfloor = 0.9\n", encoding="utf-8")
    with monkeypatch.context() as patched, TraceLens(desk.store, desk.policy) as lens:
        interrupt(patched, 1)
        with pytest.raises(StoppedError):
            lens.locate()
    assert desk.stale() == 6


def everything(desk: Desk) -> dict[str, Any]:
    """All that must not depend on the order of loading, profiles included."""
    return {
        **tables(desk.store),
        "profiles": desk.ask("select * exclude load from profiles order by all"),
    }


@pytest.mark.parametrize("seed", [1, 2])
def test_any_order_gives_the_same_profiles_and_verdicts(tmp_path: Path, seed: int) -> None:
    """Text requests, some that speak, and late ones that are judged by what was learned."""
    for name in ("whole", "pieces"):
        (tmp_path / name).mkdir()
    whole, pieces = Desk(tmp_path / "whole"), Desk(tmp_path / "pieces")
    spans = days(count=5) + days(first=5, count=1, voice=True)
    whole.ingest(spans)
    whole.locate()
    random.Random(seed).shuffle(spans)
    for number in range(5):
        pieces.ingest(spans[number::5])
        if number == 2:
            pieces.locate()
    pieces.locate()
    assert everything(pieces) == everything(whole)
    assert len(everything(whole)["profiles"]) == 3
