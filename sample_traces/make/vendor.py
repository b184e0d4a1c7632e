"""A stub of an OpenAI-compatible vendor: scripted answers and faults over real HTTP.

    plan = Plan(
        transcriptions=[Say("When does the shop open?")],
        chats=[ToolCall("opening_hours", {"day": "sunday"}), Say("At ten on Sunday.")],
        speeches=[Audio(seconds=1.2)],
    )
    with Vendor(plan) as vendor:
        client = openai.AsyncOpenAI(base_url=vendor.url, api_key="stub")

Each endpoint takes the next step of its list for each HTTP call it gets, so a retry by the client
takes a step too. `Always(step)` answers every further call; an exhausted list gives a plain answer.
"""

from __future__ import annotations

import json
import math
import re
import struct
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

PCM_RATE = 24_000


@dataclass(frozen=True)
class Say:
    """Words: the transcript of a recording, or the text of a chat answer."""

    text: str
    finish_reason: str = "stop"


@dataclass(frozen=True)
class ToolCall:
    """A chat answer that calls one tool; `arguments` may be raw text to send broken JSON."""

    name: str
    arguments: dict[str, Any] | str = field(default_factory=dict)


@dataclass(frozen=True)
class Audio:
    """Synthesised speech of some length."""

    seconds: float = 1.0


@dataclass(frozen=True)
class Fail:
    """An HTTP error with a vendor's error body."""

    status: int = 500
    message: str = ""
    retry_after: float | None = None


@dataclass(frozen=True)
class Hang:
    """No answer for some seconds, then `then`, or a closed connection."""

    seconds: float = 30.0
    then: Say | ToolCall | Audio | Fail | None = None


@dataclass(frozen=True)
class Empty:
    """A successful answer with nothing in it: no transcript, no words, or no audio bytes."""


@dataclass(frozen=True)
class Cut:
    """The connection drops: after `text` in a streamed chat, midway in audio, else at once."""

    text: str = "Let me"


@dataclass(frozen=True)
class Always:
    """The same step for this call and every later one."""

    step: Say | ToolCall | Audio | Fail | Hang | Empty | Cut


Step = Say | ToolCall | Audio | Fail | Hang | Empty | Cut | Always

PLAIN = {
    "transcriptions": Say("hello"),
    "chats": Say("Hello, how can I help?"),
    "responses": Say("Hello, how can I help?"),
    "speeches": Audio(0.5),
}
PATHS = {
    "/audio/transcriptions": "transcriptions",
    "/chat/completions": "chats",
    "/responses": "responses",
    "/audio/speech": "speeches",
}
ERRORS = {
    400: ("invalid_request_error", "The request could not be read."),
    401: ("authentication_error", "Incorrect API key provided."),
    429: ("rate_limit_exceeded", "Rate limit reached for requests."),
    500: ("server_error", "The server had an error while processing your request."),
    503: ("server_error", "The engine is currently overloaded, please try again later."),
}


@dataclass
class Plan:
    """What the vendor answers, per endpoint, in the order of the calls."""

    transcriptions: list[Step] = field(default_factory=list)
    chats: list[Step] = field(default_factory=list)
    speeches: list[Step] = field(default_factory=list)
    responses: list[Step] = field(default_factory=list)

    def take(self, endpoint: str) -> Step:
        """Remove and return the next step of an endpoint."""
        steps = getattr(self, endpoint)
        if not steps:
            return PLAIN[endpoint]
        if isinstance(steps[0], Always):
            return steps[0].step
        return steps.pop(0)


@dataclass
class Call:
    """One HTTP call that the vendor received."""

    endpoint: str
    body: dict[str, Any]
    step: Step


