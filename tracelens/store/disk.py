"""What the disk refuses, as errors that say what to do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import polars as pl

from tracelens.errors import StoreError

WAY_OUT: Final = (
    "what was committed before stays. Make room on the disk, or allow writing there, and ingest "
    "again"
)


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Raise StoreError, naming the path, when the disk is full or the folder is read-only."""
    try:
        yield
    except (OSError, pl.exceptions.ComputeError) as error:  # Polars has no error of its own for it
        raise StoreError(f"{path} cannot be written to: {error}; {WAY_OUT}") from error
