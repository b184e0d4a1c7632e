"""Reads how large a recorded image or sound is from the first bytes of its file.

Only headers are read, never pixels or samples: what a trace holds is hostile, and a decoder for
it is not worth the risk. A header may lie, so claims that no device makes are no sizes.
Sources: PNG (W3C, section 11.2.2), GIF89a (section 18), JPEG (ITU-T T.81, B.2.2), WebP (RFC 9649),
WAVE (Microsoft, Multiple Channel Audio Data and WAVE Files), RFC 2397 for data URLs.
"""

from __future__ import annotations

import base64
import binascii
import re
import struct
from typing import Any

#: Bytes of a file that are looked at. Before the size of a JPEG may stand a colour profile and a
#: preview, each in pieces of 64 kB; all other formats tell it in the first 30 bytes.
FIRST_BYTES, MOST_BYTES = 4_096, 262_144

#: No camera and no model has pictures with longer sides: JPEG and WebP cannot even say it.
LONGEST_SIDE = 65_535

DATA_URL = re.compile(r"data:([\w.+-]+/[\w.+-]+)?[^,]{0,200}?(;base64)?,", re.A | re.I)

#: What Langfuse leaves in place of the media that it uploads elsewhere.
LANGFUSE_MEDIA = re.compile(r"@@@langfuseMedia:type=([\w.+-]+/[\w.+-]+)\|", re.A)


def mime_of(text: str) -> str | None:
    """The MIME type that a data URL, or Langfuse's reference to a file, names; else None."""
    found = DATA_URL.match(text) or LANGFUSE_MEDIA.match(text)
    return found[1].lower() if found and found[1] else None


def payload_of(text: Any) -> str | None:
    """The base64 of a data URL or of bare base64; None for an address or any other text."""
    if not isinstance(text, str):
        return None
    found = DATA_URL.match(text)
    if found:
        return text[found.end() :] if found[2] else None
    head = text[:64]
    return text if len(text) > 20 and re.fullmatch(r"[A-Za-z0-9+/=_\s-]+", head) else None


def image_size(payload: str) -> tuple[int, int] | None:
    """Width and height in pixels of a PNG, JPEG, GIF or WebP in base64; None when unknown.

    The rest of the payload may be missing: the size stands at its beginning.
    """
    for count in (FIRST_BYTES, MOST_BYTES):
        head = _first_bytes(payload, count)
        size = _image_size(head)
        if size or not head.startswith(b"\xff\xd8"):
            break
    if size and all(0 < side <= LONGEST_SIDE for side in size):
        return size
    return None


def megapixels(payload: str) -> float | None:
    """Millions of pixels of an image in base64; None when unknown."""
    size = image_size(payload)
    return size[0] * size[1] / 1e6 if size else None


def wave_seconds(payload: str) -> float | None:
    """Length of a WAVE file in base64, in seconds; None for other formats and for cut files.

    The length is that of the bytes that are there: streams are written before their size is known
    and claim to be endless or empty.
    """
    head = _first_bytes(payload, FIRST_BYTES)
    if head[:4] != b"RIFF" or head[8:12] != b"WAVE":
        return None
    total = len(payload.rstrip("=\r\n \t")) * 3 // 4
    rate, at = 0, 12
    while at + 8 <= len(head):
        name, size = head[at : at + 4], int.from_bytes(head[at + 4 : at + 8], "little")
        at += 8
        if name == b"fmt " and at + 12 <= len(head):
            rate = int.from_bytes(head[at + 8 : at + 12], "little")
        elif name == b"data":
            return _seconds(size, total - at, rate)
        at += size + size % 2
    return None


def _seconds(claimed: int, there: int, rate: int) -> float | None:
    streamed = claimed in (0, 0xFFFFFFFF, 0x7FFFFFFF)
    # Line breaks in the base64 make what is there look longer, never shorter.
    size = there if streamed else claimed
    return size / rate if rate > 0 and 0 <= size <= there else None


def _first_bytes(payload: str, count: int) -> bytes:
    """So many decoded bytes from the beginning; what is no base64 among them is skipped."""
    text = payload[: count * 4 // 3 + 4].replace("-", "+").replace("_", "/")
    text = re.sub(r"[^A-Za-z0-9+/]", "", text)
    try:
        return base64.b64decode(text[: len(text) - len(text) % 4])
    except (binascii.Error, ValueError):
        return b""


def _image_size(head: bytes) -> tuple[int, int] | None:
    if head.startswith(b"\x89PNG\r\n\x1a\n") and head[12:16] == b"IHDR" and len(head) >= 24:
        width, height = struct.unpack(">II", head[16:24])
        return width, height
    if head[:6] in (b"GIF87a", b"GIF89a") and len(head) >= 10:
        width, height = struct.unpack("<HH", head[6:10])
        return width, height
    if head.startswith(b"\xff\xd8"):
        return _jpeg_size(head)
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP" and len(head) >= 30:
        return _webp_size(head)
    return None


def _jpeg_size(head: bytes) -> tuple[int, int] | None:
    """Walk over the segments to the start of the frame, which holds the size."""
    at = 2
    while at + 9 <= len(head) and head[at] == 0xFF:
        marker = head[at + 1]
        if marker == 0xFF:  # a fill byte
            at += 1
        elif 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack(">HH", head[at + 5 : at + 9])
            return width, height
        elif marker in (0x01, *range(0xD0, 0xD8)):  # a marker that stands alone
            at += 2
        else:
            at += 2 + max(2, int.from_bytes(head[at + 2 : at + 4], "big"))
    return None


def _webp_size(head: bytes) -> tuple[int, int] | None:
    if head[12:16] == b"VP8 " and head[23:26] == b"\x9d\x01\x2a":
        width, height = struct.unpack("<HH", head[26:30])
        return width & 0x3FFF, height & 0x3FFF
    if head[12:16] == b"VP8L" and head[20] == 0x2F:
        bits = int.from_bytes(head[21:25], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if head[12:16] == b"VP8X":
        width, height = (int.from_bytes(head[at : at + 3], "little") + 1 for at in (24, 27))
        return width, height
    return None


def pdf_pages(payload: str) -> int | None:
    """Pages of a PDF in base64 that is laid out for the web and whole; None for any other.

    Source: ISO 32000-1, annex F.2: the first object tells the file's length and its pages. Other
    PDFs keep their pages in objects that may be compressed; nothing short of a reader counts them.
    """
    head = _first_bytes(payload, FIRST_BYTES)[:1024]
    if not head.startswith(b"%PDF-") or b"/Linearized" not in head:
        return None
    length, pages = (re.search(rb"/%c\s+(\d{1,15})\b" % key, head) for key in b"LN")
    total = len(payload.rstrip("=\r\n \t")) * 3 // 4
    return int(pages[1]) if length and pages and int(length[1]) == total else None
