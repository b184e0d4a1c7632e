"""Answers a question about the tail of cost or latency: exact figures of what was observed."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from tracelens.analyse.tails.choose import (
    Question,
    Requests,
    Window,
    bounds,
    filter_columns,
    passing,
    with_zone,
)
from tracelens.analyse.tails.grouped import (
    COLUMNS,
    Largest,
    choose,
    cut_of,
    group_all,
    group_by,
    unpriced_spans,
)
from tracelens.analyse.tails.ordered import quantile, top_share
from tracelens.analyse.tails.shape import (
    CURVES,
    EXEMPLAR_COLUMNS,
    contributions,
    curves,
    exemplars,
    heat,
    payers,
    trend,
)
from tracelens.analyse.tails.times import find_zone
from tracelens.analyse.tails.values import (
    EXEMPLARS,
    METRICS,
    PARTS,
    TREND,
    TREND_BY_STAGE,
    Figures,
    Heat,
    Tail,
)
from tracelens.store import Store

#: Columns that every question needs.
ALWAYS: Final = (
    *("request_id", "start_unix_nano", "inputs", "service", "user_id"),
    *("cost_is_lower_bound", "cost_unpriced_spans"),
    *(column for column, _ in METRICS.values()),
)


#: Part of a period (one in so many) by which the first request may come after its beginning.
LATE: Final = 20


def columns_of(question: Question) -> list[str]:
    """The columns of requests that a question needs."""
    names = [*ALWAYS, f"over.{question.metric}", *filter_columns(question.filters)]
    names += [each for parts in PARTS[question.metric].values() for each in parts.values()]
    names += [EXEMPLAR_COLUMNS.get(name, name) for name in EXEMPLARS.names() if name != "value"]
    names += [COLUMNS[question.by]] if question.by in COLUMNS else []
    return list(dict.fromkeys(names))


def read_requests(store: Store, question: Question) -> Requests:
    """The requests of a store as a question needs them."""
    frame, kept = store.request_table(columns_of(question))
    return Requests(frame, kept, passing(store, frame, question.filters))


def tail(store: Store, question: Question) -> Tail:
    """The tail of a metric; see `Tail`.

    Raises QueryError when `where` of the filters is not one read-only boolean expression.
    """
    zone = find_zone(question.timezone)
    question = replace(question, filters=with_zone(question.filters, question.timezone))
    requests = read_requests(store, question)
    begin, end = bounds(requests.frame, question)
    window = requests.window(begin, end)
    chosen = choose(window, question)
    modality = Largest(chosen, "inputs", CURVES)
    everyone = group_all(chosen, question)
    groups, left = group_by(chosen, question, modality)
    concentration, higher = curves(chosen, modality)
    first, last = window.extent()
    bucket, rows, by_stage, cells = "", TREND.to_frame(), TREND_BY_STAGE.to_frame(), Heat()
    if first is not None and last is not None:
        bucket, rows, by_stage = trend(chosen, question, first, last, zone)
        cells = heat(chosen, first, last, zone)
    figures = {name: _figures(window, name, question.top) for name in METRICS}
    own = figures[question.metric]
    before = _before(requests, question, begin, end)
    in_part = before is not None and _in_part(requests, begin, end)
    return Tail(
        metric=question.metric,
        unit=METRICS[question.metric][1],
        top=question.top,
        by=question.by,
        timezone=question.timezone,
        begin=begin,
        end=end,
        first=first,
        last=last,
        n=everyone.n,
        n_unknown=everyone.n_unknown,
        n_lower_bound=everyone.n_lower_bound,
        unpriced_spans=everyone.unpriced_spans,
        all=everyone,
        cut=cut_of(chosen, question),
        groups=groups,
        groups_left=left,
        figures=figures,
        before=before,
        before_in_part=in_part,
        change=_change(own, None if before is None or in_part else before[question.metric]),
        concentration=concentration,
        higher=higher,
        contributions=contributions(chosen, question, modality),
        bucket=bucket,
        trend=rows,
        trend_by_stage=by_stage,
        heat=cells,
        payers=payers(chosen),
        exemplars=exemplars(chosen, question.exemplars),
    )


def _figures(window: Window, metric: str, top: float) -> Figures:
    """The few figures of one metric."""
    values = window.values(METRICS[metric][0])
    total = float(values.sum())
    is_cost = metric == "cost"
    return Figures(
        n=len(values),
        n_unknown=window.n - len(values),
        total=total if len(values) else None,
        median=quantile(values, 0.5),
        p99=quantile(values, 0.99),
        top_share=top_share(values, top, total),
        n_lower_bound=len(window.true("cost_is_lower_bound")) if is_cost else 0,
        unpriced_spans=int(unpriced_spans(window)[1].sum()) if is_cost else 0,
    )


def _before(
    requests: Requests, question: Question, begin: int | None, end: int | None
) -> dict[str, Figures] | None:
    """Figures of the period of equal length before; None where there is none."""
    if begin is None or end is None or end <= begin:
        return None
    window = requests.window(2 * begin - end, begin)
    if not window.n:
        return None
    return {name: _figures(window, name, question.top) for name in METRICS}


def _in_part(requests: Requests, begin: int | None, end: int | None) -> bool:
    """Whether the store begins later than the period before one, by more than a little."""
    first, _ = Window(requests, None).extent()
    if first is None or begin is None or end is None:
        return False
    return first > 2 * begin - end + (end - begin) // LATE


def _change(now: Figures, before: Figures | None) -> dict[str, float | None]:
    names = ("n", "total", "median", "p99", "top_share")
    if before is None:
        return dict.fromkeys(names)
    pairs = {name: (getattr(now, name), getattr(before, name)) for name in names}
    found: dict[str, float | None] = {}
    for name, (new, old) in pairs.items():
        if new is None or old is None:
            found[name] = None
        elif name == "top_share":
            found[name] = new - old
        else:
            found[name] = new / old - 1 if old else None
    return found
