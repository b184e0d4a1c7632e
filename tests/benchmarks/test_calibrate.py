"""What is counted, what is left out, and what is written into the policy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from benchmarks.calibrate import POLICY, cells_of, left_out, log_loss, rows_text, write_rows
from tracelens.policy import Cell, load

CUT = {"check": "cut_output", "weight": "hard", "score": 0.8, "contested": False}
LOST = {"check": "hand_over", "weight": "soft", "score": 0.9, "contested": False}


def cases(*rows: tuple[dict[str, Any], str, int, int]) -> pl.DataFrame:
    """Labelled cases: what, dialect, right, how many."""
    return pl.DataFrame(
        {**what, "stage": "reasoning", "dialect": dialect, "right": right}
        for what, dialect, right, many in rows
        for _ in range(many)
    )


def test_counts_of_cases_that_are_alike() -> None:
    assert cells_of(cases((CUT, "a", 1, 3), (LOST, "a", 0, 1), (CUT, "b", 0, 1))) == (
        Cell("cut_output", "hard", 0.8, False, 3, 4),
        Cell("hand_over", "soft", 0.9, False, 0, 1),
    )


def test_a_case_does_not_count_for_itself() -> None:
    found = left_out(cases((CUT, "a", 1, 200), (CUT, "b", 0, 200)), "dialect", 0)
    told = found.group_by("dialect").agg(pl.col("confidence").unique()).sort("dialect").rows()
    assert told == [("a", [0.01]), ("b", [0.99])]


def test_log_loss_by_hand() -> None:
    assert log_loss([(0.5, 1.0), (0.5, 0.0)]) == pytest.approx(0.6931, abs=1e-4)


def test_the_counts_are_written_where_the_policy_reads_them(tmp_path: Path) -> None:
    file = tmp_path / "policy.toml"
    file.write_text(f"[confidence]\nparent = 3\n{rows_text(load().confidence.cells)}[limits]\n")
    cell = Cell("cut_output", "hard", 0.8, True, 3, 4)
    write_rows(file, [cell])
    assert load(file).confidence.cells == (cell,)
    assert load(file).confidence.parent == 3
    assert file.read_text().endswith("]\n[limits]\n")


def test_a_policy_without_counts_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "policy.toml"
    file.write_text("[confidence]\nparent = 3\n")
    with pytest.raises(SystemExit, match="no list `cells` to replace"):
        write_rows(file, [])


def test_the_built_in_counts_are_as_they_would_be_written() -> None:
    assert rows_text(load().confidence.cells) in POLICY.read_text("utf-8")
