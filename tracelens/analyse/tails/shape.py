"""How a tail is shaped: who has how much of it, what it is made of, when it is slow."""

from __future__ import annotations

from typing import Any, Final
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl

from tracelens.analyse.tails.choose import Mask, Question
from tracelens.analyse.tails.grouped import COLUMNS, Chosen, Largest, share_of
from tracelens.analyse.tails.ordered import (
    Codes,
    Floats,
    Split,
    concentration,
    counts,
    higher,
    quantile,
    sums,
    top_share,
)
from tracelens.analyse.tails.times import bucket_edges, bucket_name, bucket_of
from tracelens.analyse.tails.values import (
    CELLS,
    CONCENTRATION,
    CONTRIBUTIONS,
    EXEMPLARS,
    HIGHER,
    HIGHEST,
    PARTS,
    PAYERS,
    TREND,
    TREND_BY_STAGE,
    Heat,
)

CURVE_POINTS: Final = 200
HIGHER_POINTS: Final = 100
TREND_BUCKETS: Final = 60
HEAT_COLUMNS: Final = 40
HEAT_ROWS: Final = 24
#: Kinds of input that get a curve of their own.
CURVES: Final = 12
#: Users and services that are listed.
PAYERS_LISTED: Final = 10
#: Rounding of sums: what is left beyond it belongs to nobody.
NOISE: Final = 1e-9
UNKNOWN: Final = "unknown"


def curves(chosen: Chosen, modality: Largest) -> tuple[pl.DataFrame, pl.DataFrame]:
    """`CONCENTRATION` and `HIGHER`, of all requests and of those with the same inputs."""
    series = {"all": chosen.values} | {
        name or UNKNOWN: modality.split.part(code) for code, name in enumerate(modality.names)
    }
    shares, beyond = [CONCENTRATION.to_frame()], [HIGHER.to_frame()]
    for name, values in series.items():
        places, share = concentration(values, CURVE_POINTS)
        columns = {"n": places, "requests": places / max(len(values), 1), "share": share}
        shares.append(_series(name, columns, CONCENTRATION))
        shown, above = higher(values, HIGHER_POINTS)
        columns = {"value": shown, "n": above, "share": above / max(len(values), 1)}
        beyond.append(_series(name, columns, HIGHER))
    return pl.concat(shares), pl.concat(beyond)


def _series(name: str, columns: dict[str, Any], schema: pl.Schema) -> pl.DataFrame:
    frame = pl.DataFrame(columns).with_columns(series=pl.lit(name))
    return frame.select(schema.names()).cast(schema)


def contributions(chosen: Chosen, question: Question, modality: Largest) -> pl.DataFrame:
    """What the tail and the rest are made of: `CONTRIBUTIONS`, the largest of the tail first."""
    tail, rest = chosen.tail_total, chosen.total - chosen.tail_total
    known = chosen.window.known(chosen.column)
    tables = {}
    for by, parts in PARTS[question.metric].items():
        sides = {name: _sides(chosen, column, known) for name, column in parts.items()}
        tables[by] = _with_unknown(sides, tail, rest)
    codes = modality.codes(chosen.tail_rows)
    in_tail = sums(codes, chosen.tail_values, modality.count)
    kinds = {
        name or UNKNOWN: (float(mine), max(float(every - mine), 0.0))
        for name, mine, every in zip(modality.names, in_tail, modality.totals, strict=True)
    }
    tables["modality"] = _with_unknown(kinds, tail, rest, "other")
    rows = [
        (by, name, mine, _part(mine, sides, 0), other, _part(other, sides, 1))
        for by, sides in tables.items()
        for name, (mine, other) in sorted(sides.items(), key=lambda item: (-item[1][0], item[0]))
        if mine or other
    ]
    return pl.DataFrame(rows, schema=CONTRIBUTIONS, orient="row")


def _sides(chosen: Chosen, column: str, known: Mask | None) -> tuple[float, float]:
    """Sum of a part over the tail and over the rest.

    Only of requests whose whole is known: parts of the others have no place in its sum.
    """
    window = chosen.window
    if window.requests.is_empty(column):
        return 0.0, 0.0
    tail = float(window.requests.taken(column, chosen.tail_rows).sum())
    return tail, max(window.total(column, known) - tail, 0.0)


def _with_unknown(
    sides: dict[str, tuple[float, float]], tail: float, rest: float, name: str = UNKNOWN
) -> dict[str, tuple[float, float]]:
    """The parts, and what is left of the whole when nobody split it, under that name."""
    left = [
        whole - sum(side[place] for side in sides.values())
        for place, whole in enumerate((tail, rest))
    ]
    noise = NOISE * (tail + rest)
    unknown = tuple(max(each, 0.0) if each > noise else 0.0 for each in left)
    mine, other = sides.get(name, (0.0, 0.0))
    return {**sides, name: (mine + unknown[0], other + unknown[1])}


def _part(value: float, sides: dict[str, tuple[float, float]], place: int) -> float | None:
    whole = sum(side[place] for side in sides.values())
    return value / whole if whole > 0 else None


