"""Requests that served their user although something in them looks wrong: none may be accused."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.conftest import (
    CLIENT,
    FINE,
    OK,
    SERVER,
    answered,
    default_policy,
    heard,
    judge,
    span,
    spans,
    spoke,
    trace,
    verdict,
    verdicts,
)
from tracelens.locate import locate_requests
from tracelens.policy import Speech

SAID = "is flight 12 not delayed"
REPLY = "flight 12 is not delayed"


def asked(text=SAID, **columns):
    return heard(text, **columns)


def replied(text=REPLY, given=SAID, *more, **columns):
    return answered(text, given, *more, **columns)


def told(text=REPLY, **columns):
    return spoke(text, **columns)


def tool(name="look_up", *below, **columns):
    return span(name, *below, stage="tool", tool_name=name, **columns)


VOICE = {
    "plain": [asked(), replied(), told()],
    "parallel guardrail before the answer": [
        asked(),
        answered("safe", SAID, "guardrail", at=100),
        replied(at=100),
        told(at=300),
    ],
    "guardrail that fails while the answer is spoken": [
        asked(),
        replied(at=100),
        answered(None, SAID, "guardrail", at=110, error="APIError", says="500"),
        told(at=300),
    ],
    "router before the answer": [asked(), answered("flights", SAID, "router"), replied(), told()],
    "title generation after the answer": [
        asked(),
        replied(),
        told(),
        answered("Flight 12", "Write a title", "title"),
    ],
    "title generation that fails after the answer": [
        asked(),
        replied(),
        told(),
        answered(None, "Write a title", "title", error="RateLimitError"),
    ],
    "title generation that is cut at its limit after the answer": [
        asked(),
        replied(),
        told(),
        answered("Flight", "Write a title", "title", finish_reason="length"),
    ],
    "title generation without words after the answer": [
        asked(),
        replied(),
        told(),
        answered("", "Write a title", "title"),
    ],
    "one-token classifier cut at its limit before the answer": [
        asked(),
        answered("2", SAID, "classifier", finish_reason="length"),
        replied(),
        told(),
    ],
    "retrieval and embedding": [
        asked(),
        span("embeddings", role="other"),
        span("retrieve", role="other"),
        replied(),
        told(),
    ],
    "retrieval that failed and was done without": [
        asked(),
        span("retrieve", role="other", error="ConnectionError"),
        replied(),
        told(),
    ],
    "interim transcripts that the last one corrects": [
        heard("is flight two", at=0),
        heard("is flight 12 not", at=50),
        asked(at=100),
        replied(),
        told(),
    ],
    "two recognisers that disagree": [
        heard("is flight 20 not delayed", at=0, model="a"),
        asked(at=0, model="b"),
        replied(at=150),
        told(),
    ],
    "two segments, both of which the model is given": [
        heard("is flight 12"),
        heard("not delayed"),
        replied(),
        told(),
    ],
    "filler before the answer": [
        asked(),
        told("one moment please"),
        replied(),
        told(),
    ],
    "filler between question and tool": [
        asked(),
        answered("", SAID, tool_calls=1),
        told("let me look that up for you"),
        tool(),
        replied(),
        told(),
    ],
    "agent loop with many tool calls": [
        asked(),
        *[each for i in range(6) for each in (answered("", SAID, tool_calls=1), tool(f"step_{i}"))],
        replied(),
        told(),
    ],
    "a tool that failed and was called again": [
        asked(),
        answered("", SAID, tool_calls=1),
        tool(error="HTTPError"),
        answered("", SAID, tool_calls=1),
        tool(),
        replied(),
        told(),
    ],
    "a tool that failed between two that did not": [
        asked(),
        tool("calendar"),
        tool("old_airline", error="HTTPError"),
        tool("new_airline"),
        replied(),
        told(),
    ],
    "a tool failure that the model is told and gets over": [
        asked(),
        answered("", SAID, tool_calls=1),
        answered("", SAID, tool_calls=1, tool_failure="The function `f` failed"),
        replied(),
        told(),
    ],
    "sentences that overlap": [
        asked(),
        replied("flight 12 is not delayed. it leaves at 9. have a good trip."),
        told("flight 12 is not delayed.", at=200, lasts=300),
        told("it leaves at 9.", at=210, lasts=50),
        told("have a good trip.", at=220, lasts=90),
    ],
    "sentences whose spans begin in another order": [
        asked(),
        replied("flight 12 is not delayed. it leaves at 9. have a good trip."),
        told("have a good trip.", at=200),
        told("flight 12 is not delayed.", at=201),
        told("it leaves at 9.", at=202),
    ],
    "nobody records content": [heard(None), answered(None, None), spoke(None)],
    "the transcript is not recorded": [heard(None), replied(), told()],
    "one of two model calls does not record what it was given": [
        asked(),
        answered("polite", "Rate the tone", "tone"),
        replied(REPLY, None),
        told(),
    ],
    "one of two model calls does not record its answer": [
        asked(),
        answered("polite", SAID, "tone"),
        replied(None),
        told(),
    ],
    "one of three sentences does not record its text": [
        asked(),
        replied("flight 12 is not delayed. it leaves at 9. have a good trip."),
        told("flight 12 is not delayed."),
        told(None),
        told("have a good trip."),
    ],
    "a classifier whose label picks a prepared answer": [
        asked(),
        answered("flight_status", SAID),
        told("Your flight is on time and boards at gate nine."),
    ],
    "a structured answer that only steers what is said": [
        asked(),
        answered('{"intent": "flight_status", "flight": 12}', SAID),
        told("Your flight is on time and boards at gate nine."),
    ],
    "a structured answer of one spoken word": [
        asked(),
        answered('{"intent": "confirm", "reply": "Yes"}', SAID),
        told("Yes"),
    ],
    "a structured answer in a fence": [
        asked(),
        answered(f'```json\n{{"intent": "status", "reply": "{REPLY}"}}\n```', SAID),
        told(),
    ],
    "a first synthesiser that failed": [
        asked(),
        replied(),
        told(error="APIError", model="a"),
        told(model="b"),
    ],
    "a first recogniser that failed": [
        asked(None, error="APIError", model="a"),
        asked(model="b"),
        replied(),
        told(),
    ],
    "a first model that failed": [
        asked(),
        replied(None, error="RateLimitError", model="a"),
        replied(model="b"),
        told(),
    ],
    "the user cancelled during synthesis": [
        asked(),
        replied(),
        told(error="CancelledError"),
    ],
    "the user cancelled during the model call": [
        asked(),
        replied(None, error="asyncio.exceptions.CancelledError"),
    ],
    "the user cancelled during transcription": [asked(None, error="AbortError")],
    "the user said nothing but a filler after the answer": [
        asked(),
        replied(),
        told(),
        heard("mhm"),
    ],
}


@pytest.fixture(scope="module")
def judged():
    """The verdict by trace of all requests of this module, judged at once: it is quicker."""
    rows = [
        trace(f"{name}, {status}, {role}", span("root", *stages, status_code=status, role=role))
        for name, stages in VOICE.items()
        for status in (0, OK)
        for role in (None, "turn")
    ]
    rows += [
        trace(
            f"{name}, {status}",
            span("POST", *stages, kind=SERVER, http_status=200, status_code=status),
        )
        for name, stages in TEXT.items()
        for status in (0, OK)
    ]
    return {row["trace_id"]: verdict(row) for row in judge(spans(*rows))}


@pytest.mark.parametrize("name", VOICE)
@pytest.mark.parametrize("status", [0, OK])
@pytest.mark.parametrize("role", [None, "turn"])
def test_voice_request_is_fine(judged, name, status, role):
    assert judged[f"{name}, {status}, {role}"] == FINE


TEXT = {
    "a text question": [replied()],
    "an image question": [replied(input_modalities=["image"])],
    "a structured answer": [answered('{"total": 12}', None)],
    "an answer, then a title that fails": [
        replied(),
        answered(None, "Write a title", "title", error="RateLimitError"),
    ],
    "a guardrail beside the answer that fails": [
        replied(at=0, lasts=200),
        answered(None, SAID, "guardrail", at=10, lasts=50, error="APIError"),
    ],
    "retrieval with a lookup that finds nothing": [
        span("GET", kind=CLIENT, http_status=404, emitter="http_client"),
        replied(),
    ],
    "a cache that is down": [
        span("redis", kind=CLIENT, error="ConnectionError"),
        replied(),
    ],
    "a log line that could not be sent afterwards": [
        replied(),
        span("POST", kind=CLIENT, http_status=500, emitter="http_client"),
    ],
    "embedding and retrieval": [span("embed", role="other"), span("find", role="other"), replied()],
    "an agent loop": [
        *[each for i in range(5) for each in (answered("", tool_calls=1), tool(f"t{i}"))],
        replied(),
    ],
    "a router before the answer": [answered("flights", SAID, "router"), replied()],
    "a model call inside a tool that failed and was handled": [
        answered("", tool_calls=1),
        tool("agent", answered(None, error="APIError"), answered("9")),
        replied(),
    ],
}


@pytest.mark.parametrize("name", TEXT)
@pytest.mark.parametrize("status", [0, OK])
def test_text_request_is_fine(judged, name, status):
    assert judged[f"{name}, {status}"] == FINE


def test_text_request_is_not_asked_for_speech():
    assert verdicts(trace("t", replied())) == [FINE]


NOT_AN_ASSISTANT = {
    "health check": span("GET /health", kind=SERVER, http_status=200),
    "failed web request": span("GET /cart", kind=SERVER, error="KeyError", says="'user'"),
    "web request with a failed call": span(
        "GET /cart", span("GET", kind=CLIENT, http_status=500, emitter="http_client"), kind=SERVER
    ),
    "failed database call": span("job", span("query", error="OperationalError"), error="Error"),
}


@pytest.mark.parametrize("top", NOT_AN_ASSISTANT.values(), ids=NOT_AN_ASSISTANT.keys())
def test_trace_without_an_assistant_is_never_accused(top):
    [said] = verdicts(trace("t", top))
    assert said in ((None, None, None, None), FINE)


@pytest.mark.parametrize(("seconds", "failed"), [(1.0, False), (0.05, True)])
def test_how_soon_a_user_talks_over_an_answer_is_policy(seconds, failed):
    cut = answered("", SAID, "llm", lasts=100)
    again = [asked(at=300, name="stt2"), replied(name="llm2"), told()]
    frame = spans(trace("t", span("turn", asked(), cut, *again, role="turn")))
    rules = replace(default_policy(), speech=Speech(talked_over_seconds=seconds))
    assert locate_requests(frame, rules)["failed"].to_list() == [failed]
