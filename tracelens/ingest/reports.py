"""Takes bug reports into the store and judges the requests that they mean."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import polars as pl

from tracelens.analyse.resolve import candidates, from_link, resolve_id, traces_of_report
from tracelens.errors import NotFoundError, UsageError
from tracelens.ingest.judge import judge
from tracelens.model import BUG_REPORT, REQUEST
from tracelens.policy import Policy
from tracelens.store import BugReport, Store


def add_reports(store: Store, reports: Sequence[BugReport], policy: Policy) -> int:
    """Keep bug reports, those with a known id in place of the old one; judge what they mean.

    Returns how many of them mean a request that is stored; the others wait for its spans.

    Raises:
        UsageError: a report names neither an id nor a session and a time.
        StoreError: the store is busy, damaged or newer.
    """
    latest = {each.report_id: each for each in reports}
    settled = [_settled(store, each) for each in latest.values()]
    met = sum(bool(traces_of_report(store, each)) for each in settled)
    _change(store, settled, [], policy)
    return met


def withdraw_reports(store: Store, ids: Sequence[str], policy: Policy) -> None:
    """Drop bug reports and judge what they meant without them.

    Raises:
        NotFoundError: there is no report with one of these ids; then none is dropped.
        StoreError: the store is busy, damaged or newer.
    """
    known = set(store.bug_reports()["report_id"])
    for each in ids:
        if each not in known:
            raise NotFoundError(f"there is no bug report {each!r}; see `tracelens report list`")
    _change(store, [], ids, policy)


def mark_report(store: Store, report_id: str, status: str) -> None:
    """Give a bug report another status; what it means stays as it is.

    Raises:
        NotFoundError: there is no report with this id.
        StoreError: the store is busy, damaged or newer.
    """
    rows = store.bug_reports().filter(report_id=report_id).rows(named=True)
    if not rows:
        raise NotFoundError(f"there is no bug report {report_id!r}")
    changed = BugReport(**{**rows[0], "status": status})
    with store.writer() as writer:
        writer.commit(None, pl.DataFrame(schema=REQUEST), [], reports=[changed])


def _change(
    store: Store, added: Sequence[BugReport], withdrawn: Sequence[str], policy: Policy
) -> None:
    before = store.bug_reports()
    changed = [*withdrawn, *(each.report_id for each in added)]
    old = before.filter(pl.col("report_id").is_in(changed))
    rest = before.filter(~pl.col("report_id").is_in(changed))
    new = pl.DataFrame([vars(each) for each in added], schema=BUG_REPORT)
    meant = [*added, *(BugReport(**row) for row in old.iter_rows(named=True))]
    traces = sorted({trace for each in meant for trace in traces_of_report(store, each)})
    with store.writer() as writer:
        judged = judge(writer, traces, policy, pl.concat([rest, new]))
        writer.commit(
            None,
            judged.requests,
            traces,
            aliases=judged.aliases,
            reports=added,
            withdrawn=withdrawn,
        )


def _settled(store: Store, report: BugReport) -> BugReport:
    """The report with the span that its id means today, so that it is found whatever comes."""
    if report.target is None:
        if report.session_id is None or report.reported_unix_nano is None:
            raise UsageError(
                f"bug report {report.report_id!r} names no request: give an id, or a session and"
                " a time"
            )
        return report
    raw = from_link(report.target.strip())
    try:
        found = resolve_id(store, raw)
    except NotFoundError:
        return replace(report, target=candidates(raw)[0])
    if found.kind == "session":
        return replace(report, target=None, session_id=raw)
    span = _spans_of(store, found.request_ids) if found.total == 1 else [None]
    return replace(report, target=candidates(raw)[0], span_id=span[0])


def _spans_of(store: Store, request_ids: Iterable[str]) -> list[str | None]:
    return [
        store.find("request", each, ["request_span_id"])["request_span_id"][0]
        for each in request_ids
    ]
