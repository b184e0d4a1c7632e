"""What bytes that are no trace look like, and what to do instead."""

from __future__ import annotations

import csv
from typing import Any, Final

from tracelens.read.decompress import GZIP, ZSTD

_EXPORT: Final = (
    "Export the spans as OTLP (JSON lines or protobuf), for example with the collector's file "
    "exporter."
)
_UNPACK: Final = "Unpack it first and name the trace files inside."

#: First bytes, what they are, and the way out.
_MAGIC: Final[tuple[tuple[bytes, str, str], ...]] = (
    (b"\x89PNG\r\n\x1a\n", "a PNG image", _EXPORT),
    (b"\xff\xd8\xff", "a JPEG image", _EXPORT),
    (b"GIF8", "a GIF image", _EXPORT),
    (b"RIFF", "a RIFF file (audio or video)", _EXPORT),
    (b"%PDF", "a PDF document", _EXPORT),
    (b"PK\x03\x04", "a zip archive", _UNPACK),
    (b"PK\x05\x06", "an empty zip archive", _EXPORT),
    (b"PAR1", "a Parquet file", "Parquet cannot be read yet. " + _EXPORT),
    (b"SQLite format 3\0", "an SQLite database", _EXPORT),
    (b"\x7fELF", "a program", _EXPORT),
    (GZIP, "a gzip file inside of another compressed file", _UNPACK),
    (ZSTD, "a zstd file inside of another compressed file", _UNPACK),
    (b"BZh", "a bzip2 file", "Decompress it, or use gzip or zstd."),
    (b"\xfd7zXZ\0", "an xz file", "Decompress it, or use gzip or zstd."),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive", _UNPACK),
)

_JAEGER: Final = "Jaeger JSON, which is recognised but cannot be read yet"
_ZIPKIN: Final = "Zipkin JSON, which is recognised but cannot be read yet"
_CHAT_KEYS: Final = frozenset({"messages", "role", "content", "history", "conversation", "turns"})


def describe_bytes(head: bytes) -> tuple[str, str]:
    """What the first bytes look like, and the next thing to try."""
    for magic, what, way_out in _MAGIC:
        if head.startswith(magic):
            return what, way_out
    if head[257:262] == b"ustar":
        return "a tar archive", _UNPACK
    if not looks_like_text(head):
        return "binary data, but not an OTLP trace request", _EXPORT
    text = head.decode("utf-8", "replace")
    start = text.lstrip()[:64].lower()
    if start.startswith(("<!doctype html", "<html")):
        return "an HTML page", "Download the trace itself, not the page that shows it. " + _EXPORT
    if start.startswith("<"):
        return "XML", _EXPORT
    if looks_like_table(text):
        return "a CSV table", _EXPORT
    return "plain text or a log", _EXPORT


def looks_like_otlp(head: bytes) -> bool:
    """Whether there is the name of OTLP's outermost list, however damaged what is around it."""
    return b"resourceSpans" in head or b"resource_spans" in head


def looks_like_text(head: bytes) -> bool:
    """UTF-8 or Latin text: hardly any control characters."""
    control = sum(byte < 32 and byte not in b"\t\r\n\x0b\x0c\x1b" for byte in head)
    return b"\0" not in head and control * 100 <= len(head)


def looks_like_table(text: str) -> bool:
    """Several lines with the same number of cells, more than one."""
    lines = [line for line in text.splitlines()[:20] if line.strip()]
    if len(text) > 4096 and len(lines) > 2:
        lines = lines[:-1]
    for mark in (",", ";", "\t"):
        try:
            widths = {len(row) for row in csv.reader(lines, delimiter=mark)}
        except csv.Error:
            continue
        if len(lines) > 1 and len(widths) == 1 and widths.pop() > 1:
            return True
    return False


def describe_start(head: bytes) -> str:
    """What a JSON document without OTLP spans is, when only its start can be held."""
    if b'"traceID"' in head and b'"spanID"' in head:
        return _JAEGER
    if b'"traceId"' in head and (b'"localEndpoint"' in head or b'"timestamp"' in head):
        return _ZIPKIN
    return "JSON, but not OTLP"


def describe_document(document: Any) -> str:
    """What a JSON document without OTLP spans is."""
    first = document[0] if isinstance(document, list) and document else document
    if isinstance(first, list) and first:
        first = first[0]
    if not isinstance(first, dict):
        return "JSON, but not OTLP"
    keys = first.keys()
    if is_jaeger(first):
        return _JAEGER
    if {"traceId", "id"} <= keys and keys & {"timestamp", "duration", "localEndpoint", "kind"}:
        return _ZIPKIN
    if isinstance(first.get("context"), dict) and "trace_id" in first["context"]:
        return "the output of an OpenTelemetry console exporter, which cannot be read yet"
    if isinstance(first.get("traces"), list):
        return "a Tempo search result, which lists traces without their spans"
    if keys & _CHAT_KEYS:
        return "a chat log in JSON, not a trace"
    names = ", ".join(sorted(str(key) for key in keys)[:5])
    return f"JSON, but not OTLP (its keys: {names})" if names else "JSON, but not OTLP"


def is_jaeger(document: dict[str, Any]) -> bool:
    """Whether it is an answer of Jaeger's API, or one trace of it."""
    data = document.get("data")
    inner = data[0] if isinstance(data, list) and data else document
    return (
        isinstance(inner, dict)
        and "spans" in inner
        and bool(inner.keys() & {"traceID", "processes"})
    )


def way_out(what: str) -> str:
    """What to do about a JSON document that is something else."""
    if what.startswith(("Jaeger", "Zipkin")):
        return "Export the same traces as OTLP, for example by way of the collector."
    return _EXPORT
