"""Bug reports beside the verdicts on the requests that they mean."""

from __future__ import annotations

from typing import Any, Final

import polars as pl

from tracelens.analyse.find import Filters, find_requests
from tracelens.analyse.resolve import requests_of_report
from tracelens.store import BugReport, Store

#: The status of a report that somebody still has to look at.
OPEN: Final = "open"
VERDICT: Final = ("failed", "stage", "boundary", "cause", "verdict")


def open_reports(store: Store, limit: int) -> list[dict[str, Any]]:
    """The newest open reports, as `reports_with_verdicts`; those without a time come last."""
    is_open = pl.col("status").str.to_lowercase() == OPEN
    newest = _newest_first(store.bug_reports().filter(is_open))
    return reports_with_verdicts(store, newest.head(limit))


def all_reports(store: Store) -> list[dict[str, Any]]:
    """All reports, as `reports_with_verdicts`, in the same order."""
    return reports_with_verdicts(store, _newest_first(store.bug_reports()))


def _newest_first(reports: pl.DataFrame) -> pl.DataFrame:
    return reports.sort(
        "reported_unix_nano", "report_id", descending=[True, False], nulls_last=True
    )


def reports_with_verdicts(store: Store, reports: pl.DataFrame) -> list[dict[str, Any]]:
    """Reports with the request that each means now, and `failed, stage, boundary, cause, verdict`.

    `matches` is how many requests a report may mean; where it is not one, `request_id` and the
    verdict are None.
    """
    rows = reports.rows(named=True)
    for row in rows:
        ids = requests_of_report(store, BugReport(**row))["request_id"]
        row["matches"] = ids.len()
        row["request_id"] = ids[0] if ids.len() == 1 else None
    meant = tuple({row["request_id"] for row in rows if row["request_id"]})
    found = find_requests(
        store, Filters(request_ids=meant, limit=0), ("request_id", *VERDICT)
    ).rows(named=True)
    verdicts = {each["request_id"]: each for each in found}
    nothing = dict.fromkeys(VERDICT)
    return [{**row, **nothing, **verdicts.get(row["request_id"], {})} for row in rows]
