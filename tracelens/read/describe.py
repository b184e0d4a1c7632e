"""What bytes that are no trace look like, and what to do instead."""

from __future__ import annotations

import csv
import re
from typing import Any, Final

from tracelens.read.decompress import GZIP, ZSTD

_EXPORT: Final = (
    "Export the spans as OTLP (JSON lines or protobuf), for example with the collector's file "
    "exporter."
)
PARQUET: Final = "a Parquet file that is not one of Phoenix"
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
    (b"PAR1", "a Parquet file", _EXPORT),
    (b"ARROW1\0\0", "an Arrow file", _EXPORT),
    (b"Obj\x01", "an Avro file", _EXPORT),
    (b"ORC", "an ORC file", _EXPORT),
    (b"\xd0\xcf\x11\xe0", "an office document", _EXPORT),
    (b"\x80\x04\x95", "a Python pickle, which no one should load", _EXPORT),
    (b"OggS", "an Ogg file (audio or video)", _EXPORT),
    (b"ID3", "an MP3 file", _EXPORT),
    (b"fLaC", "a FLAC file", _EXPORT),
    (b"MZ", "a program", _EXPORT),
    (b"\xd4\xc3\xb2\xa1", "a packet capture", _EXPORT),
    (b"\x04\x22\x4d\x18", "an lz4 file", "Decompress it, or use gzip or zstd."),
    (b"\xff\x06\0\0sNaPpY", "a snappy file", "Decompress it, or use gzip or zstd."),
    (b"SQLite format 3\0", "an SQLite database", _EXPORT),
    (b"\x7fELF", "a program", _EXPORT),
    (GZIP, "a gzip file inside of another compressed file", _UNPACK),
    (ZSTD, "a zstd file inside of another compressed file", _UNPACK),
    (b"BZh", "a bzip2 file", "Decompress it, or use gzip or zstd."),
    (b"\xfd7zXZ\0", "an xz file", "Decompress it, or use gzip or zstd."),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive", _UNPACK),
)

_NO_SPANS: Final = "JSON, but not OTLP or another known form of spans"
_JS_PRINTED: Final = re.compile(r"^\s+(?:instrumentationScope|traceId|parentSpanContext): ", re.M)
_CHAT_LINE: Final = re.compile(
    r"\A\W*(?:user|human|assistant|system|bot|agent|caller|customer)\s*[:>].*\n", re.I
)
_CHAT_KEYS: Final = frozenset({"messages", "role", "content", "history", "conversation", "turns"})


def describe_bytes(head: bytes) -> tuple[str, str]:
    """What the first bytes look like, and the next thing to try."""
    for magic, what, advice in _MAGIC:
        if head.startswith(magic):
            return what, advice
    if head[4:8] == b"ftyp":
        return "an MP4 file (audio or video)", _EXPORT
    if head[257:262] == b"ustar":
        return "a tar archive", _UNPACK
    if not looks_like_text(head):
        if looks_like_otap(head):
            return "an OTAP file (Arrow batches of the OTel Arrow protocol)", _EXPORT
        return "binary data, but not an OTLP trace request", _EXPORT
    text = head.decode("utf-8", "replace")
    start = text.lstrip()[:64].lower()
    if start.startswith(("<!doctype html", "<html")):
        return "an HTML page", "Download the trace itself, not the page that shows it. " + _EXPORT
    if start.startswith("<"):
        return "XML", _EXPORT
    if _JS_PRINTED.search(text):
        return "text printed by the console exporter of JavaScript, which is no JSON", _EXPORT
    if _CHAT_LINE.search(text):
        return "a chat log", _EXPORT
    if looks_like_table(text):
        return "a CSV table", _EXPORT
    return "plain text or a log", _EXPORT


def looks_like_otap(head: bytes) -> bool:
    """A batch of Arrow records in protobuf: a number or a payload, and soon an Arrow stream."""
    return head[:1] in (b"\x08", b"\x12") and b"\xff\xff\xff\xff" in head[:512]


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
    """What a JSON document without spans is, when only its start can be held."""
    found = re.findall(rb'"((?:[^"\\\\]|\\\\.){1,40})"\s*:', head[:4096])
    names = ", ".join(sorted({name.decode("utf-8", "replace") for name in found})[:5])
    return f"JSON without spans (it begins with the keys: {names})" if names else _NO_SPANS


def describe_document(document: Any) -> str:
    """What a JSON document without spans is."""
    if isinstance(document, dict) and isinstance(document.get("data"), list):
        document = document["data"] or document
    first = document
    for _ in range(2):
        first = first[0] if isinstance(first, list) and first else first
    if not isinstance(first, dict):
        return _NO_SPANS
    keys = first.keys()
    if isinstance(first.get("traces"), list):
        return "a Tempo search result, which lists traces without their spans"
    if isinstance(first.get("observations"), list) or ("htmlPath" in keys and "latency" in keys):
        return "a list of Langfuse traces without their observations"
    if keys & {"mistake_agent", "trajectory", "steps"} and keys & (_CHAT_KEYS | {"steps"}):
        return "a list of an agent's steps, without the ids and times of spans"
    if keys & _CHAT_KEYS:
        return "a chat log in JSON, not a trace"
    if keys & {"__REALTIME_TIMESTAMP", "levelname", "severityText", "loglevel"}:
        return "a log in JSON"
    names = ", ".join(sorted(str(key) for key in keys)[:5])
    return f"{_NO_SPANS} (its keys: {names})" if names else _NO_SPANS


def way_out(what: str) -> str:
    """What to do about a document that is something else."""
    if what.startswith("a Tempo search"):
        return "Fetch each trace by its id (/api/v2/traces/<id>) and name those files."
    if what.startswith("a list of Langfuse traces"):
        return "Export each trace with its observations (/api/public/traces/<id>)."
    return _EXPORT
