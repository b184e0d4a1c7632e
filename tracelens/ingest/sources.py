"""Finds the inputs that paths, folders and globs name."""

from __future__ import annotations

import glob
import io
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from tracelens.errors import InputError
from tracelens.policy import Limits
from tracelens.read import Source, file_source, sources_in

#: The file that makes a folder a store.
STORE_LOG: Final = "log.sqlite"


@dataclass(frozen=True)
class Upload:
    """Bytes that somebody handed over, and what they call them: the name opens nothing."""

    name: str
    data: bytes

    def source(self) -> Source:
        """The bytes as an input."""
        return Source(self.name, lambda: io.BytesIO(self.data), len(self.data))


def find_sources(paths: Sequence[str | Upload], limits: Limits) -> Iterator[Source]:
    """The inputs that paths, folders, globs and archives name, each once, in order.

    A path that leads to nothing is an input too, one that cannot be opened: the others load.
    """
    seen: set[str] = set()
    for path in paths:
        if isinstance(path, Upload):
            # Two may have one name.
            yield from _members(path.source(), limits)
            continue
        for source in [Source("-", _standard_input)] if path == "-" else _sources(path):
            real = source.path if path == "-" else os.path.realpath(source.path)
            if real not in seen:
                seen.add(real)
                yield from [source] if path == "-" else _members(source, limits)


def _standard_input() -> BinaryIO:
    if sys.stdin is None:
        raise InputError("-: standard input is closed. Pipe a dump to it, or name a file.")
    return sys.stdin.buffer


def _sources(path: str) -> Iterator[Source]:
    try:
        here = Path(path)
        if here.is_dir():
            yield from _folder(here)
        elif not here.exists() and glob.has_magic(path):
            found = sorted(glob.glob(path, recursive=True))
            if not found:
                raise InputError(
                    f"{path}: the pattern matches no file. Check it, or name the file."
                )
            for each in found:
                yield from _sources(each)
        else:
            yield file_source(here)
    except InputError as error:
        yield _unopened(path, error)
    except OSError as error:
        yield _unopened(path, _unreadable(path, error))


def _members(source: Source, limits: Limits) -> Iterator[Source]:
    """The members of an archive; any other file is an input itself."""
    try:
        members = sources_in(source, limits)
    except (InputError, OSError):
        members = None  # whoever reads it will say so
    if members is None:
        yield source
        return
    try:
        yield from members
    except InputError as error:
        yield _unopened(source.path, error)


def _folder(folder: Path) -> Iterator[Source]:
    """The files below a folder; hidden ones and those of a store are no dumps."""
    if _is_store(folder):
        raise InputError(
            f"{folder}: this is a store, not a folder of dumps. Read it with"
            f" `tracelens failures --store {folder}`."
        )
    errors: list[OSError] = []
    count = 0
    for where, folders, names in os.walk(folder, onerror=errors.append):
        here = Path(where)
        folders[:] = sorted(n for n in folders if n[:1] != "." and not _is_store(here / n))
        for file in (here / name for name in sorted(names) if not name.startswith(".")):
            if file.is_file():
                count += 1
                yield from _sources(str(file))
    for error in errors:
        yield _unopened(str(error.filename), _unreadable(str(error.filename), error))
    if not count and not errors:
        raise InputError(f"{folder}: the folder holds no files. Name a folder with trace dumps.")


def _is_store(folder: Path) -> bool:
    return (folder / STORE_LOG).is_file() and (folder / "segments").is_dir()


def _unreadable(path: str, error: OSError) -> InputError:
    return InputError(
        f"{path}: cannot be read ({error.strerror or error}). Check path and permissions."
    )


def _unopened(path: str, error: InputError) -> Source:
    """An input that gives its reason instead of bytes."""

    def refuse() -> BinaryIO:
        raise error

    return Source(path, refuse)
