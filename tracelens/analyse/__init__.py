"""Questions asked of judged requests: which ones, which one, and the whole answer on one."""

from tracelens.analyse.explain import Explanation, explain_request
from tracelens.analyse.find import (
    Filters,
    count_stale,
    count_unknown,
    find_requests,
    find_traces,
)
from tracelens.analyse.group import group_failures
from tracelens.analyse.resolve import Match, list_reports, resolve_id

__all__ = [
    "Explanation",
    "Filters",
    "Match",
    "count_stale",
    "count_unknown",
    "explain_request",
    "find_requests",
    "find_traces",
    "group_failures",
    "list_reports",
    "resolve_id",
]
