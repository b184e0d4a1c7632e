"""Decides whether the difference between two texts lost their meaning.

Two modes. A `copy` is held to it strictly: everything that one side said should arrive on the
other, whatever is added around it. Of a `recognised` pair one side was heard by a recogniser (a
reference and its transcript, a spoken text and what was heard of it): words that change the meaning
decide there too, all others only in number, because recognisers get some of them wrong.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Literal

from rapidfuzz.distance import Levenshtein

from tracelens.checks.compare.edits import (
    BENIGN,
    CONTENT,
    CRITICAL,
    MASKED,
    SAME_MEANING,
    Edit,
    Edits,
    count_content,
    find_edits,
)
from tracelens.checks.compare.likeness import stands_in
from tracelens.checks.compare.relations import sound_alike
from tracelens.checks.compare.structured import spoken_part
from tracelens.checks.compare.tokens import RECEIVED_LIMIT, TEXT_LIMIT, tokens
from tracelens.policy.rules import Handover

Mode = Literal["copy", "recognised"]

#: What a word that carries no meaning of its own weighs beside one that does.
LIGHT = 0.2
#: Compared pairs that are kept over all calls, and the characters of both texts up to which they
#: are: what differs is kept with them, and a hostile trace could fill the memory with it.
KEPT_PAIRS = 10_000
KEPT_LENGTH = 1_000

#: A mark of what was cut stands within so many characters of the end.
CUT_MARK_LENGTH = 80
_CLOSING = frozenset(")]> \n\t")
_CUT_IN_RECORD = re.compile(r"\W*(?:\(|\[|<)\s*truncated[^)\]>]{0,40}(?:\)|\]|>)\s*$", re.I)
#: What nobody says aloud: code, addresses of pages, sounds and gestures that are written down.
_UNSPOKEN = re.compile(
    r"```.*?(?:```|$)|\bhttps?://\S+|\bwww\.\S+|[\[(*](?:laugh(?:s|ing|ter)?|music|applause|noise"
    r"|silence|inaudible|sighs?|coughs?|smil(?:es?|ing)|pauses?|chuckles?|giggles?)[\])*]",
    re.I | re.S,
)
#: How texts hide what must not be recorded: stars, blocks, and the name of what was there.
_MASK = re.compile(r"\*{3,}|[█■]{2,}|\[(?:[A-Z][A-Z_ ]{2,30}|[Rr]edacted)\]|<[A-Z][A-Z_]{2,30}>")
_MASK_SIGNS = frozenset("*█■[<")
_IDENTIFIER = re.compile(r"[a-zA-Z0-9]+(?:[_/:.-][a-zA-Z0-9]+)+")


@dataclass(frozen=True)
class Difference:
    """What became of an emitted text: `lost` is whether its meaning did not arrive.

    `dropped` and `added` hold the words in their order; `share` is the part of its content words
    that are missing, 0 to 1; `critical` is the class of the edit that decides, see
    `tracelens.checks.compare.CRITICAL`. `edits` are all edits with their classes. `score` weighs
    them by what they mean, in words of the emitted text, 0 when all are benign; `suspected` says
    that a recognised pair is neither the same nor clearly another.
    """

    lost: bool
    total: bool
    dropped: tuple[str, ...]
    added: tuple[str, ...]
    share: float
    critical: str | None
    edits: tuple[Edit, ...] = ()
    score: float = 0.0
    suspected: bool = False

    @property
    def deciding(self) -> Edit | None:
        """The first edit of the class that decides."""
        return next((edit for edit in self.edits if edit.kind == self.critical), None)


SAME = Difference(False, False, (), (), 0.0, None)

_kept: dict[bytes, Difference] = {}


def compare_texts(emitted: str, received: str, rules: Handover, mode: Mode = "copy") -> Difference:
    """Say what of `emitted` did not arrive in `received`.

    Args:
        emitted: text that a stage put out, or that was really said. Of a copy that is JSON, the
            value nearest to what was received counts.
        received: text that the next stage was given, or that a recogniser heard. What surrounds
            a copy is ignored.
        rules: thresholds, `[handover]` of the policy.
        mode: `copy`, or `recognised` where one of the two comes from a recogniser.
    """
    if received == emitted or (mode == "copy" and _copied(emitted.strip(), received)):
        return SAME
    compare = _compare_copy if mode == "copy" else _compare_recognised
    if len(emitted) + len(received) > KEPT_LENGTH:
        return compare(emitted, received, rules)
    key = _key(emitted, received, rules, mode)
    found = _kept.get(key)
    if found is None:
        found = compare(emitted, received, rules)
        if len(_kept) >= KEPT_PAIRS:
            _kept.clear()
        _kept[key] = found
    return found


def is_mishearing(found: Difference) -> bool:
    """Whether all that turns the meaning are words that recognisers take for one another."""
    turning = [edit for edit in found.edits if edit.kind in CRITICAL]
    return bool(turning) and all(
        len(edit.dropped) == len(edit.added) == 1 and sound_alike(edit.dropped[0], edit.added[0])
        for edit in turning
    )


def _key(emitted: str, received: str, rules: Handover, mode: Mode) -> bytes:
    """A hash of the contents, so that the texts are not kept."""
    whole = f"{mode}\0{hash(rules)}\0{len(emitted)}\0{emitted}{received}"
    return blake2b(whole.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def _compare_copy(emitted: str, received: str, rules: Handover) -> Difference:
    meant = spoken_part(emitted, received, rules)
    if meant is None:
        return SAME
    if not _MASK_SIGNS.isdisjoint(received):
        received = _MASK.sub(f" {MASKED} ", received)
    found = _compare_words(meant, received, rules)
    if not found.lost or not _UNSPOKEN.search(meant):
        return found
    aloud = _UNSPOKEN.sub(" ", meant)
    again = _compare_words(aloud, received, rules) if tokens(aloud[:TEXT_LIMIT]) else found
    return found if again.lost else again


def _compare_words(meant: str, received: str, rules: Handover) -> Difference:
    said, got = tokens(meant[:TEXT_LIMIT]), tokens(received[:RECEIVED_LIMIT])
    if not said or said == got or stands_in(said, got):
        return SAME
    if not got:
        return _nothing(said)
    if _is_label(meant, said, got) or _cut_in_record(said, received, rules):
        return SAME
    edits = find_edits(said, got, (meant, received), is_copy=True, clause=rules.clause_loss)
    share, score = _shares(said, edits)
    critical = _critical(edits.found)
    lost = critical is not None or share > rules.content_loss
    return Difference(
        lost,
        lost and share >= 0.99,
        tuple(edits.dropped),
        tuple(edits.added),
        share,
        critical,
        tuple(edits.found),
        score,
    )


def _compare_recognised(emitted: str, received: str, rules: Handover) -> Difference:
    said, got = tokens(emitted[:TEXT_LIMIT]), tokens(received[:TEXT_LIMIT])
    if not said or said == got or "".join(said) == "".join(got):
        return SAME
    if not got:
        return _nothing(said)
    edits = find_edits(said, got, (emitted, received), is_copy=False, clause=rules.clause_loss)
    share, score = _shares(said, edits)
    critical = _critical(edits.found)
    if edits.contents < rules.short_text_tokens:
        # Of a few words each is too large a part for shares to say anything.
        is_far = _character_errors(said, edits.found) > rules.short_text_cer
    else:
        is_far = score > rules.meaning_loss
    lost = critical is not None or is_far
    return Difference(
        lost,
        lost and share >= 0.99,
        tuple(edits.dropped),
        tuple(edits.added),
        share,
        critical,
        tuple(edits.found),
        score,
        not lost and score > rules.meaning_doubt,
    )


def _copied(emitted: str, received: str) -> bool:
    """Whether the text stands in the other as it is, between word boundaries: the usual case."""
    begin = received.find(emitted)
    if begin < 0:
        return False
    around = received[begin - 1 : begin] + received[begin + len(emitted) :][:1]
    return not any(character.isalnum() for character in around)


def _nothing(said: tuple[str, ...]) -> Difference:
    edit = Edit("truncation", "dropped", said, ())
    return Difference(True, True, said, (), 1.0, None, (edit,), 1.0)


def _shares(said: Sequence[str], edits: Edits) -> tuple[float, float]:
    """The part of the content words that is missing, and the weighted edits over all words."""
    content = edits.contents
    # What only moved is missing nowhere.
    dropped: Sequence[str] = edits.dropped
    if edits.added and not set(dropped).isdisjoint(edits.added):
        dropped = [*(Counter(dropped) - Counter(edits.added)).elements()]
    carried = count_content(dropped) / content if content else len(dropped) / len(said)
    share = min(1.0, carried)
    # A truncation stands beside the edits of its words.
    wrong = sum(_weight(edit) for edit in edits.found if edit.kind != "truncation")
    return share, wrong / (content + LIGHT * (len(said) - content))


def _critical(edits: Sequence[Edit]) -> str | None:
    kinds = {edit.kind for edit in edits}
    return next((kind for kind in CRITICAL if kind in kinds), None)


def _weight(edit: Edit) -> float:
    if edit.kind in SAME_MEANING:
        return 0.0
    words = max(len(edit.dropped), len(edit.added))
    if edit.kind in ("filler", "function"):
        return LIGHT * words
    if edit.kind == CONTENT and edit.op == "changed":
        return 1.0 - Levenshtein.normalized_similarity(edit.dropped[0], edit.added[0])
    return float(words)


def _character_errors(said: Sequence[str], edits: Sequence[Edit]) -> float:
    """Characters of the edits that carry meaning over the characters of the emitted words."""
    wrong = sum(
        Levenshtein.distance(" ".join(edit.dropped), " ".join(edit.added))
        for edit in edits
        if edit.kind not in BENIGN
    )
    return wrong / len(" ".join(said))


def _is_label(text: str, said: tuple[str, ...], got: tuple[str, ...]) -> bool:
    """Whether an answer is a word or two by which the application picks words of its own."""
    if len(got) < 3 * len(said):
        return False
    other = len(said) <= 2 and not set(said) & set(got)
    return other or _IDENTIFIER.fullmatch(text.strip()) is not None


def _cut_in_record(said: tuple[str, ...], received: str, rules: Handover) -> bool:
    """Whether the received text was cut by what recorded it: it is no evidence of a loss then."""
    end = max(0, len(received) - CUT_MARK_LENGTH)
    marked = _CUT_IN_RECORD.search(received, end) if received[-1:] in _CLOSING else None
    if not marked and len(received) not in rules.record_limits:
        return False
    whole = tokens(received[: marked.start()] if marked else received)[:-1]
    return len(whole) > 0 and said[: len(whole)] == whole
