"""Stops queries that nobody waits for any longer: somebody pressed Stop, or left the page."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import duckdb

from tracelens.errors import Cancelled

_CURRENT: ContextVar[Cancellation | None] = ContextVar("cancellation", default=None)


class Cancellation:
    """A way to stop, from any thread, the queries that one thread makes inside `with`."""

    def __init__(self) -> None:
        self._turn = threading.Lock()
        self._cursors: set[duckdb.DuckDBPyConnection] = set()
        self._wanted = False
        self._before: Any = None

    def __enter__(self) -> Cancellation:
        self._before = _CURRENT.set(self)
        return self

    def __exit__(self, *_: object) -> None:
        _CURRENT.reset(self._before)

    def cancel(self) -> None:
        """Stop the query that runs; it, and every one after it, raises Cancelled."""
        with self._turn:
            self._wanted = True
            for cursor in self._cursors:
                cursor.interrupt()

    def check(self) -> None:
        """Raise Cancelled if somebody asked for it."""
        if self._wanted:
            raise Cancelled("the query was stopped")

    @contextmanager
    def _watch(self, cursor: duckdb.DuckDBPyConnection) -> Iterator[None]:
        with self._turn:
            self.check()
            self._cursors.add(cursor)
        try:
            yield
        except duckdb.InterruptException:
            self.check()
            raise
        finally:
            with self._turn:
                self._cursors.discard(cursor)


def check_cancelled() -> None:
    """Raise Cancelled if somebody asked for it: for work that no cursor does."""
    current = _CURRENT.get()
    if current is not None:
        current.check()


@contextmanager
def cancellable(cursor: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Let the cancellation in force, if there is one, stop what this cursor runs."""
    current = _CURRENT.get()
    if current is None:
        yield
        return
    with current._watch(cursor):
        yield
