"""Hashes an input while somebody else reads it: two reads of a large file would cost twice."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import BinaryIO, Final

from tracelens.read import Source

HEAD_BYTES: Final = 64 * 1024


class HashedSource:
    """A source whose bytes on disk are hashed while somebody else reads them."""

    def __init__(self, source: Source) -> None:
        self._opener = source.open
        self._whole = hashlib.sha256()
        self._head = hashlib.sha256()
        self._left = HEAD_BYTES
        self.source = replace(source, open=self._open)

    def whole(self) -> str:
        return self._whole.hexdigest()

    def head(self) -> str:
        return self._head.hexdigest()

    def update(self, chunk: bytes) -> None:
        self._whole.update(chunk)
        if self._left > 0:
            self._head.update(chunk[: self._left])
            self._left -= len(chunk)

    def _open(self) -> BinaryIO:
        return _Tee(self._opener(), self)  # type: ignore[return-value]


class _Tee:
    """The reading half of a binary file, which tells a hash what passes."""

    def __init__(self, stream: BinaryIO, hashed: HashedSource) -> None:
        self._stream = stream
        self._hashed = hashed

    def read(self, size: int = -1) -> bytes:
        chunk = self._stream.read(size)
        self._hashed.update(chunk)
        return chunk

    def close(self) -> None:
        self._stream.close()

    def __enter__(self) -> _Tee:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
