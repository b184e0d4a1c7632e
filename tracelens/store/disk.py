"""What the disk refuses, as errors that say what to do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

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
    except OSError as error:
        raise StoreError(f"{path} cannot be written to: {error}; {WAY_OUT}") from error