def trend(
    chosen: Chosen, question: Question, first: int, last: int, zone: ZoneInfo
) -> tuple[str, pl.DataFrame, pl.DataFrame]:
    """Length of a bucket, `TREND` and `TREND_BY_STAGE`."""
    requests = chosen.window.requests
    edges = bucket_edges(first, last, TREND_BUCKETS, zone)
    count = len(edges) - 1
    codes = bucket_of(requests.starts, requests.quarters, edges)
    split = Split(chosen.values, codes[chosen.rows], count + 1)
    in_tail = counts(codes[chosen.tail_rows], count)
    rows = [
        (*edges[at : at + 2], *_bucket(split.part(at), question), int(in_tail[at]))
        for at in range(count)
    ]
    known = chosen.window.known(chosen.column)
    own = codes if known is None else np.where(known, codes, codes.dtype.type(count))
    places = own.astype(np.intp)  # which each sum would make of them
    stages = []
    for name, column in PARTS[question.metric]["stage"].items():
        if requests.is_empty(column):
            continue
        totals = sums(places, requests.filled(column), count)
        stages += [(edges[at], name, float(totals[at])) for at in range(count)]
    return (
        bucket_name(edges),
        pl.DataFrame(rows, schema=TREND, orient="row"),
        pl.DataFrame(stages, schema=TREND_BY_STAGE, orient="row"),
    )


def _bucket(values: Floats, question: Question) -> tuple[int, *tuple[float | None, ...]]:
    total = float(values.sum())
    return (
        len(values),
        total if len(values) else None,
        quantile(values, 0.5),
        quantile(values, 0.99),
        top_share(values, question.top, total),
    )


def heat(chosen: Chosen, first: int, last: int, zone: ZoneInfo) -> Heat:
    """Requests by time and value."""
    values, requests = chosen.values, chosen.window.requests
    edges = bucket_edges(first, last, HEAT_COLUMNS, zone)
    columns = len(edges) - 1
    levels = _levels(values)
    if len(levels) < 2:
        return Heat()
    # Ascending values: each row of the map is a stretch of them.
    ends = np.searchsorted(values, levels[1:-1], side="left")
    heights = np.diff(np.concatenate([[0], ends, [len(values)]]))
    level = np.repeat(np.arange(len(heights), dtype=np.uint16), heights)
    column = bucket_of(requests.starts, requests.quarters, edges)[chosen.rows]
    places = column.astype(np.int64) * len(heights) + level  # codes of columns are too small
    sizes = np.bincount(places, minlength=(columns + 1) * len(heights))
    cells = [
        (*edges[at : at + 2], levels[row], levels[row + 1], int(sizes[at * len(heights) + row]))
        for at in range(columns)
        for row in range(len(heights))
        if sizes[at * len(heights) + row]
    ]
    return Heat(
        tuple(edges),
        tuple(levels),
        pl.DataFrame(cells, schema=CELLS, orient="row"),
        _highest(chosen, column, edges),
    )


def _levels(values: Floats) -> list[float]:
    """Edges of the rows of a heat map, spaced logarithmically from the lowest to the highest."""
    positive = values[np.searchsorted(values, 0.0, side="right") :]
    if not len(positive):
        return []
    low, high = float(positive[0]), float(positive[-1])
    # One value alone is a row of its own.
    return [float(each) for each in np.geomspace(low, max(high, low * 1.01), HEAT_ROWS + 1)]


def _highest(chosen: Chosen, column: Codes, edges: list[int]) -> pl.DataFrame:
    """The highest request of each column; of equal ones that with the smallest id."""
    last = np.full(len(edges), -1, np.int64)
    last[column] = np.arange(len(column))  # ascending: the last one stays
    ids = chosen.window.requests.frame["request_id"]
    found = []
    for at, begin in enumerate(edges[:-1]):
        if last[at] < 0:
            continue
        value = chosen.values[last[at]]
        low = int(np.searchsorted(chosen.values, value, side="left"))
        equal = np.flatnonzero(column[low : last[at] + 1] == at) + low
        row = min(chosen.rows[equal].tolist(), key=ids.__getitem__)
        start = chosen.window.requests.starts[row]
        found.append((begin, ids[row], int(start), float(value)))
    return pl.DataFrame(found, schema=HIGHEST, orient="row")


def payers(chosen: Chosen) -> pl.DataFrame:
    """The users and services with the largest totals: `PAYERS`."""
    rows = []
    for by in ("user", "service"):
        largest = Largest(chosen, COLUMNS[by], PAYERS_LISTED)
        if largest.names == [None]:
            continue
        in_tail = counts(largest.codes(chosen.tail_rows), largest.count)
        for code, name in enumerate(largest.names):
            total = float(largest.totals[code])
            share = share_of(total, chosen.total)
            rows.append((by, name, int(largest.sizes[code]), total, share, int(in_tail[code])))
    return pl.DataFrame(rows, schema=PAYERS, orient="row")


def exemplars(chosen: Chosen, count: int) -> pl.DataFrame:
    """The highest requests of the tail: `EXEMPLARS`."""
    frame = chosen.window.requests.frame[chosen.tail_rows[:count]]
    return frame.select(
        pl.col(EXEMPLAR_COLUMNS.get(name, name) if name != "value" else chosen.column)
        .cast(dtype)
        .alias(name)
        for name, dtype in EXEMPLARS.items()
    )


#: Columns of requests behind those of `EXEMPLARS` that are named otherwise.
EXEMPLAR_COLUMNS: Final = {"model": "model.reasoning"} | {
    name: f"sizes.{name}"
    for name in (
        *("audio_seconds", "output_audio_seconds", "characters", "images", "megapixels", "pages"),
        *("input_tokens", "output_tokens"),
    )
}
