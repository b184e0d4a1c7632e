"""Judges the comparison of texts: edits that break the meaning beside edits that do not, and speed.

usage: python -m benchmarks.compare [--slurp FILE] [--pairs 20000] [--misses]

The sentences in compare_sentences.txt have slots, `[class right|wrong]` for an edit that breaks
what is meant and `[class one|other]` for two ways to say the same. Each class is applied to every
sentence that has a slot for it; the harmless edits are repeated within a sentence until they are as
large as the breaking ones by word error rate of the texts as written, so that a threshold on that
rate cannot tell them apart. Half of the harmless edits are applied to the emitted side, half to the
received. Reported are the share of breaks found and of false alarms by class, in both modes, beside
thresholds on word error rate. Whoever wrote the sentences knew the rules, so what is found is an
upper bound.

SLURP-CF holds real recognition errors with what became of the request; only requests that failed
although the recogniser heard something else are asked (Bastianelli et al. 2020, text CC BY 4.0).
With the expected outcome known, history answers what would have become of the request had it been
heard right: the ten requests of other sentences that went well and read most like what was said
(cosine of TF-IDF over words, pairs of words and runs of 2 to 4 characters) vote by their intents;
where the expected one wins, the transcript was to blame. The area under the ROC curve is the
Mann-Whitney statistic over its largest value.
"""

from __future__ import annotations

import argparse
import difflib
import json
import math
import random
import re
import statistics
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import polars as pl
from rapidfuzz.distance import Levenshtein
from rich.console import Console
from rich.table import Table

from tracelens.checks.compare import Mode, compare_pairs, compare_texts, tokens
from tracelens.policy import load

#: Classes whose slots break the meaning; all other slots are two ways to say one thing.
BREAKS = ("number", "sign", "unit", "date", "negation", "name", "letter", "opposite", "clauses")
SAME = ("contraction", "number format", "spelling", "hyphen", "abbreviation", "article")
MODES: tuple[Mode, ...] = ("copy", "recognised")
ROUNDS = 40
THRESHOLDS = (0.05, 0.1, 0.2, 0.3)

SENTENCES = Path(__file__).with_name("compare_sentences.txt").read_text("utf-8").splitlines()

FILLERS = ("uh", "um", "er", "hmm", "uhm")
EMOJI = ("🙂", "👍", "🎉", "🙏", "☕")
MARKS: tuple[Callable[[str], str], ...] = (
    lambda word: f"**{word}**",
    lambda word: f"<emphasis>{word}</emphasis>",
    lambda word: f"_{word}_",
    lambda word: f'{word} <break time="200ms"/>',
    lambda word: f"`{word}`",
)
_SLOT = re.compile(r"\[([a-z ]+?) ([^|\]]+)\|([^\]]+)\]")
_KIND = re.compile("|".join(sorted((*BREAKS, *SAME), key=len, reverse=True)))


#: Requests whose intents vote, and the share from which on the winner is clear.
NEAREST = 10
CLEAR = 0.5


@dataclass(frozen=True)
class Pair:
    """Two texts and whether the second breaks the first."""

    kind: str
    is_break: bool
    emitted: str
    received: str

    @property
    def error_rate(self) -> float:
        """Word error rate of the texts as they are written."""
        one, two = self.emitted.split(), self.received.split()
        return Levenshtein.distance(one, two) / max(1, len(one))


def fill(sentence: str, chosen: str | None = None) -> str:
    """A sentence with its slots filled: the second text in slots of the chosen class."""

    def one(match: re.Match[str]) -> str:
        kind, first, second = slot(match)
        return second if kind == chosen else first

    return re.sub(r"\[[^\]]+\]", one, sentence)


def slot(match: re.Match[str]) -> tuple[str, str, str]:
    """Class and the two texts of a slot."""
    inside = match[0][1:-1]
    kind = _KIND.match(inside)
    if kind is None:
        raise ValueError(f"slot {inside!r} has no class; known are {BREAKS + SAME}")
    first, second = inside[kind.end() + 1 :].split("|")
    return kind[0], first, second


