"""Attribute values as plain JSON values that keep their OTLP type.

Strings, booleans, ints of 64 bits and doubles (with a point or an exponent) are themselves,
bytes are {"$bytes": base64}, NaN and infinities {"$double": "NaN"}, an empty value is null, a
key-value list is an object, or {"$kvlist": [[key, value], …]} when keys repeat or begin with "$".
"""

from __future__ import annotations

import base64
import math
import re
from decimal import Decimal, InvalidOperation
from typing import Any, Final

import msgspec

Plain = None | bool | int | float | str | list[Any] | dict[str, Any]

MAX_INT64: Final = 2**63 - 1
MIN_INT64: Final = -(2**63)

_NOT_TEXT: Final = re.compile("[\0\ud800-\udfff]")

#: Encodes with sorted keys, so that equal values have equal text.
encode: Final = msgspec.json.Encoder(order="sorted").encode
#: The same without sorting, for text that nothing is compared by.
encode_as_is: Final = msgspec.json.Encoder().encode
#: Encodes for a hash: equal values, equal bytes; keys sorted, fields of structs in their order.
pack: Final = msgspec.msgpack.Encoder(order="deterministic").encode


class UnreadableError(ValueError):
    """A span or record that cannot be loaded, with the reason in words."""


def tag_bytes(raw: bytes) -> Plain:
    """Bytes as tagged base64, standard alphabet, padded."""
    return {"$bytes": base64.b64encode(raw).decode()}


def tag_double(number: float) -> Plain:
    """The number itself, tagged when JSON has no word for it."""
    if math.isfinite(number):
        return number
    name = "NaN" if math.isnan(number) else "Infinity" if number > 0 else "-Infinity"
    return {"$double": name}


def tag_pairs(pairs: list[tuple[str, Plain]]) -> Plain:
    """An object where that loses nothing, else a tagged list of pairs."""
    found = dict(pairs)
    if len(found) == len(pairs) and not any(key.startswith("$") for key in found):
        return found
    return {"$kvlist": [[key, value] for key, value in pairs]}


def as_text(value: Plain) -> str:
    """A value as text: strings as they are, everything else as its JSON."""
    return value if isinstance(value, str) else encode(value).decode()


def whole_number(raw: object) -> int:
    """An int from a number, a decimal string, an integral float or {high, low}; else ValueError.

    Never through a double: nanoseconds have 19 digits, a double keeps 15.
    """
    if isinstance(raw, bool):
        raise ValueError("a boolean is not a number")
    if isinstance(raw, int):
        return raw
    if isinstance(raw, str):
        return whole_text(raw)
    if isinstance(raw, float) and raw.is_integer():
        return int(raw)
    if isinstance(raw, dict):
        high, low = raw.get("high"), raw.get("low")
        if isinstance(high, int) and isinstance(low, int):
            return (high << 32) | (low & 0xFFFFFFFF)
    raise ValueError("not a whole number")


def whole_text(raw: str) -> int:
    """An int from decimal text, also with an exponent; ValueError when it is not whole."""
    if raw.isdecimal() and len(raw) <= 20:
        return int(raw)
    try:
        number = Decimal(raw.strip())
    except InvalidOperation:
        raise ValueError("not a number") from None
    # 1e999999999 is a short text and an endless integer.
    if not number.is_finite() or number.adjusted() > 40 or number != number.to_integral_value():
        raise ValueError("not a whole number")
    return int(number)


def replace_nul(value: Any) -> Any:
    """The same value with NUL and lone surrogates in every text replaced by U+FFFD."""
    if isinstance(value, str):
        return _NOT_TEXT.sub("�", value)
    if isinstance(value, dict):
        return {replace_nul(key): replace_nul(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [replace_nul(item) for item in value]
    return value
