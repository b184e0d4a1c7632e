"""Exports of Arize Phoenix: spans one a line, lists of them, and data frames as JSON.

Sources: phoenix trace/span_json_encoder.py (`{name, context{}, span_kind, parent_id, …}`),
trace/trace_dataset.py (columns `context.trace_id`, `attributes.…`), trace/attributes.py (which
attributes are JSON text on the wire and objects in an export), and pandas `DataFrame.to_json` in
its orientations records, columns, index, split and table.

`attributes` may be nested or dotted; they come out dotted, as OpenInference instrumentations
write them, with `span_kind` as `openinference.span.kind`. The kind of OpenTelemetry is not kept
by Phoenix. Times are ISO text, or numbers whose unit pandas does not state.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from tracelens.read.foreign import (
    ForeignEvent,
    ForeignSpan,
    Output,
    dict_of,
    dicts_in,
    first_of,
    flatten,
    list_of,
    nanos_guessed,
    text_of,
)

NAME = "phoenix"

TRACE_COLUMN: Final = "context.trace_id"
_ATTRIBUTES: Final = "attributes."
#: Attributes that instrumentations write as JSON text.
WHOLE: Final = frozenset(
    {"metadata", "document.metadata", "tool.parameters", "llm.prompt_template.variables"}
)


def claims(document: Any) -> bool:
    """A span with `context` and `span_kind`, a row of a data frame, or a list or frame of them."""
    if isinstance(document, list):
        return bool(document) and claims_one(document[0])
    return claims_one(document) or bool(isinstance(document, dict) and find_rows(document))


def claims_one(document: Any) -> bool:
    """Whether an object is a span of Phoenix."""
    if not isinstance(document, dict):
        return False
    if TRACE_COLUMN in document and not isinstance(document[TRACE_COLUMN], (dict, list)):
        return True
    context = document.get("context")
    return (
        isinstance(context, dict)
        and "trace_id" in context
        and bool(document.keys() & {"span_kind", "status_code"})
    )


def find_rows(document: dict[str, Any]) -> Iterator[Any] | None:
    """The rows of a data frame in any of its orientations, or of an answer of the API."""
    columns, data = document.get("columns"), document.get("data")
    if isinstance(columns, list) and TRACE_COLUMN in columns:
        return (dict(zip(columns, list_of(row), strict=False)) for row in list_of(data))
    if isinstance(data, list) and data and claims_one(data[0]):
        return iter(data)
    if isinstance(document.get(TRACE_COLUMN), dict):
        return turn_columns(document)
    if document and all(claims_one(row) for row in document.values()):
        return ({"context.span_id": key} | row for key, row in document.items())
    return None


def turn_columns(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Rows out of `{column: {index: value}}`; the index is the span id unless a column is."""
    columns = {name: column for name, column in document.items() if isinstance(column, dict)}
    for index in columns[TRACE_COLUMN]:
        row = {name: column.get(index) for name, column in columns.items()}
        yield {"context.span_id": index} | row


def read(document: Any, output: Output) -> None:
    """Put all spans."""
    if isinstance(document, dict) and not claims_one(document):
        rows = find_rows(document) or iter(())
    else:
        rows = iter(document if isinstance(document, list) else [document])
    for row in rows:
        output.put(build_span, row)


def build_span(raw: dict[str, Any]) -> ForeignSpan:
    """One span, whether nested or a row of columns."""
    context = dict_of(raw.get("context"))
    attributes = flatten(dict_of(raw.get("attributes")), WHOLE)
    for name, value in raw.items():
        if name.startswith(_ATTRIBUTES) and value is not None:
            attributes |= flatten({name.removeprefix(_ATTRIBUTES): value}, WHOLE)
    kind = raw.get("span_kind")
    if kind and not is_missing(kind):
        attributes.setdefault("openinference.span.kind", kind)
    return ForeignSpan(
        trace_id=first_of(context, "trace_id") or raw.get(TRACE_COLUMN),
        span_id=first_of(context, "span_id") or raw.get("context.span_id"),
        parent_id=None if is_missing(raw.get("parent_id")) else raw.get("parent_id"),
        name=raw.get("name"),
        start=nanos_guessed(raw.get("start_time")),
        end=nanos_guessed(raw.get("end_time")),
        status=raw.get("status_code"),
        message=raw.get("status_message"),
        attributes={key: value for key, value in attributes.items() if not is_missing(value)},
        events=[read_event(event) for event in dicts_in(raw.get("events"))],
    )


def is_missing(value: Any) -> bool:
    """Whether a cell is what pandas writes for nothing."""
    return value is None or (isinstance(value, float) and value != value)


def read_event(event: dict[str, Any]) -> ForeignEvent:
    """An event; an exception of older versions has its message beside its name."""
    attributes = flatten(dict_of(event.get("attributes")), frozenset())
    if event.get("message"):
        attributes.setdefault("exception.message", text_of(event["message"]))
    return ForeignEvent(event.get("name"), nanos_guessed(event.get("timestamp")), attributes)
