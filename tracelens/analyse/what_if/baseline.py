"""The requests that what-ifs are asked about, with all that does not depend on the rules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tracelens.analyse.what_if.quantiles import Mixture, Values
from tracelens.analyse.what_if.sizes import SIZE_EFFECTS
from tracelens.model import CONTENTS, PATH_STAGES, STAGES
from tracelens.policy.globs import matches_any
from tracelens.requests.modalities import NONE

#: Columns of `Store.request_columns` that a what-if reads.
COLUMNS: Final = (
    *("request_id", "service", "inputs", "failed", "duration_ms", "ttfa_ms"),
    *("cost_usd", "cost_is_lower_bound"),
    *(f"models.{stage}" for stage in STAGES),
    *(f"cost_by_stage.{stage}" for stage in STAGES),
    *(f"cost_by_content.{content}" for content in CONTENTS),
    *(f"sizes.{size}" for size in SIZE_EFFECTS),
    *(f"path_ms.{stage}" for stage in PATH_STAGES),
    *(f"shape.took_ms.{stage}" for stage in STAGES),
)
TIMES: Final = ("duration_ms", "ttfa_ms")
#: Rows in ascending order of a value, and the values.
Ordered = tuple[NDArray[np.intp], Values]
#: Columns of text, of which each distinct value is looked at once.
TEXTS: Final = ("inputs", "service", *(f"models.{stage}" for stage in STAGES))
#: Modalities that are told apart, the most frequent ones; what came in is text from outside.
GROUPS: Final = 20
OTHERS: Final = "others"


class Baseline:
    """Requests as they are today.

    It is made of `COLUMNS`, texts with a model a line; `ordered` has the rows with a known
    `duration_ms` and `ttfa_ms` in ascending order of it, and the values, where they are known. It
    never changes, so it may serve several threads.
    """

    def __init__(self, rows: pl.DataFrame, ordered: Mapping[str, Ordered] | None = None) -> None:
        self.n = rows.height
        plain = _with_texts(rows)
        self._texts = {name: _distinct(plain[name]) for name in TEXTS}
        self.frame = plain.with_columns(self._group(plain.schema["inputs"]))
        self._ordered = ordered or {name: _ordered(rows[name]) for name in TIMES}

    @cached_property
    def totals(self) -> pl.DataFrame:
        """`group, n, cost, priced, lower_bound, failed, judged`: a row per modality."""
        return (
            self.frame.group_by("group")
            .agg(
                n=pl.len(),
                cost=pl.col("cost_usd").sum(),
                priced=pl.col("cost_usd").count(),
                lower_bound=pl.col("cost_is_lower_bound").sum(),
                failed=pl.col("failed").sum(),
                judged=pl.col("failed").count(),
            )
            .with_columns(pl.col("group").cast(pl.String))
            .sort("n", "group", descending=[True, False])
        )

    @cached_property
    def sorted(self) -> dict[str, Values]:
        """All known `duration_ms` and `ttfa_ms`, sorted."""
        return {name: values for name, (_, values) in self._ordered.items()}

    @cached_property
    def durations(self) -> dict[str, Values]:
        """Known `duration_ms` by modality, sorted."""
        rows, values = self._ordered["duration_ms"]
        groups = self.frame["group"].to_physical()
        codes = groups.to_numpy()[rows]
        names = self.frame.select(pl.col("group").unique()).to_series()
        return {
            str(name): np.compress(codes == code, values)
            for name, code in zip(names, names.to_physical(), strict=True)
        }

    @cached_property
    def quantiles(self) -> dict[str, list[float | None]]:
        """Quantiles of each of `sorted`."""
        return {name: _quantiles(values) for name, values in self.sorted.items()}

    @cached_property
    def group_quantiles(self) -> dict[str, list[float | None]]:
        """Quantiles of each of `durations`."""
        return {group: _quantiles(values) for group, values in self.durations.items()}

    @cached_property
    def strata(self) -> pl.DataFrame:
        """Numbers of the groups of like requests: `fine` of one modality, service and size, and
        `coarse` whatever the service. Sizes are alike up to a power of two of the input tokens;
        null where they are not known."""
        tokens = pl.col("sizes.input_tokens").clip(lower_bound=1).log(2).cast(pl.Int64)
        coarse = pl.col("inputs#").cast(pl.Int64).fill_null(-1) * 64 + tokens
        service = pl.col("service#").cast(pl.Int64).fill_null(-1) + 1
        return self.frame.select(fine=coarse + service * 2**40, coarse=coarse)

    def fits(self, column: str, globs: Sequence[str]) -> pl.Expr:
        """Whether text fits a glob, letter case aside; unknown text fits none."""
        lowered = [glob.lower() for glob in globs]
        return self._has(column, matches_any(pl.col("text").str.to_lowercase(), lowered))

    def fits_model(self, globs: Sequence[str], stages: Sequence[str] = STAGES) -> pl.Expr:
        """Whether a model of one of these stages fits a glob."""
        lowered = [glob.lower() for glob in globs]
        names = pl.col("text").str.to_lowercase().str.split("\n")
        fits = names.list.eval(matches_any(pl.element(), lowered)).list.any()
        return pl.any_horizontal(self._has(f"models.{stage}", fits) for stage in stages)

    def uses(self, stage: str, model: str) -> pl.Expr:
        """Whether a stage ran one model only, this one."""
        return self._has(f"models.{stage}", pl.col("text") == model)

    def one_model(self, stage: str) -> pl.Expr:
        """Whether a stage ran one model only, whichever."""
        return self._has(f"models.{stage}", ~pl.col("text").str.contains("\n", literal=True))

    def _has(self, column: str, condition: pl.Expr) -> pl.Expr:
        codes = self._texts[column].filter(condition)["code"].to_list()
        return _one_of(pl.col(f"{column}#"), codes)

    def size(self, name: str) -> pl.Expr:
        """A size: 0 where something is known to have come in, and none of its kind."""
        column, kind = f"sizes.{name}", SIZE_EFFECTS[name].kind
        size = pl.col(column).cast(pl.Float64)
        if kind is not None:
            kinds = pl.col("text").str.split("+")
            without = self._has("inputs", (pl.col("text") != NONE) & ~kinds.list.contains(kind))
            size = pl.when(size.is_null() & without).then(0.0).otherwise(size)
        return size.alias(column)

    def _group(self, dtype: pl.DataType) -> pl.Expr:
        texts = self._texts["inputs"]
        common = texts.sort("n", descending=True).head(GROUPS)["code"].to_list()
        inputs = pl.col("inputs")
        if len(common) < texts.height:
            others = pl.lit(OTHERS).cast(dtype)
            inputs = pl.when(_one_of(pl.col("inputs#"), common)).then(inputs).otherwise(others)
        return inputs.alias("group")


def _one_of(column: pl.Expr, codes: Sequence[int]) -> pl.Expr:
    if not codes:
        return pl.lit(False)
    return column.is_in(list(codes)).fill_null(False)


def _with_texts(rows: pl.DataFrame) -> pl.DataFrame:
    """Texts as categories with their codes beside them (`name#`)."""
    texts = [_categories(rows[name]) for name in TEXTS]
    codes = [each.to_physical().alias(f"{each.name}#") for each in texts]
    return rows.with_columns(*texts, *codes)


def _categories(text: pl.Series) -> pl.Series:
    if not isinstance(text.dtype, pl.Categorical):
        text = text.cast(pl.String).cast(pl.Categorical)
    if (text.unique().cast(pl.String) == "").any():
        text = text.cast(pl.String).replace("", None).cast(text.dtype)
    return text.fill_null(NONE) if text.name == "inputs" and text.has_nulls() else text


def _distinct(text: pl.Series) -> pl.DataFrame:
    """`code, text, n` of the distinct known texts."""
    counts = text.alias("text").value_counts(name="n").drop_nulls()
    return counts.select(
        code=pl.col("text").to_physical(), text=pl.col("text").cast(pl.String), n="n"
    )


def _quantiles(values: Values) -> list[float | None]:
    none = np.empty(0)
    return Mixture(values, none, none).quantiles()


def _ordered(values: pl.Series) -> Ordered:
    known = np.flatnonzero(values.is_not_null().to_numpy())
    own = values.cast(pl.Float64).to_numpy()[known]
    order = np.argsort(own)
    return known[order], own[order]
