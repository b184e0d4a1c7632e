"""How one request stands among those like it, and which budgets it went over, in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from tracelens.show.words import counted

#: How more and most of a metric are called.
MORE: Final = {
    "latency": ("slower", "slowest"),
    "cost": ("costlier", "costliest"),
    "ttfa": ("later to speak", "last to speak"),
}


def standing_words(row: Mapping[str, Any]) -> str:
    """`slower than 97 % of 12,345 audio requests`, from a row of `Explanation.percentiles`.

    Shares are rounded down, so that it is never said of more requests than are lower.
    """
    more, most = MORE[row["metric"]]
    n, lower = row["n"], round(row["lower"] * row["n"])
    if lower == n - 1:
        return f"the {most} of {_alike(row)}"
    return f"{more} than {_part(lower, n)} of {_alike(row)}"


def standing_sentence(rows: Sequence[Mapping[str, Any]]) -> str | None:
    """All that is told of a request in one sentence; None where nothing is."""
    said = "; ".join(map(standing_words, rows))
    return f"{said[:1].upper()}{said[1:]}" if said else None


def _alike(row: Mapping[str, Any]) -> str:
    if row["inputs"] == "none":
        return f"{counted(row['n'], 'request')} whose input is not recorded"
    return counted(row["n"], f"{str(row['inputs'])[:60].replace('+', ' + ')} request")


def _part(lower: int, n: int) -> str:
    tenths = 1000 * lower // n
    if not lower:
        return "none"
    if tenths < 10:
        return "under 1 %"
    return f"{tenths / 10:.1f} %" if tenths >= 990 else f"{tenths // 10} %"


def breach_words(breach: Mapping[str, Any]) -> str:
    """`reasoning took 9.21 s of 8 s`, from a row of `breaches`."""
    metric, at = breach["metric"], str(breach["stage"] or "the request").replace("_", " ")
    if metric == "cost":
        return f"{at} cost {_dollars(breach['value'])} of {_dollars(breach['limit'])}"
    whole = metric == "ttfa" and breach["stage"] is None
    said = "the first audio came after" if whole else f"{at} took"
    return f"{said} {_time(breach['value'])} of {_time(breach['limit'])}"


def over_budget(request: Mapping[str, Any]) -> list[str]:
    """The budgets that a request went over, each in words."""
    return [breach_words(each) for each in request.get("breaches") or []]


def _dollars(usd: float) -> str:
    return f"${usd:,.2f}" if usd >= 1 else f"${usd:.2g}"


def _time(ms: float) -> str:
    if ms < 999.5:
        return f"{ms:.3g} ms"
    return f"{ms / 1e3:,.3g} s" if ms < 90_000 else f"{ms / 6e4:,.1f} min"
