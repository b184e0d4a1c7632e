"""Explain: what broke one request, at which boundary, how sure that is, and the proof."""

from __future__ import annotations

import streamlit as st
from shared import (
    FAILURES,
    INGEST,
    ask,
    copy_link,
    find_box,
    show_error,
    show_html,
    show_note,
)

from tracelens.api import Explanation, Filters, Match, TraceLens
from tracelens.errors import NotFoundError
from tracelens.show.records import explanation_record, spans_frame, to_json
from tracelens.show.text import matches_sentence
from tracelens.show.ticket import explanation_markdown
from tracelens.show.timeline import lay_out
from tracelens.show.web import (
    chain_html,
    cost_html,
    differences_html,
    evidence_html,
    evidence_page,
    extent_sentence,
    notes_html,
    rail_html,
    requests_html,
    span_html,
    texts_html,
    usual_html,
    verdict_html,
    waterfall_html,
)
from tracelens.show.words import counted

#: Failures to choose from while there is no id.
LATEST = 3


def main() -> None:
    """Find what the id means, then show the one request or the several."""
    actions = st.container(key="actions", horizontal=True, vertical_alignment="bottom")
    with actions:
        given = find_box()
    if not given:
        ask_for_id()
        return
    try:
        match = ask(TraceLens.resolve, given)
    except NotFoundError as error:
        show_not_found(given, error)
        return
    if len(match.request_ids) > 1:
        show_several(match)
        return
    explained = ask(TraceLens.explain, match.request_ids[0])
    with actions:
        show_actions(explained)
    show_one(explained, str(st.query_params.get("span", "")) or None)


def ask_for_id() -> None:
    """What can be pasted, and the latest failures to start with."""
    show_note(
        "Which request?", "Paste an id above: of a request, trace, span, session or bug report."
    )
    latest = ask(TraceLens.requests, Filters(failed=True, limit=LATEST))
    if latest.height:
        st.header("Latest failures")
        show_html(requests_html(latest.rows(named=True)))


def show_not_found(given: str, error: NotFoundError) -> None:
    """What was looked for and over what, and requests whose ids begin alike."""
    show_note("Not found", f"{error}.\n{extent_sentence(ask(TraceLens.extent))}", "warn")
    near = ask(TraceLens.near, given)
    if near:
        st.header("Ids that begin alike")
        show_rows(near, "-started_at")
    st.page_link(INGEST, label="See what was loaded")


def show_several(match: Match) -> None:
    """What to choose from when an id means several requests."""
    show_note(matches_sentence(match.kind, match.total, len(match.request_ids)))
    show_rows(match.request_ids, "started_at")


def show_rows(request_ids: tuple[str, ...] | list[str], sort: str) -> None:
    """A line for each of some requests."""
    wanted = Filters(request_ids=tuple(request_ids), sort=sort, limit=0)
    show_html(requests_html(ask(TraceLens.requests, wanted).rows(named=True)))


def show_actions(explained: Explanation) -> None:
    """What to do with the answer: pass it on, or see what else broke like that."""
    request = explained.request
    copy_link()
    if request["failed"]:
        alike = {name: request[name] for name in ("stage", "boundary", "cause") if request[name]}
        st.page_link(FAILURES, label="Similar failures", query_params=alike)
    name = f"tracelens-{request['request_id'][:12]}"
    st.download_button(
        "Evidence file",
        lambda: evidence_page(explained),
        f"{name}.html",
        "text/html",
        icon=":material/download:",
        on_click="ignore",
        key="evidence-html",
    )
    with st.popover("As text"):
        st.download_button(
            "Markdown for a ticket",
            lambda: explanation_markdown(explained),
            f"{name}.md",
            "text/markdown",
            on_click="ignore",
            key="evidence-markdown",
        )
        st.download_button(
            "JSON",
            lambda: to_json(explanation_record(explained), indent=2),
            f"{name}.json",
            "application/json",
            on_click="ignore",
            key="evidence-json",
        )


def show_one(explained: Explanation, span_id: str | None) -> None:
    """The whole answer on one request."""
    request = explained.request
    st.set_page_config(page_title=f"{request['request_id'][:12]} · Explain · tracelens")
    show_html(verdict_html(explained))
    show_html(rail_html(explained))
    left, right = st.columns([11, 9], gap="medium")
    with left:
        st.header("What changed at each boundary")
        show_html(differences_html(explained) + texts_html(explained))
    with right:
        st.header("Evidence")
        rows = evidence_html(
            request["evidence"], request_id=request["request_id"], selected=span_id
        )
        show_html(rows + usual_html(explained.usual))
    st.header("Where the time went")
    timeline = lay_out(explained, selected=span_id)
    fall = waterfall_html(request, timeline, selected=span_id)
    show_html(fall + chain_html(explained) + notes_html(request["notes"]))
    if timeline.hidden:
        span_id = choose_from_all(explained) or span_id
    if span_id is None:
        st.caption("Choose a span to see what was recorded on it. Hatched bars with ✕ failed.")
    else:
        show_span(request["request_id"], span_id)
    if costs := cost_html(explained):
        st.header("What it cost")
        show_html(costs)
    show_beside(explained)


def choose_from_all(explained: Explanation) -> str | None:
    """All spans in a table, for those that have no row of their own; the id of the chosen one."""
    spans = counted(len(explained.spans), "span")
    label = "The one span as a table" if len(explained.spans) == 1 else f"All {spans} as a table"
    if not st.toggle(label, key="all-spans"):
        return None
    table = spans_frame(explained)
    chosen = st.dataframe(
        table, hide_index=True, on_select="rerun", selection_mode="single-row", key="spans"
    )
    rows = chosen.selection.rows
    return str(table["span"][rows[0]]) if rows else None


def show_span(request_id: str, span_id: str) -> None:
    """All that was recorded on one span."""
    try:
        show_html(span_html(ask(TraceLens.span, request_id, span_id)))
    except NotFoundError as error:
        show_error(error)


def show_beside(explained: Explanation) -> None:
    """The other turns of the session, and failures that broke in the same way."""
    for title, name in (("Similar failures", "similar_failures"), ("Same session", "same_session")):
        rows = explained.links.get(name)
        if rows:
            st.header(title)
            show_html(requests_html(rows))


main()
