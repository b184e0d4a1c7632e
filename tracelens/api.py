"""The front door: everything that the command line and the pages may ask of the library."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import replace
from functools import partial
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

import polars as pl

from tracelens import analyse, policy
from tracelens.analyse import FIELDS as PRICE_FIELDS
from tracelens.analyse import (
    PERIODS,
    Coverage,
    Explanation,
    Facets,
    Filters,
    Match,
    Overview,
    Totals,
    price_rows,
)
from tracelens.analyse import UNPRICED as UNPRICED_FIELDS
from tracelens.analyse.tails.percentiles import percentiles
from tracelens.analyse.tails.top_cost import Bill, TopCost, top_cost
from tracelens.analyse.tails.values import BY, METRICS, Budgets, Percentile, Selected, Tail
from tracelens.analyse.what_if import Rules, WhatIf, make_rules, rules_toml
from tracelens.errors import NotFoundError, UsageError
from tracelens.ingest import (
    LoadReport,
    Located,
    Progress,
    SourceReport,
    Upload,
    find_samples,
    relocate,
)
from tracelens.ingest import ingest as load_inputs
from tracelens.ingest.report_rows import make_report, read_reports
from tracelens.ingest.reports import add_reports, mark_report, withdraw_reports
from tracelens.normalise import find_emitters
from tracelens.policy import (
    Budget,
    Cap,
    Change,
    Condition,
    Policy,
    Route,
    policy_changes,
    policy_text,
)
from tracelens.prices import price_table
from tracelens.store import BugReport, Cancellation, Damage, Store

if TYPE_CHECKING:
    from tracelens.analyse.tails.selected import Comparison
    from tracelens.analyse.what_if.baseline import Baseline

__all__ = [
    "BY",
    "METRICS",
    "PERIODS",
    "PRICE_FIELDS",
    "UNPRICED_FIELDS",
    "Bill",
    "Budget",
    "Budgets",
    "BugReport",
    "Cancellation",
    "Cap",
    "Change",
    "Condition",
    "Damage",
    "Explanation",
    "Facets",
    "Filters",
    "LoadReport",
    "Located",
    "Match",
    "Overview",
    "Percentile",
    "Progress",
    "Route",
    "Rules",
    "Selected",
    "SourceReport",
    "Tail",
    "TopCost",
    "Totals",
    "TraceLens",
    "Upload",
    "WhatIf",
    "find_samples",
    "list_emitters",
    "make_report",
    "make_rules",
    "policy_changes",
    "policy_text",
    "price_rows",
    "read_reports",
    "rules_toml",
]


def list_emitters() -> list[dict[str, Any]]:
    """Every emitter mapping: `name, title, known_by, reads, blind_to`, the last three lists."""
    return [
        {
            "name": each.name,
            "title": each.title,
            "known_by": [*each.scopes, *(key.name for key in each.claims)],
            "reads": list(each.reads),
            "blind_to": list(each.blind_to),
        }
        for each in find_emitters()
    ]


class TraceLens:
    """A store and the policy that judges what is in it.

    Use it as a context manager, or call `close`. Reading needs no lock and may happen while
    another process loads.
    """

    def __init__(self, store: Path | str, policy_file: Path | str | None = None) -> None:
        self.path = Path(store)
        self.policy: Policy = policy.load(Path(policy_file) if policy_file else None)
        self._store: Store | None = None
        self._baseline: tuple[tuple[int, Filters], Baseline] | None = None  # of the last what-if
        self._comparison: tuple[tuple[Any, ...], Comparison] | None = None
        self._turn = Lock()  # sessions of the dashboard share one library

    def __enter__(self) -> TraceLens:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the store."""
        if self._store is not None:
            self._store.close()
            self._store = None

    def ingest(
        self,
        paths: Sequence[Path | str | Upload],
        *,
        spans_only: bool = False,
        progress: Callable[[Progress], None] | None = None,
        stop: Callable[[], bool] | None = None,
    ) -> LoadReport:
        """Load files, folders, globs, uploads or `-` (standard input); creates the store if need.

        `stop` is asked before each input; when true, what was read is kept and no more is read.

        Raises InputError when nothing could be loaded, StoreError when the store is busy.
        """
        return load_inputs(
            [path if isinstance(path, Upload) else str(path) for path in paths],
            self.path,
            self.policy,
            spans_only=spans_only,
            progress=progress,
            stop=stop,
        )

    def locate(self, *, progress: Callable[[int, int], None] | None = None) -> Located:
        """Judge all stored requests anew by this policy, and learn what a service's usually have.

        Returns how many there are and what the profiles of services expect otherwise than before.
        `progress` gets traces done and traces in all. Raises StoreError when the store is busy.
        """
        return relocate(self.store(), self.policy, progress)

    def requests(self, filters: Filters | None = None, columns: Sequence[str] = ()) -> pl.DataFrame:
        """Requests that pass the filters: one row each, the fields of the contract and more.

        Only these `columns` of the view, where some are named: without `candidates, evidence,
        outcomes, stage_runs` it takes a tenth of the time. Raises UsageError for an unknown one.
        """
        return analyse.find_requests(self.store(), filters or Filters(), columns)

    def count_unknown(self, filters: Filters | None = None) -> int:
        """How many requests pass the filters but cannot be told to have failed or not."""
        return analyse.count_unknown(self.store(), filters or Filters())

    def count_stale(self) -> int:
        """How many requests were judged by another policy, mapping or profile than is in force."""
        return analyse.count_stale(self.store())

    def prices(self, model: str | None = None, *, everything: bool = False) -> list[dict[str, Any]]:
        """Prices in force by model and unit: `provider, model, unit, usd, per, above_tokens,
        source, from, published_at, checked, servers`.

        Those of the models in the store, on the day each was last used; those of one `model`, by
        its name, today; or `everything` that genai-prices lists. `usd` is the price of `per` of the
        unit, for prompts of more than `above_tokens` where that is not None. `source` is policy,
        tracelens or genai-prices. Of `servers` that charge the same on different ports of one
        address there is one row, whose provider is a glob (`127.0.0.1:*`).
        """
        table = price_table(self.policy.price)
        if model is not None:
            return analyse.prices_of(table, None, model)
        return analyse.all_prices(table) if everything else analyse.prices_seen(self.store(), table)

    def unpriced(self) -> list[dict[str, Any]]:
        """What was used without a price, by `model, stage, unit`: `spans, requests, quantity,
        first_seen, last_seen` (ns), `providers`, and `row`, `[[price]]` as TOML to start from.

        `unit` is None for calls of which no usage is recorded.
        """
        return analyse.unpriced(self.store(), price_table(self.policy.price))

    def profiles(self) -> pl.DataFrame:
        """What the requests of each service usually have: rows of the view `profiles`."""
        return self.store().query("from profiles")

    def add_reports(self, reports: Sequence[BugReport]) -> int:
        """Keep bug reports and judge the requests that they mean; returns how many mean one.

        One with a known id replaces the old one. Raises UsageError for a report that names neither
        an id nor a session and a time, StoreError when the store is busy.
        """
        return add_reports(self.store(), reports, self.policy)

    def withdraw_reports(self, ids: Sequence[str]) -> None:
        """Drop bug reports, as if they had never been. Raises NotFoundError for an unknown id."""
        withdraw_reports(self.store(), ids, self.policy)

    def mark_report(self, report_id: str, status: str) -> None:
        """Give a bug report another status. Raises NotFoundError for an unknown id."""
        mark_report(self.store(), report_id, status)

    def reports_with_verdicts(self) -> list[dict[str, Any]]:
        """All bug reports, newest first, each with the verdict on the request that it means.

        Keys: those of a report, `matches` (how many requests it may mean), `request_id` when that
        is one, and of it `failed, stage, boundary, cause, verdict`.
        """
        return analyse.all_reports(self.store())

    def reports(self) -> pl.DataFrame:
        """All bug reports, by id, each with the `request_id` that it means now, or null."""
        return analyse.list_reports(self.store())

    def open_reports(self, limit: int) -> list[dict[str, Any]]:
        """The newest open bug reports, each with the verdict on the request that it means.

        Keys: those of `reports`, and `failed, stage, boundary, cause, verdict`, None without one.
        """
        return analyse.open_reports(self.store(), limit)

    def failure_groups(self, filters: Filters | None = None) -> pl.DataFrame:
        """Failures that look alike, counted: see `tracelens.analyse.group`."""
        return analyse.group_failures(self.store(), filters or Filters())

    def list_group(self, group: str, filters: Filters | None = None) -> tuple[str, ...]:
        """Ids of the failures of one of `failure_groups`, the most recent first."""
        return analyse.list_group(self.store(), filters or Filters(), group)

    def tail(
        self,
        metric: str = "cost",
        *,
        top: float = 0.01,
        by: str = "modality",
        filters: Filters | None = None,
        period: str = "all",
        timezone: str = "UTC",
        exemplars: int = 20,
        compare: bool = True,
        attributes: tuple[str, ...] = (),
        progress: Callable[[int, int], None] | None = None,
    ) -> Tail:
        """Who has the tail of a metric, what it is made of, and since when: see `Tail`.

        Args:
            metric: `cost` (US dollars), `latency` or `ttfa` (time to first audio, both ms).
            top: the share of requests that the tail is, above 0 and at most 0.5.
            by: `modality`, `stage`, `model` (of reasoning), `service`, `emitter`, `user`,
                `content` (of cost), or `none`.
            filters: which requests count; `sort`, `limit` and `offset` are not looked at, bounds
                without a time zone are of `timezone`.
            period: one of `PERIODS`, which end with the last request; `since` or `until` of the
                filters go before it.
            timezone: an IANA name; days and weeks begin where they do there.
            exemplars: how many of the highest requests are listed.
            compare: say what is different about the tail, as `tail_selection` does by itself.
            attributes: attributes of spans to compare as well, `*` for the most frequent ones.
            progress: gets parts done and parts in all while attributes are read.

        Raises UsageError for a value that there is not, QueryError for a bad `where`.
        """
        # what only those pay for who ask for tails
        from tracelens.analyse.tails import selected
        from tracelens.analyse.tails.choose import Question
        from tracelens.analyse.tails.tail import columns_of, tail

        question = Question(metric, top, by, filters or Filters(), period, timezone, exemplars)
        store = self.store()
        if not compare:
            return tail(store, question)
        differ = partial(
            self.tail_selection,
            metric,
            top=top,
            filters=filters,
            period=period,
            timezone=timezone,
            exemplars=0,
            attributes=attributes,
            progress=progress,
        )
        # One reading for both; then each has a core, as NumPy and Polars let others run.
        store.request_columns([*columns_of(question), *selected.columns_of(question)])
        with ThreadPoolExecutor(1) as beside:
            different = beside.submit(copy_context().run, differ)
            found = tail(store, question)
        own = different.result()
        return replace(found, different=own.different, different_state=own.state)

    def tail_selection(
        self,
        metric: str = "cost",
        *,
        top: float = 0.01,
        box: tuple[int, int, float, float] | None = None,
        filters: Filters | None = None,
        period: str = "all",
        timezone: str = "UTC",
        exemplars: int = 12,
        attributes: tuple[str, ...] = (),
        progress: Callable[[int, int], None] | None = None,
    ) -> Selected:
        """What is different about the tail of a metric, or about a part of its heat map.

        `box` is from and until when (ns, exclusive) and from and to which value of the metric
        (inclusive); the other arguments are those of `tail`. The requests are kept in memory until
        other ones are asked for.

        Raises UsageError for a value that there is not, QueryError for a bad `where`.
        """
        from tracelens.analyse.tails.choose import Question
        from tracelens.analyse.tails.selected import Comparison

        question = Question(metric, top, "none", filters or Filters(), period, timezone)
        key = (self.version(), metric, question.filters, period, timezone, attributes)
        kept = self._comparison
        if kept is None or kept[0] != key:
            kept = self._comparison = (
                key,
                Comparison(self.store(), question, attributes, progress),
            )
        return kept[1].select(top, box, self.policy.tail, exemplars)

    def tail_budgets(self, metric: str) -> Budgets:
        """The policy's budgets of whole requests of any service, in the unit of a metric."""
        return tuple(
            (each.modality or "*", each.limit)
            for each in self.policy.budget
            if each.metric == metric and each.of is None and each.service is None
        )

    def percentiles(self, request_id: str) -> tuple[Percentile, ...]:
        """How a request stands in cost and latency among those with the same inputs.

        One for each metric that is known of it; none for an id that is not stored.
        """
        return percentiles(self.store(), request_id)

    def top_cost(self, period: str = "all") -> TopCost:
        """What the costliest requests of a period (one of `PERIODS`) paid, in a few figures.

        Raises UsageError for an unknown period.
        """
        return top_cost(self.store(), period)

    def failure_facets(self) -> dict[str, dict[str, int]]:
        """What failures can be cut by: counts of the values of stage, cause, service and more."""
        return analyse.failure_facets(self.store())

    def request_facets(self) -> Facets:
        """What requests can be cut by, and of which metrics any value is known."""
        return analyse.request_facets(self.store())

    def overview(self, period: str = "all") -> Overview:
        """What failed where and what is new, of a store or its last days (one of `PERIODS`)."""
        return analyse.overview(self.store(), period)

    def coverage(self, first: int, last: int) -> Coverage:
        """What the requests of some loads (by `generation`) let us tell: see `Overview`."""
        return analyse.coverage(self.store(), first, last)

    def period_bounds(self, period: str) -> tuple[int | None, int | None]:
        """Where one of `PERIODS` begins and ends (exclusive), in ns: with the last request."""
        return analyse.period_bounds(self.store(), period)

    def what_if(
        self, rules: Rules | None = None, filters: Filters | None = None, *, limit: int = 100
    ) -> WhatIf:
        """What requests would cost and take under caps, routes and latency budgets.

        `rules` are the policy's where none are given; `limit` is how many of the touched requests
        are listed. The requests are kept in memory until other ones are asked for.

        Raises QueryError when `where` of the filters is not one read-only boolean expression.
        """
        # what only those pay for who ask what would change
        from tracelens.analyse.what_if.answer import what_if
        from tracelens.analyse.what_if.baseline import MovedError
        from tracelens.analyse.what_if.source import read_baseline

        rules = rules or Rules.of(self.policy)
        key, kept = (self.version(), filters or Filters()), self._baseline
        if kept is None or kept[0] != key:
            kept = self._baseline = (key, read_baseline(self.store(), key[1], rules))
        try:
            return what_if(kept[1], rules, limit=limit)
        except MovedError:
            # The store has other rows by now: all that these rules need is read at one moment.
            key = (self.version(), key[1])
            kept = self._baseline = (key, read_baseline(self.store(), key[1], rules))
            return what_if(kept[1], rules, limit=limit)

    def resolve(self, any_id: str) -> Match:
        """The requests that an id of any kind means. Raises NotFoundError."""
        return analyse.resolve_id(self.store(), any_id)

    def explain(self, request_id: str, *, with_text: bool = True) -> Explanation:
        """Everything on one request. Raises NotFoundError."""
        return analyse.explain_request(
            self.store(), request_id, with_text=with_text, policy=self.policy
        )

    def span(self, request_id: str, span_id: str) -> dict[str, Any]:
        """All that was recorded on one span of a request. Raises NotFoundError."""
        return analyse.describe_span(self.store(), request_id, span_id)

    def near(self, given: str) -> list[str]:
        """Ids of requests that begin like an id that means nothing."""
        return analyse.near_ids(self.store(), given)

    def extent(self) -> dict[str, Any]:
        """How many requests there are and failed, and when the first and the last began."""
        return analyse.describe_extent(self.store())

    def sql(self, query: str, *, rows: int | None = None) -> pl.DataFrame:
        """Rows of one read-only query over the documented views; one row more than asked when cut.

        Raises QueryError when the query would write, does not run, or takes too long.
        """
        limits = self.policy.limits
        return self.store().user_query(
            query, rows=rows or limits.query_rows, seconds=limits.query_seconds
        )

    def schema(self) -> pl.DataFrame:
        """`view, column, type, sentence` of every view (column null) and column."""
        return self.store().schema()

    def emitters_seen(self) -> list[dict[str, Any]]:
        """Who wrote what is stored: `emitter` (or None), `spans`, `requests`."""
        return analyse.emitters_seen(self.store())

    def health(self) -> dict[str, Any]:
        """Counts and sizes of the store: see `tracelens.analyse.health`."""
        return analyse.store_health(self.store())

    def sizes(self) -> dict[str, Any]:
        """Live segments by kind and bytes on disk; needs none of the files to be whole."""
        return self.store().sizes()

    def verify(self) -> list[Damage]:
        """Compare every file with its checksum: the damaged ones, and what they hold."""
        return self.store().verify()

    def version(self) -> int:
        """A number that changes with everything that is stored, removed or judged anew."""
        return self.store().version()

    def newest_load(self) -> int:
        """The number of the newest commit; 0 where there is none, or no store."""
        try:
            return self.store().generation()
        except NotFoundError:
            return 0

    def loads(self) -> list[dict[str, Any]]:
        """Past load reports with their rejects, newest first."""
        return self.store().loads()

    def traces(self, filters: Filters) -> list[str]:
        """Ids of the traces in which spans of the requests lie that pass the filters."""
        return analyse.find_traces(self.store(), filters)

    def export_duckdb(
        self, file: Path | str, *, traces: Sequence[str] | None = None, overwrite: bool = False
    ) -> None:
        """Write a DuckDB file with all views as tables, or their rows of some trace ids.

        Raises UsageError when the file exists and is not to be overwritten.
        """
        self.store().export_duckdb(self._outside(file), traces=traces, overwrite=overwrite)

    def export_parquet(
        self, folder: Path | str, *, traces: Sequence[str] | None = None, overwrite: bool = False
    ) -> None:
        """Write a folder with one Parquet file per view; `traces` and errors as for DuckDB."""
        self.store().export_parquet(self._outside(folder), traces=traces, overwrite=overwrite)

    def export_otlp(
        self, file: Path | str, *, traces: Sequence[str] | None = None, overwrite: bool = False
    ) -> int:
        """Write spans as OTLP/JSON lines; returns how many. `traces` and errors as for DuckDB."""
        return self.store().export_otlp(self._outside(file), traces=traces, overwrite=overwrite)

    def _outside(self, target: Path | str) -> Path:
        """A path to write to, which must not be part of the store."""
        path = Path(target)
        if self.path.resolve() in (path.resolve(), *path.resolve().parents):
            raise UsageError(f"{path} is inside the store, where it could replace a part of it")
        return path

    def store(self) -> Store:
        """The open store. Raises NotFoundError where there is none, StoreError when damaged."""
        with self._turn:
            if self._store is None:
                self._store = Store.open(self.path)
            return self._store
