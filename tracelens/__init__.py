"""tracelens tells which stage of a voice or vision assistant broke a request, with evidence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tracelens.api import Explanation, Filters, LoadReport, TraceLens
    from tracelens.errors import TracelensError

__all__ = ["Explanation", "Filters", "LoadReport", "TraceLens", "TracelensError"]


def __getattr__(name: str) -> Any:
    """Import what is asked for, when it is: the help of the command line needs no database."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from tracelens import api, errors

    return getattr(errors if name == "TracelensError" else api, name)
