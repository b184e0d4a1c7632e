"""What a reasonable person could decide otherwise: stage rules, expectations, floors, limits."""

from tracelens.policy.limits import Limits
from tracelens.policy.loader import load
from tracelens.policy.rules import (
    RULE_KINDS,
    Answers,
    Budget,
    Cell,
    Confidence,
    Correction,
    ErrorNames,
    Evaluation,
    Expectation,
    Feedback,
    Handover,
    Policy,
    ProfileRules,
    RecogniserConfidence,
    Reference,
    Speech,
    StageRule,
    TailRules,
)
from tracelens.policy.show import Change, policy_changes, policy_text

__all__ = [
    "RULE_KINDS",
    "Answers",
    "Budget",
    "Cell",
    "Change",
    "Confidence",
    "Correction",
    "ErrorNames",
    "Evaluation",
    "Expectation",
    "Feedback",
    "Handover",
    "Limits",
    "Policy",
    "ProfileRules",
    "RecogniserConfidence",
    "Reference",
    "Speech",
    "StageRule",
    "TailRules",
    "load",
    "policy_changes",
    "policy_text",
]
