"""The writer lock: one process or thread at a time may change a store."""

from __future__ import annotations

import fcntl
import os
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from tracelens.errors import StoreError

PAUSE = 0.02  # seconds between two tries


class WriterLock:
    """An flock on a file: the kernel frees it when its holder dies, so none is ever stale."""

    def __init__(self, path: Path, *, seconds: float) -> None:
        self._path = path
        self._seconds = seconds
        self._handle = -1

    def __enter__(self) -> WriterLock:
        try:
            handle = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise StoreError(f"store {self._path.parent} cannot be written to: {error}") from error
        try:
            self._wait(handle)
        except BaseException:
            os.close(handle)
            raise
        self._handle = handle
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        os.close(self._handle)

    def _wait(self, handle: int) -> None:
        limit = time.monotonic() + self._seconds
        while not try_lock(handle):
            if time.monotonic() >= limit:
                holder = os.pread(handle, 20, 0).decode("ascii", "replace").strip() or "unknown"
                raise StoreError(
                    f"store {self._path.parent} is busy: process {holder} has been writing to it "
                    f"for more than {self._seconds:g} s; try again when it is done"
                )
            time.sleep(PAUSE)
        # The number is for people; on a full disk the lock holds without it.
        with suppress(OSError):
            os.ftruncate(handle, 0)
            os.pwrite(handle, str(os.getpid()).encode(), 0)


def try_lock(handle: int) -> bool:
    """Take the lock on an open file unless somebody else holds it."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
