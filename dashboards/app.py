"""The frame of every page: look, menu, login, and the one place where errors are shown."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import shared
import streamlit as st

from tracelens.errors import TracelensError

HERE = Path(__file__).parent
# Beside a folder named `pages` Streamlit would show its scripts without this frame, and so
# without a login, until somebody has opened the frame.
VIEWS = HERE / "views"
#: Signs in the menu, by page; one that is not listed has none.
ICONS = {
    "overview": "home",
    "explain": "troubleshoot",
    "failures": "error",
    "tails": "query_stats",
    "ingest": "upload_file",
    "bug_reports": "bug_report",
    "settings": "tune",
}
#: Pages that make sense before anything was loaded.
WITHOUT_STORE = ("overview", "ingest", "settings")
#: Pages that have a place of their own for the find box.
OWN_FIND_BOX = ("overview", "explain")
LOG = logging.getLogger("tracelens.ui")


def main() -> None:
    """Draw the frame, then the page within it."""
    st.set_page_config(
        page_title="tracelens", page_icon=str(HERE / "static" / "icon.png"), layout="wide"
    )
    shared.add_styles()
    if not logged_in():
        return
    shared.watch_theme()
    pages = find_pages()
    chosen = st.navigation(list(pages.values()), position="top")
    shared.follow_links(pages)
    name = next(name for name, page in pages.items() if page is chosen)
    st.set_page_config(page_title=f"{chosen.title} · tracelens")
    show_page(name, chosen)


def find_pages() -> dict[str, st.Page]:
    """The scripts of the folder `views` in the order of their numbers; the first is the default."""
    pages: dict[str, st.Page] = {}
    for script in sorted(VIEWS.glob("[0-9]*_*.py")):
        name = script.stem.partition("_")[2]
        sign = f":material/{ICONS[name]}:" if name in ICONS else None
        pages[name] = st.Page(
            script,
            title=name.replace("_", " ").capitalize(),
            icon=sign,
            url_path=name,
            default=not pages,
        )
    return pages


def show_page(name: str, page: st.Page) -> None:
    """Run a page; what goes wrong in it is said once, and no stack trace is shown."""
    try:
        if name not in OWN_FIND_BOX:
            shared.find_box()
        if name in WITHOUT_STORE or shared.has_store():
            page.run()
        else:
            shared.show_no_traces()
    except TracelensError as error:
        shared.show_error(error)
    except Exception:
        LOG.exception("page %s", name)
        shared.show_note(
            "Something went wrong in tracelens itself",
            "The page could not be made; what is stored is unharmed. What happened stands in the"
            " output of `tracelens ui`, which a bug report should quote.",
            "warn",
        )


def logged_in() -> bool:
    """Whether the page may be shown; asks people to log in where that is configured."""
    providers = os.environ.get("TRACELENS_LOGIN", "").split()
    if not providers or getattr(st.user, "is_logged_in", False):
        return True
    st.title("Log in to tracelens")
    for name in providers:
        label = "Log in" if name == "default" else f"Log in with {name}"
        st.button(label, on_click=st.login, args=() if name == "default" else (name,))
    return False


main()
