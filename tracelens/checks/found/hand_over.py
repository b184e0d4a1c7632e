"""Did what one stage emitted arrive at the next?"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count
from typing import Final

import polars as pl

from tracelens.checks.compare import compare_pairs, covers, similarity, tokens
from tracelens.checks.finding import Check, findings, no_findings
from tracelens.checks.shared import deciding_runs, quoted
from tracelens.policy.rules import Handover
from tracelens.requests import Facts

EMITTED = {"transcription>reasoning": "transcription", "reasoning>synthesis": "reasoning"}
RECEIVED = {"transcription>reasoning": "reasoning", "reasoning>synthesis": "synthesis"}

#: Kinds of words of which the word alone may not say what it is.
NAMED = {kind: f"the {kind} " for kind in ("number", "unit", "date", "time", "name", "identifier")}

#: Texts of one side and exchange that are compared; a hostile trace may hold any number of them.
TEXTS_LIMIT = 200

#: A hand-over with the two texts that tell.
TOLD: Final = {"row": pl.get_index_type(), "said": pl.String(), "got": pl.String()}


def run(facts: Facts) -> pl.DataFrame:
    """One row per boundary and exchange that both sides of ran: fails, passes or no_data."""
    sides = pl.concat([_to_reasoning(facts), _to_synthesis(facts)])
    if sides.is_empty():
        return no_findings()
    recorded = pl.col("emitted").list.len().fill_null(0) * pl.col("received").list.len().fill_null(
        0
    )
    compared = sides.filter(recorded > 0)
    missing = sides.filter(recorded == 0)
    judged = _judged(compared, facts.policy.handover)
    # What is not found may have gone through the call that did not record its text.
    unsure = judged.filter(pl.col("lost") & pl.col("blind"))
    return pl.concat(
        [
            _fails(judged.filter(pl.col("lost") & ~pl.col("blind"))),
            _passes(judged.filter(~pl.col("lost"))),
            _no_data(missing),
            _no_data(unsure),
        ]
    )


def _to_reasoning(facts: Facts) -> pl.DataFrame:
    """Transcripts beside what the model was given; a model that hears for itself is left out."""
    runs = facts.runs.filter(~pl.col("is_cancel"))
    native = pl.col("speech_to_speech").any().over("request", "exchange")
    runs = runs.filter(~native)
    said = runs.filter((pl.col("stage") == "transcription") & ~pl.col("is_error"))
    given = runs.filter(pl.col("stage") == "reasoning")
    emitted = said.group_by("request", "exchange").agg(
        pl.col("text_out")
        .drop_nulls()
        .filter(pl.col("text_out").drop_nulls().str.strip_chars() != "")
        .alias("emitted"),
        pl.col("span_id").last().alias("emitter_span"),
        pl.col("text_out_attribute").drop_nulls().last().alias("emitted_attribute"),
    )
    received = given.group_by("request", "exchange").agg(
        pl.col("text_in").drop_nulls().alias("received"),
        pl.col("context_in").drop_nulls().alias("around"),
        pl.col("span_id").first(),
        pl.col("text_in_attribute").drop_nulls().first().alias("received_attribute"),
        pl.col("start").min().alias("time"),
        pl.lit(False).alias("excused"),
        (~pl.col("is_error") & pl.col("text_in").is_null() & pl.col("context_in").is_null())
        .any()
        .alias("blind"),
    )
    return emitted.join(received, on=["request", "exchange"]).select(
        pl.lit("transcription>reasoning").alias("at"), pl.all()
    )


def _to_synthesis(facts: Facts) -> pl.DataFrame:
    """Answers beside what was given to synthesis, its sentences joined in order."""
    runs = facts.runs.filter(~pl.col("is_cancel"))
    said = runs.filter((pl.col("stage") == "reasoning") & ~pl.col("is_error"))
    emitted = said.group_by("request", "exchange").agg(
        pl.col("text_out")
        .drop_nulls()
        .filter(pl.col("text_out").drop_nulls().str.strip_chars() != "")
        .alias("emitted"),
        pl.col("span_id").last().alias("emitter_span"),
        pl.col("text_out_attribute").drop_nulls().last().alias("emitted_attribute"),
    )
    voiced = deciding_runs(facts).filter((pl.col("stage") == "synthesis") & ~pl.col("is_cancel"))
    unsaid = said.group_by("request", "exchange").agg(
        (pl.col("text_out").is_null() & (pl.col("tool_calls").fill_null(0) == 0))
        .any()
        .alias("unsaid")
    )
    received = (
        voiced.sort("start", "end", "run")
        .group_by("request", "exchange", maintain_order=True)
        .agg(
            pl.col("text_in").drop_nulls().alias("received"),
            pl.lit([], pl.List(pl.String)).first().alias("around"),
            pl.col("span_id").first(),
            pl.col("text_in_attribute").drop_nulls().first().alias("received_attribute"),
            pl.col("start").min().alias("time"),
            pl.col("excused").any(),
            pl.col("text_in").is_null().any().alias("blind"),
        )
    )
    return (
        emitted.join(received, on=["request", "exchange"])
        .join(unsaid, on=["request", "exchange"])
        .with_columns(blind=pl.col("blind") | pl.col("unsaid"))
        .drop("unsaid")
        .select(pl.lit("reasoning>synthesis").alias("at"), pl.all())
        .filter(~pl.col("excused"))
    )


def _judged(sides: pl.DataFrame, rules: Handover) -> pl.DataFrame:
    """The sides with the two texts that tell, `said` and `got`, and what became of them."""
    rows = sides.with_row_index("row")
    inward = pl.col("at") == "transcription>reasoning"
    told = [_transcripts(rows.filter(inward), rules), _answers(rows.filter(~inward), rules)]
    return rows.join(pl.concat(told), on="row", maintain_order="left").drop("row")


def _compared(pairs: pl.DataFrame, rules: Handover) -> pl.DataFrame:
    """Pairs of `said` and `beside` with `lost, total, critical` and the words `out` and `new`.

    These are the words of the edit that decides, or all words where none does.
    """
    found = pairs.hstack(compare_pairs(pairs["said"], pairs["beside"], rules))
    edits = found.select("row", "critical", "edits").drop_nulls().explode("edits").unnest("edits")
    decided = edits.filter(pl.col("kind") == pl.col("critical")).unique("row", keep="first")
    words = decided.select("row", out="dropped", new="added")
    return found.join(words, on="row", how="left", maintain_order="left").select(
        *("row", "said", "got", "lost", "total", "critical"),
        pl.coalesce("out", "dropped"),
        pl.coalesce("new", "added"),
    )


def _transcripts(rows: pl.DataFrame, rules: Handover) -> pl.DataFrame:
    """Each transcript must stand in what some model call of the exchange was given.

    Of several that stand for one utterance (interim ones, two recognisers) one is enough.
    """
    texts = rows.select("row", said=_distinct("emitted")).explode("said").with_row_index("text")
    places = rows.select("row", places=pl.concat_list(_distinct("received"), _distinct("around")))
    missed = _missing(texts, places, rules).group_by("row", maintain_order=True).agg(missed="said")
    lost = _unexcused(missed.join(rows, on="row", maintain_order="left"), rules)
    fine = rows.join(lost, on="row", how="anti").select(
        "row", said=pl.col("emitted").list.last(), got=pl.col("received").list.first()
    )
    beside = [fine.with_columns(beside="said"), lost.with_columns(beside="got")]
    return _compared(pl.concat(beside), rules)


def _missing(texts: pl.DataFrame, places: pl.DataFrame, rules: Handover) -> pl.DataFrame:
    """Those of the texts (`text, row, said`) that stand in none of the `places` of their row."""
    left = texts
    for turn in count():
        here = places.select("row", place=pl.col("places").list.get(turn, null_on_oob=True))
        pairs = left.join(here.drop_nulls(), on="row")
        if pairs.is_empty():
            break
        stands = ~compare_pairs(pairs["said"], pairs["place"], rules)["lost"]
        left = left.join(pairs.filter(stands), on="text", how="anti", maintain_order="left")
    return left


def _unexcused(rows: pl.DataFrame, rules: Handover) -> pl.DataFrame:
    """`row, said, got`: the first `missed` text that none of those which arrived says as well."""
    told = rows.select("row", "missed", _distinct("emitted"), _distinct("received"))
    found = []
    for row, missed, emitted, received in told.iter_rows():
        arrived = set(emitted).difference(missed)
        for text in missed:
            if not any(covers(text, other) >= rules.same_utterance for other in arrived):
                found.append((row, text, _nearest(received, text)))
                break
    return pl.DataFrame(found, schema=TOLD, orient="row")


def _answers(rows: pl.DataFrame, rules: Handover) -> pl.DataFrame:
    """What is spoken must be one of the model's answers, or all of them, whole."""
    last_first = _distinct("emitted").list.reverse()
    left = rows.select(
        "row",
        answers=pl.concat_list(last_first, pl.col("emitted").list.join(" ")),
        pieces=pl.col("received").list.head(TEXTS_LIMIT),
    ).with_columns(
        pl.col("answers").list.unique(maintain_order=True),
        got=pl.col("pieces").list.join(" "),
    )
    found = []
    for turn in count():
        tried = left.with_columns(said=pl.col("answers").list.get(turn, null_on_oob=True))
        fine = _spoken(tried.drop_nulls("said"), rules)
        if fine.is_empty() and tried["said"].null_count() == tried.height:
            break
        found.append(fine)
        left = left.join(fine, on="row", how="anti", maintain_order="left")
    texts = left.join(rows.select("row", last_first), on="row", maintain_order="left")
    nearest = [
        (row, _nearest(emitted, got), got)
        for row, emitted, got in texts.select("row", "emitted", "got").iter_rows()
    ]
    lost = pl.DataFrame(nearest, schema=TOLD, orient="row").with_columns(beside="got")
    return pl.concat([*found, _compared(lost, rules)])


