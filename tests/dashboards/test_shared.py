"""What pages share: labels that stay text, questions that can be stopped, one library for all."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.dashboards.conftest import APP, Open, html_of
from tests.dashboards.stores import HOSTILE
from tracelens.api import Cancellation, Match, TraceLens
from tracelens.store import Store

sys.path.insert(0, str(APP.parent))  # as Streamlit does for the scripts
import shared


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("**b** [x](y) :red[r] $x$", r"\*\*b\*\* \[x\]\(y\) \:red\[r\] \$x\$"),
        ("<b>\n a", r"\<b\> a"),
        ("a" * 200, "a" * 160 + "…"),
        ("\x1b[31m", r"\\x1b\[31m"),
    ],
)
def test_a_label_reads_as_it_was_written(text: str, shown: str) -> None:
    assert shared.label(text) == shown


def test_no_sign_of_a_hostile_label_is_left_to_act() -> None:
    label = shared.label(HOSTILE, limit=10_000)
    unescaped = re.sub(r"\\.", "", label)
    assert not re.findall(r"[<>\[\]`$:*_]", unescaped)


def test_a_stopped_question_is_asked_again_only_when_somebody_wants_it(
    open_page: Open, samples: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    resolve = TraceLens.resolve

    def counted(self: TraceLens, given: str) -> Match:
        asked.append(given)
        return resolve(self, given)

    monkeypatch.setattr(TraceLens, "resolve", counted)
    with TraceLens(samples) as lens:
        request_id = lens.requests()["request_id"][0]
    app = open_page(samples, "explain")
    # What pressing Stop leaves behind.
    app.session_state[f"stopped {counted.__qualname__}{(request_id,)!r}"] = True
    app.query_params["id"] = request_id
    app.run()
    assert [each.label for each in app.button] == ["Ask again"]
    assert asked == []
    app.button[0].click().run()
    assert "✓ ok" in html_of(app)
    assert asked == [request_id]


def test_what_nobody_waits_for_any_more_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    class GoneAway(BaseException):
        """What Streamlit ends a run with."""

    class Page:
        """Takes whatever is shown, until the reader goes away."""

        def __getattr__(self, _: str) -> Callable[..., Page]:
            return lambda *_, **__: self

        def __enter__(self) -> Page:
            return self

        def __exit__(self, *_: object) -> None:
            pass

        def caption(self, _: str) -> None:
            raise GoneAway

    stopped = []
    cancellation = Cancellation()
    monkeypatch.setattr(shared, "st", Page())
    monkeypatch.setattr(cancellation, "cancel", lambda: stopped.append(True))
    with pytest.raises(GoneAway):
        shared._wait(Future(), cancellation, "stopped")
    assert stopped == [True]


def test_many_first_readers_open_the_store_once(
    samples: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[Path] = []
    really = Store.open

    def open_slowly(path: Path) -> Store:
        opened.append(path)
        time.sleep(0.05)
        return really(path)

    monkeypatch.setattr(Store, "open", open_slowly)
    with TraceLens(samples) as lens, ThreadPoolExecutor(8) as pool:
        stores = {id(each.result()) for each in [pool.submit(lens.store) for _ in range(8)]}
    assert len(stores) == 1
    assert opened == [samples]
