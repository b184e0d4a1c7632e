"""OTLP/JSON that deviates from the specification: every spelling and shape seen in the wild.

Both name styles, legacy scope names, names of enums, numbers as text or {high, low}, nulls, new
fields, and the envelopes of Tempo and Jaeger's API v3. One bad span costs that span only.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

from tracelens.read import otlp_json as typed
from tracelens.read.tally import Tally
from tracelens.read.values import UnreadableError, encode


def spellings(*names: str, **others: str) -> dict[str, str]:
    """Field by every spelling of its name: camelCase, snake_case, and `others`."""
    found = {camel(name): name for name in names} | {name: name for name in names}
    return found | others


def camel(name: str) -> str:
    """`span_id` as `spanId`."""
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


RESOURCE_LISTS: Final = spellings("resource_spans", batches="resource_spans")
SCOPE_LISTS: Final = spellings(
    "scope_spans", "instrumentation_library_spans", "deprecated_scope_spans"
)
SPAN_LISTS: Final = {"spans": "spans"}
SCOPE_NAMES: Final = spellings(
    "scope", instrumentationLibrary="scope", instrumentation_library="scope"
)
#: Objects that hold a trace one level down: Tempo's API v2, Jaeger's API v3.
WRAPPERS: Final = {"trace": "trace", "result": "result"}
OTHER_SIGNALS: Final = {
    "resourceLogs": "logs",
    "resource_logs": "logs",
    "resourceMetrics": "metrics",
    "resource_metrics": "metrics",
    "resourceProfiles": "profiles",
    "resource_profiles": "profiles",
}
#: Where the records of another signal are, from the envelope down.
SIGNAL_RECORDS: Final = {
    "logs": (("scopeLogs", "scope_logs"), ("logRecords", "log_records")),
    "metrics": (("scopeMetrics", "scope_metrics"), ("metrics",)),
    "profiles": (("scopeProfiles", "scope_profiles"), ("profiles",)),
}

RESOURCE_SPANS: Final = spellings("resource", "schema_url") | dict.fromkeys(
    SCOPE_LISTS, "scope_spans"
)
SCOPE_SPANS: Final = spellings("spans", "schema_url") | SCOPE_NAMES
RESOURCE: Final = spellings("attributes", "dropped_attributes_count", "entity_refs")
SCOPE: Final = spellings("name", "version", "attributes", "dropped_attributes_count")
SPAN: Final = spellings(
    "trace_id",
    "span_id",
    "trace_state",
    "parent_span_id",
    "flags",
    "name",
    "kind",
    "start_time_unix_nano",
    "end_time_unix_nano",
    "attributes",
    "dropped_attributes_count",
    "events",
    "dropped_events_count",
    "links",
    "dropped_links_count",
    "status",
    traceID="trace_id",
    spanID="span_id",
    parentSpanID="parent_span_id",
)
EVENT: Final = spellings("time_unix_nano", "name", "attributes", "dropped_attributes_count")
LINK: Final = spellings(
    "trace_id",
    "span_id",
    "trace_state",
    "attributes",
    "dropped_attributes_count",
    "flags",
    traceID="trace_id",
    spanID="span_id",
)
STATUS: Final = spellings("code", "message", "deprecated_code")
KEY_VALUE: Final = spellings("key", "value")
ANY_VALUE: Final = spellings(
    "string_value",
    "bool_value",
    "int_value",
    "double_value",
    "array_value",
    "kvlist_value",
    "bytes_value",
    kvListValue="kvlist_value",
)
VALUES: Final = spellings("values")

_SPAN_IDS: Final = frozenset(name for name in SPAN if SPAN[name] == "span_id")
_SPAN_TIMES: Final = frozenset(name for name in SPAN if SPAN[name] == "start_time_unix_nano")
_BARE_SCOPES: Final = (*SCOPE_NAMES, "instrumentationScope")


def find_resources(document: Any, depth: int = 3) -> Iterator[dict[str, Any]] | None:
    """The ResourceSpans of a parsed document in any of its shapes; None when it has none."""
    if isinstance(document, list):
        found = [find_resources(item, depth - 1) for item in document] if depth else []
        return (one for each in found if each is not None for one in each) if any(found) else None
    if not isinstance(document, dict):
        return None
    if is_bare(document):
        return wrap_spans([document], document)
    if is_bare(next(iter(as_list(document.get("spans"))), None)):
        return wrap_spans(document["spans"], document)
    if any(name in document for name in SCOPE_LISTS):
        return iter([document])
    for name in RESOURCE_LISTS:
        if name in document:
            return iter(as_list(document[name]))
    inner = [find_resources(document[name], depth - 1) for name in WRAPPERS if name in document]
    return next((one for one in inner if one is not None), None) if depth else None


def is_bare(document: Any) -> bool:
    """Whether an object is a span of OTLP by itself, as the azureblob exporter writes one a line.

    Attributes in a plain object are not OTLP: those are for the dialects.
    """
    if not isinstance(document, dict) or document.keys().isdisjoint(_SPAN_IDS):
        return False
    attributes = document.get("attributes")
    timed = not document.keys().isdisjoint(_SPAN_TIMES) and attributes is None
    return timed or isinstance(attributes, list)


def wrap_spans(spans: Iterable[Any], holder: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Bare spans as ResourceSpans, with the resource and scope that stand beside them."""
    for span in spans:
        inner = span if isinstance(span, dict) else {}
        scope = next((each[n] for each in (inner, holder) for n in _BARE_SCOPES if n in each), None)
        beside = inner.keys() & {"resource", *_BARE_SCOPES}
        bare = {name: inner[name] for name in inner if name not in beside} if beside else span
        resource = inner.get("resource", holder.get("resource"))
        yield {"resource": resource, "scopeSpans": [{"scope": scope, "spans": [bare]}]}


