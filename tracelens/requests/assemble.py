"""Which spans make one request: a turn, a pair of turns, or a whole trace."""

from __future__ import annotations

import polars as pl

from tracelens.requests.tree import nearest, nearest_above, with_tree

TURNS = ("turn", "user_turn", "agent_turn")

#: A stray transcription belongs to the next turn when that begins within this time, in ns.
STRAY_NANOS = 2_000_000_000


def assign_requests(spans: pl.DataFrame) -> pl.DataFrame:
    """Give every span the request that it belongs to.

    Args:
        spans: `RAW_SPAN` and `CANONICAL_SPAN` columns of whole sessions.

    Returns:
        One row per distinct span id with the tree columns of `with_tree`, `request_trace_id`
        and `request_span_id` (both null for spans around the requests: sessions, set-up), and
        `request` (the two joined, a key within the frame).
    """
    tree = _without_shaky_stages(with_tree(spans))
    marked = tree.get_column("role").is_in(TURNS).fill_null(False)
    parent = tree.get_column("parent_row")
    holder, top = nearest(parent, marked), nearest(parent, parent.is_null())
    tree = tree.with_columns(
        holder_id=tree.get_column("span_id").gather(holder),
        awaited_id=_awaited(tree).gather(top),
        in_turns=(pl.col("role").is_in(TURNS).fill_null(False)).any().over("trace_id"),
    )
    tree = tree.join(_pairs(tree), on=["trace_id", "holder_id"], how="left", maintain_order="left")
    tree = tree.with_columns(
        request_trace_id=pl.col("trace_id"),
        request_span_id=pl.coalesce("paired_id", "holder_id", _without_holder()),
    )
    tree = _stray_moved(tree.drop("paired_id", "holder_id", "awaited_id"))
    return tree.with_columns(
        request=pl.col("request_trace_id") + pl.col("request_span_id"),
        request_trace_id=pl.when(pl.col("request_span_id").is_not_null()).then("request_trace_id"),
    )


def _awaited(tree: pl.DataFrame) -> pl.Series:
    """The id of the missing parent of each orphan: the request keeps it when the parent arrives."""
    return tree.select(pl.when("orphan").then("parent_span_id")).to_series()


def _without_holder() -> pl.Expr:
    """The request of spans under no turn: the turn that has not arrived, or the whole trace."""
    live = pl.col("turn_based").fill_null(False) & pl.col("stage").is_not_null()
    in_traces = ~pl.col("in_turns") & ~pl.col("turn_based").any().over("trace_id")
    return pl.coalesce(pl.when(live).then("awaited_id"), pl.when(in_traces).then(_trace_root()))


def _trace_root() -> pl.Expr:
    """The earliest true root of the trace; without one, the missing parent of the earliest span."""
    root = pl.col("parent_row").is_null() & ~pl.col("orphan")
    first_root = pl.col("span_id").filter(root).first()
    first_missing = pl.col("parent_span_id").filter(pl.col("orphan")).first()
    return pl.coalesce(first_root.over("trace_id"), first_missing.over("trace_id"))


def _without_shaky_stages(tree: pl.DataFrame) -> pl.DataFrame:
    """Drop a stage guessed by a task's name from spans that hold other stages: wrappers."""
    for _ in range(2):
        staged = tree.get_column("stage").is_not_null()
        above = nearest_above(tree.get_column("parent_row"), staged)
        inner = tree.select(
            above=above, other=pl.col("stage") != tree.get_column("stage").gather(above)
        )
        shaky = tree.get_column("stage_by").eq("task_name").fill_null(False)
        rows = inner.filter(pl.col("other").fill_null(False)).get_column("above").unique()
        drop = shaky & tree.get_column("row").is_in(rows.implode())
        if not drop.any():
            break
        tree = tree.with_columns(stage=pl.when(~drop).then("stage"))
    return tree


def _pairs(tree: pl.DataFrame) -> pl.DataFrame:
    """Each agent turn beside the user turn that it answers, by time within the trace.

    An agent turn that names no user input, in a trace where others do, speaks on its own account
    (a greeting, an announcement) and stays a request of its own.
    """
    turns = tree.filter(pl.col("role").is_in(["user_turn", "agent_turn"])).sort(
        "start_unix_nano", "row"
    )
    users = turns.filter(pl.col("role") == "user_turn").select(
        "trace_id", "start_unix_nano", paired_id="span_id"
    )
    named = (pl.col("text_in").is_not_null()).any().over("trace_id")
    agents = turns.filter(pl.col("role") == "agent_turn").filter(
        pl.col("text_in").is_not_null() | ~named
    )
    paired = agents.select("trace_id", "start_unix_nano", holder_id="span_id").join_asof(
        users, on="start_unix_nano", by="trace_id", strategy="backward", check_sortedness=False
    )
    return paired.select("trace_id", "holder_id", "paired_id").drop_nulls()


def _stray_moved(tree: pl.DataFrame) -> pl.DataFrame:
    """Move a transcription that trails its turn to the turn of the session that it opens.

    openinference-instrumentation-pipecat starts the recogniser's span before it opens the next
    turn's trace, so the span lands at the end of the trace before.
    """
    turns = tree.filter((pl.col("role") == "turn") & pl.col("session_id").is_not_null()).select(
        "session_id",
        start_unix_nano="start_unix_nano",
        next_trace="trace_id",
        next_span="span_id",
    )
    served = pl.col("stage").is_in(["reasoning", "synthesis"]).fill_null(False)
    request = ["request_trace_id", "request_span_id"]
    last_served = pl.col("start_unix_nano").filter(served).max().over(request)
    session = pl.col("session_id").drop_nulls().first().over(request)
    stray = tree.with_columns(_last=last_served, _session=session).filter(
        (pl.col("stage") == "transcription")
        & (pl.col("start_unix_nano") > pl.col("_last"))
        & pl.col("_session").is_not_null()
        & pl.col("text_out").is_null()
    )
    moved = (
        stray.select("row", "start_unix_nano", session_id="_session")
        .sort("start_unix_nano", "row")
        .join_asof(
            turns.sort("start_unix_nano", "next_trace", "next_span"),
            on="start_unix_nano",
            by="session_id",
            strategy="forward",
            tolerance=STRAY_NANOS,
            check_sortedness=False,
        )
        .drop_nulls("next_span")
        .select("row", "next_trace", "next_span")
    )
    joined = tree.join(moved, on="row", how="left", maintain_order="left")
    return joined.with_columns(
        request_trace_id=pl.coalesce("next_trace", "request_trace_id"),
        request_span_id=pl.coalesce("next_span", "request_span_id"),
    ).drop("next_trace", "next_span")
