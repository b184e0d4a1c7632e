"""What all pages share: the library behind one cached door, the theme, and how errors are shown."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotYet
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar
from urllib.parse import parse_qsl

import streamlit as st

from tracelens.api import Cancellation, TraceLens
from tracelens.errors import Cancelled, NotFoundError, TracelensError
from tracelens.show.palette import DARK, LIGHT, Palette
from tracelens.show.records import visible
from tracelens.show.web import safe, stylesheet, unbroken

#: Pages by their script, for links from one to another.
EXPLAIN = "views/20_explain.py"
FAILURES = "views/30_failures.py"
TAILS = "views/40_tails.py"
INGEST = "views/50_ingest.py"
#: Seconds that a question may take before its progress is shown with a way to stop it.
PATIENCE = 0.5
#: Seconds between two looks at whether the reader still waits.
STEP = 0.25
ANSWERS_KEPT = 128

#: What Markdown, or what Streamlit adds to it (colours, icons, formulas), would act on.
MARKUP = re.compile(r"([!-/:-@\[-`{-~])")

P = ParamSpec("P")
T = TypeVar("T")


@st.cache_resource(show_spinner=False)
def _open(store: str, policy: str | None) -> TraceLens:
    return TraceLens(store, policy)


def lens() -> TraceLens:
    """The library, open on the store that `tracelens ui` was given."""
    store = os.environ.get("TRACELENS_STORE", "tracelens-store")
    return _open(store, os.environ.get("TRACELENS_POLICY"))


def has_store() -> bool:
    """Whether there is a store yet. Raises StoreError for a damaged one."""
    try:
        lens().store()
    except NotFoundError:
        return False
    return True


@lru_cache(maxsize=ANSWERS_KEPT)
def _answer(question: Callable[..., Any], asked: TraceLens, version: int, *args: Any) -> Any:
    return question(asked, *args)


@st.cache_resource(show_spinner=False)
def _workers() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max_workers=8, thread_name_prefix="question")


def ask(question: Callable[Concatenate[TraceLens, P], T], *args: P.args, **_: P.kwargs) -> T:
    """The answer to a question such as `TraceLens.explain`, from memory while nothing changed.

    `args` must be hashable, and the answer is shared: do not change it. A question that takes
    long can be stopped; it is stopped too when its reader goes to another page.
    """
    cancellation = Cancellation()
    stopped = f"stopped {question.__qualname__}{args!r}"
    if st.session_state.pop(stopped, False):
        _offer_again()
    future = _workers().submit(_work, cancellation, question, args)
    with suppress(NotYet):
        return future.result(PATIENCE)
    return _wait(future, cancellation, stopped)


def _work(cancellation: Cancellation, question: Callable[..., T], args: tuple[Any, ...]) -> T:
    with cancellation:
        asked = lens()
        answer: T = _answer(question, asked, asked.version(), *args)
        return answer


def _wait(future: Future[T], cancellation: Cancellation, stopped: str) -> T:
    """Show that a question is being worked on, and stop it when nobody waits any more."""
    slot = st.empty()
    with slot.container(horizontal=True, vertical_alignment="center"):
        line = st.empty()
        st.button("Stop", key=f"stop-{stopped}", on_click=_remember, args=(stopped,))
    waited = PATIENCE
    try:
        while True:
            # Streamlit ends this run here when the reader pressed Stop or went elsewhere.
            line.caption(f"Looking through the store … {waited:.0f} s")
            with suppress(NotYet):
                answer = future.result(STEP)
                slot.empty()
                return answer
            waited += STEP
    except BaseException:
        cancellation.cancel()
        raise


def _remember(stopped: str) -> None:
    st.session_state[stopped] = True


def _offer_again() -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption("Stopped. Nothing was changed.")
        st.button("Ask again", key="again")
    st.stop()


def palette() -> Palette:
    """The colours of the theme in force."""
    return DARK if st.context.theme.type == "dark" else LIGHT


def watch_theme() -> None:
    """Run the script again when the reader changes the theme: charts carry their own colours."""
    watcher = st.components.v2.component("theme_watch", html="<i hidden></i>", js=_WATCH)
    watcher(data={"known": palette().page}, key="theme_watch", on_page_change=lambda: None)


_WATCH = """
export default function ({ parentElement, setStateValue, data }) {
  const host = parentElement.host ?? parentElement;
  const read = () =>
    getComputedStyle(host).getPropertyValue("--st-background-color").trim().toUpperCase();
  let last = data.known;
  const look = () => {
    const now = read();
    if (now && now !== last) { last = now; setStateValue("page", now); }
  };
  look();
  const timer = setInterval(look, 400);
  return () => clearInterval(timer);
}
"""


def follow_links(pages: Mapping[str, st.Page]) -> None:
    """Follow a link of our HTML to another page without loading the whole app anew."""
    watcher = st.components.v2.component("links", html="<i hidden></i>", js=_FOLLOW)
    target = watcher(key="links", on_to_change=lambda: None).get("to")
    if target:
        name, _, query = str(target).partition("?")
        page = pages.get("overview" if name == "./" else name)
        if page is not None:
            st.switch_page(page, query_params=dict(parse_qsl(query)))


# One with a key held down, as for a new tab, is left to the browser.
_FOLLOW = """
export default function ({ setTriggerValue }) {
  const follow = (event) => {
    if (event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    const link = event.target.closest?.(".tl a[href]");
    const target = link?.getAttribute("href");
    if (!target || !/^(\\.\\/|[a-z_]+)(\\?|$)/.test(target)) return;
    event.preventDefault();
    setTriggerValue("to", target);
  };
  document.addEventListener("click", follow);
  return () => document.removeEventListener("click", follow);
}
"""


def copy_link() -> None:
    """A button that puts the address of this page on the clipboard."""
    button = st.components.v2.component("copy_link", html=_COPY_HTML, css=_COPY_CSS, js=_COPY)
    button(key="copy_link", width="content")


_COPY_HTML = """
<button type="button">Copy link <kbd>Alt + L</kbd></button>
<input readonly hidden aria-label="Link to this page">
<span role="status" aria-live="polite"></span>
"""
_COPY_CSS = """
:host { display: block; }
button { font: inherit; font-size: .875rem; color: var(--st-text-color);
  background: var(--st-background-color);
  border: 1px solid var(--st-border-color); border-radius: var(--st-button-radius);
  padding: .25rem .75rem; min-height: 2.5rem; cursor: pointer; white-space: nowrap; }
button:hover { border-color: var(--st-primary-color); color: var(--st-primary-color); }
button:focus-visible { outline: 2px solid var(--st-primary-color); outline-offset: 2px; }
kbd { font: inherit; opacity: .75; margin-left: .4em; }
input { font: inherit; width: 22rem; max-width: 100%; }
span { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
@media (max-width: 640px) { kbd { display: none; } }
"""
_COPY = """
export default function ({ parentElement }) {
  const find = (name) => parentElement.querySelector(name);
  const [button, field, said] = ["button", "input", "span"].map(find);
  const before = button.innerHTML;
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(location.href);
      button.textContent = said.textContent = "✓ Link copied";
      setTimeout(() => { button.innerHTML = before; said.textContent = ""; }, 2000);
    } catch {
      // Browsers refuse the clipboard to pages from elsewhere without https.
      field.hidden = false;
      field.value = location.href;
      field.select();
    }
  };
  const pressed = (event) => {
    const typing = /^(input|textarea|select)$/i.test(event.target.tagName ?? "");
    if (event.altKey && event.code === "KeyL" && !typing) { event.preventDefault(); copy(); }
  };
  button.onclick = copy;
  document.addEventListener("keydown", pressed);
  return () => document.removeEventListener("keydown", pressed);
}
"""


def choose(name: str, label: str, options: Sequence[str], show: Callable[[str], str]) -> str:
    """A choice that stands in the address under its name; nothing is chosen by default."""
    given = str(st.query_params.get(name, ""))
    known = options if not given or given in options else [*options, given]
    key = f"choice-{name}"
    follow_address(key, given or None)
    st.selectbox(
        label,
        known,
        index=None,
        format_func=show,
        key=key,
        placeholder="any",
        on_change=_to_address,
        args=(name, key),
    )
    return given


def switch(
    name: str, label: str, options: Mapping[str, str], *, first: str = "", shown: bool = False
) -> str:
    """One of few options, side by side, that stands in the address.

    `first` is the default, and otherwise the first of them; `shown` is whether the label is.
    """
    first, given = first or next(iter(options)), str(st.query_params.get(name, ""))
    chosen = given if given in options else first
    key = f"switch-{name}"
    follow_address(key, chosen)
    st.segmented_control(
        label,
        list(options),
        format_func=lambda each: options[each],
        required=True,
        key=key,
        label_visibility="visible" if shown else "collapsed",
        on_change=_to_address,
        args=(name, key),
    )
    return chosen


def follow_address(key: str, value: object) -> None:
    """Have a widget show what the address says.

    Only where it shows something else: what a script sets again goes back to the browser, and takes
    away what somebody chose meanwhile.
    """
    if st.session_state.get(key) != value:
        st.session_state[key] = value


def _to_address(name: str, key: str) -> None:
    """Write what was chosen into the address; a list begins at its first page again."""
    chosen = st.session_state[key]
    if chosen:
        st.query_params[name] = chosen
    else:
        st.query_params.pop(name, None)
    st.query_params.pop("page", None)


def show_head(sentence: str, more: str = "") -> None:
    """The one sentence that a page opens with, and a line of facts below."""
    below = f"<p>{safe(more)}</p>" if more else ""
    show_html(f'<div class="tl tl-head"><h1>{unbroken(safe(sentence))}</h1>{below}</div>')


def show_html(html: str) -> None:
    """Show HTML made by `tracelens.show.web`, which escapes all that traces say."""
    st.html(html)


def add_styles() -> None:
    """The rules of our HTML, and what of Streamlit's layout the theme cannot say."""
    st.html(f"<style>{stylesheet()}{(Path(__file__).parent / 'frame.css').read_text()}</style>")


