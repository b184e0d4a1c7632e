"""The sample traces, whole or in pieces, and the tables that a store makes of them."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from tracelens import TraceLens

SAMPLES = Path(__file__).parent.parent / "sample_traces"
ALL_SAMPLES = sorted(SAMPLES.glob("*/trace.*"))

Document = dict[str, Any]


def sample(name: str) -> Path:
    """The trace file of a sample."""
    (found,) = (SAMPLES / name).glob("trace.*")
    return found


def documents(file: Path) -> list[Document]:
    """The OTLP documents of a sample."""
    data = file.read_bytes()
    text = gzip.decompress(data) if file.suffix == ".gz" else data
    return [json.loads(line) for line in text.decode().split("\n") if line]


def single_spans(file: Path) -> list[Document]:
    """A sample with every span in a document of its own, under the same resource and scope."""
    return [
        {"resourceSpans": [{**outer, "scopeSpans": [{**inner, "spans": [span]}]}]}
        for outer, inner, span in _spans(documents(file))
    ]


def _spans(found: Iterable[Document]) -> Iterator[tuple[Document, Document, Document]]:
    for document in found:
        for outer in document["resourceSpans"]:
            for inner in outer["scopeSpans"]:
                for span in inner["spans"]:
                    yield outer, inner, span


def only_span(document: Document) -> Document:
    """The span of a document of `single_spans`."""
    span: Document = document["resourceSpans"][0]["scopeSpans"][0]["spans"][0]
    return span


def lines(found: Iterable[Document]) -> bytes:
    """Documents as JSON lines."""
    return b"".join(json.dumps(each).encode() + b"\n" for each in found)


def copies(file: Path, count: int) -> bytes:
    """A sample as often as asked, each time with trace ids of its own."""
    text = lines(documents(file)).decode()
    traces = sorted({span["traceId"] for _, _, span in _spans(documents(file))})
    made = []
    for number in range(count):
        copy = text
        for place, trace in enumerate(traces):
            copy = copy.replace(trace, f"{number:016x}{place + 1:016x}")
        made.append(copy)
    return "".join(made).encode()


def load(store: Path, *paths: Path) -> TraceLens:
    """A store with these files, open."""
    lens = TraceLens(store)
    lens.ingest(paths)
    return lens


TABLES = {
    "spans": "select * exclude load from spans order by trace_id, span_id, attrs, start_unix_nano",
    "requests": "select * exclude load from requests order by request_id",
    "evidence": "from evidence order by all",
}


def tables(store: Path) -> dict[str, list[dict[str, Any]]]:
    """Everything that must not depend on how or in which order spans were loaded."""
    with TraceLens(store) as lens:
        return {name: lens.sql(sql).to_dicts() for name, sql in TABLES.items()}
