"""Checksums of segment files, and whether a file is as it was written.

Neither DuckDB nor Polars checks the checksums that Parquet has for pages, and a flipped bit decodes
without an error more often than not. So the log keeps a checksum of each file.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import polars as pl

from tracelens.store.log import LOG_FILE, Log, Segment

#: What Polars raises for a file that is not Parquet any more; it panics over some flipped bits.
UNDECODED: Final = (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError)
REPAIR: Final = "restore the file from a backup, or ingest its dumps into a new store"


def sha256_of(path: Path) -> str:
    """SHA-256 of a file in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def damage_of(folder: Path, segment: Segment, checksums: Mapping[str, str]) -> str | None:
    """Why a segment is not as it was written; reads all of it."""
    path = folder / segment.name
    try:
        size = path.stat().st_size
        if size != segment.bytes:
            return f"{path} has {size} bytes, {segment.bytes} were written"
        if segment.name not in checksums:
            return _undecoded(path)
        if sha256_of(path) != checksums[segment.name]:
            return f"{path} has other bytes than were written"
    except OSError as error:
        return f"{path} is missing ({error})"
    return None


def first_damage(folder: Path) -> str | None:
    """What is wrong with the first damaged segment of a folder; reads all, for bad days."""
    if not (folder.parent / LOG_FILE).exists():
        return None
    log = Log(folder.parent)
    try:
        checksums = log.checksums()
        found = (damage_of(folder, each, checksums) for each in log.live().segments)
        return next((each for each in found if each is not None), None)
    finally:
        log.close()


def _undecoded(path: Path) -> str | None:
    try:
        pl.read_parquet(path, glob=False)
    except UNDECODED as error:
        return f"{path} cannot be decoded ({error})"
    return None
