"""Globs as column expressions: the pattern language of policy rows and emitter claims."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl


def matches_any(column: pl.Expr, globs: Sequence[str]) -> pl.Expr:
    """Whether text matches one of the globs; `*` stands for any run of characters."""
    exact = [glob for glob in globs if "*" not in glob]
    parts = [column.is_in(exact)] if exact else []
    parts += [column.str.contains(glob_regex(glob)) for glob in globs if "*" in glob]
    return pl.any_horizontal(parts) if parts else pl.lit(False)


def glob_regex(glob: str) -> str:
    """A regular expression that matches what the glob matches, whole."""
    special = set(r".^$+?{}[]\|()")
    body = "".join(".*" if c == "*" else f"\\{c}" if c in special else c for c in glob)
    return f"(?s)^{body}$"
