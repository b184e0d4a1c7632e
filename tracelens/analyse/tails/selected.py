"""The tail, or a part of its heat map, against all other requests of the question."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any, Final

import numpy as np
import polars as pl

from tracelens.analyse.different import Attribute, Condition, Difference, Population, different
from tracelens.analyse.tails.choose import (
    Question,
    Requests,
    Rows,
    bounds,
    filter_columns,
    passing,
    with_zone,
)
from tracelens.analyse.tails.ordered import top_count
from tracelens.analyse.tails.shape import EXEMPLAR_COLUMNS
from tracelens.analyse.tails.values import EXEMPLARS, METRICS, Box, Selected
from tracelens.policy import TailRules
from tracelens.store import Store

#: What may tell what is different. Counts of units that a price is multiplied by take part in the
#: cost, and the length of an answer in the time that it takes.
ATTRIBUTES: Final = (
    Attribute("modality", "inputs"),
    Attribute("output", "outputs"),
    Attribute("service", "service"),
    Attribute("emitter", "emitter"),
    *(
        Attribute(f"{stage} model", f"model.{stage}")
        for stage in ("transcription", "reasoning", "synthesis")
    ),
    Attribute("user", "user_id", missing=False),
    Attribute("audio length", "sizes.audio_seconds", "s", missing=False),
    Attribute("images", "sizes.images", missing=False),
    Attribute("image size", "sizes.megapixels", "MP", missing=False),
    Attribute("pages", "sizes.pages", missing=False),
    Attribute("input tokens", "sizes.input_tokens", mechanism=True, missing=False),
    Attribute("output tokens", "sizes.output_tokens", mechanism=True, missing=False),
    Attribute("spoken characters", "sizes.characters", mechanism=True, missing=False),
    Attribute("failed", "failed", missing=False),
    Attribute("broke at", "stage", missing=False),
    Attribute("cause", "cause", missing=False),
)


class Comparison:
    """The requests of a question, ready for any number of selections."""

    def __init__(self, store: Store, question: Question) -> None:
        question = replace(question, filters=with_zone(question.filters, question.timezone))
        self._metric = METRICS[question.metric][0]
        frame = store.request_columns(_columns(question))
        begin, end = bounds(frame, question)
        requests = Requests(frame, passing(store, frame, question.filters))
        self._ascending: Rows = requests.window(begin, end).order(self._metric)
        self._requests = requests
        # In the order of the store, as the population has it.
        self._rows = np.sort(self._ascending)
        columns = [self._metric, "session_id", *(each.column for each in ATTRIBUTES)]
        self._population = Population.of(frame[self._rows, columns], self._metric, ATTRIBUTES)

    def select(self, top: float, box: Box | None, rules: TailRules, exemplars: int) -> Selected:
        """The highest `top` of the requests, or those in a part of the heat map."""
        chosen = self._in_box(box) if box else self._highest(top)
        mask = np.zeros(len(self._requests.starts), np.bool_)
        mask[chosen] = True
        found = different(self._population, pl.Series(mask[self._rows]), rules)
        return Selected(
            n=len(chosen),
            n_rest=len(self._rows) - len(chosen),
            state=found.state,
            tested=found.tested,
            clustered=found.clustered,
            different=tuple(map(_row, found.findings)),
            exemplars=self._listed(chosen[::-1][:exemplars]),
        )

    def _highest(self, top: float) -> Rows:
        n = len(self._ascending)
        return self._ascending[n - top_count(n, top) :]

    def _in_box(self, box: Box) -> Rows:
        begin, end, low, high = box
        rows = self._ascending
        values, starts = self._requests.floats(self._metric)[rows], self._requests.starts[rows]
        inside = (values >= low) & (values <= high) & (starts >= begin) & (starts < end)
        found: Rows = rows[inside]
        return found

    def _listed(self, rows: Rows) -> pl.DataFrame:
        frame = self._requests.frame[rows]
        return frame.select(
            pl.col(EXEMPLAR_COLUMNS.get(name, name) if name != "value" else self._metric)
            .cast(dtype)
            .alias(name)
            for name, dtype in EXEMPLARS.items()
        )


def _columns(question: Question) -> list[str]:
    metric = METRICS[question.metric][0]
    names = ["start_unix_nano", "session_id", metric, f"rank.{metric}"]
    names += [each.column for each in ATTRIBUTES]
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
    value = "not recorded" if condition.value is None else condition.value
    return f"{condition.attribute} = {value}"
