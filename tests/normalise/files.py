"""Tiny files of pictures and sound, made of their headers alone, as base64."""

from __future__ import annotations

import base64
import struct


def encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


def png(width: int, height: int) -> str:
    return encoded(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + struct.pack(">II", width, height) + b"\x08\6")


def gif(width: int, height: int) -> str:
    return encoded(b"GIF89a" + struct.pack("<HH", width, height) + bytes(10))


def jpeg(width: int, height: int, before: bytes = b"", marker: int = 0xC0) -> str:
    """`before` are segments between the start of the file and the frame."""
    frame = struct.pack(">BBHBHHB", 0xFF, marker, 17, 8, height, width, 3)
    return encoded(b"\xff\xd8" + before + frame + bytes(20))


def segment(marker: int, size: int) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, size + 2) + bytes(size)


def webp(width: int, height: int, kind: bytes) -> str:
    if kind == b"VP8 ":
        held = bytes(3) + b"\x9d\x01\x2a" + struct.pack("<HH", width, height)
    elif kind == b"VP8L":
        bits = (width - 1) | (height - 1) << 14
        held = b"\x2f" + struct.pack("<I", bits) + bytes(8)
    else:
        sides = ((side - 1).to_bytes(3, "little") for side in (width, height))
        held = bytes(4) + b"".join(sides)
    return encoded(b"RIFF\0\0\0\0WEBP" + kind + struct.pack("<I", len(held)) + held + bytes(8))


def wave(seconds: float, rate: int = 8000, claimed: int | None = None, cut: int = 0) -> str:
    """16-bit mono; `claimed` is what the header says of its size, `cut` bytes are missing."""
    sound = bytes(int(seconds * rate) * 2)
    form = struct.pack("<HHIIHH", 1, 1, rate, rate * 2, 2, 16)
    size = len(sound) if claimed is None else claimed
    head = (
        b"RIFF\0\0\0\0WAVEfmt " + struct.pack("<I", 16) + form + b"data" + struct.pack("<I", size)
    )
    return encoded((head + sound)[: len(head) + len(sound) - cut])


def pdf(pages: int, cut: int = 0, linearized: bool = True) -> str:
    name = b"/Linearized 1 " if linearized else b""
    for length in range(60, 200):
        data = b"%%PDF-1.7\n1 0 obj <<%s/L %d /O 3 /N %d>> endobj\n" % (name, length, pages)
        if len(data) <= length:
            return encoded(data.ljust(length, b"\n")[: length - cut])
    raise ValueError("a header of no length")
