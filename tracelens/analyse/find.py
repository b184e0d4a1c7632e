"""Finds requests by what they are: one row each, filtered, sorted and cut in SQL."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl

from tracelens.errors import UsageError
from tracelens.model import REQUEST
from tracelens.store import Store

#: What `sort` may name: columns that order requests for somebody.
SORTS = ("started_at", "duration_ms", "cost_usd", "ttfa_ms", "ttft_ms", "stage", "cause", "service")
#: What `columns` may name.
COLUMNS = frozenset((*REQUEST, "started_at", "load"))
#: As a `boundary`: the stage itself broke. As `inputs`: nothing is known to have come in.
NONE = "none"


@dataclass(frozen=True)
class Filters:
    """Which requests are wanted; what is None does not filter. `limit` 0 means all of them.

    `since` and `until` bound the start (inclusive, exclusive), in UTC unless they say otherwise.
    `boundary` `none` means broken inside a stage. `inputs` are exactly the kinds of content that
    came in, in any order, such as `audio+image`, or `none`. `text` is part of the verdict, in any
    case. `where` is a SQL boolean expression over the columns of `requests`. `sort` names a column,
    with `-` in front for descending.
    """

    stage: str | None = None
    boundary: str | None = None
    cause: str | None = None
    modality: str | None = None
    model: str | None = None
    service: str | None = None
    emitter: str | None = None
    inputs: str | None = None
    text: str | None = None
    session: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    failed: bool | None = None
    include_unknown: bool = False
    where: str | None = None
    request_ids: tuple[str, ...] | None = None
    sort: str = "-started_at"
    limit: int = 100
    offset: int = 0

    def __post_init__(self) -> None:
        """Bring the kinds of content into the order in which they are stored."""
        if self.inputs is not None:
            kinds = {kind.strip().lower() for kind in self.inputs.split("+")}
            object.__setattr__(self, "inputs", "+".join(sorted(kinds)))


EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
EQUAL = ("stage", "cause", "service", "emitter")
#: Kinds of content that came in, as `Filters.inputs` names them.
INPUTS = "coalesce(nullif(array_to_string(input_modalities, '+'), ''), 'none')"


def find_requests(store: Store, filters: Filters, columns: Sequence[str] = ()) -> pl.DataFrame:
    """Rows of the `requests` view that pass the filters: these columns, or all of them.

    Nested columns take nine tenths of the time.

    Raises:
        UsageError: an unknown column, to sort by or wanted.
        QueryError: `where` is not one read-only boolean expression.
    """
    unknown = [name for name in columns if name not in COLUMNS]
    if unknown:
        raise UsageError(f"requests have no column {unknown[0]!r}; see `tracelens schema requests`")
    conditions, params = _conditions(store, filters)
    limit = f" limit {int(filters.limit)}" if filters.limit else ""
    offset = f" offset {int(filters.offset)}" if filters.offset else ""
    sql = (
        f"select {', '.join(columns) or '*'} from requests{_where(conditions)}"
        f" order by {_order(filters.sort)}{limit}{offset}"
    )
    return store.query(sql, params)


def find_ids(store: Store, filters: Filters) -> pl.DataFrame:
    """`request_id, load` of all requests that pass the filters, limit and sort aside.

    Raises QueryError when `where` is not one read-only boolean expression.
    """
    conditions, params = _conditions(store, filters)
    return store.query(f"select request_id, load from requests{_where(conditions)}", params)


def count_unknown(store: Store, filters: Filters) -> int:
    """How many requests pass the filters except that nobody can tell whether they failed."""
    conditions, params = _conditions(store, replace(filters, failed=None))
    sql = f"select count(*) as n from requests{_where([*conditions, 'failed is null'])}"
    return int(store.query(sql, params)["n"][0])


def count_stale(store: Store) -> int:
    """How many requests were judged by another policy, mapping or profile than is in force."""
    return int(store.query("select count(*) as n from requests where stale")["n"][0])


def find_traces(store: Store, filters: Filters) -> list[str]:
    """The traces in which spans of the requests lie that pass the filters, limit and sort aside.

    Raises QueryError when `where` is not one read-only boolean expression.
    """
    conditions, params = _conditions(store, filters)
    # Turns of some emitters have spans in other traces of their session.
    sql = f"""
    with chosen as (select trace_id, span_ids from requests{_where(conditions)})
    select trace_id from chosen
    union select trace_id from spans where span_id in (select unnest(span_ids) from chosen)
    order by trace_id
    """
    return store.query(sql, params)["trace_id"].to_list()


def find_where(store: Store, filters: Filters) -> tuple[str, dict[str, Any]]:
    """A `where` clause over `requests` for the filters, and its parameters.

    Raises QueryError when `where` is not one read-only boolean expression.
    """
    conditions, params = _conditions(store, filters)
    return _where(conditions), params


def _conditions(store: Store, filters: Filters) -> tuple[list[str], dict[str, Any]]:
    params: dict[str, Any] = {
        name: getattr(filters, name) for name in EQUAL if getattr(filters, name) is not None
    }
    conditions = [f"{name} = ${name}" for name in params]
    if filters.boundary == NONE:
        conditions.append("boundary is null")
    elif filters.boundary is not None:
        conditions.append("boundary = $boundary")
        params["boundary"] = filters.boundary
    if filters.inputs is not None:
        conditions.append(f"{INPUTS} = $inputs")
        params["inputs"] = filters.inputs
    if filters.text is not None:
        conditions.append("contains(lower(verdict), lower($text))")
        params["text"] = filters.text
    if filters.session is not None:
        conditions.append("session_id = $session")
        params["session"] = filters.session
    if filters.modality is not None:
        conditions.append(
            "(list_contains(input_modalities, $modality)"
            " or list_contains(output_modalities, $modality))"
        )
        params["modality"] = filters.modality
    if filters.model is not None:
        conditions.append(
            "list_contains(list_concat(list_concat(models.transcription, models.reasoning),"
            " models.synthesis), $model)"
        )
        params["model"] = filters.model
    for name, sign in (("since", ">="), ("until", "<")):
        bound = getattr(filters, name)
        if bound is not None:
            conditions.append(f"start_unix_nano {sign} ${name}")
            params[name] = in_nanos(bound)
    if filters.failed is not None:
        wanted = "failed" if filters.failed else "not failed"
        conditions.append(f"({wanted} or failed is null)" if filters.include_unknown else wanted)
    if filters.request_ids is not None:
        conditions.append("list_contains($request_ids, request_id)")
        params["request_ids"] = list(filters.request_ids)
    if filters.where is not None:
        store.check_expression(filters.where)
        conditions.append(f"({filters.where}\n)")
    return conditions, params


def in_nanos(when: datetime) -> int:
    """Nanoseconds since 1970 of a moment, in UTC unless it says otherwise."""
    aware = when if when.tzinfo else when.replace(tzinfo=UTC)
    return (aware - EPOCH) // timedelta(microseconds=1) * 1_000


def _where(conditions: list[str]) -> str:
    return f" where {' and '.join(conditions)}" if conditions else ""


def _order(sort: str) -> str:
    column, descending = sort.removeprefix("-"), sort.startswith("-")
    if column not in SORTS:
        raise UsageError(f"cannot sort by {column!r}: choose from {', '.join(SORTS)}")
    return f"{column} {'desc' if descending else 'asc'} nulls last, request_id"
