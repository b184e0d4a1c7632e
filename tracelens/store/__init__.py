"""Parquet segments, the log that says which are live, and DuckDB views over them."""

from tracelens.store.lookups import Find
from tracelens.store.protocol import LoadEntry
from tracelens.store.snapshot import Snapshot
from tracelens.store.stage import Stage
from tracelens.store.store import Store
from tracelens.store.writer import Fresh, Writer

__all__ = ["Find", "Fresh", "LoadEntry", "Snapshot", "Stage", "Store", "Writer"]
