"""What would decide a case, by the names of the emitter that left a text out."""

from __future__ import annotations

from typing import Any

import pytest

from tracelens.analyse.settle import what_settles


def span(stage: str, emitter: str | None = "pipecat", **texts: str) -> dict[str, Any]:
    return {"stage": stage, "emitter": emitter, "text_in": None, "text_out": None, **texts}


def request(*unseen: str, failed: bool | None = True, stage: str | None = "undetermined") -> Any:
    evidence = [{"at": at, "result": "no_data"} for at in unseen]
    return {"failed": failed, "stage": stage, "evidence": evidence}


HEARD = span("transcription", text_out="hello")


@pytest.mark.parametrize(
    ("asked", "spans", "expected"),
    [
        (
            request("reasoning>synthesis"),
            [span("reasoning", text_out="hi"), span("synthesis")],
            ["record what synthesis received, in `text` of its span, to decide"],
        ),
        (
            request("transcription>reasoning"),
            [span("transcription", None), span("reasoning", text_in="hello")],
            ["record what transcription emitted to decide"],
        ),
        (
            request("transcription", failed=None, stage=None),
            [span("reasoning")],
            ["record a span for transcription: none is there, though a later stage ran"],
        ),
        (request("transcription>reasoning", stage="reasoning"), [HEARD, span("reasoning")], []),
        (request("transcription>reasoning", failed=False, stage=None), [HEARD], []),
        (request(), [HEARD], []),
    ],
)
def test_what_settles(asked: Any, spans: list[dict[str, Any]], expected: list[str]) -> None:
    assert what_settles(asked, spans) == expected


def test_what_a_library_never_records_is_said() -> None:
    from tracelens.normalise import find_emitters

    name, stage = next(
        (emitter.name, row.partition(".")[0])
        for emitter in find_emitters()
        for row in emitter.unrecorded
        if row.endswith(".text_in")
    )
    boundary = {"synthesis": "reasoning>synthesis"}.get(stage, f"transcription>{stage}")
    (sentence,) = what_settles(request(boundary), [span(stage, name)])
    assert sentence.startswith(f"{name} never records what {stage} received: write it")
