"""The requests that what-ifs are asked about, with all that does not depend on the rules."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any, Final

import numpy as np
import polars as pl

from tracelens.analyse.what_if.quantiles import Mixture, Values
from tracelens.analyse.what_if.sizes import SIZE_EFFECTS
from tracelens.model import CONTENTS, PATH_STAGES, STAGES
from tracelens.policy.globs import matches_any
from tracelens.requests.modalities import NONE, inputs

#: Columns of `requests` that a what-if reads; a dot leads into a struct.
COLUMNS: Final = (
    *("request_id", "service", "input_modalities", "failed", "duration_ms", "ttfa_ms"),
    *("cost_usd", "cost_is_lower_bound"),
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


class Baseline:
    """Requests as they are today.

    It is made of `COLUMNS`, in which `inputs` (kinds joined by `+`) may stand for
    `input_modalities`, and texts with a model a line for lists of models. It never changes, so it
    may serve several threads.
    """

    def __init__(self, rows: pl.DataFrame) -> None:
        self.n = rows.height
        plain = _with_texts(rows)
        self._texts = {name: _distinct(plain, name) for name in TEXTS}
        self.frame = plain.with_columns(self._group(), *self._sizes())

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
        return {name: _sorted(self.frame[name]) for name in ("duration_ms", "ttfa_ms")}

    @cached_property
    def durations(self) -> dict[str, Values]:
        """Known `duration_ms` by modality, sorted."""
        parts = self.frame.select("group", "duration_ms").partition_by("group", as_dict=True)
        return {str(key[0]): _sorted(part["duration_ms"]) for key, part in parts.items()}

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

    def _group(self) -> pl.Expr:
        common = self._texts["inputs"].sort("n", descending=True).head(GROUPS)["code"].to_list()
        return (
            pl.when(_one_of(pl.col("inputs#"), common))
            .then(pl.col("inputs"))
            .otherwise(pl.lit(OTHERS, pl.Categorical))
            .alias("group")
        )

    def _sizes(self) -> list[pl.Expr]:
        """Sizes, which are 0 where something is known to have come in, and none of that kind."""
        found = []
        for name, effect in SIZE_EFFECTS.items():
            if effect.kind is not None:
                size = pl.col(f"sizes.{name}")
                kinds = pl.col("text").str.split("+")
                without = self._has(
                    "inputs", (pl.col("text") != NONE) & ~kinds.list.contains(effect.kind)
                )
                found.append(
                    pl.when(size.is_null() & without)
                    .then(0.0)
                    .otherwise(size)
                    .alias(size.meta.output_name())
                )
        return found


def _one_of(column: pl.Expr, codes: Sequence[int]) -> pl.Expr:
    if not codes:
        return pl.lit(False)
    return column.is_in(list(codes)).fill_null(False)


def _with_texts(rows: pl.DataFrame) -> pl.DataFrame:
    """Numbers as floats, texts as categories with their codes beside them (`name#`)."""
    if "inputs" not in rows.columns:
        rows = rows.with_columns(inputs=inputs()).drop("input_modalities")
    rows = rows.with_columns(
        *(_one_text(rows, name) for name in TEXTS),
        *(pl.col(name).cast(pl.Float64) for name in rows.columns if _is_number(name)),
    )
    return rows.with_columns(pl.col(name).to_physical().alias(f"{name}#") for name in TEXTS)


def _one_text(rows: pl.DataFrame, name: str) -> pl.Expr:
    column = pl.col(name)
    if isinstance(rows.schema[name], pl.List):
        column = column.list.join("\n")
    text = column.cast(pl.String)
    return pl.when(text != "").then(text).cast(pl.Categorical).alias(name)


def _is_number(name: str) -> bool:
    measures = ("cost_by_", "sizes.", "path_ms.", "shape.", "cost_usd", "duration_ms", "ttfa_ms")
    return name.startswith(measures)


def _distinct(rows: pl.DataFrame, name: str) -> pl.DataFrame:
    """`code, text, n` of the distinct known texts."""
    return (
        rows.group_by(code=f"{name}#")
        .agg(text=pl.col(name).first().cast(pl.String), n=pl.len())
        .drop_nulls()
    )


def _quantiles(values: Values) -> list[float | None]:
    none = np.empty(0)
    return Mixture(values, none, none).quantiles()


def _sorted(values: pl.Series) -> Values:
    known: Any = values.drop_nulls().sort().to_numpy()
    return known  # type: ignore[no-any-return]
