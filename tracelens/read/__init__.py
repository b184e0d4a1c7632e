"""Reads trace dumps: bytes of any known format in, batches of spans as columns out.

A format is one module with two functions, `claims(window)` and `read(window, sink)`, and one line
in `FORMATS`. Formats are found by looking at the bytes, never at the name.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Final, NamedTuple

import polars as pl

from tracelens.errors import InputError
from tracelens.model import AttributeType
from tracelens.policy.limits import Limits
from tracelens.read import json_format, parquet, proto_format
from tracelens.read.archive import sources_in
from tracelens.read.decompress import Decompressed, as_utf8
from tracelens.read.describe import describe_bytes, looks_like_otlp, way_out
from tracelens.read.sink import Sink
from tracelens.read.source import Source, file_source
from tracelens.read.tally import ENDS_INSIDE, Reject, Tally, Warning_
from tracelens.read.window import Window

__all__ = [
    "Reject",
    "Source",
    "SpanReader",
    "Tally",
    "Warning_",
    "file_source",
    "read_spans",
    "sources_in",
]


class Format(NamedTuple):
    """How to tell a format by its first bytes, and how to read it into a sink.

    `read` yields whenever it can pause, so that full batches can be handed on.
    """

    claims: Callable[[Window], bool]
    read: Callable[[Window, Sink], Iterator[None]]


#: In the order in which they are asked: the stricter before the more generous.
FORMATS: Final = (
    Format(json_format.claims, json_format.read),
    Format(proto_format.claims_raw, proto_format.read_raw),
    Format(proto_format.claims_framed, proto_format.read_framed),
    Format(proto_format.claims_delimited, proto_format.read_delimited),
    Format(parquet.claims, parquet.read),
    Format(json_format.claims_damaged, json_format.read),
)


def read_spans(
    source: Source,
    promote: Mapping[str, AttributeType],
    limits: Limits | None = None,
    batch_rows: int = 20_000,
) -> SpanReader:
    """Read the spans of a source; `promote` names the attributes that get a column of their own.

    Nothing is opened before iteration begins, and all errors come out of the iteration.
    """
    return SpanReader(source, promote, limits or Limits(), batch_rows)


class SpanReader:
    """Iterator over batches of spans, once.

    Each is a DataFrame with the columns of RAW_SPAN and `attributes.<key>` for each promoted key.
    A batch has about `batch_rows` rows, fewer when they are large. Raises InputError, at the end
    at the latest, when the source holds nothing that can be read; LimitError when it passes a limit
    of the policy. `tally` is complete when the iteration is.
    """

    def __init__(
        self,
        source: Source,
        promote: Mapping[str, AttributeType],
        limits: Limits,
        batch_rows: int,
    ) -> None:
        self.tally = Tally(source.path, limits)
        self.source = source
        self.sink = Sink(self.tally, promote, limits, batch_rows)
        self.stream = Decompressed(source, self.tally, limits)

    @property
    def progress(self) -> int:
        """Bytes of the source consumed so far, compressed as they are."""
        return self.tally.bytes

    def __iter__(self) -> Iterator[pl.DataFrame]:
        batches = self.batches()
        while True:
            with paused_collector():
                batch = next(batches, None)
            if batch is None:
                return
            yield batch

    def batches(self) -> Iterator[pl.DataFrame]:
        """The batches as they become full, and what is left at the end."""
        chunks = iter(self.stream)
        window = Window(as_utf8(chunks, self.tally))
        head = window.peek(64 * 1024)
        found = next((each for each in FORMATS if each.claims(window)), None)
        for _ in found.read(window, self.sink) if found else ():
            if self.sink.full:
                yield self.sink.take()
        self.sink.release()
        # The hash and the size are of the whole, also of what no reader wanted.
        for _ in chunks:
            pass
        self.finish(head)
        if self.sink.rows:
            yield self.sink.take()

    def finish(self, head: bytes) -> None:
        """Say how the input ended; InputError when there is nothing to hand on."""
        tally = self.tally
        if self.stream.fault:
            where = f"byte {tally.decompressed_bytes}"
            tally.reject_record(where, self.stream.fault, b"")
        if not tally.spans_read:
            self.refuse(head)
        if self.stream.wrapper and tally.format:
            tally.format += f"_in_{self.stream.wrapper}"

    def refuse(self, head: bytes) -> None:
        """InputError with what the source looks like, unless it is an honest dump of no spans."""
        path, tally = self.source.path, self.tally
        if self.stream.fault:
            raise InputError(f"{path}: no span could be read: {self.stream.fault}. Copy it again.")
        if not tally.bytes or not tally.decompressed_bytes:
            raise InputError(
                f"{path}: this file is empty. Check the exporter that should write it."
            )
        if not head.strip():
            raise InputError(f"{path}: only white space. Check the exporter that should write it.")
        if tally.other_signals and not self.sink.traces_seen:
            names = " and ".join(sorted(tally.other_signals))
            raise InputError(
                f"{path}: these are OTLP {names} without any spans. Export the traces as well: "
                "tracelens reads spans."
            )
        if self.sink.stranger:
            what = self.sink.stranger
            raise InputError(f"{path}: this looks like {what}. {way_out(what)}")
        if self.sink.traces_seen and not tally.rejects:
            return
        reject = next(iter(tally.rejects), None)
        limited = reject is not None and "limits." in reject.reason
        if reject and (limited or reject.reason.startswith(ENDS_INSIDE) or looks_like_otlp(head)):
            advice = "Raise the limit in the policy" if limited else "Export it again"
            raise InputError(
                f"{path}: no span could be read: at {reject.at}, {reject.reason}. {advice}."
            )
        what, advice = describe_bytes(head)
        raise InputError(f"{path}: this looks like {what}, not a trace dump. {advice}")


@contextmanager
def paused_collector() -> Iterator[None]:
    """Keep the cyclic garbage collector from walking a batch again and again while it grows.

    Nothing here makes cycles, so nothing has to wait long; it may run between batches.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
