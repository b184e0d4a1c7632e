"""A store whose every field tries to act: markup, Markdown, formulas, control characters."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from tests.store.frames import load, new_store, request, requests, span, spans
from tracelens.model import REQUEST
from tracelens.store import BugReport, Store

SAID = '<img src=x onerror="alert(1)">'
EVIL = f"{SAID}<script>alert(2)</script> **b** [l](javascript:alert(3)) $x$ :red[r] \x1b[31m\u202e'"


def make_hostile_store(folder: Path) -> Path:
    """A store with failures and a bug report that say `EVIL` wherever a trace can say something."""
    store = new_store(folder)
    batch = spans(*(span(f"r{at}", at=at, name=EVIL, service=EVIL) for at in (1, 2)))
    evidence = {
        "check": "stage_error",
        "at": "reasoning",
        "result": "fails",
        "attribute": EVIL,
        "value": EVIL,
        "sentence": f"it failed: “{EVIL}”",
    }
    row = {
        "failed": True,
        "stage": "reasoning",
        "cause": "llm_error",
        "service": EVIL,
        "emitter": EVIL,
        "session_id": EVIL,
        "verdict": f"Reasoning broke this request: {EVIL}",
        "input_modalities": [EVIL],
        "models": {"transcription": [], "reasoning": [EVIL], "synthesis": []},
        "evidence": [evidence],
    }
    load(store, batch, requests(*(request(f"r{at}", at=at, **row) for at in (1, 2))))
    trace = store.query("select trace_id from requests limit 1")["trace_id"][0]
    keep_reports(
        store,
        BugReport(EVIL, 10**9, EVIL, trace, None, None, EVIL, "open"),
        BugReport("R2", 10**9, EVIL, EVIL, None, None, EVIL, EVIL),
    )
    store.close()
    return store.path


def keep_reports(store: Store, *reports: BugReport) -> None:
    """Keep bug reports without judging anew, so that made-up verdicts stay."""
    with store.writer() as writer:
        writer.commit(None, pl.DataFrame(schema=REQUEST), [], reports=reports)


def is_escaped(html: str) -> bool:
    """Whether nothing in the HTML of a page acts."""
    return (
        "<img" not in html and "<script" not in html and "\x1b" not in html and "\u202e" not in html
    )
