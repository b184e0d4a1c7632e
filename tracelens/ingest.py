"""Loads dumps into a store: read, normalise, stage, then locate and commit part by part."""

from __future__ import annotations

import glob
import hashlib
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, BinaryIO, Final

import polars as pl

from tracelens.errors import InputError
from tracelens.locate import SPAN_COLUMNS, locate_requests
from tracelens.model import REQUEST
from tracelens.normalise import canonical_spans, mapping_version, promoted_keys
from tracelens.policy import Policy
from tracelens.read import Source, SpanReader, Tally, file_source, read_spans
from tracelens.store import Fresh, Stage, Store, Writer

#: Decompressed bytes after which a part of a large input is committed.
PART_BYTES: Final = 250 * 1024**2
HEAD_BYTES: Final = 64 * 1024
#: Rejects shown in a report; the store keeps as many as the policy says.
REJECTS_SHOWN: Final = 20

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
    status: str = "loaded"  # loaded, loaded_before, partly_loaded, refused
    file_sha256: str | None = None  # of the bytes on disk, with their size and head: a quick way
    head_sha256: str | None = None  # to know a file again without decompressing it

    def as_dict(self) -> dict[str, Any]:
        """The report with the field names of the contract."""
        return dict(vars(self))


@dataclass
class LoadReport:
    """The reports of all inputs of one ingest, and how long it took in seconds."""

    store: str
    sources: list[SourceReport] = field(default_factory=list)
    seconds: float = 0.0

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


def ingest(
    paths: Sequence[str],
    store_path: Path,
    policy: Policy,
    *,
    spans_only: bool = False,
    progress: Callable[[Progress], None] | None = None,
) -> LoadReport:
    """Load inputs into a store, creating it when there is something to load.

    Args:
        paths: files, folders (all files below), globs, or `-` for standard input.
        store_path: folder of the store.
        policy: stage rules, expectations and limits.
        spans_only: store spans without judging requests.
        progress: called now and then while reading.

    Raises:
        InputError: no input held anything that could be loaded; names the first reason.
        StoreError: the store is busy, damaged or newer.
    """
    started = time.monotonic()
    run = _Run(store_path, policy, spans_only, progress)
    report = LoadReport(str(store_path))
    try:
        sources = list(find_sources(paths))
        for number, source in enumerate(sources, 1):
            report.sources.append(run.load(source, number, len(sources)))
    finally:
        run.close()
    if run.refused and all(each.status == "refused" for each in report.sources):
        raise run.refused[0] if len(run.refused) == 1 else _nothing(run.refused)
    report.seconds = time.monotonic() - started
    return report


def find_sources(paths: Sequence[str]) -> Iterator[Source]:
    """The inputs that paths, folders and globs name, each once, in order.

    Raises:
        InputError: a folder without files, or a glob that matches nothing.
    """
    seen: set[Path] = set()
    for path in paths:
        if path == "-":
            yield Source("-", lambda: sys.stdin.buffer, None)
            continue
        for file in _files(path):
            if file.resolve() not in seen:
                seen.add(file.resolve())
                yield file_source(file)


def _files(path: str) -> list[Path]:
    here = Path(path)
    if here.is_dir():
        found = sorted(
            each for each in here.rglob("*") if each.is_file() and not _hidden(each, here)
        )
        if not found:
            raise InputError(f"{path}: the folder holds no files. Name a folder with trace dumps.")
        return found
    if not here.exists() and glob.has_magic(path):
        found = sorted(Path(each) for each in glob.glob(path, recursive=True))
        if not found:
            raise InputError(f"{path}: the pattern matches no file. Check it, or name the file.")
        return [each for each in found if each.is_file()]
    return [here]


def _hidden(file: Path, folder: Path) -> bool:
    return any(part.startswith(".") for part in file.relative_to(folder).parts)


def _nothing(refused: Sequence[InputError]) -> InputError:
    lines = "\n".join(f"  {error}" for error in refused[:10])
    more = f"\n  and {len(refused) - 10} more" if len(refused) > 10 else ""
    return InputError(f"none of the {len(refused)} inputs could be loaded:\n{lines}{more}")


