"""What the scripts of this folder share: the stub vendor, a tape of spans, and known truths."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[3]
sys.path.insert(0, str(ROOT / "sample_traces" / "make"))

import export  # noqa: E402
from export import Recorder, Truth  # noqa: E402
from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: E402
from vendor import Plan, Vendor  # noqa: E402

export.SAMPLES = HERE.parent

STT_ERROR = Truth("the recogniser answered with 500", True, "transcription", "", "stt_error")
STT_TIMEOUT = Truth("the recogniser never answered", True, "transcription", "", "stt_timeout")
STT_EMPTY = Truth("the recogniser returned no words", True, "transcription", "", "stt_empty")
LLM_ERROR = Truth("the model call failed", True, "reasoning", "", "llm_error")
TRUNCATED = Truth("the model's answer was cut", True, "reasoning", "", "llm_truncated")
FILTERED = Truth("a filter withheld the answer", True, "reasoning", "", "llm_filtered")
INVALID = Truth("the answer does not validate", True, "reasoning", "", "schema_invalid")
TOOL_ERROR = Truth("the tool failed", True, "reasoning", "reasoning>tool", "tool_error")
TTS_ERROR = Truth("speech synthesis answered with 503", True, "synthesis", "", "tts_error")
LOST_NOT = Truth(
    "the application dropped a word",
    True,
    "transcription",
    "transcription>reasoning",
    "handoff_loss",
)
LOST_ANSWER = Truth(
    "the application spoke half of it", True, "reasoning", "reasoning>synthesis", "handoff_loss"
)
FINE = Truth("nothing was injected")


class Tape(Recorder):
    """A recorder whose exporter can also be given to a library that builds its own provider."""

    def processor(self) -> BatchSpanProcessor:
        """A span processor that writes to this tape."""
        return BatchSpanProcessor(
            self._batches, max_export_batch_size=3, schedule_delay_millis=60_000
        )

    @property
    def exporter(self) -> Any:
        """The exporter that keeps what is recorded."""
        return self._batches


def play(
    tape: Tape,
    emitter: str,
    made_by: str,
    scenes: Mapping[str, tuple[Truth, Callable[[], None]]],
    flush: Callable[[], object] = lambda: None,
) -> None:
    """Run every scene and write its folder, then leave without waiting for background threads."""
    for name, (truth, scene) in scenes.items():
        scene()
        flush()
        tape.save(name, truth.note, emitter, made_by, [truth])
    sys.stdout.flush()
    os._exit(0)


def against(plan: Plan, work: Callable[[str], object]) -> None:
    """Let `work` talk to a vendor that follows the plan; what it raises is part of the story."""
    with Vendor(plan, latency=0.01) as vendor:
        try:
            work(vendor.url)
        except Exception as error:
            print("  raised", type(error).__name__)
