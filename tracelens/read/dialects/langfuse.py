"""Exports of Langfuse: traces with their observations, lists and answers of its API, observations.

Sources: langfuse web/src/features/public-api types `TraceWithFullDetails` and `Observation`
(trace `{id, timestamp, name, input, output, sessionId, userId, tags, observations[]}`), the JSON
that its user interface downloads (`{"trace": …, "observations": […]}`), and for the names of
attributes its Python SDK, langfuse/_client/attributes.py: an observation comes out as the span
that the SDK would have sent. Attributes of spans that reached Langfuse over OTLP stand in
`metadata.attributes`, resource and scope beside them, and come out under their own names.

`level` ERROR is the status ERROR. Trace input, output, tags and metadata go on the root. Where a
trace has several observations without a parent, or none, the trace itself is their root span: its
end is the last of theirs. Times are ISO text.
"""

from __future__ import annotations

from typing import Any, Final

from tracelens.read.foreign import (
    ForeignSpan,
    Output,
    dict_of,
    dicts_in,
    first_of,
    json_text,
    list_of,
    nanos_of,
    text_of,
)

NAME = "langfuse"

#: Fields of an observation and the attributes that the SDK writes them to.
_OBSERVATION: Final = {
    "input": "langfuse.observation.input",
    "output": "langfuse.observation.output",
    "level": "langfuse.observation.level",
    "statusMessage": "langfuse.observation.status_message",
    "completionStartTime": "langfuse.observation.completion_start_time",
    "model": "langfuse.observation.model.name",
    "providedModelName": "langfuse.observation.model.name",
    "modelParameters": "langfuse.observation.model.parameters",
    "usageDetails": "langfuse.observation.usage_details",
    "usage": "langfuse.observation.usage_details",
    "costDetails": "langfuse.observation.cost_details",
    "promptName": "langfuse.observation.prompt.name",
    "promptVersion": "langfuse.observation.prompt.version",
    "environment": "langfuse.environment",
    "version": "langfuse.version",
}
#: Fields of a trace that the SDK writes to each of its spans, and those of its root alone.
_TRACE: Final = {
    "userId": "user.id",
    "sessionId": "session.id",
    "tags": "langfuse.trace.tags",
    "environment": "langfuse.environment",
    "release": "langfuse.release",
    "version": "langfuse.version",
}
_ROOT: Final = {
    "name": "langfuse.trace.name",
    "input": "langfuse.trace.input",
    "output": "langfuse.trace.output",
    "public": "langfuse.trace.public",
}
_METADATA: Final = "langfuse.observation.metadata"
#: What the SDK leaves as it is instead of writing JSON.
_BARE: Final = frozenset({"tags", "promptVersion", "public"})
_PARENT: Final = "parentObservationId"
_OTEL: Final = frozenset({"attributes", "resourceAttributes", "scope"})


def claims(document: Any) -> bool:
    """A trace with its observations, an observation, or lists and pages of those."""
    if isinstance(document, dict) and isinstance(document.get("data"), list):
        document = document["data"]
    if isinstance(document, list):
        return bool(document) and isinstance(document[0], dict) and claims(document[0])
    if not isinstance(document, dict):
        return False
    return has_observations(document) or is_observation(document)


def has_observations(document: dict[str, Any]) -> bool:
    """Whether an object is a trace with whole observations, not just their ids."""
    observations = document.get("observations")
    if not isinstance(observations, list):
        return False
    if observations:
        return isinstance(observations[0], dict)
    return isinstance(document.get("trace"), dict) or {"id", "timestamp"} <= document.keys()


def is_observation(document: dict[str, Any]) -> bool:
    """Whether an object is a row of the observations table."""
    keys = document.keys()
    return {"id", "traceId", "type", "startTime"} <= keys and "spanId" not in keys


def read(document: Any, output: Output) -> None:
    """Put the spans of all traces, and observations that stand alone."""
    if isinstance(document, dict) and isinstance(document.get("data"), list):
        document = document["data"]
    for each in document if isinstance(document, list) else [document]:
        if isinstance(each, dict) and "observations" in each:
            trace = dict_of(each.get("trace")) or each
            read_trace(trace, list_of(each["observations"]), output)
        else:
            output.put(build_span, each, {}, None)