class _Run:
    """One ingest: the store, opened when the first input proves readable, and what was refused."""

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

    def close(self) -> None:
        if self._store is not None:
            self._store.close()

    def load(self, source: Source, number: int, of: int) -> SourceReport:
        """Load one input; one that cannot be read at all is reported as refused."""
        before = self._before(source)
        if before is not None:
            return _repeated(before, source)
        hashed = _HashedSource(source)
        reader = read_spans(hashed.source, promoted_keys(), self.policy.limits)
        report = SourceReport(source.path)
        try:
            for part in self._parts(reader, source, number, of):
                self._commit(part, report, reader.tally, hashed)
        except InputError as error:
            return self._refuse(error, report, reader.tally)
        return report

    def store(self) -> Store:
        if self._store is None:
            self._store = Store.open(self.path, create=True)
        return self._store

    def _before(self, source: Source) -> dict[str, Any] | None:
        """The report of an earlier load of the same file, known by size, head and whole hash."""
        if source.bytes is None or not (self.path / "log.sqlite").exists():
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

    def _parts(
        self, reader: SpanReader, source: Source, number: int, of: int
    ) -> Iterator[tuple[Stage, bool]]:
        """Staged parts of the input, each with whether it is the last."""
        batches = _watched(reader, source, number, of, self.progress)
        batch = next(batches, None)
        while True:
            with self.store().stage() as stage:
                begun = reader.tally.decompressed_bytes
                while batch is not None and (
                    not stage.rows or reader.tally.decompressed_bytes - begun < PART_BYTES
                ):
                    stage.add(canonical_spans(batch, self.policy))
                    batch = next(batches, None)
                yield stage, batch is None
            if batch is None:
                return

    def _commit(
        self, part: tuple[Stage, bool], report: SourceReport, tally: Tally, hashed: _HashedSource
    ) -> None:
        stage, final = part
        before = self.store().known_dump(tally.sha256) if final and tally.sha256 else None
        with self.store().writer() as writer:
            fresh = writer.fresh(stage)
            requests, traces, aliases = self._judge(writer, fresh)
            _count(report, fresh, requests, tally)
            if final:
                _finish(report, tally, hashed, known_before=before is not None)
            else:
                report.status = "partly_loaded"
            writer.commit(
                fresh,
                requests,
                traces,
                {**report.as_dict(), "rejects": report.rejects},
                [vars(each) for each in tally.rejects] if final else [],
                final=final,
                aliases=aliases,
            )

    def _judge(
        self, writer: Writer, fresh: Fresh
    ) -> tuple[pl.DataFrame, Sequence[str], Mapping[str, str]]:
        """Judge the requests of the touched traces and of the sessions they belong to."""
        if self.spans_only or not fresh.stored:
            return pl.DataFrame(schema=REQUEST), [], {}
        traces = writer.related_traces(fresh.traces)
        spans = writer.spans_of(traces, SPAN_COLUMNS)
        requests = locate_requests(spans, self.policy, mapping_version())
        return requests, traces, _aliases(writer.requests_of(traces), requests)

    def _refuse(self, error: InputError, report: SourceReport, tally: Tally) -> SourceReport:
        """Keep the reason in the report, and in the store when there is one."""
        self.refused.append(error)
        report.status = "refused" if not report.spans_stored else "partly_loaded"
        report.bytes, report.format = tally.bytes, tally.format
        report.rejects = [{"at": "", "reason": str(error), "excerpt": ""}]
        if self._store is not None or (self.path / "log.sqlite").exists():
            with self.store().writer() as writer:
                empty = pl.DataFrame(schema=REQUEST)
                writer.commit(None, empty, [], report.as_dict(), report.rejects, final=False)
        return report


class _HashedSource:
    """A source whose bytes on disk are hashed while somebody else reads them."""

    def __init__(self, source: Source) -> None:
        self._opener = source.open
        self._whole = hashlib.sha256()
        self._head = hashlib.sha256()
        self._left = HEAD_BYTES
        self.source = replace(source, open=self._open)

    def whole(self) -> str:
        return self._whole.hexdigest()

    def head(self) -> str:
        return self._head.hexdigest()

    def update(self, chunk: bytes) -> None:
        self._whole.update(chunk)
        if self._left > 0:
            self._head.update(chunk[: self._left])
            self._left -= len(chunk)

    def _open(self) -> BinaryIO:
        return _Tee(self._opener(), self)  # type: ignore[return-value]


class _Tee:
    """The reading half of a binary file, which tells a hash what passes."""

    def __init__(self, stream: BinaryIO, hashed: _HashedSource) -> None:
        self._stream = stream
        self._hashed = hashed

    def read(self, size: int = -1) -> bytes:
        chunk = self._stream.read(size)
        self._hashed.update(chunk)
        return chunk

    def close(self) -> None:
        self._stream.close()

    def __enter__(self) -> _Tee:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _known_files(store: Store) -> dict[tuple[int, str], dict[str, Any]]:
    """Whole loads by size and head of their file."""
    return {
        (load["bytes"], load["head_sha256"]): load
        for load in store.loads()
        if load.get("final") and load.get("head_sha256")
    }


def _repeated(before: Mapping[str, Any], source: Source) -> SourceReport:
    held = before["spans_read"]
    return SourceReport(
        source.path,
        sha256=before["sha256"],
        format=before["format"],
        bytes=before["bytes"],
        spans_read=held,
        spans_duplicate=held,
        status="loaded_before",
    )


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


def _count(report: SourceReport, fresh: Fresh, requests: pl.DataFrame, tally: Tally) -> None:
    report.spans_stored += fresh.stored
    report.spans_duplicate += fresh.duplicate
    report.traces_touched += len(fresh.traces)
    report.requests_touched += requests.height
    report.spans_rejected = tally.spans_rejected
    report.spans_read = report.spans_stored + report.spans_duplicate + report.spans_rejected
    report.format, report.bytes = tally.format, tally.bytes


def _finish(
    report: SourceReport, tally: Tally, hashed: _HashedSource, *, known_before: bool
) -> None:
    report.sha256 = tally.sha256
    report.file_sha256, report.head_sha256 = hashed.whole(), hashed.head()
    report.spans_read = tally.spans_read
    report.records_rejected = tally.records_rejected
    report.other_signals = dict(tally.other_signals)
    report.warnings = [dict(vars(each)) for each in tally.warnings.values()]
    report.rejects = [dict(vars(each)) for each in tally.rejects[:REJECTS_SHOWN]]
    incomplete = tally.spans_rejected or tally.records_rejected
    report.status = "partly_loaded" if incomplete else "loaded"
    if known_before and not report.spans_stored:
        report.status = "loaded_before"


def _aliases(old: pl.DataFrame, new: pl.DataFrame) -> dict[str, str]:
    """Superseded request ids, each with the request that now holds its span."""
    gone = old.join(new.select("request_id"), on="request_id", how="anti")
    held = new.select("trace_id", span="span_ids", successor="request_id").explode("span")
    moved = gone.select("request_id", "trace_id", span="span_ids").explode("span")
    pairs = moved.join(held, on=["trace_id", "span"]).unique("request_id", keep="first")
    return dict(pairs.select("request_id", "successor").iter_rows())
