"""What the user waited for: spans grouped into requests, and requests into stage runs."""

from __future__ import annotations

from dataclasses import dataclass, field

import polars as pl

from tracelens.policy import Policy
from tracelens.prices import price_table
from tracelens.requests.assemble import assign_requests
from tracelens.requests.assessments import assessments
from tracelens.requests.chain import with_chain
from tracelens.requests.costs import request_costs
from tracelens.requests.oversized import NOTE, unjudged
from tracelens.requests.paths import path_times
from tracelens.requests.profile import NO_PROFILES, heard_kind
from tracelens.requests.references import corrections, reported
from tracelens.requests.runs import stage_runs, with_errors
from tracelens.requests.summary import summarise
from tracelens.requests.took import times_taken
from tracelens.requests.usage import MEASURES, paying_spans

__all__ = ["NOTE", "SPAN_COLUMNS", "Facts", "collect_facts", "unjudged"]

#: The span columns that requests, checks and locate look at; everything else stays in the store.
SPAN_COLUMNS = (
    "trace_id",
    "span_id",
    "parent_span_id",
    "name",
    "kind",
    "start_unix_nano",
    "end_unix_nano",
    "status_code",
    "status_message",
    "service",
    "exception_type",
    "exception_message",
    "exception_unix_nano",
    "content_hash",
    "notes",
    "emitter",
    "turn_based",
    "role",
    "stage",
    "stage_by",
    "speech_to_speech",
    "model",
    "provider",
    "tool_name",
    "text_in",
    "text_out",
    "context_in",
    "text_in_attribute",
    "text_out_attribute",
    "tool_calls",
    "bad_tool_arguments",
    "tool_failure",
    "tool_results",
    "input_modalities",
    "output_modalities",
    "session_id",
    "user_id",
    "external_request_id",
    "turn_number",
    "finish_reason",
    "error_type",
    "http_status",
    "interrupted",
    "sign",
    "sign_cause",
    "sign_attribute",
    "sign_sentence",
    "ttfb_ms",
    "ttft_ms",
    *MEASURES,
    "cost_usd",
    "assessments",
)


@dataclass(frozen=True)
class Facts:
    """What the checks look at: spans with their request, stage runs, requests, and the policy.

    `spans` has one row per span, `runs` one per logical call of a stage, `requests` one per
    request; `references` holds what was said of them afterwards, `assessments` what their spans
    hold of such. The column `request` joins them. `profiles` has the rows of `PROFILE` in force;
    the columns `service, role, emitter, heard_kind` of a request tell which are its own.
    """

    spans: pl.DataFrame
    runs: pl.DataFrame
    requests: pl.DataFrame
    references: pl.DataFrame
    assessments: pl.DataFrame
    policy: Policy
    profiles: pl.DataFrame = field(default_factory=lambda: NO_PROFILES)


def collect_facts(
    spans: pl.DataFrame,
    policy: Policy,
    reports: pl.DataFrame | None = None,
    profiles: pl.DataFrame | None = None,
) -> Facts:
    """Assemble requests and stage runs out of the spans of whole sessions.

    Args:
        spans: at least `SPAN_COLUMNS`, one row per stored span.
        policy: which error names mean a cancellation or a timeout, and what a unit costs.
        reports: rows of `BUG_REPORT`, of these requests and of others.
        profiles: rows of `PROFILE`; none where nothing is known of any service.
    """
    assigned = with_errors(assign_requests(spans.select(SPAN_COLUMNS)), policy.errors)
    runs = stage_runs(assigned)
    paying = paying_spans(assigned)
    requests = summarise(assigned, runs, paying).with_columns(heard_kind=heard_kind())
    requests = with_chain(requests, runs, assigned)
    requests = requests.with_columns(
        path_ms=path_times(assigned, requests), took_ms=times_taken(runs, requests)
    )
    costs = request_costs(assigned, runs, paying, price_table(policy.price))
    requests = requests.join(costs, on="request", how="left", maintain_order="left")
    told = [corrections(requests, runs, policy)]
    if reports is not None and reports.height:
        told.append(reported(requests, reports))
    known = NO_PROFILES if profiles is None else profiles
    said = assessments(assigned, runs)
    return Facts(assigned, runs, requests, pl.concat(told), said, policy, known)
