"""The way to the first audio, in a sentence and as a table."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from tests.traces import load, sample
from tracelens import TraceLens
from tracelens.analyse import Explanation
from tracelens.show.chain import chain_sentence
from tracelens.show.web import chain_html

PARTS = ("transcript", "first_token", "first_audio", "residual", "ttfa")


def chain(*times: float | None, **budgets: float) -> list[dict[str, Any]]:
    return [
        {"part": part, "ms": ms, "budget_ms": budgets.get(part)}
        for part, ms in zip(PARTS, times, strict=True)
    ]


def cells(rows: list[dict[str, Any]]) -> list[list[str]]:
    found = re.findall(r"<tr>(.*?)</tr>", chain_html(Explanation({}, chain=rows)))
    return [re.findall(r">([^<]+)</t", row) for row in found]


def test_a_part_that_is_not_recorded_is_said_to_be() -> None:
    rows = chain(1_657.5, None, 100.7, 71.0, 1_829.2, ttfa=1_500)
    assert chain_sentence(rows) == (
        "First audio after 1,829 ms (budget 1,500 ms): transcript 1,658 ms,"
        " first token not recorded, first audio 101 ms, the rest 71 ms"
    )
    assert cells(rows) == [
        ["Part", "Took", "Budget"],
        ["Transcript", "1.66 s", "–"],
        ["First token", "not recorded", "–"],
        ["First audio", "101 ms", "–"],
        ["The rest", "71 ms", "–"],
        ["Until the first audio", "1.83 s ~ over budget", "1.50 s"],
    ]


def test_too_little_is_not_shown() -> None:
    for rows in ([], chain(87.0, None, None, None, None)):
        assert chain_sentence(rows) is None
        assert chain_html(Explanation({}, chain=rows)) == ""
    told = chain_sentence(chain(87.0, 20.0, None, None, None))
    assert told is not None
    assert told.startswith("To the first audio: transcript 87 ms, first token 20 ms, ")


def test_the_parts_the_rest_and_the_budgets_of_a_request(tmp_path: Path) -> None:
    policy = tmp_path / "mine.toml"
    rows = '[[budget]]\nmetric = "ttfa"\nms = 900\nmodality = "{}"\n'
    policy.write_text(rows.format("image") + rows.format("audio*").replace("900", "700"), "utf-8")
    store = tmp_path / "store"
    load(store, sample("livekit_healthy")).close()
    with TraceLens(store, policy) as lens:
        first = lens.requests()["request_id"][0]
        found = lens.explain(first).chain
    assert [row["part"] for row in found] == list(PARTS)
    *parts, whole = [row["ms"] for row in found]
    assert None not in parts
    assert round(sum(parts), 3) == round(whole, 3)
    assert [row["budget_ms"] for row in found] == [None, None, None, None, 700.0]
