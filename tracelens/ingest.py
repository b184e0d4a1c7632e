"""Loads dumps into a store: read, normalise, stage, then locate and commit part by part."""

from __future__ import annotations

import glob
import hashlib
import os
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
from tracelens.store import Fresh, LoadEntry, Stage, Store, Writer

#: Decompressed bytes after which a commit is made: parts of a large input, or some small ones.
PART_BYTES: Final = 250 * 1024**2
#: Spans that are normalised at once.
NORMALISE_ROWS: Final = 20_000
HEAD_BYTES: Final = 64 * 1024
#: The file that makes a folder a store.
STORE_LOG: Final = "log.sqlite"
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
        run.flush()
    finally:
        run.close()
    if run.refused and all(each.status == "refused" for each in report.sources):
        raise run.refused[0] if len(run.refused) == 1 else _nothing(run.refused)
    report.seconds = time.monotonic() - started
    return report


def find_sources(paths: Sequence[str]) -> Iterator[Source]:
    """The inputs that paths, folders and globs name, each once, in order.

    A path that leads to nothing is an input too, one that cannot be opened: the others load.
    """
    seen: set[str] = set()
    for path in paths:
        for source in [Source("-", _standard_input)] if path == "-" else _sources(path):
            real = source.path if path == "-" else os.path.realpath(source.path)
            if real not in seen:
                seen.add(real)
                yield source


def _standard_input() -> BinaryIO:
    if sys.stdin is None:
        raise InputError("-: standard input is closed. Pipe a dump to it, or name a file.")
    return sys.stdin.buffer


def _sources(path: str) -> Iterator[Source]:
    try:
        here = Path(path)
        if here.is_dir():
            yield from _folder(here)
        elif not here.exists() and glob.has_magic(path):
            found = sorted(glob.glob(path, recursive=True))
            if not found:
                raise InputError(
                    f"{path}: the pattern matches no file. Check it, or name the file."
                )
            for each in found:
                yield from _sources(each)
        else:
            yield file_source(here)
    except InputError as error:
        yield _unopened(path, error)
    except OSError as error:
        yield _unopened(path, _unreadable(path, error))


def _folder(folder: Path) -> Iterator[Source]:
    """The files below a folder; hidden ones and those of a store are no dumps."""
    if _is_store(folder):
        raise InputError(
            f"{folder}: this is a store, not a folder of dumps. Read it with"
            f" `tracelens failures --store {folder}`."
        )
    errors: list[OSError] = []
    count = 0
    for where, folders, names in os.walk(folder, onerror=errors.append):
        here = Path(where)
        folders[:] = sorted(n for n in folders if n[:1] != "." and not _is_store(here / n))
        for file in (here / name for name in sorted(names) if not name.startswith(".")):
            if file.is_file():
                count += 1
                yield from _sources(str(file))
    for error in errors:
        yield _unopened(str(error.filename), _unreadable(str(error.filename), error))
    if not count and not errors:
        raise InputError(f"{folder}: the folder holds no files. Name a folder with trace dumps.")


def _is_store(folder: Path) -> bool:
    return (folder / STORE_LOG).is_file() and (folder / "segments").is_dir()


def _unreadable(path: str, error: OSError) -> InputError:
    return InputError(
        f"{path}: cannot be read ({error.strerror or error}). Check path and permissions."
    )


def _unopened(path: str, error: InputError) -> Source:
    """An input that gives its reason instead of bytes."""

    def refuse() -> BinaryIO:
        raise error

    return Source(path, refuse)


def _nothing(refused: Sequence[InputError]) -> InputError:
    lines = "\n".join(f"  {error}" for error in refused[:10])
    more = f"\n  and {len(refused) - 10} more" if len(refused) > 10 else ""
    return InputError(f"none of the {len(refused)} inputs could be loaded:\n{lines}{more}")


