"""How much sooner requests would have ended had a stage kept to a time, as bounds.

What a shorter stage saves depends on what waited for it, and spans do not record that. The bounds
are those of CRISP (Zhang et al., USENIX ATC 2022): at best all that follows moves up by the whole
excess; at worst only such time was saved as the stage had on the critical path with no other stage
running beside it. Where stages run one after the other the two are one.
"""

from __future__ import annotations

import polars as pl

from tracelens.model import CHAIN, STAGES


def retime(requests: pl.DataFrame, of: str | None, budget_ms: float) -> pl.DataFrame:
    """`low, high`: ms that each request would have saved, in the order given; null where unknown.

    A stage that did not run saves nothing. Parts of the chain to the first audio follow one another
    by definition, so what one of them saves is exact, and is saved on `ttfa_ms`; so is what a whole
    request saves. Tools count as running beside a stage where `stage_runs` is there to tell.

    Args:
        requests: columns of `REQUEST`: `path_ms, shape, duration_ms`, or `chain_ms` for a part.
        of: a stage, a part of `CHAIN`, or None for the whole request.
        budget_ms: what it may take; infinity changes nothing.
    """
    if of in STAGES:
        return requests.select(low=_at_worst(requests, of, budget_ms), high=_at_best(of, budget_ms))
    whole = pl.col("duration_ms") if of is None else pl.col("chain_ms").struct.field(of)
    if of is not None and of not in CHAIN:
        raise ValueError(f"{of!r} is neither a stage nor a part of {CHAIN}")
    return requests.select(low=_beyond(whole, budget_ms), high=_beyond(whole, budget_ms))


def _at_best(stage: str, budget_ms: float) -> pl.Expr:
    excess = _beyond(_took(stage).fill_null(0), budget_ms)
    return pl.when(_known()).then(pl.min_horizontal(excess, pl.col("duration_ms")))


def _at_worst(requests: pl.DataFrame, stage: str, budget_ms: float) -> pl.Expr:
    """What others did off the path, they may have done beside this stage while it was on it."""
    beside = [_off_path(_took(other), other) for other in STAGES if other != stage]
    if "stage_runs" in requests.columns:
        beside.append(_off_path(_tools(), "tool"))
    alone = _on_path(stage) - pl.sum_horizontal(beside)
    saved = pl.min_horizontal(_beyond(alone, budget_ms), _at_best(stage, budget_ms))
    return pl.when(_known()).then(saved)


def _known() -> pl.Expr:
    return pl.col("path_ms").struct.field("residual").is_not_null()


def _took(stage: str) -> pl.Expr:
    return pl.col("shape").struct.field("took_ms").struct.field(stage)


def _tools() -> pl.Expr:
    run = pl.element()
    lasted = run.struct.field("end_unix_nano") - run.struct.field("start_unix_nano")
    tool = pl.when(run.struct.field("stage") == "tool").then(lasted)
    return pl.col("stage_runs").list.eval(tool).list.sum() / 1e6


def _on_path(stage: str) -> pl.Expr:
    return pl.col("path_ms").struct.field(stage).fill_null(0)


def _off_path(took: pl.Expr, stage: str) -> pl.Expr:
    return (took.fill_null(0) - _on_path(stage)).clip(lower_bound=0)


def _beyond(ms: pl.Expr, budget_ms: float) -> pl.Expr:
    return (ms - budget_ms).clip(lower_bound=0)
