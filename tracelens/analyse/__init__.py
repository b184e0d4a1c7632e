"""Questions asked of judged requests: which ones, which one, and the whole answer on one."""

from tracelens.analyse.explain import Explanation, explain_request
from tracelens.analyse.extent import describe_extent
from tracelens.analyse.find import Filters, count_unknown, find_requests, find_traces
from tracelens.analyse.group import group_failures
from tracelens.analyse.resolve import Match, list_reports, near_ids, resolve_id
from tracelens.analyse.span import describe_span

__all__ = [
    "Explanation",
    "Filters",
    "Match",
    "count_unknown",
    "describe_extent",
    "describe_span",
    "explain_request",
    "find_requests",
    "find_traces",
    "group_failures",
    "list_reports",
    "near_ids",
    "resolve_id",
]
