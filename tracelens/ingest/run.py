"""One ingest: reads inputs one by one, judges what they touch, and commits part by part."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import polars as pl

from tracelens.checks.found.absent_stage import CAUSE
from tracelens.errors import InputError
from tracelens.ingest.group import REJECTS_SHOWN, Group, Input
from tracelens.ingest.hashed import HEAD_BYTES, HashedSource
from tracelens.ingest.judge import REACH, Judged, judge
from tracelens.ingest.report import Progress, SourceReport
from tracelens.ingest.sources import STORE_LOG
from tracelens.model import REQUEST
from tracelens.normalise import promoted_keys
from tracelens.policy import Policy
from tracelens.read import Source, SpanReader, read_spans
from tracelens.store import Fresh, LoadEntry, Store, Writer

#: Decompressed bytes after which a commit is made: parts of a large input, or some small ones.
PART_BYTES: Final = 128 * 1024**2
#: What is said again of a file that was loaded before.
REPEATED: Final = (
    "sha256",
    "format",
    "bytes",
    "spans_read",
    "spans_merged",
    "spans_rejected",
    "records_rejected",
    "other_signals",
    "warnings",
    "rejects",
    "reject_reasons",
)
#: Spans that are normalised at once.
NORMALISE_ROWS: Final = 20_000


class Run:
    """One ingest: inputs are read one by one, and small ones share a commit.

    A commit costs a fraction of a second whatever it holds, so a folder of ten thousand small
    dumps would take an hour if each had its own; a large input is committed in parts.
    """

    def __init__(
        self,
        path: Path,
        policy: Policy,
        spans_only: bool,
        progress: Callable[[Progress], None] | None,
    ) -> None:
        self.path = path
        self.policy = policy
        self.spans_only = spans_only
        self.progress = progress
        self.refused: list[InputError] = []
        self._store: Store | None = None
        self._known: dict[tuple[int, str], dict[str, Any]] | None = None
        self._group = Group()
        self._loaded: set[str] = set()  # decompressed hashes of this ingest
        self._absent: list[pl.DataFrame] = []  # requests that are said to lack a stage
        self._repeats: list[LoadEntry] = []  # known files; they wait for the next commit

    def close(self) -> None:
        self._group.close()
        if self._store is not None:
            self._store.close()

    def load(self, source: Source, number: int, of: int) -> SourceReport:
        """Read one input; its report is complete once `flush` was called."""
        before = self._before(source)
        if before is not None:
            report = _repeated(before, source)
            self._repeats.append(LoadEntry(report.as_dict(), before["rejects"]))
            return report
        hashed = HashedSource(source)
        reader = read_spans(hashed.source, promoted_keys(self.policy), self.policy.limits)
        report = SourceReport(source.path, spans_only=self.spans_only)
        self._group.open(Input(report, reader.tally, hashed))
        try:
            for batch in _watched(reader, source, number, of, self.progress):
                if self._group.held(reader.tally.decompressed_bytes) >= PART_BYTES:
                    self._commit(final=False)
                self._group.add(batch)
                if self._group.rows >= NORMALISE_ROWS:
                    self._group.spill(self.store(), self.policy)
        except InputError as error:
            self._refuse(error, reader)
        if self._group.held(reader.tally.decompressed_bytes) >= PART_BYTES:
            self.flush()
        return report

    def flush(self) -> None:
        """Commit what was read and is not yet stored."""
        if self._group.holds_something() or (self._group.inputs and self._has_store()):
            self._commit(final=True)
        elif self._repeats:
            with self.store().writer() as writer:
                writer.commit(None, pl.DataFrame(schema=REQUEST), [], self._repeats)
            self._repeats = []

    def unlearned(self) -> list[dict[str, Any]]:
        """`service, stage, requests` of many that lack a stage, in services without a profile."""
        if not self._absent:
            return []
        lacking = pl.concat(self._absent).unique("request_id")
        counts = lacking.group_by("service", "stage").agg(pl.len().alias("requests"))
        many = counts.filter(pl.col("requests") >= self.policy.profile.requests)
        if many.is_empty():
            return []
        known = many.join(self.store().profiles(), on=["service", "stage"], how="anti")
        return known.sort(
            "requests", "service", "stage", descending=[True, False, False]
        ).to_dicts()

    def _count_absent(self, judged: Judged) -> None:
        lacking = judged.requests.filter(pl.col("cause").is_in(list(CAUSE.values())))
        if lacking.height:
            stages = {cause: stage for stage, cause in CAUSE.items()}
            stage = pl.col("cause").replace_strict(stages, default=None, return_dtype=pl.String)
            self._absent.append(
                lacking.drop_nulls("service").select("request_id", "service", stage=stage)
            )

    def _has_store(self) -> bool:
        return self._store is not None or (self.path / STORE_LOG).exists()

    def store(self) -> Store:
        if self._store is None:
            self._store = Store.open(self.path, create=True)
        return self._store

    def _before(self, source: Source) -> dict[str, Any] | None:
        """The report of an earlier load of the same file, known by size, head and whole hash."""
        if source.bytes is None or not (self.path / STORE_LOG).exists():
            return None
        if self._known is None:
            self._known = _known_files(self.store())
        try:
            with source.open() as stream:
                head = stream.read(HEAD_BYTES)
                known = self._known.get((source.bytes, hashlib.sha256(head).hexdigest()))
                if known is None:
                    return None
                whole = hashlib.sha256(head)
                while chunk := stream.read(1 << 20):
                    whole.update(chunk)
        except OSError:
            return None
        return known if whole.hexdigest() == known["file_sha256"] else None

    def _commit(self, *, final: bool) -> None:
        """Store the group; without `final` its last input goes on in the next one."""
        group = self._group
        self._group = Group() if final else group.rest()
        group.spill(self.store(), self.policy)
        last = None if final else group.inputs[-1]
        with group.stage or self.store().stage() as stage, self.store().writer() as writer:
            fresh = writer.fresh(stage)
            judged = self._judge(writer, fresh)
            _touch(group, fresh, judged)
            for number, each in enumerate(group.inputs):
                each.count(fresh.stored_by_source.get(number, 0))
                if each is not last:
                    each.finish(seen=self._seen(each))
            entries = [each.entry(final=each is not last) for each in group.inputs]
            entries += self._repeats
            writer.commit(
                fresh,
                judged.requests,
                judged.traces,
                entries,
                aliases=judged.aliases,
                in_force=judged.in_force,
            )
        self._count_absent(judged)
        self._repeats = []

    def _seen(self, each: Input) -> bool:
        """Whether a dump with these decompressed bytes was loaded before, in whatever wrapping."""
        sha256 = each.tally.sha256
        if sha256 is None:
            return False
        again = sha256 in self._loaded
        self._loaded.add(sha256)
        return again or self.store().known_dump(sha256) is not None

    def _judge(self, writer: Writer, fresh: Fresh) -> Judged:
        """Judge the requests of the touched traces and of the sessions they belong to."""
        if self.spans_only or not fresh.stored:
            return Judged()
        return judge(writer, writer.neighbours(REACH).affected_by(fresh.traces), self.policy)

    def _refuse(self, error: InputError, reader: SpanReader) -> None:
        """Keep the reason in the report, and in the store when there is one.

        What an input gave before it passed a limit stays loaded.
        """
        each = self._group.inputs[-1]
        if reader.sink.rows:
            self._group.add(reader.sink.take())
        each.refusal = error
        each.count(0)
        each.finish(seen=False)
        if each.report.status == "refused":
            self.refused.append(error)


def _known_files(store: Store) -> dict[tuple[int, str], dict[str, Any]]:
    """Whole loads by size and head of their file."""
    return {
        (load["bytes"], load["head_sha256"]): load
        for load in store.loads()
        if load.get("final") and load.get("head_sha256")
    }


def _repeated(before: Mapping[str, Any], source: Source) -> SourceReport:
    """What a load would find that brings nothing new; what was wrong with it is said again."""
    report = SourceReport(source.path, **{n: before[n] for n in REPEATED if n in before})
    lost = report.spans_merged + report.spans_rejected
    report.spans_duplicate = report.spans_read - lost
    report.rejects = report.rejects[:REJECTS_SHOWN]
    report.status = "loaded_before"
    return report


def _watched(
    reader: SpanReader,
    source: Source,
    number: int,
    of: int,
    progress: Callable[[Progress], None] | None,
) -> Iterator[pl.DataFrame]:
    for batch in reader:
        if progress is not None:
            spans = reader.tally.spans_read
            progress(Progress(source.path, number, of, reader.progress, source.bytes, spans))
        yield batch


def _touch(group: Group, fresh: Fresh, judged: Judged) -> None:
    """Note traces and requests at the input that brought most: they may come from several."""
    stored = fresh.stored_by_source
    if stored:
        most = group.inputs[max(stored, key=lambda number: stored[number])]
        most.report.traces_touched += len(fresh.traces)
        most.report.requests_touched += judged.requests.height
        most.oversized |= judged.oversized
