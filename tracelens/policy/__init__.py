"""What a reasonable person could decide otherwise: stage rules, expectations, floors, limits."""

from tracelens.policy.limits import Limits
from tracelens.policy.loader import load
from tracelens.policy.rules import (
    RULE_KINDS,
    Budget,
    Cell,
    Confidence,
    Correction,
    ErrorNames,
    Expectation,
    Handover,
    Policy,
    ProfileRules,
    StageRule,
)
from tracelens.policy.show import Change, policy_changes, policy_text

__all__ = [
    "RULE_KINDS",
    "Budget",
    "Cell",
    "Change",
    "Confidence",
    "Correction",
    "ErrorNames",
    "Expectation",
    "Handover",
    "Limits",
    "Policy",
    "ProfileRules",
    "StageRule",
    "load",
    "policy_changes",
    "policy_text",
]
