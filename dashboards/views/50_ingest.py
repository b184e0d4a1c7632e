"""Ingest: load dumps, and read what became of each load."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import jobs
import streamlit as st
from shared import FAILURES, ask, has_store, lens, show_error, show_html, show_note

from tracelens.api import TraceLens, Upload
from tracelens.errors import StoreError
from tracelens.show.records import to_csv, to_json, visible
from tracelens.show.web import (
    coverage_html,
    load_html,
    load_rows,
    past_html,
    reasons_html,
    reject_records,
    rejects_html,
    sources_html,
)
from tracelens.show.words import counted

Load = Mapping[str, Any]

PAST_SHOWN = 50
#: Inputs that are listed without being asked for.
FEW = 5
#: Seconds between two looks at how far a load is.


def main() -> None:
    """What can be loaded on the left, what became of a load on the right."""
    settle()
    left, right = st.columns([2, 3], gap="large")
    with left:
        st.title("Load trace dumps")
        take_uploads()
        show_running()
    with right:
        show_ended()
        rows = show_report(str(st.query_params.get("load", "")))
    if rows:
        show_inputs(rows)
    show_past()


def settle() -> None:
    """When the load of this reader ended, put its report into the address."""
    job: jobs.Job | None = st.session_state.get("mine")
    if job is not None and job.done:
        del st.session_state["mine"]
        st.session_state["ended"] = job
        if job.load:
            st.query_params["load"] = job.load


def take_uploads() -> None:
    """The uploader; what it was given is loaded at once, and let go of."""
    turn = st.session_state.setdefault("uploader", 0)
    running = jobs.board().running()
    files = st.file_uploader(
        "OTLP as JSON or protobuf, Jaeger, Zipkin, Phoenix or Langfuse; also .gz, .zst, .zip, .tar",
        accept_multiple_files=True,
        key=f"uploader-{turn}",
    )
    st.caption("More than 500 MB? The command line takes any size, and its report shows here too:")
    st.code(f"tracelens ingest traces.jsonl --store {lens().path}", language=None, wrap_lines=True)
    if files and (running is None or st.button("Load when the other load is done")):
        given = [Upload(each.name, each.getvalue()) for each in files]
        title = files[0].name if len(files) == 1 else f"{len(files)} files"
        st.session_state["uploader"] = turn + 1
        begin(partial(jobs.load, lens(), title, given))
    if running is None and st.button("Load the samples", icon=":material/science:"):
        begin(lambda: jobs.load_samples(lens()))


def begin(start: Callable[[], jobs.Job]) -> None:
    """Start a load of this reader and show it."""
    try:
        st.session_state["mine"] = start()
    except StoreError as error:
        show_error(error)
        return
    st.session_state.pop("ended", None)
    st.query_params.pop("load", None)
    st.rerun()


def show_running() -> None:
    """The load that runs now, whoever began it."""
    if jobs.board().running() is not None:
        jobs.watch(stoppable=True)


def show_ended() -> None:
    """What the report does not tell: an error, or that the rest was not read."""
    job = st.session_state.get("ended")
    if job is None:
        return
    if job.error is not None and not job.load:
        show_note("Nothing was loaded", visible(str(job.error), keep="\n"), "fail")
    elif job.error is not None and isinstance(job.error, StoreError):
        show_note("The load did not end", visible(str(job.error), keep="\n"), "fail")
    elif job.stopping and job.unread():
        were = "was" if job.unread() == 1 else "were"
        inputs = counted(job.inputs, "input")
        show_note("Stopped", f"{job.unread():,} of {inputs} {were} not read.", "warn")


def show_report(asked: str) -> list[Load]:
    """The report of the load in the address; the rows that it is made of."""
    if not asked:
        return []
    first, _, last = asked.partition("-")
    rows: list[Load] = []
    if has_store() and all(each.isdecimal() and len(each) < 12 for each in (first, last or first)):
        rows = load_rows(ask(TraceLens.loads), int(first), int(last or first))
    if not rows:
        show_note(
            "No such load",
            f"There is no load {visible(asked[:40])!r} in this store. One that added nothing is"
            " forgotten when the same dump is loaded again.",
            "warn",
        )
        return []
    show_html(load_html(rows))
    with st.container(horizontal=True):
        st.page_link(FAILURES, label="See what failed", icon=":material/error:")
        st.download_button(
            "Report as JSON",
            lambda: to_json([dict(row) for row in rows], indent=2),
            f"load-{asked}.json",
            "application/json",
            icon=":material/download:",
            on_click="ignore",
        )
    if any(row["rejects"] for row in rows):
        show_rejects(rows, asked)
    outcomes, known, requests = ask(TraceLens.coverage, int(first), int(last or first))
    if requests:
        st.header("What this load lets us tell")
        show_html(coverage_html(outcomes, known, requests))
    return rows


def show_inputs(rows: list[Load]) -> None:
    """The inputs one by one; many that are all well are folded away."""
    well = all(row["status"] in ("loaded", "loaded_before") for row in rows)
    if well and len(rows) > FEW:
        with st.expander(f"{len(rows):,} inputs, all loaded"):
            show_html(sources_html(rows))
    else:
        st.header("Inputs")
        show_html(sources_html(rows))


def show_rejects(rows: list[Load], asked: str) -> None:
    """What was skipped: by reason, one by one, and to take away."""
    st.header("Skipped, and why")
    show_html(reasons_html(rows))
    with st.expander("Look at the records"):
        show_html(rejects_html(rows))
    st.download_button(
        "Skipped records as CSV",
        lambda: to_csv(reject_records(rows)),
        f"skipped-{asked}.csv",
        "text/csv",
        icon=":material/download:",
        on_click="ignore",
    )


def show_past() -> None:
    """What was loaded before."""
    loads = ask(TraceLens.loads) if has_store() else []
    if loads:
        st.header("Past loads")
        show_html(past_html(loads, PAST_SHOWN))


main()
