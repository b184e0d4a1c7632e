"""The whole answer on one request: verdict, texts, spans, time, cost and neighbours."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from typing import Any

import polars as pl

from tracelens.analyse.settle import what_settles
from tracelens.analyse.tails.percentiles import percentiles_of
from tracelens.checks.compare import diff_words
from tracelens.errors import NotFoundError, StoreError
from tracelens.locate.judge import PLACES
from tracelens.model import CHAIN, REQUEST
from tracelens.policy import Policy
from tracelens.requests.budgets import budgets_of, limit_of
from tracelens.requests.critical_path import Piece, add_up, build_tree, sweep
from tracelens.store import Store

#: What is asked of each span.
COLUMNS = (
    *("trace_id", "span_id", "parent_span_id", "kind", "name", "stage", "stage_by", "role"),
    "emitter",
    *("start_unix_nano", "end_unix_nano", "duration_ms", "status_code", "status_message", "model"),
    *("text_in", "text_out", "text_in_attribute", "text_out_attribute"),
    *("error_type", "exception_message", "finish_reason"),
)
#: What is told of each request of the same session, and of how many at most.
NEIGHBOUR = ["request_id", "started_at", "start_unix_nano", "failed", "stage", "cause"]
NEIGHBOURS = 50
#: Where a candidate stands that is at no stage.
LAST = max(PLACES.values())

#: What is told of each failure that broke in the same place, and of how many at most.
ALIKE = ["request_id", "started_at", "start_unix_nano", "verdict"]
ALIKE_SHOWN = 5

#: How a request stands is told from so many alike on: among fewer, one is more than a percent.
STANDING = 100
STANDS_IN = ("cost", "latency")

#: What is told of each piece of the critical path.
LANE = ("stage", "start_unix_nano", "end_unix_nano")

STATUS = {0: "unset", 1: "ok", 2: "error"}


@dataclass(frozen=True)
class Explanation:
    """One request explained; every field is what `explain --format json` prints under its name.

    `request` is the row of the contract. `spans` is the waterfall in order of time, `texts` what
    each stage received and emitted, with word diffs at the boundaries, `critical_path` stage → ms
    (adds up to the duration), `lane` the same path in order of time, `chain` the way to the first
    audio, `cost` line items by span and unit (quantity, price, cost, source), `links` to
    neighbours, `runner_up` why the second candidate lost, `settle` what to record to tell the next
    such case, `usual` what requests of this kind have in this service (rows of the view
    `profiles`), `percentiles` how it stands in cost and latency among requests with the same inputs
    (fields of `Percentile`; those metrics alone that at least 100 of them have).
    """

    request: dict[str, Any]
    spans: list[dict[str, Any]] = field(default_factory=list)
    texts: list[dict[str, Any]] = field(default_factory=list)
    critical_path: dict[str, float] = field(default_factory=dict)
    lane: list[dict[str, Any]] = field(default_factory=list)
    chain: list[dict[str, Any]] = field(default_factory=list)
    cost: list[dict[str, Any]] = field(default_factory=list)
    links: dict[str, Any] = field(default_factory=dict)
    runner_up: str | None = None
    settle: list[str] = field(default_factory=list)
    usual: list[dict[str, Any]] = field(default_factory=list)
    percentiles: list[dict[str, Any]] = field(default_factory=list)


def explain_request(
    store: Store, request_id: str, *, with_text: bool = True, policy: Policy | None = None
) -> Explanation:
    """Explain one request.

    Args:
        store: where it is.
        request_id: our id of it.
        with_text: leave what was said out, in texts, evidence and sentences, when false.
        policy: the budgets to show beside the times.

    Raises:
        NotFoundError: no request has that id.
    """
    request = request_row(store, request_id)
    spans = store.spans_of(request, COLUMNS).rows(named=True)
    path, on_path = _path(request, spans)
    explained = Explanation(
        request=request,
        spans=[_waterfall(span, on_path) for span in spans],
        texts=[*_texts(spans), *_boundaries(request)],
        critical_path=add_up(path),
        lane=[dict(zip(LANE, piece, strict=True)) for piece in path],
        chain=_chain(request, policy),
        cost=list(request["cost_items"] or []),
        links=_links(store, request),
        runner_up=_runner_up(request["candidates"]),
        settle=what_settles(request, spans),
        usual=_usual(store, request),
        percentiles=_standing(store, request),
    )
    return explained if with_text else _without_text(explained)


def _chain(request: dict[str, Any], policy: Policy | None) -> list[dict[str, Any]]:
    """`part, ms, budget_ms` of the way to the first audio, of what is left, and of all (`ttfa`).

    What is left is whatever the known parts do not account for. Empty where nothing is known.
    """
    parts: dict[str, float | None] = request["chain_ms"] or dict.fromkeys(CHAIN)
    whole = request["ttfa_ms"]
    known = [ms for ms in parts.values() if ms is not None]
    if whole is None and not known:
        return []
    rest = None if whole is None else round(whole - sum(known), 6)
    times = {**parts, "residual": rest, "ttfa": whole}
    limits = _limits(request, policy) if policy is not None else {}
    return [{"part": name, "ms": ms, "budget_ms": limits.get(name)} for name, ms in times.items()]


def _limits(request: dict[str, Any], policy: Policy) -> dict[str, float | None]:
    """The budgets of the time to the first audio and of its parts that mean a request."""
    told = [of for metric, of in budgets_of(policy) if metric == "ttfa"]
    if not told:
        return {}
    schema = {name: REQUEST[name] for name in ("service", "input_modalities")}
    frame = pl.DataFrame([{name: request[name] for name in schema}], schema=schema)
    limits = frame.select(limit_of(policy, "ttfa", of).alias(of or "ttfa") for of in told)
    return limits.row(0, named=True)


def _usual(store: Store, request: dict[str, Any]) -> list[dict[str, Any]]:
    """What is known of this kind of request in its service, a row per stage."""
    shape = request["shape"]
    if shape is None or request["service"] is None:
        return []
    kind = {
        **{name: request[name] for name in ("service", "emitter")},
        **{name: shape[name] for name in ("role", "heard")},
    }
    same = [pl.col(name).eq_missing(pl.lit(value)) for name, value in kind.items()]
    rows = store.profiles().filter(*same).with_columns(share=pl.col("ran") / pl.col("requests"))
    keys = ("stage", "requests", "ran", "share", "days", "p50_ms", "p95_ms", "expected")
    return rows.select(keys).to_dicts()


def _standing(store: Store, request: dict[str, Any]) -> list[dict[str, Any]]:
    try:
        found = percentiles_of(store, request, STANDS_IN)
    except StoreError:  # another segment is damaged, and what is told of this one still holds
        return []
    return [asdict(each) for each in found if each.n >= STANDING]


def request_row(store: Store, request_id: str) -> dict[str, Any]:
    """The row of one request by our id of it. Raises NotFoundError."""
    rows = store.find("request", request_id).filter(request_id=request_id)
    if rows.is_empty():
        raise NotFoundError(f"no request {request_id!r} in the store")
    return rows.row(0, named=True)


def _runner_up(candidates: list[dict[str, Any]]) -> str | None:
    """Why the second candidate is not the verdict; one that names no stage is none to reject."""
    rivals = [each for each in candidates[1:] if each["stage"] != "undetermined"]
    if not rivals:
        return None
    first, second = candidates[0], rivals[0]
    places = [PLACES.get(_place_name(each), LAST) for each in (first, second)]
    named = f"{_place_name(second)} ({second['cause']}) is second"
    if places[1] > places[0]:
        return f"{named}: it comes after {_place_name(first)}, and inherits what broke there"
    if places[1] < places[0]:
        return f"{named}: it would only have spoilt what {_place_name(first)} then stopped"
    return f"{named}: it is less certain ({second['score']:.2f} against {first['score']:.2f})"


def _place_name(candidate: dict[str, Any]) -> str:
    return str(candidate["boundary"] or candidate["stage"])


def _path(request: dict[str, Any], spans: list[dict[str, Any]]) -> tuple[list[Piece], set[str]]:
    start, duration = request["start_unix_nano"], request["duration_ms"]
    if start is None or duration is None:
        return [], set()
    return sweep(build_tree(spans, start, start + round(duration * 1e6)))


def _waterfall(span: dict[str, Any], on_path: set[str]) -> dict[str, Any]:
    keys = ("name", "stage", "role", "start_unix_nano", "end_unix_nano", "duration_ms", "model")
    return {
        "id": span["span_id"],
        "parent": span["parent_span_id"],
        **{key: span[key] for key in keys},
        "status": STATUS.get(span["status_code"], "unset"),
        "error": span["exception_message"] or span["status_message"] or span["error_type"],
        "on_critical_path": span["span_id"] in on_path,
    }


def _texts(spans: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {
            "stage": span["stage"],
            "side": side,
            "span_id": span["span_id"],
            "attribute": span[f"{column}_attribute"],
            "text": span[column],
        }
        for span in spans
        if span["stage"]
        for side, column in (("received", "text_in"), ("emitted", "text_out"))
        if span[column] is not None
    ]


def _boundaries(request: dict[str, Any]) -> list[dict[str, Any]]:
    """The two sides of each compared hand-over with the words that differ, from the evidence."""
    compared = [
        row
        for row in request["evidence"]
        if row["check"] == "hand_over" and row["result"] in ("fails", "passes")
    ]
    return [
        {
            "boundary": row["at"],
            "result": row["result"],
            "emitted": row["needed"] or "",
            "received": row["value"] or "",
            "span_id": row["span_id"],
            "attribute": row["attribute"],
            "diff": [
                {"op": op, "text": word}
                for op, word in diff_words(row["needed"] or "", row["value"] or "")
            ],
        }
        for row in compared
    ]


def _links(store: Store, request: dict[str, Any]) -> dict[str, Any]:
    session: list[dict[str, Any]] = []
    similar: list[dict[str, Any]] = []
    if request["session_id"] is not None:
        turns = store.find("session", request["session_id"], NEIGHBOUR)
        others = turns.filter(pl.col("request_id") != request["request_id"])
        session = others.head(NEIGHBOURS).rows(named=True)
    if request["failed"] and request["stage"] is not None:
        similar = store.alike(request, ALIKE, limit=ALIKE_SHOWN).rows(named=True)
    return {
        "same_session": session,
        "similar_failures": similar,
        "page": f"explain?id={request['request_id']}",
    }


def _without_text(explained: Explanation) -> Explanation:
    """The same answer without anything that was said: lengths stand for texts."""
    hidden = "(text left out)"
    # Of every check, or one that is added later and quotes what was said would give it away.
    evidence = [
        {**row, "value": None, "needed": None, "sentence": _blank(row)}
        for row in explained.request["evidence"]
    ]
    request = {**explained.request, "evidence": evidence}
    if request["failed"]:
        request["verdict"] = f"{str(request['verdict']).split(':')[0]}."
    texts = [
        {
            key: (hidden if key in ("text", "emitted", "received") else value)
            for key, value in row.items()
            if key != "diff"
        }
        for row in explained.texts
    ]
    spans = [{**span, "error": hidden if span["error"] else None} for span in explained.spans]
    links = {
        **explained.links,
        "similar_failures": [
            {key: value for key, value in row.items() if key != "verdict"}
            for row in explained.links["similar_failures"]
        ],
    }
    return replace(explained, request=request, spans=spans, texts=texts, links=links)


def _blank(row: dict[str, Any]) -> str:
    return f"{row['check'].replace('_', ' ')}: {row['result']}"
