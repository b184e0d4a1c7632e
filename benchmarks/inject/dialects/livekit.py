"""Spans of livekit-agents: one trace per session, a user turn and an agent turn per request."""

from __future__ import annotations

from typing import Any

from benchmarks.inject.messages import (
    chat_messages,
    dumps,
    part_answer,
    part_messages,
    spent,
    tokens,
)
from benchmarks.inject.pipeline import Call, Run
from benchmarks.inject.spans import Pen, Turn

KINDS = ("voice",)
SHOWS = frozenset(
    {
        "session",
        "transcript",
        "fed",
        "answer",
        "spoken",
        "llm_error",
        "tts_error",
        "no_stt",
        "no_words",
        "tts_span",
        "tool",
        "tool_error",
        "arguments",
        "audio",
        "finish",
    }
)
SERVED = False
TURNS = True
SPLITS = ("dev", "held")
POLICY = None
SCOPE = "livekit-agents"


def write(pen: Pen) -> None:
    """A session with its turns; content attributes have the older or the newer prefix."""
    pen.new_trace()
    pen.scope = SCOPE
    prefix = pen.rng.choice(["lk.", "lk.pii."])
    root, last = pen.new_id(), pen.talk.turns[-1]
    for turn in pen.talk.turns:
        pen.turn = turn
        _turn(pen, turn, root, prefix)
    pen.turn = None
    about = {"gen_ai.operation.name": "invoke_workflow"}
    pen.span("agent_session", 0, last.start + last.run.end + 200, span_id=root, attributes=about)


def _turn(pen: Pen, turn: Turn, root: str, prefix: str) -> None:
    run = turn.run
    heard = [c for c in run.calls if c.stage == "transcription" and c.given]
    ended = max((c.end for c in run.calls if c.stage == "transcription"), default=400.0)
    about = {
        f"{prefix}user_transcript": pen.text("transcript", run.transcript) if heard else None,
        "lk.transcript_confidence": 0.0 if heard else None,
        "lk.transcription_delay": 0.2 if heard else None,
        "gen_ai.request.model": heard[-1].model if heard else None,
    }
    above = pen.span("user_turn", -60, ended, root, stage="transcription", attributes=about)
    pen.span("user_speaking", -60, ended - 100, above, stage="transcription")
    side = [c for c in run.calls if c.stage == "side"]
    for call in side:
        pen.span(
            "GET",
            call.start,
            call.end,
            root,
            stage="side",
            kind=3,
            trouble=call.trouble,
            handled=True,
            scope="opentelemetry.instrumentation.redis",
            attributes={"db.system": "redis"},
        )
    if any(c.stage == "reasoning" for c in run.calls):
        _agent_turn(pen, run, root, prefix, ended)


def _agent_turn(pen: Pen, run: Run, root: str, prefix: str, start: float) -> None:
    thoughts = [c for c in run.calls if c.stage == "reasoning"]
    voiced = [c for c in run.calls if c.stage == "synthesis"]
    dead = thoughts[-1].trouble if thoughts[-1].trouble and not thoughts[-1].handled else None
    if dead and dead.kind == "cancelled":
        dead = None
    barged = run.ending in ("barge_in", "cancel")
    hung = run.ending == "hang_up"
    about: dict[str, Any] = {
        "gen_ai.operation.name": "invoke_agent",
        f"{prefix}user_input": pen.text("fed", thoughts[0].taken),
        f"{prefix}response.text": pen.text("spoken", run.spoken) if run.heard else None,
        "lk.speech_id": f"speech_{pen.new_id()[:8]}",
        "lk.interrupted": barged or hung,
        "lk.interruption.source": "audio_activity" if barged else "programmatic" if hung else None,
        "lk.e2e_latency": 1.4 if run.heard else None,
        "error.type": dead.name if dead else None,
    }
    end = max(c.end for c in run.calls) + 5
    above = pen.span("agent_turn", start + 1, end, root, trouble=dead, attributes=about)
    groups: list[list[Call]] = [[]]
    for call in thoughts:
        groups[-1].append(call)
        if not call.handled:
            groups.append([])
    for group in groups:
        if group:
            _llm(pen, run, group, above, prefix)
    for call in run.calls:
        if call.stage == "tool":
            _tool(pen, call, above, prefix)
    if voiced:
        _tts(pen, voiced, above, prefix)
    if run.heard and run.spoken:
        pen.span("agent_speaking", voiced[-1].start + 100, voiced[-1].end + 4, above)


