"""Everything recorded on one span of a request: its attributes, events and links."""

from __future__ import annotations

import json
from typing import Any

from tracelens.analyse.explain import STATUS, request_row
from tracelens.errors import NotFoundError
from tracelens.model import PROMOTED
from tracelens.normalise import promoted_keys
from tracelens.store import Store

PLAIN = (
    *("trace_id", "span_id", "parent_span_id", "name", "service", "emitter", "stage", "stage_by"),
    *("role", "operation", "model", "start_unix_nano", "end_unix_nano", "duration_ms"),
    *("status_message", "error_type", "exception_type", "exception_message", "finish_reason"),
    *("text_in", "text_out", "text_in_attribute", "text_out_attribute", "cost_usd", "notes"),
    *("scope_name", "scope_version"),
)
JSON = ("attrs", "attrs_big", "resource_attrs", "events", "links")


def describe_span(store: Store, request_id: str, span_id: str) -> dict[str, Any]:
    """One span of a request as it was recorded.

    Returns the columns of the view `spans` in `PLAIN`, `status`, and `attributes` (by key, sorted),
    `resource` (likewise), `events` and `links` (lists) as values.

    Raises NotFoundError for an unknown request, and for a span that is not of it.
    """
    request = request_row(store, request_id)
    promoted = [PROMOTED + key for key in promoted_keys()]
    columns = [*PLAIN, "status_code", *JSON, *promoted]
    asked = {**request, "span_ids": [each for each in request["span_ids"] if each == span_id]}
    rows = store.spans_of(asked, columns).rows(named=True)
    if not rows:
        raise NotFoundError(f"request {request_id!r} has no span {span_id[:80]!r}")
    row = rows[0]
    attributes = {
        **_parsed(row["attrs"], {}),
        **_parsed(row["attrs_big"], {}),
        **{key: row[PROMOTED + key] for key in promoted_keys() if row[PROMOTED + key] is not None},
    }
    return {
        **{name: row[name] for name in PLAIN},
        "status": STATUS.get(row["status_code"], "unset"),
        "attributes": dict(sorted(attributes.items())),
        "resource": dict(sorted(_parsed(row["resource_attrs"], {}).items())),
        "events": _parsed(row["events"], []),
        "links": _parsed(row["links"], []),
    }


def _parsed(text: str | None, nothing: Any) -> Any:
    value = json.loads(text) if text else nothing
    return value if isinstance(value, type(nothing)) else nothing