def breaking(rng: random.Random) -> Iterator[Pair]:
    """Each breaking class on every sentence that it applies to."""
    plain = [fill(sentence) for sentence in SENTENCES]
    for sentence, text in zip(SENTENCES, plain, strict=True):
        for kind in BREAKS:
            if (broken := fill(sentence, kind)) != text:
                yield Pair(kind, True, text, broken)
        words = text.split()
        yield Pair("truncation", True, text, " ".join(words[: round(len(words) * 0.65)]))
        yield Pair("wrong turn", True, text, rng.choice([t for t in plain if t != text]))


def harmless(rng: random.Random, rates: Sequence[float]) -> Iterator[Pair]:
    """Each harmless class on every sentence, as large as one of the rates drawn at random."""
    for sentence in SENTENCES:
        for kind, variants in variants_of(sentence, rng).items():
            text = fill(sentence)
            made = [Pair(kind, False, text, each) for each in variants if each != text]
            if not made:
                continue
            wanted = rng.choice(rates)
            best = min(made, key=lambda pair: abs(pair.error_rate - wanted))
            if rng.random() < 0.5:
                best = Pair(kind, False, best.received, best.emitted)
            yield best


def variants_of(sentence: str, rng: random.Random) -> dict[str, list[str]]:
    """Ways to write a sentence that leave its meaning, by class, from small to large."""
    text = fill(sentence)
    words = text.split()
    places = rng.sample(range(len(words)), min(8, len(words)))
    found = {kind: [fill(sentence, kind)] for kind in SAME}
    found["filler"] = [insert(words, places[:k], FILLERS, rng) for k in range(1, 9)]
    found["emoji"] = [insert(words, places[:k], EMOJI, rng) for k in range(1, 9)]
    found["repeat"] = [repeat(words, places[:k]) for k in range(1, 9)]
    found["markup"] = [mark(words, places[:k], rng) for k in range(1, 9)]
    found["casing"] = [
        " ".join(w.upper() if at in places[:k] else w for at, w in enumerate(words))
        for k in range(1, 9)
    ]
    return found


def insert(words: list[str], places: Iterable[int], what: Sequence[str], rng: random.Random) -> str:
    """Something put in before the words at these places."""
    wanted = set(places)
    return " ".join(
        f"{rng.choice(what)} {word}" if at in wanted else word for at, word in enumerate(words)
    )


def repeat(words: list[str], places: Iterable[int]) -> str:
    """The words at these places twice; a number said twice may be another number."""
    wanted = {at for at in places if tokens(words[at]) and not tokens(words[at])[0][0].isdigit()}
    return " ".join(
        f"{word.strip(',.?')} {word}" if at in wanted else word for at, word in enumerate(words)
    )


def mark(words: list[str], places: Iterable[int], rng: random.Random) -> str:
    """The words at these places in markup."""
    wanted = set(places)
    return " ".join(
        rng.choice(MARKS)(word) if at in wanted else word for at, word in enumerate(words)
    )


def auc(scores: Sequence[float], truths: Sequence[bool]) -> float:
    """Area under the ROC curve: the chance that a true one scores above a false one, ties half."""
    ranks = pl.Series(scores).rank("average")
    true = pl.Series(truths)
    hits = int(true.sum())
    misses = len(truths) - hits
    if not hits or not misses:
        return float("nan")
    above = float(ranks.filter(true).sum()) - hits * (hits + 1) / 2
    return above / (hits * misses)


def rate(found: Sequence[bool]) -> str:
    """A share as `hits/tries share`."""
    return f"{sum(found)}/{len(found)} {sum(found) / len(found):.2f}" if found else "-"


