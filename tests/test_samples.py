"""Every folder of sample_traces gives the verdicts that its expected.toml names."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tests.conftest import default_policy
from tracelens.locate import locate_requests
from tracelens.normalise import canonical_spans, promoted_keys
from tracelens.read import file_source, read_spans

SAMPLES = Path(__file__).parent.parent / "sample_traces"
FOLDERS = sorted(path.parent for path in SAMPLES.glob("*/expected.toml"))


def expected(folder: Path) -> dict[str, Any]:
    return tomllib.loads((folder / "expected.toml").read_text("utf-8"))


@cache
def raw_samples() -> pl.DataFrame:
    """The raw spans of all samples, with their folder's name in the column `folder`."""
    parts = []
    for folder in FOLDERS:
        for file in sorted(folder.glob("trace.*")):
            batches = read_spans(file_source(file), promoted_keys())
            parts += [batch.with_columns(folder=pl.lit(folder.name)) for batch in batches]
    return pl.concat(parts)


@cache
def sample_spans() -> dict[str, pl.DataFrame]:
    """Canonical spans by folder name; all are normalised at once, as that is quicker."""
    frame = canonical_spans(raw_samples(), default_policy())
    return {str(name): part for (name,), part in frame.partition_by("folder", as_dict=True).items()}


def test_there_are_samples():
    assert len(FOLDERS) >= 50


@cache
def judged() -> dict[str, list[dict[str, Any]]]:
    """Request rows by folder name, judged at once; equal ids in two folders are two things."""
    frame = pl.concat(sample_spans().values()).with_columns(
        trace_id=pl.col("folder") + "/" + pl.col("trace_id"),
        session_id=pl.col("folder") + "/" + pl.col("session_id"),
    )
    rows: dict[str, list[dict[str, Any]]] = {}
    for row in locate_requests(frame, default_policy()).iter_rows(named=True):
        rows.setdefault(row["trace_id"].split("/")[0], []).append(row)
    return rows


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_sample(folder):
    want = expected(folder)
    got = judged()[folder.name]
    keys = ("failed", "stage", "boundary", "cause")
    assert [tuple(row[key] for key in keys) for row in got] == [
        tuple(row.get(key) for key in keys) for row in want["requests"]
    ]
    assert {row["emitter"] for row in got} == {want["emitter"]}
