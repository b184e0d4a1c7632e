"""Writes seeded traces of a voice service, as large as asked for: material for the benchmarks.

usage: python -m benchmarks.generate FILE --megabytes 100 [--format jsonl|u32be] [--seed 1]

Each request is a trace of about eight spans with some fifteen attributes and 2.5 kB of JSON a span:
an HTTP server span, transcription, two model calls with a tool between them, speech synthesis, and
HTTP client spans. Texts, times and sizes are drawn from heavy-tailed distributions; one request in
twenty fails somewhere.
"""

from __future__ import annotations

import argparse
import json
import random
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

WORDS = (
    "please book move cancel order table parcel invoice appointment doctor monday tuesday seven"
    " nine eleven address street number account balance transfer the a my your to for on at not"
    " and with would like could you tell me when does it arrive how much is delivery tomorrow"
).split()
SPANS_PER_LINE = 512
START = 1_790_000_000_000_000_000

Span = dict[str, Any]


def sentences(rng: random.Random, least: int, most: int) -> str:
    """Some words, few as a rule and many now and then."""
    count = min(most, least + int(rng.paretovariate(1.3) * least / 2))
    return " ".join(rng.choices(WORDS, k=count))


def value(content: Any) -> dict[str, Any]:
    """An AnyValue of OTLP/JSON."""
    if isinstance(content, bool):
        return {"boolValue": content}
    if isinstance(content, int):
        return {"intValue": str(content)}
    if isinstance(content, float):
        return {"doubleValue": content}
    if isinstance(content, list):
        return {"arrayValue": {"values": [value(each) for each in content]}}
    return {"stringValue": content}


def make_span(
    rng: random.Random, trace: str, parent: str, name: str, at: int, nanos: int, **attributes: Any
) -> Span:
    """One span of OTLP/JSON; keys are written with dots for double underscores."""
    common = {
        "service__node": f"node-{rng.randrange(40)}",
        "customer__tier": rng.choice(["free", "gold", "platinum"]),
        "deployment__ring": rng.randrange(5),
        "net__peer__name": "vendor.example",
        "net__peer__port": 443,
        "session__id": f"s-{trace[:10]}",
        "thread__id": rng.randrange(10**9),
    }
    pairs = {key.replace("__", "."): each for key, each in {**common, **attributes}.items()}
    return {
        "traceId": trace,
        "spanId": f"{rng.getrandbits(64):016x}",
        "parentSpanId": parent,
        "name": name,
        "kind": 3,
        "startTimeUnixNano": str(at),
        "endTimeUnixNano": str(at + nanos),
        "attributes": [{"key": key, "value": value(each)} for key, each in pairs.items()],
        "status": {},
        "flags": 256,
    }