def read_trace(trace: dict[str, Any], observations: list[Any], output: Output) -> None:
    """Put the observations of a trace, and the trace itself where they have no single root."""
    known = {text_of(one.get("id")) for one in dicts_in(observations)}
    roots = [one for one in dicts_in(observations) if text_of(one.get(_PARENT)) not in known]
    if len(roots) == 1:
        for one in observations:
            output.put(build_span, one, trace, None, one is roots[0])
        return
    output.put(build_root, trace, observations)
    tops = {id(one) for one in roots}
    for one in observations:
        output.put(build_span, one, trace, root_id(trace) if id(one) in tops else None)


def root_id(trace: dict[str, Any]) -> str:
    """The id of the span that stands for a trace; hashed by the ladder like all that is opaque."""
    return f"trace {text_of(trace.get('id'))}"


def build_root(trace: dict[str, Any], observations: list[Any]) -> ForeignSpan:
    """The trace as a span; its latency counts seconds in some exports, milliseconds in others."""
    ends = [nanos_of(first_of(one, "endTime", "startTime")) for one in dicts_in(observations)]
    return ForeignSpan(
        trace_id=trace.get("id"),
        span_id=root_id(trace),
        name=trace.get("name") or "trace",
        start=nanos_of(trace.get("timestamp")),
        end=max((end for end in ends if isinstance(end, int)), default=None),
        attributes=trace_attributes(trace, root=True) | {"langfuse.observation.type": "span"},
    )


def build_span(
    raw: dict[str, Any], trace: dict[str, Any], parent: str | None, is_root: bool = False
) -> ForeignSpan:
    """An observation as the span that the SDK would have sent."""
    metadata = dict_of(raw.get("metadata"))
    scope = dict_of(metadata.get("scope"))
    attributes = trace_attributes(trace, root=is_root) | renamed(raw, _OBSERVATION)
    if raw.get("type"):
        attributes["langfuse.observation.type"] = text_of(raw["type"]).lower()
    attributes |= metadata_attributes(raw.get("metadata"), metadata, _METADATA)
    attributes |= dict_of(metadata.get("attributes"))
    return ForeignSpan(
        trace_id=first_of(raw, "traceId") or trace.get("id"),
        span_id=raw.get("id"),
        parent_id=parent or raw.get(_PARENT),
        name=raw.get("name"),
        start=nanos_of(raw.get("startTime")),
        end=nanos_of(raw.get("endTime")),
        status="ERROR" if raw.get("level") == "ERROR" else None,
        message=raw.get("statusMessage"),
        attributes=attributes,
        resource=dict_of(metadata.get("resourceAttributes")),
        scope_name=scope.get("name"),
        scope_version=scope.get("version"),
        scope=dict_of(scope.get("attributes")),
    )


def trace_attributes(trace: dict[str, Any], *, root: bool) -> dict[str, Any]:
    """What the SDK writes about a trace to its spans."""
    found = renamed(trace, _TRACE)
    if root:
        metadata = trace.get("metadata")
        found |= renamed(trace, _ROOT)
        found |= metadata_attributes(metadata, dict_of(metadata), "langfuse.trace.metadata")
    return found


def renamed(raw: dict[str, Any], names: dict[str, str]) -> dict[str, Any]:
    """Fields under the names of their attributes, what is no text as JSON text."""
    found: dict[str, Any] = {}
    for name, attribute in names.items():
        value = raw.get(name)
        if value is None or value in ("", [], {}):
            continue
        bare = isinstance(value, str) or name in _BARE
        found.setdefault(attribute, value if bare else json_text(value))
    return found


def metadata_attributes(raw: Any, metadata: dict[str, Any], prefix: str) -> dict[str, Any]:
    """Metadata by key, as the SDK writes it, without what OpenTelemetry had before."""
    if raw is not None and not metadata:
        return {prefix: text_of(raw)} if raw not in ({}, [], "") else {}
    otel = isinstance(metadata.get("resourceAttributes"), dict)
    return {
        f"{prefix}.{key}": value if isinstance(value, (str, int, float)) else json_text(value)
        for key, value in metadata.items()
        if value is not None and not (key in _OTEL and (otel or isinstance(value, dict)))
    }