def count_signals(document: Any, tally: Tally, depth: int = 3) -> bool:
    """Count logs, metrics and profiles of a parsed document; False when it has none."""
    if isinstance(document, list):
        counted = [count_signals(item, tally, depth - 1) for item in document] if depth else []
        return any(counted)
    seen = False
    for name, signal in OTHER_SIGNALS.items():
        if isinstance(document, dict) and name in document:
            records = as_list(document[name])
            for names in SIGNAL_RECORDS[signal]:
                records = [record for item in records for record in members(item, names)]
            tally.signal(signal, len(records))
            seen = True
    return seen


def members(item: Any, names: tuple[str, ...]) -> list[Any]:
    """The list under the first of `names` that the object has."""
    return (
        as_list(next((item[name] for name in names if name in item), None))
        if isinstance(item, dict)
        else []
    )


def as_list(value: Any) -> list[Any]:
    """The value when it is a list, else an empty one."""
    return value if isinstance(value, list) else []


class Tidy:
    """Builds the typed structs out of parsed JSON; names of unknown fields go to the tally."""

    def __init__(self, tally: Tally, at: str, depth: int) -> None:
        self.tally = tally
        self.at = at
        self.depth = depth

    def pick(self, raw: Any, names: dict[str, str], what: str) -> dict[str, Any]:
        """Fields of an object by their one name; nulls left out, unknown ones counted."""
        if not isinstance(raw, dict):
            raise UnreadableError(f"{what} is {kind_of(raw)} where an object is needed")
        picked: dict[str, Any] = {}
        for name, value in raw.items():
            field = names.get(name)
            if field is None:
                self.tally.unknown(f"{what}.{name}", self.at)
            elif value is not None:
                picked.setdefault(field, value)
        return picked

    def items(self, raw: Any, what: str) -> list[Any]:
        if raw is None:
            return []
        if not isinstance(raw, list):
            raise UnreadableError(f"{what} is {kind_of(raw)} where a list is needed")
        return raw

    def text(self, raw: Any) -> str | None:
        if raw is None or isinstance(raw, str):
            return raw
        return encode(raw).decode()

    def resource(self, raw: Any) -> typed.Resource:
        picked = self.pick(raw, RESOURCE, "resource") if raw is not None else {}
        return typed.Resource(
            self.attributes(picked.get("attributes")), picked.get("dropped_attributes_count")
        )

    def scope(self, raw: Any) -> typed.Scope:
        picked = self.pick(raw, SCOPE, "scope") if raw is not None else {}
        return typed.Scope(
            self.text(picked.get("name")),
            self.text(picked.get("version")),
            self.attributes(picked.get("attributes")),
            picked.get("dropped_attributes_count"),
        )

    def span(self, raw: Any) -> typed.Span:
        """One span; UnreadableError when a part of it is of an impossible type."""
        picked = self.pick(raw, SPAN, "span")
        for name in ("trace_id", "span_id", "parent_span_id"):
            picked[name] = self.raw_id(picked.get(name))
        for name in ("name", "trace_state"):
            picked[name] = self.text(picked.get(name))
        picked["attributes"] = self.attributes(picked.get("attributes"))
        picked["events"] = [self.event(one) for one in self.items(picked.get("events"), "events")]
        picked["links"] = [self.link(one) for one in self.items(picked.get("links"), "links")]
        if "status" in picked:
            picked["status"] = self.status(picked["status"])
        return typed.Span(**picked)

    def status(self, raw: Any) -> typed.Status:
        picked = self.pick(raw, STATUS, "status")
        return typed.Status(picked.get("code"), self.text(picked.get("message")))

    def event(self, raw: Any) -> typed.Event:
        picked = self.pick(raw, EVENT, "event")
        picked["name"] = self.text(picked.get("name"))
        picked["attributes"] = self.attributes(picked.get("attributes"))
        return typed.Event(**picked)

    def link(self, raw: Any) -> typed.Link:
        picked = self.pick(raw, LINK, "link")
        for name in ("trace_id", "span_id"):
            picked[name] = self.raw_id(picked.get(name))
        picked["trace_state"] = self.text(picked.get("trace_state"))
        picked["attributes"] = self.attributes(picked.get("attributes"))
        return typed.Link(**picked)

    def raw_id(self, raw: Any) -> Any:
        """An id as text or bytes; also the bytes that a JavaScript Buffer is written as."""
        if isinstance(raw, dict) and isinstance(raw.get("data"), list):
            raw = raw["data"]
        if isinstance(raw, list):
            try:
                return bytes(raw)
            except (ValueError, TypeError):
                return self.text(raw)
        return self.text(raw)

    def attributes(self, raw: Any) -> list[typed.KeyValue]:
        return [self.pair(item, self.depth) for item in self.items(raw, "attributes")]

    def pair(self, raw: Any, depth: int) -> typed.KeyValue:
        picked = self.pick(raw, KEY_VALUE, "attribute")
        return typed.KeyValue(
            self.text(picked.get("key")) or "", self.value(picked.get("value"), depth)
        )

    def value(self, raw: Any, depth: int) -> typed.AnyValue | None:
        """An AnyValue; the nesting is bounded here too, before the stack is."""
        if raw is None:
            return None
        if depth < 0:
            raise UnreadableError("an attribute value is nested deeper than limits.depth")
        picked = self.pick(raw, ANY_VALUE, "value")
        if "string_value" in picked:
            return typed.AnyValue(string_value=self.text(picked["string_value"]))
        for name in ("array_value", "kvlist_value"):
            if name in picked:
                values = self.pick(picked[name], VALUES, name).get("values")
                picked[name] = self.nested(name, self.items(values, name), depth - 1)
        if "bool_value" in picked:
            picked["bool_value"] = boolean(picked["bool_value"])
        if "bytes_value" in picked:
            picked["bytes_value"] = self.text(picked["bytes_value"])
        return typed.AnyValue(**picked)

    def nested(self, name: str, values: list[Any], depth: int) -> Any:
        if name == "array_value":
            return typed.ArrayValue([self.value(item, depth) for item in values])
        return typed.KeyValueList([self.pair(item, depth) for item in values])


def boolean(raw: Any) -> bool:
    """A boolean that may be written as text or number."""
    if isinstance(raw, str):
        return raw.strip().lower() in ("true", "1")
    return bool(raw)


def kind_of(raw: Any) -> str:
    """The JSON type of a value, in words."""
    names = {dict: "an object", list: "a list", str: "text", bool: "a boolean", type(None): "null"}
    return names.get(type(raw), "a number")
