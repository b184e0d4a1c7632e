"""Sweeping: delete what killed processes left behind and what compactions replaced."""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from typing import Final

from tracelens.store.engine import SPILL
from tracelens.store.flat import copy_name
from tracelens.store.log import Log
from tracelens.store.segments import SEGMENT_FOLDER
from tracelens.store.stage import sweep_stages

#: Seconds for which a file without a use is kept: longer than any query that may still read it.
GRACE: Final = 3600.0


def sweep(store: Path, log: Log, *, grace: float = GRACE) -> None:
    """Clean the folders of a store; the caller holds the writer lock."""
    oldest = time.time() - grace
    _sweep_segments(store / SEGMENT_FOLDER, log, oldest)
    for draft in store.glob(".tmp-*"):
        draft.unlink(missing_ok=True)
    sweep_stages(store, oldest=oldest)
    for folder in store.glob(SPILL + "*"):
        if _newest(folder) < oldest:
            shutil.rmtree(folder, ignore_errors=True)


def _sweep_segments(folder: Path, log: Log, oldest: float) -> None:
    known = log.files()
    replaced = [name for name, gone in known.items() if gone is not None and gone < oldest]
    used = known.keys() | {copy_name(name) for name in known}
    unused = {*replaced, *map(copy_name, replaced)}
    for path in folder.iterdir():
        # Drafts are written under the lock, which we hold: the writer of any other is dead.
        stray = path.name not in used and path.stat().st_mtime < oldest
        if path.name.startswith(".tmp-") or stray or path.name in unused:
            path.unlink(missing_ok=True)
    if replaced:
        log.forget(replaced)


def _newest(folder: Path) -> float:
    try:
        return max(path.stat().st_mtime for path in (folder, *folder.glob("*")))
    except OSError:
        return time.time()  # its owner is deleting it right now
