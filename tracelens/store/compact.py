"""Compaction: many small segments become one, so that a lookup opens few files."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Final

from tracelens.store.checksum import damage_of, sha256_of
from tracelens.store.engine import Engine
from tracelens.store.flat import copy_name, copy_segment
from tracelens.store.keys import keys_of
from tracelens.store.live import install_kind, install_live
from tracelens.store.log import Checksum, Kind, Live, Log, Segment
from tracelens.store.segments import (
    SEGMENT_FOLDER,
    all_columns,
    columns_json,
    copy_rows,
    draft_name,
    final_name,
    parse_types,
    relation,
    sync_path,
)

SEGMENTS_KEPT: Final = 50  # live ones per kind
SEGMENTS_MERGED: Final = 40  # the smallest at a time: a large one is rewritten seldom

_KINDS: Final[tuple[Kind, ...]] = ("spans", "requests")
_LAST_KEY: Final[dict[Kind, str]] = {"spans": "span_id", "requests": "request_id"}


def compact(store: Path, log: Log) -> None:
    """Merge the smallest segments of each kind that has too many; holds the writer lock."""
    for kind in _KINDS:
        # A turn of many commits leaves more than one round can merge.
        while len((live := log.live()).of(kind)) > SEGMENTS_KEPT:
            old = _smallest(store, log, _largest_group(live.of(kind)))
            if len(old) < 2:
                break
            _merge(store, log, live, kind, old)


def _largest_group(segments: Sequence[Segment]) -> Sequence[Segment]:
    """The largest group of segments that agree on the type of every promoted column.

    The others cannot be merged with them: a text that is no number would be lost in a column of
    numbers, and what is exact in its column is nowhere else.
    """
    types: dict[str, set[str]] = defaultdict(set)
    for text in {each.columns for each in segments}:
        for name, type_ in parse_types(text).items():
            types[name].add(type_)
    disputed = [name for name, found in types.items() if len(found) > 1]
    groups: dict[tuple[str | None, ...], list[Segment]] = defaultdict(list)
    for each in segments:
        groups[tuple(parse_types(each.columns).get(name) for name in disputed)].append(each)
    return max(groups.values(), key=len)


def _smallest(store: Path, log: Log, alike: Sequence[Segment]) -> list[Segment]:
    """The segments to merge; a damaged one stays apart, where its checksum still tells."""
    checksums = log.checksums()
    ordered = iter(sorted(alike, key=lambda each: each.rows))
    whole = (each for each in ordered if damage_of(store / SEGMENT_FOLDER, each, checksums) is None)
    return list(islice(whole, SEGMENTS_MERGED))


def _merge(store: Path, log: Log, live: Live, kind: Kind, old: Sequence[Segment]) -> None:
    kept = [each for each in live.of(kind) if each not in old]
    engine = Engine(store)
    try:
        install_live(engine, store, live)
        install_kind(engine, store, kind, old)
        new = _write_merged(engine, store, kind, old)
        done = _done_tombstones(engine, store, kept) if kind == "requests" else []
    finally:
        engine.close()
    folder = store / SEGMENT_FOLDER
    checksum = Checksum(new.name, sha256_of(folder / new.name))
    log.replace(old, new, keys_of(new, folder), checksum, done)


def _done_tombstones(engine: Engine, store: Path, kept: Sequence[Segment]) -> list[str]:
    """Traces whose dead rows are all gone: merging left them out, and no other segment has any."""
    columns = {"trace_id": "VARCHAR", "generation": "BIGINT"}
    rows = relation("requests", store.absolute() / SEGMENT_FOLDER, kept, columns)
    return engine.frame(
        f"select trace_id from live.tombstones anti join ({rows}) stored"
        " on stored.trace_id = tombstones.trace_id and stored.generation < tombstones.generation"
    )["trace_id"].to_list()


def _write_merged(engine: Engine, store: Path, kind: Kind, old: Sequence[Segment]) -> Segment:
    """Write the live rows of these segments to one file; each row keeps its generation."""
    generation = max(each.generation for each in old)
    folder = store.absolute() / SEGMENT_FOLDER
    draft = folder / draft_name(kind, generation)
    rows = f"from live.{kind} order by trace_id, start_unix_nano, {_LAST_KEY[kind]}"
    engine.run(copy_rows(kind, rows, draft))
    sync_path(draft)
    if kind == "requests":
        copy = folder / copy_name(draft.name)
        copy_segment(draft, copy, final_name(draft.name))
        sync_path(copy)
        copy.rename(folder / final_name(copy.name))
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
