"""Failures: which of them look alike, and each one, by whatever they are to be cut by."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import streamlit as st
from shared import ask, choose, follow_address, lens, show_head, show_html, show_note, switch

from tracelens.api import Filters, TraceLens
from tracelens.show.records import request_records, to_csv, visible
from tracelens.show.web import (
    failures_html,
    failures_sentence,
    group_html,
    groups_html,
    inputs_name,
    link,
    stage_name,
)

PERIODS = {"all": "All", "30d": "30 days", "7d": "7 days", "24h": "24 hours"}
VIEWS = {"groups": "Groups", "list": "List"}
#: Parameters of the address that filter, with what each is called.
CUTS = {
    "stage": "Stage",
    "boundary": "Boundary",
    "cause": "Cause",
    "inputs": "Came in",
    "service": "Service",
    "emitter": "Emitter",
}
PAGE = 50
GROUPS_SHOWN = 100
COLUMNS = (
    *("request_id", "started_at", "failed", "stage", "boundary", "verdict", "input_modalities"),
    *("service", "emitter", "duration_ms"),
)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def main() -> None:
    """Filters, then groups or a list."""
    facets = ask(TraceLens.failure_facets)
    total = sum(facets["stage"].values())
    head = st.container()
    if not total:
        with head:
            show_head("Nothing failed.", "Every stored request that can be told ended well.")
        return
    with st.container(horizontal=True, horizontal_alignment="distribute"):
        view = switch("view", "View", VIEWS)
        period = switch("period", "Period", PERIODS)
    with st.grid(min_column_width=150, key="filters"):
        filters = asked(facets, period)
    params = {key: str(value) for key, value in st.query_params.items() if key != "page"}
    group = params.get("group", "")
    filtered = bool(params.keys() - {"view", "group"}) and filters != Filters(failed=True)
    groups = ask(TraceLens.failure_groups, replace(filters, limit=0)).to_dicts()
    matching = sum(each["n"] for each in groups)
    if group:
        chosen = next((each for each in groups if each["group"] == group), None)
        matching, filtered = (chosen["n"] if chosen else 0), True
        groups = [chosen] if chosen else []
    with head:
        show_head(failures_sentence(total, matching, len(groups), filtered=filtered))
    if filtered:
        show_html(f'<p class="tl">{link("Clear all filters", "failures", view=view)}</p>')
    if not matching:
        show_note("No failure matches", "Take a filter away, or choose a longer period.")
    elif view == "groups" and not group:
        show_groups(groups, params)
    else:
        show_list(filters, groups[0] if group else None, matching)


def asked(facets: dict[str, dict[str, int]], period: str) -> Filters:
    """The filters of the address, with a box for each."""
    given: dict[str, Any] = {}
    for name, label in CUTS.items():
        given[name] = choose(name, label, list(facets[name]), _shower(name)) or None
    given["text"] = words() or None
    begin, end = ask(TraceLens.period_bounds, period)
    return Filters(failed=True, since=_time(begin), until=_time(end), **given)


def words() -> str:
    """Part of a verdict, in the address as `text`."""
    follow_address("words", str(st.query_params.get("text", "")))
    return str(st.text_input("Verdict says", key="words", on_change=_keep_words)).strip()


def _keep_words() -> None:
    st.query_params["text"] = st.session_state["words"]
    if not st.session_state["words"]:
        del st.query_params["text"]
    st.query_params.pop("page", None)


def _shower(name: str) -> Any:
    names = {"stage": stage_name, "inputs": inputs_name, "boundary": _boundary}
    return names.get(name, visible)


def _boundary(value: str) -> str:
    return "the stage itself" if value == "none" else visible(value).replace(">", " → ")


def _time(nanos: int | None) -> datetime | None:
    """A bound as a time; it is rounded up, since the filter has microseconds."""
    return None if nanos is None else EPOCH + timedelta(microseconds=-(-nanos // 1000))


def show_groups(groups: list[dict[str, Any]], params: dict[str, str]) -> None:
    """Failures that look alike, counted."""
    show_html(groups_html(groups[:GROUPS_SHOWN], params))
    if len(groups) > GROUPS_SHOWN:
        st.caption(f"The {GROUPS_SHOWN} largest of {len(groups):,} groups.")
    records = [{key: each[key] for key in each if key != "share"} for each in groups]
    st.download_button(
        "Download CSV",
        lambda: to_csv(records),
        "failure-groups.csv",
        "text/csv",
        icon=":material/download:",
        on_click="ignore",
    )


def show_list(filters: Filters, group: dict[str, Any] | None, matching: int) -> None:
    """Single failures, a page at a time, newest first."""
    if group:
        show_html(group_html(group))
        ids = ask(TraceLens.list_group, group["group"], filters)
        chosen = Filters(failed=True, request_ids=ids)
    else:
        chosen = filters
    pages = -(-matching // PAGE)
    given = str(st.query_params.get("page", "1"))
    page = min(max(int(given) if given.isdecimal() and len(given) < 9 else 1, 1), pages)
    offset = (page - 1) * PAGE
    rows = ask(TraceLens.requests, replace(chosen, limit=PAGE, offset=offset), COLUMNS)
    show_html(failures_html(rows.to_dicts()))
    with st.container(horizontal=True, horizontal_alignment="distribute"):
        library = lens()
        st.download_button(
            "Download CSV",
            lambda: to_csv(request_records(library.requests(replace(chosen, limit=0)))),
            "failures.csv",
            "text/csv",
            icon=":material/download:",
            on_click="ignore",
        )
        if pages > 1:
            st.session_state["pages"] = page
            st.pagination(pages, key="pages", on_change=_turn)


def _turn() -> None:
    st.query_params["page"] = str(st.session_state["pages"])


main()