def _spoken(tried: pl.DataFrame, rules: Handover) -> pl.DataFrame:
    """The answers that were spoken, compared; their sentences may have come in another order."""
    as_given = _compared(tried.with_columns(beside="got"), rules)
    fine = as_given.filter(~pl.col("lost"))
    rest = tried.filter(pl.col("pieces").list.len() > 1).join(fine, on="row", how="anti")
    ordered = [_in_order_of(*row) for row in rest.select("said", "pieces").iter_rows()]
    again = _compared(rest.with_columns(pl.Series("beside", ordered, pl.String)), rules)
    return pl.concat([fine, again.filter(~pl.col("lost"))])


def _in_order_of(answer: str, pieces: list[str]) -> str:
    """The pieces in the order of the answer: sentences made side by side may begin in any order."""
    whole = f" {' '.join(tokens(answer))} "
    return " ".join(sorted(pieces, key=lambda piece: whole.find(f" {' '.join(tokens(piece))} ")))


def _distinct(column: str) -> pl.Expr:
    return pl.col(column).list.unique(maintain_order=True).list.tail(TEXTS_LIMIT)


def _nearest(texts: Sequence[str], text: str) -> str:
    return max(texts, key=lambda other: similarity(other, text))


def _fails(judged: pl.DataFrame) -> pl.DataFrame:
    emitted = pl.col("at").replace_strict(EMITTED, return_dtype=pl.String)
    received = pl.col("at").replace_strict(RECEIVED, return_dtype=pl.String)
    return findings(
        judged,
        check="hand_over",
        result="fails",
        stage=emitted,
        boundary=pl.col("at"),
        cause="handoff_loss",
        weight=pl.when("total").then(pl.lit("hard")).otherwise(pl.lit("soft")),
        score=pl.when(pl.col("critical").is_not_null() | pl.col("total")).then(0.9).otherwise(0.8),
        attribute=pl.col("received_attribute"),
        value=pl.col("got").str.slice(0, 2_000),
        needed=pl.col("said").str.slice(0, 2_000),
        sentence=pl.format(
            "{} emitted {}, but {} received {}: {}",
            emitted,
            quoted(pl.col("said")),
            received,
            quoted(pl.col("got")),
            _what_happened(),
        ),
    )


