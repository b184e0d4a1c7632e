"""What would change under caps, routing and latency budgets: replays of recorded requests."""

from tracelens.analyse.what_if.answer import what_if
from tracelens.analyse.what_if.baseline import COLUMNS, Baseline
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
from tracelens.analyse.what_if.source import read_baseline

__all__ = [
    "COLUMNS",
    "QUALITY",
    "Baseline",
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
    "read_baseline",
    "rule_row",
    "rule_text",
    "rules_toml",
    "what_if",
]
