"""How large a request's input and output were, and of what kinds they show to be."""

from __future__ import annotations

import pytest

from tests.conftest import answered, default_policy, heard, judge, span, spans, spoke, trace
from tracelens.model import SIZES
from tracelens.requests import collect_facts


def request_of(*stages, **columns):
    """The row of one request as it is judged."""
    (row,) = judge(spans(trace("t", span("root", *stages, **columns))))
    return row


def sizes(*stages):
    """The sizes of one request that are known."""
    found = request_of(*stages)["sizes"]
    assert [*found] == [field.name for field in SIZES.fields]
    return {name: value for name, value in found.items() if value is not None}


def test_seconds_characters_and_tokens_add_up_over_the_calls():
    assert sizes(
        heard(audio_seconds=1.5),
        heard(audio_seconds=2.0),
        answered(input_tokens=10, audio_input_tokens=4, output_tokens=3),
        answered(input_tokens=20, image_input_tokens=8, output_tokens=4),
        spoke(characters=5, output_audio_seconds=0.5),
        spoke(characters=6, output_audio_seconds=1.0),
    ) == {
        "audio_seconds": 3.5,
        "output_audio_seconds": 1.5,
        "characters": 11,
        "input_tokens": 30,
        "output_tokens": 7,
        "audio_input_tokens": 4,
        "image_input_tokens": 8,
    }


def test_images_are_those_of_the_call_that_was_given_most():
    calls = (
        answered(images=1, megapixels=2.0, pages=3),
        answered(images=2, megapixels=3.5, pages=3),
        answered(images=2, megapixels=3.5, pages=3),
    )
    assert sizes(*calls) == {"images": 2, "megapixels": 3.5, "pages": 3}


def test_sound_that_a_model_hears_again_came_in_once():
    assert sizes(answered(audio_seconds=2.0), answered(audio_seconds=2.0)) == {"audio_seconds": 2.0}


def test_a_recogniser_tells_how_long_it_listened():
    assert sizes(heard(audio_seconds=1.5), answered(audio_seconds=4.0)) == {"audio_seconds": 1.5}


def test_a_wrapper_repeats_what_is_below_it():
    attempt = answered(None, None, "attempt")
    call = answered(None, None, "request", attempt, input_tokens=10, output_tokens=4)
    node = answered(None, None, "node", call, input_tokens=10, output_tokens=4, images=1)
    assert sizes(node) == {"input_tokens": 10, "output_tokens": 4, "images": 1}


def test_a_wrapper_of_no_stage_counts_where_nothing_inside_tells():
    inner = answered(None, None, "call", input_tokens=10)
    assert sizes(span("app", inner, input_tokens=10)) == {"input_tokens": 10}
    assert sizes(span("app", answered(), input_tokens=10)) == {"input_tokens": 10}


def test_what_runs_inside_a_tool_is_another_call():
    inner = span("tool", answered(input_tokens=7), stage="tool")
    assert sizes(answered("x", "y", "llm", inner, input_tokens=10)) == {"input_tokens": 17}


def test_nothing_known_is_null_and_never_0():
    assert sizes(heard(), answered(), spoke()) == {}
    assert sizes(answered(output_tokens=0)) == {"output_tokens": 0}


def test_sums_beyond_all_counts_are_unknown():
    calls = [answered(input_tokens=2**53, output_tokens=1) for _ in range(3)]
    assert sizes(*calls) == {"output_tokens": 3}


def test_a_request_without_a_stage_has_no_sizes():
    frame = spans(trace("t", span("root")))
    assert collect_facts(frame, default_policy()).requests["sizes"].to_list() == [None]


@pytest.mark.parametrize(
    ("stages", "came_in", "went_out"),
    [
        ((heard(), answered(), spoke()), ["audio"], ["audio"]),
        ((answered(),), ["text"], ["text"]),
        ((answered(input_modalities=["image"]),), ["image", "text"], ["text"]),
        (
            (heard(), answered(input_modalities=["image"]), spoke()),
            ["audio", "image"],
            ["audio"],
        ),
        # Tokens prove what a model was given where the messages do not show it.
        (
            (answered(audio_input_tokens=4, video_input_tokens=9, audio_output_tokens=5),),
            ["audio", "text", "video"],
            ["audio", "text"],
        ),
        ((answered(image_input_tokens=0, audio_output_tokens=0),), ["text"], ["text"]),
        # Pictures are no speech, whatever stage the call was put in.
        ((spoke(output_modalities=["image"]),), [], ["image"]),
    ],
)
def test_modalities(stages, came_in, went_out):
    row = request_of(*stages)
    assert (row["input_modalities"], row["output_modalities"]) == (came_in, went_out)
