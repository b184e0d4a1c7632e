"""Columns are read once a rule needs them, and never of two versions of a store."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.traces import ALL_SAMPLES, load
from tracelens.analyse.what_if import Rules
from tracelens.analyse.what_if.answer import what_if
from tracelens.analyse.what_if.baseline import MovedError
from tracelens.analyse.what_if.source import read_baseline
from tracelens.api import Filters
from tracelens.policy import Budget, Cap, Condition, Route

ALL_KINDS = Rules(
    caps=(Cap("audio_seconds", 1, "truncate", model="*"), Cap("pages", 1, "reject")),
    routes=(Route("nobody", (Condition("images", max=0), Condition("model", ("*",)))),),
    budgets=(Budget("reasoning", 1), Budget(None, 1)),
)


def test_what_rules_need_is_read_when_they_are_tried(tmp_path: Path) -> None:
    with load(tmp_path / "store", *ALL_SAMPLES) as lens:
        late = read_baseline(lens.store(), Filters())
        at_once = read_baseline(lens.store(), Filters(), ALL_KINDS)
        answer = what_if(late, ALL_KINDS)
        assert answer.touched > 0
        assert answer.rules == what_if(at_once, ALL_KINDS).rules


def test_rows_of_two_versions_are_never_mixed(tmp_path: Path) -> None:
    first, *others = ALL_SAMPLES
    with load(tmp_path / "store", first) as lens:
        old = read_baseline(lens.store(), Filters())
        kept = what_if(old, Rules(budgets=(Budget(None, 1),)))
        lens.ingest(others)
        cap = Rules(caps=(Cap("audio_seconds", 1, "truncate"),))
        with pytest.raises(MovedError, match="ask once more"):
            what_if(old, cap)
        # What it has read is still of the moment at which it was made.
        assert what_if(old, Rules(budgets=(Budget(None, 1),))).n == kept.n
        assert lens.what_if(cap).n > kept.n


def test_a_store_that_changes_between_two_reads_is_read_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, *others = ALL_SAMPLES
    with load(tmp_path / "store", first) as lens:
        before = lens.what_if(Rules()).n
        version = lens.version()
        lens.ingest(others)
        # As if the others had come in just after the version was looked at.
        monkeypatch.setattr(lens, "version", lambda: version)
        cap = Rules(caps=(Cap("audio_seconds", 1, "truncate"),))
        assert lens.what_if(cap).n > before
