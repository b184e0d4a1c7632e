"""The way to the first audio: what each emitter records, and what stays unknown."""

from __future__ import annotations

import json
from typing import Any

from tests.conftest import (
    EPOCH,
    MS,
    Span,
    answered,
    canonical,
    default_policy,
    heard,
    judge,
    span,
    spans,
    spoke,
    trace,
)
from tracelens.locate import locate_requests

UNKNOWN = {"transcript": None, "first_token": None, "first_audio": None}


def chain(*below: Span, **root: Any) -> tuple[dict[str, float | None], float | None]:
    """`chain_ms` and `ttfa_ms` of the one request of a trace with a root above these spans."""
    (row,) = judge(spans(trace("a", span("root", *below, **root))))
    return row["chain_ms"], row["ttfa_ms"]


HEARD = heard(at=0, lasts=300)
ANSWERED = answered(at=310, lasts=900, ttft_ms=200.0)
SPOKE = spoke(at=600, lasts=700, ttfb_ms=90.0)


def test_a_trace_begins_when_its_input_is_there() -> None:
    parts = {"transcript": 300.0, "first_token": 210.0, "first_audio": 180.0}
    assert chain(HEARD, ANSWERED, SPOKE) == (parts, 690.0)


def test_what_is_not_recorded_is_unknown_and_not_nothing() -> None:
    mute = chain(HEARD, answered(at=310, lasts=900), SPOKE)
    assert mute == ({"transcript": 300.0, "first_token": None, "first_audio": None}, 690.0)
    deaf = chain(HEARD, ANSWERED, spoke(at=600, lasts=700))
    assert deaf == ({"transcript": 300.0, "first_token": 210.0, "first_audio": None}, None)
    assert chain(ANSWERED, at=-50, lasts=2_000) == ({**UNKNOWN, "first_token": 560.0}, None)
    assert chain(span("db")) == (UNKNOWN, None)
    odd = float("inf"), float("nan"), -3.0
    for each in odd:
        got, whole = chain(HEARD, answered(at=310, ttft_ms=each), spoke(at=600, ttfb_ms=each))
        assert (got, whole) == ({**UNKNOWN, "transcript": 300.0}, None)


def test_a_recogniser_that_ran_as_long_as_the_audio_was_listening() -> None:
    live = heard(at=0, lasts=300, audio_seconds=0.3)
    assert chain(live, ANSWERED, SPOKE) == (
        {"transcript": None, "first_token": 210.0, "first_audio": 180.0},
        None,
    )
    quick = heard(at=0, lasts=300, audio_seconds=4.0)
    assert chain(quick, ANSWERED, SPOKE)[1] == 690.0


def test_a_token_before_the_transcript_kept_nobody_waiting() -> None:
    early = answered(at=100, lasts=900, ttft_ms=50.0)
    assert chain(HEARD, early, SPOKE)[0] == {
        "transcript": 300.0,
        "first_token": 0.0,
        "first_audio": 390.0,
    }


def test_of_several_calls_the_one_that_was_spoken_counts() -> None:
    calls = [answered(name=name, at=at, ttft_ms=10.0) for name, at in (("ask", 310), ("say", 500))]
    title = answered(name="title", at=900, ttft_ms=10.0)
    parts = {"transcript": 300.0, "first_token": 210.0, "first_audio": 180.0}
    assert chain(HEARD, *calls, SPOKE, title)[0] == parts


def livekit(**turn: Any) -> dict[str, Any]:
    """A session of LiveKit in which the user spoke from 1,000 to 2,000 ms."""
    user = {"lk.pii.user_transcript": "hello", "lk.transcription_delay": 0.4}
    rows = trace(
        "a",
        span(
            "agent_session",
            span("user_turn", span("user_speaking", at=1_000, lasts=1_000), attributes=user),
            span(
                "agent_turn",
                span("llm_node", at=2_450, lasts=300, attributes={"lk.response.ttft": 0.15}),
                span("tts_node", at=2_620, lasts=200, attributes={"lk.response.ttfb": 0.1}),
                span("agent_speaking", at=2_790, lasts=900),
                attributes={"lk.pii.user_input": "hello", **turn},
            ),
            lasts=9_000,
        ),
    )
    for row in rows:
        row["scope_name"] = "livekit-agents"
    (found,) = locate_requests(canonical(rows), default_policy()).to_dicts()
    return found


PARTS = {"transcript": 400.0, "first_token": 200.0, "first_audio": 120.0}


def test_livekit_says_how_long_after_the_speech_the_transcript_came() -> None:
    row = livekit(**{"lk.e2e_latency": 0.8})
    assert (row["chain_ms"], row["ttfa_ms"]) == (PARTS, 800.0)  # 80 ms are playback


def test_livekit_without_a_latency_of_its_own() -> None:
    row = livekit()
    assert (row["chain_ms"], row["ttfa_ms"]) == (PARTS, 790.0)


def pipecat(listened: tuple[int, int], whole: float = 0.65) -> dict[str, Any]:
    """A turn of pipecat; the recogniser's span begins and ends at these times."""
    start, end = listened
    stage = {
        name: {"gen_ai.operation.name": name, "metrics.ttfb": ttfb}
        for name, ttfb in (("stt", 0.3), ("chat", 0.1), ("tts", 0.08))
    }
    rows = trace(
        "a",
        span(
            "conversation",
            span(
                "turn",
                span("stt", at=start, lasts=end - start, attributes=stage["stt"]),
                span("llm", at=2_400, lasts=300, attributes=stage["chat"]),
                span("tts", at=2_550, lasts=200, attributes=stage["tts"]),
                at=0,
                lasts=5_000,
                attributes={"turn.user_bot_latency_seconds": whole, "turn.number": 1},
            ),
        ),
    )
    for row in rows:
        row["scope_name"] = "pipecat"
    (found,) = locate_requests(canonical(rows), default_policy()).to_dicts()
    return found


def test_pipecat_says_how_long_after_the_speech_the_transcript_came() -> None:
    row = pipecat((800, 2_300))
    parts = {"transcript": 300.0, "first_token": 200.0, "first_audio": 130.0}
    assert (row["chain_ms"], row["ttfa_ms"]) == (parts, 650.0)


def test_a_recogniser_whose_span_lies_elsewhere_does_not_place_the_transcript() -> None:
    parts = {"transcript": 300.0, "first_token": None, "first_audio": 130.0}
    assert pipecat((2_200, 2_300))["chain_ms"] == parts  # speech had ended before it
    assert pipecat((800, 1_500))["chain_ms"] == parts  # more than the whole


def test_openinference_marks_the_first_token_with_an_event() -> None:
    at = EPOCH + 650 * MS
    events = [{"name": "start", "time_unix_nano": EPOCH}, {"name": "x", "time_unix_nano": None}]
    events.append({"name": "First Token Stream Event", "time_unix_nano": at})
    rows = trace(
        "a",
        span(
            "voice_request",
            span(
                "ChatCompletion",
                at=400,
                lasts=900,
                events=json.dumps(events),
                attributes={"openinference.span.kind": "LLM"},
            ),
            at=0,
            lasts=2_000,
        ),
    )
    (row,) = locate_requests(canonical(rows), default_policy()).to_dicts()
    assert row["ttft_ms"] == 250.0
    assert row["chain_ms"]["first_token"] == 650.0  # nothing was heard: since the request began
