"""Spans of pipecat's own tracing: one trace per conversation, a `turn` per request."""

from __future__ import annotations

from typing import Any

from benchmarks.inject.messages import chat_messages, dumps, spent, tokens
from benchmarks.inject.pipeline import Call, Run
from benchmarks.inject.spans import Pen, Turn

KINDS = ("voice", "speech")
SHOWS = frozenset(
    {
        "session",
        "transcript",
        "fed",
        "answer",
        "spoken",
        "llm_error",
        "no_stt",
        "no_words",
        "no_tts",
        "tts_span",
        "tool",
        "tool_error",
        "audio",
    }
)
SERVED = False
TURNS = True
SPLITS = ("dev", "held")
POLICY = None
IMAGE = "data:image/..."


def write(pen: Pen) -> None:
    """A conversation; its root is what exporters send last."""
    pen.new_trace()
    root, last = pen.new_id(), pen.talk.turns[-1]
    for number, turn in enumerate(pen.talk.turns, 1):
        pen.turn = turn
        _turn(pen, turn, number, root, turn is last)
    pen.turn = None
    about = {"conversation.id": pen.talk.session, "conversation.type": "voice"}
    end = last.start + last.run.end + 300
    pen.span("conversation", 0, end, span_id=root, scope="pipecat.turn", attributes=about)


def _turn(pen: Pen, turn: Turn, number: int, root: str, last: bool) -> None:
    run = turn.run
    barged = run.ending in ("barge_in", "cancel")
    about = {
        "conversation.id": pen.talk.session,
        "turn.number": number,
        "turn.duration_seconds": run.end / 1000,
        "turn.was_interrupted": last or barged,
        "turn.user_bot_latency_seconds": run.end / 2000 if run.heard else None,
    }
    above = pen.span("turn", 0, run.end, root, scope="pipecat.turn", attributes=about)
    for call in run.calls:
        if not retried(run, call):
            _call(pen, run, call, above)


def retried(run: Run, call: Call) -> bool:
    """Whether the client library hid this attempt: it does unless another model took over."""
    if not call.handled or call.stage in ("side", "tool"):
        return False
    return call.stage != "reasoning" or any(
        later.stage == "reasoning" and later.model == call.model and later.start > call.start
        for later in run.calls
    )


def _call(pen: Pen, run: Run, call: Call, above: str) -> None:
    write_one = {
        "transcription": _stt,
        "reasoning": _llm,
        "synthesis": _tts,
        "speech": _realtime,
        "side": _side,
    }.get(call.stage)
    if write_one:
        write_one(pen, run, call, above)


def _side(pen: Pen, run: Run, call: Call, above: str) -> None:
    pen.span(
        "GET",
        call.start,
        call.end,
        above,
        stage="side",
        kind=3,
        trouble=call.trouble,
        handled=call.handled,
        scope="opentelemetry.instrumentation.redis",
        attributes={"db.system": "redis"},
    )


def _stt(pen: Pen, run: Run, call: Call, above: str) -> None:
    """The span opens with the first transcript, so a failed recogniser leaves none."""
    if call.trouble or not call.given:
        return
    about = {
        "gen_ai.operation.name": "stt",
        "gen_ai.request.model": call.model,
        "gen_ai.provider.name": "vendor",
        "transcript": pen.text("transcript", call.given),
        "is_final": True,
        "language": "en",
        "metrics.audio_seconds": len(call.given) / 14,
    }
    pen.span(
        "stt",
        call.start - 40,
        call.end,
        above,
        stage="transcription",
        scope="pipecat",
        attributes=about,
    )


def _llm(pen: Pen, run: Run, call: Call, above: str) -> None:
    failed = call.trouble is not None
    whole = not failed and not call.cut and call.finish not in ("length",)
    about: dict[str, Any] = {
        "gen_ai.operation.name": "chat",
        "gen_ai.output.type": "text",
        "gen_ai.request.model": call.model,
        "gen_ai.provider.name": "vendor",
        "gen_ai.request.top_k": "NOT_GIVEN",
        "gen_ai.system_instructions": pen.text("fed", run.plan.system),
        "input": pen.text("fed", dumps(_seen(run, call))),
        "output": pen.text("answer", call.given) if call.given else None,
        "gen_ai.usage.input_tokens": tokens(call.taken) if whole else None,
        "gen_ai.usage.output_tokens": spent(call) if whole else None,
        "metrics.ttfb": (call.end - call.start) / 2000,
        "tool_count": 1 if call.wants else None,
    }
    cancelled = failed and call.trouble is not None and call.trouble.kind == "cancelled"
    pen.span(
        "llm",
        call.start,
        call.end,
        above,
        stage="reasoning",
        scope="pipecat",
        attributes=about,
        trouble=None if cancelled else call.trouble,
        handled=call.handled,
    )


def _seen(run: Run, call: Call) -> list[dict[str, Any]]:
    messages = chat_messages(run, call, image=IMAGE)
    tools = iter(call.turn)
    for message in messages:
        if message["role"] == "tool":
            name, _, result = next(tools)
            if result is None:
                message["content"] = f"The function `{name}` failed and returned no result."
    return messages


def _tts(pen: Pen, run: Run, call: Call, above: str) -> None:
    """A voice that fails shows only in the time to the first byte that is missing."""
    barged = run.ending in ("barge_in", "cancel") and call.cut
    sounded = barged or (call.trouble is None and call.audio > 0)
    about = {
        "gen_ai.operation.name": "tts",
        "gen_ai.output.type": "speech",
        "gen_ai.request.model": call.model,
        "gen_ai.provider.name": "vendor",
        "voice_id": "alto",
        "text": pen.text("spoken", (call.taken or "").strip()),
        "metrics.character_count": len(call.taken or ""),
        "metrics.ttfb": 0.21 if sounded else None,
        "tts.interrupted": True if barged else None,
    }
    pen.span(
        "tts", call.start, call.end, above, stage="synthesis", scope="pipecat", attributes=about
    )


def _realtime(pen: Pen, run: Run, call: Call, above: str) -> None:
    heard = {
        "gen_ai.operation.name": "stt",
        "transcript": pen.text("transcript", run.transcript),
        "is_final": True,
    }
    pen.span(
        "stt",
        call.start - 300,
        call.start,
        above,
        stage="transcription",
        scope="pipecat",
        attributes=heard,
    )
    failed = call.trouble is not None
    about = {
        "gen_ai.operation.name": "llm_response",
        "gen_ai.request.model": "gpt-realtime",
        "response.status": "failed" if failed else "completed",
        "output": pen.text("answer", call.given),
        "output_modality": "audio",
        "gen_ai.usage.audio.output_tokens": None if failed else spent(call),
    }
    pen.span(
        "llm_response",
        call.start,
        call.end,
        above,
        stage="reasoning",
        scope="pipecat",
        attributes=about,
    )
