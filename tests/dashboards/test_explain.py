"""The page Explain, in every state that a reader may meet it in."""

from __future__ import annotations

from pathlib import Path

from tests.dashboards.conftest import Open, html_of
from tracelens import Filters, TraceLens


def test_without_an_id_it_says_what_can_be_pasted(open_page: Open, samples: Path) -> None:
    assert "Which request?" in html_of(open_page(samples, "explain"))


def test_an_unknown_id_says_what_was_looked_for(open_page: Open, samples: Path) -> None:
    shown = html_of(open_page(samples, "explain", id="no-such-<id>"))
    assert "no-such-&lt;id&gt;" in shown
    assert "sessions and bug reports" in shown


def test_a_lost_word_is_told(open_page: Open, samples: Path) -> None:
    with TraceLens(samples) as lens:
        where = "evidence[1].sentence like '%“not” was lost%'"
        row = lens.requests(Filters(boundary="transcription>reasoning", where=where)).row(
            0, named=True
        )
    shown = html_of(open_page(samples, "explain", id=row["request_id"]))
    assert "✕ Transcription → reasoning" in shown
    assert "<h1>Content was lost between transcription and reasoning.</h1>" in shown
    assert 'title="transcription to reasoning: first"' in shown
    assert "“not” was lost" in shown


def test_an_id_of_several_requests_lists_them(open_page: Open, samples: Path) -> None:
    with TraceLens(samples) as lens:
        counted = lens.sql(
            "select session_id, count(*) as n from requests where session_id is not null"
            " group by all having n > 1 order by all limit 1"
        ).row(0, named=True)
    app = open_page(samples, "explain", id=counted["session_id"])
    assert f"means {counted['n']} requests" in html_of(app)
    assert html_of(app).count('class="tl-line-link"') == counted["n"]
