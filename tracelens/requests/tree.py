"""The span tree as columns: parents by row number, cycles cut, ancestors found by pointer jumping.

Every function works on whole traces at once. Following a pointer of pointers doubles the reach
with each step (Wyllie's list ranking), so a chain of a million spans takes twenty steps and a
hostile one cannot make it take more.
"""

from __future__ import annotations

import polars as pl

#: Steps of pointer jumping: 2**26 ancestors are more than any frame has rows.
STEPS = 26


def with_tree(spans: pl.DataFrame) -> pl.DataFrame:
    """Keep one row per span id, sort, and add `row`, `parent_row`, `depth` and what is odd.

    Of several spans with one id the one with the smallest content hash is kept, so that the
    order of loading does not matter; it is marked `duplicate`. `parent_row` is null for roots,
    for spans whose parent is not there (`orphan`), and where a cycle was cut (`cut`).
    """
    keys = ["trace_id", "span_id"]
    again = pl.all_horizontal(pl.col(key) == pl.col(key).shift(-1) for key in keys)
    unique = (
        spans.sort(*keys, "content_hash")
        .with_columns(duplicate=again.fill_null(False))
        .unique(keys, keep="first", maintain_order=True)
    )
    ordered = unique.sort("trace_id", "start_unix_nano", "span_id").with_row_index("row")
    parents = ordered.select("trace_id", parent_span_id="span_id", parent_row="row")
    joined = ordered.join(
        parents, on=["trace_id", "parent_span_id"], how="left", maintain_order="left"
    )
    orphan = pl.col("parent_span_id").is_not_null() & pl.col("parent_row").is_null()
    tree = joined.with_columns(orphan=orphan)
    parent = _without_cycles(tree)
    cut = pl.col("parent_row").is_not_null() & parent.is_null()
    return tree.with_columns(cut=cut, parent_row=parent, depth=depths(parent))


def nearest(parent: pl.Series, marked: pl.Series) -> pl.Series:
    """For each row, the nearest row among itself and its ancestors that is marked; null if none."""
    rows = pl.int_range(len(parent), dtype=pl.UInt32, eager=True)
    pointer = pl.select(pl.when(marked).then(rows).otherwise(parent)).to_series()
    for _ in range(STEPS):
        further = pointer.gather(pointer)
        if further.equals(pointer):
            break
        pointer = further
    reached = marked.gather(pointer).fill_null(False)
    return pl.select(pl.when(reached).then(pointer)).to_series()


def nearest_above(parent: pl.Series, marked: pl.Series) -> pl.Series:
    """For each row, the nearest strict ancestor that is marked; null if none."""
    return nearest(parent, marked).gather(parent)


def _without_cycles(tree: pl.DataFrame) -> pl.Series:
    """The parent pointers, cut at the earliest span of each cycle."""
    parent = tree.get_column("parent_row")
    lost = nearest(parent, parent.is_null()).is_null()
    if not lost.any():
        return parent
    # Of what never comes to a root, pointers that are followed far enough go round in cycles; the
    # smallest row that is met on the way round is the earliest span of its cycle.
    pointer, first = parent, tree.get_column("row")
    for _ in range(STEPS):
        first = pl.select(pl.min_horizontal(first, first.gather(pointer))).to_series()
        pointer = pointer.gather(pointer)
    ends = pointer.filter(lost).unique()
    cut = first.gather(ends).unique()
    return pl.select(pl.when(~tree.get_column("row").is_in(cut.implode())).then(parent)).to_series()


def depths(parent: pl.Series) -> pl.Series:
    """How many rows are above each; cycles must have been cut."""
    depth = parent.is_not_null().cast(pl.Int64)
    pointer = parent
    for _ in range(STEPS):
        if pointer.null_count() == len(pointer):
            break
        depth = depth + depth.gather(pointer).fill_null(0)
        pointer = pointer.gather(pointer)
    return depth
