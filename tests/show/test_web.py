"""HTML of finished values: texts with what changed in them, and nothing of a trace that acts."""

from __future__ import annotations

import html
import re
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.dashboards.stores import HOSTILE
from tests.traces import load, sample
from tracelens import TraceLens
from tracelens.analyse import Explanation
from tracelens.checks.compare import diff_words
from tracelens.show.timeline import lay_out
from tracelens.show.web import (
    differences_html,
    evidence_page,
    notes_html,
    requests_html,
    span_html,
    waterfall_html,
)
from tracelens.show.web.html import duration, money

WORDS = st.lists(st.sampled_from("do not cancel my order for 9 people < & please".split()))


def compared(emitted: str, received: str) -> Explanation:
    """A hand-over of two texts."""
    row = {
        "boundary": "transcription>reasoning",
        "result": "fails" if emitted != received else "passes",
        "diff": [{"op": op, "text": text} for op, text in diff_words(emitted, received)],
    }
    return Explanation({"evidence": []}, texts=[row])


def sides(shown: str) -> list[str]:
    """The two texts of a difference as somebody reads them, without the hidden words."""
    seen = re.sub(r'<span class="tl-only-read">.*?</span>', "", shown)
    found = re.findall(r'<div class="tl-side"><span>.*?</span><p>(.*?)</p>', seen, re.DOTALL)
    return [" ".join(html.unescape(re.sub(r"<[^>]*>", "", each)).split()) for each in found]


def test_a_lost_word_is_struck_out_on_one_side_and_a_gap_on_the_other() -> None:
    shown = differences_html(compared("do not cancel it", "do cancel it"))
    assert "✕ 1 dropped · 0 added" in shown
    assert '<del><span class="tl-only-read">dropped: </span>not</del>' in shown
    assert shown.count('class="tl-gap"') == 1
    assert '<details class="tl-diff tl-fail" open>' in shown


def test_a_changed_word_is_told_as_changed_and_leaves_no_gap() -> None:
    shown = differences_html(compared("for nine people", "for five people"))
    assert (
        '<ins class="tl-changed"><span class="tl-only-read">changed to: </span>five</ins>' in shown
    )
    assert "tl-gap" not in shown


def test_of_a_long_text_only_what_is_around_a_change_is_shown() -> None:
    words = [f"w{number}" for number in range(200)]
    emitted, received = sides(
        differences_html(compared(" ".join(words), " ".join(words[:100] + words[101:])))
    )
    assert emitted.startswith("[… 88 words …] w88")
    assert "w100" in emitted
    assert "w100" not in received
    assert received.endswith("[… 87 words …]")


@given(WORDS, WORDS)
@settings(max_examples=200, deadline=None)
def test_both_sides_read_as_they_were(emitted: list[str], received: list[str]) -> None:
    given_, got = (" ".join(words[:50]) for words in (emitted, received))
    shown = sides(differences_html(compared(given_, got)))
    nothing = "nothing" if given_ == got else ""  # where all got lost there is a gap
    assert shown == [given_ or "nothing", got or nothing]


def test_without_any_text_it_says_on_what_the_verdict_rests() -> None:
    assert "No text is recorded at any boundary" in differences_html(Explanation({"evidence": []}))


@pytest.mark.parametrize(
    ("ms", "text"),
    [(0, "0 ms"), (0.033, "0.033 ms"), (3.44, "3.4 ms"), (96.4, "96 ms"), (1840, "1.84 s")],
)
def test_durations(ms: float, text: str) -> None:
    assert duration(ms) == text


class Elements(HTMLParser):
    """The elements of a text of HTML, and the attributes that act."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: set[str] = set()
        self.acting: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.add(tag)
        self.acting += [name for name, _ in attrs if name.startswith("on")]
        self.acting += [v for n, v in attrs if n in ("href", "src") and v and ":" in v]


OURS = set(
    "html head meta title style body main footer section p span h1 h2 dl dt dd div ol ul li b i"
    " small code details summary table thead tbody tr th td pre a del ins em".split()
)


def test_hostile_names_are_text(hostile_explained: Explanation) -> None:
    request = hostile_explained.request
    row = {"request_id": HOSTILE, "start_unix_nano": 0, "failed": True, "verdict": HOSTILE}
    pieces = [
        waterfall_html(request, lay_out(hostile_explained)),
        differences_html(hostile_explained),
        evidence_page(hostile_explained),
        requests_html([row]),
        notes_html([HOSTILE]),
    ]
    for piece in pieces:
        elements = Elements(piece)
        assert elements.found <= OURS
        assert not elements.acting
    assert "&lt;img src=x" in pieces[0]
    assert "&lt;img src=x" in pieces[2]


@pytest.fixture(scope="module")
def hostile_explained() -> Explanation:
    """A request whose every text is hostile."""
    row = {
        "boundary": "transcription>reasoning",
        "result": "fails",
        "diff": [{"op": op, "text": HOSTILE} for op in ("equal", "dropped", "added")],
    }
    evidence: dict[str, Any] = dict.fromkeys(
        ("check", "at", "span_id", "attribute", "value", "needed", "sentence"), HOSTILE
    )
    with_rows = {
        "request_id": HOSTILE,
        "trace_id": HOSTILE,
        "request_span_id": "s",
        "start_unix_nano": 0,
        "duration_ms": 1.0,
        "failed": True,
        "stage": HOSTILE,
        "boundary": HOSTILE,
        "cause": HOSTILE,
        "verdict": f"{HOSTILE}: {HOSTILE}",
        "confidence": 0.5,
        "stale": True,
        "notes": [HOSTILE],
        "evidence": [{**evidence, "result": "fails"}],
        "outcomes": [],
        "stage_runs": [],
        "models": {"reasoning": [HOSTILE]},
        "input_modalities": [HOSTILE],
        "output_modalities": None,
        "cost_usd": None,
        "cost_is_lower_bound": False,
        **dict.fromkeys(("service", "session_id", "emitter"), HOSTILE),
    }
    span = {
        **dict.fromkeys(("name", "model", "error", "role"), HOSTILE),
        "id": HOSTILE,
        "parent": "gone",
        "stage": None,
        "start_unix_nano": 0,
        "end_unix_nano": 1,
        "duration_ms": 1e-6,
        "status": "error",
        "on_critical_path": True,
    }
    return Explanation(with_rows, [span], [row], runner_up=HOSTILE, settle=[HOSTILE])


def test_a_span_shows_what_was_recorded(tmp_path: Any) -> None:
    load(tmp_path, sample("openinference_tts_503")).close()
    with TraceLens(tmp_path) as lens:
        row = lens.sql("select request_id, unnest(span_ids) as span_id from requests where failed")
        spans = [lens.span(*each) for each in row.rows()]
    (failed,) = (each for each in spans if each["status"] == "error" and each["stage"])
    assert failed["stage"] == "synthesis"
    assert failed["attributes"]["openinference.span.kind"] == "LLM"
    shown = span_html(failed)
    assert "<code>openinference.span.kind</code>" in shown
    assert "✕ Error" in shown
    assert "503" in shown


@pytest.mark.parametrize(
    ("usd", "said"),
    [
        (None, "–"),
        (0.0, "$0.0000"),
        (0.0000484, "$0.000048"),
        (0.0021, "$0.0021"),
        (0.112, "$0.112"),
        (889.0, "$889.00"),
        (12_345.6, "$12,346"),
    ],
)
def test_what_cost_something_never_reads_as_nothing(usd: float | None, said: str) -> None:
    assert money(usd) == said
