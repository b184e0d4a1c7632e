"""What people read of a what-if."""

from __future__ import annotations

import io
from typing import Any

from rich.console import Console

from tests.analyse.what_if.made_up import baseline
from tests.golden_files import check_golden
from tracelens.analyse.what_if import Rules, WhatIf
from tracelens.analyse.what_if.answer import what_if
from tracelens.policy import Budget, Cap, Condition, Route
from tracelens.show.what_if import what_if_markdown, what_if_text


def spoken(number: int) -> dict[str, Any]:
    """A spoken request: the longer the audio, the slower and dearer."""
    audio = float(number % 60)
    return {
        "inputs": "audio",
        "service": "voice-desk",
        "failed": number % 10 == 0,
        "sizes.audio_seconds": audio,
        "cost_by_content.audio_in": audio / 1000,
        "cost_by_content.text_in": 0.002,
        "cost_by_content.text_out": 0.003,
        "cost_by_stage.transcription": audio / 1000,
        "cost_by_stage.reasoning": 0.005,
        "cost_usd": 0.005 + audio / 1000,
        "path_ms.transcription": 10 * audio,
        "path_ms.reasoning": 2000.0,
        "duration_ms": 2000.0 + 10 * audio,
        "ttfa_ms": 1000.0 + 10 * audio,
    }


def written(number: int, model: str, usd: float) -> dict[str, Any]:
    """A written request to a model."""
    return {
        "inputs": "text|<b>",
        "service": "chat",
        "failed": number % 20 == 0,
        "models.reasoning": model,
        "sizes.input_tokens": 100.0,
        "cost_by_content.text_in": usd,
        "cost_by_stage.reasoning": usd,
        "cost_usd": usd,
        "cost_is_lower_bound": number % 7 == 0,
        "path_ms.reasoning": 800.0 if model == "big" else 300.0,
        "duration_ms": 800.0 if model == "big" else 300.0,
    }


def answer() -> WhatIf:
    rows = [
        *(spoken(i) for i in range(240)),
        *(written(i, "big", 0.02) for i in range(60)),
        *(written(i, "small", 0.001 * (1 + i % 3)) for i in range(90)),
        {"inputs": "none"},
    ]
    rules = Rules(
        caps=(Cap("audio_seconds", 30, "truncate"), Cap("audio_seconds", 55, "reject")),
        routes=(Route("small", (Condition("input_tokens", max=500),)), Route("tiny")),
        budgets=(Budget("reasoning", 1500),),
    )
    return what_if(baseline(rows), rules)


def test_on_a_terminal() -> None:
    out = io.StringIO()
    Console(file=out, width=150).print(what_if_text(answer()))
    check_golden("whatif/table.txt", out.getvalue())


def test_to_forward() -> None:
    text = what_if_markdown(answer())
    check_golden("whatif/report.md", text)
    assert "<b>" not in text