def make_request(rng: random.Random, at: int) -> list[Span]:
    """The spans of one request, children before parents as exporters send them."""
    trace = f"{rng.getrandbits(128):032x}"
    said, answer = sentences(rng, 6, 60), sentences(rng, 30, 600)
    stt, llm, tool, tts = (int(rng.lognormvariate(mu, 0.5) * 1e6) for mu in (5.5, 6.5, 4.0, 6.0))
    root = make_span(
        rng, trace, "", "POST /voice", at, stt + 2 * llm + tool + tts, http__route="/voice"
    )
    root["kind"] = 2
    top = root["spanId"]
    system = "You are the assistant of a service desk. " + sentences(rng, 160, 500)
    history = [{"role": "user", "parts": [{"type": "text", "content": said}]}]
    reply = [{"role": "assistant", "parts": [{"type": "text", "content": answer}]}]
    chat: dict[str, Any] = {
        "gen_ai__operation__name": "chat",
        "gen_ai__request__model": rng.choice(["gpt-4.1", "gpt-4.1-mini"]),
        "gen_ai__system_instructions": json.dumps([{"type": "text", "content": system}]),
        "gen_ai__input__messages": json.dumps(history),
        "gen_ai__usage__input_tokens": rng.randrange(200, 4000),
        "gen_ai__usage__output_tokens": rng.randrange(10, 600),
        "gen_ai__response__finish_reasons": ["stop"],
    }
    heard = {"gen_ai__operation__name": "speech_to_text", "gen_ai__request__model": "whisper-1"}
    spoken = {"gen_ai__operation__name": "text_to_speech", "gen_ai__request__model": "tts-1"}
    text_out = json.dumps([{"role": "assistant", "parts": [{"type": "text", "content": said}]}])
    text_in = json.dumps([{"role": "user", "parts": [{"type": "text", "content": answer}]}])
    steps = [
        make_span(
            rng,
            trace,
            top,
            "speech_to_text whisper-1",
            at,
            stt,
            **heard,
            gen_ai__output__messages=text_out,
        ),
        make_span(rng, trace, top, "chat", at + stt, llm, **chat, gen_ai__output__messages="[]"),
        make_span(
            rng,
            trace,
            top,
            "execute_tool lookup",
            at + stt + llm,
            tool,
            gen_ai__operation__name="execute_tool",
            gen_ai__tool__name="lookup",
            gen_ai__tool__call__result=sentences(rng, 300, 4000),
        ),
        make_span(
            rng,
            trace,
            top,
            "chat",
            at + stt + llm + tool,
            llm,
            **chat,
            gen_ai__output__messages=json.dumps(reply),
        ),
        make_span(
            rng,
            trace,
            top,
            "text_to_speech tts-1",
            at + stt + 2 * llm + tool,
            tts,
            **spoken,
            gen_ai__input__messages=text_in,
        ),
    ]
    calls = [
        make_span(
            rng,
            trace,
            step["spanId"],
            "POST",
            int(step["startTimeUnixNano"]),
            1_000_000,
            http__method="POST",
            http__url=f"https://vendor.example/v1/{path}",
            http__status_code=200,
        )
        for step, path in zip(steps[1::2], ("chat/completions", "chat/completions"), strict=True)
    ]
    if rng.random() < 0.05:
        broken = rng.choice(steps)
        broken["status"] = {"code": 2, "message": "the vendor answered 500"}
        root["status"] = {"code": 2}
    return [*calls, *steps, root]


def lines(megabytes: float, seed: int) -> Iterator[str]:
    """ExportTraceServiceRequests as JSON text, until so many megabytes were given."""
    rng = random.Random(seed)
    resource = {"attributes": [{"key": "service.name", "value": value("voice-desk")}]}
    at, given, waiting = START, 0, []
    while given < megabytes * 1e6:
        waiting += make_request(rng, at)
        at += int(rng.expovariate(1 / 40) * 1e6)
        if len(waiting) >= SPANS_PER_LINE:
            spans = [{"scope": {"name": "voice-desk"}, "spans": waiting}]
            text = json.dumps(
                {"resourceSpans": [{"resource": resource, "scopeSpans": spans}]},
                separators=(",", ":"),
            )
            given += len(text) + 1
            waiting = []
            yield text


def as_proto(text: str) -> bytes:
    """The same request as protobuf; ids are hex, which protobuf's own JSON reader gets wrong."""
    from google.protobuf import json_format
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    request = json_format.Parse(text, ExportTraceServiceRequest())
    for resource in json.loads(text)["resourceSpans"]:
        for scope in resource["scopeSpans"]:
            targets = request.resource_spans[0].scope_spans[0].spans
            for target, span in zip(targets, scope["spans"], strict=True):
                target.trace_id = bytes.fromhex(span["traceId"])
                target.span_id = bytes.fromhex(span["spanId"])
                target.parent_span_id = bytes.fromhex(span["parentSpanId"])
    return bytes(request.SerializeToString())


def write(file: Path, megabytes: float, seed: int = 1, shape: str = "jsonl") -> None:
    """Write a file of about so many megabytes of JSON, or the same spans as framed protobuf."""
    with file.open("wb") as out:
        for text in lines(megabytes, seed):
            if shape == "jsonl":
                out.write(text.encode() + b"\n")
            else:
                message = as_proto(text)
                out.write(struct.pack(">I", len(message)) + message)


def main() -> None:
    """Write a file as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("file", type=Path)
    parser.add_argument("--megabytes", type=float, default=100)
    parser.add_argument("--format", choices=["jsonl", "u32be"], default="jsonl")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    write(given.file, given.megabytes, given.seed, given.format)


if __name__ == "__main__":
    main()
