"""One input: its name for people, and how to open its bytes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO

from tracelens.errors import InputError


@dataclass(frozen=True)
class Source:
    """Bytes to read: a name shown to people, an opener, and the size on disk when known."""

    path: str
    open: Callable[[], BinaryIO]
    bytes: int | None = None


def file_source(path: Path) -> Source:
    """The regular file at `path`; InputError when there is none to read."""
    if path.is_dir():
        raise InputError(
            f"{path}: this is a directory, not a file. Name the trace files in it, "
            f"for example {path}/*.jsonl."
        )
    try:
        size = path.stat().st_size
    except OSError as error:
        raise InputError(
            f"{path}: cannot be read ({error.strerror or error}). Check path and permissions."
        ) from error
    if not path.is_file():
        raise InputError(
            f"{path}: this is not a regular file. Copy its content into a file first, "
            "or pipe it to standard input."
        )
    return Source(str(path), partial(open_file, path), size)


def open_file(path: Path) -> BinaryIO:
    """Open for reading; InputError instead of OSError."""
    try:
        return path.open("rb")
    except OSError as error:
        raise InputError(
            f"{path}: cannot be opened ({error.strerror or error}). Check its permissions."
        ) from error
