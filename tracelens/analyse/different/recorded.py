"""Further attributes of requests, read from the store when somebody asks what else differs."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from typing import Any, Final

import numpy as np
import polars as pl

from tracelens.analyse.different.population import Attribute
from tracelens.store import Store

#: Spans that are looked at in one query: what is in memory at once are their attributes.
SPANS: Final = 50_000
#: Keys that are read where none are named: the most frequent ones.
KEYS: Final = 100
#: A text with more values than that, or more different ones than this share, is an id.
VALUES: Final = 1_000
UNIQUE: Final = 0.9
#: A key of fewer requests can hardly tell anything.
ROWS: Final = 20
#: Longer texts are no categories.
LENGTH: Final = 256

Progress = Callable[[int, int], None]


def different_attributes(
    store: Store,
    ids: pl.Series,
    keys: Collection[str] | None = None,
    progress: Progress | None = None,
) -> tuple[pl.DataFrame, list[Attribute]]:
    """Attributes of the spans that stand for these requests, and of their resources.

    What no mapping reads has no column of its own, and is read here from JSON, some loads at a
    time. Left out are ids (texts with more than 1,000 values, or of which more than 90 % are
    different), what all have alike, lists and objects, and values of more than 256 bytes. Text that
    is a number in some spans is text in all. Memory: 2 bytes per request and key of text, 8 per
    request and key of numbers.

    Args:
        ids: request ids; the rows of the frame are in their order.
        keys: names of attributes; by default the 100 most frequent.
        progress: gets parts done and parts in all, after each.

    Returns the columns, named `attribute.<key>` or `resource.<key>`, and how to ask them.

    Raises Cancelled inside of a cancelled `store.Cancellation`.
    """
    places = pl.DataFrame({"request_id": ids}).with_row_index("row")
    parts = _parts(store)
    done, total = 0, 2 * len(parts)
    kinds: dict[tuple[str, str], tuple[int, bool]] = {}
    for bounds in parts:
        _count_keys(store.query(_KEYS, bounds), kinds)
        done += 1
        _tell(progress, done, total)
    columns = _chosen(kinds, keys, len(ids))
    wanted = sorted({key for _, key in columns})
    for bounds in parts:
        if wanted:
            found = store.query(_VALUES, {**bounds, "keys": wanted, "length": LENGTH})
            _fill(columns, found.join(places, on="request_id"))
        done += 1
        _tell(progress, done, total)
    return _frame(columns)


def _tell(progress: Progress | None, done: int, total: int) -> None:
    if progress is not None:
        progress(done, total)


def _parts(store: Store) -> list[dict[str, int]]:
    """First and last load of each part."""
    loads = store.query("select load, count(*) as n from spans group by load order by load")
    return list(_grouped(loads.rows()))


def _grouped(loads: list[tuple[int, int]]) -> Iterator[dict[str, int]]:
    first, spans = None, 0
    for at, (load, count) in enumerate(loads):
        first, spans = load if first is None else first, spans + count
        if spans >= SPANS or at == len(loads) - 1:
            yield {"first": first, "last": load}
            first, spans = None, 0


def _count_keys(rows: pl.DataFrame, kinds: dict[tuple[str, str], tuple[int, bool]]) -> None:
    for source, key, count, number in rows.iter_rows():
        before, numbers = kinds.get((source, key), (0, True))
        kinds[source, key] = before + count, numbers and number


class _Texts:
    """A column of text as codes, null is 0; given up when there are too many values."""

    def __init__(self, rows: int) -> None:
        self.codes = np.zeros(rows, np.uint16)
        self.labels: dict[str, int] = {}
        self.dropped = False

    def fill(self, rows: Any, values: pl.Series) -> None:
        """Values of some rows."""
        if self.dropped:
            return
        for label in values.unique().to_list():
            self.labels.setdefault(label, len(self.labels) + 1)
        if len(self.labels) > VALUES:
            self.dropped, self.labels, self.codes = True, {}, np.zeros(0, np.uint16)
            return
        codes = values.replace_strict(self.labels, return_dtype=pl.UInt16)
        self.codes[rows] = codes.to_numpy()

    def series(self) -> pl.Series | None:
        """The column, unless it tells nothing."""
        known = int(np.count_nonzero(self.codes))
        counts = len(self.labels)
        if self.dropped or not known or (known > ROWS and counts > UNIQUE * known):
            return None
        if counts == 1 and known == len(self.codes):
            return None
        # Values that are there twice would be no categories: null is none of them.
        labels = pl.Series(list(self.labels), dtype=pl.Enum(list(self.labels)))
        codes = pl.Series(self.codes).cast(pl.Int64) - 1
        return labels.gather(codes.set(codes < 0, None).cast(pl.UInt32))


class _Numbers:
    """A column of numbers, null is NaN."""

    def __init__(self, rows: int) -> None:
        self.values = np.full(rows, np.nan)

    def fill(self, rows: Any, values: pl.Series) -> None:
        """Values of some rows."""
        self.values[rows] = values.cast(pl.Float64, strict=False).to_numpy()

    def series(self) -> pl.Series | None:
        """The column, unless it tells nothing."""
        known = self.values[np.isfinite(self.values)]
        if not len(known) or (len(known) == len(self.values) and known.min() == known.max()):
            return None
        return pl.Series(self.values, nan_to_null=True)


Columns = dict[tuple[str, str], _Texts | _Numbers]


def _chosen(
    kinds: dict[tuple[str, str], tuple[int, bool]], keys: Collection[str] | None, rows: int
) -> Columns:
    """Empty columns of the keys that are named, or of the most frequent."""
    ranked = sorted(kinds, key=lambda each: (-kinds[each][0], each))
    if keys is None:
        ranked = [each for each in ranked if kinds[each][0] >= ROWS][:KEYS]
    else:
        ranked = [each for each in ranked if each[1] in keys]
    return {each: _Numbers(rows) if kinds[each][1] else _Texts(rows) for each in ranked}


def _fill(columns: Columns, found: pl.DataFrame) -> None:
    # Two spans with one id are two ways to tell of one request: the first counts.
    once = found.unique(["row", "source", "key"], keep="first", maintain_order=True)
    for (source, key), part in once.partition_by(["source", "key"], as_dict=True).items():
        column = columns.get((str(source), str(key)))
        if column is not None:
            column.fill(part["row"].to_numpy(), part["value"])


def _frame(columns: Columns) -> tuple[pl.DataFrame, list[Attribute]]:
    made, attributes = [], []
    for (source, key), column in columns.items():
        series = column.series()
        if series is not None:
            name = f"{source}.{key}"
            made.append(series.alias(name))
            attributes.append(Attribute(key, name))
    return pl.DataFrame(made), attributes


_ROOTS: Final = """
select r.request_id, s.attrs, s.resource_attrs
from spans s join requests r on s.trace_id = r.trace_id and s.span_id = r.request_span_id
where s.load between $first and $last
"""

_PAIRS: Final = """
select request_id, 'attribute' as source, e.key, e.type, e.atom ->> '$' as value
from roots, json_each(roots.attrs) e where e.atom is not null
union all
select request_id, 'resource', e.key, e.type, e.atom ->> '$'
from roots, json_each(roots.resource_attrs) e where e.atom is not null
"""

_KEYS: Final = f"""
with roots as ({_ROOTS}), pairs as ({_PAIRS})
select source, key, count(*) as n, bool_and(type in ('UBIGINT', 'BIGINT', 'DOUBLE')) as number
from pairs where value is not null group by source, key
"""

_VALUES: Final = f"""
with roots as ({_ROOTS}), pairs as ({_PAIRS})
select request_id, source, key, value from pairs
where value is not null and list_contains($keys, key) and strlen(value) <= $length
order by request_id, source, key, value
"""
