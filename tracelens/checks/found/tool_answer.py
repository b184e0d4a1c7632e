"""Does the answer state what the tools returned?"""

from __future__ import annotations

from typing import Any

import msgspec
import polars as pl

from tracelens.checks.compare import hold_against
from tracelens.checks.finding import Check, findings, no_findings
from tracelens.checks.shared import quoted
from tracelens.requests import Facts

#: Texts of one request that are looked at; a hostile trace may hold any number of them.
TEXTS_LIMIT = 100


def run(facts: Facts) -> pl.DataFrame:
    """One row per exchange whose answer states a typed value of a tool's result: fails or passes.

    Only numbers and codes are held against one another; `compare.facts` says what is never held
    against an answer. Symbolic checks of typed conflicts are precise where free text is not.
    """
    sides = _sides(facts)
    if sides.is_empty():
        return no_findings()
    rules = facts.policy.answers
    held = [
        hold_against(row["answer"], _results(row), _known(row), rules)
        for row in sides.iter_rows(named=True)
    ]
    wrong = [each.contradiction for each in held]
    judged = sides.with_columns(
        pl.Series("agreed", [", ".join(each.agreed) for each in held], dtype=pl.String),
        pl.Series("key", [each and each.key for each in wrong], dtype=pl.String),
        pl.Series("returned", [each and each.returned for each in wrong], dtype=pl.String),
        pl.Series("stated", [each and each.stated for each in wrong], dtype=pl.String),
    )
    fails = judged.filter(pl.col("key").is_not_null())
    return pl.concat([_fails(fails), _passes(judged.filter(pl.col("key").is_null()))])


def _sides(facts: Facts) -> pl.DataFrame:
    """The last answer of each exchange beside what its tools returned and its models were given."""
    keys = ["request", "exchange"]
    runs = facts.runs.filter(~pl.col("is_cancel"))
    given = runs.filter(pl.col("tool_results").is_not_null() & ~pl.col("is_error"))
    model = runs.filter(pl.col("stage") == "reasoning")
    words = pl.col("text_out").fill_null("").str.strip_chars() != ""
    answers = (
        model.filter(words & ~pl.col("is_error") & (pl.col("tool_calls").fill_null(0) == 0))
        .join(given.select(keys).unique(), on=keys, how="semi")
        .sort("start", "end", "run")
        .group_by(keys, maintain_order=True)
        .agg(
            pl.col("text_out").last().alias("answer"),
            pl.col("text_out_attribute").last().alias("attribute"),
            pl.col("span_id").last(),
            pl.col("end").last().alias("time"),
        )
    )
    if answers.is_empty():
        return answers
    tool = pl.col("stage") == "tool"
    results = given.group_by(keys, maintain_order=True).agg(
        pl.col("tool_results").filter(tool).alias("returned_by_tools"),
        pl.col("tool_results").filter(~tool).alias("told_to_models"),
    )
    heard = runs.group_by(keys, maintain_order=True).agg(
        pl.col("text_out").filter(pl.col("stage") == "transcription").alias("heard"),
        pl.col("text_in").filter(pl.col("stage") != "synthesis").alias("given"),
        pl.col("context_in").alias("context"),
    )
    return answers.join(results, on=keys, maintain_order="left").join(
        heard, on=keys, maintain_order="left"
    )


def _results(row: dict[str, Any]) -> list[str]:
    """What tools returned, each text once: their spans and the model's input tell the same."""
    texts = list(row["returned_by_tools"])
    for listed in row["told_to_models"]:
        texts += [text for text in msgspec.json.decode(listed) if isinstance(text, str)]
    return list(dict.fromkeys(texts))[:TEXTS_LIMIT]


def _known(row: dict[str, Any]) -> list[str]:
    texts = [*row["heard"], *row["given"], *row["context"]]
    return list(dict.fromkeys(text for text in texts if text is not None))[:TEXTS_LIMIT]


def _fails(rows: pl.DataFrame) -> pl.DataFrame:
    return findings(
        rows,
        check="tool_answer",
        result="fails",
        at="reasoning",
        stage="reasoning",
        cause="llm_wrong",
        weight="soft",
        score=0.8,
        value=pl.col("stated"),
        needed=pl.col("returned"),
        sentence=pl.format(
            "the answer says {} where the tool returned {} as {}: {}",
            quoted(pl.col("stated"), 60),
            quoted(pl.col("returned"), 60),
            quoted(pl.col("key"), 60),
            quoted(pl.col("answer")),
        ),
    )


def _passes(rows: pl.DataFrame) -> pl.DataFrame:
    return findings(
        rows.filter(pl.col("agreed") != ""),
        check="tool_answer",
        result="passes",
        at="reasoning",
        sentence=pl.format("the answer states what the tool returned: {}", pl.col("agreed")),
    )


CHECK = Check("tool_answer", "Does the answer state what the tools returned?", run)
