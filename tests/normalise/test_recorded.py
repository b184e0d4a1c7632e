"""Every folder of recorded/ gives the verdict that its expected.toml names."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from tests.conftest import default_policy, verdict
from tests.test_samples import expected
from tracelens.locate import locate_requests
from tracelens.normalise import canonical_spans, promoted_keys
from tracelens.read import file_source, read_spans

RECORDED = Path(__file__).parent / "recorded"
FOLDERS = sorted(path.parent for path in RECORDED.glob("*/expected.toml"))


def raw_recorded() -> pl.DataFrame:
    """The raw spans of all folders, with their folder's name in the column `folder`."""
    return pl.concat(
        batch.with_columns(folder=pl.lit(folder.name))
        for folder in FOLDERS
        for batch in read_spans(file_source(folder / "trace.jsonl"), promoted_keys())
    )


@pytest.fixture(scope="module")
def spans() -> pl.DataFrame:
    return canonical_spans(raw_recorded(), default_policy())


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_recorded(folder, spans):
    want = expected(folder)
    own = spans.filter(pl.col("folder") == folder.name)
    (row,) = locate_requests(own, default_policy()).to_dicts()
    (truth,) = want["requests"]
    keys = ("failed", "stage", "boundary", "cause")
    assert verdict(row) == tuple(truth.get(key) for key in keys)
    assert row["emitter"] == want["emitter"]


def test_every_mapping_of_this_folder_reads_models_and_usage(spans):
    calls = spans.filter((pl.col("stage") == "reasoning") & (pl.col("status_code") != 2))
    # The Agent Development Kit's scripted model counts no tokens for a tool call.
    assert calls.get_column("model").null_count() == 0
    assert set(calls.drop_nulls("input_tokens").get_column("emitter")) == {
        "google_adk",
        "langfuse",
        "logfire",
        "openinference",
        "pydantic_ai",
        "traceloop",
    }