def _llm(pen: Pen, run: Run, calls: list[Call], above: str, prefix: str) -> None:
    last = calls[-1]
    cancelled = bool(last.trouble and last.trouble.kind == "cancelled")
    dead = None if cancelled else last.trouble
    context = {"items": chat_messages(run, last)}
    node = {
        f"{prefix}chat_ctx": pen.text("fed", dumps(context)),
        f"{prefix}response.text": pen.text("answer", last.given),
        f"{prefix}response.function_calls": pen.text(
            "arguments", dumps([{"name": last.wants, "arguments": last.arguments}])
        )
        if last.wants
        else None,
        "error.type": dead.name if dead else None,
    }
    first = calls[0].start
    over = pen.span(
        "llm_node", first, last.end, above, stage="reasoning", trouble=dead, attributes=node
    )
    asked = {
        "gen_ai.operation.name": "chat",
        "gen_ai.request.model": last.model,
        "gen_ai.provider.name": "api.vendor.example",
        "gen_ai.input.messages": pen.text("fed", dumps(part_messages(run, last))),
        "gen_ai.output.messages": pen.text("answer", dumps(part_answer(last)))
        if not dead
        else None,
        "gen_ai.response.finish_reasons": None if dead else [last.finish],
        "gen_ai.usage.input_tokens": None if dead else tokens(last.taken),
        "gen_ai.usage.output_tokens": None if dead else spent(last),
        "error.type": dead.name if dead else None,
    }
    request = pen.span(
        "llm_request",
        first,
        last.end,
        over,
        stage="reasoning",
        kind=3,
        trouble=dead,
        attributes=asked,
    )
    for number, call in enumerate(calls):
        trouble = None if cancelled else call.trouble
        about = {"lk.retry_count": number, "error.type": trouble.name if trouble else None}
        pen.span(
            "llm_request_run",
            call.start,
            call.end,
            request,
            stage="reasoning",
            trouble=trouble,
            handled=call.handled,
            attributes=about,
        )


def _tool(pen: Pen, call: Call, above: str, prefix: str) -> None:
    """Failed tools are flagged, their status stays unset."""
    about = {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": call.tool,
        f"{prefix}function_tool.arguments": pen.text("arguments", call.arguments),
        f"{prefix}function_tool.output": pen.text("tool", call.result),
        "lk.function_tool.name": call.tool,
        "lk.function_tool.is_error": call.trouble is not None,
        "error.type": "tool_error" if call.trouble else None,
    }
    pen.span(
        "function_tool",
        call.start,
        call.end,
        above,
        stage="tool",
        trouble=call.trouble,
        handled=call.handled,
        says_error=False,
        attributes=about,
    )


def _tts(pen: Pen, calls: list[Call], above: str, prefix: str) -> None:
    last = calls[-1]
    dead = last.trouble if last.trouble and last.trouble.kind != "cancelled" else None
    start, kind = calls[0].start, {"error.type": dead.name if dead else None}
    node = pen.span(
        "tts_node", start, last.end, above, stage="synthesis", trouble=dead, attributes=kind
    )
    metrics = {
        "characters_count": len(last.taken or ""),
        "audio_duration": last.audio / 16000,
        "ttfb": 0.2,
        "cancelled": last.cut,
    }
    about = {
        **kind,
        "gen_ai.request.model": last.model,
        f"{prefix}input_text": pen.text("spoken", last.taken),
        "lk.tts_metrics": None if dead else dumps(metrics),
    }
    over = pen.span(
        "tts_request",
        start,
        last.end,
        node,
        stage="synthesis",
        kind=3,
        trouble=dead,
        attributes=about,
    )
    for number, call in enumerate(calls):
        trouble = call.trouble if call.trouble and call.trouble.kind != "cancelled" else None
        more = {"lk.retry_count": number, "error.type": trouble.name if trouble else None}
        pen.span(
            "tts_request_run",
            call.start,
            call.end,
            over,
            stage="synthesis",
            trouble=trouble,
            handled=call.handled,
            attributes=more,
        )
