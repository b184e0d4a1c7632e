"""What a service's profile changes in a verdict, and what it never does."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import polars as pl

from tests.conftest import (
    FINE,
    Span,
    answered,
    default_policy,
    heard,
    span,
    spans,
    spoke,
    trace,
    verdict,
)
from tracelens.locate import inputs_in_force, locate_requests
from tracelens.model import PROFILE
from tracelens.policy import Budget, Expectation, Policy

Row = tuple[str, str, bool | None]  # role, stage, expected


def profile(*rows: Row, heard: bool | None = None, p95: float | None = None) -> pl.DataFrame:
    """Profile rows of the service of the test traces."""
    filled = [
        ("desk", role, "test", heard, stage, 400, 4, 5, p95, p95, expected)
        for role, stage, expected in rows
    ]
    return pl.DataFrame(filled, schema=PROFILE, orient="row")


def judged(
    *below: Span, known: pl.DataFrame | None = None, policy: Policy | None = None, **root: Any
) -> dict[str, Any]:
    """The one request of a trace with a root above these spans."""
    frame = spans(trace("a", span("root", *below, **root)))
    (row,) = locate_requests(frame, policy or default_policy(), profiles=known).to_dicts()
    return row


LISTENED = (heard(), answered())
MISSING = (True, "synthesis", "reasoning>synthesis", "tts_missing")
NO_VOICE = profile(("turn", "synthesis", False))


def test_a_service_that_answers_in_text_is_not_asked_to_speak() -> None:
    assert verdict(judged(*LISTENED, role="turn")) == MISSING
    row = judged(*LISTENED, role="turn", known=NO_VOICE)
    assert verdict(row) == FINE
    waived = [each for each in row["evidence"] if each["result"] == "not_expected"]
    assert [each["sentence"] for each in waived] == [
        "synthesis did not run, and requests of this service do without it"
    ]


def test_profiles_of_others_change_nothing() -> None:
    others = [
        NO_VOICE.with_columns(service=pl.lit("phone")),
        NO_VOICE.with_columns(emitter=pl.lit("pipecat")),
        NO_VOICE.with_columns(role=pl.lit("agent_turn")),
        profile(("turn", "synthesis", None)),
    ]
    for known in others:
        assert verdict(judged(*LISTENED, role="turn", known=known)) == MISSING


def with_expectation(row: Expectation) -> Policy:
    policy = default_policy()
    return replace(policy, expect=(row, *policy.expect))


def test_a_row_that_names_the_service_goes_before_its_profile() -> None:
    named = with_expectation(
        Expectation(("transcription", "reasoning", "synthesis"), service="de*k")
    )
    assert verdict(judged(*LISTENED, role="turn", known=NO_VOICE, policy=named)) == MISSING
    unnamed = with_expectation(Expectation(("transcription", "reasoning", "synthesis")))
    assert verdict(judged(*LISTENED, role="turn", known=NO_VOICE, policy=unnamed)) == FINE


ALL = profile(*[("trace", stage, True) for stage in ("reasoning", "synthesis")], heard=True)


def test_a_profile_asks_for_a_stage_that_the_policy_does_not() -> None:
    """A trace that only transcribes may be dictation, but not in a service that answers."""
    assert verdict(judged(heard())) == FINE
    row = judged(heard(), known=ALL)
    assert verdict(row) == (True, "reasoning", "transcription>reasoning", "llm_missing")
    assert "as requests of this service usually have it" in row["verdict"]


def test_what_a_row_for_an_emitter_leaves_out_is_not_added() -> None:
    blind = with_expectation(Expectation(("transcription", "reasoning"), emitter="test"))
    assert verdict(judged(*LISTENED, known=ALL, policy=blind)) == FINE


def test_text_and_speech_to_speech_are_not_asked_for_what_they_never_have() -> None:
    every = pl.concat(
        profile(*[(role, s, True) for s in ("transcription", "reasoning", "synthesis")], heard=h)
        for role, h in (("turn", None), ("trace", True))
    )
    assert verdict(judged(answered(), known=every)) == FINE
    native = answered(speech_to_speech=True)
    assert verdict(judged(native, known=every, role="turn")) == FINE
    assert verdict(judged(native, known=every)) == FINE


def test_a_request_that_lacks_only_a_stage_is_healthy_whatever_the_profile_says() -> None:
    found = [judged(*LISTENED, role="turn", known=known)["shape"] for known in (None, NO_VOICE)]
    assert found[0] == found[1]
    assert (found[0]["healthy"], found[0]["due"], found[0]["ran"]) == (
        True,
        ["reasoning", "synthesis", "transcription"],
        ["reasoning", "transcription"],
    )
    assert found[0]["took_ms"] == {"transcription": 100.0, "reasoning": 100.0, "synthesis": None}


def test_what_was_cut_short_or_failed_does_not_show_what_it_lacks() -> None:
    cut = [
        judged(heard(), answered(error="RateLimitError"), role="turn"),
        judged(*LISTENED, role="turn", interrupted=True),
        judged(*LISTENED, role="turn", error="KeyError", says="'es'"),
        judged(heard(), answered(sign="cancelled"), role="turn"),
        judged(heard(""), role="turn"),
    ]
    for row in cut:
        assert row["shape"]["due"] == row["shape"]["ran"]
    assert [row["shape"]["healthy"] for row in cut] == [False] * 5


SLOW = (
    heard(lasts=200),
    answered(lasts=9_000),
    spoke(at=9_200, lasts=600, sign="cancelled", error="CancelledError"),
)
DEADLINE = {"error": "TimeoutError", "says": "the deadline of 10 s has passed", "lasts": 9_800}


def budgeted(**ms: float) -> pl.DataFrame:
    """What 95 % of heard traces need, by stage."""
    return pl.concat(
        profile(("trace", stage, None), heard=True, p95=each) for stage, each in ms.items()
    )


def test_a_deadline_is_blamed_on_the_stage_furthest_beyond_its_usual_time() -> None:
    """Synthesis runs when it strikes; the model call had used the time up."""
    assert verdict(judged(*SLOW, **DEADLINE))[1] == "undetermined"
    usual = budgeted(transcription=300, reasoning=2_000, synthesis=500)
    row = judged(*SLOW, known=usual, **DEADLINE)
    assert verdict(row) == (True, "reasoning", None, "llm_timeout")
    assert "after reasoning had taken 9000 ms of its 2000" in row["verdict"]
    relaxed = budgeted(transcription=300, reasoning=10_000, synthesis=500)
    assert verdict(judged(*SLOW, known=relaxed, **DEADLINE))[1] == "synthesis"


def test_calls_of_one_stage_share_its_budget() -> None:
    calls = [answered(name=name, lasts=3_000) for name in ("plan", "write", "check")]
    usual = budgeted(reasoning=4_000)
    row = judged(heard(), *calls, known=usual, **DEADLINE)
    assert "after reasoning had taken 9000 ms of its 4000" in row["verdict"]


def test_a_budget_of_the_policy_goes_before_the_usual_time() -> None:
    usual = budgeted(reasoning=10_000, synthesis=10_000)
    assert verdict(judged(*SLOW, known=usual, **DEADLINE))[1] == "undetermined"
    policy = default_policy()
    for service, stage in (("desk", "reasoning"), ("phone", "undetermined")):
        strict = replace(policy, budget=(Budget("reasoning", 1_000, service),))
        assert verdict(judged(*SLOW, known=usual, policy=strict, **DEADLINE))[1] == stage


def test_speech_that_overlaps_counts_once() -> None:
    at_once = [spoke(f"part {n}", f"tts{n}", at=300 + n, lasts=400) for n in range(5)]
    row = judged(heard(), answered(), *at_once, role="turn")
    assert row["shape"]["took_ms"]["synthesis"] == 404.0


def test_a_verdict_keeps_the_hash_of_its_own_profile_only() -> None:
    policy = default_policy()
    basis = judged(*LISTENED, role="turn")["inputs_hash"]
    own = judged(*LISTENED, role="turn", known=NO_VOICE)["inputs_hash"]
    other = judged(*LISTENED, role="agent_turn", known=NO_VOICE)["inputs_hash"]
    assert own.startswith(f"{basis}-")
    assert other == basis
    in_force = inputs_in_force(policy, "", NO_VOICE)
    key = judged(*LISTENED, role="turn")["shape"]["profile"]
    assert (in_force[""], in_force[key]) == (basis, own)
