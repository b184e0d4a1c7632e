"""Reads the columns of requests that what-ifs are made of."""

from __future__ import annotations

import numpy as np
import polars as pl

from tracelens.analyse.find import Filters, in_nanos
from tracelens.analyse.tails.choose import Requests, Window, filter_columns, passing
from tracelens.analyse.what_if.baseline import COLUMNS, TIMES, Baseline, Ordered
from tracelens.store import Store


def read_baseline(store: Store, filters: Filters) -> Baseline:
    """The requests that pass the filters, limit and sort aside, ready for what-ifs.

    Raises QueryError when `where` is not one read-only boolean expression.
    """
    names = [*COLUMNS, "start_unix_nano", *filter_columns(filters)]
    frame, kept = store.request_table(list(dict.fromkeys(names)))
    requests = Requests(frame, kept, passing(store, frame, filters))
    window = requests.window(
        *(None if each is None else in_nanos(each) for each in (filters.since, filters.until))
    )
    rows = frame.select(COLUMNS)
    if window.mask is not None:
        rows = rows.filter(pl.Series(window.mask))
    return Baseline(rows, {name: _ordered(window, name) for name in TIMES})


def _ordered(window: Window, name: str) -> Ordered:
    """Rows of the window in order of a time; tails keep that of all requests."""
    rows, values = window.ordered(name)
    return rows if window.mask is None else (np.cumsum(window.mask) - 1)[rows], values
