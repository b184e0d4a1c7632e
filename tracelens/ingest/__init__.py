"""Loads dumps into a store: the one place where read, normalise and store meet."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from tracelens.errors import InputError, LimitError
from tracelens.ingest.relocate import Located, relocate
from tracelens.ingest.report import LoadReport, Progress, SourceReport
from tracelens.ingest.run import Run
from tracelens.ingest.samples import find_samples
from tracelens.ingest.sources import Upload, find_sources
from tracelens.policy import Policy
from tracelens.store import check_place

__all__ = [
    "LoadReport",
    "Located",
    "Progress",
    "SourceReport",
    "Upload",
    "find_samples",
    "find_sources",
    "ingest",
    "relocate",
]


def ingest(
    paths: Sequence[str | Upload],
    store_path: Path,
    policy: Policy,
    *,
    spans_only: bool = False,
    progress: Callable[[Progress], None] | None = None,
    stop: Callable[[], bool] | None = None,
) -> LoadReport:
    """Load inputs into a store, creating it when there is something to load.

    Args:
        paths: files, folders (all files below), globs, `-` for standard input, or uploads.
        store_path: folder of the store.
        policy: stage rules, expectations and limits.
        spans_only: store spans without judging requests.
        progress: called now and then while reading.
        stop: asked before each input; when true, what was read is kept and the rest is not read.

    Raises:
        InputError: no input held anything that could be loaded; names the first reason.
        StoreError: the store is busy, damaged or newer, or the folder holds something else.
    """
    started = time.monotonic()
    check_place(store_path)
    run = Run(store_path, policy, spans_only, progress)
    report = LoadReport(str(store_path))
    try:
        sources = list(find_sources(paths, policy.limits))
        for number, source in enumerate(sources, 1):
            if stop is not None and stop():
                break
            report.sources.append(run.load(source, number, len(sources)))
        run.flush()
        report.unlearned = run.unlearned()
    finally:
        run.close()
    if run.refused and all(each.status == "refused" for each in report.sources):
        raise run.refused[0] if len(run.refused) == 1 else _nothing(run.refused)
    report.seconds = time.monotonic() - started
    return report


def _nothing(refused: Sequence[InputError]) -> InputError:
    first = sorted(refused, key=lambda error: not isinstance(error, LimitError))
    lines = "\n".join(f"  {error}" for error in first[:10])
    more = f"\n  and {len(refused) - 10} more" if len(refused) > 10 else ""
    return InputError(f"none of the {len(refused)} inputs could be loaded:\n{lines}{more}")
