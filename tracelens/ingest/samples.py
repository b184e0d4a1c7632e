"""The sample traces that every installation has."""

from __future__ import annotations

from pathlib import Path

from tracelens.errors import NotFoundError


def find_samples() -> list[Path]:
    """The trace files of the samples, beside the package or in its wheel.

    Raises NotFoundError when the installation has none.
    """
    package = Path(__file__).parents[1]
    for folder in (package / "_sample_traces", package.parent / "sample_traces"):
        found = sorted(folder.glob("*/trace.*"))
        if found:
            return found
    raise NotFoundError(f"no sample traces beside {package}: the installation is incomplete")
