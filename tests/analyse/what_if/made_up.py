"""Requests that are made of their usage and priced by the unit, as rows of a baseline."""

from __future__ import annotations

from typing import Any, Final

import polars as pl

from tracelens.analyse.what_if.baseline import COLUMNS, Baseline
from tracelens.model import STAGES

#: US dollars per second, token or megapixel.
PRICES: Final = {
    "audio_seconds": 0.0001,
    "text_tokens": 0.15e-6,
    "image_tokens": 0.4e-6,
    "output_tokens": 0.6e-6,
    "characters": 15e-6,
}
TEXTS: Final = {"request_id", "service", "inputs"}
NAMES: Final = tuple("inputs" if name == "input_modalities" else name for name in COLUMNS)


def baseline(rows: pl.DataFrame | list[dict[str, Any]]) -> Baseline:
    """A baseline of some columns; the others are unknown.

    Where stages are on the critical path they ran that long, and nothing else was on it.
    """
    frame = rows if isinstance(rows, pl.DataFrame) else pl.DataFrame(rows, infer_schema_length=None)
    on_path = [stage for stage in STAGES if f"path_ms.{stage}" in frame.columns]
    if on_path and "path_ms.residual" not in frame.columns:
        spent = pl.any_horizontal(pl.col(f"path_ms.{stage}").is_not_null() for stage in on_path)
        frame = frame.with_columns(
            pl.when(spent).then(0.0).alias("path_ms.residual"),
            *(pl.col(f"path_ms.{stage}").alias(f"shape.took_ms.{stage}") for stage in on_path),
        )
    absent = {name: pl.lit(None, _dtype(name)) for name in NAMES if name not in frame.columns}
    if "request_id" in absent:
        absent["request_id"] = pl.int_range(pl.len()).cast(pl.String)
    return Baseline(frame.with_columns(**absent).cast({n: _dtype(n) for n in NAMES}))


def priced(usage: pl.DataFrame) -> pl.DataFrame:
    """What usage costs: sizes, costs by content and by stage, and the sum, columns of requests.

    `audio_seconds, text_tokens, image_tokens, output_tokens, characters` are what was used.
    """
    paid = {name: pl.col(name) * price for name, price in PRICES.items()}
    return usage.with_columns(
        **{
            "sizes.audio_seconds": pl.col("audio_seconds"),
            "sizes.input_tokens": pl.col("text_tokens") + pl.col("image_tokens"),
            "sizes.image_input_tokens": pl.col("image_tokens"),
            "sizes.output_tokens": pl.col("output_tokens"),
            "sizes.characters": pl.col("characters"),
            "cost_by_content.audio_in": paid["audio_seconds"],
            "cost_by_content.text_in": paid["text_tokens"],
            "cost_by_content.image_in": paid["image_tokens"],
            "cost_by_content.text_out": paid["output_tokens"],
            "cost_by_content.audio_out": paid["characters"],
            "cost_by_stage.transcription": paid["audio_seconds"],
            "cost_by_stage.reasoning": paid["text_tokens"]
            + paid["image_tokens"]
            + paid["output_tokens"],
            "cost_by_stage.synthesis": paid["characters"],
            "cost_usd": pl.sum_horizontal(paid.values()),
        }
    ).drop(PRICES)


def _dtype(name: str) -> pl.DataType:
    if name in TEXTS or name.startswith("models."):
        return pl.String()
    return pl.Boolean() if name in ("failed", "cost_is_lower_bound") else pl.Float64()
