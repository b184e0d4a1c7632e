"""Pictures and pages of figures: drawn by the browser that there is, and refused without one."""

from __future__ import annotations

import pytest

from tests.show.figures.made_tail import made_tail
from tracelens.errors import UsageError
from tracelens.show.figures import concentration_chart, export, pictures, print_page, trend_chart
from tracelens.show.palette import LIGHT
from tracelens.show.web import one_page_html


def test_pictures_and_a_page_are_drawn() -> None:
    tail = made_tail()
    charts = [concentration_chart(tail, LIGHT), trend_chart(tail, LIGHT)]
    drawn = pictures(charts)
    assert list(drawn) == ["who-pays.png", "trend.png"]
    assert all(each.startswith(b"\x89PNG") for each in drawn.values())
    drawings = [(each, svg) for each, svg in pictures(charts, "svg").items()]
    page = one_page_html(tail, "1 % of requests paid 35 % of the bill.", drawings)
    assert "1 % of requests paid 35 % of the bill." in page
    assert page.count("data:image/svg+xml") >= 2
    printed = print_page(page)
    assert printed.startswith(b"%PDF")
    assert printed.count(b"/Type /Page\n") == 1


def test_without_a_browser_they_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export, "find_browser", lambda: None)
    assert not export.can_picture()
    with pytest.raises(UsageError, match="need Chromium or Chrome"):
        pictures([concentration_chart(made_tail(), LIGHT)])
    with pytest.raises(UsageError, match="need Chromium or Chrome"):
        print_page("<p>")