def judge_edits(console: Console, *, misses: bool) -> None:
    """Print recall by breaking class and false alarms by harmless class."""
    rng, rules = random.Random(5), load().handover
    broken = list(breaking(rng))
    pairs = broken + list(harmless(rng, [pair.error_rate for pair in broken]))
    judged = {
        mode: [compare_texts(p.emitted, p.received, rules, mode) for p in pairs] for mode in MODES
    }
    for is_break in (True, False):
        title = "breaks found" if is_break else "\nfalse alarms on harmless edits"
        table = Table(title=title, title_justify="left", box=None, pad_edge=False)
        table.add_column("class")
        heads = (*MODES, "or suspected", *(f"WER > {t}" for t in THRESHOLDS), "mean WER")
        for head in heads:
            table.add_column(head, justify="right")
        kinds = sorted({pair.kind for pair in pairs if pair.is_break == is_break})
        for kind in (*kinds, "all"):
            rows = [
                at
                for at, pair in enumerate(pairs)
                if pair.is_break == is_break and kind in (pair.kind, "all")
            ]
            cells = [rate([judged[mode][at].lost for at in rows]) for mode in MODES]
            doubted = [judged["recognised"][at] for at in rows]
            cells.append(rate([each.lost or each.suspected for each in doubted]))
            errors = [pairs[at].error_rate for at in rows]
            cells += [rate([error > t for error in errors]) for t in THRESHOLDS]
            table.add_row(kind, *cells, f"{statistics.mean(errors):.3f}")
        console.print(table)
    truths = [pair.is_break for pair in pairs]
    console.print(
        f"\narea under ROC: WER {auc([p.error_rate for p in pairs], truths):.3f}, "
        + ", ".join(
            f"weighted edits ({mode}) {auc([d.score + d.lost for d in judged[mode]], truths):.3f}"
            for mode in MODES
        )
    )
    if misses:
        for mode in MODES:
            for pair, found in zip(pairs, judged[mode], strict=True):
                if found.lost != pair.is_break:
                    text = f"{mode} {pair.kind}: {pair.emitted} | {pair.received} | {found.edits}"
                    console.print(text, markup=False)


def judge_slurp(path: Path, console: Console) -> None:
    """Print how well text alone says that the transcript broke a failed request."""
    rules = load().handover
    rows: list[Mapping[str, Any]] = [json.loads(line) for line in path.open(encoding="utf-8")]
    differ = [row for row in rows if row["reference"] != row["hypothesis"]]
    failed = [row for row in differ if row["failed"] and row["truth"]]
    truths = [row["truth"] == "transcription" for row in failed]
    found = [compare_texts(r["reference"], r["hypothesis"], rules, "recognised") for r in failed]
    rates = [error_rate(row) for row in failed]
    console.print(
        f"\nSLURP-CF: {len(rows)} recordings, {len(failed)} failed and misheard,"
        f" of these {sum(truths)} by the transcript (majority"
        f" {max(sum(truths), len(truths) - sum(truths)) / len(truths):.3f})"
    )
    right = [each.lost == truth for each, truth in zip(found, truths, strict=True)]
    sure = [ok for ok, each in zip(right, found, strict=True) if not each.suspected]
    console.print(
        f"  lost means transcription: accuracy {sum(right) / len(right):.3f};"
        f" without the suspected {sum(sure) / len(sure):.3f}"
        f" at coverage {len(sure) / len(right):.2f}"
    )
    lost = [ok for ok, each in zip(right, found, strict=True) if each.lost]
    same = [ok for ok, each in zip(right, found, strict=True) if each.score == 0]
    console.print(
        f"  of what is called lost {rate(lost)} are the transcript's,"
        f" of what is called the same {rate(same)} are not"
    )
    console.print(
        f"  area under ROC: WER {auc(rates, truths):.3f},"
        f" weighted edits {auc([each.score for each in found], truths):.3f},"
        f" with what decides {auc([each.score + each.lost for each in found], truths):.3f}"
    )
    judge_outcome(rows, failed, truths, console)
    broken = [r["predicted_intent"] != r["counterfactual_intent_on_clean_text"] for r in differ]
    every = [compare_texts(r["reference"], r["hypothesis"], rules, "recognised") for r in differ]
    console.print(
        f"  all {len(differ)} misheard, did the intent break ({sum(broken)}): area under ROC:"
        f" WER {auc([error_rate(row) for row in differ], broken):.3f},"
        f" weighted edits {auc([each.score for each in every], broken):.3f},"
        f" content words lost {auc([each.share for each in every], broken):.3f}"
    )


