"""HTML of the pages: what is said, what is linked, and that nothing from a trace acts."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tracelens.analyse import Overview, Totals
from tracelens.show.web import (
    coverage_html,
    href,
    load_html,
    load_rows,
    matrix_html,
    metrics_html,
    reasons_html,
    span_of_time,
    state_sentence,
)
from tracelens.show.web.parts import share

CAUSE = {"stage": "reasoning", "boundary": None, "cause": "llm_error", "n": 3}
OTHER = CAUSE | {"cause": "llm_empty", "n": 1}


@pytest.mark.parametrize(
    ("totals", "causes", "sentence"),
    [
        (Totals(), [], "No requests are stored."),
        (Totals(1), [], "No failure found in 1 request."),
        (Totals(5, unknown=2), [], "No failure found in 3 requests."),
        (Totals(3, 3), [CAUSE], "All 3 requests failed, because the model call ended with an"),
        (Totals(2000, 3), [CAUSE], "0.1 % of 2,000 requests failed, because the model call"),
        (Totals(8, 4), [CAUSE, OTHER], "50.0 % of 8 requests failed, most often because the model"),
    ],
)
def test_the_state_in_a_sentence(totals: Totals, causes: list[Any], sentence: str) -> None:
    assert state_sentence(Overview(1, 2, totals, None, 0, causes=causes)).startswith(sentence)


@pytest.mark.parametrize(
    ("part", "whole", "text"),
    [
        (0, 0, "–"),
        (0, 5, "0 %"),
        (5, 5, "100 %"),
        (1, 100_000, "< 0.1 %"),
        (99_999, 100_000, "> 99.9 %"),
        (1, 3, "33.3 %"),
    ],
)
def test_shares_are_never_rounded_to_none_or_all(part: int, whole: int, text: str) -> None:
    assert share(part, whole) == text


def test_links_carry_hostile_values_as_values() -> None:
    assert href("overview") == "./"
    assert href("failures", service='"><b>&x=1', stage=None, text="") == (
        "failures?service=%22%3E%3Cb%3E%26x%3D1"
    )
    assert href("explain", id="\ud800") == "explain?id=%3F"


def test_the_matrix_in_the_order_of_the_pipeline() -> None:
    cells = [
        {"inputs": "audio", "stage": "synthesis", "boundary": None, "n": 1},
        {
            "inputs": "audio",
            "stage": "transcription",
            "boundary": "transcription>reasoning",
            "n": 2,
        },
        {"inputs": "audio", "stage": "transcription", "boundary": "input>transcription", "n": 1},
        {"inputs": "none", "stage": "undetermined", "boundary": None, "n": 1},
        {"inputs": "audio", "stage": "transcription", "boundary": None, "n": 1},
    ]
    html = matrix_html({"none": 1, "audio": 2000, "<b>": 4}, cells, "7d")
    heads = re.findall(r'<th[^>]*scope="col(?:group)?"[^>]*>([^<]*)<', html)
    assert heads == [
        "Came in",
        *("Transcription", "Synthesis", "Stage unknown", "All"),
        *("input →", "itself", "→ reasoning", "itself", "–"),
    ]
    rows = re.findall(r"<tr><th scope=.row.>(.*?)<small>(.*?)</small></th>(.*?)</tr>", html)
    numbers = {name: re.findall(r"<(?:b|span)>([^<]*)<", cells) for name, _, cells in rows}
    assert numbers == {
        "&lt;b&gt;": ["0", "0", "0", "0", "0", "0"],
        "audio": ["0.5", "0.5", "1", "0.5", "0", "2.5"],
        "input not recorded": ["0", "0", "0", "0", "1,000", "1,000"],
    }
    assert "boundary=none&amp;period=7d" in html
    assert html.count("period=7d") == 7


def test_what_was_not_recorded_is_counted() -> None:
    outcomes = [
        {"at": "transcription>reasoning", "outcome": "ok", "n": 6},
        {"at": "transcription>reasoning", "outcome": "not_recorded", "n": 2},
        {"at": "transcription>reasoning", "outcome": "not_expected", "n": 9},
        {"at": "synthesis", "outcome": "not_expected", "n": 17},
    ]
    html = coverage_html(outcomes, {"cost": 17, "ttfa": 0}, 17)
    lines = re.findall(r"<li><b>(.*?)</b><span>(.*?)</span>.*?<em>(.*?)</em></li>", html)
    assert lines == [
        (
            "Transcription → reasoning",
            "both sides, to compare · missing in 2 requests",
            "75.0 %",
        ),
        ("Time to first audio", "when the answer began · missing in 17 requests", "0 %"),
        ("Cost", "a price", "100 %"),
    ]


def test_a_change_has_a_sign_and_a_colour() -> None:
    worse = metrics_html(Overview(1, 2, Totals(100, 30), Totals(50, 10), 0))
    assert 'class="tl-note-line tl-worse">30.0 % of all · <b>▲ +10.0 points</b>' in worse
    assert "+100 % against the period before" in worse
    better = metrics_html(Overview(1, 2, Totals(100, 10), Totals(100, 20), 0))
    assert 'tl-better">10.0 % of all · <b>▼ -10.0 points</b>' in better


def test_a_day_is_said_once() -> None:
    noon = 1_795_608_000 * 10**9
    assert span_of_time(noon, noon + 60 * 10**9) == "25 Nov 2026, 12:00 to 12:01 UTC"
    assert span_of_time(noon, noon + 86_400 * 10**9) == (
        "25 Nov 2026, 12:00 to 26 Nov 2026, 12:00 UTC"
    )
    assert span_of_time(None, None) == "no start times recorded"


def loaded(path: str, generation: int, **columns: Any) -> dict[str, Any]:
    row = {
        "path": path,
        "generation": generation,
        "final": True,
        "status": "loaded",
        "committed_at": "2026-11-25T12:00:00Z",
        "rejects": [],
        "spans_read": 4,
        "spans_stored": 4,
    }
    return row | columns


def test_parts_of_a_large_input_are_one_and_refusals_stay() -> None:
    loads = [
        loaded("refused", 5, final=False, rejects=[{"at": "", "reason": "no", "excerpt": ""}]),
        loaded("large", 4),
        loaded("large", 3, final=False),
        loaded("refused", 2, final=False, rejects=[{"at": "", "reason": "no", "excerpt": ""}]),
        loaded("killed", 1, final=False),
    ]
    found = [(row["path"], row["generation"]) for row in load_rows(loads, 0, 9)]
    assert found == [("killed", 1), ("refused", 2), ("large", 4), ("refused", 5)]
    assert [row["generation"] for row in load_rows(loads, 2, 3)] == [2]


def test_a_card_counts_what_became_of_the_spans() -> None:
    rows = load_rows(
        [loaded("<b>", 1, spans_read=10, spans_stored=6, spans_duplicate=3, spans_rejected=1)], 1, 1
    )
    html = load_html(rows)
    assert "<h1>90.0 % of 10 spans are loaded (3 were there already); 1 was skipped.</h1>" in html
    assert "width:60.00%" in html
    assert "width:10.00%" in html
    assert "&lt;b&gt;" in html


def test_reasons_are_told_once_with_their_first_place() -> None:
    rejects = [
        {"at": "line 3", "reason": "not JSON: x", "excerpt": ""},
        {"at": "line 9", "reason": "not JSON: y", "excerpt": ""},
    ]
    rows = load_rows([loaded("a", 1, rejects=rejects, reject_reasons={"not JSON": 7})], 1, 1)
    cells = re.findall(r"<td[^>]*>(.*?)</td>", reasons_html(rows))
    assert cells == ["7", "not JSON", "line 3"]
