"""The tail, or a part of its heat map, against all other requests of the question."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict, replace
from typing import Any, Final, cast

import numpy as np
import polars as pl

from tracelens.analyse.different import (
    Condition,
    Difference,
    Population,
    asked_columns,
    condition_words,
    different,
    different_attributes,
    request_attributes,
)
from tracelens.analyse.different.attributes import Metric
from tracelens.analyse.different.recorded import Progress
from tracelens.analyse.tails.choose import (
    Mask,
    Question,
    Requests,
    bounds,
    filter_columns,
    passing,
    with_zone,
)
from tracelens.analyse.tails.grouped import choose
from tracelens.analyse.tails.ordered import Rows
from tracelens.analyse.tails.shape import EXEMPLAR_COLUMNS
from tracelens.analyse.tails.values import EXEMPLARS, METRICS, Box, Selected
from tracelens.policy import TailRules
from tracelens.store import Store

#: As a key: the most frequent ones.
EVERY: Final = "*"


class Comparison:
    """The requests of a question, ready for any number of selections.

    `keys` names attributes of spans to compare as well, `*` the hundred most frequent; they are
    read from the spans, and `progress` gets parts done and parts in all.
    """

    def __init__(
        self,
        store: Store,
        question: Question,
        keys: Collection[str] = (),
        progress: Progress | None = None,
    ) -> None:
        question = replace(question, filters=with_zone(question.filters, question.timezone))
        self._question = question
        self._metric = METRICS[question.metric][0]
        frame, kept = store.request_table(columns_of(question))
        self._requests = Requests(frame, kept, passing(store, frame, question.filters))
        self._window = self._requests.window(*bounds(frame, question))
        known = self._window.known(self._metric)
        asked, attributes = request_attributes(frame, _named(question), question.timezone, known)
        if keys:
            named = None if EVERY in keys else keys
            ids = frame["request_id"] if known is None else frame["request_id"].filter(known)
            more, others = different_attributes(store, ids, named, progress)
            asked, attributes = asked.hstack(_placed(more, known)), [*attributes, *others]
        self._population = Population.of(asked, self._metric, attributes, counted=known)

    def select(self, top: float, box: Box | None, rules: TailRules, exemplars: int) -> Selected:
        """The highest `top` of the requests, or those in a part of the heat map."""
        chosen = self._in_box(box) if box else self._highest(top)
        mask = np.zeros(self._requests.frame.height, np.bool_)
        mask[chosen] = True
        found = different(self._population, pl.Series(mask), rules)
        return Selected(
            n=len(chosen),
            n_rest=self._population.size - len(chosen),
            state=found.state,
            tested=found.tested,
            clustered=found.clustered,
            different=tuple(map(_row, found.findings)),
            exemplars=self._listed(chosen[:exemplars]),
        )

    def _highest(self, top: float) -> Rows:
        return choose(self._window, replace(self._question, top=top)).tail_rows

    def _in_box(self, box: Box) -> Rows:
        begin, end, low, high = box
        rows, values = self._window.ordered(self._metric)
        starts = self._requests.starts[rows]
        inside = (values >= low) & (values <= high) & (starts >= begin) & (starts < end)
        found: Rows = rows[inside][::-1]
        return found

    def _listed(self, rows: Rows) -> pl.DataFrame:
        frame = self._requests.frame[rows]
        return frame.select(
            pl.col(EXEMPLAR_COLUMNS.get(name, name) if name != "value" else self._metric)
            .cast(dtype)
            .alias(name)
            for name, dtype in EXEMPLARS.items()
        )


def _placed(rows: pl.DataFrame, known: Mask | None) -> pl.DataFrame:
    """Rows of the known requests, where all of them are."""
    if known is None:
        return rows
    numbers = pl.Series(np.cumsum(known) - known, dtype=pl.UInt32)
    places = numbers.set(pl.Series(~known), None)
    return rows.select(pl.all().gather(places))


def _named(question: Question) -> Metric:
    return cast(Metric, question.metric)  # a question has none but these


def columns_of(question: Question) -> list[str]:
    """The columns of requests that a comparison needs."""
    metric = METRICS[question.metric][0]
    names = ["request_id", "start_unix_nano", metric, *asked_columns(_named(question))]
    names += [EXEMPLAR_COLUMNS.get(name, name) for name in EXEMPLARS.names() if name != "value"]
    return list(dict.fromkeys([*names, *filter_columns(question.filters)]))


def _row(found: Difference) -> dict[str, Any]:
    """A finding as plain values."""
    row: Mapping[str, Any] = asdict(found)
    same = tuple(" and ".join(map(_condition, each)) for each in found.same_rows)
    names = {**row, "same_rows": same}
    del names["conditions"], names["parts"]
    return names


def _condition(condition: Condition) -> str:
    return condition_words(condition.attribute, condition.value)