def judge_outcome(
    rows: Sequence[Mapping[str, Any]],
    failed: Sequence[Mapping[str, Any]],
    truths: Sequence[bool],
    console: Console,
) -> None:
    """Print how well history says the same where the expected outcome is known."""
    history = History([row for row in rows if not row["failed"]])
    polls = [history.vote(row) for row in failed]
    votes = [poll[row["gold_intent"]] for poll, row in zip(polls, failed, strict=True)]
    won = [vote >= max(poll.values()) for poll, vote in zip(polls, votes, strict=True)]
    right = [each == truth for each, truth in zip(won, truths, strict=True)]
    clear = [max(poll.values()) >= CLEAR for poll in polls]
    sure = [ok for ok, each in zip(right, clear, strict=True) if each]
    console.print(
        f"  with the expected outcome: accuracy {sum(right) / len(right):.3f};"
        f" where the vote is clear {sum(sure) / len(sure):.3f} at coverage"
        f" {len(sure) / len(right):.2f}; area under ROC {auc(votes, truths):.3f}"
    )


class History:
    """Requests that went well, to be found by their words."""

    def __init__(self, rows: Sequence[Mapping[str, Any]]) -> None:
        kept = {(row["hypothesis"], row["predicted_intent"]): row for row in rows}
        self.rows = [*kept.values()]
        counts = [Counter(grams(row["hypothesis"])) for row in self.rows]
        seen = Counter(gram for each in counts for gram in each)
        self.weights = {gram: math.log(len(self.rows) / n) for gram, n in seen.items()}
        self.postings: dict[str, list[tuple[int, float]]] = defaultdict(list)
        for at, each in enumerate(counts):
            for gram, value in self.weighted(each).items():
                self.postings[gram].append((at, value))

    def weighted(self, counts: Counter[str]) -> dict[str, float]:
        """TF-IDF of grams, of length one."""
        found = {gram: n * self.weights.get(gram, 0.0) for gram, n in counts.items()}
        length = math.sqrt(sum(value * value for value in found.values())) or 1.0
        return {gram: value / length for gram, value in found.items()}

    def vote(self, row: Mapping[str, Any]) -> defaultdict[str, float]:
        """The share of the vote, 0 to 1, that each intent has among the nearest other sentences."""
        likeness: defaultdict[int, float] = defaultdict(float)
        for gram, value in self.weighted(Counter(grams(row["reference"]))).items():
            for at, other in self.postings.get(gram, ()):
                likeness[at] += value * other
        others = [at for at in likeness if self.rows[at]["slurp_id"] != row["slurp_id"]]
        nearest = sorted(others, key=lambda at: (-likeness[at], at))[:NEAREST]
        whole = sum(likeness[at] for at in nearest)
        shares: defaultdict[str, float] = defaultdict(float, {"": 0.0})
        for at in nearest:
            shares[self.rows[at]["predicted_intent"]] += likeness[at] / whole
        return shares


def grams(text: str) -> Iterator[str]:
    """Words, pairs of words, and runs of 2 to 4 characters."""
    words = text.split()
    yield from words
    yield from map(" ".join, pairwise(words))
    for size in (2, 3, 4):
        yield from (text[at : at + size] for at in range(len(text) - size + 1))


def error_rate(row: Mapping[str, Any]) -> float:
    """Word error rate of a row of SLURP-CF."""
    one, two = row["reference"].split(), row["hypothesis"].split()
    return Levenshtein.distance(one, two) / max(1, len(one))


