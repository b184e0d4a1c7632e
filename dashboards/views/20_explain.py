"""Explain: what broke one request, at which boundary, how sure that is, and the proof."""

from __future__ import annotations

import streamlit as st
from shared import EXPLAIN, ask, find_box, label, show_error, show_html, show_note

from tracelens.api import Explanation, Filters, Match, TraceLens
from tracelens.errors import NotFoundError
from tracelens.show.text import matches_sentence
from tracelens.show.web import evidence_html, rail_html, verdict_html


def main() -> None:
    """Find what the id means, then show the one request or the several."""
    given = find_box()
    if not given:
        show_note(
            "Which request?", "Paste an id above: of a request, trace, span, session or bug report."
        )
        return
    try:
        match = ask(TraceLens.resolve, given)
    except NotFoundError as error:
        show_error(error)
        return
    if len(match.request_ids) > 1:
        show_several(match)
    else:
        show_one(ask(TraceLens.explain, match.request_ids[0]))


def show_one(explained: Explanation) -> None:
    """The whole answer on one request."""
    st.set_page_config(page_title=f"{explained.request['request_id'][:12]} · Explain · tracelens")
    show_html(verdict_html(explained))
    show_html(rail_html(explained))
    st.header("Evidence")
    show_html(evidence_html(explained.request["evidence"]))


def show_several(match: Match) -> None:
    """What to choose from when an id means several requests."""
    rows = ask(
        TraceLens.requests, Filters(request_ids=match.request_ids, sort="started_at", limit=0)
    )
    show_note(matches_sentence(match.kind, match.total, rows.height))
    for row in rows.iter_rows(named=True):
        st.page_link(EXPLAIN, label=label(row["verdict"]), query_params={"id": row["request_id"]})


main()
