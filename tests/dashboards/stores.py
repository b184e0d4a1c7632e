"""A store for the tests of the pages: all samples, and requests in every state a page may show."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

from tests.traces import ALL_SAMPLES, Document, lines, only_span, sample, single_spans
from tracelens import TraceLens
from tracelens.api import BugReport

#: Text that a page, a chart, Markdown or a script would act on, if it were more than text.
HOSTILE = (
    '<img src=x onerror="window.broken=1"><script>window.broken=1</script>'
    "\"'><b>bold</b> [link](javascript:window.broken=1) **b** :red[r] $x^2$ `c` \u202eback"
)
#: Keys of attributes that hold what was said.
CONTENT = ("input", "output", "message", "transcript", "text", "prompt", "completion", "arguments")
HUGE = 10_000

Change = Callable[[list[Document]], list[Document]]


@dataclass(frozen=True)
class Made:
    """A store, and by state the id of a request in it."""

    path: Path
    ids: dict[str, str] = field(default_factory=dict)


def make_store(folder: Path) -> Made:
    """All samples and the made requests; the bug report BUG-7 means the one with a lost word."""
    made = Made(folder / "store")
    inputs = list(ALL_SAMPLES)
    for state, (name, change) in STATES.items():
        found, made.ids[state] = renamed(change(first_trace(name)), state)
        (folder / f"{state}.jsonl").write_bytes(lines(found))
        inputs.append(folder / f"{state}.jsonl")
    ids = made.ids
    ids.update(lost=trace_of("openinference_handoff_lost_not"), reported="BUG-7")
    with TraceLens(made.path) as lens:
        lens.ingest(inputs)
        ids.update(session=session_of(lens), missing=ids["lost"][:6] + "0" * 10)
        lens.add_reports(
            [
                report("BUG-7", ids["lost"], "it did the opposite"),
                report("BUG-8", ids["undetermined"], "that was wrong"),
                report(HOSTILE, ids["hostile"], HOSTILE),
            ]
        )
    return made


def report(name: str, trace: str, said: str) -> BugReport:
    """A bug report on the request of a trace."""
    return BugReport(name, None, said, trace, None, None, None, "open")


def first_trace(name: str) -> list[Document]:
    """The spans of the first trace of a sample, each in a document of its own."""
    found = single_spans(sample(name))
    return [each for each in found if only_span(each)["traceId"] == trace_of(name)]


def renamed(found: list[Document], state: str) -> tuple[list[Document], str]:
    """The same trace under ids that the state gives it."""
    text = json.dumps(found)
    new = sha256(state.encode()).hexdigest()[:32]
    for number, span_id in enumerate({only_span(each)["spanId"] for each in found}):
        text = text.replace(span_id, f"{new[:8]}{number:08x}")
    return json.loads(text.replace(only_span(found[0])["traceId"], new)), new


def trace_of(name: str) -> str:
    """The id of the trace of a sample."""
    return str(only_span(single_spans(sample(name))[0])["traceId"])


def session_of(lens: TraceLens) -> str:
    """The id of a session with several requests."""
    sql = (
        "select session_id from requests where session_id is not null"
        " and emitter = 'pipecat' group by all having count(*) > 1 order by all limit 1"
    )
    return str(lens.sql(sql)["session_id"][0])


def unchanged(found: list[Document]) -> list[Document]:
    """As it is."""
    return found


def without_content(found: list[Document]) -> list[Document]:
    """Nothing of what was said is left."""
    for document in found:
        span = only_span(document)
        span["attributes"] = [
            each for each in span["attributes"] if not any(c in each["key"] for c in CONTENT)
        ]
    return found


def without_parents(found: list[Document]) -> list[Document]:
    """What was below spans that have a parent and children is left without them."""
    parents = {only_span(each).get("parentSpanId") for each in found}
    return [
        each
        for each in found
        if not (only_span(each).get("parentSpanId") and only_span(each)["spanId"] in parents)
    ]


def huge(found: list[Document]) -> list[Document]:
    """Ten thousand short spans below one of the trace; every thousandth failed."""
    above = found[-1]
    span = only_span(above)
    start = int(span["startTimeUnixNano"])
    step = max(1, (int(span["endTimeUnixNano"]) - start) // HUGE)
    made = [
        {
            "traceId": span["traceId"],
            "spanId": f"{number + 1:016x}",
            "parentSpanId": span["spanId"],
            "name": f"step {number}",
            "kind": 1,
            "startTimeUnixNano": str(start + number * step),
            "endTimeUnixNano": str(start + (number + 1) * step),
            "attributes": [],
            "status": {"code": 2, "message": "no"} if number % 1000 == 999 else {},
        }
        for number in range(HUGE)
    ]
    outer = above["resourceSpans"][0]
    inner = outer["scopeSpans"][0]
    return [
        *found,
        {"resourceSpans": [{**outer, "scopeSpans": [{**inner, "spans": made}]}]},
    ]


def hostile(found: list[Document]) -> list[Document]:
    """Every text that people chose says something hostile as well."""
    return [spoilt(each) for each in found]


def spoilt(value: Any) -> Any:
    """A document whose names, texts, models, errors and ids are hostile too."""
    if isinstance(value, list):
        return [spoilt(each) for each in value]
    if not isinstance(value, dict):
        return value
    made = {key: spoilt(inner) for key, inner in value.items()}
    if "spanId" in made:
        made["name"] += HOSTILE
    if made.get("code") == 2:
        made["message"] = f"{made.get('message', '')} {HOSTILE}"
    key = str(made.get("key"))
    if key in ("session.id", "user.id", "service.name", "llm.model_name"):
        made["value"] = {"stringValue": HOSTILE + key}
    if "stringValue" in made and " " in made["stringValue"] and key != "openinference.span.kind":
        said = json.dumps(HOSTILE)[1:-1] if made["stringValue"].startswith(("{", "[")) else HOSTILE
        made["stringValue"] = made["stringValue"].replace(" ", f" {said} ", 1)
    return made


#: By state, a sample and what is done to it.
STATES: dict[str, tuple[str, Change]] = {
    "healthy": ("openinference_healthy_voice", unchanged),
    "failed": ("openinference_stt_500", unchanged),
    "undetermined": ("otel_genai_healthy_voice", without_content),
    "unrecorded": ("otel_genai_tts_429", without_content),
    "orphans": ("otel_genai_tool_raises", without_parents),
    "huge": ("openinference_healthy_voice", huge),
    "hostile": ("openinference_handoff_lost_not", hostile),
}