class _Run:
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
        self._group = _Group()
        self._loaded: set[str] = set()  # decompressed hashes of this ingest

    def close(self) -> None:
        self._group.close()
        if self._store is not None:
            self._store.close()

    def load(self, source: Source, number: int, of: int) -> SourceReport:
        """Read one input; its report is complete once `flush` was called."""
        before = self._before(source)
        if before is not None:
            return _repeated(before, source)
        hashed = _HashedSource(source)
        reader = read_spans(hashed.source, promoted_keys(), self.policy.limits)
        report = SourceReport(source.path)
        self._group.open(_Input(report, reader.tally, hashed))
        try:
            for batch in _watched(reader, source, number, of, self.progress):
                if self._group.is_full(reader.tally.decompressed_bytes):
                    self._commit(final=False)
                self._group.add(batch)
                if self._group.rows >= NORMALISE_ROWS:
                    self._group.spill(self.store(), self.policy)
        except InputError as error:
            self._refuse(error, reader)
        if self._group.is_full(reader.tally.decompressed_bytes):
            self.flush()
        return report

    def flush(self) -> None:
        """Commit what was read and is not yet stored."""
        if self._group.holds_something() or (self._group.inputs and self._has_store()):
            self._commit(final=True)

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
        self._group = _Group() if final else group.rest()
        group.spill(self.store(), self.policy)
        last = None if final else group.inputs[-1]
        with group.stage or self.store().stage() as stage, self.store().writer() as writer:
            fresh = writer.fresh(stage)
            requests, traces, aliases = self._judge(writer, fresh)
            for number, each in enumerate(group.inputs):
                each.count(fresh.stored_by_source.get(number, 0))
                if each is not last:
                    each.finish(seen=self._seen(each))
            _touch(group, fresh, requests)
            entries = [each.entry(final=each is not last) for each in group.inputs]
            writer.commit(fresh, requests, traces, entries, aliases=aliases)

    def _seen(self, each: _Input) -> bool:
        """Whether a dump with these decompressed bytes was loaded before, in whatever wrapping."""
        sha256 = each.tally.sha256
        if sha256 is None:
            return False
        again = sha256 in self._loaded
        self._loaded.add(sha256)
        return again or self.store().known_dump(sha256) is not None

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


@dataclass
class _Input:
    """One input of a group: its report, what the reader counted, and its hashes."""

    report: SourceReport
    tally: Tally
    hashed: _HashedSource
    refusal: InputError | None = None

    def count(self, stored: int) -> None:
        """Add what a commit stored of it; the counts add up at any time."""
        report, tally = self.report, self.tally
        report.spans_stored += stored
        report.spans_read, report.spans_rejected = tally.spans_read, tally.spans_rejected
        report.spans_duplicate = tally.spans_read - tally.spans_rejected - report.spans_stored
        report.format, report.bytes = tally.format, tally.bytes
        report.status = "partly_loaded"

    def finish(self, *, seen: bool) -> None:
        """Complete the report of an input that was read to its end, or as far as it could be."""
        report, tally = self.report, self.tally
        report.records_rejected = tally.records_rejected
        report.other_signals = dict(tally.other_signals)
        report.warnings = [dict(vars(warning)) for warning in tally.warnings.values()]
        report.rejects = self.rejects()[:REJECTS_SHOWN]
        if self.refusal is not None:
            report.status = "partly_loaded" if tally.spans_read else "refused"
            return
        report.sha256 = tally.sha256
        report.file_sha256, report.head_sha256 = self.hashed.whole(), self.hashed.head()
        incomplete = tally.spans_rejected or tally.records_rejected
        report.status = "partly_loaded" if incomplete else "loaded"
        if seen and not report.spans_stored:
            report.status = "loaded_before"

    def rejects(self) -> list[dict[str, str]]:
        """What was not loaded: first why the whole was given up, if it was."""
        refusal = self.refusal
        whole = [{"at": "", "reason": str(refusal), "excerpt": ""}] if refusal else []
        return whole + [dict(vars(each)) for each in self.tally.rejects]

    def entry(self, *, final: bool) -> LoadEntry:
        """What the log keeps of it; a dump that was given up does not count as known."""
        rejects = self.rejects() if final else []
        return LoadEntry(self.report.as_dict(), rejects, final=final and self.refusal is None)


class _Group:
    """Spans of some inputs that will be committed together, staged as they come."""

    def __init__(self) -> None:
        self.inputs: list[_Input] = []
        self.stage: Stage | None = None
        self.rows = 0  # read and not yet staged
        self._batches: list[tuple[pl.DataFrame, int]] = []
        self._begun = 0  # decompressed bytes of the open input that earlier groups took
        self._bytes = 0  # of the inputs that are complete

    def open(self, each: _Input) -> None:
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

    def is_full(self, read: int) -> bool:
        """Whether the group should be committed, `read` bytes into the open input."""
        some = bool(self.rows or self.stage)
        return some and self._bytes + read - self._begun >= PART_BYTES

    def rest(self) -> _Group:
        """The group in which the open input goes on."""
        group = _Group()
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


def _touch(group: _Group, fresh: Fresh, requests: pl.DataFrame) -> None:
    """Count traces and requests at the input that brought most: they may come from several."""
    stored = fresh.stored_by_source
    if stored:
        report = group.inputs[max(stored, key=lambda number: stored[number])].report
        report.traces_touched += len(fresh.traces)
        report.requests_touched += requests.height


def _aliases(old: pl.DataFrame, new: pl.DataFrame) -> dict[str, str]:
    """Superseded request ids, each with the request that now holds its span."""
    gone = old.join(new.select("request_id"), on="request_id", how="anti")
    held = new.select("trace_id", span="span_ids", successor="request_id").explode("span")
    moved = gone.select("request_id", "trace_id", span="span_ids").explode("span")
    pairs = moved.join(held, on=["trace_id", "span"]).sort("request_id", "successor")
    pairs = pairs.unique("request_id", keep="first")
    return dict(pairs.select("request_id", "successor").iter_rows())
