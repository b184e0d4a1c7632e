"""What is different about some requests: their values against those of all others."""

from tracelens.analyse.different.attributes import asked_columns, request_attributes
from tracelens.analyse.different.different import Difference, Differences, different
from tracelens.analyse.different.population import (
    Attribute,
    Condition,
    Population,
    condition_words,
)
from tracelens.analyse.different.recorded import different_attributes

__all__ = [
    "Attribute",
    "Condition",
    "Difference",
    "Differences",
    "Population",
    "asked_columns",
    "condition_words",
    "different",
    "different_attributes",
    "request_attributes",
]
