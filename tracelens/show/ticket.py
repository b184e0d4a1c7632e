"""The answer on one request as Markdown to paste into a ticket."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any

from tracelens.analyse import Explanation
from tracelens.show.chain import chain_sentence
from tracelens.show.confidence import sureness
from tracelens.show.costs import (
    cost_name,
    cost_sentence,
    price_name,
    quantity_name,
    source_name,
    unit_name,
)
from tracelens.show.records import escape_markdown, rfc3339, to_markdown
from tracelens.show.standing import over_budget, standing_sentence

#: Rows of a table that fit a ticket; more are counted.
ROWS_SHOWN = 20
#: Signs of the outcomes, so that a rail reads without its colours.
SIGNS = {"ok": "✓", "failed": "✗", "missing": "✗", "degraded": "~", "inherited": "↳"}
COST: Mapping[str, Callable[[Mapping[str, Any]], Any]] = {
    "stage": itemgetter("stage"),
    "model": itemgetter("model"),
    "unit": lambda item: unit_name(item["unit"]),
    "quantity": quantity_name,
    "price": price_name,
    "cost": cost_name,
    "source": source_name,
}
EVIDENCE = ("result", "check", "sentence", "span_id", "attribute")


def explanation_markdown(explained: Explanation) -> str:
    """Verdict, facts, pipeline, texts that differ, evidence and the slowest path, as Markdown.

    Everything from the trace is escaped: it shows as it was written and links to nothing.
    """
    request = explained.request
    parts = [
        f"**{escape_markdown(str(request['verdict']))}**",
        escape_markdown(sureness(request) or ""),
        _facts(explained),
        _rail(request),
        *(_difference(row) for row in explained.texts if row.get("result") == "fails"),
        *_evidence(request["evidence"]),
        escape_markdown(explained.runner_up or ""),
        *(f"To decide: {escape_markdown(each)}." for each in explained.settle),
        *_times(explained.critical_path),
        chain_sentence(explained.chain) or "",
        *_costs(explained),
        *_similar(explained.links.get("similar_failures") or []),
    ]
    return "\n\n".join(part.rstrip("\n") for part in parts if part) + "\n"


def _facts(explained: Explanation) -> str:
    request = explained.request
    facts = {
        "request": request["request_id"],
        "trace": request["trace_id"],
        "started": rfc3339(request["start_unix_nano"]),
        "took": None if request["duration_ms"] is None else f"{request['duration_ms']:,.0f} ms",
        "compared": standing_sentence(explained.percentiles),
        "over budget": "; ".join(over_budget(request)) or None,
        **{name: request[name] for name in ("service", "emitter", "session_id", "cause")},
        "stale": "judged by older rules" if request["stale"] else None,
    }
    told = {name.replace("_id", ""): value for name, value in facts.items() if value is not None}
    return "\n".join(f"- {name}: {escape_markdown(str(value))}" for name, value in told.items())


def _rail(request: Mapping[str, Any]) -> str:
    steps = [
        f"{SIGNS.get(row['outcome'], '·')} {row['at'].replace('>', ' → ')}"
        f" ({row['outcome'].replace('_', ' ')})"
        for row in request["outcomes"]
        if row["outcome"] != "not_expected"
    ]
    return escape_markdown(" · ".join(steps))


def _difference(row: Mapping[str, Any]) -> str:
    emitted, _, received = str(row["boundary"]).partition(">")
    if "diff" not in row:
        return f"What {received} received is not what {emitted} emitted."
    runs = groupby(row["diff"], key=itemgetter("op"))
    words = " ".join(_marked(op, " ".join(word["text"] for word in run)) for op, run in runs)
    return f"{emitted} emitted, {received} received (~~lost~~, **added**):\n\n> {words}"


def _marked(op: str, words: str) -> str:
    shown = escape_markdown(words)
    return {"dropped": f"~~{shown}~~", "added": f"**{shown}**"}.get(op, shown)


def _evidence(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    if rows:
        yield to_markdown({name: row[name] for name in EVIDENCE} for row in rows[:ROWS_SHOWN])
    if len(rows) > ROWS_SHOWN:
        yield f"… and {len(rows) - ROWS_SHOWN:,} more rows of evidence."


def _times(path: Mapping[str, float]) -> Iterator[str]:
    if path:
        spent = sorted(path.items(), key=lambda item: -item[1])
        yield "Time on the critical path: " + ", ".join(f"{at} {ms:,.0f} ms" for at, ms in spent)


def _costs(explained: Explanation) -> Iterator[str]:
    said = cost_sentence(explained.request)
    if said is not None:
        yield f"Cost: {said}"
    if not any(item["quantity"] is not None for item in explained.cost):
        return
    shown = explained.cost[:ROWS_SHOWN]
    yield to_markdown({name: tell(item) for name, tell in COST.items()} for item in shown)
    if len(explained.cost) > ROWS_SHOWN:
        yield f"… and {len(explained.cost) - ROWS_SHOWN:,} more lines of cost."


def _similar(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    if rows:
        ids = ", ".join(row["request_id"] for row in rows)
        yield f"Similar failures: {ids}"
