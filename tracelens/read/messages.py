"""Protobuf bytes cut into messages that fit in memory, by their lengths alone.

A request is repeated field 1 (ResourceSpans), which holds resource (1) and scope_spans (2), which
hold scope (1) and spans (2): opentelemetry-proto, trace.proto. Nothing is decoded here.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from tracelens.read.values import UnreadableError
from tracelens.read.window import CHUNK, CutError, Window

#: A ResourceSpans longer than this is split at its spans instead of being held.
SPLIT_BYTES: Final = 8 * 1024**2
#: instrumentation_library_spans, deleted from the protocol in 2022 and laid out like scope_spans.
LEGACY_SCOPE_SPANS: Final = 1000

_LENGTH_DELIMITED: Final = 2


class Message(NamedTuple):
    """Bytes of one ResourceSpans and where they stand."""

    position: int
    data: bytes


def read_request(window: Window, limit: int) -> Iterator[Message]:
    """The ResourceSpans of a request; CutError when it is cut, UnreadableError when damaged."""
    while window.has(1):
        position = window.position
        field, wire = read_tag(window)
        if (field, wire) != (1, _LENGTH_DELIMITED):
            raise UnreadableError(f"byte {position} does not begin a ResourceSpans message")
        size = read_varint(window)
        if size <= SPLIT_BYTES and window.has(size):
            yield Message(position, window.take(size))
        else:
            yield from split_resource(window, size, limit)


def split_message(message: Message) -> Iterator[Message]:
    """The same spans, one message for each."""
    window = Window(iter([message.data]), message.position)
    return split_resource(window, len(message.data), len(message.data), handful=1)


def split_resource(
    window: Window, size: int, limit: int, handful: int = CHUNK
) -> Iterator[Message]:
    """A ResourceSpans of `size` bytes as several with a handful of spans each."""
    stop = window.position + size
    resource = b""
    while window.position < stop:
        field, wire = read_tag(window)
        if wire == _LENGTH_DELIMITED and field in (2, LEGACY_SCOPE_SPANS):
            inner = read_varint(window)
            yield from split_scope(window, inner, limit, resource, handful)
        elif (field, wire) == (1, _LENGTH_DELIMITED):
            resource = wrap(1, take_field(window, limit))
        else:
            skip_field(window, wire)


def split_scope(
    window: Window, size: int, limit: int, resource: bytes, handful: int
) -> Iterator[Message]:
    """The spans of one scope, a handful at a time."""
    stop = window.position + size
    scope = b""
    spans: list[bytes] = []
    held, first = 0, window.position
    try:
        while window.position < stop:
            position = window.position
            field, wire = read_tag(window)
            if wire == _LENGTH_DELIMITED and field == 2:
                first = position if not spans else first
                spans.append(wrap(2, take_field(window, limit)))
                held += len(spans[-1])
            elif (field, wire) == (1, _LENGTH_DELIMITED):
                scope = wrap(1, take_field(window, limit))
            else:
                skip_field(window, wire)
            if held >= handful:
                yield assemble(first, resource, scope, spans)
                spans, held = [], 0
    except (CutError, UnreadableError):
        if spans:
            yield assemble(first, resource, scope, spans)
        raise
    if spans:
        yield assemble(first, resource, scope, spans)


def assemble(position: int, resource: bytes, scope: bytes, spans: list[bytes]) -> Message:
    """A ResourceSpans with these spans alone."""
    return Message(position, resource + wrap(2, scope + b"".join(spans)))


def wrap(field: int, data: bytes) -> bytes:
    """A length-delimited field."""
    return varint(field << 3 | _LENGTH_DELIMITED) + varint(len(data)) + data


def varint(number: int) -> bytes:
    """A number as protobuf writes it: 7 bits a byte, the lowest first."""
    parts = bytearray()
    while number > 0x7F:
        parts.append(number & 0x7F | 0x80)
        number >>= 7
    parts.append(number)
    return bytes(parts)


def read_tag(window: Window) -> tuple[int, int]:
    """Field number and wire type."""
    tag = read_varint(window)
    if not tag >> 3:
        raise UnreadableError(f"byte {window.position} is no protobuf field")
    return tag >> 3, tag & 7


def read_varint(window: Window) -> int:
    """The number at the window, at most 64 bits."""
    number = 0
    for shift in range(0, 70, 7):
        byte = window.take(1)[0]
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number
    raise UnreadableError(f"byte {window.position} is no protobuf number")


def take_field(window: Window, limit: int) -> bytes:
    """The content of a length-delimited field whose tag is passed."""
    size = read_varint(window)
    if size > limit:
        raise UnreadableError(
            f"a field of {size} bytes is longer than limits.record_bytes ({limit})"
        )
    return window.take(size)


def skip_field(window: Window, wire: int) -> None:
    """Pass the content of a field."""
    if wire == 0:
        read_varint(window)
    elif wire == _LENGTH_DELIMITED:
        window.skip(read_varint(window))
    elif wire in (1, 5):
        window.skip(8 if wire == 1 else 4)
    else:
        raise UnreadableError(f"byte {window.position} is no protobuf field")
