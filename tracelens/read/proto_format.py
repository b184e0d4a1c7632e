"""Reads binary dumps: one raw request, or messages with the collector's length in front."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from tracelens.read.decompress import ZSTD, unpack_message
from tracelens.read.documents import Piece
from tracelens.read.json_format import JsonReader
from tracelens.read.messages import (
    LEGACY_SCOPE_SPANS,
    Message,
    read_request,
    read_tag,
    read_varint,
    varint,
)
from tracelens.read.otlp_proto import ProtoReader
from tracelens.read.sink import Sink
from tracelens.read.tally import ENDS_INSIDE
from tracelens.read.values import UnreadableError
from tracelens.read.window import CutError, Window

_FIELDS: Final = frozenset({1, 2, 3, LEGACY_SCOPE_SPANS})
_CUT: Final = f"{ENDS_INSIDE} message"


def claims_raw(window: Window) -> bool:
    """A request begins with field 1, and that with a field of ResourceSpans."""
    return begins_request(window.peek(64))


def begins_request(head: bytes) -> bool:
    """Whether bytes begin an ExportTraceServiceRequest with a field that ResourceSpans has."""
    inside = Window(iter([head]))
    try:
        if inside.take(1) != b"\n":  # field 1, length-delimited
            return False
        size = read_varint(inside)
        field, wire = read_tag(inside) if size else (1, 2)
    except (CutError, UnreadableError):
        return False
    return wire == 2 and field in _FIELDS


def read_raw(window: Window, sink: Sink) -> Iterator[None]:
    """Read a request, or several concatenated, which is the same."""
    sink.tally.format = "otlp_proto"
    reader = ProtoReader(sink)
    yield from read_messages(window, sink, reader)


def read_messages(window: Window, sink: Sink, reader: ProtoReader) -> Iterator[None]:
    """Read the messages of a request up to its end, or up to where it is damaged."""
    position = window.position
    try:
        for message in read_request(window, sink.limits.record_bytes):
            reader.read(message)
            yield
            position = window.position
    except CutError:
        sink.tally.reject_record(f"byte {position}", _CUT, b"")
    except UnreadableError as error:
        sink.tally.reject_record(f"byte {position}", str(error), window.peek(256))


def claims_framed(window: Window) -> bool:
    """A 32-bit big-endian length, then what a message can begin with.

    A varint and the begin of a message can look like one, but then of more than 16 MiB.
    """
    head = window.peek(68)
    if len(head) < 5 or not int.from_bytes(head[:4], "big"):
        return False
    if head[0] and claims_delimited(window):
        return False
    body = head[4:]
    return body.startswith((ZSTD, b'{"', b"{}", b"{\n")) or begins_request(body)


def claims_delimited(window: Window) -> bool:
    """A varint length, then a request whose first field ends within it."""
    head = window.peek(80)
    inside = Window(iter([head]))
    try:
        size = read_varint(inside)
        body = head[inside.position :]
        if not size or not begins_request(body):
            return False
        inside.take(1)
        inner = read_varint(inside)
    except (CutError, UnreadableError):
        return False
    return len(varint(inner)) + 1 + inner <= size


def read_framed(window: Window, sink: Sink) -> Iterator[None]:
    """Read messages behind 32 bits of length, as the collector writes proto and zstd."""
    return read_frames(window, sink, take_u32, "u32be")


def read_delimited(window: Window, sink: Sink) -> Iterator[None]:
    """Read messages behind a varint of length, as protobuf's `writeDelimitedTo` writes them."""
    return read_frames(window, sink, read_varint, "delimited")


def take_u32(window: Window) -> int:
    """A length of 32 bits, the highest first."""
    return int.from_bytes(window.take(4), "big")


def read_frames(
    window: Window, sink: Sink, take_size: Callable[[Window], int], framing: str
) -> Iterator[None]:
    """Read messages that each stand behind their length."""
    frames = Frames(sink, framing)
    while window.has(1):
        position = window.position
        try:
            size = take_size(window)
            if size > sink.limits.record_bytes:
                limit = sink.limits.record_bytes
                reason = f"a message of {size} bytes is longer than limits.record_bytes ({limit})"
                sink.tally.reject_record(f"byte {position}", reason, b"")
                window.skip(size)
                continue
            held = window.peek(size)
            window.advance(len(held))
        except (CutError, UnreadableError) as error:
            reason = _CUT if isinstance(error, CutError) else str(error)
            sink.tally.reject_record(f"byte {position}", reason, b"")
            return
        yield from frames.read(position, held, whole=len(held) == size)


class Frames:
    """Reads the content of frames, whichever of the kinds it is."""

    def __init__(self, sink: Sink, framing: str) -> None:
        self.sink = sink
        self.framing = framing
        self.proto = ProtoReader(sink)
        self.json = JsonReader(sink)

    def read(self, position: int, body: bytes, whole: bool) -> Iterator[None]:
        """Read one frame; when it is cut, only the whole spans of a plain one."""
        packed = body.startswith(ZSTD)
        try:
            body = unpack_message(body, self.sink.limits.record_bytes) if packed else body
        except UnreadableError as error:
            reason = str(error) if whole else _CUT
            self.sink.tally.reject_record(f"byte {position}", reason, b"")
            return
        is_json = body[:1] in (b"{", b"[")
        kind = "json" if is_json else "proto"
        self.sink.tally.format = f"otlp_{kind}_{self.framing}" + ("_zstd" if packed else "")
        if is_json:
            self.json.read_block(Piece(position, 1, body), last=not whole)
            yield
        else:
            for message in self.messages(position, body, whole):
                self.proto.read(message)
                yield

    def messages(self, position: int, body: bytes, whole: bool) -> Iterator[Message]:
        """The messages of a frame, all standing where the frame does."""
        try:
            for message in read_request(Window(iter([body])), self.sink.limits.record_bytes):
                yield message._replace(position=position)
            if not whole:
                raise CutError
        except CutError:
            self.sink.tally.reject_record(f"byte {position}", _CUT, body)
        except UnreadableError as error:
            self.sink.tally.reject_record(f"byte {position}", str(error), body)
