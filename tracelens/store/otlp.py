"""Spans as OTLP/JSON again: what `tracelens.read` made of them, undone.

The columns of a raw span keep every value of the original: plain JSON values stand for themselves,
`{"$bytes": …}`, `{"$double": …}` and `{"$kvlist": …}` for what JSON has no word for, `$name` keys
for originals that their column could not hold. Reading the result gives spans of the same content
hash, except where reading itself changed a span: values cut at a limit, NUL characters replaced,
ids made up for spans that had none.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec
import polars as pl

from tracelens.model import PROMOTED, RAW_SPAN

#: `$name` keys of `attrs` that are not attributes; a real one of such a name has one more "$".
ORIGINALS: Final = {
    "$trace_id": "traceId",
    "$span_id": "spanId",
    "$parent_span_id": "parentSpanId",
    "$start_unix_nano": "startTimeUnixNano",
    "$end_unix_nano": "endTimeUnixNano",
    "$kind": "kind",
    "$status_code": "code",
}
DUPLICATES: Final = "$duplicates"
#: Columns that are needed; those of events that are columns too are in `events`.
COLUMNS: Final = [
    name
    for name in RAW_SPAN
    if not name.startswith("exception_")
    and name not in ("service", "notes", "content_hash", "position")
]
_MAX_INT64: Final = 2**63 - 1

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode

Json = dict[str, Any]


def request_lines(spans: pl.DataFrame) -> Iterator[bytes]:
    """One ExportTraceServiceRequest per resource and scope, each a line of OTLP/JSON.

    `spans` has `COLUMNS` and any promoted columns.
    """
    groups: dict[tuple[Any, ...], list[Json]] = {}
    for row, promoted in _rows(spans):
        dropped = _decode(row["dropped"]) if row["dropped"] else {}
        key = (
            row["resource_attrs"],
            dropped.get("resource_attributes"),
            row["scope_name"],
            row["scope_version"],
            row["scope_attrs"],
            dropped.get("scope_attributes"),
        )
        groups.setdefault(key, []).append(_span(row, promoted, dropped))
    for key, found in groups.items():
        resource, scope = _envelope(key)
        inner = {"scope": scope, "spans": found}
        yield _encode({"resourceSpans": [{"resource": resource, "scopeSpans": [inner]}]}) + b"\n"


def _rows(spans: pl.DataFrame) -> Iterator[tuple[Json, Json]]:
    """Each row with its promoted attributes that are there, by their keys."""
    filled = [
        (name.removeprefix(PROMOTED), spans[name].to_list())
        for name in spans.columns
        if name.startswith(PROMOTED) and spans[name].null_count() < spans.height
    ]
    for number, row in enumerate(spans.select(COLUMNS).iter_rows(named=True)):
        yield row, {key: cells[number] for key, cells in filled if cells[number] is not None}


def _envelope(key: Sequence[Any]) -> tuple[Json, Json]:
    resource_attrs, resource_dropped, name, version, scope_attrs, scope_dropped = key
    resource = {
        "attributes": _shared_attributes(resource_attrs),
        "droppedAttributesCount": resource_dropped,
    }
    scope = {
        "name": name,
        "version": version,
        "attributes": _shared_attributes(scope_attrs),
        "droppedAttributesCount": scope_dropped,
    }
    return _present(resource), _present(scope)


def _span(row: Json, promoted: Json, dropped: Mapping[str, int]) -> Json:
    # An attribute is in its column alone only where the column gives it back exactly.
    stored: Json = promoted | _decode(row["attrs"] or "{}") | _decode(row["attrs_big"] or "{}")
    odd = {name: stored.pop(name) for name in [*ORIGINALS, DUPLICATES] if name in stored}
    attributes = [_pair(_own_name(key), value) for key, value in stored.items()]
    attributes += [_pair(key, value) for key, value in odd.pop(DUPLICATES, [])]
    originals = {ORIGINALS[name]: value for name, value in odd.items()}
    status = {"code": originals.pop("code", row["status_code"]), "message": row["status_message"]}
    span = {
        "traceId": row["trace_id"],
        "spanId": row["span_id"],
        "parentSpanId": row["parent_span_id"],
        "traceState": row["trace_state"],
        "flags": row["flags"],
        "name": row["name"],
        "kind": row["kind"],
        "startTimeUnixNano": _whole(row["start_unix_nano"]),
        "endTimeUnixNano": _whole(row["end_unix_nano"]),
        "attributes": attributes,
        "droppedAttributesCount": dropped.get("attributes"),
        "events": [_event(each) for each in _decode(row["events"] or "[]")],
        "droppedEventsCount": dropped.get("events"),
        "links": [_link(each) for each in _decode(row["links"] or "[]")],
        "droppedLinksCount": dropped.get("links"),
        "status": _present(status),
    }
    return _present(span | originals)


def _event(event: Json) -> Json:
    attributes, time = dict(event["attributes"]), _whole(event["time_unix_nano"])
    original = attributes.get("$time_unix_nano")
    if time is None and isinstance(original, str) and not _is_time(original):
        time = attributes.pop("$time_unix_nano")
    return _present(
        {
            "timeUnixNano": time,
            "name": event["name"],
            "attributes": _attributes(attributes),
            "droppedAttributesCount": event.get("dropped_attributes_count"),
        }
    )


def _link(link: Json) -> Json:
    attributes = dict(link["attributes"])
    ids = {"trace_id": link["trace_id"], "span_id": link["span_id"]}
    for name, hashed in ids.items():
        original = attributes.get("$" + name)
        # Nothing tells an attribute of this name from an original but that its hash is the id.
        if isinstance(original, str) and _hash(original).startswith(hashed or "-"):
            ids[name] = attributes.pop("$" + name)
    return _present(
        {
            "traceId": ids["trace_id"],
            "spanId": ids["span_id"],
            "traceState": link.get("trace_state"),
            "attributes": _attributes(attributes),
            "droppedAttributesCount": link.get("dropped_attributes_count"),
            "flags": link.get("flags"),
        }
    )


def _shared_attributes(text: str | None) -> list[Json]:
    return _attributes(_decode(text)) if text else []


def _attributes(attributes: Json) -> list[Json]:
    """Attributes of anything but a span, where repeated keys are an attribute `$duplicates`."""
    repeated = attributes.get(DUPLICATES)
    if not isinstance(repeated, list) or not _are_duplicates(repeated, attributes):
        return [_pair(key, value) for key, value in attributes.items()]
    first = [_pair(key, value) for key, value in attributes.items() if key != DUPLICATES]
    return first + [_pair(key, value) for key, value in repeated]


def _are_duplicates(value: list[Any], attributes: Json) -> bool:
    return all(
        isinstance(pair, list) and len(pair) == 2 and str(pair[0]) in attributes for pair in value
    )


def _pair(key: str, value: Any) -> Json:
    return {"key": key, "value": any_value(value)}


def any_value(value: Any) -> Json:
    """A plain JSON value as an AnyValue; null is an empty one."""
    if value is None:
        return {}
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}
    if isinstance(value, float):
        return {"doubleValue": value}
    if isinstance(value, str):
        return {"stringValue": value}
    if isinstance(value, list):
        return {"arrayValue": {"values": [any_value(each) for each in value]}}
    return _tagged(value)


def _tagged(value: Json) -> Json:
    if value.keys() == {"$bytes"}:
        return {"bytesValue": value["$bytes"]}
    if value.keys() == {"$double"}:
        return {"doubleValue": value["$double"]}
    pairs: Iterable[Sequence[Any]] = value.items()
    if value.keys() == {"$kvlist"}:
        pairs = value["$kvlist"]
    return {"kvlistValue": {"values": [_pair(key, inner) for key, inner in pairs]}}


def _own_name(key: str) -> str:
    """The key as it was, without the "$" that set it apart from ours."""
    bare = "$" + key.lstrip("$")
    is_escaped = key.startswith("$$") and (bare in ORIGINALS or bare == DUPLICATES)
    return key[1:] if is_escaped else key


def _is_time(text: str) -> bool:
    return text.isdecimal() and int(text) <= _MAX_INT64


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()


def _whole(value: int | None) -> str | None:
    return None if value is None else str(value)


def _present(fields: Json) -> Json:
    """Fields that say something: absent and default are the same in OTLP."""
    return {name: value for name, value in fields.items() if value not in (None, "", 0, [], {})}
