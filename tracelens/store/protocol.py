"""The commit protocol: the steps in which staged files become segments of the log."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import polars as pl

from tracelens.store.checksum import sha256_of
from tracelens.store.disk import writing
from tracelens.store.flat import copy_name, write_copy
from tracelens.store.keys import keys_of
from tracelens.store.log import (
    BugReport,
    Checksum,
    Entry,
    Load,
    Log,
    Profile,
    Reject,
    Segment,
    SegmentKeys,
)
from tracelens.store.segments import (
    COLUMNS,
    columns_json,
    draft_name,
    final_name,
    sync_path,
    write_requests,
)


@dataclass(frozen=True)
class LoadEntry:
    """What a commit records of one input.

    `report` is kept as JSON; its `sha256` counts as known when this is the `final` part of its
    dump. `rejects` have `at, reason, excerpt`.
    """

    report: Mapping[str, Any]
    rejects: Sequence[Mapping[str, Any]] = ()
    final: bool = True


@dataclass
class Part:
    """A commit on its way: the steps below turn its drafts into segments of the log."""

    folder: Path
    log: Log
    generation: int
    spans: Segment | None
    requests: pl.DataFrame
    judged: Sequence[str]
    entries: Sequence[LoadEntry]
    aliases: Mapping[str, str]
    reports: Sequence[BugReport] = ()
    withdrawn: Sequence[str] = ()
    in_force: Mapping[str, str] | None = None
    profiles: Sequence[Profile] | None = None
    drafts: list[Segment] = field(default_factory=list)
    files: list[str] = field(default_factory=list)  # of the drafts, and the copy of the requests
    keys: list[SegmentKeys] = field(default_factory=list)
    checksums: list[Checksum] = field(default_factory=list)


def write_drafts(part: Part) -> None:
    """Write the requests and their copy beside the spans, under names that nothing reads."""
    if part.spans is not None:
        part.drafts.append(part.spans)
    ordered = None
    if part.requests.height:
        name = draft_name("requests", part.generation)
        ordered = write_requests(part.requests, part.generation, part.folder / name)
        part.drafts.append(_request_segment(part, name))
    for draft in part.drafts:
        name = final_name(draft.name)
        part.keys += [replace(each, segment=name) for each in keys_of(draft, part.folder)]
        part.checksums.append(Checksum(name, sha256_of(part.folder / draft.name)))
        part.files.append(draft.name)
    if ordered is not None:
        copy, final = copy_name(part.files[-1]), final_name(part.files[-1])
        write_copy(ordered, part.folder / copy, final)
        part.files.append(copy)


def sync_drafts(part: Part) -> None:
    """Have the bytes on the disk before anything refers to them."""
    for draft in part.files:
        sync_path(part.folder / draft)


def rename_drafts(part: Part) -> None:
    """Give the files their names; without the log they are still unread."""
    for draft in part.files:
        (part.folder / draft).rename(part.folder / final_name(draft))


def sync_names(part: Part) -> None:
    """Have the names on the disk before the log mentions them."""
    sync_path(part.folder)


def record_part(part: Part) -> None:
    """Enter it all in the log in one transaction: the moment at which the commit exists."""
    part.log.add(
        Entry(
            part.generation,
            [_renamed(draft) for draft in part.drafts],
            part.keys,
            part.checksums,
            part.judged,
            [_load(part.generation, number, each) for number, each in enumerate(part.entries)],
            _repeats(part.entries),
            [
                _reject(part.generation, number, reject)
                for number, each in enumerate(part.entries)
                for reject in each.rejects
            ],
            part.aliases,
            part.requests["request_id"].to_list(),
            part.reports,
            part.withdrawn,
            part.in_force,
            part.profiles,
        )
    )


#: A kill between any two of these leaves files that nothing refers to, and no half commit.
STEPS: tuple[Callable[[Part], None], ...] = (
    write_drafts,
    sync_drafts,
    rename_drafts,
    sync_names,
    record_part,
)


def commit(part: Part) -> None:
    """Take all steps in their order. Raises StoreError when the disk takes no more."""
    with writing(part.folder):
        for step in STEPS:
            step(part)


def _renamed(draft: Segment) -> Segment:
    return replace(draft, name=final_name(draft.name))


def _request_segment(part: Part, name: str) -> Segment:
    starts = part.requests["start_unix_nano"]
    bounds = [each if isinstance(each, int) else None for each in (starts.min(), starts.max())]
    return Segment(
        name,
        "requests",
        part.generation,
        part.requests.height,
        (part.folder / name).stat().st_size,
        bounds[0],
        bounds[1],
        starts.null_count(),
        columns_json(COLUMNS["requests"]),
    )


def _load(generation: int, number: int, entry: LoadEntry) -> Load:
    report = _clean(json.dumps(entry.report, ensure_ascii=False, default=str))
    sha256 = entry.report.get("sha256")
    return Load(generation, number, time.time_ns(), sha256, entry.final, report)


def _repeats(entries: Sequence[LoadEntry]) -> list[tuple[str, str]]:
    reports = (each.report for each in entries)
    return [
        (each["sha256"], _clean(str(each.get("path"))))
        for each in reports
        if each.get("status") == "loaded_before" and each.get("sha256") is not None
    ]


def _reject(generation: int, number: int, row: Mapping[str, Any]) -> Reject:
    at, reason, excerpt = (
        None if row.get(key) is None else _clean(str(row[key]))
        for key in ("at", "reason", "excerpt")
    )
    return Reject(generation, number, at, reason, excerpt)


def _clean(text: str) -> str:
    # File names and excerpts may hold lone surrogates, which no database stores.
    return text.encode("utf-8", "replace").decode("utf-8")
