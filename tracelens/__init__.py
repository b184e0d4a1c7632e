"""tracelens tells which stage of a voice or vision assistant broke a request, with evidence."""

from tracelens.api import Explanation, Filters, LoadReport, TraceLens
from tracelens.errors import TracelensError

__all__ = ["Explanation", "Filters", "LoadReport", "TraceLens", "TracelensError"]
