"""Compares a text that one stage put out with the text that another was given or heard.

Spelling, layout and the way numbers are written do not matter; words that were lost or changed do,
and of those the ones that turn the meaning: numbers, negations, units, dates, names, opposites.
Word error rate does not tell them apart.
"""

from tracelens.checks.compare.diff import diff_words
from tracelens.checks.compare.edits import BENIGN, CONTENT, CRITICAL, Edit
from tracelens.checks.compare.facts import Contradiction, Held, expected_in, hold_against
from tracelens.checks.compare.judge import SAME, Difference, Mode, compare_texts, is_mishearing
from tracelens.checks.compare.likeness import covers, similarity, stands_in, was_spoken
from tracelens.checks.compare.pairs import PAIR, compare_pairs
from tracelens.checks.compare.relations import sound_alike
from tracelens.checks.compare.tokens import tokens

__all__ = [
    "BENIGN",
    "CONTENT",
    "CRITICAL",
    "PAIR",
    "SAME",
    "Contradiction",
    "Difference",
    "Edit",
    "Held",
    "Mode",
    "compare_pairs",
    "compare_texts",
    "covers",
    "diff_words",
    "expected_in",
    "hold_against",
    "is_mishearing",
    "similarity",
    "sound_alike",
    "stands_in",
    "tokens",
    "was_spoken",
]