def find_box(label: str = "Find a request") -> str:
    """The id of the address, or nothing, in a box; one that is typed goes to Explain."""
    given = str(st.query_params.get("id", ""))
    typed = st.text_input(
        label,
        value=given,
        key=f"find:{given}",
        placeholder="Paste a request, trace, span, session or bug-report id, or a link",
    ).strip()
    if typed and typed != given:
        st.switch_page(EXPLAIN, query_params={"id": typed})
    return typed


def label(text: object, *, limit: int = 160) -> str:
    """Text from a trace for a label, which Streamlit reads as Markdown: it shows as written."""
    shown = visible(" ".join(str(text).split()))
    cut = f"{shown[:limit]}…" if len(shown) > limit else shown
    return MARKUP.sub(r"\\\1", cut)


def show_note(title: str, text: str = "", kind: str = "plain") -> None:
    """A card that says what is the matter and what to do; both are shown as plain text."""
    more = f"<p>{safe(text)}</p>" if text else ""
    show_html(f'<section class="tl tl-note tl-{kind}"><b>{safe(title)}</b>{more}</section>')


def show_error(error: TracelensError) -> None:
    """An error that a reader can do something about, once and kindly."""
    if isinstance(error, Cancelled):
        show_note("Stopped before there was an answer.")
        return
    title = "Not found" if isinstance(error, NotFoundError) else "That did not work"
    show_note(title, f"{str(error)[:1].upper()}{str(error)[1:]}", "warn")


def show_no_traces() -> None:
    """What a page shows while there is no store to ask."""
    show_note(
        "No traces yet",
        f"There is no store at {lens().path}. Load a dump on the page Ingest, or with\n"
        f"tracelens ingest traces.jsonl --store {lens().path}",
    )
