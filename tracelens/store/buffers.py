"""What lies in memory beneath columns: values as they are, and which of them are known."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

Array = npt.NDArray[Any]
Truths = npt.NDArray[np.bool_]


def values_of(numbers: pa.Array) -> Array:
    """The values of an array of numbers, whatever they are where it is null."""
    # Arrow's own way imports pandas, where there is one.
    is_float = pa.types.is_floating(numbers.type)
    kind = "f" if is_float else "i" if pa.types.is_signed_integer(numbers.type) else "u"
    dtype, end = f"{kind}{numbers.type.bit_width // 8}", numbers.offset + len(numbers)
    return np.frombuffer(numbers.buffers()[1], dtype, end)[numbers.offset :]


def known_of(array: pa.Array) -> Truths:
    """Which values of an array are not null."""
    bits = array.buffers()[0]
    return np.ones(len(array), np.bool_) if bits is None else _truths(bits, array)


def column_of(column: pl.Series) -> tuple[Array, Truths | None]:
    """The values of a column of numbers or truths, and which are known: None where all are.

    Numbers are those of the column itself, not a copy: whoever fills nulls copies all.
    """
    array = column.rechunk().to_arrow()
    if not len(array):
        return np.empty(0, np.bool_ if column.dtype == pl.Boolean else np.float64), None
    is_truth = pa.types.is_boolean(array.type)
    values = _truths(array.buffers()[1], array) if is_truth else values_of(array)
    return values, known_of(array) if column.has_nulls() else None


def _truths(bits: pa.Buffer, array: pa.Array) -> Truths:
    end = array.offset + len(array)
    found = np.unpackbits(np.frombuffer(bits, np.uint8), count=end, bitorder="little")
    return found[array.offset :].view(np.bool_)
