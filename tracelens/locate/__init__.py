"""The verdict: which stage or boundary broke a request, why, and how sure that is."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace

import polars as pl

from tracelens.checks import run_checks
from tracelens.locate.judge import judge_requests
from tracelens.locate.shape import with_shapes
from tracelens.model import REQUEST
from tracelens.policy import Policy
from tracelens.prices import prices_version
from tracelens.requests import SPAN_COLUMNS, collect_facts
from tracelens.requests.profile import NO_PROFILES, signatures

__all__ = ["SPAN_COLUMNS", "inputs_hash", "inputs_in_force", "locate_requests"]


def locate_requests(
    spans: pl.DataFrame,
    policy: Policy,
    mapping: str = "",
    reports: pl.DataFrame | None = None,
    profiles: pl.DataFrame | None = None,
) -> pl.DataFrame:
    """Judge every request in a frame of whole sessions; the same spans give the same rows.

    Args:
        spans: at least `SPAN_COLUMNS`, one row per stored span, in any order.
        policy: expectations, error names, confidence and the floor below which no stage is named.
        mapping: version of the emitter mappings that read the spans.
        reports: rows of `BUG_REPORT`; those that mean other requests are passed over.
        profiles: rows of `PROFILE`: what requests of each service usually have, as far as known.

    Returns:
        One row per request with the columns of `REQUEST`.
    """
    if spans.is_empty():
        return pl.DataFrame(schema=REQUEST)
    facts = collect_facts(spans, policy, reports, profiles)
    found = run_checks(facts)
    shaped = replace(facts, requests=with_shapes(facts, found))
    judged = judge_requests(shaped, found, inputs_hash(policy, mapping))
    return judged.with_columns(inputs_hash=_own_inputs(inputs_in_force(policy, mapping, profiles)))


def inputs_in_force(
    policy: Policy, mapping: str, profiles: pl.DataFrame | None = None
) -> dict[str, str]:
    """The `inputs_hash` of a request by the key of its profile; "" stands for all without one."""
    basis = inputs_hash(policy, mapping)
    known = signatures(NO_PROFILES if profiles is None else profiles)
    return {"": basis} | {key: f"{basis}-{signature}" for key, signature in known.items()}


def _own_inputs(in_force: Mapping[str, str]) -> pl.Expr:
    key = pl.col("shape").struct.field("profile").fill_null("")
    return key.replace_strict(in_force, default=in_force[""], return_dtype=pl.String())


def inputs_hash(policy: Policy, mapping: str) -> str:
    """What a row depends on beside the spans: policy, mappings and prices, as 16 hex digits."""
    return hashlib.sha256(f"{policy.hash}{mapping}{prices_version()}".encode()).hexdigest()[:16]
