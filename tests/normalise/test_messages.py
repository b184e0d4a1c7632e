"""Chat messages in every dialect that emitters write, and in none."""

from __future__ import annotations

import base64
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tracelens.normalise import messages

READERS = (
    messages.read_input,
    messages.read_output,
    messages.read_calls,
    messages.read_finish,
    messages.read_transcript,
    messages.read_spoken,
    messages.read_speech_input,
    messages.read_model,
)
WORDS = (
    "tool_call tool_use tool_call_response blob text image_url reasoning refusal function_call"
    " function_call_output user assistant tool"
).split()
JSON = st.recursive(
    st.sampled_from(WORDS)
    | st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                "role content parts messages choices message type text tool_calls function name"
                " arguments output input items finish_reason audio transcript modality"
                " mime_type".split()
            )
            | st.text(max_size=4),
            inner,
            max_size=5,
        )
    ),
    max_leaves=20,
)


@settings(max_examples=30)
@pytest.mark.parametrize("read", READERS)
@given(text=st.text(max_size=80))
def test_any_text_can_be_read(read, text):
    assert isinstance(read(text), dict)


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@pytest.mark.parametrize("read", READERS)
@given(value=JSON)
def test_any_json_can_be_read(read, value):
    for text in (json.dumps(value), json.dumps(json.dumps(value))):
        found = read(text)
        assert all(isinstance(found.get(key), str | None) for key in ("text_in", "text_out"))
        assert isinstance(found.get("finish_reason"), str | None)
        assert isinstance(found.get("model"), str | None)


@pytest.mark.parametrize("value", [True, 3, "x", {"a": 1}, [None, 3]])
def test_tool_calls_that_are_no_list_of_calls(value):
    message = {"role": "assistant", "content": "done", "tool_calls": value}
    assert messages.read_output(json.dumps([message]))["tool_calls"] == 0


@pytest.mark.parametrize("kind", [[], {}, 3, None])
def test_a_part_whose_type_is_no_word(kind):
    part = {"type": kind, "text": "two"}
    assert given_text([{"role": "user", "content": part}]) == "two"


def test_deep_json_is_not_read():
    assert messages.read_input("[" * 100_000) == {}


def given_text(value):
    return messages.read_input(json.dumps(value)).get("text_in")


def said_text(value):
    return messages.read_output(json.dumps(value)).get("text_out")


USER = {"role": "user", "content": "two"}

INPUTS = {
    "OpenAI messages": [{"role": "system", "content": "x"}, USER],
    "OpenAI body": {"messages": [USER], "model": "m"},
    "OpenAI content parts": [{"role": "user", "content": [{"type": "text", "text": "two"}]}],
    "Responses body": {
        "input": [{"role": "user", "content": [{"type": "input_text", "text": "two"}]}]
    },
    "Responses body, plain": {"input": "two", "instructions": "x"},
    "OpenTelemetry parts": [{"role": "user", "parts": [{"type": "text", "content": "two"}]}],
    "LiveKit items": {"items": [{"type": "message", "role": "user", "content": ["two"]}]},
    "Gemini contents": {"contents": [{"role": "user", "parts": [{"text": "two"}]}]},
    "the last of several": [
        {"role": "user", "content": "one"},
        {"role": "assistant", "content": "ok"},
        USER,
    ],
    "followed by a tool's result": [
        USER,
        {"role": "assistant", "content": "", "tool_calls": []},
        {"role": "tool", "content": "9"},
    ],
}


@pytest.mark.parametrize("value", INPUTS.values(), ids=INPUTS.keys())
def test_what_the_user_said(value):
    assert given_text(value) == "two"


def test_double_encoded_json():
    assert messages.read_input(json.dumps(json.dumps([USER])))["text_in"] == "two"


def test_plain_text_is_the_question():
    assert messages.read_input("two")["text_in"] == "two"


def test_broken_json_says_nothing():
    assert messages.read_input('[{"role": "user", "content": "tw') == {}


OUTPUTS = {
    "OpenAI body": {"choices": [{"message": {"role": "assistant", "content": "done"}}]},
    "OpenTelemetry parts": [{"role": "assistant", "parts": [{"type": "text", "content": "done"}]}],
    "Responses output": {
        "output": [
            {
                "type": "message",
                "role": "assistant",
                "content": [{"type": "output_text", "text": "done"}],
            }
        ]
    },
    "Gemini candidates": {
        "candidates": [{"content": {"role": "model", "parts": [{"text": "done"}]}}]
    },
    "Anthropic": {"role": "assistant", "content": [{"type": "text", "text": "done"}]},
    "with hidden reasoning": [
        {
            "role": "assistant",
            "parts": [{"type": "reasoning", "content": "hm"}, {"type": "text", "content": "done"}],
        }
    ],
    "spoken": {
        "choices": [
            {"message": {"role": "assistant", "content": None, "audio": {"transcript": "done"}}}
        ]
    },
}


@pytest.mark.parametrize("value", OUTPUTS.values(), ids=OUTPUTS.keys())
def test_what_the_model_said(value):
    assert said_text(value) == "done"


def test_a_plain_answer_and_a_structured_one():
    assert messages.read_output("done")["text_out"] == "done"
    assert messages.read_output('{"total": 9}')["text_out"] == '{"total": 9}'


