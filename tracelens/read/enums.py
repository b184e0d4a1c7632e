"""SpanKind and StatusCode from a number, a digit string, or a name in any of its spellings."""

from __future__ import annotations

from typing import Final

KINDS: Final = {
    "UNSPECIFIED": 0,
    "INTERNAL": 1,
    "SERVER": 2,
    "CLIENT": 3,
    "PRODUCER": 4,
    "CONSUMER": 5,
}
STATUS_CODES: Final = {"UNSET": 0, "OK": 1, "ERROR": 2}


def read_kind(raw: object) -> int | None:
    """OTLP SpanKind number; None when it is no kind that OTLP knows."""
    return read_enum(raw, KINDS)


def read_status(raw: object) -> int | None:
    """OTLP StatusCode number; None when it is no code that OTLP knows."""
    return read_enum(raw, STATUS_CODES)


def read_enum(raw: object, names: dict[str, int]) -> int | None:
    """The number of an enum value, 0 when absent, None when it is not among `names`."""
    if raw is None:
        return 0
    if type(raw) is int:
        return raw if 0 <= raw < len(names) else None
    if type(raw) is float:
        return int(raw) if raw in names.values() else None
    if not isinstance(raw, str):
        return None
    # SPAN_KIND_SERVER, SpanKind.SERVER, STATUS_CODE_OK, SERVER and "2" all end in what counts.
    word = raw.strip().upper()
    for prefix in ("SPAN_KIND_", "SPANKIND.", "STATUS_CODE_", "STATUSCODE."):
        word = word.removeprefix(prefix)
    if word.isascii() and word.isdigit() and len(word) == 1:
        return int(word) if int(word) in names.values() else None
    return names.get(word)
