"""Work that outlives a run of a page: loading, and judging anew, one at a time for all readers."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import streamlit as st
from shared import show_html

from tracelens.api import LoadReport, Progress, TraceLens, Upload, find_samples
from tracelens.errors import StoreError, TracelensError
from tracelens.show.text import profile_sentences
from tracelens.show.web import job_html
from tracelens.show.words import counted

LOG = logging.getLogger("tracelens.ui")
#: Seconds between two looks at a job.
STEP = 0.5


@dataclass
class Job:
    """A piece of work: what it is, how far it is, and how it ended.

    `load` names the commits of a load as the address does: `12` or `12-14`.
    """

    title: str
    begun: float = field(default_factory=time.monotonic)
    progress: Progress | None = None
    share: float | None = None  # 0 to 1
    said: str = ""
    stopping: bool = False
    done: bool = False
    report: LoadReport | None = None
    load: str = ""
    error: TracelensError | None = None
    seconds: float = 0.0
    inputs: int = 0

    def elapsed(self) -> float:
        """Seconds since it began."""
        return time.monotonic() - self.begun

    def unread(self) -> int:
        """How many inputs were not read because it was stopped."""
        return self.inputs - len(self.report.sources) if self.report else self.inputs

    def stop(self) -> None:
        """Stop after the file that is being read."""
        self.stopping = True


class Jobs:
    """The one job of this server that runs or ran last."""

    def __init__(self) -> None:
        self._turn = threading.Lock()
        self.latest: Job | None = None

    def running(self) -> Job | None:
        """The job that is not done yet."""
        return self.latest if self.latest is not None and not self.latest.done else None

    def start(self, title: str, work: Callable[[Job], None]) -> Job:
        """Begin a job in a thread of its own. Raises StoreError while another one runs."""
        with self._turn:
            if self.running():
                raise StoreError(
                    "something is being loaded already; it is shown on the page Ingest"
                )
            job = self.latest = Job(title)
        threading.Thread(target=_work, args=(job, work), daemon=True, name="job").start()
        return job


def _work(job: Job, work: Callable[[Job], None]) -> None:
    try:
        work(job)
    except TracelensError as error:
        job.error = error
    except Exception:
        LOG.exception("job %s", job.title)
        job.error = StoreError(
            "something went wrong in tracelens itself; what was committed is unharmed, and what"
            " happened stands in the output of `tracelens ui`"
        )
    finally:
        job.seconds = job.elapsed()
        job.done = True


@st.cache_resource(show_spinner=False)
def board() -> Jobs:
    """The jobs of this server."""
    return Jobs()


def load_samples(lens: TraceLens) -> Job:
    """Load the sample traces. Raises NotFoundError without any, StoreError while a job runs."""
    return load(lens, "the sample traces", find_samples())


def load(lens: TraceLens, title: str, inputs: Sequence[Path | Upload]) -> Job:
    """Load files or uploads. Raises StoreError while another job runs."""

    def work(job: Job) -> None:
        job.inputs = len(inputs)
        before = lens.newest_load()
        try:
            job.report = lens.ingest(
                inputs,
                progress=lambda progress: _tell(job, progress),
                stop=lambda: job.stopping,
            )
        finally:
            after = lens.newest_load()
            if after > before:
                job.load = f"{after}" if after == before + 1 else f"{before + 1}-{after}"

    return board().start(title, work)


def _tell(job: Job, progress: Progress) -> None:
    job.progress = progress
    within = progress.bytes_read / progress.bytes_total if progress.bytes_total else 0.0
    job.share = min((progress.number - 1 + min(within, 1.0)) / max(progress.of, 1), 1.0)


def judge_anew(lens: TraceLens) -> Job:
    """Judge all that is stored by the rules of today. Raises StoreError while a job runs."""

    def work(job: Job) -> None:
        def tell(done: int, of: int) -> None:
            job.share = done / max(of, 1)

        found = lens.locate(progress=tell)
        learned = profile_sentences(found.changes.to_dicts())
        were = "was" if found.requests == 1 else "were"
        judged = f"{counted(found.requests, 'request')} {were} judged anew"
        job.said = ". ".join([judged, *learned[:3]])

    return board().start("all requests, judged anew", work)


@st.fragment(run_every=STEP)
def watch(*, stoppable: bool = False) -> None:
    """How far the job that runs is; the whole page is drawn anew when it ends."""
    job = board().running()
    if job is None:
        st.rerun()
    show_html(job_html(job.title, job.progress, job.share, job.elapsed()))
    st.progress(job.share or 0.0)
    if not stoppable:
        return
    if job.stopping:
        st.caption("Stopping after the file that is being read.")
    else:
        st.button("Stop after this file", icon=":material/stop_circle:", on_click=job.stop)
