"""Finds what differs between two token sequences and gives every edit a class.

The edits come from a Levenshtein alignment of tokens (rapidfuzz). The classes tell apart what a
word error rate counts alike: a number that became another one, and a filler that was left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from rapidfuzz.distance import Levenshtein

from tracelens.checks.compare.lexicon import (
    ADDRESSES,
    CJK_NUMERALS,
    DATES,
    FUNCTION_WORDS,
    HESITATIONS,
    IMPLIED_UNITS,
    MERIDIEM,
    MONTHS,
    NEGATIONS,
    UNITS,
)
from tracelens.checks.compare.names import Names
from tracelens.checks.compare.relations import are_initials, relation, sounds_alike

#: Classes of edits that change what is meant. The first that is found names the whole loss.
CRITICAL = (
    "truncation",
    "negation",
    "number",
    "sign",
    "unit",
    "date",
    "time",
    "polarity",
    "name",
    "identifier",
    "swap",
)
#: Classes that leave the meaning as it is: another way to write, or words that carry none.
BENIGN = (
    "filler",
    "repeat",
    "function",
    "spelling",
    "format",
    "number format",
    "abbreviation",
    "order",
    "masked",
)
#: Any other word that was lost, put in or changed.
CONTENT = "content"
#: Classes in which both sides say the same thing, so that neither has a word more or less.
SAME_MEANING = frozenset(
    ("spelling", "format", "number format", "abbreviation", "repeat", "masked")
)
#: The token that stands for what a text hides: its words were there, and cannot be compared.
MASKED = "maskedcontent"
#: Classes for which it is enough that the words come in the same order on both sides.
_SEQUENCES = frozenset(("number", "date", "time", "unit"))

#: Blocks with more pairs of words than this are not searched for other spellings of one word.
PAIRS_LIMIT = 100

_KINDS = (
    dict.fromkeys(CJK_NUMERALS, "number")
    | dict.fromkeys(UNITS, "unit")
    | dict.fromkeys(FUNCTION_WORDS, "function")
    | dict.fromkeys(DATES, "date")
    | dict.fromkeys(NEGATIONS, "negation")
    | {"minus": "sign"}
)
Op = Literal["dropped", "added", "changed"]


class Edit(NamedTuple):
    """One difference: its class, what happened (dropped, added, changed), and the words of it."""

    kind: str
    op: Op
    dropped: tuple[str, ...]
    added: tuple[str, ...]


@dataclass(slots=True)
class _Block:
    """A stretch where the sides differ: said[begin:end] stands against got[start:stop]."""

    begin: int
    end: int
    start: int
    stop: int
    #: The copy begins or ends here, and what surrounds it may be any text.
    edge: bool


@dataclass(slots=True)
class Edits:
    """All edits of a pair, and the words that are on one side only, in their order.

    `contents` counts the content words that were said.
    """

    contents: int
    found: list[Edit] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)
    added: list[str] = field(default_factory=list)


def find_edits(
    said: Sequence[str],
    got: Sequence[str],
    texts: tuple[str, str],
    *,
    is_copy: bool,
    clause: float,
) -> Edits:
    """Align two token sequences and classify what differs.

    Args:
        said: tokens of the emitted text.
        got: tokens of the received text.
        texts: the two texts as they were written, for the names in them.
        is_copy: what stands before and after the copy is no edit, and a word has no reason to
            be another one that sounds alike.
        clause: share of the content words, 0 to 1, from which a lost stretch is a truncation.
    """
    reader = _Reader(said, got, texts, is_copy, clause)
    edits = Edits(reader.contents)
    for block in _blocks(said, got, is_copy):
        reader.read(block, edits)
    edits.found = reader.settled(edits.found)
    return edits


def count_content(words: Sequence[str]) -> int:
    """How many of the tokens carry meaning of their own."""
    return len(words) - sum(map(FUNCTION_WORDS.__contains__, words))


def _blocks(said: Sequence[str], got: Sequence[str], is_copy: bool) -> Iterator[_Block]:
    """Stretches between equal tokens."""
    last: _Block | None = None
    for op in Levenshtein.opcodes(said, got):
        if op.tag == "equal":
            if last:
                yield last
            last = None
        elif last:
            last.end, last.stop = op.src_end, op.dest_end
            last.edge = last.edge or (is_copy and op.src_end == len(said))
        else:
            edge = is_copy and (op.src_start == 0 or op.src_end == len(said))
            last = _Block(op.src_start, op.src_end, op.dest_start, op.dest_end, edge)
    if last:
        yield last


class _Reader:
    """Classifies the blocks of one pair."""

    def __init__(
        self,
        said: Sequence[str],
        got: Sequence[str],
        texts: tuple[str, str],
        is_copy: bool,
        clause: float,
    ) -> None:
        self.said, self.got, self.texts = said, got, texts
        self.is_copy = is_copy
        self.contents = count_content(said)
        self.clause = max(2.0, clause * self.contents)
        self.names = Names(texts)

    def read(self, block: _Block, edits: Edits) -> None:
        """Add the edits of one block."""
        out = list(range(block.begin, block.end))
        new = list(range(block.start, block.stop))
        if block.edge and not out:
            return
        said, got, found = self.said, self.got, edits.found
        if MASKED in got[block.start : block.stop]:
            found.append(_edit("masked", self._of(said, out), ()))
            return
        if self.is_copy and not block.begin and ADDRESSES.issuperset(said[: block.end]):
            found.append(_edit("filler", self._of(said, out), ()))
            return
        if out and new:
            if len(out) + len(new) > 2 and self._are_joined(out, new, found):
                return
            self._match(out, new, edits)
        elif out:
            self._repeats(out, said, "dropped", found)
        elif new:
            self._repeats(new, got, "added", found)
        if block.edge:
            # Of the text around a copy only what stands in the place of a word belongs to it.
            new = new[-len(out) :] if block.begin == 0 else new[: len(out)]
        edits.dropped += self._of(said, out)
        if not block.edge:
            edits.added += self._of(got, new)
        self._classify(out, new, block.edge, found)

    def _are_joined(self, out: list[int], new: list[int], found: list[Edit]) -> bool:
        """Whether the block only spaces its letters or digits otherwise: `e mail`, `email`."""
        one, two = self._of(self.said, out), self._of(self.got, new)
        joined = "".join(one) == "".join(two)
        if joined:
            found.append(_edit("format", one, two))
        return joined

    def settled(self, found: list[Edit]) -> list[Edit]:
        """Edits whose words are there on both sides in the same order are no loss of them."""
        if len(found) == 1 and found[0].kind != "negation":
            # One edit alone stands in its place: nothing was moved.
            return found
        same = self._moved(found)
        if self._negates_the_same([edit for edit in found if edit.kind == "negation"]):
            same.add("negation")
        found = _swapped(found)
        if not same:
            return found
        return [
            Edit("order", edit.op, edit.dropped, edit.added) if edit.kind in same else edit
            for edit in found
        ]

    def _negates_the_same(self, edits: list[Edit]) -> bool:
        """One negation for another in its place, or moved past words without meaning."""
        more = sum(len(edit.dropped) - len(edit.added) for edit in edits)
        if not edits or more:
            return False
        if all(edit.op == "changed" for edit in edits):
            return True
        said, got = (
            [word for word in words if word not in FUNCTION_WORDS]
            for words in (self.said, self.got)
        )
        return said == got

    def _moved(self, found: list[Edit]) -> set[str]:
        """Classes of which both sides have the same words in the same order."""
        lost: dict[str, list[str]] = {}
        for edit in found:
            if edit.kind in _SEQUENCES:
                lost.setdefault(edit.kind, []).extend(edit.dropped)
        added = {word for edit in found for word in edit.added} if lost else set()
        return {
            kind
            for kind, words in lost.items()
            if added.issuperset(words) and self._sequence(kind, 0) == self._sequence(kind, 1)
        }

    def _sequence(self, kind: str, side: int) -> str:
        words = (self.said, self.got)[side]
        return "".join(word for at, word in enumerate(words) if self._kind(words, at) == kind)

    def _match(self, out: list[int], new: list[int], edits: Edits) -> None:
        """Take pairs out of both lists that are one word in two spellings, or opposites."""
        if len(out) * len(new) > PAIRS_LIMIT:
            return
        if len(out) + len(new) > 3 and self._are_short(out, new, edits.found):
            out.clear()
            new.clear()
            return
        for mine in tuple(out):
            for other in new:
                one, two = self.said[mine], self.got[other]
                kind = relation(one, two)
                if kind is None:
                    continue
                edits.found.append(_edit(kind, (one,), (two,)))
                if kind == "polarity":
                    edits.dropped.append(one)
                    edits.added.append(two)
                out.remove(mine)
                new.remove(other)
                break

    def _are_short(self, out: list[int], new: list[int], found: list[Edit]) -> bool:
        one, two = self._of(self.said, out), self._of(self.got, new)
        short = are_initials(one, two)
        if short:
            found.append(_edit("abbreviation", one, two))
        return short

    def _repeats(self, places: list[int], words: Sequence[str], op: Op, found: list[Edit]) -> None:
        """Take words out that only double what stands beside them, one by one or all at once.

        A digit that is said twice makes another number.
        """
        size, begin, end = len(places), places[0], places[-1] + 1
        run = tuple(words[begin:end])
        before, after = tuple(words[max(0, begin - size) : begin]), tuple(words[end : end + size])
        if run in (before, after):
            doubled = places[:]
        else:
            doubled = [at for at in places if self._is_doubled(words, at, begin, end)]
        for at in doubled:
            if words[at] < ":":
                continue
            word = (words[at],)
            found.append(Edit("repeat", op, *((word, ()) if op == "dropped" else ((), word))))
            places.remove(at)

    @staticmethod
    def _is_doubled(words: Sequence[str], at: int, begin: int, end: int) -> bool:
        """Whether the word stands beside itself outside of the run, or at the run's other end."""
        return (begin > 0 and words[begin - 1] == words[begin] == words[at] and at == begin) or (
            end < len(words) and words[end - 1] == words[end] == words[at] and at == end - 1
        )

    def _classify(self, out: list[int], new: list[int], edge: bool, found: list[Edit]) -> None:
        """Group what is left of a block by the kind of its words, one edit for each kind."""
        if len(out) > 1 and self._is_cut(out, new):
            found.append(_edit("truncation", self._of(self.said, out), ()))
        dropped = self._by_kind(self.said, out)
        added = self._by_kind(self.got, new)
        for kind, words in dropped.items():
            other = added.pop(kind, [])
            if kind == "number" and words and "".join(words) == "".join(other):
                found.append(_edit("number format", words, other))
            elif kind in (CONTENT, "name"):
                found += self._changed(kind, words, other or added.pop(CONTENT, []), edge)
            elif kind == "negation" and edge:
                found.append(_edit(kind, words, ()))
            else:
                light = not other and self._is_light(kind, words)
                found.append(_edit("function" if light else kind, words, other))
        if edge:
            return
        for kind, words in added.items():
            found.append(_edit(self._kind_added(kind, words), (), words))

    def _changed(self, kind: str, words: list[str], other: list[str], edge: bool) -> Iterator[Edit]:
        """Content words beside the words that stand in their place, pair by pair."""
        for one, two in zip(words, other, strict=False):
            # A recogniser has to guess how a name is written; a copy has it before it.
            alike = kind == "name" and not self.is_copy and sounds_alike(one, two)
            yield _edit(CONTENT if alike else kind, (one,), (two,))
        for one in words[len(other) :]:
            yield _edit(kind, (one,), ())
        for two in other[len(words) :]:
            if not edge:
                yield _edit(CONTENT, (), (two,))

    def _kind_added(self, kind: str, words: list[str]) -> str:
        """What was put into a copy is no loss, unless it turns the meaning round."""
        if self._is_light(kind, words):
            return "function"
        if kind in ("negation", "sign", "function", "filler", CONTENT):
            return kind
        return CONTENT if self.is_copy or kind in ("name", "identifier") else kind

    def _is_light(self, kind: str, words: list[str]) -> bool:
        """Numbers and units that come and go: `one` where it was heard, the degrees of 20."""
        if kind == "number":
            return not self.is_copy and words == ["1"]
        return kind == "unit" and IMPLIED_UNITS.issuperset(words)

    def _is_cut(self, out: list[int], new: list[int]) -> bool:
        lost = count_content(self._of(self.said, out))
        return lost >= self.clause and 2 * count_content(self._of(self.got, new)) < lost

    def _by_kind(self, words: Sequence[str], places: Iterable[int]) -> dict[str, list[str]]:
        kinds: dict[str, list[str]] = {}
        for at in places:
            kind = self._kind(words, at)
            if kind == CONTENT and self.names.has(words[at]):
                kind = "name"
            kinds.setdefault(kind, []).append(words[at])
        return kinds

    def _kind(self, words: Sequence[str], at: int) -> str:
        word = words[at]
        if word[0].isdigit():
            return self._kind_of_number(words, at)
        before = words[at - 1] if at else ""
        kind = _KINDS.get(word)
        if word in MERIDIEM:
            return "time" if before[:1].isdigit() else "function"
        if len(word) == 1 and word.isascii() and word not in "ais" and _is_code(words, at):
            return "identifier"
        if kind == "unit":
            return "unit" if before[:1].isdigit() else CONTENT
        if kind == "function" or kind is None:
            if word in HESITATIONS and not self.is_copy:
                return "filler"
            return kind or CONTENT
        return kind

    def _kind_of_number(self, words: Sequence[str], at: int) -> str:
        if at and words[at - 1] in MONTHS:
            return "date"
        return "time" if not MERIDIEM.isdisjoint(words[at + 1 : at + 3]) else "number"

    @staticmethod
    def _of(words: Sequence[str], places: Iterable[int]) -> tuple[str, ...]:
        return tuple([words[at] for at in places])


def _swapped(found: list[Edit]) -> list[Edit]:
    """Two words in each other's place: nobody mishears that, so it changes who does what."""
    changed = {(e.dropped, e.added) for e in found if e.kind == CONTENT and e.op == "changed"}
    swapped = {(one, two) for one, two in changed if (two, one) in changed}
    if not swapped:
        return found
    return [
        Edit("swap", edit.op, edit.dropped, edit.added)
        if edit.kind == CONTENT and (edit.dropped, edit.added) in swapped
        else edit
        for edit in found
    ]


def _edit(kind: str, dropped: Iterable[str], added: Iterable[str]) -> Edit:
    dropped, added = tuple(dropped), tuple(added)
    op: Op = "changed" if dropped and added else "dropped" if dropped else "added"
    return Edit(kind, op, dropped, added)


def _is_code(words: Sequence[str], at: int) -> bool:
    """Whether a letter stands beside a digit or another letter: gate b 7, x y z."""
    beside = (*words[max(0, at - 1) : at], *words[at + 1 : at + 2])
    return any(word[0].isdigit() or (len(word) == 1 and word not in "ais") for word in beside)
