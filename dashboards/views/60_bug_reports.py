"""Bug reports: what people say, the verdict on what they mean, and what became of it."""

from __future__ import annotations

from typing import Any

import streamlit as st
from shared import ask, label, lens, show_error, show_head, show_html, show_note, switch

from tracelens.api import BugReport, TraceLens, make_report, read_reports
from tracelens.errors import TracelensError
from tracelens.show.records import rfc3339, to_csv, visible
from tracelens.show.web import reports_html, reports_sentence

SHOWN = 200
STATUSES = ("open", "closed")
#: Rows of an import that were left out and are named.
REFUSED_SHOWN = 20
TEMPLATE = "report_id,id,session_id,at,said,corrected_text,expected_text,status\n"
KEPT = tuple(BugReport.__dataclass_fields__)


def main() -> None:
    """The list, a form for one of them, and ways to add more."""
    every = ask(TraceLens.reports_with_verdicts)
    show_head(reports_sentence(every))
    show_done()
    asked = str(st.query_params.get("report", ""))
    if asked:
        show_one(asked, every)
    if every:
        show_list(every)
    else:
        show_note(
            "What a bug report is for",
            "It is found by its id on every page, counts as evidence on its request,\n"
            "and a corrected text shows whether the words were already wrong when they came in.",
        )
    left, right = st.columns(2, gap="large")
    with left:
        show_add()
    with right:
        show_import()


def show_list(every: list[dict[str, Any]]) -> None:
    """All of them or the open ones, newest first."""
    status = switch("status", "Status", {"all": "All", "open": "Open", "other": "Others"})
    wanted = [row for row in every if status in ("all", _kind(row["status"]))]
    if not wanted:
        show_note("None has this status")
        return
    show_html(reports_html(wanted[:SHOWN]))
    if len(wanted) > SHOWN:
        st.caption(f"The newest {SHOWN} of {len(wanted):,}.")
    st.download_button(
        "Download CSV",
        lambda: to_csv({**row, "at": rfc3339(row["reported_unix_nano"])} for row in wanted),
        "bug-reports.csv",
        "text/csv",
        icon=":material/download:",
        on_click="ignore",
    )


def _kind(status: str) -> str:
    return "open" if status.lower() == "open" else "other"


def show_one(asked: str, every: list[dict[str, Any]]) -> None:
    """A form to change the status of one report, or to remove it."""
    row = next((each for each in every if each["report_id"] == asked), None)
    if row is None:
        show_note(
            "No such bug report", f"There is none with the id {visible(asked[:80])!r}.", "warn"
        )
        return
    known = list(dict.fromkeys([*STATUSES, *(str(each["status"]) for each in every)]))
    with st.container(border=True):
        st.header(label(asked))
        show_html(reports_html([row], "Chosen bug report"))
        with st.container(horizontal=True, vertical_alignment="bottom"):
            status = st.selectbox(
                "Status",
                known,
                index=known.index(str(row["status"])),
                accept_new_options=True,
                key=f"status-{asked}",
                width=240,
            )
            if st.button("Save status", type="primary", disabled=not status):
                do(lambda: lens().mark_report(asked, str(status)), f"{asked} is now {status}.")
            if st.button("Remove", icon=":material/delete:"):
                kept = BugReport(**{name: row[name] for name in KEPT})
                do(lambda: lens().withdraw_reports([asked]), f"{asked} was removed.", kept)
            if st.button("Done", type="tertiary"):
                del st.query_params["report"]
                st.rerun()


def do(change: Any, said: str, removed: BugReport | None = None) -> None:
    """Make a change, say so on the next run, and keep what can be put back."""
    try:
        change()
    except TracelensError as error:
        show_error(error)
        return
    st.session_state["done"] = (said, removed)
    st.query_params.pop("report", None)
    st.rerun()


def show_done() -> None:
    """What was done last, with a way back from a removal."""
    said, removed = st.session_state.get("done", ("", None))
    if not said:
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        show_note(visible(said), kind="good")
        if removed is not None and st.button("Undo", icon=":material/undo:"):
            do(lambda: lens().add_reports([removed]), f"{removed.report_id} is back.")


def show_add() -> None:
    """A form for one report."""
    st.header("Add a bug report")
    with st.form("add", clear_on_submit=False):
        given = {
            "report_id": st.text_input("Id of the report", placeholder="BUG-2041"),
            "id": st.text_input("Id of the request", placeholder="request, trace or span id"),
        }
        with st.container(horizontal=True):
            given["session_id"] = st.text_input("or its session")
            given["at"] = st.text_input("with the time, UTC", placeholder="2026-11-25T14:30:00Z")
        given["said"] = st.text_area("What was said", height=80)
        given["corrected_text"] = st.text_input("What the user had really said, if known")
        given["expected_text"] = st.text_input("What should have been answered, if known")
        if st.form_submit_button("Add", type="primary"):
            keep({name: text.strip() or None for name, text in given.items()})


def keep(row: dict[str, str | None]) -> None:
    """Keep the report of the form."""
    try:
        report = make_report(row)
    except TracelensError as error:
        show_error(error)
        return
    said = f"{report.report_id} was added."
    do(lambda: lens().add_reports([report]), said)


def show_import() -> None:
    """A file with many."""
    st.header("Import many")
    st.caption(
        "CSV or JSON lines with the columns report_id, and id or session_id and at; beside them"
        " said, corrected_text, expected_text and status. A known report_id is replaced."
    )
    turn = st.session_state.setdefault("import", 0)
    file = st.file_uploader("CSV or JSON lines", key=f"import-{turn}", max_upload_size=20)
    st.download_button("Template", TEMPLATE, "bug-reports.csv", "text/csv", on_click="ignore")
    for line in st.session_state.pop("refused", []):
        show_note(line, kind="warn")
    if file is None:
        return
    reports, refused = read_reports(file.getvalue().decode("utf-8", "replace"))
    st.session_state["import"] = turn + 1
    told = [f"{place} was left out: {why}" for place, why in refused]
    more = len(told) - REFUSED_SHOWN
    st.session_state["refused"] = told[:REFUSED_SHOWN] + (
        [f"and {more:,} more"] if more > 0 else []
    )
    if not reports:
        st.session_state["refused"].insert(0, "The file holds no bug report that can be kept.")
        st.rerun()
    count = len({each.report_id for each in reports})
    do(lambda: lens().add_reports(reports), f"{count:,} bug reports were kept.")


main()
