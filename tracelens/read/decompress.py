"""The bytes inside of a source: gzip and zstd undone, counted, hashed and bounded on the way."""

from __future__ import annotations

import codecs
import hashlib
import zlib
from collections.abc import Iterator
from typing import BinaryIO, Final

import zstandard

from tracelens.errors import InputError, LimitError
from tracelens.policy.limits import Limits
from tracelens.read.source import Source
from tracelens.read.tally import Tally
from tracelens.read.values import UnreadableError
from tracelens.read.window import CHUNK

GZIP: Final = b"\x1f\x8b"
ZSTD: Final = b"\x28\xb5\x2f\xfd"

#: A block of 128 KiB can take 4 bytes: small bites keep a zstd bomb at 64 MiB before it is seen.
_ZSTD_BITE: Final = 2048
_ZSTD_WINDOW: Final = 128 * 1024**2
#: Small inputs may have any ratio: a megabyte of zeros is no attack.
RATIO_FLOOR: Final = 64 * 1024**2


class Decompressed:
    """Iterator over the decompressed bytes of a source, in chunks of about a megabyte.

    A damaged or cut stream ends the iteration and leaves its reason in `fault`; LimitError when
    the policy's `decompressed_bytes` or `compression_ratio` is passed.
    """

    def __init__(self, source: Source, tally: Tally, limits: Limits) -> None:
        self.source = source
        self.tally = tally
        self.limits = limits
        self.digest = hashlib.sha256()
        self.wrapper = ""
        self.fault = ""

    def __iter__(self) -> Iterator[bytes]:
        with self.source.open() as file:
            for chunk in gather(self.unwrap(file)):
                self.digest.update(chunk)
                yield chunk
        self.tally.sha256 = self.digest.hexdigest()

    def unwrap(self, file: BinaryIO) -> Iterator[bytes]:
        first = self.read_raw(file)
        if first.startswith(GZIP):
            self.wrapper = "gzip"
            pieces = self.inflate(first, file)
        elif first.startswith(ZSTD):
            self.wrapper = "zstd"
            pieces = self.unpack(first, file)
        elif is_zlib(first):
            self.wrapper = "zlib"
            pieces = self.inflate(first, file)
        else:
            pieces = self.plain(first, file)
        for piece in pieces:
            self.check_size(len(piece))
            yield piece

    def read_raw(self, file: BinaryIO) -> bytes:
        try:
            data = file.read(CHUNK)
        except OSError as error:
            raise InputError(
                f"{self.source.path}: reading failed ({error.strerror or error}). "
                "Copy the file to a local disk and try again."
            ) from error
        self.tally.bytes += len(data)
        return data

    def check_size(self, count: int) -> None:
        self.tally.decompressed_bytes += count
        size, packed = self.tally.decompressed_bytes, max(self.tally.bytes, 1)
        if size > self.limits.decompressed_bytes:
            raise LimitError(
                f"{self.source.path}: more than {self.limits.decompressed_bytes} bytes when "
                "decompressed. Raise limits.decompressed_bytes in the policy or split the file."
            )
        if size > RATIO_FLOOR and size > packed * self.limits.compression_ratio:
            raise LimitError(
                f"{self.source.path}: decompresses to more than {self.limits.compression_ratio} "
                "times its size, as an attack would. If the file is yours, raise "
                "limits.compression_ratio in the policy."
            )

    def plain(self, first: bytes, file: BinaryIO) -> Iterator[bytes]:
        while first:
            yield first
            first = self.read_raw(file)

    def inflate(self, data: bytes, file: BinaryIO) -> Iterator[bytes]:
        """All members of a gzip stream, and the zeros that tape-minded tools pad it with."""
        # Gzip or zlib, whichever the header says.
        member = zlib.decompressobj(wbits=47)
        while data:
            before = member.copy()
            try:
                piece = member.decompress(data, CHUNK)
            except zlib.error as error:
                self.fault = self.damage(self.wrapper, error)
                yield from rescue(before, data)
                return
            if piece:
                yield piece
            if not member.eof:
                data = member.unconsumed_tail or self.read_raw(file)
                continue
            data = member.unused_data.lstrip(b"\0") or self.read_raw(file).lstrip(b"\0")
            if not data.startswith(GZIP[: len(data)]):
                self.tally.warn("compression_garbage", f"compressed byte {self.tally.bytes}")
                return
            if data:
                member = zlib.decompressobj(wbits=47)
        if not member.eof:
            # Bytes that filled the last piece exactly may still be inside.
            rest = member.flush()
            if rest:
                yield rest
            if not member.eof:
                self.fault = self.early(self.wrapper)

    def unpack(self, data: bytes, file: BinaryIO) -> Iterator[bytes]:
        """All frames of a zstd stream."""
        frame, inside, at = new_frame(), False, 0
        while data:
            bite = data[at : at + _ZSTD_BITE]
            try:
                piece = frame.decompress(bite)
            except zstandard.ZstdError as error:
                self.fault = self.damage("zstd", error)
                return
            if piece:
                yield piece
            at += len(bite)
            inside = not frame.eof
            if frame.eof:
                at -= len(frame.unused_data)
                frame = new_frame()
            if at >= len(data):
                data, at = self.read_raw(file), 0
        if inside:
            self.fault = self.early("zstd")

    def damage(self, name: str, error: Exception) -> str:
        return f"the {name} stream is damaged near compressed byte {self.tally.bytes} ({error})"

    def early(self, name: str) -> str:
        return f"the {name} stream ends early, at compressed byte {self.tally.bytes}"


