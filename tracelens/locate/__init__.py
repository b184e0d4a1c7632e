"""The verdict: which stage or boundary broke a request, why, and how sure that is."""

from __future__ import annotations

import hashlib

import polars as pl

from tracelens.checks import run_checks
from tracelens.locate.judge import judge_requests
from tracelens.model import REQUEST
from tracelens.policy import Policy
from tracelens.requests import SPAN_COLUMNS, collect_facts

__all__ = ["SPAN_COLUMNS", "inputs_hash", "locate_requests"]


def locate_requests(
    spans: pl.DataFrame, policy: Policy, mapping: str = "", reports: pl.DataFrame | None = None
) -> pl.DataFrame:
    """Judge every request in a frame of whole sessions; the same spans give the same rows.

    Args:
        spans: at least `SPAN_COLUMNS`, one row per stored span, in any order.
        policy: expectations, error names, confidence and the floor below which no stage is named.
        mapping: version of the emitter mappings that read the spans.
        reports: rows of `BUG_REPORT`; those that mean other requests are passed over.

    Returns:
        One row per request with the columns of `REQUEST`.
    """
    if spans.is_empty():
        return pl.DataFrame(schema=REQUEST)
    facts = collect_facts(spans, policy, reports)
    return judge_requests(facts, run_checks(facts), inputs_hash(policy, mapping))


def inputs_hash(policy: Policy, mapping: str) -> str:
    """What a verdict depends on beside the spans: policy and mappings, as 16 hex digits."""
    return hashlib.sha256(f"{policy.hash}{mapping}".encode()).hexdigest()[:16]
