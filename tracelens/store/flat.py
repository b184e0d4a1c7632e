"""Flat copies: the plain columns of a segment of requests once more, ready to be read whole.

Nested columns in small groups of rows, as lookups want them, are slow to read whole. A copy is
never needed: what it does not have, or where it is not as it should be, is read from its segment.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from tracelens.store.log import Segment
from tracelens.store.plain import CODED, DERIVED, column_type, pick, plain_names
from tracelens.store.segments import GENERATION

#: Raised when a name gets another meaning: copies of another layout are not read.
LAYOUT: Final = 1
#: Large, as all rows are read; not without end, as compaction holds one at a time.
ROWS: Final = 131_072
#: Under which the file says what it is.
KEY: Final = "tracelens"
#: Ids in hex, which take half as much as bytes.
PACKED: Final = ("request_id", "trace_id")
#: An id of its own for nearly every row, which figures do not ask for.
_LEFT_OUT: Final = ("external_request_id",)


def copy_name(segment: str) -> str:
    """The name of the copy of a segment of requests, whether a draft or final."""
    return segment.replace("requests-", "columns-")


def _copied() -> list[str]:
    """What a copy has: numbers, truths, coded texts and ids; other texts are seldom asked for."""
    known = (*CODED, *DERIVED, *PACKED)
    return [
        *(
            name
            for name in plain_names()
            if (name in known or column_type(name) != pl.String) and name not in _LEFT_OUT
        ),
        GENERATION,
    ]


#: Columns of a copy, but for those that are null in all rows.
COPIED: Final = tuple(_copied())


def write_copy(rows: pl.DataFrame, path: Path, segment: str) -> None:
    """Write the copy of a segment that has these rows in this order, and will be called so."""
    flat = rows.select(map(_packed, COPIED))
    known = _known(rows.lazy(), flat.lazy())
    flat.select(known).write_parquet(path, **_options(segment, known))


def copy_segment(path: Path, copy: Path, segment: str) -> None:
    """The same from the file of a segment, of which a part at a time is in memory."""
    rows = pl.scan_parquet(path, glob=False)
    flat = rows.select(map(_packed, COPIED))
    known = _known(rows, flat)
    flat.select(known).sink_parquet(copy, **_options(segment, known))


def _packed(name: str) -> pl.Expr:
    return pl.col(name).str.decode("hex") if name in PACKED else pick(name)


def _known(rows: pl.LazyFrame, flat: pl.LazyFrame) -> list[str]:
    """The columns that are not null in all rows, but ids that bytes would spell in another way."""
    upper = rows.select((pl.col(n) != pl.col(n).str.to_lowercase()).any() for n in PACKED)
    found, misspelt = pl.collect_all([flat.select(pl.all().is_not_null().any()), upper])
    left_out = {name for name in PACKED if misspelt[name][0]}
    return [name for name in COPIED if found[name][0] and name not in left_out]


def _options(segment: str, known: Sequence[str]) -> dict[str, Any]:
    told = {
        "layout": LAYOUT,
        "segment": segment,
        "empty": [name for name in COPIED if name not in known and name not in PACKED],
    }
    # Compressed it would be a sixth smaller, and take half as long again to read.
    return {
        "compression": "uncompressed",
        "statistics": False,
        "row_group_size": ROWS,
        "metadata": {KEY: json.dumps(told)},
    }


@dataclass(frozen=True)
class Copy:
    """A copy that fits its segment: columns that it has, and those that are null in all rows."""

    path: Path
    columns: frozenset[str]
    empty: frozenset[str]

    def scan(self, names: Sequence[str]) -> pl.LazyFrame:
        """Some of its columns, of the types that they have in memory."""
        return pl.scan_parquet(self.path, glob=False).select(map(_unpacked, names))


def _unpacked(name: str) -> pl.Expr:
    if name in PACKED:
        return pl.col(name).bin.encode("hex")
    return pl.col(name) if name == GENERATION else pl.col(name).cast(column_type(name))


def find_copy(folder: Path, segment: Segment) -> Copy | None:
    """The copy of a segment; None where there is none, or one that does not fit it."""
    path = folder / copy_name(segment.name)
    try:
        found = pq.read_metadata(path)
        told = json.loads((found.metadata or {})[KEY.encode()])
        fits = (told["layout"], told["segment"]) == (LAYOUT, segment.name)
        empty = frozenset(map(str, told["empty"]))
    except (OSError, pa.ArrowException, LookupError, TypeError, ValueError):
        return None
    if not fits or found.num_rows != segment.rows:
        return None
    return Copy(path, frozenset(found.schema.names), empty)


def differs(path: Path, copy: Copy) -> bool:
    """Whether a copy says other than the file of its segment; reads both.

    Raises what Polars does for a file that is not Parquet any more.
    """
    by_source: dict[str, list[str]] = {}
    for name in COPIED:
        source = DERIVED[name][0] if name in DERIVED else name.partition(".")[0]
        by_source.setdefault(source, []).append(name)
    # Some columns at a time: a whole segment may be large.
    return any(_differ(path, copy, names) for names in by_source.values())


def _differ(path: Path, copy: Copy, names: Sequence[str]) -> bool:
    own = pl.scan_parquet(path, glob=False).select(map(pick, names)).collect()
    held = [name for name in names if name in copy.columns]
    copied = copy.scan(held).collect() if held else pl.DataFrame()
    return any(
        not own[name].equals(copied[name])
        if name in held
        else name in copy.empty and own[name].null_count() < own.height
        for name in names
    )
