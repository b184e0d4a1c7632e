"""What is different about some requests: their values against those of all others."""

from tracelens.analyse.different.different import Difference, Differences, different
from tracelens.analyse.different.population import Attribute, Condition, Population

__all__ = ["Attribute", "Condition", "Difference", "Differences", "Population", "different"]
