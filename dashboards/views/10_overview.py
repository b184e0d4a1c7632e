"""Overview: whether something is broken right now, where, and what to open."""

from __future__ import annotations

import streamlit as st
from shared import EXPLAIN, ask, find_box, label

from tracelens.api import Filters, TraceLens

LATEST = 10

st.title("Which stage broke?")
find_box("Explain a request")
latest = ask(TraceLens.requests, Filters(failed=True, limit=LATEST))
st.header("Latest failures")
for row in latest.iter_rows(named=True):
    st.page_link(EXPLAIN, label=label(row["verdict"]), query_params={"id": row["request_id"]})
