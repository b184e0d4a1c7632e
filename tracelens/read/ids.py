"""Trace and span ids as lower-case hex, from every spelling that exporters use.

OTLP spec, "JSON Protobuf Encoding": ids are hex text of any case. In the wild they are also base64,
base64 of hex text, short hex without leading zeros, or no such thing at all.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from functools import lru_cache
from typing import Final

TRACE_DIGITS: Final = 32
SPAN_DIGITS: Final = 16
#: Spellings of "no parent"; "None" and "root" are what Phoenix and Nezha write.
NO_PARENT: Final = frozenset({"", "none", "null", "root"})

ZEROS: Final = frozenset({"0" * TRACE_DIGITS, "0" * SPAN_DIGITS})

_HEX: Final = re.compile(r"[0-9a-f]+")


def read_id(raw: str | bytes | None, digits: int) -> tuple[str, str | None]:
    """Return (hex of `digits` digits, or "" when absent; the original when it had to be hashed)."""
    if not raw:
        return "", None
    if len(raw) == digits and isinstance(raw, str):
        try:
            # The shortest way for the regular case; it skips spaces, hence the second length check.
            exact = bytes.fromhex(raw).hex()
        except ValueError:
            exact = ""
        if len(exact) == digits and exact not in ZEROS:
            return exact, None
    found = from_text(raw, digits) if isinstance(raw, str) else from_bytes(raw, digits)
    if found is None:
        original = raw if isinstance(raw, str) else raw.hex()
        return hashlib.sha256(original.encode("utf-8", "replace")).hexdigest()[:digits], original
    return ("", None) if not found.strip("0") else (found, None)


def read_parent(raw: str | bytes | None) -> tuple[str | None, str | None]:
    """Like `read_id` for a parent span id, where None stands for a root."""
    if raw is None or raw == "":
        return None, None
    if isinstance(raw, str) and len(raw) < SPAN_DIGITS and raw.strip().lower() in NO_PARENT:
        return None, None
    found, original = read_id(raw, SPAN_DIGITS)
    return found or None, original


@lru_cache(maxsize=4096)
def from_text(raw: str, digits: int) -> str | None:
    """Hex first: 16 hex digits are valid base64 too. None when nothing fits."""
    text = raw.strip()
    if not text:
        return "0" * digits
    bare = text.lower().removeprefix("0x")
    if len(bare) <= digits and _HEX.fullmatch(bare):
        return bare.rjust(digits, "0")
    return from_base64(text, digits)


def from_base64(text: str, digits: int) -> str | None:
    """Base64 of the id's bytes, or of the id's hex text; any alphabet, padded or not."""
    raw = base64_bytes(text)
    if raw is None or len(raw) not in (digits // 2, digits):
        return None
    return raw.hex() if len(raw) * 2 == digits else hex_text(raw, digits)


def from_bytes(raw: bytes, digits: int) -> str | None:
    """Raw bytes, short ones padded; also hex text, and hex that was decoded as if base64."""
    if len(raw) * 2 <= digits:
        return raw.hex().rjust(digits, "0")
    return hex_text(raw, digits) or hex_text(base64.b64encode(raw), digits)


def hex_text(raw: bytes, digits: int) -> str | None:
    """Bytes that are themselves hex text of the right length; None when they are not."""
    text = raw.decode("ascii", "replace").lower()
    return text if len(text) == digits and _HEX.fullmatch(text) else None


def base64_bytes(text: str) -> bytes | None:
    """Decode base64 in its four forms: standard or URL-safe, padded or not; None if it is not."""
    plain = text.translate(_TO_STANDARD).rstrip("=")
    try:
        return base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except (binascii.Error, ValueError):
        return None


_TO_STANDARD: Final = str.maketrans("-_", "+/")
