"""Tells names by how they are written: with a capital, inside a sentence."""

from __future__ import annotations

import re

from tracelens.checks.compare.tokens import TEXT_LIMIT

#: Of so many words of a pair it is looked up whether they are names.
NAMES_LIMIT = 200

_CAPITAL = re.compile(r"\b[A-ZÀ-ÖØ-Þ]")


class Names:
    """Tells names by a capital inside a sentence, in texts that are not all capitals."""

    def __init__(self, texts: tuple[str, str]) -> None:
        self.texts = [text[:TEXT_LIMIT] for text in texts if not text.islower()]
        self.left = NAMES_LIMIT
        self.tested = False

    def has(self, word: str) -> bool:
        """Whether the word stands as a name in one of the texts."""
        self.left -= 1
        if self.left < 0 or not self.texts:
            return False
        found = any(_has_capital(word, text) for text in self.texts)
        if found and not self.tested:
            self.tested = True
            self.texts = [text for text in self.texts if _says_by_capitals(text)]
            return any(_has_capital(word, text) for text in self.texts)
        return found


def _has_capital(word: str, text: str) -> bool:
    for written in (word[:1].upper() + word[1:], word.upper()):
        at = text.find(written)
        while at >= 0:
            before = text[at - 2 : at] if at >= 2 else ""
            inside = before[1:] == " " and (before[0].isalnum() or before[0] in ",;:")
            if inside and not text[at + len(written) : at + len(written) + 1].isalpha():
                return True
            at = text.find(written, at + 1)
    return False


def _says_by_capitals(text: str) -> bool:
    """Where most words begin with a capital, a capital says nothing."""
    return 2 * len(_CAPITAL.findall(text)) <= len(text.split())
