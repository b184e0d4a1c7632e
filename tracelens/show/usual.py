"""What requests of one kind usually have in their service, as a sentence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

EXPECTED = {True: " (expected)", False: " (not expected)", None: ""}


def usual_sentence(rows: Sequence[Mapping[str, Any]]) -> str | None:
    """In how many requests each stage ran and for how long, from `Explanation.usual`; else None."""
    return "Usual in this service: " + "; ".join(map(_share, rows)) if rows else None


def _share(row: Mapping[str, Any]) -> str:
    took = "" if row.get("p95_ms") is None else f", 95 % within {row['p95_ms']:,.0f} ms"
    says = EXPECTED[row["expected"]]
    return f"{row['stage']} in {row['ran']:,} of {row['requests']:,}{says}{took}"
