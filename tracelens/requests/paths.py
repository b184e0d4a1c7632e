"""The critical path of many requests at once: how long each spent on which stage.

It is the path of `tracelens.requests.critical_path`, level by level instead of span by span. Each
span has a window from what holds it. Of the spans in one window, in order of their ends, those that
start no earlier than one that ends later are off the path; each of the others has the time from its
own start to its own end or the next one's start, whichever comes first. What they leave of a window
is its holder's own time. All in whole nanoseconds.
"""

from __future__ import annotations

from typing import Final

import polars as pl

from tracelens.model import PATH_STAGES
from tracelens.requests.critical_path import CONSUMER, build_tree, nanos_by_stage, sweep
from tracelens.requests.tree import depths, nearest, nearest_above

#: Levels that are swept at once; requests with deeper trees are swept one by one.
LEVELS: Final = 48

PATH_MS: Final = pl.Struct({stage: pl.Float64() for stage in PATH_STAGES})
RESIDUAL: Final = PATH_STAGES[-1]
_RESIDUAL: Final = pl.lit(RESIDUAL)

_SPENT: Final = {"slot": pl.UInt32(), "stage": pl.String(), "nanos": pl.Int64()}
_COLUMNS: Final = (
    *("trace_id", "span_id", "parent_span_id", "kind", "stage"),
    *("start_unix_nano", "end_unix_nano"),
)


def path_times(spans: pl.DataFrame, requests: pl.DataFrame) -> pl.Series:
    """`path_ms` of each request: a struct of milliseconds by `PATH_STAGES`, in the order given.

    A stage that no finished span shows is null, one that ran beside the path 0. What no stage
    accounts for is `residual`. They add up to the duration; all are null where it is not known.

    Args:
        spans: the frame of `assign_requests`, row by row.
        requests: `request, start, end` in ns.
    """
    bounds = requests.select("request", low="start", high="end").with_row_index("slot")
    bounds = bounds.filter(pl.col("high") >= pl.col("low"))
    nodes = _nodes(spans, bounds)
    deep = nodes.filter("deep").get_column("slot").unique()
    flat = bounds.join(deep.to_frame(), on="slot", how="anti")
    spent = pl.concat([_swept(_opened(nodes), flat), _one_by_one(spans, bounds, deep)])
    return _told(spent, nodes, bounds, requests.height)


def _nodes(spans: pl.DataFrame, bounds: pl.DataFrame) -> pl.DataFrame:
    """Spans that hold time: `slot` of the request, `stage`, `start`, `end`, `up`, `level`.

    `up` is the row, in this frame, of the nearest span above that ends no earlier, null for the
    request itself; `deep` where too many spans were above it.
    """
    request, row = spans.get_column("request"), spans.get_column("parent_row")
    inside = (request == request.gather(row)).fill_null(False)
    parent = pl.select(pl.when(inside).then(row)).to_series()
    placed = spans.select(
        "request", "kind", start="start_unix_nano", end="end_unix_nano", stage="stage"
    ).join(bounds, on="request", how="left", maintain_order="left")
    late = ((pl.col("kind") == CONSUMER) & (pl.col("end") > pl.col("high"))).fill_null(False)
    staged = placed.get_column("stage").is_not_null()
    placed = placed.with_columns(
        left_out=_below(parent, placed.select(late).to_series()),
        stage=placed.get_column("stage").gather(nearest(parent, staged)).fill_null(RESIDUAL),
    )
    holds = pl.col("slot").is_not_null() & (pl.col("end") > pl.col("start")) & ~pl.col("left_out")
    usable = placed.select(holds.fill_null(False)).to_series()
    number = (usable.cum_sum() - 1).cast(pl.UInt32)
    up = number.gather(nearest_above(parent, usable))
    nodes = placed.select("slot", "stage", "start", "end").with_columns(up=up).filter(usable)
    nodes = _lifted(nodes.with_columns(deep=depths(nodes.get_column("up")) >= LEVELS))
    return nodes.with_columns(level=depths(nodes.get_column("up")))


def _below(parent: pl.Series, marked: pl.Series) -> pl.Series:
    """Whether a row or one above it is marked."""
    return nearest(parent, marked).is_not_null() if marked.any() else marked


def _lifted(nodes: pl.DataFrame) -> pl.DataFrame:
    """Spans that end after what holds them, below the nearest one that ends no earlier."""
    up, end = nodes.get_column("up"), nodes.get_column("end")
    for _ in range(LEVELS):
        early = (end.gather(up) < end).fill_null(False)
        if not early.any():
            break
        up = pl.select(pl.when(early).then(up.gather(up)).otherwise(up)).to_series()
    return nodes.with_columns(up=up)


