"""Reads the columns of requests that what-ifs are made of."""

from __future__ import annotations

from collections.abc import Sequence

from tracelens.analyse.find import Filters, in_nanos
from tracelens.analyse.tails.choose import Requests, filter_columns, passing
from tracelens.analyse.what_if.baseline import ALWAYS, Baseline
from tracelens.analyse.what_if.needed import columns_of
from tracelens.analyse.what_if.rules import Rules
from tracelens.store import Store


def read_baseline(store: Store, filters: Filters, rules: Rules | None = None) -> Baseline:
    """The requests that pass the filters, limit and sort aside, ready for what-ifs.

    What only some rules need is read once they are tried; that of `rules` is read at once. Raises
    QueryError when `where` is not one read-only boolean expression.
    """
    bounds = [None if each is None else in_nanos(each) for each in (filters.since, filters.until)]
    names = [*ALWAYS, *columns_of(rules or Rules()), *filter_columns(filters)]
    names += ["start_unix_nano"] if any(each is not None for each in bounds) else []
    frame, kept = store.request_table(list(dict.fromkeys(names)))

    def read(more: Sequence[str]) -> Requests | None:
        columns, now = store.request_table(more)
        # What is kept with columns is another dict once the store has other rows.
        return Requests(columns, kept, None) if now is kept else None

    requests = Requests(frame, kept, passing(store, frame, filters))
    return Baseline(requests.window(*bounds), read)
