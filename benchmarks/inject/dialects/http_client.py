"""Nothing but HTTP spans: a server that calls its vendors with an instrumented client."""

from __future__ import annotations

from benchmarks.inject.pipeline import Call
from benchmarks.inject.server import SIGNS, errands, serve
from benchmarks.inject.spans import Pen

KINDS = ("voice", "chat")
SHOWS = SIGNS | {"stt_error", "llm_error", "tts_error", "no_stt", "tts_span"}
SERVED = True
TURNS = False
SPLITS = ("dev", "held")
POLICY = None
PATHS = {
    "transcription": "audio/transcriptions",
    "reasoning": "chat/completions",
    "synthesis": "audio/speech",
}


def write(pen: Pen) -> None:
    """One trace per request; no text is recorded."""
    pen.scope = "opentelemetry.instrumentation.httpx"
    modern = pen.rng.random() < 0.5
    for turn in pen.talk.turns:
        parent = serve(pen, turn)
        errands(pen, turn, parent)
        for call in turn.run.calls:
            if call.stage in PATHS:
                post(pen, call, parent, modern)


def post(pen: Pen, call: Call, parent: str, modern: bool) -> None:
    """The client's span of one call to a vendor; an answer of 4xx or 5xx raises nothing here."""
    url = f"https://api.vendor.example/v1/{PATHS[call.stage]}"
    status = 200 if call.trouble is None else call.trouble.http or None
    keys = ("http.request.method", "url.full", "http.response.status_code")
    if not modern:
        keys = ("http.method", "http.url", "http.status_code")
    about = dict(zip(keys, ("POST", url, status), strict=True))
    raised = call.trouble is not None and not call.trouble.http
    if call.trouble and modern:
        about["error.type"] = str(call.trouble.http or call.trouble.name)
    pen.span(
        "POST",
        call.start,
        call.end,
        parent,
        stage=call.stage,
        kind=3,
        trouble=call.trouble,
        handled=call.handled,
        event=raised,
        message="" if not raised else None,
        attributes=about,
    )
