"""What an ingest tells: one report per input, their sum, and how far it is."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

COUNTS: Final = ("spans_read", "spans_stored", "spans_duplicate", "spans_merged", "spans_rejected")


@dataclass
class SourceReport:
    """What became of one input; `spans_read` is the sum of the four counts that follow it."""

    path: str
    sha256: str | None = None
    format: str | None = None
    bytes: int = 0
    spans_read: int = 0
    spans_stored: int = 0
    spans_duplicate: int = 0
    spans_merged: int = 0
    spans_rejected: int = 0
    records_rejected: int = 0
    requests_touched: int = 0
    traces_touched: int = 0
    other_signals: dict[str, int] = field(default_factory=dict)
    warnings: list[dict[str, Any]] = field(default_factory=list)
    rejects: list[dict[str, str]] = field(default_factory=list)
    reject_reasons: dict[str, int] = field(default_factory=dict)
    status: str = "loaded"  # loaded, loaded_before, partly_loaded, refused
    spans_only: bool = False  # stored without judging its requests
    file_sha256: str | None = None  # of the bytes on disk, with their size and head: a quick way
    head_sha256: str | None = None  # to know a file again without decompressing it

    def as_dict(self) -> dict[str, Any]:
        """The report with the field names of the contract."""
        return dict(vars(self))


@dataclass
class LoadReport:
    """The reports of all inputs of one ingest, and how long it took in seconds.

    `unlearned` has `service, stage, requests` of many requests that are said to lack a stage, where
    it is not known whether their service ever runs it.
    """

    store: str
    sources: list[SourceReport] = field(default_factory=list)
    seconds: float = 0.0
    unlearned: list[dict[str, Any]] = field(default_factory=list)

    def totals(self) -> dict[str, int]:
        """Every count summed over the sources."""
        names = [*COUNTS, "records_rejected", "requests_touched", "traces_touched", "bytes"]
        return {name: sum(getattr(each, name) for each in self.sources) for name in names}

    def as_dict(self) -> dict[str, Any]:
        """The load report with the field names of the contract."""
        return {
            "sources": [each.as_dict() for each in self.sources],
            "totals": self.totals(),
            "seconds": round(self.seconds, 3),
            "store": self.store,
        }


@dataclass(frozen=True)
class Progress:
    """How far the reading of one input is: bytes on disk, spans so far, its place in the list."""

    path: str
    number: int
    of: int
    bytes_read: int
    bytes_total: int | None
    spans: int
