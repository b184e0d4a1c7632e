"""Makes the vercel_ai_* samples: a desk on the Vercel AI SDK (vercel/desk.mjs, run by Node)."""

from __future__ import annotations

import json
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from export import SAMPLES, Truth, expected_toml
from vendor import Audio, Fail, Plan, Say, ToolCall, Vendor

FOLDER = Path(__file__).resolve().parent / "vercel"
PACKAGES = json.loads((FOLDER / "package.json").read_text())["dependencies"]
MADE_BY = f"ai {PACKAGES['ai']} with @ai-sdk/otel {PACKAGES['@ai-sdk/otel']}"
HEALTHY = Truth("no fault injected")


def make(name: str, what: str, plan: Plan, work: list[dict[str, Any]], *truths: Truth) -> None:
    """Let the desk serve its work and save the sample vercel_ai_<name>."""
    folder = SAMPLES / f"vercel_ai_{name}"
    folder.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch, Vendor(plan, latency=0.08) as vendor:
        lines = Path(scratch) / "trace.jsonl"
        call = ["node", "desk.mjs", vendor.url, str(lines), json.dumps(work)]
        subprocess.run(call, cwd=FOLDER, check=True, timeout=60)
        (folder / "trace.jsonl").write_bytes(lines.read_bytes())
    toml = expected_toml(what, "vercel_ai", MADE_BY, truths)
    (folder / "expected.toml").write_text(toml)
    print(folder.name)


def healthy() -> None:
    plan = Plan(
        [Say("Did anyone find a green umbrella?"), Say("Until when are you open today?")],
        [
            ToolCall("lost_items", {"kind": "umbrella"}),
            Say("Yes, a green umbrella is waiting for you at the desk."),
            Say("Today we are open until nine. The last entry is at eight."),
        ],
        [Audio(2.6), Audio(3.0)],
    )
    work = [
        {"place": "a museum", "session": "museum-1", "useTools": True},
        {"place": "a museum", "session": "museum-1"},
    ]
    what = "Two spoken questions, one with a tool, both answered."
    make("healthy", what, plan, work, HEALTHY, HEALTHY)


def tts_cut() -> None:
    plan = Plan(
        [Say("Can I bring my dog to the exhibition?")],
        [Say("Small dogs are welcome in the garden. They are not allowed in the halls.")],
        [Audio(2.0)],
    )
    work = [{"place": "a museum", "session": "museum-2", "firstSentenceOnly": True}]
    truth = Truth(
        "the desk spoke only the first sentence of the answer and dropped the restriction",
        failed=True,
        stage="reasoning",
        boundary="reasoning>synthesis",
        cause="handoff_loss",
    )
    make("tts_cut", "Half of the answer is lost on the way to the voice.", plan, work, truth)


def stt_500() -> None:
    truth = Truth(
        "the vendor answered the only transcription call with 500",
        failed=True,
        stage="transcription",
        cause="stt_error",
    )
    work = [{"place": "a museum", "session": "museum-3"}]
    make("stt_500", "The transcription vendor breaks.", Plan([Fail(500)]), work, truth)


def llm_429() -> None:
    plan = Plan([Say("How do I get a school class in?")], [Fail(429)])
    truth = Truth(
        "the vendor answered the only chat call with 429",
        failed=True,
        stage="reasoning",
        cause="llm_error",
    )
    work = [{"place": "a museum", "session": "museum-4"}]
    make("llm_429", "The model is rate limited.", plan, work, truth)


def tts_401() -> None:
    plan = Plan(
        [Say("Is there a lift to the roof?")],
        [Say("Yes, the lift is behind the ticket office.")],
        [Fail(401)],
    )
    truth = Truth(
        "the vendor answered the only speech call with 401",
        failed=True,
        stage="synthesis",
        cause="tts_error",
    )
    work = [{"place": "a museum", "session": "museum-5"}]
    make("tts_401", "The answer is ready but the speech vendor refuses.", plan, work, truth)


def main() -> None:
    """Make all samples."""
    for sample in (healthy, tts_cut, stt_500, llm_429, tts_401):
        sample()


if __name__ == "__main__":
    main()
