"""What a reasonable person could decide otherwise: stage rules, expectations, floors, limits."""

from tracelens.policy.limits import Limits
from tracelens.policy.loader import load
from tracelens.policy.rules import (
    RULE_KINDS,
    ErrorNames,
    Expectation,
    Handover,
    Policy,
    StageRule,
)

__all__ = [
    "RULE_KINDS",
    "ErrorNames",
    "Expectation",
    "Handover",
    "Limits",
    "Policy",
    "StageRule",
    "load",
]