def utterances(rng: random.Random, count: int) -> tuple[list[str], list[str]]:
    """Pairs of about 25 words: 40 in 100 identical, 30 differ harmlessly, 30 are broken."""
    emitted, received = [], []
    for _ in range(count):
        two = rng.sample(SENTENCES, 2)
        kind = rng.choices(("same", "harmless", "broken"), (40, 30, 30))[0]
        left, right = (fill(each) for each in two)
        # A name out of thousands makes nearly every text distinct, as those of real requests are.
        name = "".join(rng.choice("bdfglmnrstv") + rng.choice("aeiou") for _ in range(2))
        text = f"{left} {right} Thanks, {name.title()}."
        words = text.split()
        if kind == "harmless":
            words = insert(words, rng.sample(range(len(words)), 2), FILLERS, rng).lower().split()
        elif kind == "broken":
            words[rng.randrange(len(words) - 2)] = rng.choice(("seven", "not", "Vienna", "cellar"))
        emitted.append(text)
        received.append(" ".join(words))
    return emitted, received


def measure_speed(count: int, console: Console) -> None:
    """Print pairs per CPU second, beside other ways to compare such pairs."""
    rules = load().handover
    others = {"difflib": by_difflib, "rapidfuzz, not classified": by_rapidfuzz}
    try:
        import jiwer
    except ImportError:
        console.print("\njiwer is not installed: left out")
    else:
        others["jiwer"] = lambda one, two: jiwer.process_words(one, two)
    ways: dict[str, Callable[[list[str], list[str]], Any]] = {}
    for mode in MODES:
        ways[mode] = lambda one, two, mode=mode: compare_pairs(
            pl.Series(one), pl.Series(two), rules, mode
        )
    for name, way in others.items():
        ways[name] = lambda one, two, way=way: [way(*pair) for pair in zip(one, two, strict=True)]
    speeds = {name: max(rates(work, count)) for name, work in ways.items()}
    seen = utterances(random.Random(1), count // ROUNDS)
    for mode in MODES:
        ways[mode](*seen)
        speeds[f"{mode}, seen before"] = max(rates(lambda *_, m=mode: ways[m](*seen), count))
    table = Table(title="\nspeed", title_justify="left", box=None, pad_edge=False)
    for head in ("way", "pairs / CPU s", "times difflib"):
        table.add_column(head, justify="left" if head == "way" else "right")
    for name, speed in speeds.items():
        table.add_row(name, f"{speed:,.0f}", f"{speed / speeds['difflib']:.2f}")
    console.print(table)
    words = statistics.mean(len(text.split()) for text in seen[0])
    console.print(f"best of {ROUNDS} rounds of {count // ROUNDS:,} new pairs of {words:.0f} words")


def rates(work: Callable[[list[str], list[str]], Any], count: int) -> Iterator[float]:
    """Pairs per second of CPU time (of all threads), round by round, each with pairs of its own."""
    rng, size = random.Random(11), count // ROUNDS
    work(*utterances(rng, size))
    for _ in range(ROUNDS):
        texts = utterances(rng, size)
        began = time.process_time()
        work(*texts)
        yield size / (time.process_time() - began)


def by_difflib(one: str, two: str) -> Any:
    """The edits of the words as they are written, by difflib."""
    return difflib.SequenceMatcher(None, one.split(), two.split(), autojunk=False).get_opcodes()


def by_rapidfuzz(one: str, two: str) -> Any:
    """The edits of the words as they are written, by rapidfuzz."""
    return Levenshtein.editops(one.split(), two.split())


def main() -> None:
    """Print all three parts."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--slurp", type=Path, help="slurp_cf.jsonl")
    parser.add_argument("--pairs", type=int, default=20_000, help="to measure speed with")
    parser.add_argument("--misses", action="store_true", help="list the pairs judged wrongly")
    given = parser.parse_args()
    console = Console(width=150, highlight=False)
    judge_edits(console, misses=given.misses)
    if given.slurp:
        judge_slurp(given.slurp, console)
    measure_speed(given.pairs, console)


if __name__ == "__main__":
    main()
