"""What happened to one input: counts, warnings and rejects of its load report."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

from tracelens.policy.limits import Limits

#: `Tally.bytes` hides the type of that name inside of the class.
Bytes = bytes

EXCERPT_CHARACTERS: Final = 200
#: Kinds of reasons that are told apart; more of them count as the last.
REASONS_KEPT: Final = 20
OTHER_REASONS: Final = "other reasons"
#: How the reason of a reject begins when the input was cut off.
ENDS_INSIDE: Final = "the input ends inside of this"

#: Sentence of each warning code; a span note is a warning of the same name.
SENTENCES: Final[dict[str, str]] = {
    "attribute_cut": "an attribute value beyond the limit attribute_bytes was cut",
    "bad_value": "a value does not fit its declared type and was kept as it was written",
    "compression_garbage": "bytes after the compressed data were ignored",
    "dropped": "the emitter dropped attributes, events or links of a span; column dropped counts",
    "duplicate_keys": "an attribute key occurs more than once in a span; the first one counts",
    "invalid_id": "a span has no usable trace or span id; it was given one of its own",
    "negative_duration": "a span ends before it starts",
    "opaque_id": "an id is neither hex nor base64 and was hashed; the original is in attrs",
    "pending": "a Logfire span that was still open when the dump ends; its end is not recorded",
    "resource_after_spans": "a document too long to hold names its resource after its spans",
    "suspicious_time": "a span starts before 2000 or after 2100: its times may count ms, us or s",
    "text_replaced": "text with NUL, lone surrogates or bytes that are not UTF-8 was repaired",
    "time_out_of_range": "a time does not fit 64 bits or is no number; the original is in attrs",
    "unfinished": "a span has no end time",
    "unknown_field": "fields that this version does not know were ignored",
}


@dataclass
class Warning_:  # noqa: N801 - the built-in Warning is another thing
    """One kind of oddity: how often, where first, and what it means."""

    code: str
    count: int
    first_at: str
    message: str


@dataclass(frozen=True)
class Reject:
    """Something that was not loaded: where it is, why, and how it begins."""

    at: str
    reason: str
    excerpt: str


@dataclass
class Tally:
    """Counts of one input; complete when iteration over the reader ends.

    Always: `spans_read` = rows yielded + `spans_merged` + `spans_rejected`. `sha256` is of the
    decompressed bytes. `rejects` is bounded by `limits.rejects_kept`, the counts are not;
    `reject_reasons` counts all of them by reason, without its details: what follows a bracket or a
    semicolon.
    """

    path: str
    limits: Limits
    format: str | None = None
    bytes: int = 0
    decompressed_bytes: int = 0
    sha256: str | None = None
    spans_read: int = 0
    spans_merged: int = 0
    spans_rejected: int = 0
    records_rejected: int = 0
    other_signals: dict[str, int] = field(default_factory=dict)
    warnings: dict[str, Warning_] = field(default_factory=dict)
    rejects: list[Reject] = field(default_factory=list)
    reject_reasons: dict[str, int] = field(default_factory=dict)
    unknown_names: set[str] = field(default_factory=set)

    def warn(self, code: str, at: str, count: int = 1) -> None:
        """Count a warning; the first place is kept."""
        known = self.warnings.get(code)
        if known is None:
            self.warnings[code] = Warning_(code, count, at, SENTENCES[code])
        else:
            known.count += count

    def unknown(self, name: str, at: str) -> None:
        """Count the name of an unknown field once, and list the first twenty."""
        if name in self.unknown_names or len(self.unknown_names) >= 1000:
            return
        self.unknown_names.add(name)
        self.warn("unknown_field", at)
        names = ", ".join(sorted(self.unknown_names)[:20])
        self.warnings["unknown_field"].message = f"{SENTENCES['unknown_field']}: {names}"

    def signal(self, name: str, count: int) -> None:
        """Count records of another signal (logs, metrics, profiles)."""
        self.other_signals[name] = self.other_signals.get(name, 0) + count

    def reject_record(self, at: str, reason: str, data: Bytes) -> None:
        """Note a record that was not read; how many spans it held is not known."""
        self.records_rejected += 1
        self.keep_reject(at, reason, data)

    def reject_span(self, at: str, reason: str, data: Bytes) -> None:
        """Note a span that was read but not loaded."""
        self.spans_rejected += 1
        self.keep_reject(at, reason, data)

    def keep_reject(self, at: str, reason: str, data: Bytes) -> None:
        """Count a reject by its reason, and keep it while there is room."""
        kind, reasons = re.split(r" \(|; ", reason, maxsplit=1)[0], self.reject_reasons
        if kind not in reasons and len(reasons) >= REASONS_KEPT:
            kind = OTHER_REASONS
        reasons[kind] = reasons.get(kind, 0) + 1
        if len(self.rejects) < self.limits.rejects_kept:
            self.rejects.append(Reject(at, reason, excerpt(data)))


def excerpt(data: bytes) -> str:
    """The first 200 characters, control characters escaped so that they cannot fool a terminal."""
    text = data[: 4 * EXCERPT_CHARACTERS].decode("utf-8", "backslashreplace")[:EXCERPT_CHARACTERS]
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in text
    )
