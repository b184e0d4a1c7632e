"""Compaction: many small segments become one, so that a lookup opens few files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tracelens.store.engine import Engine
from tracelens.store.live import install_kind, install_live
from tracelens.store.log import Kind, Live, Log, Segment
from tracelens.store.segments import (
    SEGMENT_FOLDER,
    all_columns,
    columns_json,
    copy_rows,
    draft_name,
    final_name,
    sync_path,
)

SEGMENTS_KEPT: Final = 50  # live ones per kind
SEGMENTS_MERGED: Final = 40  # the smallest at a time: a large one is rewritten seldom

_KINDS: Final[tuple[Kind, ...]] = ("spans", "requests")
_LAST_KEY: Final[dict[Kind, str]] = {"spans": "span_id", "requests": "request_id"}


def compact(store: Path, log: Log) -> None:
    """Merge the smallest segments of each kind that has too many; holds the writer lock."""
    for kind in _KINDS:
        live = log.live()
        if len(live.of(kind)) > SEGMENTS_KEPT:
            _merge_smallest(store, log, live, kind)


def _merge_smallest(store: Path, log: Log, live: Live, kind: Kind) -> None:
    old = sorted(live.of(kind), key=lambda each: each.rows)[:SEGMENTS_MERGED]
    engine = Engine(store)
    try:
        install_live(engine, store, live)
        install_kind(engine, store, kind, old)
        new = _write_merged(engine, store, kind, old)
    finally:
        engine.close()
    log.replace(old, new)


def _write_merged(engine: Engine, store: Path, kind: Kind, old: Sequence[Segment]) -> Segment:
    """Write the live rows of these segments to one file; each row keeps its generation."""
    generation = max(each.generation for each in old)
    folder = store.absolute() / SEGMENT_FOLDER
    draft = folder / draft_name(kind, generation)
    rows = f"from live.{kind} order by trace_id, start_unix_nano, {_LAST_KEY[kind]}"
    engine.run(copy_rows(rows, draft))
    sync_path(draft)
    path = draft.rename(folder / final_name(draft.name))
    sync_path(folder)
    return Segment(
        path.name,
        kind,
        generation,
        int(engine.frame(f"select count(*) as rows from live.{kind}")["rows"][0]),
        path.stat().st_size,
        min((each.first_start for each in old if each.first_start is not None), default=None),
        max((each.last_start for each in old if each.last_start is not None), default=None),
        sum(each.null_starts for each in old),
        columns_json(all_columns(kind, old)),
    )