def _what_happened() -> pl.Expr:
    """The edit that decides in words: the number “50” became “15”; all words when none does."""
    what = pl.col("critical").replace_strict(NAMED, default="", return_dtype=pl.String)
    out, new = quoted(pl.col("out"), 60), quoted(pl.col("new"), 60)
    return (
        pl.when("total")
        .then(pl.lit("nothing of it arrived"))
        .when(pl.col("out") == "")
        .then(pl.format("{}{} was put in", what, new))
        .when(pl.col("new") == "")
        .then(pl.format("{}{} was lost", what, out))
        .otherwise(pl.format("{}{} became {}", what, out, new))
    )


def _passes(judged: pl.DataFrame) -> pl.DataFrame:
    received = pl.col("at").replace_strict(RECEIVED, return_dtype=pl.String)
    emitted = pl.col("at").replace_strict(EMITTED, return_dtype=pl.String)
    return findings(
        judged,
        check="hand_over",
        result="passes",
        attribute=pl.col("received_attribute"),
        value=pl.col("got").str.slice(0, 2_000),
        needed=pl.col("said").str.slice(0, 2_000),
        sentence=pl.format("{} received what {} emitted", received, emitted),
    )


def _no_data(missing: pl.DataFrame) -> pl.DataFrame:
    emitted = pl.col("at").replace_strict(EMITTED, return_dtype=pl.String)
    received = pl.col("at").replace_strict(RECEIVED, return_dtype=pl.String)
    absent = (
        pl.when(pl.col("emitted").list.len().fill_null(0) == 0)
        .then(pl.format("what {} emitted", emitted))
        .otherwise(pl.format("what {} received", received))
    )
    return findings(
        missing,
        check="hand_over",
        result="no_data",
        attribute=pl.coalesce("received_attribute", "emitted_attribute"),
        needed="both texts",
        sentence=pl.format("{} was not recorded, so the hand-over cannot be compared", absent),
    )


CHECK = Check("hand_over", "Did what one stage emitted arrive at the next?", run)