def is_zlib(head: bytes) -> bool:
    """Whether bytes are a zlib stream: its two bytes are text as well, so a bit of it has to do."""
    if len(head) < 8 or head[0] != 0x78 or int.from_bytes(head[:2], "big") % 31:
        return False
    try:
        return bool(zlib.decompressobj().decompress(head[:4096], 64))
    except zlib.error:
        return False


def rescue(member: zlib._Decompress, data: bytes) -> Iterator[bytes]:
    """What a damaged gzip member gives before the damage; zlib itself keeps that back."""
    try:
        for start in range(0, len(data), 16):
            yield member.decompress(data[start : start + 16])
    except zlib.error:
        return


def new_frame() -> zstandard.ZstdDecompressionObj:
    """A decoder of one zstd frame, its window bounded."""
    return zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW).decompressobj()


def gather(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Join small pieces to chunks of at least a megabyte."""
    held: list[bytes] = []
    size = 0
    for piece in pieces:
        held.append(piece)
        size += len(piece)
        if size >= CHUNK:
            yield b"".join(held)
            held, size = [], 0
    if held:
        yield b"".join(held)


def unpack_message(data: bytes, limit: int) -> bytes:
    """One zstd frame, as the collector writes one per message; UnreadableError when damaged."""
    frame = new_frame()
    parts, size = [], 0
    try:
        for start in range(0, len(data), _ZSTD_BITE):
            parts.append(frame.decompress(data[start : start + _ZSTD_BITE]))
            size += len(parts[-1])
            if size > limit:
                raise UnreadableError(f"decompresses to more than limits.record_bytes ({limit})")
            if frame.eof:
                break
    except zstandard.ZstdError as error:
        raise UnreadableError(f"its zstd frame is damaged ({error})") from error
    if not frame.eof:
        raise UnreadableError("its zstd frame ends early")
    return b"".join(parts)


def as_utf8(chunks: Iterator[bytes], tally: Tally) -> Iterator[bytes]:
    """Text marked by a byte order mark as UTF-8 or UTF-16, without the mark and as UTF-8."""
    first = next(chunks, b"")
    if first.startswith(codecs.BOM_UTF8):
        yield first[len(codecs.BOM_UTF8) :]
        yield from chunks
    elif first.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        yield from recode("utf-16", first, chunks, tally)
    elif encoding := unmarked_utf16(first[:32]):
        yield from recode(encoding, first, chunks, tally)
    else:
        yield first
        yield from chunks


def unmarked_utf16(head: bytes) -> str | None:
    """The encoding of JSON whose every other byte is zero; None when it is not so."""
    for encoding, text, zeros in (("utf-16-le", 0, 1), ("utf-16-be", 1, 0)):
        letters = head[text::2]
        if len(head) >= 4 and head[zeros::2].count(0) * 2 == len(head) // 2 * 2:
            begins = letters.lstrip(b" \t\r\n")[:1] in (b"{", b"[")
            return encoding if begins and 0 not in letters else None
    return None


def recode(encoding: str, first: bytes, chunks: Iterator[bytes], tally: Tally) -> Iterator[bytes]:
    """UTF-16 to UTF-8, what does not decode replaced."""
    decoder = codecs.getincrementaldecoder(encoding)("replace")
    text = decoder.decode(first)
    while True:
        if "�" in text:
            tally.warn("text_replaced", "byte 0")
        yield text.encode("utf-8", "replace")
        chunk = next(chunks, None)
        if chunk is None:
            break
        text = decoder.decode(chunk)
    rest = decoder.decode(b"", final=True)
    if rest:
        yield rest.encode("utf-8", "replace")