CALLS = {
    "OpenAI": {
        "choices": [
            {
                "message": {
                    "role": "assistant",
                    "content": None,
                    "tool_calls": [{"function": {"name": "f", "arguments": "{}"}}],
                }
            }
        ]
    },
    "OpenTelemetry part": [
        {"role": "assistant", "parts": [{"type": "tool_call", "name": "f", "arguments": {}}]}
    ],
    "Anthropic": {"role": "assistant", "content": [{"type": "tool_use", "name": "f", "input": {}}]},
    "Vercel": [
        {"role": "assistant", "content": [{"type": "tool-call", "toolName": "f", "args": {}}]}
    ],
    "Responses": {"output": [{"type": "function_call", "name": "f", "arguments": "{}"}]},
}


@pytest.mark.parametrize("value", CALLS.values(), ids=CALLS.keys())
def test_tool_calls_however_they_are_spelled(value):
    found = messages.read_output(json.dumps(value))
    assert (found["tool_calls"], found["text_out"], found["bad_tool_arguments"]) == (1, "", None)


def test_tool_arguments_that_do_not_parse():
    call = {"type": "tool_call", "name": "f", "arguments": '{"a": '}
    found = messages.read_output(json.dumps([{"role": "assistant", "parts": [call]}]))
    assert found["bad_tool_arguments"] == 'f({"a": )'


def test_a_list_of_calls():
    found = messages.read_calls('[{"name": "f", "arguments": "{"}, {"toolName": "g", "args": {}}]')
    assert found == {"tool_calls": 2, "bad_tool_arguments": "f({)"}


def test_no_words_and_no_place_for_words_are_two_things():
    assert said_text([{"role": "assistant", "parts": []}]) is None
    assert said_text({"choices": [{"message": {"role": "assistant", "content": ""}}]}) == ""
    assert said_text({"choices": [{"message": {"role": "assistant", "content": None}}]}) == ""


def test_an_empty_question_and_a_picture_without_one():
    assert given_text([{"role": "user", "content": ""}]) == ""
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,xx"}}
    assert given_text([{"role": "user", "content": [image]}]) is None


@pytest.mark.parametrize(
    ("part", "modality"),
    [
        ({"type": "image_url", "image_url": {}}, "image"),
        ({"type": "input_audio", "input_audio": {}}, "audio"),
        ({"type": "file", "file": {}}, "document"),
        ({"type": "blob", "modality": "image", "mime_type": "application/pdf"}, "document"),
        ({"type": "blob", "modality": "image", "mime_type": "image/png"}, "image"),
        ({"type": "uri", "modality": "video"}, "video"),
        ({"type": "blob", "mime_type": "audio/wav"}, "audio"),
    ],
)
def test_modalities_of_media(part, modality):
    found = messages.read_input(json.dumps([{"role": "user", "parts": [part]}]))
    assert found["input_modalities"] == [modality]


def test_payload_in_a_text_part_is_dropped():
    payload = base64.b64encode(bytes(range(256)) * 8).decode()
    for text in (payload, "data:audio/wav;base64,AAAA"):
        parts = [{"type": "text", "content": text}, {"type": "text", "content": "two"}]
        assert given_text([{"role": "user", "parts": parts}]) == "two"
    assert not messages.looks_like_payload("a long sentence of plain words " * 40)


FAILURES = [
    "The function `f` failed and returned no result.",
    "An error occurred while running the tool. Please try again.",
    "Error: no such order",
    "Traceback (most recent call last):\n ...",
    '{"error": "upstream 503"}',
    '{"error": {"code": 503}, "ok": false}',
    '{"isError": true, "content": []}',
]


NO_FAILURES = (
    '{"error": null}',
    '{"error": ""}',
    '{"error": "late", "orders": [12]}',
    '{"isError": false}',
    "{",
)


@pytest.mark.parametrize("result", FAILURES)
def test_a_tool_failure_as_the_model_is_told(result):
    turn = [USER, {"role": "tool", "content": result}]
    assert messages.read_input(json.dumps(turn))["tool_failure"] == result


@pytest.mark.parametrize("result", ["9 euros", "error rate is 3%", "no errors", *NO_FAILURES])
def test_a_tool_result_that_is_no_failure(result):
    turn = [USER, {"role": "tool", "content": result}]
    assert messages.read_input(json.dumps(turn))["tool_failure"] is None


def test_a_tool_failure_of_an_earlier_turn_is_over():
    turn = [
        {"role": "tool", "content": FAILURES[0]},
        {"role": "assistant", "content": "sorry"},
        USER,
    ]
    assert messages.read_input(json.dumps(turn))["tool_failure"] is None


def test_a_tool_failure_that_a_later_result_replaces():
    turn = [USER, {"role": "tool", "content": FAILURES[0]}, {"role": "tool", "content": "9"}]
    assert messages.read_input(json.dumps(turn))["tool_failure"] is None


@pytest.mark.parametrize("key", ["response", "result", "output"])
def test_tool_results_however_they_are_spelled(key):
    part = {"type": "tool_call_response", "id": "1", key: FAILURES[0]}
    found = messages.read_input(json.dumps([{"role": "tool", "parts": [part]}]))
    assert found["tool_failure"] == FAILURES[0]


def test_finish_reasons():
    assert messages.read_finish('["stop", "length"]') == {"finish_reason": "length"}
    assert messages.read_finish("stop") == {"finish_reason": "stop"}
    assert messages.read_finish("[]") == {}


def test_transcripts():
    assert messages.read_transcript('{"text": "two"}') == {"text_out": "two"}
    assert messages.read_transcript("two") == {"text_out": "two"}
    assert messages.read_transcript('{"error": 1}') == {}
    assert messages.read_transcript('{"text": ""}') == {"text_out": ""}
