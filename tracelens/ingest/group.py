"""Inputs that will be committed together, and their spans, staged as they come."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

import polars as pl

from tracelens.errors import InputError
from tracelens.ingest.hashed import HashedSource
from tracelens.ingest.report import SourceReport
from tracelens.normalise import canonical_spans
from tracelens.policy import Policy
from tracelens.read import Tally
from tracelens.requests import NOTE
from tracelens.store import LoadEntry, Stage, Store

#: Rejects shown in a report; the store keeps as many as the policy says.
REJECTS_SHOWN: Final = 20
#: Traces named in the warning about traces that are too large.
OVERSIZED_SHOWN: Final = 20


@dataclass
class Input:
    """One input of a group: its report, what the reader counted, and its hashes."""

    report: SourceReport
    tally: Tally
    hashed: HashedSource
    refusal: InputError | None = None
    oversized: dict[str, int] = field(default_factory=dict)  # spans by trace that was not judged

    def count(self, stored: int) -> None:
        """Add what a commit stored of it; the counts add up at any time."""
        report, tally = self.report, self.tally
        report.spans_stored += stored
        report.spans_read, report.spans_rejected = tally.spans_read, tally.spans_rejected
        report.spans_merged = tally.spans_merged
        lost = tally.spans_rejected + tally.spans_merged
        report.spans_duplicate = tally.spans_read - lost - report.spans_stored
        report.format, report.bytes = tally.format, tally.bytes
        report.status = "partly_loaded"

    def finish(self, *, seen: bool) -> None:
        """Complete the report of an input that was read to its end, or as far as it could be."""
        report, tally = self.report, self.tally
        report.records_rejected = tally.records_rejected
        report.other_signals = dict(tally.other_signals)
        report.warnings = [dict(vars(warning)) for warning in tally.warnings.values()]
        report.warnings += self.too_large()
        report.rejects = self.rejects()[:REJECTS_SHOWN]
        report.reject_reasons = dict(tally.reject_reasons)
        if self.refusal is not None:
            report.status = "partly_loaded" if tally.spans_read else "refused"
            return
        report.sha256 = tally.sha256
        report.file_sha256, report.head_sha256 = self.hashed.whole(), self.hashed.head()
        incomplete = tally.spans_rejected or tally.records_rejected
        report.status = "partly_loaded" if incomplete else "loaded"
        if seen and not report.spans_stored:
            report.status = "loaded_before"

    def too_large(self) -> list[dict[str, Any]]:
        """The warning about traces of more spans than the policy lets us judge, if there are."""
        if not self.oversized:
            return []
        shown = list(self.oversized.items())[:OVERSIZED_SHOWN]
        named = ", ".join(f"{trace} ({spans:,} spans)" for trace, spans in shown)
        more = len(self.oversized) - len(shown)
        return [
            {
                "code": NOTE,
                "count": len(self.oversized),
                "first_at": f"trace {shown[0][0]}",
                "message": "a trace has more spans than limits.spans_per_trace"
                f" ({self.tally.limits.spans_per_trace:,}); all are stored, none is judged: "
                + named
                + (f" and {more:,} more" if more else ""),
            }
        ]

    def rejects(self) -> list[dict[str, str]]:
        """What was not loaded: first why the whole was given up, if it was."""
        refusal = self.refusal
        whole = [{"at": "", "reason": str(refusal), "excerpt": ""}] if refusal else []
        return whole + [dict(vars(each)) for each in self.tally.rejects]

    def entry(self, *, final: bool) -> LoadEntry:
        """What the log keeps of it; a dump that was given up does not count as known."""
        rejects = self.rejects() if final else []
        return LoadEntry(self.report.as_dict(), rejects, final=final and self.refusal is None)


class Group:
    """Spans of some inputs that will be committed together, staged as they come."""

    def __init__(self) -> None:
        self.inputs: list[Input] = []
        self.stage: Stage | None = None
        self.rows = 0  # read and not yet staged
        self._batches: list[tuple[pl.DataFrame, int]] = []
        self._begun = 0  # decompressed bytes of the open input that earlier groups took
        self._bytes = 0  # of the inputs that are complete

    def open(self, each: Input) -> None:
        """Begin an input."""
        if self.inputs:
            self._bytes += self.inputs[-1].tally.decompressed_bytes - self._begun
            self._begun = 0
        self.inputs.append(each)

    def holds_something(self) -> bool:
        """Whether any of its inputs could be read."""
        return any(each.report.status != "refused" for each in self.inputs)

    def add(self, batch: pl.DataFrame) -> None:
        """Take a batch of the open input."""
        self._batches.append((batch, len(self.inputs) - 1))
        self.rows += batch.height

    def held(self, read: int) -> int:
        """Decompressed bytes that wait for a commit, `read` bytes into the open input."""
        return self._bytes + read - self._begun if self.rows or self.stage else 0

    def rest(self) -> Group:
        """The group in which the open input goes on."""
        group = Group()
        group.inputs = self.inputs[-1:]
        group._begun = group.inputs[-1].tally.decompressed_bytes
        return group

    def spill(self, store: Store, policy: Policy) -> None:
        """Normalise what was read and stage it; many small batches are read as one."""
        if not self._batches:
            return
        self.stage = self.stage or store.stage()
        spans = canonical_spans(pl.concat([batch for batch, _ in self._batches]), policy)
        begin = 0
        for batch, source in self._batches:
            self.stage.add(spans.slice(begin, batch.height), source)
            begin += batch.height
        self._batches, self.rows = [], 0

    def close(self) -> None:
        """Leave out what was staged and not committed."""
        if self.stage is not None:
            self.stage.__exit__(None, None, None)
