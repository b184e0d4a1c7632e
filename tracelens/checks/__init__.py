"""Checks: one file per question about a stage or a boundary; each yields rows, none decides."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

import polars as pl

from tracelens.checks import found
from tracelens.checks.finding import FINDING, Check
from tracelens.requests import Facts

__all__ = ["FINDING", "Check", "find_checks", "run_checks"]


@cache
def find_checks() -> tuple[Check, ...]:
    """Every check of the folder `found/`, by name."""
    names = sorted(module.name for module in pkgutil.iter_modules(found.__path__))
    return tuple(importlib.import_module(f"{found.__name__}.{name}").CHECK for name in names)


def run_checks(facts: Facts) -> pl.DataFrame:
    """All findings of all checks: rows of `FINDING`."""
    return pl.concat([check.run(facts) for check in find_checks()])
