"""The policy in force as TOML text, and where it differs from the built-in one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tomli_w

from tracelens.policy.loader import default_text, load_tables


@dataclass(frozen=True)
class Change:
    """A key, or a whole list of rows, that a file sets otherwise than the built-in policy."""

    key: str  # `limits.depth`, or `stage` for all of its rows
    built_in: Any
    in_force: Any


def policy_text(path: Path | None = None) -> str:
    """The policy as TOML: the built-in text with its comments, or a file laid over it.

    Raises PolicyError for a file with a problem.
    """
    return (
        default_text() if path is None else tomli_w.dumps(load_tables(path), multiline_strings=True)
    )


def policy_changes(path: Path | None) -> list[Change]:
    """What a policy file changes, in the order of the built-in policy; none without a file.

    Raises PolicyError for a file with a problem.
    """
    before, after = load_tables(None), load_tables(path)
    changes = []
    for name, table in after.items():
        old = before.get(name)
        if isinstance(table, dict) and isinstance(old, dict):
            changes += [
                Change(f"{name}.{key}", old.get(key), value)
                for key, value in table.items()
                if old.get(key) != value
            ]
        elif table != old:
            changes.append(Change(name, old, table))
    return changes
