"""Questions asked of judged requests: which ones, which one, and the whole answer on one."""

from tracelens.analyse.explain import Explanation, explain_request
from tracelens.analyse.extent import describe_extent
from tracelens.analyse.facets import Facets, failure_facets, request_facets
from tracelens.analyse.find import (
    Filters,
    count_stale,
    count_unknown,
    find_requests,
    find_traces,
)
from tracelens.analyse.group import group_failures, list_group
from tracelens.analyse.health import emitters_seen, store_health
from tracelens.analyse.overview import (
    PERIODS,
    Coverage,
    Overview,
    Totals,
    coverage,
    overview,
    period_bounds,
)
from tracelens.analyse.prices import (
    FIELDS,
    UNPRICED,
    all_prices,
    price_rows,
    prices_of,
    prices_seen,
    unpriced,
)
from tracelens.analyse.reports import OPEN, all_reports, open_reports
from tracelens.analyse.resolve import Match, list_reports, near_ids, resolve_id
from tracelens.analyse.span import describe_span

__all__ = [
    "FIELDS",
    "OPEN",
    "PERIODS",
    "UNPRICED",
    "Coverage",
    "Explanation",
    "Facets",
    "Filters",
    "Match",
    "Overview",
    "Totals",
    "all_prices",
    "all_reports",
    "count_stale",
    "count_unknown",
    "coverage",
    "describe_extent",
    "describe_span",
    "emitters_seen",
    "explain_request",
    "failure_facets",
    "find_requests",
    "find_traces",
    "group_failures",
    "list_group",
    "list_reports",
    "near_ids",
    "open_reports",
    "overview",
    "period_bounds",
    "price_rows",
    "prices_of",
    "prices_seen",
    "request_facets",
    "resolve_id",
    "store_health",
    "unpriced",
]
