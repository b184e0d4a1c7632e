"""A sliding view of a byte stream: never the whole of it, always enough of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

CHUNK: Final = 1024 * 1024


class CutError(Exception):
    """The stream ends inside of something."""


class Window:
    """Bytes at and after a position of a stream, filled as needed.

    `data[at:]` is what is held and not yet passed; `position` counts from the start of the stream,
    `line` from 1.
    """

    def __init__(self, chunks: Iterator[bytes], position: int = 0, line: int = 1) -> None:
        self.chunks = chunks
        self.data = b""
        self.at = 0
        self.base = position
        self.line = line
        self.ended = False

    @property
    def position(self) -> int:
        return self.base + self.at

    @property
    def held(self) -> int:
        return len(self.data) - self.at

    def fill(self) -> bool:
        """Hold more, at least twice as much so that growing stays linear; False at the end."""
        wanted = max(CHUNK, self.held)
        parts, got = [self.data[self.at :]], 0
        while got < wanted and not self.ended:
            chunk = next(self.chunks, None)
            if chunk is None:
                self.ended = True
            else:
                parts.append(chunk)
                got += len(chunk)
        self.base += self.at
        self.at = 0
        self.data = b"".join(parts)
        return got > 0

    def has(self, count: int) -> bool:
        """Whether `count` bytes are there, filling as needed."""
        while self.held < count:
            if not self.fill():
                return False
        return True

    def peek(self, count: int) -> bytes:
        """Up to `count` bytes without passing them."""
        self.has(count)
        return self.data[self.at : self.at + count]

    def take(self, count: int) -> bytes:
        """Pass and return `count` bytes; CutError when the stream ends before."""
        if not self.has(count):
            raise CutError
        taken = self.data[self.at : self.at + count]
        self.advance(count)
        return taken

    def advance(self, count: int) -> None:
        """Pass bytes that are held."""
        self.line += self.data.count(b"\n", self.at, self.at + count)
        self.at += count

    def skip(self, count: int) -> None:
        """Pass bytes that need not be held; CutError when the stream ends before."""
        while count > self.held:
            count -= self.held
            self.advance(self.held)
            if not self.fill():
                raise CutError
        self.advance(count)
