"""Settings: the rules in force, who wrote the spans, and how the store is."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import jobs
import streamlit as st
from shared import INGEST, ask, has_store, lens, show_error, show_head, show_html, show_note

from tracelens.api import TraceLens, list_emitters, policy_changes, policy_text
from tracelens.errors import StoreError, TracelensError
from tracelens.show.web import (
    changes_html,
    damage_html,
    emitters_html,
    health_html,
    health_sentence,
    price_rows_to_fill,
    prices_html,
    prices_sentence,
    rules_html,
    segments_html,
    unmeasured_sentence,
    unpriced_html,
    unpriced_sentence,
)

#: Rows to copy are folded away from so many lines on.
ROWS_OPEN = 14
#: More prices than these are folded away.
PRICES_OPEN = 20


def main() -> None:
    """Policy, emitters, store."""
    file = os.environ.get("TRACELENS_POLICY")
    policy = Path(file) if file else None
    changes = policy_changes(policy)
    if not has_store():
        show_head("No store yet.", f"One is made at {lens().path} with the first load.")
        show_policy(policy)
        return
    # Each by itself: who looks here may have a damaged store.
    attempt(lambda: show_health(len(changes)))
    show_policy(policy)
    attempt(show_prices)
    attempt(show_emitters)
    attempt(show_files)


def attempt(show: Callable[[], None]) -> None:
    """Show a part, or why it cannot be shown."""
    try:
        show()
    except TracelensError as error:
        show_error(error)


def show_health(changes: int) -> None:
    """The state of verdicts and store."""
    health = ask(TraceLens.health)
    show_head(health_sentence(health, changes))
    show_html(health_html(health))
    show_judging(health["stale"])


def show_judging(stale: int) -> None:
    """Judge anew, and how far that is."""
    if jobs.board().running() is not None:
        jobs.watch()
        return
    ended = jobs.board().latest
    if ended is not None and ended.said:
        show_note(f"{ended.said}, in {ended.seconds:,.0f} s.", kind="good")
    if st.button("Judge everything anew", type="primary" if stale else "secondary"):
        try:
            jobs.judge_anew(lens())
        except StoreError as error:
            show_error(error)
            return
        st.rerun()


def show_policy(policy: Path | None) -> None:
    """What differs from the built-in policy, and all of it."""
    st.header("Policy")
    changes = policy_changes(policy)
    if policy is None:
        st.caption("The built-in rules are in force. Rules of your own are laid over them with:")
        st.code(
            "tracelens policy show > mine.toml\ntracelens ui --policy mine.toml",
            language=None,
            wrap_lines=True,
        )
    elif changes:
        st.caption("These keys are set otherwise than built in:")
        show_html(changes_html(changes))
    else:
        st.caption("The policy file changes nothing.")
    with st.expander("The whole policy, every rule with its reason"):
        st.code(policy_text(policy), language="toml", wrap_lines=True)
    show_rules()


def show_rules() -> None:
    """Caps, routes and budgets: what the page Tails can try, and what requests are held against."""
    rules = lens().policy
    if rules.cap or rules.route or rules.budget:
        st.subheader("Caps, routes and budgets")
        show_html(rules_html(rules.cap, rules.route, rules.budget))
    else:
        st.caption("The policy has no caps, routes or budgets: nothing is held against one.")


def show_prices() -> None:
    """What was used without a price, with rows to start from, and the prices in force."""
    st.header("Prices")
    found = ask(TraceLens.unpriced)
    unpriced = [row for row in found if row["row"]]
    unmeasured = [row for row in found if not row["row"]]
    if unpriced:
        show_note("~ Used without a price", unpriced_sentence(unpriced), "warn")
        show_html(unpriced_html(unpriced))
        show_rows_to_fill(price_rows_to_fill(unpriced))
    if unmeasured:
        with st.expander(unmeasured_sentence(unmeasured)):
            show_html(unpriced_html(unmeasured))
    prices = ask(TraceLens.prices)
    if not prices:
        st.caption(prices_sentence(prices))
        return
    with st.expander(prices_sentence(prices), expanded=len(prices) <= PRICES_OPEN):
        show_html(prices_html(prices))


def show_rows_to_fill(rows: str) -> None:
    """Rows to put into a policy file, and how they come into force."""
    if not rows:
        return
    # What scrolls inside a page cannot be reached with the keyboard.
    with st.expander("Rows for a policy file", expanded=rows.count("\n") <= ROWS_OPEN):
        st.caption("Put these rows into a policy file, with a price for the question mark:")
        st.code(rows, language="toml", wrap_lines=True)
        st.caption("What is stored is then priced anew:")
        st.code("tracelens locate --policy mine.toml", language=None, wrap_lines=True)


def show_emitters() -> None:
    """Who wrote the spans of this store."""
    st.header("Emitters in this store")
    seen = ask(TraceLens.emitters_seen)
    if seen:
        show_html(emitters_html(seen, list_emitters()))
    else:
        st.page_link(INGEST, label="Nothing is loaded yet", icon=":material/upload_file:")


def show_files() -> None:
    """Files of the store, and whether they are as they were written."""
    st.header("Files")
    st.caption(f"The store at {lens().path}".replace("`", "'"))
    show_html(segments_html(ask(TraceLens.sizes)))
    if not st.button("Verify every file", icon=":material/verified:"):
        return
    damaged = ask(TraceLens.verify)
    if damaged:
        show_note(
            "Some files are damaged",
            "What they hold is named below: load those dumps again, or take the files from a copy.",
            "fail",
        )
        show_html(damage_html(damaged))
    else:
        show_note("✓ Every file is as it was written", kind="good")


main()
