"""A finished tail for the tests of figures: few requests, round numbers, all in view."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import polars as pl

from tracelens.analyse.tails.values import (
    CELLS,
    CONCENTRATION,
    CONTRIBUTIONS,
    EXEMPLARS,
    HIGHER,
    HIGHEST,
    PAYERS,
    TREND,
    TREND_BY_STAGE,
    Cut,
    Figures,
    Group,
    Heat,
    Tail,
)

HOUR = 3_600 * 10**9
START = 1_772_409_600_000_000_000  # 2 Mar 2026, 00:00 UTC
HOSTILE = '<img src=x onerror="window.broken=1"><b>x</b>'


def frame(schema: pl.Schema, *rows: tuple[Any, ...]) -> pl.DataFrame:
    """Rows in the order of the schema."""
    return pl.DataFrame(list(rows), schema=schema, orient="row")


def group(by: str | None, n: int, **changed: Any) -> Group:
    """Figures of one modality."""
    made = Group(
        by=by,
        n=n,
        n_unknown=0,
        quantiles={"p50": 0.01, "p95": 0.05, "p99": 0.1},
        intervals={},
        total=n / 10,
        share=n / 1000,
        traffic=n / 1000,
        top_share={"0.01": 0.2},
        gini=0.5,
        over_budget=None,
        n_lower_bound=0,
        unpriced_spans=0,
        in_tail=1,
        tail_share=0.1,
    )
    return replace(made, **changed)


def figures(n: int, **changed: Any) -> Figures:
    """The few figures of a metric."""
    return replace(Figures(n, 0, 100.0, 0.01, 0.1, 0.35, 0, 0), **changed)


def made_tail(**changed: Any) -> Tail:
    """Of 1,000 requests, 900 of audio and 100 of audio+image, which have most of the bill."""
    groups = (group("audio+image", 100, share=0.7, in_tail=9), group("audio", 900, share=0.3))
    times = tuple(START + at * HOUR for at in range(4))
    tail = Tail(
        metric="cost",
        unit="USD",
        top=0.01,
        by="modality",
        timezone="UTC",
        begin=None,
        end=None,
        first=START,
        last=times[-1],
        n=1000,
        n_unknown=0,
        n_lower_bound=0,
        unpriced_spans=0,
        all=group("all", 1000),
        cut=Cut(10, 0.5, 35.0, 0.35),
        groups=groups,
        groups_left=0,
        figures={"cost": figures(1000), "latency": figures(1000, median=900.0, p99=9_000.0)},
        before=None,
        before_in_part=False,
        change={},
        concentration=frame(
            CONCENTRATION,
            *(("all", n, n / 1000, share) for n, share in ((1, 0.1), (10, 0.35), (1000, 1.0))),
            *(("audio", n, n / 900, share) for n, share in ((9, 0.2), (900, 1.0))),
            *(("audio+image", n, n / 100, share) for n, share in ((1, 0.3), (100, 1.0))),
        ),
        higher=frame(
            HIGHER,
            *(("all", v, n, n / 1000) for v, n in ((0.01, 500), (0.1, 10), (1.0, 0))),
            *(("audio", v, n, n / 900) for v, n in ((0.01, 450), (0.1, 1))),
            *(("audio+image", v, n, n / 100) for v, n in ((0.01, 50), (1.0, 9))),
        ),
        contributions=frame(
            CONTRIBUTIONS,
            ("modality", "audio+image", 30.0, 0.857, 40.0, 0.6),
            ("modality", "audio", 5.0, 0.143, 25.0, 0.4),
        ),
        bucket="1 hour",
        trend=frame(
            TREND,
            *((times[at], times[at + 1], 300, 30.0 + at, 0.01, 0.1, 0.3, 3) for at in range(3)),
        ),
        trend_by_stage=frame(
            TREND_BY_STAGE,
            *((times[at], stage, 10.0) for at in range(3) for stage in ("reasoning", "synthesis")),
            *((times[at], "transcription", 1.0) for at in range(3)),
            (times[0], "tool", 0.0),
        ),
        heat=Heat(
            times,
            (0.001, 0.01, 0.1, 1.0),
            frame(
                CELLS,
                (times[0], times[1], 0.001, 0.01, 8),
                (times[0], times[1], 0.1, 1.0, 1),
                (times[2], times[3], 0.01, 0.1, 27),
            ),
            frame(HIGHEST, (times[0], "a" * 32, times[0] + 60 * 10**9, 0.9)),
        ),
        payers=PAYERS.to_frame(),
        exemplars=frame(
            EXEMPLARS,
            (
                *("a" * 32, START, "audio+image", "desk", "large", 0.9, 0.9, False, 8_000.0, None),
                *(170.0, None, None, 2, 53.0, None, 1_200, 90, True, "reasoning", "llm_error"),
            ),
        ),
    )
    return replace(tail, **changed)


def difference(attribute: str, value: str | None, **changed: Any) -> dict[str, Any]:
    """One finding, as a row."""
    row = {
        "attribute": attribute,
        "value": value,
        "kind": "cause",
        "in_tail": 0.75,
        "in_rest": 0.1,
        "risk_ratio": 12.0,
        "q": 1e-6,
        "excess": 10.0,
        "n": 80,
        "n_tail": 60,
        "n_sessions": None,
        "same_rows": (),
    }
    return {**row, **changed}
