"""The requests that what-ifs are asked about, with all that does not depend on the rules."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, NamedTuple, TypeVar

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tracelens.analyse.tails.choose import Coded, Mask, Requests, Window
from tracelens.analyse.tails.ordered import Codes, Floats, Ints, Rows, counts, smallest, sums
from tracelens.analyse.what_if.quantiles import quantiles_of
from tracelens.analyse.what_if.sizes import SIZE_EFFECTS
from tracelens.errors import StoreError
from tracelens.model import CONTENTS, PATH_STAGES, STAGES
from tracelens.policy.globs import matches_any
from tracelens.requests.modalities import NONE
from tracelens.store import column_of

TIMES: Final = ("duration_ms", "ttfa_ms")
#: Columns of `Store.request_columns` that every what-if reads.
ALWAYS: Final = (
    *("request_id", "service", "inputs", "failed", *TIMES, "cost_usd", "cost_is_lower_bound"),
)
#: And all that one may read.
COLUMNS: Final = (
    *ALWAYS,
    *(f"models.{stage}" for stage in STAGES),
    *(f"cost_by_stage.{stage}" for stage in STAGES),
    *(f"cost_by_content.{content}" for content in CONTENTS),
    *(f"sizes.{size}" for size in SIZE_EFFECTS),
    *(f"path_ms.{stage}" for stage in PATH_STAGES),
    *(f"shape.took_ms.{stage}" for stage in STAGES),
)
#: Columns of text, of which each distinct value is looked at once.
TEXTS: Final = ("inputs", "service", *(f"models.{stage}" for stage in STAGES))
#: Modalities that are told apart, the most frequent ones; what came in is text from outside.
GROUPS: Final = 20
OTHERS: Final = "others"
#: Powers of two that sizes can be.
POWERS: Final = 64
#: From so many possible groups on those that there are get numbers of their own.
MANY: Final = 1 << 20

#: Types whose values lie in memory as NumPy has them.
PLAIN: Final = (pl.Float64(), pl.Int64(), pl.Boolean())
#: What is added to a number that is not known, and to one that is.
GAP: Final = np.array([np.nan, 0.0])
Bits = NDArray[np.uint8]

Made = TypeVar("Made")
#: The same requests with other columns, row for row; None once the store has others.
Reader = Callable[[Sequence[str]], Requests | None]


class MovedError(StoreError):
    """The store has other requests than those that a baseline is made of."""


class Text(NamedTuple):
    """A column of text: the code of each row, and the text of each code, None where unknown."""

    codes: Codes
    names: list[str | None]


class Strata(NamedTuple):
    """The group of each of some requests, a number below `size`."""

    numbers: NDArray[Any]
    size: int


@dataclass(frozen=True)
class Totals:
    """Sums of each modality, the most frequent first; `cost` is in US dollars."""

    groups: list[str]
    n: Ints
    cost: Floats
    priced: Ints
    lower_bound: Ints
    failed: Ints
    judged: Ints

    def rows(self) -> list[dict[str, Any]]:
        """`n, cost, priced, lower_bound, failed, judged` of each."""
        return [
            {name: values[i].item() for name, values in self._columns().items()}
            for i in range(len(self.groups))
        ]

    def all(self) -> dict[str, Any]:
        """The same of all together."""
        return {name: values.sum().item() for name, values in self._columns().items()}

    def _columns(self) -> dict[str, Any]:
        return {name: values for name, values in vars(self).items() if name != "groups"}


class Baseline:
    """Requests as they are today.

    Those of a window, or all of a frame that has `COLUMNS`, texts with a model a line. Columns that
    the window lacks are asked of `read` once a rule needs them. What was read never changes, so it
    may serve several threads.
    """

    def __init__(self, rows: pl.DataFrame | Window, read: Reader | None = None) -> None:
        if isinstance(rows, pl.DataFrame):
            rows = Requests(_coded(rows), {}, None).window(None, None)
        self.window = rows
        self.mask = rows.mask
        self.n = rows.n
        self._read = read
        self._held: dict[str, Requests] = dict.fromkeys(rows.requests.frame.columns, rows.requests)
        self._made: dict[Any, Any] = {}

    def hold(self, names: Iterable[str]) -> None:
        """Have these columns. Raises MovedError where the store has other requests by now."""
        missing = [name for name in names if name not in self._held]
        if not missing:
            return
        found = self._read(missing) if self._read else None
        if found is None:
            raise MovedError(
                f"the requests changed before {missing[0]} was read: ask once more for the new ones"
            )
        self._held.update(dict.fromkeys(missing, found))

    @property
    def height(self) -> int:
        """Rows of each column, also those of requests that are not meant."""
        return self.window.requests.frame.height

    def column(self, name: str) -> pl.Series:
        """A column, a row per request of the store."""
        return self._held[name].frame[name]

    def numbers(self, name: str, rows: Rows) -> Floats:
        """Values of a column of numbers in some rows, NaN where they are not known."""
        values, known = self._plain(name)
        found = values.take(rows).astype(np.float64, copy=False)
        # Faster than to choose: no branch is guessed wrong.
        return found if known is None else found + GAP.take(known.take(rows), mode="clip")

    def text(self, name: str) -> Text:
        """A column of text: what came in is `none` where nothing is known to have."""

        def make() -> Text:
            coded = self._held[name].coded(name)
            return _without_empty(coded, NONE if name == "inputs" else None)

        return self._once(("text", name), make)

    @cached_property
    def group(self) -> Codes:
        """The modality of each row, a number in `totals`."""
        return self._groups[0]

    @cached_property
    def totals(self) -> Totals:
        """What is added up of each modality."""
        codes, names = self._groups
        count = len(names)
        cost = self.window.requests.filled("cost_usd")
        n = self._count(None)
        failed, judged = self._plain("failed")
        bound, known = self._plain("cost_is_lower_bound")
        return Totals(
            groups=names,
            n=n,
            cost=sums(codes, cost if self.mask is None else cost * self.mask, count),
            priced=n - counts(codes[self.window.unknown("cost_usd")], count),
            lower_bound=self._count(bound if known is None else bound & known),
            failed=self._count(failed if judged is None else failed & judged),
            judged=n if judged is None else self._count(judged),
        )

    def ordered(self, name: str) -> Floats:
        """All known `duration_ms` or `ttfa_ms`, ascending."""
        return self._once(("ordered", name), lambda: self.window.values(name))

    def durations(self, group: int) -> Floats:
        """Known `duration_ms` of a modality, ascending."""

        def make() -> Floats:
            name, own = "duration_ms", self.group == group
            known = self.window.known(name)
            values = self.window.requests.filled(name)
            # To sort the values of each is several times as fast as to know all rows in order.
            return np.sort(np.compress(own if known is None else own & known, values))

        return self._once(("durations", group), make)

    def quantiles(self, name: str) -> list[float | None]:
        """Quantiles of a time of all."""
        return self._once(("quantiles", name), lambda: quantiles_of(self.ordered(name)))

    def group_quantiles(self, group: int) -> tuple[int, list[float | None]]:
        """How many durations of a modality are known, and their quantiles."""

        def make() -> tuple[int, list[float | None]]:
            values = self.durations(group)
            return len(values), quantiles_of(values)

        return self._once(("group", group), make)

    def strata(self, rows: Rows) -> dict[str, Strata]:
        """Groups of like requests: `fine` of one modality, service and size, and `coarse` whatever
        the service. Sizes are alike up to a power of two of the input tokens, which are known."""
        tokens = np.maximum(self.numbers("sizes.input_tokens", rows), 1)
        power = np.clip(np.frexp(tokens)[1] - 1, 0, POWERS - 1)
        (inputs, kinds), (service, names) = self.text("inputs"), self.text("service")
        coarse = inputs[rows].astype(np.int64) * POWERS + power
        fine = coarse * len(names) + service[rows]
        count = len(kinds) * POWERS
        return {"fine": _dense(fine, count * len(names)), "coarse": _dense(coarse, count)}

    def fits(self, column: str, globs: Sequence[str]) -> Mask:
        """Whether text fits a glob, letter case aside; unknown text fits none."""
        lowered = [glob.lower() for glob in globs]
        return self._has(column, matches_any(pl.col("text").str.to_lowercase(), lowered))

    def fits_model(self, globs: Sequence[str], stages: Sequence[str] = STAGES) -> Mask:
        """Whether a model of one of these stages fits a glob."""
        lowered = [glob.lower() for glob in globs]
        names = pl.col("text").str.to_lowercase().str.split("\n")
        fits = names.list.eval(matches_any(pl.element(), lowered)).list.any()
        found = np.zeros(self.height, dtype=bool)
        for stage in stages:
            found |= self._has(f"models.{stage}", fits)
        return found

    def uses(self, stage: str, model: str) -> Mask:
        """Whether a stage ran one model only, this one."""
        return self._has(f"models.{stage}", pl.col("text") == model)

    def one_model(self, stage: str) -> Mask:
        """Whether a stage ran one model only, whichever."""
        return self._has(f"models.{stage}", ~pl.col("text").str.contains("\n", literal=True))

    def above(self, column: str, limit: float) -> Mask:
        """Whether a number is known and above a limit."""
        values, known = self._plain(column)
        return values > limit if known is None else (values > limit) & known.view(bool)

    def no_value(self, column: str) -> Mask | None:
        """Whether a column has no value; None where it always has one."""
        known = self._plain(column)[1]
        return None if known is None else known == 0

    def no_size(self, name: str) -> Mask | None:
        """Whether a size is not known; None where it always is."""

        def make() -> Mask | None:
            unknown, none = self.no_value(f"sizes.{name}"), self.without(name)
            return unknown if unknown is None or none is None else unknown & ~none

        return self._once(("no size", name), make)

    def without(self, name: str) -> Mask | None:
        """Whether something is known to have come in, and nothing that has this size: it is 0."""
        kind = SIZE_EFFECTS[name].kind
        if kind is None:
            return None
        kinds = pl.col("text").str.split("+")
        return self._has("inputs", (pl.col("text") != NONE) & ~kinds.list.contains(kind))

    def _has(self, column: str, condition: pl.Expr) -> Mask:
        codes, names = self.text(column)
        texts = pl.DataFrame({"text": pl.Series(names, dtype=pl.String)})
        fits = texts.select(condition.fill_null(False).alias("fits"))["fits"].to_numpy()
        found: Mask = np.broadcast_to(fits, len(names))[codes]
        return found

    @cached_property
    def _groups(self) -> tuple[Codes, list[str]]:
        """The modality of each row as a number, and the names, the most frequent first."""
        codes, names = self.text("inputs")
        sizes = counts(codes if self.mask is None else codes[self.mask], len(names))
        present = [code for code in range(len(names)) if sizes[code]]
        present.sort(key=lambda code: (-int(sizes[code]), str(names[code])))
        labels = {code: str(names[code]) for code in present[:GROUPS]}
        labels |= dict.fromkeys(present[GROUPS:], OTHERS)
        n: dict[str, int] = {}
        for code, label in labels.items():
            n[label] = n.get(label, 0) + int(sizes[code])
        found = sorted(n, key=lambda label: (-n[label], label))
        place = {label: number for number, label in enumerate(found)}
        lookup = np.zeros(len(names), smallest(max(len(found), 1)))
        for code, label in labels.items():
            lookup[code] = place[label]
        return lookup[codes], found

    def _count(self, which: Bits | None) -> Ints:
        """How many requests of each modality are among some; None for all."""
        codes, names = self._groups
        if which is None:
            return counts(codes if self.mask is None else codes[self.mask], len(names))
        chosen = which.view(bool) if self.mask is None else which.view(bool) & self.mask
        return counts(codes[np.flatnonzero(chosen)], len(names))

    def _plain(self, name: str) -> tuple[NDArray[Any], Bits | None]:
        """Values without a copy, anything where there is none, and where there is one.

        None where each has one.
        """
        return self._once(("plain", name), lambda: _plain(self.column(name)))

    def _once(self, key: Any, make: Callable[[], Made]) -> Made:
        if key not in self._made:
            self._made[key] = make()
        found: Made = self._made[key]
        return found


def positions(rows: Rows) -> pl.Series:
    """Numbers of rows as Polars gathers by them."""
    return pl.Series(rows.astype(np.uint32))


def _dense(numbers: NDArray[Any], count: int) -> Strata:
    if count <= MANY:
        return Strata(numbers, count)
    found, places = np.unique(numbers, return_inverse=True)
    return Strata(places, len(found))


def _plain(column: pl.Series) -> tuple[NDArray[Any], Bits | None]:
    if column.dtype not in PLAIN:
        column = column.cast(pl.Float64)
    values, known = column_of(column)
    bits = None if known is None else known.view(np.uint8)
    return values.view(np.uint8) if values.dtype == np.bool_ else values, bits


def _coded(rows: pl.DataFrame) -> pl.DataFrame:
    texts = [name for name in TEXTS if rows.schema[name] == pl.String]
    return rows.with_columns(pl.col(texts).cast(pl.Categorical)) if texts else rows


def _without_empty(coded: Coded, empty: str | None) -> Text:
    """Text that is not there, or has no letter, is one value."""
    names = [name or empty for name in coded.names]
    distinct = {name: code for code, name in enumerate(dict.fromkeys(names))}
    if len(distinct) == len(names):
        return Text(coded.codes, names)
    lookup = np.array([distinct[name] for name in names], smallest(len(distinct)))
    return Text(lookup[coded.codes], list(distinct))
