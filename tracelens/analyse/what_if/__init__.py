"""What would change under caps, routing and latency budgets: replays of recorded requests.

Rules and results are here; what computes them (`answer`, `source`) is loaded by who asks.
"""

from tracelens.analyse.what_if.results import (
    QUALITY,
    Bounds,
    Group,
    Money,
    Quantile,
    RuleEffect,
    Share,
    Times,
    WhatIf,
)
from tracelens.analyse.what_if.rows import rule_row, rule_text, rules_toml
from tracelens.analyse.what_if.rules import Rule, Rules, make_rules

__all__ = [
    "QUALITY",
    "Bounds",
    "Group",
    "Money",
    "Quantile",
    "Rule",
    "RuleEffect",
    "Rules",
    "Share",
    "Times",
    "WhatIf",
    "make_rules",
    "rule_row",
    "rule_text",
    "rules_toml",
]
