"""How much of anything tracelens accepts from outside; every limit has its name in the policy."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Bounds on what is read and asked. Sizes in bytes, counts in pieces, times in seconds."""

    decompressed_bytes: int = 64 * 1024**3  # of one input
    compression_ratio: int = 1_000  # decompressed to compressed, once past 64 MiB
    record_bytes: int = 256 * 1024**2  # one JSON document or protobuf message
    document_bytes: int = 32 * 1024**2  # one JSON document that has to be parsed whole
    depth: int = 200  # nesting of JSON and of AnyValue
    attribute_bytes: int = 16 * 1024**2  # one attribute value
    attributes_per_span: int = 10_000
    archive_members: int = 10_000
    spans_per_trace: int = 200_000  # stored all the same; a larger trace is not judged
    rejects_kept: int = 1_000  # per input, in the store; the count is always full
    query_seconds: float = 60.0
    query_rows: int = 100_000
