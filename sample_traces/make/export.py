"""Records the spans of an OpenTelemetry SDK and writes them as a sample with its known truth."""

from __future__ import annotations

import base64
import gzip
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from google.protobuf.json_format import MessageToDict
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

SAMPLES = Path(__file__).resolve().parent.parent
NAMES = {"jsonl": "trace.jsonl", "jsonl.gz": "trace.jsonl.gz", "binpb": "trace.binpb"}
LIBRARY_FILE = re.compile(r'File "[^"]*/(?=(?:site-packages|python3\.\d+)/)')
SCRIPT_FILE = re.compile(r'File "[^"]*/make/')


@dataclass(frozen=True)
class Truth:
    """What is true of one request, as known from the fault that was injected."""

    note: str
    failed: bool = False
    stage: str = ""
    boundary: str = ""
    cause: str = ""


class Batches(SpanExporter):
    """Keeps one ExportTraceServiceRequest per export, in order of arrival."""

    def __init__(self) -> None:
        self.requests: list[ExportTraceServiceRequest] = []

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.requests.append(_without_paths(encode_spans(spans)))
        return SpanExportResult.SUCCESS

    def shutdown(self) -> None:
        """Nothing to close."""


class Recorder:
    """A tracer provider whose spans become samples, a few spans per export."""

    def __init__(self, service: str, batch: int = 3) -> None:
        self.provider = TracerProvider(resource=Resource.create({"service.name": service}))
        self._batches = Batches()
        processor = BatchSpanProcessor(
            self._batches, max_export_batch_size=batch, schedule_delay_millis=60_000
        )
        self.provider.add_span_processor(processor)

    def take(self) -> list[ExportTraceServiceRequest]:
        """Hand over what was exported since the last call."""
        self.provider.force_flush()
        requests, self._batches.requests = self._batches.requests, []
        return requests

    def save(
        self,
        name: str,
        what: str,
        emitter: str,
        made_by: str,
        truths: Sequence[Truth],
        shape: str = "jsonl",
    ) -> Path:
        """Write the folder of one sample: the trace file and expected.toml."""
        folder = SAMPLES / name
        folder.mkdir(exist_ok=True)
        requests = self.take()
        (folder / NAMES[shape]).write_bytes(encode(requests, shape))
        (folder / "expected.toml").write_text(expected_toml(what, emitter, made_by, truths))
        print(f"{name}: {sum(1 for _ in _spans(requests))} spans in {len(requests)} exports")
        return folder


def encode(requests: Sequence[ExportTraceServiceRequest], shape: str) -> bytes:
    """Encode exports as JSON lines, gzipped JSON lines, or one binary message."""
    if shape == "binpb":
        whole = ExportTraceServiceRequest()
        for request in requests:
            whole.resource_spans.extend(request.resource_spans)
        return whole.SerializeToString()
    lines = [json.dumps(to_json(r), separators=(",", ":"), ensure_ascii=False) for r in requests]
    text = "".join(f"{line}\n" for line in lines).encode()
    return gzip.compress(text, mtime=0) if shape == "jsonl.gz" else text


def to_json(request: ExportTraceServiceRequest) -> dict[str, Any]:
    """Turn an export into OTLP/JSON, whose ids are hex and whose enums are numbers."""
    body = MessageToDict(request, use_integers_for_enums=True)
    for resource in body.get("resourceSpans", []):
        for scope in resource.get("scopeSpans", []):
            for span in scope.get("spans", []):
                _hex_ids(span)
                for link in span.get("links", []):
                    _hex_ids(link)
    return body


def expected_toml(what: str, emitter: str, made_by: str, truths: Sequence[Truth]) -> str:
    """Write the known truth of a sample as TOML."""
    lines = [f"what = {_quote(what)}", f"emitter = {_quote(emitter)}"]
    lines.append(f"made_by = {_quote(made_by)}")
    for truth in truths:
        lines += ["", "[[requests]]", f"failed = {str(truth.failed).lower()}"]
        for key in ("stage", "boundary", "cause", "note"):
            if value := getattr(truth, key):
                lines.append(f"{key} = {_quote(value)}")
    return "\n".join(lines) + "\n"


def _quote(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _hex_ids(item: dict[str, Any]) -> None:
    for key in ("traceId", "spanId", "parentSpanId"):
        if key in item:
            item[key] = base64.b64decode(item[key]).hex()


def _spans(requests: Sequence[ExportTraceServiceRequest]) -> Iterator[Any]:
    for request in requests:
        for resource in request.resource_spans:
            for scope in resource.scope_spans:
                yield from scope.spans


def _without_paths(request: ExportTraceServiceRequest) -> ExportTraceServiceRequest:
    """Shorten the file names in stack traces to what does not depend on the machine."""
    for span in _spans([request]):
        attributes = [*span.attributes, *(a for event in span.events for a in event.attributes)]
        for attribute in attributes:
            if attribute.key == "exception.stacktrace":
                text = LIBRARY_FILE.sub('File "', attribute.value.string_value)
                attribute.value.string_value = SCRIPT_FILE.sub('File "app/', text)
    return request
