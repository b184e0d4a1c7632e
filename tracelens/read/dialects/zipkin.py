"""Zipkin v2 JSON: a list of spans, a list of traces, or one span.

Sources: zipkin-api zipkin2-api.yaml (times in microseconds; `shared`), OpenTelemetry specification
trace/sdk_exporters/zipkin.md (what was written as tags: `otel.status_code`, `error`,
`otel.scope.*`, `otel.library.*`; annotations as `"name": {json}`), and jaeger
adjuster/spaniduniquifier.go for the ids that client and server share: the server's span gets an id
of its own, has the client's as parent, and takes over the children.

All tags are text. Peer: `remoteEndpoint` as `peer.service`, `network.peer.address` and `.port`.
"""

from __future__ import annotations

import hashlib
from typing import Any, Final

from tracelens.read.foreign import (
    ForeignEvent,
    ForeignSpan,
    Output,
    dict_of,
    dicts_in,
    id_of,
    nanos_in,
    text_of,
)

NAME = "zipkin"

_MICRO: Final = 1_000
_SIGNS: Final = frozenset(
    {"timestamp", "duration", "localEndpoint", "remoteEndpoint", "kind", "tags", "annotations"}
)
_OTHERS: Final = frozenset({"attributes", "spanId", "status", "type", "startTime"})
_FIELDS: Final = {
    "otel.status_code": "status",
    "otel.status_description": "message",
    "otel.scope.name": "scope_name",
    "otel.scope.version": "scope_version",
    "otel.library.name": "scope_name",
    "otel.library.version": "scope_version",
    "w3c.tracestate": "trace_state",
}


def claims(document: Any) -> bool:
    """A span of version 2, or lists of those."""
    for _ in range(2):
        if isinstance(document, list) and document:
            document = document[0]
    if not isinstance(document, dict):
        return False
    keys = document.keys()
    return {"traceId", "id"} <= keys and bool(keys & _SIGNS) and not keys & _OTHERS


def read(document: Any, output: Output) -> None:
    """Put the spans of all traces."""
    spans = document if isinstance(document, list) else [document]
    spans = [one for each in spans for one in (each if isinstance(each, list) else [each])]
    servers = shared_ids(spans)
    for span in spans:
        output.put(build_span, span, servers)


def shared_ids(spans: list[Any]) -> dict[tuple[Any, Any], str]:
    """For each id that a client and a server share, the server's new one."""
    sides: dict[tuple[Any, Any], set[str]] = {}
    for span in dicts_in(spans):
        key = (id_of(span.get("traceId")), id_of(span.get("id")))
        sides.setdefault(key, set()).add(text_of(span.get("kind")).upper())
    return {
        key: hashlib.sha256(f"{key[0]}/{key[1]}/server".encode("utf-8", "replace")).hexdigest()[:16]
        for key, kinds in sides.items()
        if "SERVER" in kinds and len(kinds) > 1
    }


def build_span(raw: dict[str, Any], servers: dict[tuple[Any, Any], str]) -> ForeignSpan:
    """One span, its id and parent put right where they were shared."""
    trace, own, parent = (id_of(raw.get(name)) for name in ("traceId", "id", "parentId"))
    kind = text_of(raw.get("kind")).upper()
    if kind == "SERVER" and (trace, own) in servers:
        own, parent = servers[trace, own], own
    elif (trace, parent) in servers:
        parent = servers[trace, parent]
    start = nanos_in(raw.get("timestamp"), _MICRO)
    length = nanos_in(raw.get("duration"), _MICRO)
    service = dict_of(raw.get("localEndpoint")).get("serviceName")
    span = ForeignSpan(
        trace_id=trace,
        span_id=own,
        parent_id=parent,
        name=raw.get("name"),
        kind=kind or None,
        start=start,
        end=start + length if isinstance(start, int) and isinstance(length, int) else None,
        attributes={},
        events=[read_annotation(one) for one in dicts_in(raw.get("annotations"))],
        resource={"service.name": service} if service else {},
    )
    span.attributes = read_tags(raw, span)
    return span


def read_tags(raw: dict[str, Any], span: ForeignSpan) -> dict[str, Any]:
    """The tags that are attributes; the others fill fields of the span."""
    tags = dict(dict_of(raw.get("tags")))
    for tag, field in _FIELDS.items():
        if isinstance(tags.get(tag), str) and not getattr(span, field):
            setattr(span, field, tags.pop(tag))
    if "error" in tags and span.status in (None, "ERROR"):
        # Its presence is the sign; its text is the message, when it is one.
        text = text_of(tags.pop("error"))
        span.status = "ERROR"
        span.message = span.message or (None if text.lower() == "true" else text)
    remote = dict_of(raw.get("remoteEndpoint"))
    for name, key in (
        ("serviceName", "peer.service"),
        ("ipv4", "network.peer.address"),
        ("ipv6", "network.peer.address"),
        ("port", "network.peer.port"),
    ):
        if remote.get(name):
            tags.setdefault(key, remote[name])
    return tags


def read_annotation(annotation: dict[str, Any]) -> ForeignEvent:
    """An event: `"name": {attributes}` as OpenTelemetry writes it, else all of it is the name."""
    text = text_of(annotation.get("value"))
    name, mark, rest = text.partition('": {')
    time = nanos_in(annotation.get("timestamp"), _MICRO)
    attributes = dict_of("{" + rest) if mark and text.startswith('"') else {}
    if attributes:
        return ForeignEvent(name[1:], time, attributes)
    return ForeignEvent(text.strip('"'), time, {})
