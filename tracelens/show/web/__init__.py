"""HTML of finished values, for the pages and for files that people pass on.

Everything from a trace goes through `safe`, and nothing else makes text of it.
"""

from tracelens.show.web.chain import chain_html
from tracelens.show.web.costs import cost_html
from tracelens.show.web.coverage import coverage_html
from tracelens.show.web.difference import differences_html, texts_html
from tracelens.show.web.evidence import evidence_html, usual_html
from tracelens.show.web.failures import (
    failures_html,
    failures_sentence,
    group_html,
    groups_html,
)
from tracelens.show.web.html import moment, safe, stylesheet
from tracelens.show.web.loads import (
    job_html,
    load_html,
    load_rows,
    past_html,
    reasons_html,
    reject_records,
    rejects_html,
    sources_html,
)
from tracelens.show.web.matrix import matrix_html
from tracelens.show.web.neighbours import extent_sentence, requests_html
from tracelens.show.web.notes import notes_html
from tracelens.show.web.overview import (
    metrics_html,
    new_html,
    open_reports_html,
    span_of_time,
    stale_html,
    state_sentence,
    strip_html,
)
from tracelens.show.web.page import evidence_page
from tracelens.show.web.parts import href, inputs_name, link, stage_name
from tracelens.show.web.rail import rail_html
from tracelens.show.web.reports import reports_html, reports_sentence
from tracelens.show.web.settings import (
    changes_html,
    damage_html,
    emitters_html,
    health_html,
    health_sentence,
    price_rows_to_fill,
    prices_html,
    prices_sentence,
    rules_html,
    segments_html,
    unmeasured_sentence,
    unpriced_html,
    unpriced_sentence,
)
from tracelens.show.web.span import span_html
from tracelens.show.web.tails import (
    FEW,
    TOO_FEW,
    box_sentence,
    box_text,
    different_table_html,
    exemplars_html,
    groups_table_html,
    limit_of,
    method_html,
    one_page_html,
    parse_box,
    tail_facts,
    tail_metrics_html,
    times_table_html,
    trend_table_html,
    unbroken,
)
from tracelens.show.web.verdict import verdict_html
from tracelens.show.web.waterfall import waterfall_html
from tracelens.show.web.what_if import what_if_html, what_if_sentence

__all__ = [
    "FEW",
    "TOO_FEW",
    "box_sentence",
    "box_text",
    "chain_html",
    "changes_html",
    "cost_html",
    "coverage_html",
    "damage_html",
    "differences_html",
    "different_table_html",
    "emitters_html",
    "evidence_html",
    "evidence_page",
    "exemplars_html",
    "extent_sentence",
    "failures_html",
    "failures_sentence",
    "group_html",
    "groups_html",
    "groups_table_html",
    "health_html",
    "health_sentence",
    "href",
    "inputs_name",
    "job_html",
    "limit_of",
    "link",
    "load_html",
    "load_rows",
    "matrix_html",
    "method_html",
    "metrics_html",
    "moment",
    "new_html",
    "notes_html",
    "one_page_html",
    "open_reports_html",
    "parse_box",
    "past_html",
    "price_rows_to_fill",
    "prices_html",
    "prices_sentence",
    "rail_html",
    "reasons_html",
    "reject_records",
    "rejects_html",
    "reports_html",
    "reports_sentence",
    "requests_html",
    "rules_html",
    "safe",
    "segments_html",
    "sources_html",
    "span_html",
    "span_of_time",
    "stage_name",
    "stale_html",
    "state_sentence",
    "strip_html",
    "stylesheet",
    "tail_facts",
    "tail_metrics_html",
    "texts_html",
    "times_table_html",
    "trend_table_html",
    "unbroken",
    "unmeasured_sentence",
    "unpriced_html",
    "unpriced_sentence",
    "usual_html",
    "verdict_html",
    "waterfall_html",
    "what_if_html",
    "what_if_sentence",
]