def _opened(nodes: pl.DataFrame) -> pl.DataFrame:
    """What holds a span begins no later than it."""
    up = nodes.get_column("up")
    start = nodes.get_column("start")
    for _ in range(LEVELS):
        early = (start < start.gather(up)).fill_null(False)
        if not early.any():
            break
        first = pl.DataFrame({"up": up, "first": start}).filter(early)
        first = first.group_by("up").agg(pl.col("first").min())
        rows = pl.DataFrame({"row": pl.int_range(len(up), dtype=pl.UInt32, eager=True)})
        opened = rows.join(first, left_on="row", right_on="up", how="left", maintain_order="left")
        start = pl.select(pl.min_horizontal(start, opened.get_column("first"))).to_series()
    return nodes.with_columns(start=start)


def _swept(nodes: pl.DataFrame, bounds: pl.DataFrame) -> pl.DataFrame:
    """`slot, stage, nanos`: the time of each span on the path that is its own, not its children's.

    `bounds` has the windows of the requests that these nodes belong to.
    """
    count = nodes.height
    # One key for what holds a span, be it another one or the request.
    holders = nodes.with_row_index("row").with_columns(
        holder=pl.coalesce("up", pl.col("slot") + count)
    )
    ordered = holders.sort(["end", "start", "row"], descending=[True, True, False])
    windows = bounds.select("low", "high", stage=_RESIDUAL, holder=pl.col("slot") + count)
    taken = [bounds.select("slot", stage=_RESIDUAL, nanos=pl.col("high") - pl.col("low"))]
    for level in range(LEVELS):
        below = ordered.filter(pl.col("level") == level)
        if below.is_empty():
            break
        on_path = _in_windows(below, windows)
        taken.append(on_path.select("slot", "stage", nanos=pl.col("high") - pl.col("low")))
        # What a span has on the path is not its holder's.
        taken.append(on_path.select("slot", stage="held_by", nanos=pl.col("low") - pl.col("high")))
        windows = on_path.select("low", "high", "stage", holder="row")
    spent = pl.concat(taken).group_by("slot", "stage").agg(pl.col("nanos").sum())
    return spent.match_to_schema(pl.Schema(_SPENT))


def _in_windows(below: pl.DataFrame, windows: pl.DataFrame) -> pl.DataFrame:
    """Of spans sorted by end, the last first, those on the path, with windows of their own."""
    held = below.join(
        windows.rename({"stage": "held_by"}), on="holder", how="inner", maintain_order="left"
    ).filter((pl.col("start") < pl.col("high")) & (pl.col("end") > pl.col("low")))
    taken_from = pl.col("start").cum_min().shift(1).over("holder")
    return held.with_columns(
        low=pl.max_horizontal("start", "low"),
        high=pl.min_horizontal("end", "high", taken_from),
    ).filter(pl.col("high") > pl.col("low"))


def _one_by_one(spans: pl.DataFrame, bounds: pl.DataFrame, slots: pl.Series) -> pl.DataFrame:
    """`slot, stage, nanos` of requests whose trees are too deep to be swept level by level."""
    rows: list[tuple[int, str, int]] = []
    chosen = bounds.filter(pl.col("slot").is_in(slots.implode())) if len(slots) else bounds.clear()
    for slot, request, low, high in chosen.select("slot", "request", "low", "high").iter_rows():
        own = spans.filter(pl.col("request") == request).select(_COLUMNS)
        pieces, _ = sweep(build_tree(own.rows(named=True), low, high))
        rows += [(slot, stage, nanos) for stage, nanos in nanos_by_stage(pieces).items()]
    return pl.DataFrame(rows, schema=_SPENT, orient="row")


def _told(
    spent: pl.DataFrame, nodes: pl.DataFrame, bounds: pl.DataFrame, requests: int
) -> pl.Series:
    """The milliseconds of each request by stage; null for a stage that no span shows."""
    nanos = pl.col("nanos")
    shown = nodes.group_by("slot").agg(pl.col("stage").unique().alias("shown"))
    told = spent.group_by("slot").agg(
        nanos.filter(pl.col("stage") == stage).sum().alias(stage) for stage in PATH_STAGES
    )
    rows = pl.DataFrame({"slot": pl.int_range(requests, dtype=pl.UInt32, eager=True)})
    rows = rows.join(bounds.select("slot", known=pl.lit(True)), on="slot", how="left")
    rows = rows.join(told, on="slot", how="left").join(shown, on="slot", how="left").sort("slot")
    there = {stage: pl.col("shown").list.contains(stage).fill_null(False) for stage in PATH_STAGES}
    there[RESIDUAL] = pl.lit(True)
    path = pl.struct(
        pl.when(there[stage]).then((pl.col(stage) / 1e6).round(6)).alias(stage)
        for stage in PATH_STAGES
    )
    return rows.select(
        path_ms=pl.when(pl.col("known").fill_null(False)).then(path.cast(PATH_MS))
    ).to_series()
