"""Stage runs: which spans are one logical call, and how that call ended."""

from __future__ import annotations

import pytest

from tests.conftest import (
    CLIENT,
    EPOCH,
    ERROR,
    MS,
    OK,
    answered,
    default_policy,
    heard,
    span,
    spans,
    spoke,
    trace,
)
from tracelens.requests import collect_facts


def runs_of(*stages, **columns):
    """The stage runs of one request, by start."""
    frame = spans(trace("t", span("root", *stages, **columns)))
    return collect_facts(frame, default_policy()).runs.to_dicts()


def test_a_call_with_its_wrapper_attempts_and_http_calls_is_one_run():
    post = span("POST", stage="reasoning", stage_by="url_path", kind=CLIENT, http_status=200)
    attempts = [
        answered(None, None, "attempt", error="APIError"),
        answered("yes", None, "attempt", post),
    ]
    [run] = runs_of(answered(None, "hello", "node", *attempts))
    assert (run["span_id"], run["attempts"], run["errors"]) == ("node", 2, 1)
    assert (run["text_in"], run["text_out"], run["is_error"]) == ("hello", "yes", False)


def test_siblings_are_runs_of_their_own():
    assert [run["name"] for run in runs_of(answered(name="a"), answered(name="b"))] == ["a", "b"]


def test_an_unset_wrapper_fails_with_its_last_attempt():
    attempts = [answered(None, None, "attempt", error="APIError") for _ in range(2)]
    [run] = runs_of(answered(None, "hello", "node", *attempts))
    assert (run["is_error"], run["error_span_id"]) == (True, "attempt2")


def test_a_wrapper_that_ended_well_has_handled_what_failed_below_it():
    attempt = answered(None, None, "attempt", error="APIError")
    [run] = runs_of(answered(None, "hello", "node", attempt, status_code=OK))
    assert not run["is_error"]


def test_the_sentences_of_one_synthesis_are_joined():
    pieces = [spoke("one."), spoke("two."), spoke("two.")]
    [run] = runs_of(span("node", *pieces, stage="synthesis"))
    assert (run["text_in"], run["attempts"]) == ("one. two.", 3)


def test_the_text_nearest_to_the_outside_counts():
    [run] = runs_of(span("node", spoke("one"), stage="synthesis", text_in="one two"))
    assert run["text_in"] == "one two"


def test_what_runs_inside_a_tool_belongs_to_the_tool():
    tool = span("agent", answered(), spoke(), stage="tool")
    assert [run["stage"] for run in runs_of(tool)] == ["tool"]


def test_a_stage_guessed_by_a_task_that_holds_other_stages_is_none():
    task = span("speak", answered(), spoke(), stage="synthesis", stage_by="task_name")
    assert [run["stage"] for run in runs_of(task)] == ["reasoning", "synthesis"]


def test_a_task_around_its_own_call_is_one_run():
    task = span("speak", spoke(), stage="synthesis", stage_by="task_name")
    assert [run["name"] for run in runs_of(task)] == ["speak"]


def test_a_new_utterance_after_an_answer_begins_an_exchange():
    turn = [heard(), answered(), spoke(), heard(), answered()]
    assert [run["exchange"] for run in runs_of(*turn)] == [0, 0, 0, 1, 1]


def test_several_transcripts_before_an_answer_are_one_exchange():
    assert [run["exchange"] for run in runs_of(heard(), heard(), answered())] == [0, 0, 0]


def test_an_answer_before_any_transcript_is_an_exchange():
    assert [run["exchange"] for run in runs_of(spoke(), heard(), answered())] == [0, 1, 1]


def http(**columns):
    return span("POST", stage="reasoning", stage_by="url_path", kind=CLIENT, **columns)


def test_an_http_call_without_an_answer_was_abandoned():
    [run] = runs_of(http())
    assert (run["is_cancel"], run["is_error"]) == (True, False)


def test_an_http_call_that_was_answered_was_not():
    assert [run["is_cancel"] for run in runs_of(http(http_status=200), http(error="Timeout"))] == [
        False
    ] * 2


def test_an_http_status_of_400_and_above_is_an_error():
    assert [run["is_error"] for run in runs_of(http(http_status=399), http(http_status=400))] == [
        False,
        True,
    ]


def test_a_cancellation_is_no_error():
    [run] = runs_of(answered(None, error="asyncio.exceptions.CancelledError"))
    assert (run["is_cancel"], run["is_error"]) == (True, False)


def test_an_abort_because_of_time_is_an_error():
    [run] = runs_of(answered(None, error="AbortError", says="aborted due to timeout"))
    assert (run["is_cancel"], run["is_error"], run["is_timeout"]) == (False, True, True)


def test_an_empty_status_message_is_no_message():
    [run] = runs_of(answered(None, status_code=ERROR, status_message="  "))
    assert run["error_message"] is None


#: What says that a call failed though its status was never set; calls begin at 0 and last 100 ms.
UNSET_ERRORS = {
    "an error type": {"error_type": "RateLimitError"},
    "a refused request": {"kind": CLIENT, "http_status": 429},
    "an exception that ended it": {
        "error_type": "APIError",
        "exception_type": "APIError",
        "exception_unix_nano": EPOCH + 100 * MS,
    },
}


@pytest.mark.parametrize("sign", UNSET_ERRORS.values(), ids=UNSET_ERRORS)
def test_an_error_whose_status_was_never_set(sign):
    assert [run["is_error"] for run in runs_of(answered(None, **sign))] == [True]
    assert [run["is_error"] for run in runs_of(answered(None, **sign, status_code=OK))] == [False]


def test_an_exception_that_a_call_got_over():
    ended = UNSET_ERRORS["an exception that ended it"]
    early = {**ended, "exception_unix_nano": EPOCH + 40 * MS}
    assert [run["is_error"] for run in runs_of(answered(None, **early))] == [False]
    assert [run["is_error"] for run in runs_of(answered("it is done", **ended))] == [False]


@pytest.mark.parametrize(
    "words", ["CancelledError", "Cancelled by cancel scope 7f3a", "context canceled"]
)
def test_a_cancellation_of_which_only_the_message_is_recorded(words):
    [run] = runs_of(answered(None, status_code=ERROR, status_message=words))
    assert (run["is_cancel"], run["is_error"]) == (True, False)


def test_an_http_call_that_failed_without_an_answer_was_not_abandoned():
    [run] = runs_of(http(error_type="ReadTimeout"))
    assert (run["is_cancel"], run["is_error"], run["is_timeout"]) == (False, True, True)