class Vendor:
    """The HTTP server, in a thread on 127.0.0.1; `url` ends in /v1, `calls` lists what came in."""

    def __init__(self, plan: Plan | None = None, latency: float = 0.05) -> None:
        self.plan = plan or Plan()
        self.latency = latency
        self.calls: list[Call] = []
        self.closing = threading.Event()
        self._lock = threading.Lock()
        self._count = 0
        handler = type("Handler", (_Handler,), {"vendor": self})
        self._server = _Server(("127.0.0.1", 0), handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.daemon = True

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    def __enter__(self) -> Vendor:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()

    def next_step(self, endpoint: str, body: dict[str, Any]) -> Step:
        """Note a call and say how it is answered."""
        with self._lock:
            step = self.plan.take(endpoint)
            self.calls.append(Call(endpoint, body, step))
        return step

    def new_id(self, prefix: str) -> str:
        with self._lock:
            self._count += 1
            return f"{prefix}{self._count:06d}"

    def wait(self, seconds: float) -> None:
        """Sleep, but no longer than the server lives."""
        self.closing.wait(seconds)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Stay silent: a client that hangs up is part of the play."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    vendor: Vendor

    def log_message(self, format: str, *args: Any) -> None:
        """Stay silent."""

    def do_POST(self) -> None:
        raw = self._read_body()
        path = self.path.split("?")[0].removeprefix("/v1")
        endpoint = PATHS.get(path)
        if endpoint is None:
            self._send_error(Fail(404, f"Unknown path {path}."))
            return
        body = _fields(raw, self.headers.get("Content-Type", ""))
        step = self.vendor.next_step(endpoint, body)
        self.vendor.wait(self.vendor.latency)
        if isinstance(step, Hang):
            self.vendor.wait(step.seconds)
            step = step.then or Cut("")
        if isinstance(step, Fail):
            self._send_error(step)
            return
        getattr(self, f"_answer_{endpoint}")(body, step)

    def _read_body(self) -> bytes:
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        parts = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    # --- endpoints -------------------------------------------------------------------------

    def _answer_transcriptions(self, body: dict[str, Any], step: Step) -> None:
        if isinstance(step, Cut):
            self._drop()
            return
        text = step.text if isinstance(step, Say) else ""
        shape = body.get("response_format", "json")
        if shape == "text":
            self._send(f"{text}\n".encode(), "text/plain")
        elif body.get("stream") == "true":
            delta = {"type": "transcript.text.delta", "delta": text}
            done = {"type": "transcript.text.done", "text": text, "usage": _heard(text)}
            self._stream_events([delta, done])
        else:
            self._send_json(_transcript(text, verbose=shape == "verbose_json"))

    def _answer_chats(self, body: dict[str, Any], step: Step) -> None:
        if body.get("stream"):
            self._stream_events(self._chat_chunks(body, step), cut=isinstance(step, Cut))
        elif isinstance(step, Cut):
            self._drop()
        else:
            self._send_json(self._completion(body, step))

    def _answer_responses(self, body: dict[str, Any], step: Step) -> None:
        if isinstance(step, Cut):
            self._drop()
            return
        response = {
            "id": self.vendor.new_id("resp_"),
            "object": "response",
            "created_at": int(time.time()),
            "model": body.get("model", "stub"),
            "status": "completed",
            "output": [self._response_item(step)],
            "usage": _response_usage(body, step),
            "parallel_tool_calls": True,
            "tool_choice": "auto",
            "tools": body.get("tools", []),
        }
        if body.get("stream"):
            self._stream_events([{"type": "response.completed", "response": response}])
        else:
            self._send_json(response)

    def _answer_speeches(self, body: dict[str, Any], step: Step) -> None:
        shape = body.get("response_format", "mp3")
        audio = _audio(step.seconds if isinstance(step, Audio) else 1.0, shape)
        if isinstance(step, Empty):
            audio = b""
        if isinstance(step, Cut):
            audio = audio[: len(audio) // 2]
        self._start_stream("audio/mpeg" if shape == "mp3" else f"audio/{shape}")
        for start in range(0, len(audio), 4800):
            self._chunk(audio[start : start + 4800])
        if isinstance(step, Cut):
            self._drop()
        else:
            self._end_stream()

    # --- bodies ----------------------------------------------------------------------------

    def _completion(self, body: dict[str, Any], step: Step) -> dict[str, Any]:
        message: dict[str, Any] = {"role": "assistant", "content": _words(step), "refusal": None}
        if isinstance(step, ToolCall):
            message["tool_calls"] = [self._tool_call(step)]
        choice = {"index": 0, "message": message, "finish_reason": _finish(step)}
        base = self._chat_base(body, "chat.completion")
        return base | {"choices": [choice | {"logprobs": None}], "usage": _usage(body, step)}

    def _chat_chunks(self, body: dict[str, Any], step: Step) -> Iterator[dict[str, Any]]:
        base = self._chat_base(body, "chat.completion.chunk")
        if (body.get("stream_options") or {}).get("include_usage"):
            base["usage"] = None
        for delta in self._deltas(step):
            yield base | {"choices": [{"index": 0, "delta": delta, "finish_reason": None}]}
        if isinstance(step, Cut):
            return
        last = {"index": 0, "delta": {}, "finish_reason": _finish(step)}
        yield base | {"choices": [last]}
        if "usage" in base:
            yield base | {"choices": [], "usage": _usage(body, step)}

    def _deltas(self, step: Step) -> Iterator[dict[str, Any]]:
        if isinstance(step, ToolCall):
            call = self._tool_call(step)
            arguments = call["function"]["arguments"]
            call["function"]["arguments"] = ""
            yield {"role": "assistant", "content": None, "tool_calls": [{"index": 0} | call]}
            for piece in re.findall(r".{1,8}", arguments, re.DOTALL):
                yield {"tool_calls": [{"index": 0, "function": {"arguments": piece}}]}
            return
        yield {"role": "assistant", "content": "", "refusal": None}
        text = step.text if isinstance(step, Cut) else _words(step) or ""
        for piece in re.findall(r"\s*\S+", text):
            yield {"content": piece}

    def _chat_base(self, body: dict[str, Any], kind: str) -> dict[str, Any]:
        return {
            "id": self.vendor.new_id("chatcmpl-"),
            "object": kind,
            "created": int(time.time()),
            "model": body.get("model", "stub"),
            "system_fingerprint": "fp_stub",
        }

    def _tool_call(self, step: ToolCall) -> dict[str, Any]:
        function = {"name": step.name, "arguments": _arguments(step)}
        return {"id": self.vendor.new_id("call_"), "type": "function", "function": function}

    def _response_item(self, step: Step) -> dict[str, Any]:
        if isinstance(step, ToolCall):
            return {
                "id": self.vendor.new_id("fc_"),
                "call_id": self.vendor.new_id("call_"),
                "type": "function_call",
                "name": step.name,
                "arguments": _arguments(step),
                "status": "completed",
            }
        part = {"type": "output_text", "text": _words(step) or "", "annotations": []}
        return {
            "id": self.vendor.new_id("msg_"),
            "type": "message",
            "role": "assistant",
            "status": "completed",
            "content": [part],
        }

    # --- wire ------------------------------------------------------------------------------

    def _send(self, body: bytes, kind: str, status: int = 200, **headers: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def _send_json(self, body: dict[str, Any]) -> None:
        self._send(json.dumps(body).encode(), "application/json")

    def _send_error(self, fail: Fail) -> None:
        kind, plain = ERRORS.get(fail.status, ("server_error", "Something went wrong."))
        error = {"message": fail.message or plain, "type": kind, "param": None, "code": kind}
        headers = {} if fail.retry_after is None else {"Retry_After": str(fail.retry_after)}
        body = json.dumps({"error": error}).encode()
        self._send(body, "application/json", fail.status, **headers)

    def _stream_events(self, events: Any, cut: bool = False) -> None:
        self._start_stream("text/event-stream")
        for event in events:
            kind = event.get("type")
            name = f"event: {kind}\n" if kind else ""
            self._chunk(f"{name}data: {json.dumps(event)}\n\n".encode())
            self.vendor.wait(self.vendor.latency / 10)
        if cut:
            self._drop()
            return
        self._chunk(b"data: [DONE]\n\n")
        self._end_stream()

    def _start_stream(self, kind: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()

    def _chunk(self, data: bytes) -> None:
        self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
        self.wfile.flush()

    def _end_stream(self) -> None:
        self.wfile.write(b"0\r\n\r\n")

    def _drop(self) -> None:
        """Close the connection without finishing the answer."""
        self.close_connection = True


def _fields(raw: bytes, kind: str) -> dict[str, Any]:
    """Read a JSON body, or the text fields of a multipart one (files are left out)."""
    if "multipart" not in kind:
        return json.loads(raw or b"{}")
    pairs = re.findall(rb'name="([\w\[\]]+)"\r\n(?:Content-Type: text[^\r]*\r\n)?\r\n([^\r]*)', raw)
    return {name.decode(): value.decode("utf-8", "replace") for name, value in pairs}


def _words(step: Step) -> str | None:
    if isinstance(step, Say):
        return step.text
    return "" if isinstance(step, Empty) else None


def _arguments(step: ToolCall) -> str:
    return step.arguments if isinstance(step.arguments, str) else json.dumps(step.arguments)


def _finish(step: Step) -> str:
    if isinstance(step, ToolCall):
        return "tool_calls"
    return step.finish_reason if isinstance(step, Say) else "stop"


def _counts(body: dict[str, Any], step: Step) -> tuple[int, int]:
    """Guess the input and output tokens; media count as a fixed number."""
    asked = json.dumps(body.get("messages", body.get("input", "")))
    media = asked.count("base64,")
    asked = re.sub(r"base64,[^\"]*", "", asked)
    said = _arguments(step) if isinstance(step, ToolCall) else _words(step) or ""
    return len(asked) // 4 + 85 * media, math.ceil(len(said) / 4)


def _usage(body: dict[str, Any], step: Step) -> dict[str, Any]:
    given, made = _counts(body, step)
    return {
        "prompt_tokens": given,
        "completion_tokens": made,
        "total_tokens": given + made,
        "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
    }


def _response_usage(body: dict[str, Any], step: Step) -> dict[str, Any]:
    given, made = _counts(body, step)
    return {
        "input_tokens": given,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": made,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": given + made,
    }


def _heard(text: str) -> dict[str, Any]:
    given, made = 10 + 4 * len(text.split()), math.ceil(len(text) / 4)
    details = {"text_tokens": 0, "audio_tokens": given}
    usage = {"type": "tokens", "input_tokens": given, "input_token_details": details}
    return usage | {"output_tokens": made, "total_tokens": given + made}


def _transcript(text: str, verbose: bool) -> dict[str, Any]:
    if not verbose:
        return {"text": text, "usage": _heard(text)}
    seconds = round(0.4 * len(text.split()), 2)
    segment = {
        "id": 0,
        "seek": 0,
        "start": 0.0,
        "end": seconds,
        "text": text,
        "tokens": [],
        "temperature": 0.0,
        "avg_logprob": -0.2,
        "compression_ratio": 1.0,
        "no_speech_prob": 0.01,
    }
    whole = {"task": "transcribe", "language": "english", "duration": seconds, "text": text}
    return whole | {"segments": [segment] if text else []}


def _audio(seconds: float, shape: str) -> bytes:
    """Make a soft tone as PCM or WAV (24 kHz, 16 bit, mono), or silent MP3 frames."""
    if shape not in ("pcm", "wav"):
        return (b"\xff\xf3\x84\xc4" + bytes(188)) * math.ceil(seconds / 0.024)
    count = int(seconds * PCM_RATE)
    wave = [int(3000 * math.sin(2 * math.pi * 220 * i / PCM_RATE)) for i in range(count)]
    pcm = struct.pack(f"<{count}h", *wave)
    if shape == "pcm":
        return pcm
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, PCM_RATE, 2 * PCM_RATE, 2, 16)
    head = b"RIFF" + struct.pack("<I", 36 + len(pcm)) + b"WAVE"
    return head + form + b"data" + struct.pack("<I", len(pcm)) + pcm
