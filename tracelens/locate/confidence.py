"""How sure a verdict is: how often findings like the leading one were right on labelled failures.

Findings are alike when they come from the same check, with the same weight and the same score, and
when an earlier soft finding contests all of them or none. The share of such findings that named the
right stage is drawn towards the share of the others in their wider group, as if that had been seen
in `parent` more cases (the posterior mean of a beta-binomial model: Gelman et al., Bayesian Data
Analysis, 3rd ed., section 5.3), so that a few cases prove little. Towards its check's own score it
is drawn where that is lower: of a finding that nobody has labelled, its author knows best how far
it may be off, but not that it beats the findings that were counted.
"""

from __future__ import annotations

import polars as pl

from tracelens.policy import Confidence

#: What findings are grouped by, from the widest group to the narrowest.
GROUPS = (
    ("weight",),
    ("weight", "contested"),
    ("weight", "contested", "check"),
    ("weight", "contested", "check", "percent"),
)
#: Labelled cases from which on a share is told to a tenth of a per cent, and to one per cent.
#: Below, it is told in steps of five. It is never surer than one step short of certain.
MANY, SOME = 1_000, 100

CELL = pl.Schema(
    {
        "check": pl.String(),
        "weight": pl.String(),
        "score": pl.Float64(),
        "contested": pl.Boolean(),
        "right": pl.Int64(),
        "of": pl.Int64(),
    }
)


def leading(ranked: pl.DataFrame) -> pl.DataFrame:
    """The first finding of each request, and whether it is `contested`: one row per request.

    A finding that stopped the request is contested by one of another stage that had spoilt it
    earlier: who had lost the question already may not be served by an answer either.

    Args:
        ranked: failing rows of `FINDING`, best explanation of each request first, with `_place`.
    """
    first = ranked.unique("request", keep="first", maintain_order=True)
    mine = first.select("request", _stage="stage", _at="_place", _when=_exchange())
    spoilt = (
        ranked.filter((pl.col("weight") == "soft") & (pl.col("stage") != "undetermined"))
        .join(mine, on="request")
        .filter(
            (pl.col("stage") != pl.col("_stage"))
            & (
                (_exchange() < pl.col("_when"))
                | ((_exchange() == pl.col("_when")) & (pl.col("_place") < pl.col("_at")))
            )
        )
    )
    contested = pl.col("request").is_in(spoilt["request"].unique().implode())
    return first.with_columns(contested=contested & (pl.col("weight") == "hard"))


def _exchange() -> pl.Expr:
    return pl.col("exchange").fill_null(0)


def with_confidence(leads: pl.DataFrame, known: Confidence) -> pl.DataFrame:
    """Leading findings with `confidence`, 0 to 1; null where one names no stage.

    Args:
        leads: rows with `check, weight, score, contested, stage`.
        known: labelled cases to judge by.
    """
    cells = _keyed(pl.DataFrame([vars(cell) for cell in known.cells], schema=CELL))
    own = cells.select(*GROUPS[-1], own_right="right", own_of="of")
    frame = _keyed(leads).join(own, on=GROUPS[-1], how="left", maintain_order="left")
    frame = frame.with_columns(pl.col("own_right", "own_of").fill_null(0), share=pl.lit(0.5))
    for keys in ((), *GROUPS[:-1]):
        frame = _with_others(frame, cells, keys)
        frame = frame.with_columns(share=_drawn("right", "of", known.parent))
    frame = frame.with_columns(share=pl.min_horizontal("share", "score"))
    share = _drawn("own_right", "own_of", known.parent)
    told = pl.when(pl.col("stage") != "undetermined").then(_told(share))
    return leads.with_columns(frame.select(confidence=told).to_series())


def _keyed(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.with_columns(percent=(pl.col("score") * 100).round().cast(pl.Int32))


def _with_others(frame: pl.DataFrame, cells: pl.DataFrame, keys: tuple[str, ...]) -> pl.DataFrame:
    """`right` and `of`: the cases of each finding's group by `keys`, less those like itself."""
    counts = cells.with_columns(every=1).group_by("every", *keys).agg(pl.col("right", "of").sum())
    joined = (
        frame.drop("right", "of", strict=False)
        .with_columns(every=1)
        .join(counts, on=["every", *keys], how="left", maintain_order="left")
    )
    return joined.with_columns(
        pl.col(name).fill_null(0) - pl.col(f"own_{name}") for name in ("right", "of")
    ).drop("every")


def _drawn(right: str, of: str, parent: float) -> pl.Expr:
    """The share of right cases, drawn towards the wider group's."""
    cases = pl.col(of) + parent
    drawn = (pl.col(right) + parent * pl.col("share")) / cases
    return pl.when(cases > 0).then(drawn).otherwise("share")


def _told(share: pl.Expr) -> pl.Expr:
    """The share in steps that the labelled cases behind it can tell apart."""
    many, some = pl.col("own_of") >= MANY, pl.col("own_of") >= SOME
    steps = pl.when(many).then(1_000.0).when(some).then(100.0).otherwise(20.0)
    return ((share * steps).round().clip(1.0, steps - 1)) / steps
