"""Compares columns of texts, each distinct pair once."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

import polars as pl
import pyarrow as pa

from tracelens.checks.compare.judge import SAME, Difference, Mode, compare_texts
from tracelens.policy.rules import Handover

EDIT = pl.Struct(
    {
        "kind": pl.String(),
        "op": pl.String(),
        "dropped": pl.String(),
        "added": pl.String(),
    }
)
#: The columns of a compared pair: the fields of `Difference`, words joined by spaces.
PAIR = pl.Schema(
    {
        "lost": pl.Boolean(),
        "total": pl.Boolean(),
        "dropped": pl.String(),
        "added": pl.String(),
        "share": pl.Float64(),
        "critical": pl.String(),
        "score": pl.Float64(),
        "suspected": pl.Boolean(),
        "edits": pl.List(EDIT),
    }
)


def compare_pairs(
    emitted: pl.Series, received: pl.Series, rules: Handover, mode: Mode = "copy"
) -> pl.DataFrame:
    """Compare two columns of texts row by row.

    Args:
        emitted: what was put out or really said, text.
        received: what arrived of it or was heard, text, as long as `emitted`.
        rules: thresholds, `[handover]` of the policy.
        mode: as of `compare_texts`.

    Returns:
        One row of `PAIR` for each row; nulls where one of the texts is null.
    """
    pairs = list(zip(emitted.to_list(), received.to_list(), strict=True))
    # Row 0 is of a missing text, row 1 of all pairs that are the same: most are one of the two.
    found: list[Difference | None] = [None, SAME]
    places: dict[tuple[str | None, str | None], int] = {}
    for pair in dict.fromkeys(pairs):
        one, two = pair
        if one is None or two is None:
            places[pair] = 0
        elif (difference := compare_texts(one, two, rules, mode)) is SAME:
            places[pair] = 1
        else:
            places[pair] = len(found)
            found.append(difference)
    return _columns(found)[[places[pair] for pair in pairs]]


def _columns(found: Sequence[Difference | None]) -> pl.DataFrame:
    columns = {
        "lost": [each and each.lost for each in found],
        "total": [each and each.total for each in found],
        "dropped": [each and " ".join(each.dropped) for each in found],
        "added": [each and " ".join(each.added) for each in found],
        "share": [each and each.share for each in found],
        "critical": [each and each.critical for each in found],
        "score": [each and each.score for each in found],
        "suspected": [each and each.suspected for each in found],
    }
    flat = {name: dtype for name, dtype in PAIR.items() if name != "edits"}
    return pl.DataFrame(columns, schema=flat).with_columns(_edits(found))


def _edits(found: Sequence[Difference | None]) -> pl.Series:
    """The edits of all pairs in one list column, built flat: a list of rows costs far more."""
    every = [edit for each in found if each for edit in each.edits]
    fields = {
        "kind": [edit.kind for edit in every],
        "op": [edit.op for edit in every],
        "dropped": [" ".join(edit.dropped) for edit in every],
        "added": [" ".join(edit.added) for edit in every],
    }
    columns = [pa.array(values, pa.string()) for values in fields.values()]
    ends = accumulate((len(each.edits) if each else 0 for each in found), initial=0)
    lists = pa.ListArray.from_arrays(
        pa.array(ends, pa.int32()), pa.StructArray.from_arrays(columns, names=list(fields))
    )
    return pl.Series("edits", lists, dtype=PAIR["edits"])
