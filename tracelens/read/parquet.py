"""Reads Parquet files that hold the data frame of Arize Phoenix, which its TraceDataset saves.

Source: phoenix trace/trace_dataset.py, `TraceDataset.save` (`trace_dataset-<id>.parquet`). Any
other Parquet file is not claimed and so is named and refused.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from tracelens.read.describe import PARQUET
from tracelens.read.dialects import phoenix
from tracelens.read.foreign import Output
from tracelens.read.parts import Envelope, Place
from tracelens.read.sink import Sink
from tracelens.read.window import Window

_ROWS: Final = 1_000
_MAGIC: Final = b"PAR1"


def claims(window: Window) -> bool:
    """The magic of Parquet; which columns there are stands at the end of the file."""
    return window.peek(4) == _MAGIC


def read(window: Window, sink: Sink) -> Iterator[None]:
    """Read all rows, a thousand at a time.

    The directory of a Parquet file is at its end, so the file is held whole, up to the limit
    `record_bytes`; and it has to say beforehand that its content stays below it too.
    """
    limit = sink.limits.record_bytes
    data = window.peek(limit + 1)
    window.advance(len(data))
    if len(data) > limit:
        sink.tally.reject_record("byte 0", f"it is longer than limits.record_bytes ({limit})", b"")
        return
    try:
        file = pq.ParquetFile(io.BytesIO(data))
    except (pa.ArrowException, OSError, ValueError) as error:
        sink.tally.reject_record("byte 0", f"its directory is damaged ({error})", b"")
        return
    if phoenix.TRACE_COLUMN not in file.schema_arrow.names:
        sink.stranger = PARQUET
        return
    sink.tally.format = "phoenix_parquet"
    yield from read_rows(file, sink, limit)


def read_rows(file: Any, sink: Sink, limit: int) -> Iterator[None]:
    """Put the rows of all row groups; a damaged one ends the file."""
    envelopes: dict[bytes, Envelope] = {}
    row = 0
    for group in range(file.num_row_groups):
        size = file.metadata.row_group(group).total_byte_size
        if size > limit:
            reason = f"a row group of {size} bytes is longer than limits.record_bytes ({limit})"
            sink.tally.reject_record(f"row {row}", reason, b"")
            row += file.metadata.row_group(group).num_rows
            continue
        try:
            for batch in file.iter_batches(_ROWS, row_groups=[group]):
                for each in plain_rows(batch):
                    place = Place(row, f"row {row}")
                    Output(sink, place, envelopes).put(phoenix.build_span, each)
                    row += 1
                yield
        except (pa.ArrowException, OSError, ValueError) as error:
            sink.tally.reject_record(f"row {row}", f"it is damaged ({error})", b"")
            return


def plain_rows(batch: Any) -> list[dict[str, Any]]:
    """Rows as JSON values: times as nanoseconds, nothing for null."""
    columns = {
        name: clean(as_nanos(column).to_pylist())
        for name, column in zip(batch.schema.names, batch.columns, strict=True)
    }
    return [dict(zip(columns, cells, strict=True)) for cells in zip(*columns.values(), strict=True)]


def as_nanos(column: Any) -> Any:
    """A column of moments as 64-bit nanoseconds; all others as they are."""
    if not pa.types.is_timestamp(column.type):
        return column
    return column.cast(pa.timestamp("ns", tz=column.type.tz)).cast(pa.int64())


def clean(value: Any) -> Any:
    """JSON out of what Arrow gives: absent members of structs left out, moments as ISO text."""
    if isinstance(value, dict):
        return {key: clean(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [clean(item) for item in value]
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return value if isinstance(value, (str, int, float, bool, type(None))) else str(value)
