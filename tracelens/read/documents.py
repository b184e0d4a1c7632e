"""JSON text cut into documents: by line where that works, by brackets where it does not.

One document per line, pretty-printed, concatenated with or without newlines, and single documents
too long to hold are all the same stream here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from tracelens.read.loose_json import (
    OTHER_SIGNALS,
    RESOURCE_LISTS,
    SCOPE_LISTS,
    SCOPE_NAMES,
    SPAN_LISTS,
    WRAPPERS,
)
from tracelens.read.values import UnreadableError
from tracelens.read.window import CHUNK, CutError, Window

#: A document longer than this is split at its spans instead of being held.
SPLIT_BYTES: Final = 16 * 1024**2

SPACE: Final = b" \t\r\n"
OPEN: Final = b"{["
#: After these, a line that begins with a bracket belongs to the same document.
_GOES_ON: Final = b",[:"

# Nothing here ever backtracks. Groups are atomic, not possessive: before Python 3.11.5 a possessive
# group that fails in its last round matches too much (python/cpython issue 106052).
_QUOTED: Final = rb'"[^"\\]*+(?>(?:\\.[^"\\]*+)*)"'
# Everything up to the next bracket, strings passed whole.
_TO_BRACKET: Final = re.compile(
    rb'[^"{}\[\]]*+(?>(?:' + _QUOTED + rb'[^"{}\[\]]*+)*)',
    re.S,
)
_STRING: Final = re.compile(_QUOTED, re.S)
_SCALAR: Final = re.compile(rb"[^\s,\]}]*+")


def nested(depth: int) -> bytes:
    """Pattern of a bracketed value with at most `depth` levels of brackets inside."""
    atom = rb'[^"{}\[\]]++|' + _QUOTED
    pattern = rb"[{\[](?>(?:" + atom + rb")*)[}\]]"
    for _ in range(depth):
        pattern = rb"[{\[](?>(?:" + atom + rb"|" + pattern + rb")*)[}\]]"
    return pattern


# Most documents need no more levels, and one match is several times faster than bracket by bracket.
_NESTED: Final = re.compile(nested(24), re.S)
_DATA: Final = re.compile(rb'\{\s*+"data"\s*+:\s*+\[')
_NEXT_START: Final = re.compile(rb"\n[{\[]")


class Piece(NamedTuple):
    """Bytes of a document and where they stand."""

    position: int
    line: int
    data: bytes


def skip_space(window: Window) -> bool:
    """Pass white space; False at the end of the stream."""
    while True:
        held = window.data[window.at : window.at + 64]
        while held and not held.strip(SPACE):
            window.advance(len(held))
            held = window.data[window.at : window.at + 64]
        if held:
            window.advance(len(held) - len(held.lstrip(SPACE)))
            return True
        if not window.fill():
            return False


def read_block(window: Window) -> Piece | None:
    """The bytes up to the next line that can begin a document; None if that is too far to hold.

    Text inside of JSON strings has no line breaks, so a line that begins with a bracket begins a
    document, unless the line before it ends in a comma, colon or open bracket.
    """
    searched = 0
    while True:
        found = find_break(window.data, window.at, window.at + searched)
        if found >= 0:
            return pass_bytes(window, found - window.at)
        if window.held > SPLIT_BYTES:
            return None
        # One byte less: the byte after a line break decides.
        searched = max(window.held - 1, 0)
        if not window.fill():
            return pass_bytes(window, window.held)


def pass_bytes(window: Window, count: int) -> Piece:
    """Take bytes off the window, with their place."""
    position, line = window.position, window.line
    return Piece(position, line, window.take(count))


def find_break(data: bytes, begin: int, start: int) -> int:
    """Offset of a line break that ends a document; -1 when there is none."""
    while (at := data.find(b"\n", start)) >= 0:
        if data[at + 1 : at + 2] in (b"{", b"["):
            last = at - 1
            while last > begin and data[last] in SPACE:
                last -= 1
            if data[last] not in _GOES_ON:
                return at
        start = at + 1
    return -1


def document_end(data: bytes, start: int) -> int:
    """Offset after the document that begins at `start`; 0 when it does not end in `data`."""
    whole = _NESTED.match(data, start)
    if whole:
        return whole.end()
    depth, at, end = 0, start, len(data)
    while True:
        matched = _TO_BRACKET.match(data, at)
        at = matched.end() if matched else at
        if at >= end or data[at] == 0x22:  # an open string
            return 0
        depth += 1 if data[at] in OPEN else -1
        at += 1
        if depth <= 0:
            return at


def next_start(data: bytes, start: int) -> int:
    """Offset of the next line that begins with a bracket, else the end."""
    found = _NEXT_START.search(data, start)
    return found.start() + 1 if found else len(data)


class Splitter:
    """Walks one document and yields small ones that hold the same spans.

    It descends into the lists of resources, scopes and spans, and repeats resource and scope in
    front of each handful of spans. Memory: the handful, or one value of at most `limit` bytes.
    Raises CutError when the stream ends inside, UnreadableError when it is not JSON.
    """

    def __init__(
        self, window: Window, limit: int, handful: int = CHUNK, limit_name: str = "record_bytes"
    ) -> None:
        self.window = window
        self.limit = limit
        self.limit_name = limit_name
        self.handful = handful
        self.resource_came_late = False
        #: Whether there was a list of resources, scopes or spans, or another signal.
        self.found = False

    def walk(self, resource: bytes = b"", scope: bytes = b"") -> Iterator[Piece]:
        """Walk the object or list at the window."""
        if self.peek() == b"[":
            for _ in self.elements():
                if self.peek() in (b"{", b"["):
                    yield from self.walk(resource, scope)
                else:
                    self.value()
        else:
            yield from self.walk_object(resource, scope)

    def unwrap(self) -> Iterator[Piece]:
        """Yield the elements of a list, or of the list that an object begins with under `data`.

        Documents of dialects are parsed whole: one that is no such list has to fit the limit.
        """
        self.found = True
        wrapped = _DATA.match(self.window.data, self.window.at)
        if wrapped:
            self.window.advance(wrapped.end() - 1 - self.window.at)
        elif self.peek() != b"[":
            yield self.value()
            return
        held: list[Piece] = []
        size = 0
        for _ in self.elements():
            held.append(self.value())
            size += len(held[-1].data)
            if size >= self.handful:
                yield as_list(held)
                held, size = [], 0
        if held:
            yield as_list(held)
        while wrapped and self.peek() != b"}":
            self.window.advance(1)
            if self.peek() in b'{["':
                self.value()
        if wrapped:
            self.expect(b"}")

    def walk_object(self, resource: bytes, scope: bytes) -> Iterator[Piece]:
        passed = False
        for key in self.keys():
            below = self.peek() in (b"{", b"[")
            self.found |= key in RESOURCE_LISTS or key in SCOPE_LISTS or key in OTHER_SIGNALS
            if key in SPAN_LISTS and below:
                yield from self.walk_spans(resource, scope)
            elif below and (key in RESOURCE_LISTS or key in SCOPE_LISTS or key in WRAPPERS):
                yield from self.walk(resource, scope)
                passed = True
            elif key == "resource":
                resource = self.value().data
                self.resource_came_late |= passed
            elif key in SCOPE_NAMES:
                scope = self.value().data
            elif key in OTHER_SIGNALS:
                piece = self.value()
                yield piece._replace(data=b'{"%s":%s}' % (key.encode(), piece.data))
            else:
                self.value()

    def walk_spans(self, resource: bytes, scope: bytes) -> Iterator[Piece]:
        spans: list[Piece] = []
        size = 0
        try:
            for _ in self.elements():
                spans.append(self.value())
                size += len(spans[-1].data)
                if size >= self.handful:
                    yield assemble(resource, scope, spans)
                    spans, size = [], 0
        except (CutError, UnreadableError):
            if spans:
                yield assemble(resource, scope, spans)
            raise
        if spans:
            yield assemble(resource, scope, spans)

    def elements(self) -> Iterator[None]:
        """Stand at each element of a list in turn."""
        self.expect(b"[")
        while self.peek() != b"]":
            yield
            if self.peek() != b",":
                break
            self.window.advance(1)
        self.expect(b"]")

    def keys(self) -> Iterator[str]:
        """Stand at each value of an object in turn, and give its key."""
        self.expect(b"{")
        while self.peek() != b"}":
            key = self.value().data
            self.expect(b":")
            try:
                yield str(json.loads(key))
            except ValueError:
                raise self.damaged() from None
            if self.peek() != b",":
                break
            self.window.advance(1)
        self.expect(b"}")

    def peek(self) -> bytes:
        """The next byte that is no white space."""
        if not skip_space(self.window):
            raise CutError
        return self.window.data[self.window.at : self.window.at + 1]

    def expect(self, byte: bytes) -> None:
        if self.peek() != byte:
            raise self.damaged()
        self.window.advance(1)

    def damaged(self) -> UnreadableError:
        return UnreadableError(f"it is not valid JSON at byte {self.window.position}")

    def value(self) -> Piece:
        """Pass and return one whole value, however it is nested."""
        first = self.peek()
        while True:
            end = self.value_end(first)
            if end and end - self.window.at <= self.limit:
                return pass_bytes(self.window, end - self.window.at)
            if end or self.window.held > self.limit:
                raise UnreadableError(
                    f"a value in it is longer than limits.{self.limit_name} ({self.limit})"
                )
            if not self.window.fill():
                raise CutError

    def value_end(self, first: bytes) -> int:
        data, at = self.window.data, self.window.at
        if first in (b"{", b"["):
            return document_end(data, at)
        if first == b'"':
            matched = _STRING.match(data, at)
            return matched.end() if matched else 0
        matched = _SCALAR.match(data, at)
        end = matched.end() if matched else at
        if end == at:
            raise self.damaged()
        return end if end < len(data) else 0


def as_list(elements: list[Piece]) -> Piece:
    """A list of these elements, standing where the first of them stands."""
    return elements[0]._replace(data=b"[%s]" % b",".join(each.data for each in elements))


def assemble(resource: bytes, scope: bytes, spans: list[Piece]) -> Piece:
    """A document with these spans alone, standing where the first of them stands."""
    data = b'{"resourceSpans":[{"resource":%s,"scopeSpans":[{"scope":%s,"spans":[%s]}]}]}' % (
        resource or b"null",
        scope or b"null",
        b",".join(span.data for span in spans),
    )
    return spans[0]._replace(data=data)
