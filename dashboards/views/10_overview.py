"""Overview: whether something is broken right now, where, and what to open."""

from __future__ import annotations

import jobs
import streamlit as st
from shared import (
    INGEST,
    ask,
    find_box,
    has_store,
    lens,
    show_head,
    show_html,
    show_note,
    switch,
)

from tracelens.api import Overview, TraceLens
from tracelens.show.web import (
    matrix_html,
    metrics_html,
    new_html,
    open_reports_html,
    span_of_time,
    stale_html,
    state_sentence,
    strip_html,
)

PERIODS = {"all": "All", "30d": "30 days", "7d": "7 days", "24h": "24 hours"}
REPORTS_SHOWN = 8
#: Columns of the matrix that leave room for something beside it.
NARROW = 5
COLLECTOR = """\
exporters:
  file: {path: traces.jsonl}
service:
  pipelines:
    traces: {receivers: [otlp], exporters: [file]}"""


def main() -> None:
    """The state of the store, or how to fill it."""
    if not has_store():
        show_empty()
        return
    find_box("Explain a request")
    head, periods = st.columns([2, 1], vertical_alignment="bottom")
    with periods, st.container(horizontal=True, horizontal_alignment="right"):
        period = switch("period", "Period", PERIODS)
    found = ask(TraceLens.overview, period)
    with head:
        show_head(state_sentence(found), span_of_time(found.first, found.last))
    if not found.now.requests:
        show_empty()
        return
    if found.stale:
        show_html(stale_html(found.stale))
    show_html(metrics_html(found, ask(TraceLens.top_cost, period), period))
    show_places(found, period)
    show_html(strip_html(found))


def show_places(found: Overview, period: str) -> None:
    """Where requests fail, and beside it what was reported and what is new."""
    places = {(row["stage"], row["boundary"]) for row in found.cells}
    if len(places) > NARROW:
        top, (left, right) = st.container(), st.columns([5, 3], gap="large")
    else:
        top, right = st.columns([5, 3], gap="large")
        left = right
    with top:
        st.header("Where requests fail")
        st.caption("Failures per 1,000 requests by what came in and where it broke first.")
        if found.now.failed:
            show_html(matrix_html(found.inputs, found.cells, period))
        else:
            show_note("Nothing failed", "Every request that can be told ended well.", "good")
    with left:
        st.header("Open bug reports")
        reports = ask(TraceLens.open_reports, REPORTS_SHOWN)
        if reports:
            show_html(open_reports_html(reports))
        else:
            st.caption("None is open.")
    with right:
        st.header("New kinds of failure")
        show_html(new_html(found, period))


def show_empty() -> None:
    """What to do with a store that holds nothing."""
    show_note(
        "No traces yet",
        "Load the samples to see what the pages show, or a dump of your own.",
    )
    with st.container(horizontal=True):
        if st.button("Load the samples", type="primary", key="samples"):
            st.session_state["mine"] = jobs.load_samples(lens())
            st.switch_page(INGEST)
        st.page_link(INGEST, label="Upload a dump", icon=":material/upload_file:")
    st.caption("Or on the command line:")
    st.code(f"tracelens ingest traces.jsonl --store {lens().path}", language=None, wrap_lines=True)
    st.caption("A dump comes, for example, from the file exporter of an OpenTelemetry Collector:")
    st.code(COLLECTOR, language=None)


main()
