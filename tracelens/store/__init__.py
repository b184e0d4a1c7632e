"""Parquet segments, the log that says which are live, and DuckDB views over them."""

from tracelens.store.buffers import column_of
from tracelens.store.cancel import Cancellation
from tracelens.store.log import BugReport
from tracelens.store.lookups import Find
from tracelens.store.neighbours import Reach
from tracelens.store.protocol import LoadEntry
from tracelens.store.snapshot import Snapshot
from tracelens.store.stage import Stage
from tracelens.store.store import Store, check_place
from tracelens.store.verify import Damage
from tracelens.store.writer import Fresh, Writer

__all__ = [
    "BugReport",
    "Cancellation",
    "Damage",
    "Find",
    "Fresh",
    "LoadEntry",
    "Reach",
    "Snapshot",
    "Stage",
    "Store",
    "Writer",
    "check_place",
    "column_of",
]
