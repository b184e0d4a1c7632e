"""What spans say of requests: evaluations, feedback, expectations, each with what it judges."""

from __future__ import annotations

import polars as pl

from tracelens.model import ASSESSMENT

#: What is added to the fields of `ASSESSMENT`.
_ADDED = {
    "request": pl.String(),
    "exchange": pl.Int32(),
    "stage": pl.String(),  # of the span that is judged; null for a request
    "span_id": pl.String(),  # where it stands
    "time": pl.Int64(),
}


def assessments(spans: pl.DataFrame, runs: pl.DataFrame) -> pl.DataFrame:
    """One row per assessment that belongs to a request, in order of time.

    What stands on a span that is no stage itself is about the stage above it, where there is one:
    evaluators write spans of their own below the one that they judge.

    Args:
        spans: the frame of `assign_requests`.
        runs: the frame of `stage_runs` on it.

    Returns:
        The fields of `ASSESSMENT` with `request`, `exchange`, `stage` of what is judged, `span_id`
        of where it stands, and `time` in ns.
    """
    said = spans.filter(pl.col("assessments").list.len() > 0)
    schema = {**_ADDED, **{field.name: field.dtype for field in ASSESSMENT.fields}}
    if said.is_empty():
        return pl.DataFrame(schema=schema)
    above = spans.select("row", above_stage="stage", above_id="span_id")
    said = said.join(above, left_on="parent_row", right_on="row", how="left", maintain_order="left")
    each = said.explode("assessments").select(
        "request",
        "row",
        "span_id",
        "start_unix_nano",
        "above_id",
        "above_stage",
        own_stage="stage",
        own=pl.col("assessments"),
    )
    each = each.unnest("own").filter(pl.col("request").is_not_null())
    moved = (pl.col("about") == "parent") & pl.col("own_stage").is_null()
    whole = pl.col("about") == "request"
    judged = each.with_columns(
        judged_id=pl.when(moved).then("above_id").otherwise("span_id"),
        stage=pl.when(~whole).then(pl.when(moved).then("above_stage").otherwise("own_stage")),
        time=pl.coalesce("unix_nano", "start_unix_nano"),
    )
    places = runs.select("request", "exchange", judged_id="span_ids").explode("judged_id")
    placed = judged.join(
        places, on=["request", "judged_id"], how="left", maintain_order="left"
    ).with_columns(pl.col("exchange").fill_null(0))
    ordered = placed.sort("request", "time", "row", maintain_order=True)
    return ordered.select(pl.col(name).cast(dtype) for name, dtype in schema.items())
